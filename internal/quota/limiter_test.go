package quota

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/api/identity"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// holder takes a token for the name of its user, but for "forged".
func holder(_ context.Context, token string) (string, bool) { return token, token != "forged" }

func newLimiter(r *Registry) *Limiter {
	return NewLimiter(r, UsualBounds, holder, NewCounter(), idp.Service, cognate.Service, identity.Service)
}

// house is a limiter without what a store has to say, for tests in which time goes by.
func house(t *testing.T, rates Rates) *Limiter {
	r := New(engines.Memory(t), rates)
	r.current(t.Context())
	return newLimiter(r)
}

// from is the context of a request from an address.
func from(address string) context.Context {
	return awsjson.WithCaller(context.Background(), awsjson.Caller{IP: address})
}

// signed is the context of a signed request.
func signed() context.Context {
	return awsjson.WithCaller(context.Background(), awsjson.Caller{Principal: awsjson.Principal{AccessKeyID: "AKIA"}, IP: "192.0.2.1"})
}

// taken counts how many of n requests are taken.
func taken(t *testing.T, n int, take func(i int) error) (out int) {
	t.Helper()
	for i := range n {
		err := take(i)
		if f, ok := errors.AsType[*fault.Error](err); ok && (f.Code != idp.CodeTooManyRequests || f.Message != "Rate exceeded") || !ok && err != nil {
			t.Fatalf("refused by %v", err)
		}
		if err == nil {
			out++
		}
	}
	return out
}

func want(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}

func signIn(l *Limiter) func(int) error {
	return func(i int) error {
		in := &idp.InitiateAuthRequest{ClientId: "c", AuthParameters: map[string]string{"USERNAME": fmt.Sprint("user", i)}}
		return l.Take(from("192.0.2.1"), idp.InitiateAuth.Descriptor, in)
	}
}

func TestCategory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := house(t, Rates{"UserToken": {Default: 3}})
		want(t, "sign-ins at once", taken(t, 1000, signIn(l)), 120)
		revoke := func(int) error {
			return l.Take(from("192.0.2.1"), idp.RevokeToken.Descriptor, &idp.RevokeTokenRequest{})
		}
		want(t, "of another category, as configured", taken(t, 10, revoke), 3)
		time.Sleep(500 * time.Millisecond)
		want(t, "after half a second", taken(t, 1000, signIn(l)), 60)
		time.Sleep(time.Minute)
		want(t, "after a minute", taken(t, 1000, signIn(l)), 120)
	})
}

func answer(l *Limiter, challenge string) func(int) error {
	return func(i int) error {
		in := &idp.RespondToAuthChallengeRequest{
			ClientId: "c", ChallengeName: challenge, ChallengeResponses: map[string]string{"USERNAME": fmt.Sprint("user", i)},
		}
		return l.Take(from("192.0.2.1"), idp.RespondToAuthChallenge.Descriptor, in)
	}
}

// TestChallengeResponses have three times what sign-ins have, and then what those leave.
func TestChallengeResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := house(t, nil)
		want(t, "sign-ins", taken(t, 100, signIn(l)), 100)
		want(t, "answers", taken(t, 1000, answer(l, idp.ChallengeNameTypePasswordVerifier)), 3*120+20)
		want(t, "sign-ins after that", taken(t, 10, signIn(l)), 0)
		want(t, "new passwords", taken(t, 1000, answer(l, idp.ChallengeNameTypeNewPasswordRequired)), 30)
		forgotten := func(i int) error {
			return l.Take(from("192.0.2.2"), idp.ForgotPassword.Descriptor, &idp.ForgotPasswordRequest{Username: fmt.Sprint(i)})
		}
		want(t, "recoveries after that", taken(t, 10, forgotten), 0)
	})
}

// TestUser holds one user to ten reads and ten writes a second.
func TestUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := house(t, nil)
		get := func(token string) func(int) error {
			return func(int) error {
				return l.Take(from("192.0.2.1"), idp.GetUser.Descriptor, &idp.GetUserRequest{AccessToken: token})
			}
		}
		want(t, "reads", taken(t, 50, get("ann")), 10)
		want(t, "reads by others", taken(t, 50, get("bob")), 10)
		want(t, "reads by nobody", taken(t, 50, get("forged")), 50)
		write := func(int) error {
			return l.Take(from("192.0.2.1"), idp.UpdateUserAttributes.Descriptor, &idp.UpdateUserAttributesRequest{AccessToken: "ann"})
		}
		want(t, "writes", taken(t, 20, write), 10)
		name := func(ctx context.Context) func(int) error {
			return func(int) error {
				return l.Take(ctx, idp.ForgotPassword.Descriptor, &idp.ForgotPasswordRequest{ClientId: "c", Username: "cy"})
			}
		}
		want(t, "who is named at an address", taken(t, 20, name(from("2001:db8::1"))), 10)
		want(t, "in its network", taken(t, 20, name(from("2001:db8::2"))), 0)
		want(t, "at another one", taken(t, 5, name(from("192.0.2.9"))), 5)
		time.Sleep(100 * time.Millisecond)
		want(t, "a tenth of a second later", taken(t, 20, name(from("2001:db8::3"))), 1)
		admin := func(int) error {
			return l.Take(signed(), idp.AdminGetUser.Descriptor, &idp.AdminGetUserRequest{UserPoolId: "p", Username: "ann"})
		}
		want(t, "by an administrator", taken(t, 20, admin), 10)
	})
}

// TestPool holds each operation of some categories to five a second at one pool.
func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := house(t, nil)
		list := func(pool string) func(int) error {
			return func(int) error {
				return l.Take(signed(), idp.ListGroups.Descriptor, &idp.ListGroupsRequest{UserPoolId: pool})
			}
		}
		want(t, "at a pool", taken(t, 9, list("a")), 5)
		want(t, "at another", taken(t, 9, list("b")), 5)
		get := func(int) error {
			return l.Take(signed(), idp.GetGroup.Descriptor, &idp.GetGroupRequest{UserPoolId: "a"})
		}
		want(t, "another operation", taken(t, 9, get), 5)
		want(t, "what is left of the category", taken(t, 9, list("c"))+taken(t, 9, list("d")), 5)
	})
}

func TestDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := house(t, nil)
		visit := func(domain, address, client string) func(int) error {
			return func(int) error { return l.AtDomain(domain, address, client) }
		}
		want(t, "from an address", taken(t, 1000, visit("a", "192.0.2.1", "")), 300)
		want(t, "from another", taken(t, 1000, visit("a", "192.0.2.2", "")), 200)
		want(t, "for a client", taken(t, 200, visit("b", "192.0.2.1", "c"))+taken(t, 200, visit("b", "192.0.2.2", "c")), 300)
		time.Sleep(time.Second)
		want(t, "from an address, later", taken(t, 1000, visit("a", "192.0.2.1", "")), 300)
		var none *Limiter
		want(t, "without limits", taken(t, 1000, visit("a", "192.0.2.1", "")), 0)
		if err := errors.Join(none.AtDomain("a", "b", "c"), none.Count(t.Context(), UserToken), none.Take(t.Context(), idp.GetUser.Descriptor, nil)); err != nil {
			t.Error(err)
		}
	})
}

// TestProvision sets a rate on one node, which is in force on another at once.
func TestProvision(t *testing.T) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		rates := Rates{"UserToken": {Default: 2, Maximum: 9}}
		here, there := New(db, rates), New(db, rates)
		l, category := newLimiter(there), &idp.LimitDefinitionType{LimitClass: "API_CATEGORY", Attributes: map[string]string{"Category": "UserToken"}}
		revoke := func(int) error { return l.Take(signed(), idp.RevokeToken.Descriptor, &idp.RevokeTokenRequest{}) }
		if n := taken(t, 20, revoke); n < 2 || n > 4 {
			t.Errorf("%d before", n)
		}
		shown, err := here.Provision(t.Context(), category, 9)
		if err != nil || shown.ProvisionedLimitValue != 9 || shown.FreeLimitValue != 2 {
			t.Errorf("%+v, %v", shown, err)
		}
		if shown, err = there.Provisioned(t.Context(), category); err != nil || shown.ProvisionedLimitValue != 9 {
			t.Errorf("%+v, %v", shown, err)
		}
		if l.Take(signed(), idp.RevokeToken.Descriptor, &idp.RevokeTokenRequest{}); l.rates["UserToken"].tokens.Load().Limit() != 9 {
			t.Error("the new rate is not in force")
		}
		lower := New(db, Rates{"UserToken": {Default: 2, Maximum: 5}}) // after the operator has changed the configuration
		if shown, err = lower.Provisioned(t.Context(), category); err != nil || shown.ProvisionedLimitValue != 5 {
			t.Errorf("%+v, %v", shown, err)
		}
	})
}

// TestStoreThatDoesNotAnswer serves by what was known last.
func TestStoreThatDoesNotAnswer(t *testing.T) {
	db := engines.Memory(t)
	r := New(db, nil)
	category := &idp.LimitDefinitionType{Attributes: map[string]string{"Category": "UserRead"}}
	if _, err := r.Provision(t.Context(), category, 120); err != nil {
		t.Fatal(err)
	}
	r.current(t.Context())
	db.Publish(store.Change{})
	db.Close()
	if set := *r.current(t.Context()); set["UserRead"] != 120 {
		t.Errorf("%v is known", set)
	}
	if set := *New(db, nil).current(t.Context()); len(set) != 0 {
		t.Errorf("%v is known by who never could read", set)
	}
}

func TestRates(t *testing.T) {
	for name, tt := range map[string]struct {
		rates Rates
		ok    bool
	}{
		"nothing":                  {nil, true},
		"a default":                {Rates{"UserUpdate": {Default: 1000}}, true},
		"a maximum":                {Rates{"UserRead": {Maximum: 1000}}, true},
		"both":                     {Rates{"UserRead": {Default: 500, Maximum: 500}}, true},
		"no category":              {Rates{"Userread": {Default: 1}}, false},
		"negative":                 {Rates{"UserRead": {Default: -1}}, false},
		"too large":                {Rates{"UserRead": {Maximum: 1 << 31}}, false},
		"a maximum below":          {Rates{"UserRead": {Maximum: 119}}, false},
		"a maximum for what stays": {Rates{"UserUpdate": {Maximum: 1000}}, false},
	} {
		if err := tt.rates.Check(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkTake is the price of a check: of a sign-in, and of a user who shows a token.
func BenchmarkTake(b *testing.B) {
	r := New(engines.Memory(b), Rates{"UserAuthentication": {Default: maxRate}, "UserRead": {Default: maxRate}})
	l := NewLimiter(r, Bounds{User: maxRate}, holder, NewCounter(), idp.Service)
	for name, tt := range map[string]struct {
		op *api.Descriptor
		in any
	}{
		"InitiateAuth": {idp.InitiateAuth.Descriptor, &idp.InitiateAuthRequest{ClientId: "c", AuthParameters: map[string]string{"USERNAME": "somebody"}}},
		"GetUser":      {idp.GetUser.Descriptor, &idp.GetUserRequest{AccessToken: "somebody"}},
	} {
		b.Run(name, func(b *testing.B) {
			ctx := from("192.0.2.1")
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Take(ctx, tt.op, tt.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
