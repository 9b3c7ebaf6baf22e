package authn

import (
	"context"
	"encoding/base64"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/srp"
	"cognate/internal/store"
)

// recognise looks up the device whose DEVICE_KEY the client has sent, once the first factor is proven. One
// that is not remembered is as good as none: what follows is what follows on a new device.
func (m *Machine) recognise(ctx context.Context, a *Attempt, p *progress) error {
	if p.device == "" {
		return nil
	}
	row, err := m.users.Device(ctx, a.Pool, p.User.Sub, p.device)
	if err == nil && !row.Remembered {
		p.device = ""
	}
	return err
}

// askDevice asks a remembered device for its proof.
func (m *Machine) askDevice(ctx context.Context, a *Attempt, p *progress) (*Step, error) {
	return m.ask(ctx, a, p, a.begin(p, idp.ChallengeNameTypeDeviceSrpAuth), map[string]string{"USERNAME": p.User.Username})
}

// deviceBlock is what the SECRET_BLOCK of a device holds: the server's half of the exchange. All that it does
// not name itself it is bound to by the Session of the same flow, which comes with it.
type deviceBlock struct {
	Flow    string `json:"f"`
	Device  string `json:"d"`
	A       []byte `json:"a"`
	PublicB []byte `json:"B"`
	SecretB []byte `json:"b"`
}

const deviceBlockAAD = "device-secret-block"

// challengeDevice answers DEVICE_SRP_AUTH with the challenge of the exchange.
func (m *Machine) challengeDevice(ctx context.Context, a *Attempt) (*Step, error) {
	_, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	text, err := a.need("SRP_A")
	if err != nil {
		return nil, err
	}
	row, verifier, err := m.deviceOf(ctx, a, p)
	if err != nil {
		return nil, err
	}
	public, err := srp.ParseA(text)
	if err != nil {
		return nil, errWrongPassword
	}
	secretB, publicB, err := srp.NewChallenge(verifier, public)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(deviceBlock{Flow: p.flow, Device: row.Key, A: public.Bytes(), PublicB: publicB, SecretB: secretB})
	if err != nil {
		return nil, err
	}
	return m.ask(ctx, a, p, a.begin(p, idp.ChallengeNameTypeDevicePasswordVerifier), map[string]string{
		"SALT": srp.Hex(row.Salt), "SRP_B": srp.Hex(publicB),
		"SECRET_BLOCK": base64.StdEncoding.EncodeToString(m.keys.Seal(plain, deviceBlockAAD)),
		"DEVICE_KEY":   row.Key, "USERNAME": p.User.Username,
	})
}

// deviceOf reads the device of a sign-in anew, and its verifier. The answer must name the same device.
func (m *Machine) deviceOf(ctx context.Context, a *Attempt, p *progress) (row store.Device, verifier []byte, err error) {
	key, err := a.need("DEVICE_KEY")
	if err != nil {
		return row, nil, err
	}
	if key != p.device {
		return row, nil, errInvalidSession
	}
	if row, err = m.users.RememberedDevice(ctx, a.Pool, p.User.Sub, key); err != nil {
		return row, nil, err
	}
	verifier, err = m.users.DeviceVerifier(row)
	return row, verifier, err
}

// openDevice reads a SECRET_BLOCK of the same flow and device. raw is what the client signed.
func (m *Machine) openDevice(p *progress, text string) (b deviceBlock, raw []byte, ok bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return b, nil, false
	}
	plain, err := m.keys.Open(raw, deviceBlockAAD)
	if err != nil || json.Unmarshal(plain, &b) != nil {
		return b, nil, false
	}
	return b, raw, b.Flow == p.flow && b.Device == p.device
}

// verifyDevice answers DEVICE_PASSWORD_VERIFIER: the proof that the device knows the secret it registered
// with. It is the last one of a sign-in.
func (m *Machine) verifyDevice(ctx context.Context, a *Attempt) (*Step, error) {
	_, p, err := m.resume(ctx, a, a.Challenge)
	if err != nil {
		return nil, err
	}
	c, err := a.claim()
	if err != nil {
		return nil, err
	}
	row, verifier, err := m.deviceOf(ctx, a, p)
	if err != nil {
		return nil, err
	}
	b, raw, ok := m.openDevice(p, c.block)
	proof := func() bool {
		e := srp.Exchange{Group: row.Group, Identity: row.Key, Verifier: verifier, A: b.A, SecretB: b.SecretB, B: b.PublicB}
		return ok && e.Verify(raw, c.timestamp, c.signature) && c.current
	}
	if err := m.prove(ctx, a, &p.Account, proof); err != nil {
		return nil, a.failing(failedOther, err)
	}
	if err := RefusedState(p.User); err != nil {
		return nil, err
	}
	p.proven = row.Key
	p.writes = append(p.writes, func(tx *store.Tx) error { return m.users.DeviceSignedIn(tx, row, a.IP) })
	return m.grant(ctx, a, p)
}
