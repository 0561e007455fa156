package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

var openAPI = sync.OnceValues(func() (*openapi3.T, error) {
	plain := []string{"text/turtle", "application/jwt", "text/html"}
	for _, mediaType := range plain {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.PlainBodyDecoder)
	}
	for _, mediaType := range []string{"application/ld+json", "application/did+json", "application/jose+json", "application/jwk-set+json"} {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.JSONBodyDecoder)
	}
	return openapi3.NewLoader().LoadFromFile("openapi.json")
})

var openAPIRouter = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openAPI()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// described passes each exchange on and holds it against the OpenAPI document:
// every answer, and every request that was accepted.
func described(t *testing.T, next http.Handler) http.Handler {
	router, err := openAPIRouter()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		check := r.Clone(r.Context())
		check.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
		check.Body = io.NopCloser(bytes.NewReader(body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())

		route, params, err := router.FindRoute(check)
		if err != nil {
			return // TestOpenAPI holds the routes against the document
		}
		in := &openapi3filter.RequestValidationInput{
			Request: check, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
		}
		if rec.Code < 300 {
			if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
				t.Errorf("%s %s was accepted against the OpenAPI document: %v", r.Method, r.URL.Path, err)
			}
		}
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: rec.Code, Header: rec.Header(), Options: in.Options}
		out.SetBodyBytes(rec.Body.Bytes())
		if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
			t.Errorf("answer of %s %s: %v", r.Method, r.URL.Path, err)
		}
	})
}

// The document is OpenAPI 3.1 and is served; what it lists answers, and
// what it does not list is not there.
func TestOpenAPI(t *testing.T) {
	doc, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Error(err)
	}
	p := newPlatform(t)
	res, body := p.do(nil, call{method: "GET", path: "/vault/v1/openapi.json"})
	if res.StatusCode != http.StatusOK || !strings.Contains(body, `"openapi": "3.1.0"`) {
		t.Errorf("%d %.80s", res.StatusCode, body)
	}
	undescribed := []string{"/vault/v1/openapi.json", "/session/callback", "/health/live", "/health/ready"}
	listed := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			listed[method+" "+path] = true
		}
	}
	for _, r := range p.edge.Routes() {
		name := r.Method + " " + parameters.Replace(r.Path)
		if !listed[name] && !slices.Contains(undescribed, r.Path) && !strings.HasSuffix(r.Path, ".css") {
			t.Errorf("%s is not in the OpenAPI document", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("%s is in the OpenAPI document only", name)
	}
}

var parameters = strings.NewReplacer(":name", "{name}", ":uuid", "{uuid}")
