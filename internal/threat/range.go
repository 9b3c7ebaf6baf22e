package threat

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"cognate/internal/outbound"
)

// Range asks a service for passwords that have become public, in the way of "Pwned Passwords": of the SHA-1 hash of a
// password it learns the first five hex digits, which hundreds of its hashes share, and answers with the rest of those.
// The answers are padded, so that their length tells nothing either. Those to recent questions are kept for a while, in
// bounded memory. It is safe for concurrent use.
type Range struct {
	client  *http.Client
	address string

	mu   sync.Mutex
	kept map[string]answer // by the digits
}

// answer is what the service knows of the hashes that begin with some digits: the rest of each in upper-case hex, between
// line ends.
type answer struct {
	rest string
	at   time.Time
}

const (
	rangeDigits  = 5
	rangeTimeout = 2 * time.Second // a user waits
	rangeAge     = time.Hour
	maxKept      = 64 // answers, of some 40 KB each
	maxRange     = 512 << 10
)

// CheckRange tells what is wrong with the address of a service.
func CheckRange(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it is not the address of a service")
	}
	if u.Scheme != "https" {
		return errors.New("it is not https")
	}
	if !strings.HasSuffix(u.Path, "/") {
		return errors.New("it does not end with a slash")
	}
	return nil
}

// NewRange makes a list that asks the service at an address, to which the digits are added.
func NewRange(c *http.Client, address string) *Range {
	return &Range{client: c, address: address, kept: map[string]answer{}}
}

// Has looks a password up.
func (r *Range) Has(ctx context.Context, password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	hash := strings.ToUpper(hex.EncodeToString(sum[:]))
	digits, rest := hash[:rangeDigits], hash[rangeDigits:]
	known, ok := r.recall(digits)
	if !ok {
		var err error
		if known, err = r.ask(ctx, digits); err != nil {
			return false, fmt.Errorf("threat: the service of public passwords: %w", err)
		}
		r.keep(digits, known)
	}
	return strings.Contains(known, "\n"+rest+"\n"), nil
}

func (r *Range) recall(digits string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.kept[digits]
	return a.rest, ok && time.Since(a.at) < rangeAge
}

func (r *Range) keep(digits, rest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.kept[digits]; !ok && len(r.kept) >= maxKept {
		for victim := range r.kept { // the order of a map is as good as random
			delete(r.kept, victim)
			break
		}
	}
	r.kept[digits] = answer{rest, time.Now()}
}

// ask asks the service. No error names the digits.
func (r *Range) ask(ctx context.Context, digits string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, rangeTimeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, r.address+digits, nil)
	if err != nil {
		return "", errors.New("the address is malformed")
	}
	q.Header = http.Header{"User-Agent": {"Cognate"}, "Add-Padding": {"true"}, "Accept": {"text/plain"}}
	status, body, err := outbound.Do(r.client, q, maxRange)
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("it answers %d", status)
	}
	if err != nil {
		return "", err
	}
	return parseRange(body)
}

var errRange = errors.New("it answers something else than hashes")

// parseRange reads an answer: on each line the rest of a hash in hex, a colon, and how often the password has been seen. A
// line of a password that has been seen no time is padding.
func parseRange(body []byte) (string, error) {
	out, lines := []byte{'\n'}, 0
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			continue
		}
		rest, count, ok := bytes.Cut(line, []byte(":"))
		n, err := strconv.ParseUint(string(count), 10, 63)
		if !ok || err != nil || len(rest) != 2*sha1.Size-rangeDigits || len(bytes.Trim(rest, "0123456789ABCDEFabcdef")) > 0 {
			return "", errRange
		}
		if lines++; n > 0 {
			out = append(append(out, bytes.ToUpper(rest)...), '\n')
		}
	}
	if lines == 0 {
		return "", errRange
	}
	return string(out), nil
}
