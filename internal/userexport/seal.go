package userexport

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"filippo.io/age"

	"cognate/internal/secret"
)

const (
	// MinPassphrase is how many characters a passphrase has at least that a file is sealed with.
	MinPassphrase = 12
	// workFactor is the power of two of scrypt's N: 64 MB and a quarter of a second for each guess. More would not leave an
	// export within the memory that it is to make do with.
	workFactor = 16
	// maxWorkFactor is that of files which age itself has sealed: 256 MB. A file that asks for more is refused.
	maxWorkFactor = 18
)

// Errors of files.
var (
	ErrPassphrase = errors.New("the passphrase is not the one that the file is sealed with")
	ErrDamaged    = errors.New("the file is damaged or cut off")
)

// Magic is what a sealed file begins with.
const Magic = "age-encryption.org/v1\n"

// Seal returns a writer that seals what is written with a passphrase. Closing it ends the file: without, it counts as cut off.
func Seal(w io.Writer, passphrase secret.Text) (io.WriteCloser, error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(workFactor)
	defer debug.FreeOSMemory() // what the key took would count as in use for long
	return age.Encrypt(w, r)
}

// Open opens what [Seal] has sealed. What is read of it has not been changed by anybody without the passphrase; [ErrDamaged]
// says that the rest has, or is missing.
func Open(r io.Reader, passphrase secret.Text) (io.Reader, error) {
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	defer debug.FreeOSMemory()
	plain, err := age.Decrypt(r, id)
	var other *age.NoIdentityMatchError
	switch {
	case errors.As(err, &other):
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return damaged{plain}, nil
}

// damaged tells what is wrong with a file that cannot be read any further.
type damaged struct{ r io.Reader }

func (d damaged) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return n, err
}
