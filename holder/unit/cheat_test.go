package unit_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
)

// endpoints that the unit posts to, with what its refusal names.
var endpoints = []string{"as.example/par", "as.example/token", "issuer.example/nonce", "issuer.example/credential", "issuer.example/deferred"}

// run takes a unit through sign-in, deferral and delivery.
func (d *double) run(t *testing.T) (*unit.Vault, *pod, error) {
	t.Helper()
	d.pending = 0
	v, p := newVault(t, d.net)
	s := d.unit()
	o, err := s.Discover(t.Context(), issuerURL, "led")
	if err != nil {
		return v, p, err
	}
	taken, err := d.signIn(s, v, o)
	if err != nil {
		return v, p, err
	}
	_, err = s.Await(t.Context(), v, taken.Waiting[0].Name, time.Hour, nil)
	return v, p, err
}

// Whatever an endpoint answers beside the protocol, the unit stops, goes
// nowhere else, stores no credential, and repeats no secret.
func TestCheatingEndpoints(t *testing.T) {
	long := strings.Repeat("x", 9<<20)
	for name, c := range map[string]struct {
		want   string
		answer func(w http.ResponseWriter, r *http.Request)
	}{
		"redirects": {"status 307", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example/", http.StatusTemporaryRedirect)
		}},
		"redirects to http": {"status 302", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/", http.StatusFound)
		}},
		"a huge answer":   {"longer than", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(long)) }},
		"a huge refusal":  {"longer than", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); _, _ = w.Write([]byte(long)) }},
		"a page":          {"", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }},
		"nothing":         {"", func(w http.ResponseWriter, _ *http.Request) {}},
		"an empty object": {"", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, m{}) }},
		"members twice": {"", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"access_token":"a","access_token":"b","token_type":"DPoP","c_nonce":"x","c_nonce":"y","request_uri":"a","request_uri":"b","expires_in":5,"transaction_id":"x","transaction_id":"y","interval":5}`))
		}},
		"depth": {"", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat(`{"a":`, 9999))) }},
		"an encrypted answer nobody asked for": {"", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwt")
			_, _ = w.Write([]byte("a.b.c.d.e"))
		}},
		"an error with a terminal in it": {"(x", func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 400, m{"error": "x\x1b[2J\n" + long[:300], "error_description": "y\x1b[2J" + long[:9000]})
		}},
		"two nonces": {"use_dpop_nonce", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Dpop-Nonce"] = []string{"a", "b"}
			answerJSON(w, 400, m{"error": "use_dpop_nonce"})
		}},
		"no nonce": {"use_dpop_nonce", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Del("DPoP-Nonce")
			answerJSON(w, 400, m{"error": "use_dpop_nonce"})
		}},
	} {
		for _, where := range endpoints {
			t.Run(name+" at "+where, func(t *testing.T) {
				d := newDouble(t)
				tries := 0
				d.cheat = func(at string, w http.ResponseWriter, r *http.Request, _ []byte) bool {
					if at != where {
						return false
					}
					tries++
					c.answer(w, r)
					return true
				}
				v, p, err := d.run(t)
				if err == nil || tries > 2 {
					t.Fatalf("%v after %d tries", err, tries)
				}
				text := err.Error()
				if !strings.Contains(text, c.want) || strings.Contains(text, "s3cr3t") || strings.ContainsAny(text, "\x1b") || len(text) > 2000 {
					t.Errorf("%s", text)
				}
				if n := len(d.net.to("other.example")) + len(d.net.to("127.0.0.1")); n != 0 || kindsOf(t, v)[unit.KindCredential] != 0 {
					t.Errorf("%d requests elsewhere, %v", n, kindsOf(t, v))
				}
				for _, b := range p.items {
					if strings.Contains(string(b), "s3cr3t") {
						t.Error("the platform sees more than ciphertext")
					}
				}
			})
		}
	}
}

// A notification that cannot be given is no reason to lose a credential,
// whatever the issuer answers (OpenID4VCI 1.0, Section 11).
func TestCheatingNotification(t *testing.T) {
	for _, status := range []int{302, 400, 401, 500} {
		d := newDouble(t)
		d.cheat = func(at string, w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if at == "issuer.example/notification" {
				w.Header().Set("Location", "https://other.example/")
				w.WriteHeader(status)
			}
			return at == "issuer.example/notification"
		}
		if v, _, err := d.run(t); err != nil || kindsOf(t, v)[unit.KindCredential] != 1 || len(d.net.to("other.example")) != 0 {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// A token goes to the issuer it is for, and a code to the server that gave it,
// and to nobody else.
func TestSecretsStayWithTheirServer(t *testing.T) {
	d := newDouble(t)
	if _, _, err := d.run(t); err != nil {
		t.Fatal(err)
	}
	for _, x := range d.net.to("issuer.example") {
		if strings.Contains(x, "code-") || strings.Contains(x, "refresh-") || strings.Contains(x, "code_verifier") || strings.HasPrefix(x, "GET ") && strings.Contains(x, "s3cr3t") {
			t.Errorf("the issuer sees %s", x)
		}
	}
	for _, x := range d.net.to("as.example") {
		if strings.Contains(x, "Authorization:") || strings.Contains(x, "access-") {
			t.Errorf("the server sees %s", x)
		}
	}
	for _, x := range d.net.to("vault.example") {
		if strings.Contains(x, "s3cr3t") {
			t.Errorf("the platform sees %s", x)
		}
	}
}

// An endpoint may be slow; a citizen who gives up is obeyed at once.
func TestGivenUp(t *testing.T) {
	d := newDouble(t)
	v, _ := newVault(t, d.net)
	s := d.unit()
	a := must(s.Authorize(t.Context(), v, must(s.Discover(t.Context(), issuerURL, "led"))(t), callback))(t)
	answer := d.browse(a.URL)
	d.net.before = func(r *http.Request) error {
		if r.URL.Path == "/credential" {
			return &url.Error{Op: "Post", URL: r.URL.String() + "?s3cr3t", Err: errLine}
		}
		return nil
	}
	_, err := s.Redeem(t.Context(), v, a, answer)
	if !errors.Is(err, errLine) || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("%v", err)
	}
	// The grant was kept, so that it can be asked again without the citizen.
	d.net.before = nil
	var grant string
	for _, e := range must(v.Entries(t.Context()))(t) {
		if e.Kind == unit.KindGrant {
			grant = e.Name
		}
	}
	if taken := must(s.Renew(t.Context(), v, grant))(t); len(taken.Items) != 1 {
		t.Errorf("%d items", len(taken.Items))
	}
}

// What waits and grants are opened by their form, since anyone who knows the
// vault's public key can make an envelope.
func TestDamagedGrant(t *testing.T) {
	d := newDouble(t)
	v, p, err := d.run(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range must(v.Entries(t.Context()))(t) {
		if e.Kind == unit.KindGrant {
			for _, other := range must(v.Entries(t.Context()))(t) {
				if other.Kind == unit.KindCredential {
					// An envelope of this vault, but of another resource.
					p.items[e.Name] = p.items[other.Name]
				}
			}
			s := d.unit()
			if _, err := s.Renew(t.Context(), v, e.Name); err == nil || errors.Is(err, unit.ErrGrantOver) {
				t.Errorf("%v", err)
			}
		}
	}
}

// A grant that the issuer gives nothing for is forgotten, unless the issuer only
// fails for now.
func TestGrantThatGaveNothing(t *testing.T) {
	for status, want := range map[int]int{400: 0, 403: 0, 429: 1, 500: 1, 503: 1} {
		d := newDouble(t)
		d.cheat = answers("issuer.example/credential", status, m{"error": "x"})
		v, _, err := d.run(t)
		if got := kindsOf(t, v)[unit.KindGrant]; err == nil || got != want {
			t.Errorf("%d: %d grants, %v", status, got, err)
		}
	}
}
