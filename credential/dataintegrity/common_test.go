package dataintegrity_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/mr-tron/base58"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/testvectors"
)

const (
	contextV2       = contexts.CredentialsV2
	contextExamples = "https://www.w3.org/ns/credentials/examples/v2"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// published are the embedded contexts; vectors need a few more.
var published = jsonld.New(jsonld.LoaderFunc(contexts.Document))

func withVectorContexts(t testing.TB) *jsonld.Processor {
	t.Helper()
	files := map[string]string{}
	var index []struct{ URL, File string }
	if err := json.Unmarshal(testvectors.File(t, "contexts", "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	for _, e := range index {
		files[e.URL] = e.File
	}
	return jsonld.New(jsonld.LoaderFunc(func(url string) ([]byte, error) {
		if file, ok := files[url]; ok {
			return os.ReadFile(testvectors.Dir(t, "contexts") + "/" + file)
		}
		return contexts.Document(url)
	}))
}

// suites are all of ours.
func suites(p *jsonld.Processor) []di.Suite {
	return []di.Suite{di.EdDSARDFC2022(p), di.ECDSARDFC2019(p), di.EdDSAJCS2022(), di.ECDSAJCS2019()}
}

func suite(t testing.TB, p *jsonld.Processor, name string) di.Suite {
	t.Helper()
	for _, s := range suites(p) {
		if s.Name() == name {
			return s
		}
	}
	t.Fatalf("no suite %s", name)
	return nil
}

func newSigner(t testing.TB, p *jsonld.Processor, name string, key crypto.Signer) di.Signer {
	t.Helper()
	make := map[string]func() (di.Signer, error){
		"eddsa-rdfc-2022": func() (di.Signer, error) { return di.NewEdDSARDFC2022(p, key) },
		"ecdsa-rdfc-2019": func() (di.Signer, error) { return di.NewECDSARDFC2019(p, key) },
		"eddsa-jcs-2022":  func() (di.Signer, error) { return di.NewEdDSAJCS2022(key) },
		"ecdsa-jcs-2019":  func() (di.Signer, error) { return di.NewECDSAJCS2019(key) },
	}[name]
	s, err := make()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// edKey and ecKey are keys that are the same in every run.
func edKey(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func ecKey(t testing.TB, curve elliptic.Curve, n byte) *ecdsa.PrivateKey {
	t.Helper()
	d := make([]byte, (curve.Params().BitSize+7)/8)
	d[len(d)-1] = n
	key, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// multikey reads a private key of the vectors: two bytes of codec, then the key.
func multikey(t testing.TB, text string) crypto.Signer {
	t.Helper()
	b, err := base58.Decode(text[1:])
	if err != nil {
		t.Fatal(err)
	}
	switch [2]byte(b) {
	case [2]byte{0x80, 0x26}:
		return ed25519.NewKeyFromSeed(b[2:])
	case [2]byte{0x86, 0x26}:
		return private(t, elliptic.P256(), b[2:])
	case [2]byte{0x87, 0x26}:
		return private(t, elliptic.P384(), b[2:])
	}
	t.Fatalf("codec %x", b[:2])
	return nil
}

func private(t testing.TB, curve elliptic.Curve, b []byte) crypto.Signer {
	key, err := ecdsa.ParseRawPrivateKey(curve, b)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// didKey is the did:key of a key and its verification method.
func didKey(t testing.TB, pub crypto.PublicKey) (id, method string) {
	t.Helper()
	id, err := did.DIDKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return id, id + "#" + id[len("did:key:"):]
}

// template signs with a key under its did:key.
func template(t testing.TB, p *jsonld.Processor, name string, key crypto.Signer, change ...func(*di.Options)) *di.Template {
	t.Helper()
	_, method := didKey(t, key.Public())
	o := di.Options{Signer: newSigner(t, p, name, key), VerificationMethod: method, Purpose: did.AssertionMethod, Contexts: []string{contextV2}}
	for _, c := range change {
		c(&o)
	}
	tmpl, err := di.NewTemplate(o)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// policy requires a proof by the did:key of a key.
func policy(t testing.TB, pub crypto.PublicKey) di.Policy {
	t.Helper()
	id, _ := didKey(t, pub)
	return di.Policy{
		Now: now, Suites: suites(published), Resolver: did.KeyMethod{}, Purpose: did.AssertionMethod,
		Controllers: []string{id}, Contexts: []string{contextV2},
	}
}

// refused checks that a verification failed at a check, and that nothing came out.
func refused(t testing.TB, document []byte, p di.Policy, check string) {
	t.Helper()
	v, err := di.Verify(context.Background(), document, p)
	var e *di.Error
	if !errors.As(err, &e) {
		t.Fatalf("not refused: %v", err)
	}
	if v != nil {
		t.Error("a refusal with a result")
	}
	if e.Check != check {
		t.Errorf("refused at %s, expected %s: %v", e.Check, check, err)
	}
	if e.Spec == "" || e.Detail == "" {
		t.Errorf("a refusal that does not say why: %v", err)
	}
}

func verified(t testing.TB, document []byte, p di.Policy) *di.Verified {
	t.Helper()
	v, err := di.Verify(context.Background(), document, p)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Checks.OK() {
		t.Errorf("verified, with %s", v.Checks)
	}
	return v
}
