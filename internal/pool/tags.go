package pool

import (
	"maps"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/secret"
)

// The tags of a pool that Cognate itself reads; see the package's comment. Of
// several idTags the first one counts.
const (
	tagOwn      = "cognate:"
	tagIssuer   = tagOwn + "issuer"
	tagClientID = tagOwn + "client-id:"
	tagLinks    = tagOwn + "sign-in-links"
	tagFrames   = tagOwn + "frame-ancestors:"

	tagEnabled  = "enabled"
	tagDisabled = "disabled"

	maxTags = 50
)

var (
	idTags = [...]string{tagOwn + "id", "_custom_id_", "floci:override-id", "ms-custom-id"}

	regionPattern   = regexp.MustCompile(`^[0-9a-zA-Z-]+$`) // no "_": clients cut the id at the first
	poolIDPattern   = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)
	poolPartPattern = regexp.MustCompile(`^[0-9a-zA-Z]+$`)
	clientIDPattern = regexp.MustCompile(`^[\w+]+$`)
)

// IsRegion reports whether a text can be the name of a region.
func IsRegion(text string) bool {
	return len(text) >= 5 && len(text) <= 32 && regionPattern.MatchString(text)
}

// isClientID reports whether a text has the form of a client's id.
func isClientID(id string) bool { return len(id) <= 128 && clientIDPattern.MatchString(id) }

// IsTagText reports whether a text has only what the keys and values of AWS's tags may hold.
func IsTagText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

const maxPoolID = 55

// checkTags applies the general rules of AWS tags, then those of the tags that
// mean something here.
func checkTags(tags map[string]string, dev bool) error {
	if len(tags) > maxTags {
		return fault.Newf(idp.CodeUserPoolTagging, "A user pool can have at most %d tags.", maxTags)
	}
	for k, v := range tags {
		switch {
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return fault.New(idp.CodeUserPoolTagging, "Tag keys that begin with aws: are reserved.")
		case k == "" || len([]rune(k)) > 128 || len([]rune(v)) > 256 || !IsTagText(k) || !IsTagText(v):
			return fault.Newf(idp.CodeUserPoolTagging, "The tag %q is invalid.", k)
		case strings.HasPrefix(k, tagClientID) && !isClientID(v):
			return invalidf("The tag %s does not hold a valid client id.", k)
		case strings.HasPrefix(k, tagFrames) && !areOrigins(strings.Fields(v), dev):
			return invalidf("The tag %s must be https origins, separated by spaces.", k)
		case k == tagLinks && v != tagEnabled && v != tagDisabled:
			return invalidf("The tag %s must be %s or %s.", k, tagEnabled, tagDisabled)
		}
	}
	return checkIssuer(tags[tagIssuer], dev)
}

// checkIssuer lets an issuer be what verifiers can be configured with: it stands
// in every token, and discovery appends a path to it.
func checkIssuer(issuer string, dev bool) error {
	if issuer == "" || issuer == "self" || issuer == "aws" {
		return nil
	}
	u, err := url.Parse(issuer)
	secure := err == nil && (u.Scheme == "https" || dev && u.Scheme == "http")
	if !secure || u.Host == "" || u.User != nil || strings.ContainsAny(issuer, "?#") || strings.HasSuffix(issuer, "/") {
		return invalidf("The tag %s must be self, aws or an https URL without query, fragment and final slash.", tagIssuer)
	}
	return nil
}

// areOrigins reports whether all of list are origins that a page may be framed by: in development without TLS, too.
func areOrigins(list []string, dev bool) bool {
	for _, text := range list {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" && !(dev && u.Scheme == "http") || u.Host == "" || text != u.Scheme+"://"+u.Host || strings.ContainsAny(u.Host, ";,' *") {
			return false
		}
	}
	return len(list) > 0
}

// ownTags returns those of Cognate's own tags among tags.
func ownTags(tags map[string]string) map[string]string {
	own := maps.Clone(tags)
	maps.DeleteFunc(own, func(k, _ string) bool { return !strings.HasPrefix(k, tagOwn) })
	return own
}

// newPoolID returns the id and region of a new pool that is asked for in region:
// id when it is not empty, else what the tags pin, else a random one.
func newPoolID(region, id string, tags map[string]string) (newID, newRegion string, err error) {
	for _, t := range idTags {
		id = or(id, tags[t])
	}
	switch {
	case id == "":
		id = region + "_" + secret.RandomAlnum(9)
	case poolPartPattern.MatchString(id):
		id = region + "_" + id
	case !poolIDPattern.MatchString(id):
		return "", "", invalidf("%q is not a valid user pool id.", id)
	default:
		region = id[:strings.LastIndexByte(id, '_')]
	}
	if !regionPattern.MatchString(region) || len(id) > maxPoolID {
		return "", "", invalidf("%q is not a valid user pool id.", id)
	}
	return id, region, nil
}

// newClientID returns the id of a new client: id when it is not empty, else what
// the pool's tags pin, else a random one.
func newClientID(id, name string, tags map[string]string) (string, error) {
	id = or(id, tags[tagClientID+name])
	if id == "" {
		return secret.RandomAlnum(26), nil
	}
	if !isClientID(id) {
		return "", invalidf("%q is not a valid client id.", id)
	}
	return id, nil
}
