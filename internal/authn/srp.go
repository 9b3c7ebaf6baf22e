package authn

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/srp"
	"cognate/internal/token"
	"cognate/internal/user"
)

// block is what a SECRET_BLOCK holds: the server's half of the exchange. It is bound to everything that
// the answer must agree with.
type block struct {
	Flow    string    `json:"f"`
	Pool    string    `json:"p"`
	Client  string    `json:"c"`
	Made    time.Time `json:"m"` // when the client was: another one may come under its id
	Name    string    `json:"u"` // USER_ID_FOR_SRP
	Typed   string    `json:"t"` // the look-up key of the name that the client sent
	Subject string    `json:"s"` // what failures count against
	Real    int       `json:"r"` // 1 when Subject is the sub of a user; a number, for its fixed width
	Target  level     `json:"l,omitzero"`
	Custom  bool      `json:"x,omitzero"` // good only together with the Session of the same sign-in: other challenges follow
	Expires time.Time `json:"e"`
	A       []byte    `json:"a"`
	PublicB []byte    `json:"B"`
	SecretB []byte    `json:"b"`
}

const blockAAD = "secret-block"

// blockSize is what the length of a block's content is a multiple of.
const blockSize = 128

// maxTyped is how many bytes of a name that nobody has a SECRET_BLOCK holds.
const maxTyped = 2048

// maxSkew is how far a client's clock may be from ours (protocol page "srp", section 2.4).
const maxSkew = 5 * time.Minute

// startSRP answers SRP_A with the PASSWORD_VERIFIER challenge. Plain SRP flows have no Session.
func (m *Machine) startSRP(ctx context.Context, a *Attempt) (*Step, error) {
	name, err := a.need("USERNAME")
	if err != nil {
		return nil, err
	}
	text, err := a.need("SRP_A")
	if err != nil {
		return nil, err
	}
	if _, err := srp.ParseA(text); err != nil {
		return nil, errWrongPassword
	}
	p, err := m.begin(ctx, a, name)
	if err != nil {
		return nil, err
	}
	return m.proveSRP(ctx, a, p, name)
}

// proveSRP answers SRP_A for the user of a name.
func (m *Machine) proveSRP(ctx context.Context, a *Attempt, p *progress, name string) (*Step, error) {
	public, err := srp.ParseA(a.Parameters["SRP_A"])
	if err != nil {
		return nil, errWrongPassword
	}
	switch {
	case p.User.Status == idp.UserStatusTypeUnconfirmed:
		return nil, errUnconfirmed
	case !p.HasPassword && p.User.Status == idp.UserStatusTypeResetRequired && !a.Client.HidesUsers():
		return nil, errReset
	}
	return m.challenge(a, p, name, public)
}

// challenge computes the server's half and seals it.
func (m *Machine) challenge(a *Attempt, p *progress, name string, public srp.A) (*Step, error) {
	id, salt, verifier, err := m.verifier(a, p.Account, name)
	if err != nil {
		return nil, err
	}
	secretB, publicB, err := srp.NewChallenge(verifier, public)
	if err != nil {
		return nil, err
	}
	typed := a.Pool.Key(name)
	if !p.Exists() && len(typed) > maxTyped {
		typed = "" // nobody's, and too long to be sent back
	}
	sealed, err := m.sealBlock(block{
		Flow: p.flow, Pool: a.Pool.ID, Client: a.Client.ID, Made: a.Client.Created, Name: id, Typed: typed, Subject: p.Subject, Real: oneIf(p.Exists()), Target: p.target,
		Custom: p.custom != nil, Expires: time.Now().Add(a.Client.SessionLifetime()),
		A: public.Bytes(), PublicB: publicB, SecretB: secretB,
	})
	if err != nil {
		return nil, err
	}
	return &Step{Challenge: idp.ChallengeNameTypePasswordVerifier, Parameters: map[string]string{
		"SALT": srp.Hex(salt), "SRP_B": srp.Hex(publicB), "SECRET_BLOCK": sealed,
		"USERNAME": id, "USER_ID_FOR_SRP": id,
	}}, nil
}

// verifier returns the identity, salt and verifier to run the exchange with. For a name without a
// password, and for one whose password is still the hash of another system, they are made up, always the same
// for the same name, and of the form that real ones have.
func (m *Machine) verifier(a *Attempt, p user.Account, name string) (id string, salt, v []byte, err error) {
	id, w := p.User.Username, p.Password
	if !p.Exists() {
		id = m.users.InventedName(a.Pool, name)
	}
	if !p.HasVerifier() {
		w = m.users.InventedPassword(a.Pool, id)
	}
	v, err = m.users.Verifier(w)
	return id, w.Salt, v, err
}

// oneIf is 1 for true and 0 for false.
func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (m *Machine) sealBlock(b block) (string, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return "", err
	}
	// Its length must not tell a user from a name that nobody has.
	text = append(text, bytes.Repeat([]byte{' '}, blockSize-len(text)%blockSize)...)
	return base64.StdEncoding.EncodeToString(m.keys.Seal(text, blockAAD)), nil
}

// openBlock reads a SECRET_BLOCK: ours, of this pool and client, and not too old. raw is what the client
// signed.
func (m *Machine) openBlock(a *Attempt, text string) (b block, raw []byte, ok bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return b, nil, false
	}
	plain, err := m.keys.Open(raw, blockAAD)
	if err != nil || json.Unmarshal(plain, &b) != nil {
		return b, nil, false
	}
	return b, raw, b.Pool == a.Pool.ID && b.Client == a.Client.ID && b.Made.Equal(a.Client.Created) && time.Now().Before(b.Expires)
}

// verifyPassword answers PASSWORD_VERIFIER: the proof that the client knows the password.
func (m *Machine) verifyPassword(ctx context.Context, a *Attempt) (*Step, error) {
	c, err := a.claim()
	if err != nil {
		return nil, err
	}
	b, raw, ok := m.openBlock(a, c.block)
	if err := m.admit(ctx, a, ok && b.Custom, m.named(ctx, a, c.name)); err != nil {
		return nil, err
	}
	if !ok || c.name != b.Name && a.Pool.Key(c.name) != b.Typed {
		return nil, m.refuseBlock(ctx, a, c.name)
	}
	if b.Custom {
		return m.answerCustomPassword(ctx, a, c, b, raw)
	}
	p, err := m.recall(ctx, a, b)
	if err != nil {
		return nil, err
	}
	if err := a.checkSecretHash(b.Name, p.User.Sub); err != nil {
		return nil, err
	}
	if p.User.Status == idp.UserStatusTypeUnconfirmed {
		return nil, errUnconfirmed
	}
	// The device is the one that this answer names: a client that learns here that it is not known any more
	// answers the same challenge again without it.
	at := &progress{Account: p, flow: b.Flow, device: a.device(), target: b.Target, used: errWrongPassword}
	a.at = at
	if err := m.proveBlock(ctx, a, &at.Account, c, b, raw); err != nil {
		return nil, a.failing(failedPassword, err)
	}
	at.methods = []string{methodPassword}
	return m.afterFirst(ctx, a, at)
}

// proveBlock checks the proof that answers a block, under the lockout.
func (m *Machine) proveBlock(ctx context.Context, a *Attempt, p *user.Account, c claim, b block, raw []byte) error {
	_, _, v, err := m.verifier(a, *p, b.Name)
	if err != nil {
		return err
	}
	return m.prove(ctx, a, p, func() bool {
		e := srp.Exchange{Group: srp.PoolName(a.Pool.ID), Identity: b.Name, Verifier: v, A: b.A, SecretB: b.SecretB, B: b.PublicB}
		return e.Verify(raw, c.timestamp, c.signature) && c.current && p.HasVerifier()
	})
}

// refuseBlock answers a block that is forged, foreign or old as a wrong password, and counts it as one
// against the user who is named.
func (m *Machine) refuseBlock(ctx context.Context, a *Attempt, name string) error {
	p, err := m.identify(ctx, a, name)
	if err == errNotFound {
		return errWrongPassword
	}
	if err != nil {
		return err
	}
	a.at = &progress{Account: p, flow: token.NewFlow()}
	return a.failing(failedPassword, m.prove(ctx, a, &p, func() bool { return false }))
}

// claim is the answer to PASSWORD_VERIFIER, read.
type claim struct {
	name, block string
	signature   []byte
	timestamp   string // as we would write it
	current     bool   // the client's clock is near ours
}

func (a *Attempt) claim() (c claim, err error) {
	var signature, timestamp string
	for _, p := range []struct {
		name string
		to   *string
	}{
		{"USERNAME", &c.name}, {"PASSWORD_CLAIM_SECRET_BLOCK", &c.block},
		{"PASSWORD_CLAIM_SIGNATURE", &signature}, {"TIMESTAMP", &timestamp},
	} {
		if *p.to, err = a.need(p.name); err != nil {
			return c, err
		}
	}
	at, canonical, err := srp.ParseTimestamp(timestamp)
	if err != nil {
		return c, fault.New(idp.CodeInvalidParameter, "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
	}
	c.timestamp, c.current = canonical, time.Since(at).Abs() <= maxSkew
	c.signature, _ = base64.StdEncoding.DecodeString(signature)
	return c, nil
}

// recall reads the user of a block anew: the state may have changed since the challenge.
func (m *Machine) recall(ctx context.Context, a *Attempt, b block) (p user.Account, err error) {
	if b.Real == 0 {
		return user.Account{Subject: b.Subject}, nil
	}
	p, err = m.users.SignInBySub(ctx, a.Pool, b.Subject)
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		return p, errWrongPassword
	}
	return p, err
}
