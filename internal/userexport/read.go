package userexport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/user"
	"cognate/internal/userimport"
)

// maxGroups is how many groups a file may have: as many as a pool.
const maxGroups = 10_000

// Reader reads the users of an export for a pool. It is a [userimport.Source].
type Reader struct {
	users  *user.Directory
	pool   *pool.Pool
	lines  *bufio.Reader
	header header
	number int64 // of the last line that was read
	seen   end
	groups map[string]bool
	over   bool
}

// NewReader reads the header of an export, in clear: see [Open]. It refuses one whose users the pool cannot have: an error
// says why.
func NewReader(users *user.Directory, p *pool.Pool, plain io.Reader) (*Reader, error) {
	r := &Reader{users: users, pool: p, lines: bufio.NewReaderSize(plain, 1<<16), groups: map[string]bool{}}
	text, err := r.next()
	if err != nil {
		return nil, err
	}
	if err := checkFormat(text); err != nil {
		return nil, err
	}
	var l line
	if err := json.Unmarshal(text, &l, json.RejectUnknownMembers(true)); err != nil || l.Header == nil {
		return nil, fmt.Errorf("%w: the header is not one", ErrDamaged)
	}
	r.header = *l.Header
	return r, fits(r.header.Schema, p)
}

// checkFormat looks at as much of a header as every version has.
func checkFormat(text []byte) error {
	var l struct {
		Header struct {
			Format  string `json:"format"`
			Version int    `json:"version"`
		} `json:"header"`
	}
	if err := json.Unmarshal(text, &l); err != nil || l.Header.Format != format {
		return errors.New("the file is no export of users")
	}
	if l.Header.Version != version {
		return fmt.Errorf("the export is of version %d, and this program reads version %d", l.Header.Version, version)
	}
	return nil
}

// Total is how many users the file is about to have.
func (r *Reader) Total() int64 { return r.header.Users }

// PoolID is the id of the pool that the users were exported from.
func (r *Reader) PoolID() string { return r.header.PoolID }

// fits refuses a pool that cannot have the users of another: that takes other names for them, or knows too few attributes.
func fits(s schema, p *pool.Pool) error {
	var problems []error
	if !sameSet(s.UsernameAttributes, p.Settings.UsernameAttributes) {
		problems = append(problems, fmt.Errorf("its users sign in with %s in the place of a user name, and those of the pool with %s",
			attributesText(s.UsernameAttributes), attributesText(p.Settings.UsernameAttributes)))
	}
	if s.CaseSensitive != p.CaseSensitive() {
		problems = append(problems, errors.New("one of the two pools tells capitals in user names from small letters, and the other does not"))
	}
	for _, a := range s.Attributes {
		switch have, ok := p.Attribute(a.Name); {
		case !isOwn(a.Name):
			problems = append(problems, fmt.Errorf("%.80q is no custom attribute", a.Name))
		case !ok:
			problems = append(problems, fmt.Errorf("the pool lacks the attribute %q: AddCustomAttributes adds it", a.Name))
		case have.AttributeDataType != a.Type:
			problems = append(problems, fmt.Errorf("the attribute %q is a %s, and a %.20q in the export", a.Name, have.AttributeDataType, a.Type))
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("the export does not fit the pool: %w", errors.Join(problems...))
	}
	return nil
}

func attributesText(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%.80q", strings.Join(names, " or "))
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// next returns the next line, good until the next call.
func (r *Reader) next() ([]byte, error) {
	r.number++
	text, err := r.lines.ReadSlice('\n')
	if err == nil {
		return text, nil
	}
	long := slices.Clone(text)
	for err == bufio.ErrBufferFull && len(long) <= maxLine {
		text, err = r.lines.ReadSlice('\n')
		long = append(long, text...)
	}
	switch {
	case err == nil && len(long) <= maxLine:
		return long, nil
	case len(long) > maxLine:
		return nil, fmt.Errorf("%w: line %d is longer than %d bytes", ErrDamaged, r.number, maxLine)
	case err == io.EOF:
		return nil, ErrDamaged // a line of the end comes before
	}
	return nil, err
}

// Next implements [userimport.Source].
func (r *Reader) Next() (userimport.Entry, error) {
	if r.over {
		return userimport.Entry{}, io.EOF
	}
	text, err := r.next()
	if err != nil {
		return userimport.Entry{}, err
	}
	var l line
	err = json.Unmarshal(text, &l, json.RejectUnknownMembers(true))
	switch {
	case err != nil || l.members() != 1: // below
	case l.User != nil:
		return r.user(*l.User), nil
	case l.Group != nil:
		return r.group(*l.Group)
	case l.End != nil:
		return userimport.Entry{}, r.end(*l.End)
	}
	r.seen.Users++ // so it was meant
	return userimport.Entry{Line: r.number, Err: errLine}, nil
}

func invalid(format string, args ...any) error {
	return fault.Newf(idp.CodeInvalidParameter, format, args...)
}

// errLine says nothing of what the line holds.
var errLine = invalid("The line is not one of an export.")

func (r *Reader) user(u user.Record) userimport.Entry {
	e := userimport.Entry{Line: r.number}
	r.seen.Users++
	for _, name := range u.Groups {
		if !r.groups[name] {
			e.Err = invalid("The user is in a group that the file does not have.")
			return e
		}
	}
	e.Recruit, e.Err = r.users.Reinstate(r.pool, user.RecordOrigin{PoolID: r.header.PoolID, KeyMark: r.header.KeyMark}, u)
	if id, err := uuid.Parse(u.Sub); err == nil {
		e.Sub = id.String()
	}
	return e
}

func (r *Reader) group(g group) (userimport.Entry, error) {
	texts := []string{g.Name, g.Description, g.RoleARN}
	bad := func(s string) bool { return !store.IsText(s) || utf8.RuneCountInString(s) > 2048 }
	if g.Name == "" || utf8.RuneCountInString(g.Name) > 128 || slices.ContainsFunc(texts, bad) || r.groups[g.Name] || len(r.groups) >= maxGroups {
		return userimport.Entry{}, fmt.Errorf("%w: the group of line %d cannot be one", ErrDamaged, r.number)
	}
	r.groups[g.Name] = true
	r.seen.Groups++
	row := g.row(r.pool.ID)
	return userimport.Entry{Line: r.number, Group: &row}, nil
}

// end holds the file to what it says of itself, and to have no more.
func (r *Reader) end(said end) error {
	if said != r.seen {
		return fmt.Errorf("%w: it has %d users and %d groups in the place of %d and %d", ErrDamaged, r.seen.Users, r.seen.Groups, said.Users, said.Groups)
	}
	if _, err := r.lines.ReadByte(); err != io.EOF {
		return ErrDamaged
	}
	r.over = true
	return io.EOF
}
