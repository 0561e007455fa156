package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{"Bearer abc", "Bearer  abc ", "Bearer", "Bearer ", "", " ", "DPoP a b", "bearer abc", "\x00 x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{value}
		scheme, credentials, ok, err := authorization(r)
		switch {
		case err != nil:
			if ok || scheme != "" || credentials != "" {
				t.Error("a refused header returned something")
			}
			if strings.TrimSpace(value) != "" && len(value) > 8 && strings.Contains(err.Error(), value) {
				t.Error("the error tells the credentials")
			}
		case !ok || credentials == "" || strings.Contains(scheme, " ") || strings.TrimSpace(credentials) != credentials:
			t.Errorf("%q is %q and %q", value, scheme, credentials)
		}
		r.Header.Add("Authorization", "Bearer x")
		if _, _, ok, err := authorization(r); ok || err == nil {
			t.Error("two headers were accepted")
		}
	})
}

// A body of an API of ours, through the whole engine: whatever it is, the
// answer is 200 or a refusal, and a value reaches the handler only with 200.
func FuzzDecodeClosedJSON(f *testing.F) {
	type body struct {
		Name  string            `json:"name"`
		Items []int             `json:"items"`
		Tags  map[string]string `json:"tags"`
	}
	log, _ := recordedLog()
	var handled bool
	e := New(Options{Log: log})
	e.Mount(Route{Method: http.MethodPost, Path: "/x", MaxBody: 1 << 10, Handler: func(r *Request) (Answer, error) {
		if _, err := DecodeClosedJSON[body](r); err != nil {
			return Answer{}, err
		}
		handled = true
		return JSON(http.StatusOK, map[string]string{}), nil
	}})
	for _, s := range []string{`{"name":"a","items":[1],"tags":{"a":"b"}}`, `{"name":"a","name":"b"}`, `{"nane":"a"}`, `{"name":1}`, `{"Name":"a"}`, `[]`, ``, `{}{}`, "{\"name\":\"\xff\"}", strings.Repeat("[", 2000)} {
		f.Add([]byte(s), "application/json")
	}
	f.Add([]byte(`{}`), "text/plain")
	f.Add([]byte(`{}`), "application/json; charset=latin1")
	f.Fuzz(func(t *testing.T, b []byte, mediaType string) {
		handled = false
		w := send(e, call{method: http.MethodPost, path: "/x", body: string(b), header: http.Header{"Content-Type": {mediaType}}})
		if (w.Code == http.StatusOK) != handled || w.Code != http.StatusOK && (w.Code < 400 || w.Code >= 500) {
			t.Errorf("status %d for %q of type %q", w.Code, b, mediaType)
		}
	})
}
