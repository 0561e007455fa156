// Package browser_test opens the pages of issuer and verifier in a real
// browser: their scripts, their way on and back, the keyboard, and what
// axe-core finds against WCAG 2.2 AA.
package browser_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/protocol/oauth"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

// browser is a running Chromium; each page has a browser profile of its own.
type browser struct {
	*testing.T
	s *peer.Session
	n int
}

func start(t *testing.T) *browser {
	t.Helper()
	switch os.Getenv("ZEGEL_TEST_BROWSER") {
	case "none":
		t.Skip("SKIPPED: ZEGEL_TEST_BROWSER=none; the pages were not opened")
	case "":
		found := ""
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			if path, err := exec.LookPath(name); err == nil {
				found = path
				break
			}
		}
		if found == "" {
			if os.Getenv("CI") == "true" {
				t.Fatal("there is no Chromium, and CI=true asks for it")
			}
			t.Skip("SKIPPED: no Chromium is installed (or name one in ZEGEL_TEST_BROWSER); the pages were not opened")
		}
		t.Setenv("ZEGEL_TEST_BROWSER", found)
	}
	peer.Install(t, ".", "a browser")
	return &browser{T: t, s: peer.Open(t, ".", "browser.mjs")}
}

// page of the browser, opened.
type page struct {
	b  *browser
	id string
}

// seen is what a page is like.
type seen struct {
	peer.Refusal
	Barriers, Unsure, Complaints   []string
	Passes                         int
	Language, Title, Address, Text string
	State                          string
	Wide, Ways, Digital            bool
}

func (b *browser) open(t *testing.T, address string, options map[string]any) page {
	t.Helper()
	b.n++
	p := page{b, strconv.Itoa(b.n)}
	order := map[string]any{"address": address, "language": "en"}
	for k, v := range options {
		order[k] = v
	}
	var out struct {
		peer.Refusal
		Status int `json:"status"`
	}
	p.ask(t, "open", order, &out)
	if out.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", address, out.Status, out.Message)
	}
	return p
}

func (p page) ask(t *testing.T, name string, order map[string]any, out any) {
	t.Helper()
	if order == nil {
		order = map[string]any{}
	}
	order["id"] = p.id
	p.b.s.Ask(t, name, order, out)
}

// does gives an order that must not fail.
func (p page) does(t *testing.T, name string, order map[string]any) map[string]any {
	t.Helper()
	var out map[string]any
	p.ask(t, name, order, &out)
	if out["message"] != nil {
		t.Fatalf("%s %v: %v", name, order, out["message"])
	}
	return out
}

func (p page) look(t *testing.T) seen {
	t.Helper()
	var s seen
	p.ask(t, "look", nil, &s)
	s.Accepts(t)
	return s
}

// open to everybody: no barrier, and nothing that axe-core could not judge.
func (s seen) open(t *testing.T, language string) {
	t.Helper()
	for _, b := range s.Barriers {
		t.Errorf("barrier: %s", b)
	}
	for _, b := range s.Unsure {
		t.Errorf("not certain: %s", b)
	}
	for _, c := range s.Complaints {
		t.Errorf("the browser complains: %s", c)
	}
	if s.Passes < 10 || s.Language != language || s.Title == "" {
		t.Errorf("%d rules passed, language %q, title %q", s.Passes, s.Language, s.Title)
	}
	if s.Wide {
		t.Errorf("scrolls to the side (WCAG 2.2, 1.4.10)")
	}
}

// looks are the ways in which a page is looked at.
var looks = map[string]map[string]any{
	"wide":   {},
	"narrow": {"width": 320},
	"dark":   {"dark": true},
}

var languages = []string{"nl", "fr", "de", "en"}

// asks starts a transaction with a page.
func asks(t *testing.T, s peer.Demo) (tx peer.Transaction, address string) {
	t.Helper()
	var out struct {
		peer.Transaction
		Page string `json:"page"`
	}
	code := s.Call(t, "POST", s.Verifier+"/verifier/v1/transactions", s.EmployerKey, map[string]any{
		"purpose": "recruitment", "flow": "hosted-page", "redirect_uri": "http://localhost/done",
		"dcql_query": json.RawMessage(`{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["` + s.Issuer + `/types/led-diploma"]},"claims":[{"path":["title"]}]}]}`),
	}, &out)
	if code != http.StatusCreated || out.Page == "" {
		t.Fatalf("%d %+v", code, out)
	}
	return out.Transaction, out.Page
}

var stops = map[string]any{"stops": []string{"http://localhost/done"}}

// finished is where the browser came to, and the result that it leads to.
func finished(t *testing.T, s peer.Demo, p page, tx peer.Transaction) {
	t.Helper()
	end, err := url.Parse(p.does(t, "ended", nil)["address"].(string))
	if err != nil || end.Query().Get("response_code") == "" {
		t.Fatalf("the browser ended at %v", end)
	}
	s.Verified(t, tx, end.Query().Get("response_code"), "title")
}

func with(options ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, o := range options {
		for k, v := range o {
			all[k] = v
		}
	}
	return all
}

func TestVerifierPage(t *testing.T) {
	b := start(t)
	s := peer.StartDemo(t)
	s.Zegel(t, "wallet", "activate", "--sign-in-as", "noor")
	s.Zegel(t, "wallet", "collect", "led")

	t.Run("has no barriers", func(t *testing.T) {
		_, address := asks(t, s)
		for _, language := range languages {
			for name, options := range looks {
				t.Run(language+", "+name, func(t *testing.T) {
					// A page belongs to the browser that opened it first.
					_, address = asks(t, s)
					for _, digital := range []bool{false, true} {
						if digital {
							_, address = asks(t, s)
						}
						page := b.open(t, address, with(options, map[string]any{"language": language, "digital": digital}))
						is := page.look(t)
						is.open(t, language)
						if !is.Ways || is.Digital != digital {
							t.Errorf("ways %v, the browser's own %v", is.Ways, is.Digital)
						}
					}
				})
			}
		}
	})
	t.Run("moves on when a wallet has answered elsewhere", func(t *testing.T) {
		tx, address := asks(t, s)
		p := b.open(t, address, stops)
		s.Zegel(t, "wallet", "present", p.does(t, "link", nil)["link"].(string), "--yes")
		finished(t, s, p, tx)
	})
	t.Run("moves on without a script", func(t *testing.T) {
		tx, address := asks(t, s)
		p := b.open(t, address, with(stops, map[string]any{"script": false}))
		p.does(t, "click", map[string]any{"selector": "noscript a"})
		s.Zegel(t, "wallet", "present", p.does(t, "link", nil)["link"].(string), "--yes")
		p.does(t, "click", map[string]any{"selector": "noscript a"})
		finished(t, s, p, tx)
	})
	t.Run("asks the wallets that the browser knows", func(t *testing.T) {
		tx, address := asks(t, s)
		p := b.open(t, address, with(stops, map[string]any{"digital": true}))
		// By keyboard alone (WCAG 2.2, 2.1.1 and 2.4.7).
		if at := p.does(t, "reach", map[string]any{"selector": "#browser button"}); at["visible"] != true {
			t.Errorf("the focus cannot be seen: %v", at)
		}
		p.does(t, "key", map[string]any{"key": "Enter"})
		var out struct {
			peer.Refusal
			Asked struct {
				Mediation string `json:"mediation"`
				Digital   struct {
					Requests []struct {
						Protocol string          `json:"protocol"`
						Data     json.RawMessage `json:"data"`
					} `json:"requests"`
				} `json:"digital"`
			} `json:"asked"`
		}
		p.ask(t, "asked", nil, &out)
		out.Accepts(t)
		if out.Asked.Mediation != "required" || len(out.Asked.Digital.Requests) == 0 {
			t.Fatalf("%+v", out)
		}
		asked := out.Asked.Digital.Requests[0]
		u, err := url.Parse(s.Verifier)
		if err != nil {
			t.Fatal(err)
		}
		request, err := json.Marshal(map[string]any{"protocol": asked.Protocol, "data": asked.Data, "origin": u.Scheme + "://" + u.Host})
		if err != nil {
			t.Fatal(err)
		}
		file, answer := filepath.Join(t.TempDir(), "request.json"), filepath.Join(t.TempDir(), "answer.json")
		if err := os.WriteFile(file, request, 0o600); err != nil {
			t.Fatal(err)
		}
		s.Zegel(t, "wallet", "present", "--digital-credential", file, "--response", answer, "--yes")
		data, err := os.ReadFile(answer)
		if err != nil {
			t.Fatal(err)
		}
		p.does(t, "answer", map[string]any{"response": map[string]any{"protocol": asked.Protocol, "data": json.RawMessage(data)}})
		finished(t, s, p, tx)
	})
	t.Run("says that the browser's wallets gave nothing, and keeps the other ways", func(t *testing.T) {
		tx, address := asks(t, s)
		p := b.open(t, address, with(stops, map[string]any{"digital": true}))
		before := p.look(t).State
		p.does(t, "click", map[string]any{"selector": "#browser button"})
		p.does(t, "asked", nil)
		p.does(t, "answer", map[string]any{"response": nil})
		p.does(t, "says", map[string]any{"before": before})
		if is := p.look(t); !is.Ways || is.State == before {
			t.Errorf("%+v", is)
		}
		s.Zegel(t, "wallet", "present", p.does(t, "link", nil)["link"].(string), "--yes")
		finished(t, s, p, tx)
	})
	t.Run("says when it is over", func(t *testing.T) {
		_, address := asks(t, s)
		p := b.open(t, address, nil)
		before := p.look(t).State
		p.does(t, "lose", nil)
		p.does(t, "says", map[string]any{"before": before})
		is := p.look(t)
		if is.Ways {
			t.Errorf("still offers ways: %s", is.Text)
		}
		is.Complaints = nil // of the answer 404, which the test made
		is.open(t, "en")
	})
}

// pushed is the address of an authorization request of a wallet.
func pushed(t *testing.T, s peer.Demo, verifier string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"client_id": {peer.WalletID}, "response_type": {"code"}, "redirect_uri": {peer.Callback}, "state": {"s"}, "scope": {"led_diploma"},
		"code_challenge": {oauth.Challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	for nonce := ""; ; {
		proof, err := oauth.NewProof(key, "POST", s.Issuer+"/par", "", nonce, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.Issuer+"/par", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("DPoP", proof)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			RequestURI string `json:"request_uri"`
			Error      string `json:"error"`
		}
		err = json.NewDecoder(res.Body).Decode(&out)
		res.Body.Close()
		if out.Error == oauth.UseDPoPNonce && nonce == "" {
			nonce = res.Header.Get(oauth.NonceHeader)
			continue
		}
		if err != nil || out.RequestURI == "" {
			t.Fatalf("%s %v %+v", res.Status, err, out)
		}
		return s.Issuer + "/authorize?" + url.Values{"client_id": {peer.WalletID}, "request_uri": {out.RequestURI}}.Encode()
	}
}

// refusal opens a page that says what went wrong.
func (b *browser) refusal(t *testing.T, address, language string) {
	t.Helper()
	b.n++
	p := page{b, strconv.Itoa(b.n)}
	var out struct {
		Status int `json:"status"`
	}
	p.ask(t, "open", map[string]any{"address": address, "language": language}, &out)
	if out.Status < 400 || out.Status >= 500 {
		t.Errorf("%d", out.Status)
	}
	is := p.look(t)
	is.Complaints = nil // of the answer's status
	is.open(t, language)
}

// Where a citizen comes back to from signing in, and what a page of the
// verifier says that is not there.
func TestRefusals(t *testing.T) {
	b := start(t)
	s := peer.StartDemo(t)
	for _, language := range languages {
		for name, address := range map[string]string{
			"vault platform": s.Holder + "/session/callback?error=access_denied&state=x",
			"verifier":       s.Verifier + "/ask/x",
		} {
			t.Run(name+", "+language, func(t *testing.T) { b.refusal(t, address, language) })
		}
	}
}

func TestIssuerPages(t *testing.T) {
	b := start(t)
	s := peer.Serve(t, nil)
	stops := map[string]any{"stops": []string{peer.Callback}}
	// consent comes to the page where the citizen decides.
	consent := func(t *testing.T, options map[string]any) page {
		t.Helper()
		p := b.open(t, pushed(t, s, oauth.NewVerifier()), with(stops, options))
		p.does(t, "click", map[string]any{"selector": "button"})
		p.does(t, "comes", map[string]any{"selector": "[name=decision]"})
		return p
	}
	for _, language := range languages {
		for name, options := range looks {
			t.Run("consent, "+language+", "+name, func(t *testing.T) {
				is := consent(t, with(options, map[string]any{"language": language})).look(t)
				is.open(t, language)
				if !strings.HasPrefix(is.Address, s.Issuer+"/signed-in") {
					t.Errorf("at %s", is.Address)
				}
			})
		}
		t.Run("refusal, "+language, func(t *testing.T) {
			b.refusal(t, s.Issuer+"/authorize?client_id=x&request_uri=y", language)
		})
	}
	// The wallet's address is another site, which a policy for forms could stop.
	for decision, want := range map[string]string{"allow": "code", "deny": "error"} {
		t.Run(decision+" by keyboard", func(t *testing.T) {
			p := consent(t, nil)
			if at := p.does(t, "reach", map[string]any{"selector": `[value="` + decision + `"]`}); at["visible"] != true {
				t.Errorf("the focus cannot be seen: %v", at)
			}
			p.does(t, "key", map[string]any{"key": "Enter"})
			end, err := url.Parse(p.does(t, "ended", nil)["address"].(string))
			if err != nil || end.Query().Get(want) == "" || end.Query().Get("iss") != s.Issuer || end.Query().Get("state") != "s" {
				t.Errorf("back at %v", end)
			}
		})
	}
}
