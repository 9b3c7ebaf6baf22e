package hostedui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
)

//go:embed assets/*
var assetFiles embed.FS

// AssetsPattern and ThemePattern are where View.Assets and a Theme serve.
const (
	AssetsPattern = "GET /_cognate/assets/{hash}/{name}"
	ThemePattern  = "GET /_cognate/themes/{id}/{hash}/theme.css"
)

// asset is a file that the pages load.
type asset struct {
	url, hash, kind string
	body            []byte
}

var assetKinds = map[string]string{"style.css": "text/css; charset=utf-8", "passkey.js": "text/javascript; charset=utf-8"}

func readAssets() map[string]asset {
	assets := map[string]asset{}
	for name, kind := range assetKinds {
		body, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		hash := contentHash(body)
		assets[name] = asset{url: path.Join("/_cognate/assets", hash, name), hash: hash, kind: kind, body: body}
	}
	return assets
}

// contentHash is part of an asset's address, so that the address changes with the content.
func contentHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}

// Assets serves the pages' CSS and script at AssetsPattern. What is asked for by its content's hash may be kept for
// good; by another, as a page of another version of the server does, it is sent but not to be kept.
func (v *View) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := v.assets[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		a.serve(w, r)
	})
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if r.PathValue("hash") == a.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if r.Method != http.MethodHead {
		w.Write(a.body) // whoever does not listen any more needs no answer
	}
}
