// Package passkey holds the rules of passkeys: registering them, listing and deleting them, and proving who a
// user is by one. The cryptography is go-webauthn's; whom a passkey belongs to, which origins may use it and
// how often are decided here.
//
// What go-webauthn keeps between the two halves of a registration waits in the user's row of codes, sealed, for
// five minutes and one use. What it keeps of a sign-in is the caller's to keep.
package passkey

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// Limit is how many passkeys a user can have.
const Limit = 20

// Errors of passkeys. What is wrong with a sign-in is never said.
var (
	errNotEnabled = fault.New(idp.CodeWebAuthnNotEnabled, "Passkeys are not enabled for the user pool.")
	errNoParty    = fault.New(idp.CodeWebAuthnConfigurationMissing, "The user pool has no relying party for passkeys.")
	errLimit      = fault.New(idp.CodeLimitExceeded, "The user has as many passkeys as are allowed.")
	errNoSuch     = fault.New(idp.CodeResourceNotFound, "Passkey does not exist.")
	errUserGone   = fault.New(idp.CodeNotAuthorized, "Access Token has been revoked")
	errDenied     = fault.New(idp.CodeNotAuthorized, "Incorrect username or password.")
)

// Service is the passkeys of all pools. It is safe for concurrent use. Its errors are faults in Cognito's
// words, or failures of the store.
type Service struct {
	db   *store.DB
	keys *secret.Keyring
	dev  bool
}

// New makes the service. A development server accepts pages that come from this machine without TLS, in
// pools whose relying party is localhost.
func New(db *store.DB, keys *secret.Keyring, dev bool) *Service {
	return &Service{db: db, keys: keys, dev: dev}
}

// enabled reports whether users of a pool may have passkeys.
func enabled(p *pool.Pool) bool {
	return slices.Contains(p.FirstFactors(), idp.AuthFactorTypeWebAuthn)
}

// Usable returns those among all passkeys of a user that it can sign in with: none where the pool does not
// allow them, and only those of the pool's relying party.
func Usable(p *pool.Pool, all []store.Passkey) []store.Passkey {
	party := p.Passkeys().RelyingParty
	if !enabled(p) || party == "" {
		return nil
	}
	return keysFor(party, all)
}

// all returns all passkeys of a user.
func (s *Service) all(ctx context.Context, p *pool.Pool, sub string) (all []store.Passkey, err error) {
	err = s.db.Look(ctx, func(tx *store.Tx) error {
		all, err = tx.ListPasskeys(p.ID, sub, "", Limit)
		return err
	})
	return all, err
}

// List describes up to limit passkeys of a user, those of earlier relying parties included, that follow the
// one with the id after. Next is the id to go on after, empty at the end.
func (s *Service) List(ctx context.Context, p *pool.Pool, sub, after string, limit int) (out []*idp.WebAuthnCredentialDescription, next string, err error) {
	var keys []store.Passkey
	err = s.db.Look(ctx, func(tx *store.Tx) error {
		keys, err = tx.ListPasskeys(p.ID, sub, after, limit+1)
		return err
	})
	if len(keys) > limit {
		keys = keys[:limit]
		next = keys[limit-1].ID
	}
	out = make([]*idp.WebAuthnCredentialDescription, len(keys))
	for i, k := range keys {
		out[i] = describe(k)
	}
	return out, next, err
}

func describe(k store.Passkey) *idp.WebAuthnCredentialDescription {
	name := "Passkey"
	switch protocol.AuthenticatorAttachment(k.Attachment) {
	case protocol.CrossPlatform:
		name = "Roaming passkey"
	case protocol.Platform:
		name = "Platform passkey"
	}
	return &idp.WebAuthnCredentialDescription{
		CredentialId: k.ID, FriendlyCredentialName: name, RelyingPartyId: k.RelyingParty,
		AuthenticatorAttachment: k.Attachment, AuthenticatorTransports: strings.Fields(k.Transports),
		CreatedAt: api.At(k.Created),
	}
}

// Delete deletes a passkey of a user. One that the user does not have is a ResourceNotFoundException.
func (s *Service) Delete(ctx context.Context, p *pool.Pool, sub, id string) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error { return tx.DeletePasskey(p.ID, sub, id) })
	if errors.Is(err, store.ErrNotFound) {
		return errNoSuch
	}
	return err
}

// keysFor returns those among the passkeys of a user that are for the relying party.
func keysFor(party string, all []store.Passkey) (usable []store.Passkey) {
	for _, k := range all {
		if k.RelyingParty == party {
			usable = append(usable, k)
		}
	}
	return usable
}

// ceremonies is go-webauthn for a pool and an origin that has been checked already.
func ceremonies(p *pool.Pool, origin string) (*webauthn.WebAuthn, error) {
	keys := p.Passkeys()
	return webauthn.New(&webauthn.Config{
		RPID: keys.RelyingParty, RPDisplayName: keys.RelyingParty, RPOrigins: []string{origin},
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: protocol.ResidentKeyRequired(),
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			UserVerification:   protocol.UserVerificationRequirement(keys.Verification),
		},
		Timeouts: webauthn.TimeoutsConfig{
			Registration: webauthn.TimeoutConfig{Timeout: registrationTimeout},
			Login:        webauthn.TimeoutConfig{Timeout: signInTimeout},
		},
		// Password managers report extensions that nobody asked for, and none is relied on.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
}

// owner is a user as go-webauthn sees one.
type owner struct {
	user store.User
	keys []store.Passkey
}

// WebAuthnID is the handle that authenticators keep: the sub, which says nothing about the person.
func (o owner) WebAuthnID() []byte { return []byte(o.user.Sub) }

// WebAuthnName is what the user recognises the account by.
func (o owner) WebAuthnName() string { return o.user.Username }

// WebAuthnDisplayName is the same as WebAuthnName.
func (o owner) WebAuthnDisplayName() string { return o.user.Username }

// WebAuthnCredentials are the passkeys that a sign-in is about.
func (o owner) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, len(o.keys))
	for i, k := range o.keys {
		out[i] = credential(k)
	}
	return out
}

// credential is a passkey as go-webauthn sees one.
func credential(k store.Passkey) webauthn.Credential {
	var transports []protocol.AuthenticatorTransport
	for _, t := range strings.Fields(k.Transports) {
		transports = append(transports, protocol.AuthenticatorTransport(t))
	}
	return webauthn.Credential{
		ID: rawID(k), PublicKey: k.PublicKey, Transport: transports,
		Flags:         webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(k.Flags)),
		Authenticator: webauthn.Authenticator{SignCount: k.SignCount},
	}
}

// rawID is the inverse of textID, which made every id in the store.
func rawID(k store.Passkey) []byte {
	id, _ := base64.RawURLEncoding.DecodeString(k.ID)
	return id
}

func textID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }
