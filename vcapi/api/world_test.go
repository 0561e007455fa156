package api

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/bbs"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
	"github.com/zegel-id/zegel/vcapi"
)

// world is a server with an issuer for each suite, on real HTTP.
type world struct {
	t        testing.TB
	url      string
	now      time.Time
	ids      map[string]string // of issuers and holders
	contexts *vcapi.Contexts
	dir      string
	keys     map[string]vcapi.Key
	change   func(*Options, *vcapi.VerifierConfig)
	close    func()
}

const examples = "https://www.w3.org/ns/credentials/examples/v2"

// instances are the issuers by name. Those that end in -status give one.
var instances = map[string]vcapi.Suite{
	"eddsa-rdfc": vcapi.EdDSARDFC, "eddsa-jcs": vcapi.EdDSAJCS, "p256-rdfc": vcapi.ECDSARDFC, "p384-rdfc": vcapi.ECDSARDFC, "p256-jcs": vcapi.ECDSAJCS, "p384-jcs": vcapi.ECDSAJCS,
	"p256-sd": vcapi.ECDSASD, "bbs": vcapi.BBS, "p256-jwt": vcapi.JWT, "eddsa-jwt": vcapi.JWT,
	"eddsa-status": vcapi.EdDSARDFC, "p256-sd-status": vcapi.ECDSASD, "p256-jwt-status": vcapi.JWT,
}

func newKey(t testing.TB, name string) vcapi.Key {
	t.Helper()
	var key crypto.Signer
	var err error
	switch {
	case name == "bbs":
		secret, err := bbs.GenerateKey(rand.Reader, bbs.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return vcapi.Key{BBS: secret}
	case strings.HasPrefix(name, "p256"):
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case strings.HasPrefix(name, "p384"):
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return vcapi.Key{Signer: key}
}

func start(t testing.TB, change func(*Options, *vcapi.VerifierConfig)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now(), ids: map[string]string{}, keys: map[string]vcapi.Key{}, dir: t.TempDir(), change: change}
	var err error
	if w.contexts, err = vcapi.NewContexts(map[string][]byte{examples: []byte(`{"@context":{"@vocab":"https://www.w3.org/ns/credentials/examples#"}}`)}, false); err != nil {
		t.Fatal(err)
	}
	for name := range instances {
		w.keys[name] = newKey(t, name)
	}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

// open starts the server on what the store has.
func (w *world) open() {
	w.t.Helper()
	s, err := embedded.Open(w.dir, embedded.Options{Now: w.clock, Report: func(err error) { w.t.Error(err) }})
	if err != nil {
		w.t.Fatal(err)
	}
	o := Options{Contexts: w.contexts, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: w.clock}
	w.instances(&o, s)
	v := vcapi.VerifierConfig{Contexts: w.contexts, Resolver: vcapi.NewResolver(nil, false), Issuers: o.Issuers, Now: w.clock}
	o.InsecureAnybody = true
	if w.change != nil {
		w.change(&o, &v)
	}
	if o.Verifier, err = vcapi.NewVerifier(v); err != nil {
		w.t.Fatal(err)
	}
	h, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(h)
	w.url = server.URL
	w.close = func() {
		server.Close()
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) instances(o *Options, s store.Store) {
	w.t.Helper()
	for name, suite := range instances {
		id, err := did.DIDKey(w.keys[name].Public())
		if err != nil {
			w.t.Fatal(err)
		}
		w.ids[name] = id
		c := vcapi.IssuerConfig{Name: name, ID: id, Suite: suite, Key: w.keys[name], Contexts: w.contexts, Now: w.clock}
		if strings.HasSuffix(name, "-status") {
			c.Base, c.Store = "https://vc.example/issuers/"+name, s
		}
		i, err := vcapi.NewIssuer(c)
		if err != nil {
			w.t.Fatal(err)
		}
		o.Issuers = append(o.Issuers, i)
		if suite.Selective() {
			continue
		}
		h, err := vcapi.NewHolder(vcapi.HolderConfig{Name: name, ID: id, Suite: suite, Key: w.keys[name], Contexts: w.contexts, Now: w.clock})
		if err != nil {
			w.t.Fatal(err)
		}
		o.Holders = append(o.Holders, h)
	}
}

func (w *world) clock() time.Time { return w.now }

// post sends JSON, and answers with the status and what came.
func (w *world) post(path string, body any, header ...string) (int, map[string]any) {
	w.t.Helper()
	b, ok := body.(string)
	if !ok {
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		b = string(text)
	}
	req, err := http.NewRequest("POST", w.url+path, strings.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var out map[string]any
	if len(bytes.TrimSpace(answer)) > 0 {
		if err := json.Unmarshal(answer, &out); err != nil {
			w.t.Fatalf("%s: %v: %s", path, err, answer)
		}
	}
	if res.StatusCode >= 400 && res.StatusCode < 500 && out["verified"] == nil && res.Header.Get("Content-Type") != "application/problem+json" {
		w.t.Errorf("%s: a refusal as %s", path, res.Header.Get("Content-Type"))
	}
	return res.StatusCode, out
}

type doc = map[string]any

// credential is one of an issuer, with claims to hide and to show.
func (w *world) credential(issuer string) doc {
	return doc{
		"@context": []any{"https://www.w3.org/ns/credentials/v2", examples},
		"id":       "urn:uuid:" + rand.Text(), "type": []any{"VerifiableCredential", "ExampleDegreeCredential"}, "issuer": w.ids[issuer],
		"validFrom":         w.now.Add(-time.Hour).UTC().Format(time.RFC3339),
		"credentialSubject": doc{"id": "did:example:subject", "degree": doc{"type": "ExampleBachelorDegree", "name": "Bachelor"}, "alumniOf": "The School", "age": 30},
	}
}

// issue has a credential signed, or fails.
func (w *world) issue(issuer string, credential doc, options doc) doc {
	w.t.Helper()
	status, answer := w.post("/issuers/"+issuer+"/credentials/issue", doc{"credential": credential, "options": options})
	if status != http.StatusCreated {
		w.t.Fatalf("%s: %d %v", issuer, status, answer)
	}
	return answer["verifiableCredential"].(doc)
}

// verify verifies a credential that must be judged.
func (w *world) verify(credential doc, options doc) doc {
	w.t.Helper()
	status, answer := w.post("/credentials/verify", doc{"verifiableCredential": credential, "options": options})
	if status != http.StatusOK {
		w.t.Fatalf("%d %v", status, answer)
	}
	return answer
}

// problems are the types of the problems of a result.
func problems(result doc) string {
	var types []string
	list, _ := result["problemDetails"].([]any)
	for _, p := range list {
		types = append(types, p.(doc)["type"].(string))
	}
	return strings.Join(types, " ")
}

// copied is a deep copy.
func copied(t testing.TB, d doc) doc {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var out doc
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
