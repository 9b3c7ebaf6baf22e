package userimport

import (
	"bytes"
	"errors"
	"io"

	"cognate/internal/pool"
	"cognate/internal/user"
)

// csvSource is a file in Cognito's format.
type csvSource struct {
	users     *user.Directory
	pool      *pool.Pool
	algorithm string
	header    header
	lines     *lines
	line      int64 // the last one that was read
}

// NewCSV reads a CSV file as import jobs take it, for a pool that verifies some address by itself. With an algorithm of
// password hashes the file has a column of them. The header is read at once: an error says what is wrong with it.
func NewCSV(users *user.Directory, p *pool.Pool, algorithm string, file io.Reader) (Source, error) {
	if len(p.Settings.AutoVerifiedAttributes) == 0 {
		return nil, errNotVerifying
	}
	s := &csvSource{users: users, pool: p, algorithm: algorithm, lines: newLines(file), line: 1}
	line, _, err := s.lines.next()
	if err != nil && err != errLong && err != io.EOF {
		return nil, err
	}
	if s.header, err = readHeader(p, algorithm, line); err != nil {
		return nil, errors.New(message(err))
	}
	return s, nil
}

// Next implements Source. Empty lines are no users.
func (s *csvSource) Next() (Entry, error) {
	for {
		line, _, err := s.lines.next()
		if err != nil && err != errLong {
			return Entry{}, err
		}
		s.line++
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		e := Entry{Line: s.line, Err: err}
		if e.Err == nil {
			e.Recruit, e.Err = recruit(s.users, s.pool, s.header, s.algorithm, line)
		}
		return e, nil
	}
}

// recruit reads a line of a CSV file.
func recruit(users *user.Directory, p *pool.Pool, h header, algorithm string, line []byte) (user.Recruit, error) {
	c, err := h.candidate(algorithm, line)
	if err != nil {
		return user.Recruit{}, err
	}
	return users.Recruit(p, c)
}
