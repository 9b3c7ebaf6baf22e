package user

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
)

// Breached knows passwords that have become public. It is safe for concurrent use.
type Breached interface {
	// Has reports whether a password is among them. An error means that it cannot tell.
	Has(ctx context.Context, password string) (bool, error)
}

// checkNew tells why a password cannot be chosen: the pool's policy, or that it is known from a breach. When
// the latter cannot be told the password is refused, too, by an error of the server's.
func (d *Directory) checkNew(ctx context.Context, p *pool.Pool, prefix, password string) error {
	if err := checkPolicy(p, prefix, password); err != nil || d.options.Breached == nil {
		return err
	}
	known, err := d.options.Breached.Has(ctx, password)
	if err != nil {
		return fmt.Errorf("user: the breached passwords cannot be read, so no password can be set: %w", err)
	}
	if known {
		return fault.New(idp.CodeInvalidPassword, prefix+"Password is known from a data breach")
	}
	return nil
}

const (
	hashLength = 2 * sha1.Size // of a hash in hex
	// longestLine is more than a line has: a hash, a colon, a count and an end.
	longestLine = 96
	// orderSamples is how many lines of a file are looked at to see that it is sorted.
	orderSamples = 256
)

// BreachFile looks passwords up in a sorted file of the SHA-1 hashes of breached ones, in hex, one on each
// line, each perhaps followed by a colon and a count: the form of the "Pwned Passwords" download that is
// ordered by hash. It keeps nothing of the file in memory.
type BreachFile struct {
	file *os.File
	size int64
}

// OpenBreachFile opens such a file. That it is not one is an error as far as samples show.
func OpenBreachFile(path string) (*BreachFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &BreachFile{file: f}
	if err := b.inspect(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Close closes the file.
func (b *BreachFile) Close() error { return b.file.Close() }

func (b *BreachFile) inspect() error {
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	if b.size = info.Size(); b.size == 0 {
		return errors.New("the file is empty")
	}
	var before []byte
	for i := range int64(orderSamples) {
		hash, _, err := b.lineAt(b.size * i / orderSamples)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if bytes.Compare(before, hash) > 0 {
			return errors.New("the hashes are not sorted")
		}
		before = hash
	}
	return nil
}

// Has looks a password up.
func (b *BreachFile) Has(_ context.Context, password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	// The line looked for, if there is one, begins at low or after it, and before high.
	low, high := int64(0), b.size
	for low < high {
		middle := low + (high-low)/2
		hash, end, err := b.lineAt(middle)
		switch order := bytes.Compare(hash, sum[:]); {
		case err == io.EOF:
			high = middle
		case err != nil:
			return false, err
		case order == 0:
			return true, nil
		case order < 0:
			low = end
		default:
			high = middle
		}
	}
	return false, nil
}

// lineAt returns the hash of the first line that begins at offset or after it, and where that line ends; io.EOF
// when none does.
func (b *BreachFile) lineAt(offset int64) (hash []byte, end int64, err error) {
	from := max(0, offset-1) // the byte before tells whether a line begins here
	buffer := make([]byte, 2*longestLine)
	n, err := b.file.ReadAt(buffer, from)
	if err != nil && err != io.EOF {
		return nil, 0, err
	}
	text := buffer[:n]
	if offset > 0 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 && n < len(buffer) {
			return nil, 0, io.EOF
		}
		if i < 0 || i >= longestLine {
			return nil, 0, b.malformed(offset)
		}
		text, from = text[i+1:], from+int64(i)+1
	}
	if len(bytes.TrimSpace(text)) == 0 && n < len(buffer) {
		return nil, 0, io.EOF
	}
	line, _, ended := bytes.Cut(text, []byte("\n"))
	length := int64(len(line))
	if ended {
		length++
	}
	if hash, err = parseHash(line); err != nil || !ended && n == len(buffer) {
		return nil, 0, b.malformed(from)
	}
	return hash, from + length, nil
}

func (b *BreachFile) malformed(offset int64) error {
	return fmt.Errorf("there is no line with a SHA-1 hash at byte %d", offset)
}

func parseHash(line []byte) ([]byte, error) {
	text, _, _ := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(":"))
	if len(text) != hashLength {
		return nil, hex.ErrLength
	}
	return hex.AppendDecode(nil, text)
}
