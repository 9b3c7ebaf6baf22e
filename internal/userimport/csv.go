package userimport

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/user"
)

// The columns that are no attributes.
const (
	columnMFA      = "cognito:mfa_enabled"
	columnUsername = "cognito:username"
	columnHash     = "password_hash"
)

// standardColumns are the attributes that every file has a column of, in Cognito's order.
var standardColumns = []string{
	"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
	"email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number", "phone_number_verified", "address", "updated_at",
}

// Columns are the columns of a file for a pool, without that of password hashes.
func Columns(p *pool.Pool) []string {
	columns := slices.Clone(standardColumns)
	for _, a := range p.Settings.SchemaAttributes {
		if strings.HasPrefix(a.Name, "custom:") || strings.HasPrefix(a.Name, "dev:custom:") {
			columns = append(columns, a.Name)
		}
	}
	return append(columns, columnMFA, columnUsername)
}

const (
	maxLine  = 16_000 // characters
	maxBytes = utf8.UTFMax * maxLine
)

// The rules of single lines; a log says which of them a line breaks.
var (
	errLong   = invalid("The line is longer than %d characters.", maxLine)
	errUTF8   = invalid("The line is not UTF-8 text.")
	errQuoted = invalid("The value of a column is quoted. Quotes have no meaning here: a comma in a value is written as \\,")
)

func invalid(format string, args ...any) error {
	return fault.Newf(idp.CodeInvalidParameter, format, args...)
}

// lines reads a file line by line in bounded memory.
type lines struct{ r *bufio.Reader }

func newLines(r io.Reader) *lines { return &lines{bufio.NewReaderSize(r, maxBytes+2)} }

// next returns a line without its end, good until the next call, and how many bytes of the file it and its end take. Of a
// line that is too long it returns errLong; at the end of the file, io.EOF.
func (l *lines) next() (line []byte, n int64, err error) {
	line, err = l.r.ReadSlice('\n')
	n = int64(len(line))
	if err == bufio.ErrBufferFull {
		for err == bufio.ErrBufferFull {
			line, err = l.r.ReadSlice('\n')
			n += int64(len(line))
		}
		if err == nil || err == io.EOF {
			err = errLong
		}
		return nil, n, err
	}
	if err == io.EOF && n > 0 {
		err = nil // the last line may have no end
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), n, err
}

// text is a line as a text that keeps the rules of the format.
func text(line []byte) (string, error) {
	switch {
	case !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0:
		return "", errUTF8
	case utf8.RuneCount(line) > maxLine:
		return "", errLong
	}
	return string(line), nil
}

// split cuts a line at its commas. A comma after a backslash is part of a value. White space around values is none of them.
func split(line string) []string {
	var values []string
	var value strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == ',':
			value.WriteByte(',')
			i++
		case line[i] == ',':
			values = append(values, strings.TrimSpace(value.String()))
			value.Reset()
		default:
			value.WriteByte(line[i])
		}
	}
	return append(values, strings.TrimSpace(value.String()))
}

// header is the columns of a file, in its order.
type header []string

// readHeader reads the first line: all columns that the pool's files have, in any order.
func readHeader(p *pool.Pool, algorithm string, line []byte) (header, error) {
	if bytes.HasPrefix(line, []byte("\xef\xbb\xbf")) {
		return nil, invalid("The CSV file begins with a byte order mark.")
	}
	s, err := text(line)
	if err != nil {
		return nil, invalid("The header of the CSV file is too long or not UTF-8 text.")
	}
	want := Columns(p)
	if algorithm != "" {
		want = append(want, columnHash)
	}
	h := header(split(s))
	seen := map[string]bool{}
	for _, column := range h {
		switch {
		case !slices.Contains(want, column):
			return nil, invalid("The header of the CSV file has a column that it must not have: %s.", shown(column))
		case seen[column]:
			return nil, invalid("The header of the CSV file has a column twice: %s.", shown(column))
		}
		seen[column] = true
	}
	for _, column := range want {
		if !seen[column] {
			return nil, invalid("The header of the CSV file lacks a column: %s.", shown(column))
		}
	}
	return h, nil
}

// shown cuts what a message quotes.
func shown(column string) string {
	const most = 40
	if runes := []rune(column); len(runes) > most {
		column = string(runes[:most]) + "..."
	}
	return fmt.Sprintf("%q", column)
}

// candidate reads a line under the header.
func (h header) candidate(algorithm string, line []byte) (c user.Candidate, err error) {
	s, err := text(line)
	if err != nil {
		return c, err
	}
	values := split(s)
	if len(values) != len(h) {
		return c, invalid("The line has %d columns, and the header has %d.", len(values), len(h))
	}
	c = user.Candidate{Attributes: make(map[string]string, 4), Algorithm: algorithm}
	for i, column := range h {
		value := values[i]
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			return c, errQuoted
		}
		switch {
		case column == columnUsername:
			c.Username = value
		case column == columnMFA:
			c.MFA = value
		case column == columnHash:
			c.Hash = value
		case value != "":
			c.Attributes[column] = value
		}
	}
	return c, nil
}
