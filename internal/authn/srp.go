package authn

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/srp"
)

// block is what a SECRET_BLOCK holds: the server's half of the exchange. It is bound to everything that
// the answer must agree with.
type block struct {
	Flow    string    `json:"f"`
	Pool    string    `json:"p"`
	Client  string    `json:"c"`
	Name    string    `json:"u"` // USER_ID_FOR_SRP
	Subject string    `json:"s"`
	Session string    `json:"n,omitzero"`
	Expires time.Time `json:"e"`
	A       []byte    `json:"a"`
	PublicB []byte    `json:"B"`
	SecretB []byte    `json:"b"`
}

const blockAAD = "secret-block"

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
	public, err := srp.ParseA(text)
	if err != nil {
		return nil, errWrongPassword
	}
	p, err := m.identify(ctx, a, name)
	if err != nil {
		return nil, err
	}
	if err := a.checkSecretHash(p.user.Username, p.user.Sub); err != nil {
		return nil, err
	}
	switch {
	case p.user.Status == idp.UserStatusTypeUnconfirmed:
		return nil, errUnconfirmed
	case !p.proven && p.user.Status == idp.UserStatusTypeResetRequired && !a.Client.HidesUsers():
		return nil, errReset
	}
	return m.challenge(a, p, name, public)
}

// challenge computes the server's half and seals it.
func (m *Machine) challenge(a *Attempt, p person, name string, public srp.A) (*Step, error) {
	id, salt, verifier, err := m.verifier(a, p, name)
	if err != nil {
		return nil, err
	}
	b, publicB, err := srp.NewChallenge(verifier, public)
	if err != nil {
		return nil, err
	}
	sealed, err := m.sealBlock(block{
		Flow: uuid.NewString(), Pool: a.Pool.ID, Client: a.Client.ID, Name: id, Subject: p.subject,
		Expires: time.Now().Add(a.Client.SessionLifetime()),
		A:       public.Bytes(), PublicB: publicB, SecretB: b,
	})
	if err != nil {
		return nil, err
	}
	return &Step{Challenge: idp.ChallengeNameTypePasswordVerifier, Parameters: map[string]string{
		"SALT": hex.EncodeToString(salt), "SRP_B": trimmedHex(publicB), "SECRET_BLOCK": sealed,
		"USERNAME": id, "USER_ID_FOR_SRP": id,
	}}, nil
}
