package api_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/zegel-id/zegel/internal/rest"
)

var openAPI = sync.OnceValue(func() (d struct {
	doc    *openapi3.T
	router routers.Router
	err    error
}) {
	d.doc, d.err = openapi3.NewLoader().LoadFromFile("openapi.json")
	if d.err == nil {
		d.router, d.err = gorillamux.NewRouter(d.doc)
	}
	return d
})

// fitsOpenAPI holds every answer of the issuance API against the document, and
// every request that was accepted.
func (w *world) fitsOpenAPI(req *http.Request, body string, a answer) {
	w.Helper()
	d := openAPI()
	if d.err != nil {
		w.Fatal(d.err)
	}
	clone := req.Clone(req.Context())
	clone.URL = &url.URL{Path: req.URL.Path, RawQuery: req.URL.RawQuery}
	clone.Body = io.NopCloser(strings.NewReader(body))
	route, params, err := d.router.FindRoute(clone)
	if err != nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			w.Errorf("%s %s is not in the OpenAPI document: %v", req.Method, req.URL.Path, err)
		}
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: clone, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if a.status < 300 {
		if err := openapi3filter.ValidateRequest(w.Context(), in); err != nil {
			w.Errorf("%s %s was accepted against the OpenAPI document: %v", req.Method, req.URL.Path, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.status, Header: a.header, Options: in.Options}
	out.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(w.Context(), out); err != nil {
		w.Errorf("answer of %s %s: %v", req.Method, req.URL.Path, err)
	}
}

// The document is OpenAPI 3.1, and each route of the issuance API is in it and
// the other way round.
func TestOpenAPI(t *testing.T) {
	w := start(t)
	d := openAPI()
	if d.err != nil {
		t.Fatal(d.err)
	}
	if err := d.doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Error(err)
	}
	a := w.send("GET", "/issuance/v1/openapi.json", nil, "")
	if a.status != http.StatusOK || a.text("openapi") != "3.1.0" {
		t.Fatalf("%d %s", a.status, a.text("openapi"))
	}
	var served, written []string
	for _, r := range (*w.handler.Load()).(interface{ Routes() []rest.Route }).Routes() {
		if strings.HasPrefix(r.Path, "/issuance/v1/") && !strings.HasSuffix(r.Path, "openapi.json") {
			var parts []string
			for _, p := range strings.Split(r.Path, "/") {
				if name, ok := strings.CutPrefix(p, ":"); ok {
					p = "{" + name + "}"
				}
				parts = append(parts, p)
			}
			served = append(served, r.Method+" "+strings.Join(parts, "/"))
			if r.Permission == "" {
				t.Errorf("%s %s needs no permission", r.Method, r.Path)
			}
		}
	}
	for path, item := range d.doc.Paths.Map() {
		for method := range item.Operations() {
			written = append(written, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(written)
	if !slices.Equal(served, written) {
		t.Errorf("served:\n%s\nwritten:\n%s", strings.Join(served, "\n"), strings.Join(written, "\n"))
	}
}
