package api_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// Wallets that the tests know, by how they authenticate.
const (
	publicWallet   = "public"
	keyWallet      = "with-key"
	attestedWallet = "https://wallets.example/wallet"

	loopbackCallback = "http://127.0.0.1:51004/callback"
	webCallback      = "https://wallets.example/callback"
)

// walletKeys are those of the wallets and of their provider.
type walletKeys struct{ client, provider *ecdsa.PrivateKey }

// withWallets is a world with an authorization code flow.
func withWallets(t *testing.T, options ...func(*issuer.Config)) (*world, walletKeys) {
	t.Helper()
	return withWalletsBelow(t, "", options...)
}

// withWalletsBelow has its issuer below a path.
func withWalletsBelow(t *testing.T, path string, options ...func(*issuer.Config)) (*world, walletKeys) {
	t.Helper()
	k := walletKeys{newKey(t), newKey(t)}
	clientJWK, err := jose.PublicJWK(k.client.Public())
	if err != nil {
		t.Fatal(err)
	}
	clientJWK.Kid = "c1"
	provider := &authz.Provider{Name: "Wallets", Issuer: "https://wallets.example", Key: func(_ context.Context, tok *jose.Token) (crypto.PublicKey, error) {
		if tok.Header.Kid != "p1" {
			return nil, errors.New("no such key")
		}
		return k.provider.Public(), nil
	}}
	clients, err := authz.NewClients(true,
		authz.Client{ID: publicWallet, Name: "Openbare <portemonnee>", Method: authz.MethodNone, RedirectURIs: []string{"http://127.0.0.1/callback"}},
		authz.Client{ID: keyWallet, Name: "Sleutel", Method: authz.MethodPrivateKeyJWT, Keys: []jose.JWK{clientJWK}, RedirectURIs: []string{webCallback}},
		authz.Client{ID: attestedWallet, Name: "Gekeurd", Method: authz.MethodAttestation, Provider: provider, RedirectURIs: []string{webCallback}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, func(w *world) {
		w.path = path
		w.tune = func(c *issuer.Config) {
			c.Wallets, c.SignIn, c.Collectable = clients, true, []issuer.Supply{{Supplier: "led", Configuration: "led_diploma"}}
			for _, o := range options {
				o(c)
			}
		}
	}), k
}

// wallet plays a wallet in the authorization code flow.
type wallet struct {
	w        *world
	id       string
	redirect string
	key      *ecdsa.PrivateKey // of DPoP proofs; nil makes none
	verifier string
	nonce    string // of the server
	// authenticate adds what the wallet authenticates with.
	authenticate func(form url.Values, header map[string]string)
}

func (w *world) public() *wallet {
	return &wallet{w: w, id: publicWallet, redirect: loopbackCallback, key: newKey(w), verifier: oauth.NewVerifier()}
}

func (w *world) confidential(k walletKeys) *wallet {
	return &wallet{w: w, id: keyWallet, redirect: webCallback, key: newKey(w), verifier: oauth.NewVerifier(), authenticate: func(form url.Values, _ map[string]string) {
		assertion, err := oauth.NewClientAssertion(k.client, "c1", keyWallet, w.base, w.clock.now())
		if err != nil {
			w.Fatal(err)
		}
		for name, values := range assertion {
			form[name] = values
		}
	}}
}

// attestation of an instance key, with claims that may be spoilt.
func (w *world) attestation(k walletKeys, instance *ecdsa.PrivateKey, change func(*oauth.AttestationClaims)) string {
	now := w.clock.now()
	c := oauth.AttestationClaims{Issuer: "https://wallets.example", ClientID: attestedWallet, IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(time.Hour))}
	if change != nil {
		change(&c)
	}
	text, err := oauth.NewClientAttestation(k.provider, "p1", nil, c, instance.Public())
	if err != nil {
		w.Fatal(err)
	}
	return text
}

func (w *world) pop(instance *ecdsa.PrivateKey, challenge string) string {
	text, err := oauth.NewAttestationPoP(instance, attestedWallet, w.base, challenge, w.clock.now())
	if err != nil {
		w.Fatal(err)
	}
	return text
}

func (w *world) challenge() string {
	w.Helper()
	a := w.send("POST", "/challenge", nil, "")
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" || a.text("attestation_challenge") == "" {
		w.Fatalf("challenge: %d %v %s", a.status, a.header, a.body)
	}
	return a.text("attestation_challenge")
}

func (w *world) attested(k walletKeys, instance *ecdsa.PrivateKey) *wallet {
	return &wallet{w: w, id: attestedWallet, redirect: webCallback, key: newKey(w), verifier: oauth.NewVerifier(), authenticate: func(_ url.Values, header map[string]string) {
		header[oauth.HeaderClientAttestation] = w.attestation(k, instance, nil)
		header[oauth.HeaderClientAttestationPoP] = w.pop(instance, w.challenge())
	}}
}

// proof for one request.
func (l *wallet) proof(method, path, token string) string {
	l.w.Helper()
	p, err := oauth.NewProof(l.key, method, l.w.base+path, token, l.nonce, l.w.clock.now())
	if err != nil {
		l.w.Fatal(err)
	}
	return p
}

// post sends a form, once more if the server wants its nonce in the proof.
func (l *wallet) post(path string, form url.Values) answer {
	l.w.Helper()
	for {
		header := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		sent := url.Values{}
		for name, values := range form {
			sent[name] = values
		}
		if l.authenticate != nil {
			l.authenticate(sent, header)
		}
		if l.key != nil {
			header["DPoP"] = l.proof("POST", path, "")
		}
		a := l.w.send("POST", path, header, sent.Encode())
		first := l.nonce == ""
		if n := a.header.Get(oauth.NonceHeader); n != "" {
			l.nonce = n
		}
		if !first || a.text("error") != oauth.UseDPoPNonce {
			return a
		}
	}
}

// request is the authorization request; state is state-1.
func (l *wallet) request() url.Values {
	return url.Values{
		"client_id": {l.id}, "response_type": {"code"}, "redirect_uri": {l.redirect}, "state": {"state-1"}, "scope": {"led_diploma"},
		"code_challenge": {oauth.Challenge(l.verifier)}, "code_challenge_method": {"S256"}, "vault_handle": {l.w.handle("vault-1")},
	}
}

// push gives the request_uri.
func (l *wallet) push(form url.Values) string {
	l.w.Helper()
	a := l.post("/par", form)
	if a.status != http.StatusCreated || !strings.HasPrefix(a.text("request_uri"), "urn:ietf:params:oauth:request_uri:") {
		l.w.Fatalf("par: %d %s", a.status, a.body)
	}
	return a.text("request_uri")
}

func (l *wallet) address(requestURI string) string {
	return l.w.base + "/authorize?" + url.Values{"client_id": {l.id}, "request_uri": {requestURI}}.Encode()
}

// page is the consent page after the sign-in, and the value of its form.
func (b *browser) page(address, citizen string) (answer, string) {
	b.w.Helper()
	a := b.send("GET", address, nil)
	if a.status != http.StatusSeeOther {
		return a, ""
	}
	a = b.send("GET", b.signIn(a.header.Get("Location"), citizen), nil)
	m := formValue.FindSubmatch(a.body)
	if a.status != http.StatusOK || m == nil {
		b.w.Fatalf("consent page: %d %s", a.status, a.body)
	}
	return a, string(m[1])
}

var formValue = regexp.MustCompile(`name="form" value="([^"]+)"`)

func (b *browser) decide(form, decision string) answer {
	b.w.Helper()
	return b.send("POST", b.w.base+"/consent", url.Values{"form": {form}, "decision": {decision}})
}

// back is the query that a wallet gets, from a program's answer.
func back(t testing.TB, a answer, redirect string) url.Values {
	t.Helper()
	to := a.text("redirect_to")
	if !strings.HasPrefix(to, redirect+"?") {
		t.Fatalf("%d %s, expected a way back to %s", a.status, a.body, redirect)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

var asProgram = map[string]string{"Accept": "application/json"}

// code goes all the way to the authorization code.
func (l *wallet) code(form url.Values, citizen string) string {
	l.w.Helper()
	b := l.w.browser(asProgram)
	_, value := b.page(l.address(l.push(form)), citizen)
	q := back(l.w, b.decide(value, "allow"), l.redirect)
	if q.Get("state") != form.Get("state") || q.Get("iss") != l.w.base || q.Get("code") == "" {
		l.w.Fatalf("answer %v", q)
	}
	return q.Get("code")
}

func (l *wallet) tokenForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {l.id}, "code": {code}, "redirect_uri": {l.redirect}, "code_verifier": {l.verifier}}
}

func (l *wallet) refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {l.id}, "refresh_token": {token}}
}

// tokens redeems a code that must be good.
func (l *wallet) tokens(code string) answer {
	l.w.Helper()
	a := l.post("/token", l.tokenForm(code))
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		l.w.Fatalf("token: %d %s", a.status, a.body)
	}
	return a
}

// call sends JSON to a protected endpoint with the wallet's proof.
func (l *wallet) call(path, token string, body any) answer {
	l.w.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		l.w.Fatal(err)
	}
	header := map[string]string{"Content-Type": "application/json", "Authorization": "DPoP " + token, "DPoP": l.proof("POST", path, token)}
	return l.w.send("POST", path, header, string(b))
}

// fetch obtains one dataset.
func (l *wallet) fetch(token, identifier string) answer {
	l.w.Helper()
	return l.call("/credential", token, l.w.request(identifier, l.w.nonce(), newKey(l.w)))
}

// says holds an OAuth refusal against what it must be.
func says(t testing.TB, name string, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.text("error") != code || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: got %d %q %s, want %d %s", name, a.status, a.header.Get("Cache-Control"), a.body, status, code)
	}
}
