// Package userexport writes the users of a pool to a file that a passphrase seals, with all that belongs to them, and reads
// such files.
//
// A file is sealed by age (https://age-encryption.org/v1) with a passphrase: whoever has no passphrase sees nothing of it but its length,
// and what has been changed or cut off is noticed before it is read. Inside are lines of JSON, each an object with one member: a header
// first, then groups and users, and in the end how many there were. docs/import.md has the members.
package userexport

import (
	"time"

	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/user"
)

const (
	format  = "cognate-users"
	version = 1
	// maxLine is how long a line may be, in bytes. A user with all that there may be of a user has a quarter of it.
	maxLine = 4 << 20
)

// line is one of a file: one member is set.
type line struct {
	Header *header      `json:"header,omitzero"`
	Group  *group       `json:"group,omitzero"`
	User   *user.Record `json:"user,omitzero"`
	End    *end         `json:"end,omitzero"`
}

// members is how many members are set.
func (l *line) members() (n int) {
	for _, set := range []bool{l.Header != nil, l.Group != nil, l.User != nil, l.End != nil} {
		if set {
			n++
		}
	}
	return n
}

// header tells what the file is, and of the pool what another must have in common with it.
type header struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Created time.Time `json:"created"`
	PoolID  string    `json:"pool"`
	KeyMark []byte    `json:"key_mark"` // see [user.Directory.KeyMark]
	Users   int64     `json:"users"`    // when the export began
	Schema  schema    `json:"schema"`
}

// schema is what decides what the users of a pool are like.
type schema struct {
	CaseSensitive      bool        `json:"case_sensitive"`
	UsernameAttributes []string    `json:"username_attributes,omitzero"`
	Attributes         []attribute `json:"attributes,omitzero"` // those of the pool's own
}

// attribute is one that the pool has been given.
type attribute struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// group is a group of users.
type group struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitzero"`
	RoleARN     string    `json:"role_arn,omitzero"`
	Precedence  *int64    `json:"precedence,omitzero"`
	Created     time.Time `json:"created"`
	Modified    time.Time `json:"modified"`
}

// end closes a file that has not been cut off between two lines.
type end struct {
	Users  int64 `json:"users"`
	Groups int64 `json:"groups"`
}

func schemaOf(p *pool.Pool) schema {
	s := schema{CaseSensitive: p.CaseSensitive(), UsernameAttributes: p.Settings.UsernameAttributes}
	for _, a := range p.Settings.SchemaAttributes {
		if isOwn(a.Name) {
			s.Attributes = append(s.Attributes, attribute{a.Name, a.AttributeDataType})
		}
	}
	return s
}

func groupOf(g store.Group) *group {
	return &group{g.Name, g.Description, g.RoleARN, g.Precedence, g.Created, g.Modified}
}

func (g group) row(poolID string) store.Group {
	return store.Group{
		PoolID: poolID, Name: g.Name, Description: g.Description, RoleARN: g.RoleARN, Precedence: g.Precedence,
		Created: g.Created.UTC(), Modified: g.Modified.UTC(),
	}
}
