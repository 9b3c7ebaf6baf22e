package threat

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"cognate/internal/store"
)

// encoded is EncodedData as Amazon's library for browsers makes it.
func encoded(context map[string]string) string {
	payload, _ := json.Marshal(map[string]any{"contextData": context, "username": "u", "userPoolId": "p", "timestamp": "1"})
	text, _ := json.Marshal(map[string]string{"payload": string(payload), "signature": "s", "version": "JS20171115"})
	return base64.StdEncoding.EncodeToString(text)
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func TestLocate(t *testing.T) {
	phone := encoded(map[string]string{"UserAgent": "okhttp/4", "DeviceId": "d-1", "DeviceName": "Pixel\n9", "ClientTimezone": "+09:00"})
	for name, c := range map[string]struct {
		origin                            Origin
		network, device, called, timezone string
		specific                          bool
	}{
		"nothing":                 {Origin{}, "", "", "", "", false},
		"IPv4":                    {Origin{IP: "203.0.113.9"}, "203.0.113.0/24", "", "", "", false},
		"IPv4 in IPv6":            {Origin{IP: "::ffff:203.0.113.9"}, "203.0.113.0/24", "", "", "", false},
		"IPv6":                    {Origin{IP: "2001:db8:1:2::3%eth0"}, "2001:db8:1::/48", "", "", "", false},
		"no address":              {Origin{IP: "home"}, "", "", "", "", false},
		"browser":                 {Origin{Agent: firefox}, "", "a:Firefox, Linux", "Firefox, Linux", "", false},
		"browser, updated":        {Origin{Agent: strings.ReplaceAll(firefox, "140", "141")}, "", "a:Firefox, Linux", "Firefox, Linux", "", false},
		"program":                 {Origin{Agent: "Boto3/1.40 md/Botocore#1"}, "", "a:Boto3", "Boto3/1.40 md/Botocore#1", "", false},
		"device":                  {Origin{Agent: firefox, Encoded: phone}, "", "i:fc6c9e0bbe01f8fc9f65dc6e1b2a0a5d", "Pixel9", "+09:00", true},
		"device without a name":   {Origin{Agent: "app/1", Encoded: encoded(map[string]string{"UserAgent": firefox})}, "", "a:Firefox, Linux", "Firefox, Linux", "", false},
		"EncodedData of no kind":  {Origin{Agent: "app/1", Encoded: "e30="}, "", "a:app", "app/1", "", false},
		"EncodedData, no base64":  {Origin{Agent: "app/1", Encoded: "{"}, "", "a:app", "app/1", "", false},
		"a name that is too long": {Origin{Agent: strings.Repeat("ä", 200)}, "", "a:" + strings.Repeat("ä", 100), strings.Repeat("ä", 100), "", false},
	} {
		p := locate(c.origin)
		if c.specific {
			c.device = p.device
			if !strings.HasPrefix(p.device, "i:") || len(p.device) != 34 {
				t.Errorf("%s: %q", name, p.device)
			}
		}
		if p.network != c.network || p.device != c.device || p.name != c.called || p.timezone != c.timezone || p.specific != c.specific {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if p := locate(Origin{Agent: firefox}).on("key"); p.device != "k:key" || !p.specific || p.name != "Firefox, Linux" {
		t.Errorf("%+v", p)
	}
}

// FuzzLocate has anything come as EncodedData, as a User-Agent and as an address: what is kept of it is short, and text
// that both databases hold (checklist 55).
func FuzzLocate(f *testing.F) {
	f.Add(encoded(map[string]string{"UserAgent": firefox, "DeviceId": "1", "ClientTimezone": "-05:00"}), firefox, "::1")
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"payload":"{\"contextData\":{\"DeviceName\":\"\\u0000\\ud800\"}}"}`)), "a\x00\xff", "1.2.3.4")
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"payload":{"contextData":1}}`)), "", "fe80::1%x")
	f.Add(strings.Repeat("A", maxEncoded+4), "/", "")
	f.Fuzz(func(t *testing.T, encoded, agent, ip string) {
		p := locate(Origin{IP: ip, Agent: agent, Encoded: encoded})
		for _, text := range []string{p.network, p.device, p.name, p.timezone} {
			if !store.IsText(text) || utf8.RuneCountInString(text) > maxShown+2 || strings.ContainsAny(text, "\r\n") {
				t.Errorf("%q", text)
			}
		}
	})
}
