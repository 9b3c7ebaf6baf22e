package passkey

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

const (
	registrationTimeout = time.Minute // of the browser's dialogue
	registrationLife    = 5 * time.Minute
	purpose             = "passkey" // of the row of codes in which a registration waits
)

// algorithms are those that passkeys may sign with, the best first.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

var errOtherClient = fault.New(idp.CodeWebAuthnClientMismatch, "The registration was begun by another app client.")

// registration is one under way.
type registration struct {
	Client  string               `json:"client"`
	Session webauthn.SessionData `json:"session"`
}

func aad(p *pool.Pool, sub string) string { return "passkey-registration/" + p.ID + "/" + sub }

// Begin begins to register a passkey of a user, in place of a registration that was begun before. It returns
// the PublicKeyCredentialCreationOptionsJSON for the browser. [Service.Complete] has to come by the same client.
func (s *Service) Begin(ctx context.Context, p *pool.Pool, u store.User, clientID string) (jsontext.Value, error) {
	party := p.Passkeys().RelyingParty
	switch {
	case !enabled(p):
		return nil, errNotEnabled
	case party == "":
		return nil, errNoParty
	}
	all, err := s.all(ctx, p, u.Sub)
	if err != nil {
		return nil, err
	}
	if len(all) >= Limit {
		return nil, errLimit
	}
	w, err := ceremonies(p, "https://"+party)
	if err != nil {
		return nil, err
	}
	options, session, err := w.BeginRegistration(owner{user: u},
		webauthn.WithCredentialParameters(algorithms), webauthn.WithExclusions(exclusions(keysFor(party, all))))
	if err != nil {
		return nil, err
	}
	if err := s.keep(ctx, p, u.Sub, registration{Client: clientID, Session: *session}); err != nil {
		return nil, err
	}
	return json.Marshal(options.Response)
}

// exclusions keep an authenticator from making a second passkey beside one that the user has.
func exclusions(keys []store.Passkey) (out []protocol.CredentialDescriptor) {
	for _, k := range keys {
		out = append(out, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: rawID(k)})
	}
	return out
}

// keep stores a registration until it is completed.
func (s *Service) keep(ctx context.Context, p *pool.Pool, sub string, r registration) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	c := store.Code{
		PoolID: p.ID, Sub: sub, Purpose: purpose, Value: s.keys.SealText(text, aad(p, sub)),
		Created: now, Expires: now.Add(registrationLife),
	}
	return gone(s.db.Update(ctx, func(tx *store.Tx) error { return tx.PutCode(c) }))
}

// gone turns the store's word for an absent user into the API's.
func gone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errUserGone
	}
	return err
}

// Complete registers the passkey that a browser made for [Service.Begin]: text is its
// RegistrationResponseJSON. A passkey that anybody in the pool has registered is refused.
func (s *Service) Complete(ctx context.Context, p *pool.Pool, u store.User, clientID string, text []byte) error {
	if !enabled(p) {
		return errNotEnabled
	}
	var waiting store.Code
	err := s.db.Look(ctx, func(tx *store.Tx) (err error) {
		waiting, err = takeable(tx, p, u.Sub)
		return err
	})
	if err != nil {
		return err
	}
	var r registration
	plain, err := s.keys.OpenText(waiting.Value, aad(p, u.Sub))
	if err := errors.Join(err, json.Unmarshal(plain, &r)); err != nil {
		return err
	}
	if r.Client != clientID {
		return errOtherClient
	}
	k, err := s.verifyNew(p, u, r.Session, text)
	if err != nil {
		return err
	}
	return s.finish(ctx, p, waiting, k)
}

// takeable returns the row in which a user's registration waits.
func takeable(tx *store.Tx, p *pool.Pool, sub string) (store.Code, error) {
	c, err := tx.GetCode(p.ID, sub, purpose, "")
	if errors.Is(err, store.ErrNotFound) || err == nil && !time.Now().Before(c.Expires) {
		return c, errNotFound
	}
	return c, err
}

// finish uses the registration up and stores the passkey.
func (s *Service) finish(ctx context.Context, p *pool.Pool, waiting store.Code, k store.Passkey) error {
	return gone(s.db.Update(ctx, func(tx *store.Tx) error {
		now, err := takeable(tx, p, k.Sub)
		if err != nil {
			return err
		}
		if now.Value != waiting.Value {
			return errNotFound // begun anew since
		}
		if err := tx.DeleteCode(p.ID, k.Sub, purpose, ""); err != nil {
			return err
		}
		all, err := tx.ListPasskeys(p.ID, k.Sub, "", Limit)
		if err != nil {
			return err
		}
		if len(all) >= Limit {
			return errLimit
		}
		err = tx.CreatePasskey(k)
		if errors.Is(err, store.ErrExists) {
			return unsupported("The passkey is registered already.", nil)
		}
		return err
	}))
}

// unsupported refuses a passkey for what it is.
func unsupported(text string, cause error) error {
	return fault.Because(cause, idp.CodeWebAuthnCredentialNotSupported, text)
}

// verifyNew checks what a browser made for a registration. An attestation must be right where there is one,
// but is not asked for and adds no trust.
func (s *Service) verifyNew(p *pool.Pool, u store.User, session webauthn.SessionData, text []byte) (k store.Passkey, err error) {
	made, err := readRegistration(text)
	if err != nil {
		return k, fault.Because(err, errInvalid.Code, errInvalid.Message)
	}
	client, data := made.Response.CollectedClientData, made.Response.AttestationObject.AuthData
	if err := s.check(p, client, protocol.CreateCeremony, session.Challenge, data.RPIDHash); err != nil {
		return k, err
	}
	if session.RelyingPartyID != p.Passkeys().RelyingParty {
		return k, errParty
	}
	if err := checkKey(data.AttData.CredentialPublicKey); err != nil {
		return k, unsupported("The key of the passkey is not supported.", err)
	}
	w, err := ceremonies(p, client.Origin)
	if err != nil {
		return k, err
	}
	c, err := w.CreateCredential(owner{user: u}, session, made)
	if err != nil {
		return k, unsupported("The passkey is not supported.", err)
	}
	return store.Passkey{
		PoolID: p.ID, ID: textID(c.ID), Sub: u.Sub, RelyingParty: session.RelyingPartyID, PublicKey: c.PublicKey,
		Attachment: string(c.Authenticator.Attachment), Transports: transports(c.Transport),
		Flags: byte(c.Flags.ProtocolValue()), SignCount: c.Authenticator.SignCount, Created: time.Now().UTC(),
	}, nil
}

// checkKey refuses keys that could not be checked later, or not quickly: go-webauthn looks closer at them only
// at the first sign-in.
func checkKey(text []byte) error {
	key, err := webauthncose.ParsePublicKey(text)
	if err != nil {
		return err
	}
	switch k := key.(type) {
	case webauthncose.EC2PublicKeyData:
		if k.Algorithm == int64(webauthncose.AlgES256) {
			return nil
		}
	case webauthncose.RSAPublicKeyData:
		if k.Algorithm == int64(webauthncose.AlgRS256) && len(k.Modulus) >= 2048/8 && len(k.Modulus) <= 4096/8 {
			return nil
		}
	}
	return errors.New("passkey: neither ES256 nor RS256 of 2048 to 4096 bits")
}

// transports keeps the known ways to reach an authenticator, which come from the browser unsigned.
func transports(list []protocol.AuthenticatorTransport) string {
	var out []string
	for _, t := range list {
		switch t {
		case protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal:
			if !slices.Contains(out, string(t)) {
				out = append(out, string(t))
			}
		}
	}
	return strings.Join(out, " ")
}
