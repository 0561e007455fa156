package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/devidp"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	issuerapi "github.com/zegel-id/zegel/issuer/api"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/store"
)

// tenants is a deployment of three issuers on one listener: at the root of a
// host, below it, and at the root of another host.
type tenants struct {
	t    *testing.T
	app  *app
	urls []string
	keys []string // of an institution with every permission, at each its own
	idp  string   // where citizens sign in, at each as another client
}

const membership = `{"vct":"{vct}","name":"Membership","display":[{"locale":"en","name":"Membership"}],"claims":[{"path":["member"],"sd":"always","display":[{"locale":"en","label":"Member"}]}]}`

func startTenants(t *testing.T) *tenants {
	dir := t.TempDir()
	w := &tenants{t: t, urls: []string{"http://localhost:8081", "http://localhost:8081/school", "http://127.0.0.1:8082"}}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	register, metadata := file("suppliers.yaml", "suppliers: []\n"), file("membership.json", membership)
	keys := filepath.Join(dir, "keys")
	if err := initKeys(keys, devca.Options{Now: time.Now(), Issuer: w.urls[0]}); err != nil {
		t.Fatal(err)
	}
	var idp atomic.Pointer[devidp.Provider]
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { idp.Load().ServeHTTP(rw, r) }))
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	w.idp = "http://localhost:" + port
	known := devidp.Config{Issuer: w.idp, Now: time.Now, Citizens: []devidp.Citizen{{ID: "lotte", GivenName: "Lotte", FamilyName: "Test", RRN: "85073003328"}}}
	secret := file("sign-in.txt", "a secret of tests")
	body := func(n int, tenant string) IssuerConfig {
		key, digest := rest.NewKey()
		client := "issuer-" + strconv.Itoa(n)
		known.Clients = append(known.Clients, devidp.Client{ID: client, Secret: "a secret of tests", RedirectURI: w.urls[n] + "/signed-in"})
		w.keys = append(w.keys, key)
		return IssuerConfig{
			ListenConfig: ListenConfig{URL: w.urls[n]}, Tenant: tenant, Register: register,
			Types: []TypeConfig{
				{ID: "membership", Metadata: metadata},
				{ID: "led_diploma_elm_ldp", Metadata: builtinMapping, Format: credential.FormatLDP, Definition: "elm"},
			},
			SignIn:  &SignInConfig{Issuer: w.idp, ClientID: client, ClientSecretFile: secret},
			Wallets: []WalletConfig{{ID: "wallet", Name: "Wallet", RedirectURIs: []string{"http://127.0.0.1/callback"}}},
			Clients: []ClientConfig{{ID: "institution", KeySHA256: []string{digest}, Permissions: []string{
				issuerapi.PermissionOffer, issuerapi.PermissionClaims + ":membership", issuerapi.PermissionAll, issuerapi.PermissionVaults,
			}}},
		}
	}
	first := body(0, "")
	for n, name := range []string{"school", "city"} {
		o := devca.Options{Now: time.Now(), Issuer: w.urls[n+1], Organization: name + " (TEST)", Registration: []string{"NTRBE-0999999823", "NTRBE-0999999724"}[n]}
		if err := initTenant(keys, name, o); err != nil {
			t.Fatal(err)
		}
		first.Tenants = append(first.Tenants, body(n+1, name))
	}
	p, err := devidp.New(known)
	if err != nil {
		t.Fatal(err)
	}
	idp.Store(p)
	c := &Config{Profile: ProfileDevelopment, Data: filepath.Join(dir, "data"), Keys: keys, Issuer: &first}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if w.app, err = open(t.Context(), c, slog.New(slog.DiscardHandler), time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.app.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.app.roles(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

// send sends a request to an address of one of the issuers.
func (w *tenants) send(method, address, body string, header ...string) (int, map[string]any, string) {
	w.t.Helper()
	status, out, text, _ := w.exchange(method, address, body, header...)
	return status, out, text
}

func (w *tenants) exchange(method, address, body string, header ...string) (int, map[string]any, string, http.Header) {
	w.t.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.app.servers[0].handler.ServeHTTP(rec, r)
	text, err := io.ReadAll(rec.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(text, &out)
	return rec.Code, out, string(text), rec.Header()
}

func (w *tenants) offer(n int) map[string]any {
	w.t.Helper()
	status, o, text := w.send("POST", w.urls[n]+"/issuance/v1/offers", `{"credential_configuration_id":"membership","claims":[{"member":"yes"}]}`, "Authorization", "Bearer "+w.keys[n], "Content-Type", "application/json")
	if status != http.StatusCreated {
		w.t.Fatalf("offer at %s: %d %s", w.urls[n], status, text)
	}
	return o
}

func code(o map[string]any) url.Values {
	grants := o["credential_offer"].(map[string]any)["grants"].(map[string]any)
	const grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	return url.Values{"grant_type": {grant}, "pre-authorized_code": {grants[grant].(map[string]any)["pre-authorized_code"].(string)}, "tx_code": {o["tx_code"].(string)}}
}

const formType = "application/x-www-form-urlencoded"

// Each issuer is itself at its own address and nowhere else: metadata name it,
// and nothing that one of them made opens anything at another.
func TestTenantsAreApart(t *testing.T) {
	w := startTenants(t)
	for n, base := range w.urls {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"openid-credential-issuer", "oauth-authorization-server"} {
			status, m, text := w.send("GET", u.Scheme+"://"+u.Host+"/.well-known/"+name+u.Path, "")
			who := m["credential_issuer"]
			if name == "oauth-authorization-server" {
				who = m["issuer"]
			}
			if status != http.StatusOK || who != base {
				t.Fatalf("%s of %s: %d %s", name, base, status, text)
			}
			for other := range w.urls {
				if other != n && strings.Contains(text, w.urls[other]+"/") && !strings.HasPrefix(base, w.urls[other]) {
					t.Errorf("%s of %s names %s", name, base, w.urls[other])
				}
			}
		}
	}
	for n := range w.urls {
		o := w.offer(n)
		id, form := o["offer_id"].(string), code(o).Encode()
		uri, err := url.Parse(o["credential_offer_uri"].(string))
		if err != nil {
			t.Fatal(err)
		}
		_, secret, _ := strings.Cut(uri.Path, "/offers/")
		spent := w.offer(n)
		status, token, text := w.send("POST", w.urls[n]+"/token", code(spent).Encode(), "Content-Type", formType)
		if status != http.StatusOK {
			t.Fatalf("token at %s: %d %s", w.urls[n], status, text)
		}
		access := "Bearer " + token["access_token"].(string)
		for other, base := range w.urls {
			want := func(own, others int, got int, what, text string) {
				t.Helper()
				expected := others
				if other == n {
					expected = own
				}
				if got != expected {
					t.Errorf("%s of %s at %s: %d, expected %d: %s", what, w.urls[n], base, got, expected, text)
				}
			}
			if other == n {
				continue // its own are used up last
			}
			status, _, text := w.send("POST", base+"/token", form, "Content-Type", formType)
			want(200, 400, status, "code", text)
			status, _, text = w.send("GET", base+"/offers/"+secret, "")
			want(200, 404, status, "offer address", text)
			status, _, text = w.send("GET", base+"/issuance/v1/offers/"+id, "", "Authorization", "Bearer "+w.keys[n])
			want(200, 401, status, "API key", text)
			status, _, text = w.send("GET", base+"/issuance/v1/offers/"+id, "", "Authorization", "Bearer "+w.keys[other])
			want(200, 404, status, "offer", text)
			status, _, text = w.send("POST", base+"/credential", `{"credential_configuration_id":"membership"}`, "Authorization", access, "Content-Type", "application/json")
			want(400, 401, status, "access token", text)
		}
		status, _, text = w.send("POST", w.urls[n]+"/token", form, "Content-Type", formType)
		if status != http.StatusOK {
			t.Errorf("the code at its own issuer %s: %d %s", w.urls[n], status, text)
		}
		if status, _, text = w.send("POST", w.urls[n]+"/credential", `{"credential_configuration_id":"membership"}`, "Authorization", access, "Content-Type", "application/json"); status != http.StatusBadRequest || !strings.Contains(text, "invalid_proof") {
			t.Errorf("the access token at its own issuer %s: %d %s", w.urls[n], status, text)
		}
	}
	// One key seals for one.
	seals := map[string]bool{}
	for _, k := range w.app.local.keys {
		seals[k.Current().ID()] = true
	}
	if len(seals) != 3 {
		t.Errorf("%d seal certificates for three issuers", len(seals))
	}
	// What they keep lies apart: no kind of record is in two parts.
	for _, kind := range []store.Kind{"issuer-offer", "authz-grant"} {
		counted := 0
		for _, tenant := range []string{"", "school", "city"} {
			part := w.app.store
			if tenant != "" {
				var err error
				if part, err = store.ForTenant(w.app.store, tenant); err != nil {
					t.Fatal(err)
				}
			}
			found, _, err := part.Find(t.Context(), kind, "", store.Page{})
			if err != nil || len(found) != 2 {
				t.Errorf("%s of %q: %d, %v", kind, tenant, len(found), err)
			}
			counted += len(found)
		}
		if counted != 6 {
			t.Errorf("%d records of %s", counted, kind)
		}
	}
}

// flow is an authorization request of a wallet at one of the issuers.
type flow struct {
	w               *tenants
	n               int
	key             *ecdsa.PrivateKey // of DPoP proofs
	verifier, nonce string
	cookies         map[string]string // of the citizen's browser
}

// post sends a form with a proof for the address, once more if it wants another nonce.
func (f *flow) post(address string, form url.Values) (int, map[string]any, string) {
	f.w.t.Helper()
	for again := range 2 {
		proof, err := oauth.NewProof(f.key, "POST", address, "", f.nonce, time.Now())
		if err != nil {
			f.w.t.Fatal(err)
		}
		status, m, text, header := f.w.exchange("POST", address, form.Encode(), "Content-Type", formType, "DPoP", proof)
		if n := header.Get(oauth.NonceHeader); n != "" && again == 0 && m["error"] == oauth.UseDPoPNonce {
			f.nonce = n
			continue
		}
		return status, m, text
	}
	return 0, nil, "asked for a nonce twice"
}

// walk sends what a browser sends to an issuer, and gives the redirect.
func (f *flow) walk(method, address, body string) (int, string, string) {
	f.w.t.Helper()
	var cookies []string
	for name, value := range f.cookies {
		cookies = append(cookies, name+"="+value)
	}
	status, _, text, header := f.w.exchange(method, address, body, "Content-Type", formType, "Cookie", strings.Join(cookies, "; "), "Accept", "application/json")
	for _, c := range (&http.Response{Header: header}).Cookies() {
		f.cookies[c.Name] = c.Value
	}
	return status, header.Get("Location"), text
}

// signIn goes to the identity provider and gives the address that it sends the
// browser back to.
func (f *flow) signIn(location string) string {
	f.w.t.Helper()
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for range 10 {
		u, err := url.Parse(location)
		if err != nil || !strings.HasPrefix(location, f.w.idp+"/") {
			return location
		}
		r, err := c.Get(location)
		if err == nil && r.StatusCode == http.StatusOK {
			r.Body.Close()
			r, err = c.PostForm(f.w.idp+"/login", url.Values{"id": {u.Query().Get("id")}, "citizen": {"lotte"}})
		}
		if err != nil {
			f.w.t.Fatal(err)
		}
		r.Body.Close()
		next, err := u.Parse(r.Header.Get("Location"))
		if err != nil || r.Header.Get("Location") == "" {
			f.w.t.Fatalf("the identity provider: %d", r.StatusCode)
		}
		location = next.String()
	}
	f.w.t.Fatal("too many redirects")
	return ""
}

// No step of the authorization code flow at one issuer is a step at another:
// not the issuer_state, the pushed request, the sign-in, the consent, the code,
// the nonces or the tokens (OpenID4VCI 1.0, Section 13; RFC 9700, Section 4.4).
func TestTenantsAuthorizeApart(t *testing.T) {
	w := startTenants(t)
	for n, own := range w.urls {
		status, o, text := w.send("POST", own+"/issuance/v1/offers", `{"credential_configuration_id":"membership","sign_in":true,"subject":{"insz":"85073003328"},"claims":[{"member":"yes"}]}`, "Authorization", "Bearer "+w.keys[n], "Content-Type", "application/json")
		if status != http.StatusCreated {
			t.Fatalf("offer: %d %s", status, text)
		}
		state := o["credential_offer"].(map[string]any)["grants"].(map[string]any)["authorization_code"].(map[string]any)["issuer_state"].(string)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		f := &flow{w: w, n: n, key: key, verifier: oauth.NewVerifier(), cookies: map[string]string{}}
		request := url.Values{
			"client_id": {"wallet"}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1:50000/callback"}, "state": {"s"}, "scope": {"membership"},
			"code_challenge": {oauth.Challenge(f.verifier)}, "code_challenge_method": {"S256"}, "issuer_state": {state},
		}
		// at does a step at every other issuer, where it gives nothing.
		at := func(step string, do func(base string) (int, string)) {
			t.Helper()
			for other, base := range w.urls {
				if other == n {
					continue
				}
				nonce, cookies := f.nonce, maps.Clone(f.cookies)
				if status, text := do(base); status < 400 || status >= 500 {
					t.Errorf("%s of %s at %s: %d %s", step, own, base, status, text)
				}
				f.nonce, f.cookies = nonce, cookies
			}
		}
		status, m, text := f.post(own+"/par", request)
		if status != http.StatusCreated {
			t.Fatalf("par at %s: %d %s", own, status, text)
		}
		nonce := f.nonce
		at("a nonce", func(base string) (int, string) {
			proof, err := oauth.NewProof(f.key, "POST", base+"/par", "", nonce, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			status, m, text := w.send("POST", base+"/par", request.Encode(), "Content-Type", formType, "DPoP", proof)
			if m["error"] != oauth.UseDPoPNonce {
				t.Errorf("a nonce of %s at %s: %s", own, base, text)
			}
			return status, text
		})
		query := "/authorize?" + url.Values{"client_id": {"wallet"}, "request_uri": {m["request_uri"].(string)}}.Encode()
		at("a pushed request", func(base string) (int, string) {
			status, _, text := f.walk("GET", base+query, "")
			return status, text
		})
		status, location, text := f.walk("GET", own+query, "")
		if status != http.StatusSeeOther {
			t.Fatalf("authorize at %s: %d %s", own, status, text)
		}
		signed := f.signIn(location)
		if !strings.HasPrefix(signed, own+"/signed-in?") {
			t.Fatalf("signed in: %s", signed)
		}
		at("a sign-in", func(base string) (int, string) {
			status, _, text := f.walk("GET", base+strings.TrimPrefix(signed, own), "")
			return status, text
		})
		status, _, text = f.walk("GET", signed, "")
		found := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(text)
		if status != http.StatusOK || found == nil {
			t.Fatalf("signed in at %s: %d %s", own, status, text)
		}
		decision := url.Values{"form": {found[1]}, "decision": {"allow"}}.Encode()
		at("a consent", func(base string) (int, string) {
			status, _, text := f.walk("POST", base+"/consent", decision)
			return status, text
		})
		status, _, text = f.walk("POST", own+"/consent", decision)
		var answer struct {
			RedirectTo string `json:"redirect_to"`
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status >= 400 {
			t.Fatalf("consent at %s: %d %s", own, status, text)
		}
		back, err := url.Parse(answer.RedirectTo)
		if err != nil || back.Query().Get("iss") != own || back.Query().Get("code") == "" {
			t.Fatalf("the way back from %s: %s", own, answer.RedirectTo)
		}
		redeem := url.Values{"grant_type": {"authorization_code"}, "client_id": {"wallet"}, "code": {back.Query().Get("code")}, "redirect_uri": request["redirect_uri"], "code_verifier": {f.verifier}}
		at("a code", func(base string) (int, string) {
			status, m, text := f.post(base+"/token", redeem)
			if m["error"] != "invalid_grant" {
				t.Errorf("a code of %s at %s: %s", own, base, text)
			}
			return status, text
		})
		status, m, text = f.post(own+"/token", redeem)
		if status != http.StatusOK {
			t.Fatalf("token at %s: %d %s", own, status, text)
		}
		access := m["access_token"].(string)
		at("an access token", func(base string) (int, string) {
			proof, err := oauth.NewProof(f.key, "POST", base+"/credential", access, f.nonce, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			status, _, text := w.send("POST", base+"/credential", `{"credential_configuration_id":"membership"}`, "Authorization", "DPoP "+access, "DPoP", proof, "Content-Type", "application/json")
			return status, text
		})
		// An issuer_state of one is known to no other: whoever signs in is refused.
		at("an issuer_state", func(base string) (int, string) {
			f.cookies = map[string]string{}
			status, m, text := f.post(base+"/par", request)
			if status != http.StatusCreated {
				return status, text
			}
			_, location, _ := f.walk("GET", base+"/authorize?"+url.Values{"client_id": {"wallet"}, "request_uri": {m["request_uri"].(string)}}.Encode(), "")
			status, _, text = f.walk("GET", f.signIn(location), "")
			if found := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(text); found != nil {
				_, _, text = f.walk("POST", base+"/consent", url.Values{"form": {found[1]}, "decision": {"allow"}}.Encode())
			}
			if strings.Contains(text, "access_denied") && !strings.Contains(text, "code=") {
				return http.StatusForbidden, text
			}
			return status, text
		})
	}
}

func TestTenantConfiguration(t *testing.T) {
	good := func() *Config {
		return &Config{Profile: ProfileDevelopment, Data: "d", Issuer: &IssuerConfig{
			ListenConfig: ListenConfig{URL: "http://localhost:8081"}, Register: "r",
			Tenants: []IssuerConfig{
				{ListenConfig: ListenConfig{URL: "http://localhost:8081/a"}, Tenant: "a", Register: "r"},
				{ListenConfig: ListenConfig{URL: "http://localhost:8081/b"}, Tenant: "b", Register: "r"},
			},
		}}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for want, bend := range map[string]func(i *IssuerConfig){
		"issuer.tenant: found":             func(i *IssuerConfig) { i.Tenant = "x" },
		"issuer.tenants[0].tenant: found":  func(i *IssuerConfig) { i.Tenants[0].Tenant = "a-b" },
		"issuer.tenants[1].tenant: \"a\"":  func(i *IssuerConfig) { i.Tenants[1].Tenant = "a" },
		"issuer.tenants[1].url: http":      func(i *IssuerConfig) { i.Tenants[1].URL = "http://localhost:8081" },
		"issuer.tenants[0].listen, cert":   func(i *IssuerConfig) { i.Tenants[0].Listen = "localhost:1" },
		"issuer.tenants[0].tenants: a ten": func(i *IssuerConfig) { i.Tenants[0].Tenants = []IssuerConfig{{}} },
		"issuer.tenants[0].register: name": func(i *IssuerConfig) { i.Tenants[0].Register = "" },
		"issuer.tenants[1].url: found":     func(i *IssuerConfig) { i.Tenants[1].URL = "http://example.org" },
		"issuer.types[0]: id and":          func(i *IssuerConfig) { i.Types = []TypeConfig{{ID: "x"}} },
		"issuer.types[1].id: \"x\" stands": func(i *IssuerConfig) { i.Types = []TypeConfig{{ID: "x", Metadata: "m"}, {ID: "x", Metadata: "m"}} },
		"issuer.connectors[0].configurati": func(i *IssuerConfig) { i.Connectors = []ConnectorConfig{{Configuration: "y"}} },
	} {
		c := good()
		bend(c.Issuer)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Each issuer's metadata are signed by a key that is certified for it, until
// the key is rotated for that one alone.
func TestTenantsSignTheirMetadata(t *testing.T) {
	w := startTenants(t)
	fetch := func(base string) string {
		t.Helper()
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		status, _, text := w.send("GET", u.Scheme+"://"+u.Host+"/.well-known/openid-credential-issuer"+u.Path, "", "Accept", "application/jwt")
		tok, err := jose.Parse(text)
		if status != http.StatusOK || err != nil {
			t.Fatalf("%d %v", status, err)
		}
		chain, err := tok.Header.Certificates()
		if err != nil {
			t.Fatal(err)
		}
		key := func(*jose.Token) (crypto.PublicKey, error) {
			return chain[0].PublicKey, errors.Join(chain[0].CheckSignatureFrom(w.app.local.hierarchy.AccessCA.Certificate), seal.CertifiesIssuer(chain[0], base))
		}
		if _, err := oid4vci.ParseSignedMetadata(text, base, time.Now(), key, oid4vci.InsecureLoopback); err != nil {
			t.Fatalf("%s: %v", base, err)
		}
		return seal.CertificateID(chain[0])
	}
	before := map[string]string{}
	for _, base := range w.urls {
		before[base] = fetch(base)
	}
	if _, err := w.app.local.RotateMetadata(t.Context(), "school"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.app.local.RotateMetadata(t.Context(), "nobody"); !errors.Is(err, devca.ErrOptions) {
		t.Errorf("%v", err)
	}
	for n, base := range w.urls {
		if changed := fetch(base) != before[base]; changed != (n == 1) {
			t.Errorf("%s: another signer: %v", base, changed)
		}
	}
	// What was rotated is what a restart finds.
	again, err := loadHierarchy(w.app.c.Keys)
	if err != nil || seal.CertificateID(again.Tenants["school"].Metadata.Certificate) != fetch(w.urls[1]) {
		t.Errorf("after a restart: %v", err)
	}
}

// The document of each issuer is at its own URL, has its own seal key and nobody
// else's.
func TestTenantsControlTheirKeys(t *testing.T) {
	w := startTenants(t)
	for n, base := range w.urls {
		status, _, text := w.send("GET", base, "")
		var d did.Document
		if err := jose.Unmarshal([]byte(text), &d); status != http.StatusOK || err != nil || d.ID != base {
			t.Fatalf("%s: %d %v", base, status, err)
		}
		body, err := w.app.local.hierarchy.Tenant([]string{"", "school", "city"}[n])
		if err != nil {
			t.Fatal(err)
		}
		if want := format.MethodOf(base, body.Seal.Certificate); len(d.VerificationMethod) != 1 || d.VerificationMethod[0].ID != want {
			t.Errorf("%s: %s", base, text)
		}
	}
}
