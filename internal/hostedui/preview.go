package hostedui

import (
	"html/template"
	"net/http"

	"cognate/internal/pool"
)

// Preview is a door to look at pages: for development, since it shows a client's look to anybody.
type Preview struct{ Service *Service }

// Register adds the preview to mux.
func (p Preview) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /_cognate/preview/{client}", p.Service.preview)
	mux.HandleFunc("GET /_cognate/preview/{client}/{page}", p.Service.preview)
}

// previewText stands for what people type.
const previewText = "jane@example.com"

// preview shows one page of a client, in its look and with made-up content, or the list of all. The query's lang chooses the language, and look "classic" the look of the
// classic pages; forms lead to the client's real pages, which refuse them.
func (s *Service) preview(w http.ResponseWriter, r *http.Request) {
	v := s.visit(w, r, r.URL.Path)
	p, c, err := s.Pools.Client(v.ctx, r.PathValue("client"))
	if err == nil {
		v.look, err = s.previewLook(v, p, c)
	}
	if err != nil {
		v.fail(err)
		return
	}
	frame := Frame{Language: v.language, Theme: v.look, Action: PathLogin, Query: "client_id=" + c.ID}
	for _, sample := range gallery(frame, previewText) {
		if sample.name == r.PathValue("page") {
			v.present(http.StatusOK, sample.page)
			return
		}
	}
	if r.PathValue("page") != "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	previewList.Execute(w, map[string]any{"Client": c, "Pages": gallery(frame, previewText), "Query": r.URL.RawQuery})
}

func (s *Service) previewLook(v *visit, p *pool.Pool, c *pool.Client) (*Theme, error) {
	classic := v.r.URL.Query().Get("look") == "classic"
	return s.lookOf(v.ctx, p, c.ID, !classic, true)
}

// Name is what the list of a preview calls a page.
func (s shown) Name() string { return s.name }

var previewList = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<title>Pages of {{.Client.Name}}</title>
<h1>Pages of {{.Client.Name}}</h1>
<ul>{{range .Pages}}<li><a href="/_cognate/preview/{{$.Client.ID}}/{{.Name}}{{with $.Query}}?{{.}}{{end}}">{{.Name}}</a></li>
{{end}}</ul>
</html>
`))
