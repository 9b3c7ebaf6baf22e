package client

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/srp"
)

// device is this machine as one user has registered it.
type device struct {
	Names  []string `json:"names"` // the user's, first the pool's own
	Key    string   `json:"key"`
	Group  string   `json:"group"`
	Secret string   `json:"secret"` // the password of its SRP
}

// of is the device of a user; nil where there is none.
func (s *state) of(username string) *device {
	for i := range s.Devices {
		if slices.Contains(s.Devices[i].Names, username) {
			return &s.Devices[i]
		}
	}
	return nil
}

// keep keeps a device of a user in the place of an earlier one, and the name that the user typed beside the pool's own.
func (s *state) keep(registered *device, username, typed string) {
	if registered != nil {
		s.forget(username)
		s.Devices = append(s.Devices, *registered)
	}
	if d := s.of(username); d != nil && !slices.Contains(d.Names, typed) {
		d.Names = append(d.Names, typed)
	}
}

// forget removes the device of a user.
func (s *state) forget(username string) {
	s.Devices = slices.DeleteFunc(s.Devices, func(d device) bool { return slices.Contains(d.Names, username) })
}

// recall finds the device of the user, by the name that is known by now.
func (a *attempt) recall(ctx context.Context) error {
	return a.client.change(ctx, func(s *state) error {
		if d := s.of(a.username); d != nil {
			found := *d
			a.device = &found
		}
		return nil
	})
}

// forget removes the device, which the server does not know any more, or whose proof it does not take.
func (a *attempt) forget(ctx context.Context) error {
	gone := a.device
	a.device = nil
	return a.client.change(ctx, func(s *state) error {
		s.Devices = slices.DeleteFunc(s.Devices, func(d device) bool { return d.Key == gone.Key })
		return nil
	})
}

// withDevice makes a call that names the device, and makes it once more without when the server does not know the device.
func (a *attempt) withDevice(ctx context.Context, parameters map[string]string, call func() (answer, error)) (answer, error) {
	if a.device == nil {
		return call()
	}
	parameters["DEVICE_KEY"] = a.device.Key
	in, err := call()
	if !unknownDevice(err) {
		return in, err
	}
	if err := a.forget(ctx); err != nil {
		return answer{}, err
	}
	delete(parameters, "DEVICE_KEY")
	return call()
}

func unknownDevice(err error) bool {
	return hasCode(err, idp.CodeResourceNotFound) && strings.Contains(strings.ToLower(err.Error()), "device")
}

// beginDevice answers DEVICE_SRP_AUTH.
func (a *attempt) beginDevice(ctx context.Context, in answer) (answer, error) {
	if a.device == nil {
		return answer{}, errAnswer
	}
	responses := map[string]string{"DEVICE_KEY": a.device.Key}
	if err := a.prepare("", responses); err != nil {
		return answer{}, err
	}
	return a.unlessUnknown(ctx)(a.respond(ctx, idp.ChallengeNameTypeDeviceSrpAuth, in.session, responses))
}

// proveDevice answers DEVICE_PASSWORD_VERIFIER.
func (a *attempt) proveDevice(ctx context.Context, in answer) (answer, error) {
	if a.device == nil || a.srp == nil {
		return answer{}, errAnswer
	}
	responses, err := a.proof(a.srp, a.device.Group, a.device.Key, a.device.Secret, in.parameters)
	if err != nil {
		return answer{}, err
	}
	responses["DEVICE_KEY"], a.srp = a.device.Key, nil
	return a.unlessUnknown(ctx)(a.respond(ctx, idp.ChallengeNameTypeDevicePasswordVerifier, in.session, responses))
}

// unlessUnknown passes an answer on. Where the server has refused the device, it is forgotten, so that the next sign-in, without it, can
// succeed.
func (a *attempt) unlessUnknown(ctx context.Context) func(answer, error) (answer, error) {
	return func(in answer, err error) (answer, error) {
		if unknownDevice(err) || hasCode(err, idp.CodeNotAuthorized) {
			if err := a.forget(ctx); err != nil {
				return answer{}, err
			}
		}
		return in, err
	}
}

// The sizes of what a device is registered with, in bytes, as the official clients have them.
const (
	deviceSecretBytes = 40
	deviceSaltBytes   = 16
)

// register registers this machine as a device of the user. Until that is done the session cannot be renewed. ask tells that it is up to
// the user whether the device is remembered.
func (a *attempt) register(ctx context.Context, s *Session, meta *idp.NewDeviceMetadataType) (d *device, ask bool, err error) {
	random := make([]byte, deviceSecretBytes+deviceSaltBytes)
	if _, err := rand.Read(random); err != nil {
		return nil, false, fmt.Errorf("client: %w", err)
	}
	secret, salt := base64.StdEncoding.EncodeToString(random[:deviceSecretBytes]), random[deviceSecretBytes:]
	d = &device{Names: []string{s.Username}, Key: meta.DeviceKey, Group: meta.DeviceGroupKey, Secret: secret}
	out, err := Call(ctx, a.client, idp.ConfirmDevice, &idp.ConfirmDeviceRequest{
		AccessToken: s.Access, DeviceKey: d.Key, DeviceName: a.client.config.DeviceName,
		DeviceSecretVerifierConfig: &idp.DeviceSecretVerifierConfigType{
			Salt: base64.StdEncoding.EncodeToString(salt), PasswordVerifier: base64.StdEncoding.EncodeToString(srp.Verifier(d.Group, d.Key, secret, salt)),
		},
	})
	if err != nil {
		return nil, false, err
	}
	return d, out.UserConfirmationNecessary != nil && *out.UserConfirmationNecessary, nil
}

// RememberDevice has the pool remember this machine, where [Done] has said that the user is to be asked: no second factor is asked for
// on it any more where the pool has it so.
func (c *Client) RememberDevice(ctx context.Context) error {
	s, key, err := c.sessionDevice(ctx)
	if err != nil {
		return err
	}
	_, err = Call(ctx, c, idp.UpdateDeviceStatus, &idp.UpdateDeviceStatusRequest{AccessToken: s.Access, DeviceKey: key,
		DeviceRememberedStatus: idp.DeviceRememberedStatusTypeRemembered})
	return err
}

// ForgetDevice undoes [Client.RememberDevice]. The session's tokens stay good until they expire, but nothing renews them any more.
func (c *Client) ForgetDevice(ctx context.Context) error {
	s, key, err := c.sessionDevice(ctx)
	if err != nil {
		return err
	}
	if _, err := Call(ctx, c, idp.ForgetDevice, &idp.ForgetDeviceRequest{AccessToken: s.Access, DeviceKey: key}); err != nil {
		return err
	}
	return c.change(ctx, func(st *state) error {
		st.forget(s.Username)
		return nil
	})
}

// sessionDevice is the session and the device that it is bound to.
func (c *Client) sessionDevice(ctx context.Context) (*Session, string, error) {
	s, err := c.Session(ctx)
	if err != nil {
		return nil, "", err
	}
	var has claims
	if err := payload(s.Access, &has); err != nil {
		return nil, "", err
	}
	if has.Device == "" {
		return nil, "", fmt.Errorf("client: the session of %s has no device", s.Username)
	}
	return s, has.Device, nil
}
