package userimport

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"cognate/internal/fault"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		``:                     {""},
		`,`:                    {"", ""},
		`a,b`:                  {"a", "b"},
		` a ,` + "\tb c\u00a0": {"a", "b c"},
		`Doe\, Jane,x`:         {"Doe, Jane", "x"},
		`a\b,\\,c\`:            {`a\b`, `\,c\`},
		`"a,b"`:                {`"a`, `b"`},
		`=1+1,@x,-1`:           {"=1+1", "@x", "-1"},
	} {
		if got := split(line); !slices.Equal(got, want) {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

// read reads all lines, each with its error.
func readAll(t *testing.T, text string) (lines []string, total int64) {
	l := newLines(strings.NewReader(text))
	for {
		line, n, err := l.next()
		total += n
		switch {
		case err == io.EOF:
			return lines, total
		case err == errLong:
			lines = append(lines, "LONG")
		case err != nil:
			t.Fatal(err)
		default:
			lines = append(lines, string(line))
		}
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", maxBytes+3)
	for text, want := range map[string][]string{
		"":                             nil,
		"a":                            {"a"},
		"a\n":                          {"a"},
		"a\r\nb\n\n c":                 {"a", "b", "", " c"},
		"\n":                           {""},
		long + "\nb":                   {"LONG", "b"},
		"a\n" + long:                   {"a", "LONG"},
		long + long + long + "\r\nb\n": {"LONG", "b"},
	} {
		got, total := readAll(t, text)
		if !slices.Equal(got, want) || total != int64(len(text)) {
			t.Errorf("%.20q: %d lines of %d bytes: %.80q", text, len(got), total, got)
		}
	}
}

func TestTextRules(t *testing.T) {
	for line, want := range map[string]error{
		"ä":                             nil,
		strings.Repeat("ä", maxLine):    nil,
		strings.Repeat("ä", maxLine+1):  errLong,
		"a\xff":                         errUTF8,
		"a\x00":                         errUTF8,
		"\xed\xa0\x80 half a surrogate": errUTF8,
	} {
		if _, err := text([]byte(line)); err != want {
			t.Errorf("%.20q: %v, want %v", line, err, want)
		}
	}
}

func TestHeader(t *testing.T) {
	o := newOffice(t)
	good := Columns(o.pool)
	reversed := slices.Clone(good)
	slices.Reverse(reversed)
	for _, tt := range []struct {
		what, algorithm, line, want string
	}{
		{"as it is told", "", strings.Join(good, ","), ""},
		{"in another order", "", strings.Join(reversed, " , "), ""},
		{"with hashes", "BCRYPT", "password_hash," + strings.Join(good, ","), ""},
		{"without hashes", "BCRYPT", strings.Join(good, ","), `The header of the CSV file lacks a column: "password_hash".`},
		{"with hashes of nothing", "", "password_hash," + strings.Join(good, ","), `The header of the CSV file has a column that it must not have: "password_hash".`},
		{"without the last", "", strings.Join(good[:len(good)-1], ","), `The header of the CSV file lacks a column: "cognito:username".`},
		{"one twice", "", "email," + strings.Join(good, ","), `The header of the CSV file has a column twice: "email".`},
		{"in quotes", "", `"` + strings.Join(good, `","`) + `"`, `The header of the CSV file has a column that it must not have: "\"name\"".`},
		{"in capitals", "", strings.ToUpper(strings.Join(good, ",")), `The header of the CSV file has a column that it must not have: "NAME".`},
		{"with a mark", "", "\ufeff" + strings.Join(good, ","), "The CSV file begins with a byte order mark."},
		{"with a long name", "", strings.Repeat("x", 100), `The header of the CSV file has a column that it must not have: "` + strings.Repeat("x", 40) + `...".`},
		{"with control characters", "", "\x1b[2J", `The header of the CSV file has a column that it must not have: "\x1b[2J".`},
		{"not in UTF-8", "", "\xff", "The header of the CSV file is too long or not UTF-8 text."},
		{"empty", "", "", `The header of the CSV file has a column that it must not have: "".`},
	} {
		_, err := readHeader(o.pool, tt.algorithm, []byte(tt.line))
		if tt.want == "" && err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
		if f, ok := errors.AsType[*fault.Error](err); tt.want != "" && (!ok || f.Message != tt.want) {
			t.Errorf("%s: %v\nwant %s", tt.what, err, tt.want)
		}
	}
}

// FuzzLines holds the reader to give back every byte of a file, whatever it is, and no line beyond the limits.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"", "a,b\r\nc\\,d\n\n", "\xff\x00\n\"x\"", strings.Repeat("x", maxBytes+1) + "\n="} {
		f.Add([]byte(seed))
	}
	h := header{"name", columnUsername, columnMFA, columnHash, "email"}
	f.Fuzz(func(t *testing.T, file []byte) {
		l := newLines(bytes.NewReader(file))
		var at int64
		for {
			line, n, err := l.next()
			at += n
			if err == io.EOF {
				break
			}
			if len(line) > maxBytes+2 || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("a line of %d bytes", len(line))
			}
			if err == nil {
				h.check(t, line)
			}
		}
		if at != int64(len(file)) {
			t.Errorf("%d bytes of %d", at, len(file))
		}
	})
}

// check holds a candidate to have no value that the line has not.
func (h header) check(t *testing.T, line []byte) {
	c, err := h.candidate("BCRYPT", line)
	if err != nil {
		if message(err) == "" || strings.ContainsAny(message(err), "\r\n") {
			t.Errorf("%q is no line of a log", message(err))
		}
		return
	}
	plain := strings.ReplaceAll(string(line), `\,`, ",")
	for _, value := range []string{c.Username, c.MFA, c.Hash, c.Attributes["name"], c.Attributes["email"]} {
		if !strings.Contains(plain, value) || value != strings.TrimSpace(value) {
			t.Errorf("%q of %q", value, line)
		}
	}
}
