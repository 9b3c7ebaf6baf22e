package pool

import (
	"encoding/binary"
	"time"
)

// pageLife is how long a list may be paged through.
const pageLife = time.Hour

// PageToken seals the key after which a list goes on, for a client to bring back.
// The kind names the list and all that selects its rows, such as
// "ListUsers/"+pool+"/"+filter; the token is good for no other and for one hour.
// An empty key, the end of a list, has an empty token.
func (r *Registry) PageToken(kind, key string) string {
	if key == "" {
		return ""
	}
	plain := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(pageLife).Unix()))
	return r.keys.SealText(append(plain, key...), pageBinding(kind))
}

// OpenPageToken returns the key that PageToken sealed for kind; an empty token is
// the beginning of the list, an empty key. Any other token is an
// InvalidParameterException.
func (r *Registry) OpenPageToken(kind, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	plain, err := r.keys.OpenText(token, pageBinding(kind))
	if err != nil || len(plain) < 8 || time.Now().Unix() >= int64(binary.BigEndian.Uint64(plain)) {
		return "", invalid("Invalid pagination token.")
	}
	return string(plain[8:]), nil
}

func pageBinding(kind string) string { return "page/" + kind }
