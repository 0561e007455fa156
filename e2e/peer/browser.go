package peer

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

var consentForm = regexp.MustCompile(`action="([^"]*/consent)">\s*<input type="hidden" name="form" value="([^"]+)"`)

// Browse plays a citizen's browser: it goes where a wallet sends it, signs in
// as lotte, answers the consent page with allow or deny, and returns the
// address at which it would come back to the wallet.
func Browse(t *testing.T, address, decision string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	send := func(method, address string, form url.Values) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if form.Has("decision") {
			req.Header.Set("Accept", "application/json")
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	for range 20 {
		res, body := send(http.MethodGet, address, nil)
		at := res.Request.URL
		if res.StatusCode == http.StatusOK && at.Path == "/login" {
			res, body = send(http.MethodPost, at.Scheme+"://"+at.Host+"/login", url.Values{"id": at.Query()["id"], "citizen": {"lotte"}})
		}
		if m := consentForm.FindStringSubmatch(body); m != nil {
			res, body = send(http.MethodPost, at.Scheme+"://"+at.Host+m[1], url.Values{"form": {m[2]}, "decision": {decision}})
			var left struct {
				RedirectTo string `json:"redirect_to"`
			}
			if err := json.Unmarshal([]byte(body), &left); err != nil || left.RedirectTo == "" {
				t.Fatalf("after consent: %s: %s", res.Status, body)
			}
			return left.RedirectTo
		}
		next, err := res.Location()
		if err != nil {
			t.Fatalf("the browser ends at %s: %s: %.500s", at, res.Status, body)
		}
		address = next.String()
	}
	t.Fatal("too many redirects")
	return ""
}

// CodeOffer is an offer by value for which the citizen signs in at the issuer.
func (s Demo) CodeOffer() string {
	object := `{"credential_issuer":"` + s.Issuer + `","credential_configuration_ids":["led_diploma"],"grants":{"authorization_code":{}}}`
	return "openid-credential-offer://?" + url.Values{"credential_offer": {object}}.Encode()
}
