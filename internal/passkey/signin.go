package passkey

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// signInTimeout is of the browser's dialogue. How long the answer is accepted is the caller's to say.
const signInTimeout = 3 * time.Minute

// Options begins a sign-in by one of a user's passkeys, as [Service.Usable] returned them. It returns the
// PublicKeyCredentialRequestOptionsJSON for the browser, and the state that [Service.Verify] needs: some 250
// bytes, which the client must not be able to change.
func (s *Service) Options(p *pool.Pool, u store.User, keys []store.Passkey) (options string, state []byte, err error) {
	party := p.Passkeys().RelyingParty
	if !enabled(p) || party == "" || len(keys) == 0 {
		return "", nil, errDenied
	}
	w, err := ceremonies(p, "https://"+party)
	if err != nil {
		return "", nil, err
	}
	asked, session, err := w.BeginLogin(owner{u, keys})
	if err != nil {
		return "", nil, err
	}
	// The ids would not fit into a Session. Verify is given the user's passkeys anew, and takes one of them.
	session.AllowedCredentialIDs = nil
	text, err := json.Marshal(asked.Response)
	if err != nil {
		return "", nil, err
	}
	state, err = json.Marshal(session)
	return string(text), state, err
}

// Assertion is a proof by a passkey that a user is there. It counts once it is [Assertion.Used].
type Assertion struct {
	// UserVerified says that the authenticator made sure who used it, by a fingerprint or the like, and not
	// only that somebody did.
	UserVerified bool

	key store.Passkey // as it is to be
}

// Verify checks what a browser answered to [Service.Options], of the same pool and user, read anew: text is its
// AuthenticationResponseJSON. Whatever is wrong with it is a NotAuthorizedException.
func (s *Service) Verify(ctx context.Context, p *pool.Pool, u store.SignIn, state, text []byte) (*Assertion, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return nil, err
	}
	if !enabled(p) || session.RelyingPartyID != p.Passkeys().RelyingParty {
		return nil, errDenied // no more, since
	}
	answer, err := readSignIn(text)
	if err != nil {
		return nil, denied(err)
	}
	client, data := answer.Response.CollectedClientData, answer.Response.AuthenticatorData
	if err := s.check(p, client, protocol.AssertCeremony, session.Challenge, data.RPIDHash); err != nil {
		return nil, denied(err)
	}
	keys, id := Usable(p, u.Passkeys), textID(answer.RawID)
	i := slices.IndexFunc(keys, func(k store.Passkey) bool { return k.ID == id })
	if i < 0 {
		return nil, errDenied
	}
	return verify(ctx, p, owner{u.User, keys[i : i+1]}, session, answer)
}

func denied(cause error) error { return fault.Because(cause, errDenied.Code, errDenied.Message) }

// verify checks the signature of an answer by the only passkey of o, and what is signed.
func verify(ctx context.Context, p *pool.Pool, o owner, session webauthn.SessionData, answer *protocol.ParsedCredentialAssertionData) (*Assertion, error) {
	w, err := ceremonies(p, answer.Response.CollectedClientData.Origin)
	if err != nil {
		return nil, err
	}
	k, flags := o.keys[0], answer.Response.AuthenticatorData.Flags
	backed := protocol.AuthenticatorFlags(k.Flags).HasBackupEligible() != flags.HasBackupEligible()
	if backed {
		// iCloud decides after the registration whether it synchronises a passkey. go-webauthn would refuse it.
		k.Flags ^= byte(protocol.FlagBackupEligible)
		o.keys = []store.Passkey{k}
	}
	c, err := w.ValidateLogin(o, session, answer)
	if err != nil {
		return nil, denied(err)
	}
	log := slog.With("pool", p.ID, "sub", k.Sub, "passkey", k.ID)
	if c.Authenticator.CloneWarning {
		log.WarnContext(ctx, "a passkey was refused: its sign count did not rise, so there may be a copy of it")
		return nil, errDenied
	}
	if backed {
		log.InfoContext(ctx, "a passkey changed whether it can be backed up", "can", flags.HasBackupEligible())
	}
	k.Flags, k.SignCount, k.LastUsed = byte(c.Flags.ProtocolValue()), c.Authenticator.SignCount, time.Now().UTC()
	return &Assertion{UserVerified: flags.HasUserVerified(), key: k}, nil
}

// Used writes down that the passkey has been used. It belongs in the Update that grants what the assertion is
// for, and refuses a passkey that was deleted meanwhile, or used with as high a count.
func (a *Assertion) Used(tx *store.Tx) error {
	err := tx.UsePasskey(a.key)
	if errors.Is(err, store.ErrNotFound) {
		return errDenied
	}
	return err
}
