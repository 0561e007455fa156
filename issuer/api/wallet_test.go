package api_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (a answer) text(path ...string) string {
	var v any = a.json
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	s, _ := v.(string)
	return s
}

func (a answer) list(name string) []any {
	l, _ := a.json[name].([]any)
	return l
}

// plain follows no redirect.
var plain = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// send sends a request. What belongs to the issuance API is held against its
// OpenAPI document.
func (w *world) send(method, path string, header map[string]string, body string) answer {
	w.Helper()
	target := path
	if !strings.HasPrefix(path, "http") {
		target = w.base + path
	}
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := plain.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		w.Fatal(err)
	}
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(a.body, &a.json); err != nil {
			w.Fatalf("%s %s: %v", method, path, err)
		}
	}
	if w.path == "" && strings.HasPrefix(path, "/issuance/") && !strings.HasSuffix(path, "openapi.json") {
		w.fitsOpenAPI(req, body, a)
	}
	return a
}

// as calls the issuance API as a client.
func (w *world) as(client, method, path string, body any) answer {
	w.Helper()
	h := map[string]string{"Authorization": "Bearer " + w.keys[client]}
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.Fatal(err)
		}
		h["Content-Type"], text = "application/json", string(b)
	}
	return w.send(method, path, h, text)
}

// offer makes an offer of the citizen's records.
func (w *world) offer(client string) answer {
	w.Helper()
	a := w.as(client, "POST", "/issuance/v1/offers", map[string]any{"credential_configuration_id": "led_diploma", "supplier": "led", "subject": map[string]string{"insz": insz}})
	if a.status != http.StatusCreated {
		w.Fatalf("offer: %d %s", a.status, a.body)
	}
	return a
}

const grantType = "urn:ietf:params:oauth:grant-type:pre-authorized_code"

func codeOf(offer answer) string {
	return offer.text("credential_offer", "grants", grantType, "pre-authorized_code")
}

func tokenForm(offer answer) url.Values {
	return url.Values{"grant_type": {grantType}, "pre-authorized_code": {codeOf(offer)}, "tx_code": {offer.text("tx_code")}}
}

func (w *world) token(form url.Values) answer {
	w.Helper()
	return w.send("POST", "/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode())
}

// redeem redeems an offer: the access token and its credential identifiers.
func (w *world) redeem(offer answer) (token string, identifiers []string) {
	w.Helper()
	a := w.token(tokenForm(offer))
	if a.status != http.StatusOK {
		w.Fatalf("token: %d %s", a.status, a.body)
	}
	return a.text("access_token"), identifiersOf(a)
}

func identifiersOf(a answer) (out []string) {
	for _, d := range a.list("authorization_details") {
		for _, id := range d.(map[string]any)["credential_identifiers"].([]any) {
			out = append(out, id.(string))
		}
	}
	return out
}

func (w *world) nonce() string {
	w.Helper()
	a := w.send("POST", "/nonce", nil, "")
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		w.Fatalf("nonce: %d %s %s", a.status, a.header.Get("Cache-Control"), a.body)
	}
	return a.text("c_nonce")
}

// proof is one proof of possession; change may spoil it.
func (w *world) proof(key *ecdsa.PrivateKey, nonce string, change func(header, claims map[string]any)) string {
	w.Helper()
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		w.Fatal(err)
	}
	header := map[string]any{"alg": "ES256", "typ": oid4vci.TypProof, "jwk": jwk}
	claims := map[string]any{"aud": w.base, "iat": w.clock.now().Unix(), "nonce": nonce}
	if change != nil {
		change(header, claims)
	}
	payload, err := jose.Marshal(claims)
	if err != nil {
		w.Fatal(err)
	}
	text, err := jose.SignCompact(key, header, payload)
	if err != nil {
		w.Fatal(err)
	}
	return text
}

func keys(t testing.TB, n int) []*ecdsa.PrivateKey {
	out := make([]*ecdsa.PrivateKey, n)
	for i := range out {
		out[i] = newKey(t)
	}
	return out
}

// request is a credential request with a proof for each key, without an
// identifier by configuration.
func (w *world) request(identifier string, nonce string, with ...*ecdsa.PrivateKey) map[string]any {
	w.Helper()
	proofs := []string{}
	for _, k := range with {
		proofs = append(proofs, w.proof(k, nonce, nil))
	}
	name, value := "credential_identifier", identifier
	if identifier == "" {
		name, value = "credential_configuration_id", "led_diploma"
	}
	return map[string]any{name: value, "proofs": map[string]any{"jwt": proofs}}
}

func (w *world) credential(token string, body any) answer {
	w.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	return w.send("POST", "/credential", map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}, string(b))
}

// obtain fetches one dataset in n copies.
func (w *world) obtain(token, identifier string, n int) (answer, []string) {
	w.Helper()
	a := w.credential(token, w.request(identifier, w.nonce(), keys(w, n)...))
	if a.status != http.StatusOK {
		w.Fatalf("credential: %d %s", a.status, a.body)
	}
	return a, texts(a)
}

func texts(a answer) (out []string) {
	for _, c := range a.list("credentials") {
		text, _ := c.(map[string]any)["credential"].(string)
		out = append(out, text)
	}
	return out
}

func (w *world) notify(token, id, event string) answer {
	w.Helper()
	b, _ := json.Marshal(map[string]string{"notification_id": id, "event": event})
	return w.send("POST", "/notification", map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}, string(b))
}

// payload is the issuer-signed payload, unverified.
func payload(t testing.TB, credential string) map[string]any {
	t.Helper()
	jwt, _, _ := strings.Cut(credential, "~")
	tok, err := jose.Parse(jwt)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(tok.Payload, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func claimsOf(t testing.TB, credential string) map[string]any {
	t.Helper()
	s, err := sdjwt.Parse(credential)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Claims().Map()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// refused says that a protocol endpoint refused as the specification asks.
func (w *world) refused(a answer, status int, code string) {
	w.Helper()
	if a.status != status || a.text("error") != code {
		w.Errorf("got %d %s, want %d %s", a.status, a.body, status, code)
		return
	}
	if a.header.Get("Cache-Control") != "no-store" {
		w.Errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
	}
	if status == http.StatusUnauthorized && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
		w.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
	}
	if d := a.text("error_description"); status < 500 && d == "" || strings.ContainsAny(d, "\"\\") || bytes.ContainsFunc([]byte(d), func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		w.Errorf("error_description is %q", d)
	}
}

// problem says that an API of our own refused, with all that helps.
func (w *world) problem(a answer, status int, title string) {
	w.Helper()
	if a.status != status || a.text("title") != title || a.header.Get("Content-Type") != "application/problem+json" {
		w.Errorf("got %d %s, want %d %s", a.status, a.body, status, title)
	}
}

func with(m map[string]any, name string, value any) map[string]any {
	m = maps.Clone(m)
	m[name] = value
	return m
}
