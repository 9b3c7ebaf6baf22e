package oidc_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cognate/internal/federation"
)

// take signs in by an ID token of a payload, as the client's secret signs it.
func (p *inside) take(t testing.TB, provider federation.Provider, payload []byte) (*federation.Assertion, error) {
	s := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)}, nil))
	p.token = fmt.Sprintf(`{"access_token":"access","id_token":%q}`, must(must(s.Sign(payload)).CompactSerialize()))
	return provider.Finish(t.Context(), federation.Callback{ID: "_id", Callback: callback, Verifier: verifier, Form: url.Values{"code": {"c"}}})
}

// good are the claims that an ID token needs, without the brace that ends them.
func good() string {
	return fmt.Sprintf(`{"iss":%q,"sub":"4711","aud":%q,"exp":%d,"iat":%d,"nonce":"_id"`, insideURL, clientID, time.Now().Add(time.Hour).Unix(), time.Now().Unix())
}

// TestClaimsAsText writes every kind of value as an attribute can hold it.
func TestClaimsAsText(t *testing.T) {
	idp := newInside()
	p := idp.open()
	for value, want := range map[string][]string{
		`"a text"`: {"a text"}, `""`: {""}, `"\u00e9\ud83d\ude00\n"`: {"é😀\n"}, `true`: {"true"}, `false`: {"false"}, `0`: {"0"}, `-1.50e3`: {"-1.50e3"},
		`12345678901234567890123`: {"12345678901234567890123"}, `["a",1,true]`: {"a", "1", "true"}, `[]`: {}, `["one"]`: {"one"}, `{"b": 1, "a":[2]}`: {`{"b": 1, "a":[2]}`},
		`[["x"],{"y":1}]`: {`["x"]`, `{"y":1}`}, `null`: nil,
	} {
		a, err := idp.take(t, p, []byte(good()+`,"it":`+value+`}`))
		if err != nil || !slices.Equal(a.Claims["it"], want) || (a.Claims["it"] == nil) != (want == nil) {
			t.Errorf("%s is %+v, %v", value, a, err)
		}
	}
}

// TestFoulClaims refuses what two readers could read in two ways (checklist 41).
func TestFoulClaims(t *testing.T) {
	idp := newInside()
	p := idp.open()
	for what, payload := range map[string]string{
		"a subject twice": good() + `,"sub":"victim"}`, "a claim twice": good() + `,"email":"a","email":"b"}`, "twice by an escape": good() + `,"s\u0075b":"victim"}`,
		"twice deep inside": good() + `,"x":{"a":1,"a":2}}`, "a number for a subject": strings.Replace(good(), `"4711"`, "4711", 1) + "}", "a list of subjects": strings.Replace(good(), `"4711"`, `["4711"]`, 1) + "}",
		"another case": strings.Replace(good(), `"sub"`, `"Sub"`, 1) + "}", "no end": good(), "something after": good() + "}{}", "no object": `"x"`, "a list": "[" + good() + "}]", "nothing": "", "null": "null",
		"half a character": good() + `,"x":"\ud800"}`, "no UTF-8": good() + ",\"x\":\"\xff\"}", "a number that is none": good() + `,"x":NaN}`, "an expiry as text": strings.Replace(good(), `"exp":`, `"exp":"9999999999","y":`, 1) + "}",
		"an audience that is null": strings.Replace(good(), strconv.Quote(clientID), "null", 1) + "}", "an audience of objects": strings.Replace(good(), strconv.Quote(clientID), `[{}]`, 1) + "}",
		"too deep": good() + `,"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}", "an endless expiry": strings.Replace(good(), `"exp":`, `"exp":-1e300,"y":`, 1) + "}",
	} {
		if a, err := idp.take(t, p, []byte(payload)); err == nil {
			t.Errorf("%s: %+v", what, a)
		}
	}
	if _, err := idp.take(t, p, []byte(good()+"}")); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

// TestMixedUpProviders refuses the answer of one provider at another, even when an attacker made one of them: they have keys,
// nonces and issuers of their own, and an answer that names its issuer is at home there alone (checklist 39).
func TestMixedUpProviders(t *testing.T) {
	honest, evil := newIDP(t), newIDP(t)
	evil.raw = honest.token()
	evil.refused("the token of another provider", "the ID token is not valid")
	evil.raw, evil.claims["iss"] = "", honest.URL
	evil.refused("a provider that says it is another", "the ID token is not valid")
	delete(evil.claims, "iss")
	for iss, works := range map[string]bool{"": true, honest.URL: true, evil.URL: false, honest.URL + "/": false} {
		_, err := honest.provider.Finish(t.Context(), federation.Callback{ID: "_id", Callback: callback, Verifier: verifier, Form: url.Values{"code": {"the code"}, "iss": {iss}}})
		if (err == nil) != works {
			t.Errorf("an answer of the issuer %q: %v", iss, err)
		}
	}
}

// FuzzIDToken takes nothing that a plain reader would not read in the same way.
func FuzzIDToken(f *testing.F) {
	idp := newInside()
	p := idp.open()
	for _, seed := range []string{good() + "}", good() + `,"azp":"x","aud":["x"]}`, good() + `,"it":[1,"x",{"a":null}]}`, good() + `,"sub":"x"}`, `{}`, `{"aud":[]}`, ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		a, err := idp.take(t, p, payload)
		if err != nil {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(payload, &plain); err != nil {
			t.Fatalf("taken, but no JSON: %v", err)
		}
		if plain["iss"] != insideURL || plain["sub"] != a.Subject || plain["nonce"] != "_id" || a.Subject == "" {
			t.Errorf("%s signs in %q", payload, a.Subject)
		}
		for name, value := range plain {
			if text, ok := value.(string); ok && name != "id_token" && name != "access_token" && !slices.Equal(a.Claims[name], []string{text}) {
				t.Errorf("%s is %q, want %q", name, a.Claims[name], text)
			}
		}
	})
}

// BenchmarkSignInFloor is the least that a sign-in costs.
func BenchmarkSignInFloor(b *testing.B) {
	sum := sha256.Sum256([]byte("text"))
	signature := must(rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sum[:]))
	for b.Loop() {
		if err := rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
			b.Fatal(err)
		}
	}
}
