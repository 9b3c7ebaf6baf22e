package userimport

import (
	"crypto/hmac"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cognate/internal/fault"
)

// The kinds of links.
const (
	uploadLink = "upload"
	logLink    = "log"
)

const (
	uploadWithin = 15 * time.Minute // as Cognito's
	logWithin    = time.Hour
)

// Path is where the links of jobs begin, on the server's public address: <Path>{pool}/{job} takes the file, and
// <Path>{pool}/{job}/log shows the log.
const Path = "/_cognate/import/"

// Link is what a link to a job says, as it came.
type Link struct {
	PoolID, JobID      string
	Expires, Signature string // the query parameters expires and signature
}

// link makes a link that is good until a time.
func (s *Service) link(what, poolID, jobID string, until time.Time) string {
	l := Link{PoolID: poolID, JobID: jobID, Expires: strconv.FormatInt(until.Unix(), 10)}
	path := Path + url.PathEscape(poolID) + "/" + jobID
	if what == logLink {
		path += "/log"
	}
	query := url.Values{"expires": {l.Expires}, "signature": {s.sign(what, l)}}
	return strings.TrimSuffix(s.opt.PublicURL, "/") + path + "?" + query.Encode()
}

// sign is the signature of a link: half of a MAC, which is more than enough against guessing.
func (s *Service) sign(what string, l Link) string {
	return base64.RawURLEncoding.EncodeToString(s.keys.MAC("import-link", what, l.PoolID, l.JobID, l.Expires)[:16])
}

// check refuses a link that we have not made, or that is over.
func (s *Service) check(what string, l Link) error {
	if !hmac.Equal([]byte(s.sign(what, l)), []byte(l.Signature)) {
		return fault.New(CodeAccessDenied, "The signature of the link is not valid.")
	}
	until, err := strconv.ParseInt(l.Expires, 10, 64)
	if err != nil || time.Now().Unix() >= until {
		return fault.New(CodeAccessDenied, "The link has expired.")
	}
	return nil
}
