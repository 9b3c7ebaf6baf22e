package identityserver

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/internal/token"
)

// Documents are those by which services that give credentials verify the tokens of identities: OpenID Connect discovery of
// an issuer that signs nobody in.
type Documents struct {
	Tokens *token.Service
	Logger *slog.Logger
}

// How long the documents are kept by who reads them: the keys as long as Cognito's.
const (
	discoveryAge = 24 * time.Hour
	keysAge      = 30 * 24 * time.Hour
)

// Register adds the paths of the documents to mux. That of the keys is Cognito's, to the letter.
func (d Documents) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /_cognate/identity/.well-known/openid-configuration", d.serve(discoveryAge, d.discovery))
	mux.HandleFunc("GET /_cognate/identity/.well-known/jwks_uri", d.serve(keysAge, d.keys))
}

// serve answers with what make returns, to pages of any origin.
func (d Documents) serve(age time.Duration, make func(*http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Content-Type", "application/json")
		body, err := make(r)
		if err != nil {
			d.Logger.ErrorContext(r.Context(), "document failed", "path", r.URL.Path, "cause", err)
			w.WriteHeader(http.StatusInternalServerError)
			w.Write([]byte(`{"message":"Internal error."}`))
			return
		}
		h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(age.Seconds())))
		w.Write(body)
	}
}

func (d Documents) keys(r *http.Request) ([]byte, error) { return d.Tokens.OpenIDKeys(r.Context()) }

// discovery is the metadata of the issuer (OpenID Connect Discovery 1.0 section 3), without the endpoints that it does not
// have.
func (d Documents) discovery(*http.Request) ([]byte, error) {
	issuer := d.Tokens.OpenIDIssuer()
	return json.Marshal(struct {
		Issuer        string   `json:"issuer"`
		JWKS          string   `json:"jwks_uri"`
		ResponseTypes []string `json:"response_types_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	}{issuer, issuer + "/.well-known/jwks_uri", []string{"id_token"}, []string{"public"}, []string{"RS512"}})
}
