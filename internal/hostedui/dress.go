package hostedui

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// themes keeps the looks of clients that have been made. The pool side returns the same pointers until something changes.
type themes struct {
	mu sync.Mutex
	by map[string]dressed // by client id
}

type dressed struct {
	branding *pool.Branding
	classic  *pool.Classic
	theme    *Theme
}

// maxThemes bounds the memory of themes.
const maxThemes = 1000

// get returns the look made of what the pool side says, and makes it when that is new.
func (t *themes) get(clientID string, b *pool.Branding, c *pool.Classic) *Theme {
	t.mu.Lock()
	defer t.mu.Unlock()
	have, ok := t.by[clientID]
	if ok && have.branding == b && have.classic == c {
		return have.theme
	}
	if t.by == nil || len(t.by) >= maxThemes {
		t.by = map[string]dressed{}
	}
	have = dressed{b, c, NewTheme(themeSource(clientID, b, c))}
	t.by[clientID] = have
	return have.theme
}

func themeSource(clientID string, b *pool.Branding, c *pool.Classic) ThemeSource {
	from := ThemeSource{ID: clientID}
	if b != nil {
		from.Settings = []byte(b.Settings)
		for _, a := range b.Assets {
			from.Assets = append(from.Assets, ThemeAsset{Category: a.Category, ColorMode: a.ColorMode, URL: a.Path})
		}
	}
	if c != nil {
		from.ClassicCSS, from.Logo = c.CSS, c.Logo
	}
	return from
}

// errNoLook says that there are no pages for a client at a domain of managed login: nobody has given it a branding.
var errNoLook = errors.New("no branding")

// dress finds the look of the client's pages: that of managed login, or of the classic pages, as the domain has it. At a
// host that is no pool's domain it is whichever there is, or the house's own.
func (v *visit) dress() error {
	p, c := v.request.Pool, v.request.Client
	owner, err := v.Pools.ByHost(v.ctx, v.r.Host)
	if err != nil {
		return err
	}
	managed := owner == nil || owner.ManagedLogin(v.r.Host)
	v.look, err = v.lookOf(v.ctx, p, c.ID, managed, owner == nil)
	if errors.Is(err, errNoLook) {
		v.present(http.StatusForbidden, &Unavailable{v.frame("")})
		return errShown
	}
	return err
}

// lookOf is the look of a client; nil is the house's own.
func (s *Service) lookOf(ctx context.Context, p *pool.Pool, clientID string, managed, either bool) (*Theme, error) {
	var b *pool.Branding
	var c *pool.Classic
	var err error
	if managed {
		if b, err = s.Pools.Branding(ctx, p, clientID); err != nil {
			return nil, err
		}
	}
	if b == nil && (either || !managed) {
		if c, err = s.Pools.Classic(ctx, p, clientID); err != nil {
			return nil, err
		}
	}
	switch {
	case b == nil && managed && !either:
		return nil, errNoLook
	case b == nil && c == nil:
		return nil, nil
	}
	return s.themes.get(clientID, b, c), nil
}

// terms are the links to the client's terms, in the language of the page.
func (v *visit) terms() *Terms {
	t, err := v.Pools.Terms(v.ctx, v.request.Pool, v.request.Client.ID)
	if err != nil {
		v.logger.ErrorContext(v.ctx, "terms failed", "cause", err) // a page without them is better than none
		return nil
	}
	if t == nil {
		return nil
	}
	use, privacy := t.Links(v.language)
	if use == "" || privacy == "" {
		return nil
	}
	return &Terms{Use: use, Privacy: privacy}
}

// theme serves the CSS of a client's look.
func (s *Service) theme(w http.ResponseWriter, r *http.Request) {
	p, c, err := s.Pools.Client(r.Context(), r.PathValue("id"))
	var look *Theme
	if err == nil {
		look, err = s.lookOf(r.Context(), p, c.ID, true, true)
	}
	switch _, unknown := errors.AsType[*fault.Error](err); {
	case unknown, err == nil && look == nil:
		http.NotFound(w, r)
	case err != nil:
		s.logger.ErrorContext(r.Context(), "theme failed", "cause", err)
		http.Error(w, "Internal error.", http.StatusInternalServerError)
	default:
		look.ServeHTTP(w, r)
	}
}

// branding serves an image or a style sheet that somebody has given to a pool: it can do nothing, wherever it is opened.
func (s *Service) branding(w http.ResponseWriter, r *http.Request) {
	content, kind, err := s.Pools.BrandingFile(r.Context(), r.PathValue("pool"), r.PathValue("name"))
	if errors.Is(err, store.ErrNotFound) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		s.logger.ErrorContext(r.Context(), "branding failed", "cause", err)
		http.Error(w, "Internal error.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	name := r.PathValue("name")
	hash, _, _ := strings.Cut(name, ".")
	r.SetPathValue("hash", hash)
	asset{hash: hash, kind: kind, body: content}.serve(w, r)
}
