package srp

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timestampLayout is EEE MMM d HH:mm:ss z yyyy, in UTC.
const timestampLayout = "Mon Jan 2 15:04:05 UTC 2006"

// ErrBadTimestamp is returned for a text that is no TIMESTAMP.
var ErrBadTimestamp = errors.New("srp: not a timestamp")

// timestampPattern is what the lenient parser of the original takes: any weekday, and numbers of one or
// two digits.
var timestampPattern = regexp.MustCompile(`^(?i:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]* ([A-Za-z]{3}) (\d{1,2}) (\d{1,2}):(\d{1,2}):(\d{1,2}) (?:UTC|GMT|Z) (\d{4})$`)

// ParseTimestamp reads a TIMESTAMP and returns its instant and how we would write it. A client signs the
// text that it sends, and the server checks the signature over its own writing of the instant: so a
// wrong weekday or a padded day passes here and fails there (protocol page "srp", section 2.4).
func ParseTimestamp(text string) (at time.Time, canonical string, err error) {
	m := timestampPattern.FindStringSubmatch(text)
	if m == nil {
		return at, "", ErrBadTimestamp
	}
	month, err := time.Parse("Jan", strings.ToUpper(m[1][:1])+strings.ToLower(m[1][1:]))
	if err != nil {
		return at, "", ErrBadTimestamp
	}
	var n [5]int
	for i, digits := range m[2:] {
		n[i], _ = strconv.Atoi(digits)
	}
	at = time.Date(n[4], month.Month(), n[0], n[1], n[2], n[3], 0, time.UTC)
	return at, Timestamp(at), nil
}
