package user

import (
	"strings"
	"testing"

	"cognate/api/idp"
)

func TestParseFilter(t *testing.T) {
	for text, want := range map[string]filter{
		"":                             {},
		" \t\n":                        {},
		`email = "a@b.c"`:              {"email", "=", "a@b.c"},
		`email="a@b.c"`:                {"email", "=", "a@b.c"},
		"  name\t^=\n\"Jo\"  ":         {"name", "^=", "Jo"},
		`sub^="0f"`:                    {"sub", "^=", "0f"},
		`cognito:user_status = "x"`:    {"cognito:user_status", "=", "x"},
		`status = "Enabled"`:           {"status", "=", "Enabled"},
		`username = ""`:                {"username", "=", ""},
		`family_name = "O\"Neil\\"`:    {"family_name", "=", `O"Neil\`},
		`given_name ^= "= ^= \" and"`:  {"given_name", "^=", `= ^= " and`},
		`preferred_username = "é' --"`: {"preferred_username", "=", "é' --"},
		`phone_number = "+1"`:          {"phone_number", "=", "+1"},
	} {
		if got, err := parseFilter(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseFilterErrors(t *testing.T) {
	const malformed = "Error while parsing filter."
	for text, want := range map[string]string{
		`custom:foo = "x"`:           "Invalid search attribute: custom:foo",
		`Email = "x"`:                "Invalid search attribute: Email",
		`address ^= "x"`:             "Invalid search attribute: address",
		`email;drop = "x"`:           "Invalid search attribute: email;drop",
		`email`:                      malformed,
		`email =`:                    malformed,
		`= "x"`:                      malformed,
		`^= "x"`:                     malformed,
		`"x"`:                        malformed,
		`"email" = "x"`:              malformed,
		`email = x`:                  malformed,
		`email = 'x'`:                malformed,
		`email = "x`:                 malformed,
		`email = "x\`:                malformed,
		`email = "x\"`:               malformed,
		`email = "\n"`:               malformed,
		`email = "x" y`:              malformed,
		`email = "x""`:               malformed,
		`email == "x"`:               malformed,
		`email ^ = "x"`:              malformed,
		`email ^ "x"`:                malformed,
		`email > "x"`:                malformed,
		`e mail = "x"`:               malformed,
		`email = "x" and name = "y"`: malformed,
		"email = \"\xff\"":           malformed,
		"email = \"\x00\"":           malformed,
		`custom:foo = x`:             malformed,
	} {
		_, err := parseFilter(text)
		wantFault(t, err, idp.CodeInvalidParameter, want)
	}
}

// FuzzFilter checks that no text makes the parser panic, and that whatever it accepts reads back from its
// plainest form as the same filter.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `email = "a@b.c"`, `name^="Jo"`, `family_name = "O\"Neil\\"`, `sub = "\`, `status="Enabled" x`,
		`cognito:user_status ^= "CONF"`, "username = \"\xff\"", `given_name = "😀\\"`, `preferred_username=""`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseFilter(text)
		if err != nil {
			return
		}
		again, err := parseFilter(got.String())
		if err != nil || again != got {
			t.Errorf("%q means %+v, but %q means %+v, %v", text, got, got.String(), again, err)
		}
		if got.value != "" && len(got.value) > len(text) || strings.ContainsRune(got.value, 0) {
			t.Errorf("%q has the value %q", text, got.value)
		}
	})
}
