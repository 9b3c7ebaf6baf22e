package embedded_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cognate/internal/credential"
	"cognate/internal/credential/credentialtest"
	"cognate/internal/credential/embedded"
	"cognate/internal/secret/secrettest"
)

func TestBroker(t *testing.T) {
	credentialtest.Run(t, func(t *testing.T) credentialtest.House {
		b := embedded.New(secrettest.Keyring(t))
		return credentialtest.House{
			Broker: b,
			Token: func(credential.Request) (string, error) {
				t.Error("a token of the identity was made: it costs a signature")
				return "", nil
			},
			Who: func(t *testing.T, c credential.Credentials) credentialtest.Session {
				s, err := b.Open(c.SessionToken, c.AccessKeyID)
				if err != nil || s.SecretAccessKey != c.SecretAccessKey || s.AccessKeyID != c.AccessKeyID || !s.Expires.Equal(c.Expires) || s.RoleARN != credentialtest.Role {
					t.Errorf("the session is %+v, %v", s, err)
				}
				return credentialtest.Session{ARN: s.ARN(), IdentityID: s.IdentityID, PoolID: s.PoolID, AMR: s.AMR, Tags: s.Tags, Policy: s.Policy}
			},
		}
	})
}

func assume(t *testing.T, b *embedded.Broker) credential.Credentials {
	t.Helper()
	c, err := b.Assume(context.Background(), credential.Request{
		RoleARN: credentialtest.Role, SessionName: credential.SessionName, IdentityID: "us-east-1:1", PoolID: "us-east-1:2",
		AMR: []string{"unauthenticated"}, Duration: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestForgedSessions refuses every token that is not, to the bit, one of this server's for that very key.
func TestForgedSessions(t *testing.T) {
	b := embedded.New(secrettest.Keyring(t))
	c, other, foreign := assume(t, b), assume(t, b), assume(t, embedded.New(secrettest.Keyring(t)))
	refused := func(what, token, key string) {
		t.Helper()
		if s, err := b.Open(token, key); !errors.Is(err, embedded.ErrUnknown) || s.SecretAccessKey != "" {
			t.Errorf("%s: %v, %v", what, s, err)
		}
	}
	refused("with another key", c.SessionToken, other.AccessKeyID)
	refused("of another server", foreign.SessionToken, foreign.AccessKeyID)
	refused("nothing", "", c.AccessKeyID)
	refused("cut", c.SessionToken[:len(c.SessionToken)-1], c.AccessKeyID)
	refused("longer", c.SessionToken+"A", c.AccessKeyID)
	raw, err := base64.RawURLEncoding.DecodeString(c.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		refused(fmt.Sprint("altered at byte ", i), base64.RawURLEncoding.EncodeToString(raw), c.AccessKeyID)
		raw[i] ^= 1
	}
}

func TestExpiredSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := embedded.New(secrettest.Keyring(t))
		c := assume(t, b)
		time.Sleep(time.Until(c.Expires) - time.Nanosecond)
		if _, err := b.Open(c.SessionToken, c.AccessKeyID); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Nanosecond)
		if s, err := b.Open(c.SessionToken, c.AccessKeyID); !errors.Is(err, embedded.ErrExpired) || s.SecretAccessKey != "" {
			t.Errorf("at its end: %v, %v", s, err)
		}
	})
}

// TestSessionHidesItsSecret prints sessions in every way.
func TestSessionHidesItsSecret(t *testing.T) {
	b := embedded.New(secrettest.Keyring(t))
	c := assume(t, b)
	s, err := b.Open(c.SessionToken, c.AccessKeyID)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "session", s)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", s, s, &s), log.String()} {
		if strings.Contains(text, s.SecretAccessKey) {
			t.Error(text)
		}
	}
}
