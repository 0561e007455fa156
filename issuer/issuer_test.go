package issuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/store/embedded"
)

const (
	insz   = "80610100139"
	base   = "https://issuer.example.org"
	client = "OVO000001"

	correlation = "5f0f4a4e-7a3c-4c6e-8d57-3a1f7b2d9c10"
)

// source answers with one collection.
type source struct {
	issuer.Collection
	err   error
	asked atomic.Int32
}

func (s *source) Collect(context.Context, string, identifier.INSZ, string) (issuer.Collection, error) {
	s.asked.Add(1)
	return s.Collection, s.err
}

// uses is a use log that can fail.
type uses struct {
	*audit.Log
	broken atomic.Bool

	mu    sync.Mutex
	kinds []audit.Kind // of what was logged
}

var errLog = errors.New("the disk is full")

func (u *uses) Append(ctx context.Context, e audit.Event) error {
	if u.broken.Load() {
		return errLog
	}
	u.mu.Lock()
	u.kinds = append(u.kinds, e.Kind)
	u.mu.Unlock()
	return u.Log.Append(ctx, e)
}

type house struct {
	testing.TB
	*issuer.Issuer
	config   issuer.Config
	source   *source
	uses     *uses
	statuses *status.Register
	ca       *devca.Hierarchy
	ahead    atomic.Int64
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

func build(t testing.TB) *house {
	t.Helper()
	h := &house{TB: t}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	s, err := embedded.Open(filepath.Join(dir, "store"), embedded.Options{Now: h.now, SweepEvery: time.Hour})
	must(err)
	t.Cleanup(func() { s.Close() })
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	log, err := audit.Open(filepath.Join(dir, "audit"), audit.Options{Signer: key, Now: h.now})
	must(err)
	t.Cleanup(func() { log.Close() })
	h.uses = &uses{Log: log}
	h.ca, err = devca.New(devca.Options{Now: time.Now(), Issuer: base})
	must(err)
	seals, err := h.ca.Keys(h.now)
	must(err)
	signer, err := h.ca.StatusSealer(h.now)
	must(err)
	h.statuses, err = status.NewRegister(s, status.Options{Base: base, Signer: signer, Now: h.now})
	must(err)
	names, err := audit.NewPseudonyms([]byte(strings.Repeat("n", 32)))
	must(err)
	h.source = &source{Collection: issuer.Collection{
		DataType: "led-diploma", Organisation: "OVO002067",
		Datasets: []issuer.Dataset{{Record: "R-1", Claims: []byte(`{"title":"one"}`)}, {Record: "R-2", Claims: []byte(`{"title":"two"}`)}},
	}}
	metadata, err := h.ca.MetadataSealer(h.now)
	must(err)
	metadataKeys, err := seal.NewKeys(metadata)
	must(err)
	h.config = issuer.Config{
		MetadataKeys: metadataKeys,
		URL:          base, Store: s, Source: h.source, Types: []issuer.Type{issuer.LEDDiploma()}, Display: []issuer.Display{{Name: "Uitreiker (TEST)", Locale: "nl"}},
		Keys: seals, Statuses: h.statuses, Log: h.uses, Names: names, Key: []byte(strings.Repeat("k", 32)), BatchSize: 4, Now: h.now,
	}
	h.Issuer, err = issuer.New(h.config)
	must(err)
	return h
}

func (h *house) collect(vault string) issuer.Offered {
	h.Helper()
	c := h.wish(vault)
	o, err := h.Collect(h.Context(), c)
	if err != nil {
		h.Fatal(err)
	}
	return o
}

func (h *house) wish(vault string) issuer.Collect {
	h.Helper()
	subject, err := identifier.ParseINSZ(insz)
	if err != nil {
		h.Fatal(err)
	}
	c := issuer.Collect{Configuration: "led_diploma", Supplier: "led", Subject: subject, CorrelationID: "5f0f4a4e-7a3c-4c6e-8d57-3a1f7b2d9c10"}
	if vault == "" {
		c.Client = client
	} else {
		c.Vault = issuer.VaultHandle{Pseudonym: vault, Since: h.now()}
	}
	return c
}

func (h *house) redeem(o issuer.Offered) (string, []string, error) {
	code := oid4vci.Secret(o.TxCode.Reveal())
	res, err := h.Token(h.Context(), oid4vci.TokenRequest{GrantType: oid4vci.GrantPreAuthorizedCode, PreAuthorizedCode: oid4vci.Secret(o.Code.Reveal()), TxCode: &code}, authz.Party{})
	if err != nil {
		return "", nil, err
	}
	return string(res.AccessToken), res.AuthorizationDetails[0].CredentialIdentifiers, nil
}

func (h *house) obtain(token, id string, n int) ([]string, string, error) {
	h.Helper()
	res, err := h.request(h.Issuer, token, id, n)
	return copiesOf(res), string(res.NotificationID), err
}

// request asks an issuer for a dataset with n fresh keys.
func (h *house) request(i *issuer.Issuer, token, id string, n int) (oid4vci.CredentialResponse, error) {
	h.Helper()
	proofs := &oid4vci.Proofs{}
	nonce := i.Nonce().CNonce
	for range n {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			h.Fatal(err)
		}
		p, err := oid4vci.NewProof(key, oid4vci.ProofClaims{Audience: base, IssuedAt: jose.Date(h.now()), Nonce: nonce})
		if err != nil {
			h.Fatal(err)
		}
		proofs.JWT = append(proofs.JWT, p)
	}
	return i.Credential(h.Context(), bearer(token), oid4vci.CredentialRequest{CredentialIdentifier: id, Proofs: proofs}, correlation)
}

// bearer presents a token that is bound to no key.
func bearer(token string) authz.Protected {
	return authz.Protected{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

func copiesOf(res oid4vci.CredentialResponse) (out []string) {
	for _, c := range res.Credentials {
		text, _ := c.Text()
		out = append(out, text)
	}
	return out
}

// value is the status of a copy.
func (h *house) value(copy string) status.Value {
	h.Helper()
	s, err := sdjwt.Parse(copy)
	if err != nil {
		h.Fatal(err)
	}
	ref, err := status.ParseClaim(s.Claims().Member("status"))
	if err != nil {
		h.Fatal(err)
	}
	v, err := h.statuses.Value(h.Context(), ref)
	if err != nil {
		h.Fatal(err)
	}
	return v
}

func metadataKeysOf(t testing.TB, ca *devca.Hierarchy) *seal.Keys {
	t.Helper()
	s, err := ca.MetadataSealer(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	k, err := seal.NewKeys(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestConfig(t *testing.T) {
	good := build(t).config
	for name, c := range map[string]struct {
		change func(*issuer.Config)
		want   string
	}{
		"no store":            {func(c *issuer.Config) { c.Store = nil }, "Store"},
		"no clock":            {func(c *issuer.Config) { c.Now = nil }, "Now"},
		"short key":           {func(c *issuer.Config) { c.Key = c.Key[:31] }, "32 bytes"},
		"slash at the end":    {func(c *issuer.Config) { c.URL += "/" }, "slash"},
		"a path":              {func(c *issuer.Config) { c.URL += "/a" }, "certificate"},
		"a query":             {func(c *issuer.Config) { c.URL += "?a" }, "query"},
		"encryption":          {func(c *issuer.Config) { c.Encryption = "maybe" }, "Encryption"},
		"proof type":          {func(c *issuer.Config) { c.Types[0].Proofs.Types = []oid4vci.ProofType{"cwt"} }, "proof type"},
		"nobody attests":      {func(c *issuer.Config) { c.Types[0].Proofs.Attested = true }, "attesters"},
		"nobody attests keys": {func(c *issuer.Config) { c.Types[0].Proofs.Types = []oid4vci.ProofType{oid4vci.ProofAttestation} }, "attesters"},
		"key algorithm":       {func(c *issuer.Config) { c.Types[0].Proofs.Algs = []jose.Alg{jose.PS256} }, "key algorithm"},
		"key algorithm twice": {func(c *issuer.Config) { c.Types[0].Proofs.Algs = []jose.Alg{jose.ES256, jose.ES256} }, "twice"},
		"DIDs without jwt": {func(c *issuer.Config) {
			c.Types[0].Proofs = issuer.KeyProofs{Types: []oid4vci.ProofType{oid4vci.ProofDIVP}, DIDs: true}
		}, "jwt"},
		"scope": {func(c *issuer.Config) { c.Types[0].Scope = "a b" }, "scope"},
		"scope twice": {func(c *issuer.Config) {
			other := c.Types[0]
			other.ID, other.Name = "b", "b"
			c.Types = append(c.Types, other)
		}, "scope"},
		"attested di_vp": {func(c *issuer.Config) {
			c.Attesters = &oid4vci.AttestationPolicy{}
			c.Types[0].Proofs = issuer.KeyProofs{Types: []oid4vci.ProofType{oid4vci.ProofDIVP}, Attested: true}
		}, "di_vp"},
		"storage of keys":     {func(c *issuer.Config) { c.Types[0].Proofs.KeyStorage = []string{"x"} }, "attested"},
		"a password":          {func(c *issuer.Config) { c.URL = "https://a:b@issuer.example.org" }, "URL"},
		"http":                {func(c *issuer.Config) { c.URL = "http://issuer.example.org" }, "http"},
		"another host":        {func(c *issuer.Config) { c.URL = "https://other.example.org" }, "certificate"},
		"a batch of one":      {func(c *issuer.Config) { c.BatchSize = 1 }, "12.2.4"},
		"no types":            {func(c *issuer.Config) { c.Types = nil }, "type"},
		"a type twice":        {func(c *issuer.Config) { c.Types = append(c.Types, c.Types[0]) }, "two"},
		"a type of elsewhere": {func(c *issuer.Config) { c.Types = []issuer.Type{{ID: "a", Name: "a", Metadata: []byte(`{"vct":"x"}`)}} }, "another type"},
		"a name with a slash": {func(c *issuer.Config) {
			c.Types = []issuer.Type{{ID: "a", Name: "a/b", Metadata: []byte(`{"vct":"{vct}"}`)}}
		}, "segment"},
		"metadata signed as a seal": {func(c *issuer.Config) { c.MetadataKeys = c.Keys }, "metadata"},
		"another's metadata key": {func(c *issuer.Config) {
			ca, err := devca.New(devca.Options{Now: time.Now(), Issuer: "https://other.example.org"})
			if err != nil {
				t.Fatal(err)
			}
			c.MetadataKeys = metadataKeysOf(t, ca)
		}, "signed metadata"},
		"short life":       {func(c *issuer.Config) { c.Life = time.Second }, "Life"},
		"CIR without name": {func(c *issuer.Config) { c.Profile = sdjwt.ProfileCIR }, "issuing_authority"},
		"CIR with another name": {func(c *issuer.Config) {
			c.Profile = sdjwt.ProfileCIR
			c.Authority.Name, c.Authority.Country = "Another", "BE"
		}, "issuing_authority"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			bad.Types = slices.Clone(good.Types)
			c.change(&bad)
			if _, err := issuer.New(bad); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want something of %q", err, c.want)
			}
		})
	}
}

// The metadata is what wallets read, strictly (OpenID4VCI 1.0, Section 12.2.4).
func TestMetadata(t *testing.T) {
	h := build(t)
	described, err := h.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	b, err := jose.Marshal(described)
	if err != nil {
		t.Fatal(err)
	}
	m, err := oid4vci.ParseCredentialIssuerMetadata(b, base)
	if err != nil {
		t.Fatal(err)
	}
	for _, empty := range []string{`{}`, `[]`, `""`, "null"} {
		if strings.Contains(string(b), empty) {
			t.Errorf("an empty member %s: some wallets refuse it", empty)
		}
	}
	for id, c := range m.CredentialConfigurationsSupported {
		if c.Scope == "" {
			t.Errorf("%s has no scope (HAIP 1.0, Section 4.1)", id)
		}
	}
	c := m.CredentialConfigurationsSupported["led_diploma"]
	if c.CredentialMetadata == nil || len(c.CredentialMetadata.Display) != 4 || m.BatchSize() != 4 || m.NonceEndpoint == "" || m.NotificationEndpoint == "" {
		t.Errorf("%s", b)
	}
	for _, claim := range c.CredentialMetadata.Claims {
		if len(claim.Display) != 4 {
			t.Errorf("%v has %d languages", claim.Path, len(claim.Display))
		}
	}
	if b, err = jose.Marshal(h.ServerMetadata()); err != nil {
		t.Fatal(err)
	}
	if s, err := oid4vci.ParseAuthorizationServerMetadata(b, base); err != nil || !s.Supports(oid4vci.GrantPreAuthorizedCode) || s.Supports(oid4vci.GrantAuthorizationCode) {
		t.Errorf("%v %s", err, b)
	}
	doc, err := h.TypeMetadata("led-diploma")
	if err != nil || !strings.Contains(string(doc), `"vct": "`+c.VCT+`"`) {
		t.Errorf("%v", err)
	}
	if _, err := h.TypeMetadata("other"); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// A record that cannot be sealed is refused by name, and the others go on.
func TestUnusableRecords(t *testing.T) {
	h := build(t)
	h.source.Datasets = append(h.source.Datasets,
		issuer.Dataset{Record: "R-3", Claims: []byte(`{"secret":"x"}`)}, issuer.Dataset{Record: "R-4", Claims: []byte(`{"title":"a","title":"b"}`)},
		issuer.Dataset{Record: "R-5", Claims: []byte(`[]`)}, issuer.Dataset{Record: "R-6", Claims: []byte(`{"record":{"_sd":["x"]}}`)})
	h.source.Refused = []issuer.Refusal{{Record: "R-7", Reason: "annulled"}}
	o := h.collect("")
	if !slices.Equal(o.Accepted, []string{"R-1", "R-2"}) || len(o.Refused) != 5 {
		t.Errorf("%v %v", o.Accepted, o.Refused)
	}
	st, err := h.State(t.Context(), client, o.ID)
	if err != nil || st.State != "offered" || !slices.Equal(st.Accepted, o.Accepted) || len(st.Refused) != 5 {
		t.Errorf("%+v %v", st, err)
	}
	_, ids, err := h.redeem(o)
	if err != nil || len(ids) != 2 {
		t.Errorf("%v %v", ids, err)
	}
	h.source.Collection = issuer.Collection{NoData: true}
	if o, err := h.Collect(t.Context(), h.wish("")); !errors.Is(err, issuer.ErrNothing) || !o.NoData {
		t.Errorf("%v %v", o.NoData, err)
	}
	h.source.Datasets = make([]issuer.Dataset, issuer.MaxDatasets+1)
	for i := range h.source.Datasets {
		h.source.Datasets[i].Claims = []byte(`{"title":"x"}`)
	}
	if _, err := h.Collect(t.Context(), h.wish("")); !errors.Is(err, issuer.ErrTooMany) {
		t.Errorf("%v", err)
	}
}

// Mandatory claims of a type (SD-JWT VC, Section 5.6).
func TestMandatoryClaims(t *testing.T) {
	h := build(t)
	h.config.Types = []issuer.Type{{ID: "card", Name: "card", Metadata: []byte(`{"vct":"{vct}","claims":[
		{"path":["number"],"mandatory":true,"sd":"always"},{"path":["holder","names",null],"mandatory":true,"sd":"always"},{"path":["places",1,"name"],"mandatory":true,"sd":"always"}]}`)}}
	i, err := issuer.New(h.config)
	if err == nil {
		_, err = i.Offer(t.Context(), issuer.Direct{Configuration: "card", Client: client, Datasets: []issuer.Dataset{{Claims: []byte(`{"number":1,"holder":{"names":["a"]},"places":[{},{"name":"b"}]}`)}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, claims := range []string{`{}`, `{"number":1}`, `{"number":1,"holder":{"names":[]},"places":[{},{"name":"b"}]}`, `{"number":1,"holder":{"names":["a"]},"places":[{"name":"b"}]}`, `{"number":1,"holder":["names"],"places":[{},{"name":"b"}]}`} {
		_, err := i.Offer(t.Context(), issuer.Direct{Configuration: "card", Client: client, Datasets: []issuer.Dataset{{Claims: []byte(claims)}}})
		var e *issuer.ClaimsError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), "mandatory") {
			t.Errorf("%s: %v", claims, err)
		}
	}
}

// What cannot be logged does not happen.
func TestLogIsNeeded(t *testing.T) {
	h := build(t)
	offered := h.collect("")
	token, ids, err := h.redeem(offered)
	if err != nil {
		t.Fatal(err)
	}
	copies, id, err := h.obtain(token, ids[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	h.uses.broken.Store(true)
	if o, err := h.Collect(t.Context(), h.wish("")); !errors.Is(err, errLog) || o.ID != "" {
		t.Errorf("collected without the log: %v", err)
	}
	if got, _, err := h.obtain(token, ids[1], 1); !errors.Is(err, errLog) || len(got) > 0 {
		t.Errorf("issued without the log: %v", err)
	}
	if _, err := h.ChangeStatus(t.Context(), issuer.Authority{Client: client}, id, issuer.Suspend, ""); !errors.Is(err, errLog) {
		t.Errorf("changed without the log: %v", err)
	}
	h.uses.broken.Store(false)
	// A change is made again until it is logged.
	if _, err := h.ChangeStatus(t.Context(), issuer.Authority{Client: client}, id, issuer.Suspend, ""); err != nil || h.value(copies[0]) != status.Suspended {
		t.Errorf("%v %v", err, h.value(copies[0]))
	}
}

// Every use stands in the log, under a pseudonym.
func TestUseLog(t *testing.T) {
	h := build(t)
	token, ids, err := h.redeem(h.collect("v"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.obtain(token, ids[0], 3); err != nil {
		t.Fatal(err)
	}
	token, ids, err = h.redeem(h.collect(""))
	if err != nil {
		t.Fatal(err)
	}
	_, id, err := h.obtain(token, ids[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []issuer.Change{issuer.Suspend, issuer.Reinstate, issuer.Revoke} {
		if _, err := h.ChangeStatus(t.Context(), issuer.Authority{Client: client}, id, c, ""); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := h.VaultDeleted(t.Context(), "vaults", "v", ""); err != nil || n != 3 {
		t.Fatalf("%d %v", n, err)
	}
	h.source.err = errors.New("away")
	if _, err := h.Collect(t.Context(), h.wish("v")); err == nil {
		t.Fatal("collected from nobody")
	}
	var got []string
	subjects := map[audit.Pseudonym]bool{}
	for e, err := range h.uses.List(audit.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(e.Kind)+" "+string(e.Actor.Kind)+" "+string(e.Outcome))
		if e.Subject != "" {
			subjects[e.Subject] = true
		}
		if e.Kind == audit.Fetch && (e.Organisation != "OVO002067" || e.Subject == "") {
			t.Errorf("%+v", e)
		}
	}
	want := []string{
		"fetch citizen ok", "offer.create citizen ok", "issue system ok", "fetch organisation ok", "offer.create organisation ok", "issue system ok",
		"suspend organisation ok", "reinstate organisation ok", "revoke organisation ok", "revoke organisation ok", "fetch citizen failed",
	}
	if !slices.Equal(got, want) || len(subjects) != 1 {
		t.Errorf("got\n%s\nwant\n%s\n%d subjects", strings.Join(got, "\n"), strings.Join(want, "\n"), len(subjects))
	}
	if err := h.uses.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if r, err := h.uses.Verify(); err != nil || !r.OK() {
		t.Errorf("%v %v", r, err)
	}
}

// The same records in another format are a configuration of their own, with the
// words of that format (OpenID4VCI 1.0, Appendix A.2).
func TestMdocConfiguration(t *testing.T) {
	h := build(t)
	definition, ok := issuer.LEDDefinition(credential.FormatMdoc)
	if !ok {
		t.Fatal("no document type is built in")
	}
	c := h.config
	mobile := issuer.LEDDiploma()
	mobile.ID, mobile.Name, mobile.Scope, mobile.Format, mobile.Definition = "led_diploma_mdoc", "led-diploma-mdoc", "led_diploma_mdoc", credential.FormatMdoc, definition
	c.Types = append(slices.Clone(c.Types), mobile)
	i, err := issuer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := i.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	got := m.CredentialConfigurationsSupported["led_diploma_mdoc"]
	if got.Format != "mso_mdoc" || got.Doctype != "id.zegel.led-diploma.1" || got.VCT != "" || len(got.CredentialSigningAlgValuesSupported) != 1 || got.CredentialSigningAlgValuesSupported[0] != -7 {
		t.Errorf("%+v", got)
	}
	for _, d := range got.CredentialMetadata.Claims {
		if err := d.Path.ValidateMdoc(); err != nil || d.Path[0] != "id.zegel.led-diploma.1" {
			t.Errorf("%s: %v", d.Path, err)
		}
	}
	for name, change := range map[string]func(*issuer.Type){
		"no definition": func(t *issuer.Type) { t.Definition = nil },
		"no JSON":       func(t *issuer.Type) { t.Definition = []byte("{") },
		"two namespaces": func(t *issuer.Type) {
			t.Definition = []byte(`{"doctype":"d","namespaces":[{"name":"a","elements":[{"identifier":"title"}]},{"name":"b","elements":[{"identifier":"x"}]}]}`)
		},
		"a format nobody knows":  func(t *issuer.Type) { t.Format = "vc+sd-jwt" },
		"an SD-JWT VC with more": func(t *issuer.Type) { t.Format = credential.FormatSDJWTVC },
	} {
		c.Types[1] = mobile
		change(&c.Types[1])
		if _, err := issuer.New(c); err == nil || !strings.Contains(err.Error(), "led_diploma_mdoc") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
