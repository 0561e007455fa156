package main

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	issuerapi "github.com/zegel-id/zegel/issuer/api"
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
	body := func(n int, tenant string) IssuerConfig {
		key, digest := rest.NewKey()
		w.keys = append(w.keys, key)
		return IssuerConfig{
			ListenConfig: ListenConfig{URL: w.urls[n]}, Tenant: tenant, Register: register,
			Types: []TypeConfig{{ID: "membership", Metadata: metadata}},
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
	c := &Config{Profile: ProfileDevelopment, Data: filepath.Join(dir, "data"), Keys: keys, Issuer: &first}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	var err error
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
	return rec.Code, out, string(text)
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
	if _, err := w.app.local.RotateMetadata("school"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.app.local.RotateMetadata("nobody"); !errors.Is(err, devca.ErrOptions) {
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
