package strict_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/e2e/strict"
)

// behind is a server that answers as an issuer might.
func behind(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-credential-issuer":
		_, _ = io.WriteString(w, `{"credential_issuer":"https://i.example","big":12345678901234567890,"credential_configurations_supported":{"x":{"format":"dc+sd-jwt"}}}`)
	case "/credential":
		w.Header().Set("DPoP-Nonce", "from-the-server")
		_, _ = io.WriteString(w, `{"credentials":[{"credential":"c"}],"notification_id":"n"}`)
	case "/authorize":
		w.Header().Set("Location", "https://w.example/cb?code=c")
		w.WriteHeader(http.StatusFound)
	default:
		w.Header().Set("Content-Type", "application/jwt")
		_, _ = io.WriteString(w, "a.b.c")
	}
}

type answer struct {
	*http.Response
	body []byte
}

func ask(t *testing.T, front http.Handler, method, path, body string, header ...string) answer {
	t.Helper()
	s := httptest.NewServer(front)
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, b}
}

func (a answer) object(t *testing.T) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal(a.body, &o); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return o
}

func TestAnswersStayTrue(t *testing.T) {
	front := strict.New(http.HandlerFunc(behind), "https://i.example", 7, strict.Harmless...)
	a := ask(t, front, "GET", "/.well-known/openid-credential-issuer", "")
	o := a.object(t)
	if o["credential_issuer"] != "https://i.example" || !bytes.Contains(a.body, []byte("12345678901234567890")) || len(o) < 9 {
		t.Errorf("%s", a.body)
	}
	if x := o["credential_configurations_supported"].(map[string]any); len(x) != 1 || len(x["x"].(map[string]any)) < 7 {
		t.Errorf("a member that is an identifier was added: %v", x)
	}
	if a.ContentLength >= 0 || a.Header.Get("Content-Length") != "" {
		t.Error("the answer has a length")
	}
	if jwt := ask(t, front, "GET", "/jwt", ""); string(jwt.body) != "a.b.c" {
		t.Errorf("%s", jwt.body)
	}
	if at := ask(t, front, "GET", "/authorize", "").Header.Get("Location"); !strings.HasPrefix(at, "https://w.example/cb?code=c&strict_") {
		t.Error(at)
	}
}

func TestSeedRepeats(t *testing.T) {
	same := func(seed uint64) []byte {
		return ask(t, strict.New(http.HandlerFunc(behind), "", seed, strict.Harmless...), "GET", "/.well-known/openid-credential-issuer", "").body
	}
	if !bytes.Equal(same(1), same(1)) || bytes.Equal(same(1), same(2)) {
		t.Error("the seed does not decide")
	}
}

func TestNoncesGoStaleOnce(t *testing.T) {
	front := strict.New(http.HandlerFunc(behind), "", 1, strict.StaleNonce, strict.DPoPNonce)
	var got []any
	for range 4 {
		a := ask(t, front, "POST", "/credential", "{}", "Authorization", "DPoP t", "DPoP", "p")
		got = append(got, a.StatusCode, a.object(t)["error"], a.Header.Get("DPoP-Nonce"))
	}
	want := []any{400, "invalid_nonce", "", 200, nil, "from-the-server", 401, "use_dpop_nonce", "from-the-server", 200, nil, "from-the-server"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestDeferral(t *testing.T) {
	front := strict.New(http.HandlerFunc(behind), "https://i.example", 3, strict.Deferral)
	if at := ask(t, front, "GET", "/.well-known/openid-credential-issuer", "").object(t)["deferred_credential_endpoint"]; at != "https://i.example/strict/deferred" {
		t.Error(at)
	}
	first := ask(t, front, "POST", "/credential", "{}", "Authorization", "Bearer t")
	id, _ := first.object(t)["transaction_id"].(string)
	if first.StatusCode != http.StatusAccepted || id == "" || first.object(t)["interval"] == nil || first.object(t)["credentials"] != nil {
		t.Fatalf("%d %s", first.StatusCode, first.body)
	}
	body := `{"transaction_id":"` + id + `"}`
	if a := ask(t, front, "POST", "/strict/deferred", body, "Authorization", "Bearer other"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("another's token: %d", a.StatusCode)
	}
	for range 4 {
		a := ask(t, front, "POST", "/strict/deferred", body, "Authorization", "Bearer t")
		if a.StatusCode == http.StatusAccepted && a.object(t)["transaction_id"] == id {
			continue
		}
		if a.StatusCode != http.StatusOK || a.object(t)["credentials"] == nil {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		break
	}
	if a := ask(t, front, "POST", "/strict/deferred", body, "Authorization", "Bearer t"); a.object(t)["error"] != "invalid_transaction_id" {
		t.Errorf("delivered twice: %s", a.body)
	}
}
