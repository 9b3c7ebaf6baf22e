package passhash

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// The verifier of a user of the pool us-east-1_tvPool001, as clients of Cognito compute it.
const (
	srpPassword = "Correct-Horse-9"
	srpSalt     = "899c48084665d74373844f7f92099ea5"
	srpValue    = "5b7e2fa3943f1f70c46a163bf4efc86bbf428f8b53638f5859de98c138aba8016faa9414c4fd680394b72bcc56ac2a6d" +
		"0e6f100ac1a02cb2e977f87113ee660131a7d8f557f233acdb94155f460281e05f691e7eefae7545ab5cafe11a0de1f5" +
		"4505a261d92f639a5ba10f95d62ca5b694a4c4e70d814394a365f59dd92d5d6b34cc11b3d57d113f066ccf93a3a7feb5" +
		"856360f767bafccdf750dfbd946b2862eb652532102f66a16575f9e83f5f01a5e6348ae54c53aa1fddb1233faa8db7d4" +
		"310d70421fcf6a3dbed7cc2dd2073320ee231d3ac9a64b7de22127852e70295a9d942eb05b9aa11c2fde9180d1794ed7" +
		"af650de95c0131aa276ac84faa49d5605d491791fb4813e6426a63d5c962dc151273b43740874134ba7367ad094a02ae" +
		"67e76694b1d13db72a9f70084ad92620dec2b8da2cc445175f18fd8ac8287a79def512e492eda9d9bd4874923d71395c" +
		"e2013a9c96a50a412bbc4867ac47782490ac1bc22114b9da05bf3cdc3ed14181bca2cd19b1b520121cd408ea47bba4a1"
)

func unhexed(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func srpVerifier(t testing.TB) Verifier {
	return Verifier{PoolName: "tvPool001", Username: "alice", Salt: unhexed(t, srpSalt), Value: unhexed(t, srpValue)}
}

func TestSRP(t *testing.T) {
	v := srpVerifier(t)
	h, err := Parse(SRP, v.Text())
	if err != nil {
		t.Fatal(err)
	}
	if !h.Verify(srpPassword) || h.Verify(srpPassword+"x") || h.Verify("") {
		t.Error("the password is refused, or another is taken for it")
	}
	for what, change := range map[string]func(*Verifier){
		"pool": func(v *Verifier) { v.PoolName = "tvPool002" }, "user": func(v *Verifier) { v.Username = "Alice" },
		"salt": func(v *Verifier) { v.Salt = append([]byte{1}, v.Salt...) },
	} {
		v := srpVerifier(t)
		change(&v)
		if h, err := Parse(SRP, v.Text()); err != nil || h.Verify(srpPassword) {
			t.Errorf("the password fits with another %s: %v", what, err)
		}
	}
	long := srpVerifier(t)
	long.Username = strings.Repeat("\U0001F600", 128)
	if got, err := ParseVerifier(long.Text()); err != nil || got.Username != long.Username || !bytes.Equal(got.Value, long.Value) {
		t.Errorf("of the longest name there may be: %v", err)
	}
}

func TestSRPRefusals(t *testing.T) {
	good := srpVerifier(t).Text()
	for what, text := range map[string]string{
		"nothing": "", "another prefix": strings.Replace(good, "srp", "SRP", 1), "a part more": good + "$", "a part less": good[:strings.LastIndex(good, "$")],
		"no pool": strings.Replace(good, "tvPool001", "", 1), "no base64": good + "!",
		"a verifier of one": good[:strings.LastIndex(good, "$")+1] + "AQ", "no verifier": good[:strings.LastIndex(good, "$")+1],
		"one that is too long": good + strings.Repeat("A", 3000),
	} {
		if _, err := Parse(SRP, text); err == nil {
			t.Errorf("%s is taken", what)
		} else if text != "" && len(text) > 20 && strings.Contains(err.Error(), text[20:40]) {
			t.Errorf("%s: the error shows the text: %v", what, err)
		}
	}
	if _, err := Parse(Scrypt, good); err == nil {
		t.Error("a verifier is taken for a hash of scrypt")
	}
}

func TestVerifierHidesItself(t *testing.T) {
	v := srpVerifier(t)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	if text := fmt.Sprintf("%v %+v %#v %s", v, v, v, v) + log.String(); strings.Contains(text, "tvPool") {
		t.Error(text)
	}
}
