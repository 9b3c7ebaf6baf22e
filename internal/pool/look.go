package pool

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"cognate/internal/store"
)

// Classic is the look of the classic pages of a client. What it names are paths that the pages' door serves; see
// [Registry.BrandingFile].
type Classic struct {
	// CSS is the path of a style sheet that was checked, Logo that of a PNG or JPEG; "" for none.
	CSS, Logo string
}

// look is all that the pages of a client are dressed in; nil for what there is none of. It is read and kept as one,
// since a page wants most of it.
type look struct {
	poolID, clientID string
	classic          *Classic
	branding         *Branding
	terms            *Terms
}

// Classic returns the look of the classic pages of a client of a pool: its own, else the pool's, nil for none. It
// is shared and must not be changed, and at most 30 seconds old.
func (r *Registry) Classic(ctx context.Context, p *Pool, clientID string) (*Classic, error) {
	l, err := r.look(ctx, p, clientID)
	return l.classic, err
}

// Branding returns the look of managed login of a client of a pool, nil for none. It is shared and must not be
// changed, and at most 30 seconds old.
func (r *Registry) Branding(ctx context.Context, p *Pool, clientID string) (*Branding, error) {
	l, err := r.look(ctx, p, clientID)
	return l.branding, err
}

// Terms returns what a client of a pool has its users agree to, nil unless there are both terms of use and a privacy
// policy. They are shared and must not be changed, and at most 30 seconds old.
func (r *Registry) Terms(ctx context.Context, p *Pool, clientID string) (*Terms, error) {
	l, err := r.look(ctx, p, clientID)
	return l.terms, err
}

// look is never nil.
func (r *Registry) look(ctx context.Context, p *Pool, clientID string) (*look, error) {
	key := p.ID + "/" + clientID
	l, generation := r.looks.Get(key)
	if l != nil {
		return l, nil
	}
	l = &look{poolID: p.ID, clientID: clientID}
	if !isClientID(clientID) {
		return l, nil
	}
	now := time.Now()
	if err := r.db.View(ctx, l.read); err != nil {
		return &look{}, err
	}
	r.looks.Put(key, l, generation, now)
	return l, nil
}

func (l *look) read(tx *store.Tx) (err error) {
	if l.classic, err = readClassic(tx, l.poolID, l.clientID); err != nil {
		return err
	}
	if l.branding, err = readBranding(tx, l.poolID, l.clientID); err != nil {
		return err
	}
	l.terms, err = readTerms(tx, l.poolID, l.clientID)
	return err
}

// BrandingPattern is where a door serves [Registry.BrandingFile], on all hosts: {pool} is the pool's id and {name} the
// file's name.
const BrandingPattern = "GET " + brandingRoot + "{pool}/{name}"

const brandingRoot = "/_cognate/branding/"

const suffixCSS = "css"

// filePath is the path of a file on all hosts of its pool. The hash in it is that of the content: whoever has the file
// under a path may keep it for good.
func filePath(poolID, hash, suffix string) string {
	return brandingRoot + poolID + "/" + hash + "." + suffix
}

// address is the address of a path for those who come from elsewhere.
func (r *Registry) address(p *Pool, path string) string {
	u, err := url.Parse(or(r.opt.PublicURL, "https://"+r.opt.BaseDomain))
	if err != nil {
		return path
	}
	if p.Host() != "" {
		u.Host = strings.TrimSuffix(p.Host()+":"+u.Port(), ":")
	}
	return u.Scheme + "://" + u.Host + path
}

var fileName = regexp.MustCompile(`^[0-9a-f]{32}\.[a-z]{3,4}$`)

// BrandingFile returns an image or a style sheet of a pool by its name, the last part of its path, and its media type;
// an error that is [store.ErrNotFound] when there is none. Anybody may see it. It is not kept in memory. An SVG is safe
// as an image of a page, but a door that serves it adds a policy that lets it do nothing when it is opened by itself.
func (r *Registry) BrandingFile(ctx context.Context, poolID, name string) (content []byte, contentType string, err error) {
	if !fileName.MatchString(name) || !poolIDPattern.MatchString(poolID) {
		return nil, "", store.ErrNotFound
	}
	hash, suffix, _ := strings.Cut(name, ".")
	err = r.db.Look(ctx, func(tx *store.Tx) error {
		content, contentType, err = readFile(tx, poolID, hash, suffix)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return content, contentType, nil
}

func readFile(tx *store.Tx, poolID, hash, suffix string) ([]byte, string, error) {
	if suffix == suffixCSS {
		css, err := tx.GetClassicCSS(poolID, hash)
		return []byte(css), "text/css; charset=utf-8", err
	}
	i, err := tx.GetImage(poolID, hash)
	if err == nil && imageKinds[i.Kind].suffix != suffix {
		err = store.ErrNotFound
	}
	return i.Body, imageKinds[i.Kind].media, err
}
