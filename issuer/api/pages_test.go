package api_test

import (
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/issuer/api"
	"github.com/zegel-id/zegel/protocol/vault"
)

// browser plays a citizen's browser.
type browser struct {
	w      *world
	jar    *cookiejar.Jar
	header map[string]string
}

func (w *world) browser(header map[string]string) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{w, jar, header}
}

func (b *browser) send(method, target string, form url.Values) answer {
	b.w.Helper()
	h := map[string]string{}
	for k, v := range b.header {
		h[k] = v
	}
	u, err := url.Parse(target)
	if err != nil {
		b.w.Fatal(err)
	}
	var cookies []string
	for _, c := range b.jar.Cookies(u) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if len(cookies) > 0 {
		h["Cookie"] = strings.Join(cookies, "; ")
	}
	if form != nil {
		h["Content-Type"] = "application/x-www-form-urlencoded"
	}
	a := b.w.send(method, target, h, form.Encode())
	b.jar.SetCookies(u, (&http.Response{Header: a.header}).Cookies())
	return a
}

// signIn walks from a redirect to the identity provider back to the issuer's
// callback, whose address it returns.
func (b *browser) signIn(location, citizen string) string {
	b.w.Helper()
	for range 10 {
		if strings.HasPrefix(location, b.w.base+"/signed-in") {
			return location
		}
		a := b.send("GET", location, nil)
		u, _ := url.Parse(location)
		if a.status == http.StatusOK && u.Path == "/login" {
			a = b.send("POST", b.w.idp+"/login", url.Values{"id": {u.Query().Get("id")}, "citizen": {citizen}})
		}
		next, err := u.Parse(a.header.Get("Location"))
		if err != nil || a.header.Get("Location") == "" {
			b.w.Fatalf("%s answered %d", location, a.status)
		}
		location = next.String()
	}
	b.w.Fatal("too many redirects")
	return ""
}

// The pages of refusals, in four languages, with what a screen reader needs.
func TestPages(t *testing.T) {
	w, _ := withWallets(t)
	for lang, want := range map[string]struct{ accept, over string }{
		"nl": {"nl-BE,nl;q=0.9", "verlopen of werd al beantwoord"},
		"fr": {"fr-BE,en;q=0.5", "a expiré ou a déjà reçu une réponse"},
		"de": {"de", "abgelaufen oder wurde schon beantwortet"},
		"en": {"en-GB", "is over or was answered before"},
	} {
		a := w.browser(map[string]string{"Accept": "text/html", "Accept-Language": want.accept}).send("GET", w.base+"/authorize?client_id=x&request_uri=y", nil)
		if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), want.over) {
			t.Errorf("%d %s", a.status, a.body)
		}
		accessible(t, a, lang)
		if c := a.header.Get("Content-Security-Policy"); !strings.Contains(c, "default-src 'none'") || strings.Contains(c, "unsafe") || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%v", a.header)
		}
	}
	if a := w.send("GET", "/style.css", nil, ""); a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/css") {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// accessible checks what can be checked without a browser (WCAG 2.2): 3.1.1
// language, 2.4.2 title, 1.3.1 one first heading, no level left out and
// one main part, 2.4.4 links with a text, 4.1.2 labelled controls and unique
// ids, and no code that only a camera can read.
func accessible(t *testing.T, a answer, lang string) {
	t.Helper()
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Fatalf("%d %s", a.status, a.header.Get("Content-Type"))
	}
	doc, err := html.Parse(strings.NewReader(string(a.body)))
	if err != nil {
		t.Fatal(err)
	}
	count, level := map[string]int{}, 0
	ids, refs, labels := map[string]bool{}, []string{}, map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		attr := map[string]string{}
		for _, at := range n.Attr {
			attr[at.Key] = at.Val
		}
		if id := attr["id"]; id != "" {
			if ids[id] {
				t.Errorf("id %s stands there twice", id)
			}
			ids[id] = true
		}
		if r := attr["aria-labelledby"]; r != "" {
			refs = append(refs, strings.Fields(r)...)
		}
		switch n.Data {
		case "html":
			if attr["lang"] != lang {
				t.Errorf("lang is %q, want %q", attr["lang"], lang)
			}
		case "h1", "h2", "h3":
			if l := int(n.Data[1] - '0'); l > level+1 {
				t.Errorf("%s after level %d", n.Data, level)
			} else {
				level = l
			}
		case "label":
			labels[attr["for"]] = true
		case "input", "select", "textarea":
			if attr["type"] != "hidden" {
				refs = append(refs, "control")
				if !labels[attr["id"]] && attr["aria-label"] == "" && attr["aria-labelledby"] == "" {
					t.Errorf("a control without a label")
				}
			}
		case "img":
			if attr["alt"] == "" {
				t.Error("a picture without a text")
			}
		case "a", "button", "title", "h4":
			if strings.TrimSpace(textOf(n)) == "" {
				t.Errorf("<%s> without a text", n.Data)
			}
		case "script", "style", "iframe":
			t.Errorf("<%s> in a page", n.Data)
		}
		if _, ok := attr["style"]; ok {
			t.Errorf("an inline style on <%s>", n.Data)
		}
	}
	if count["h1"] != 1 || count["main"] != 1 || count["title"] != 1 {
		t.Errorf("%d h1, %d main, %d title", count["h1"], count["main"], count["title"])
	}
	for _, r := range refs {
		if r != "control" && !ids[r] {
			t.Errorf("aria-labelledby names %q, which is not there", r)
		}
	}
	// A picture of a code never stands alone: the link is there as a link and
	// as text.
	if count["img"]+count["svg"] > 0 && count["a"] == 0 {
		t.Error("a code for cameras only")
	}
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// A vault handle holds for this issuer only, for minutes, and once.
func TestVaultHandle(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	used := l.request()
	l.push(used)
	old := l.request()
	foreign, err := vault.Sign(w.platformKey, platform, "https://other.example", "v", w.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	stranger, _ := vault.Sign(w.platformKey, "https://stranger.example", w.base, "v", w.clock.now())
	forged, _ := vault.Sign(newKey(t), platform, w.base, "v", w.clock.now())
	for name, handle := range map[string]string{"none": "", "used": used.Get("vault_handle"), "another issuer's": foreign, "a stranger's": stranger, "forged": forged, "no token": "x"} {
		form := l.request()
		form.Set("vault_handle", handle)
		a := l.post("/par", form)
		if says(t, name, a, http.StatusBadRequest, "invalid_request"); !strings.Contains(a.text("error_description"), "vault_handle") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	w.clock.advance(11 * time.Minute)
	l.nonce = ""
	says(t, "old", l.post("/par", old), http.StatusBadRequest, "invalid_request")
	w.platformErr = errors.New("away")
	if a := l.post("/par", l.request()); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// The sign-in belongs to one browser and one journey.
func TestSignIn(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	b := w.browser(asProgram)
	a := b.send("GET", l.address(l.push(l.request())), nil)
	cookie := a.header.Get("Set-Cookie")
	for _, part := range []string{"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("cookie without %s: %s", part, cookie)
		}
	}
	callback := b.signIn(a.header.Get("Location"), "lotte")
	w.problem(w.browser(asProgram).send("GET", callback, nil), http.StatusForbidden, "Not signed in")
	w.problem(b.send("GET", w.base+api.CallbackPath+"?error=access_denied", nil), http.StatusForbidden, "Not signed in")
	w.problem(b.send("GET", callback+"x", nil), http.StatusForbidden, "Not signed in")
	done := b.send("GET", callback, nil)
	if done.status != http.StatusOK || !strings.Contains(strings.Join(done.header.Values("Set-Cookie"), "; "), "Max-Age=0") {
		t.Errorf("%d %v", done.status, done.header)
	}
	w.problem(b.send("GET", callback, nil), http.StatusForbidden, "Not signed in")
	w.nowhere("after sign-in")
}

// What goes wrong at the supplier is told, and nothing is offered.
func TestSupplierFaults(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		err    error
		status int
		title  string
	}{
		{provider.ErrUnavailable, 503, "Supplier not available"}, {provider.ErrAnswer, 502, "Supplier's answer not usable"},
		{provider.ErrSubject, 400, "Subject cannot be asked for"}, {errors.New("Kanarie " + insz), 500, "Internal Server Error"},
	} {
		w.source.set(issuer.Collection{}, c.err)
		a := w.as("OVO000001", "POST", "/issuance/v1/offers", map[string]any{"credential_configuration_id": "led_diploma", "supplier": "led", "subject": map[string]string{"insz": insz}})
		w.problem(a, c.status, c.title)
		if strings.Contains(string(a.body), canary) {
			t.Error("an error told a value")
		}
	}
}

// A vault that is deleted while its citizen signs in gets nothing.
func TestVaultDeletedWhileSigningIn(t *testing.T) {
	w, _ := withWallets(t)
	l := w.public()
	b := w.browser(asProgram)
	_, value := b.page(l.address(l.push(l.request())), "lotte")
	if a := w.as("vaults", "POST", "/issuance/v1/vault-deletions", map[string]string{"vault": "vault-1"}); a.status != 200 {
		t.Fatalf("%d", a.status)
	}
	w.problem(b.decide(value, "allow"), http.StatusForbidden, "No vault")
}
