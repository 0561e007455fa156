package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certify(t *testing.T, template, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), time.Unix(0, 0), time.Unix(1<<33, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// platformChain trusts nobody.
type platformChain struct{}

var errPlatform = errors.New("the platform knows nobody")

func (platformChain) VerifyChain(context.Context, []*x509.Certificate, time.Time) error {
	return errPlatform
}

// Further anchors are further: only with the open rule, and only for the chains
// that lead to them.
func TestOpenTrustFiles(t *testing.T) {
	key, other := ecKey(t), ecKey(t)
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca := certify(t, root, root, key.Public(), key)
	leaf := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "receiver"}}, ca, other.Public(), key)
	anchors := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})))
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jose.Marshal([]jose.JWK{jwk})
	if err != nil {
		t.Fatal(err)
	}
	attesters := write(t, `{"https://attester.example":{"keys":`+string(keys)+`}}`)
	clients := write(t, `{"shop":{"name":"Shop","keys":`+string(keys)+`,"addresses":["https://shop.example/r"],"metadata":{"vp_formats_supported":{"dc+sd-jwt":{}},"client_name":"x"}},"plain":{"addresses":["https://plain.example"]}}`)

	p := unit.Presentation{Chain: platformChain{}}
	o := openTrust{"open", anchors, attesters, clients}
	if err := o.apply(&p); err != nil {
		t.Fatal(err)
	}
	if p.Trust != unit.TrustOpen || len(p.Attesters["https://attester.example"]) != 1 || p.Clients["shop"].Name != "Shop" || len(p.Clients["shop"].Keys) != 1 || p.Clients["shop"].Metadata.VPFormatsSupported == nil || p.Clients["plain"].Metadata != nil {
		t.Errorf("%+v", p)
	}
	if err := p.Chain.VerifyChain(t.Context(), []*x509.Certificate{leaf}, time.Now()); err != nil {
		t.Error(err)
	}
	stranger := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "receiver"}}, &x509.Certificate{Subject: pkix.Name{CommonName: "other root"}}, other.Public(), other)
	for name, chain := range map[string][]*x509.Certificate{"nothing": nil, "a stranger": {stranger}} {
		if err := p.Chain.VerifyChain(t.Context(), chain, time.Now()); !errors.Is(err, errPlatform) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.Chain.VerifyChain(t.Context(), []*x509.Certificate{leaf}, time.Unix(1<<34, 0)); err == nil {
		t.Error("a certificate that is over was accepted")
	}

	const private = `{"kty":"EC","crv":"P-256","x":"","y":""}`
	for name, c := range map[string]struct {
		o    openTrust
		want string
	}{
		"unknown rule":              {openTrust{rule: "all"}, "--trust"},
		"anchors, register":         {openTrust{rule: "register", anchors: anchors}, "for --trust open only"},
		"attesters, register":       {openTrust{attesters: attesters}, "for --trust open only"},
		"clients, register":         {openTrust{clients: clients}, "for --trust open only"},
		"no file":                   {openTrust{rule: "open", anchors: anchors + "x"}, "no such file"},
		"no PEM":                    {openTrust{rule: "open", anchors: attesters}, attesters},
		"empty anchors":             {openTrust{rule: "open", anchors: write(t, "")}, "certificate"},
		"attester without keys":     {openTrust{rule: "open", attesters: write(t, `{"a":{"keys":[]}}`)}, "has no keys"},
		"attester with no key":      {openTrust{rule: "open", attesters: write(t, `{"a":{"keys":[`+private+`]}}`)}, "key 0"},
		"unknown member":            {openTrust{rule: "open", attesters: write(t, `{"a":{"keys":`+string(keys)+`,"more":1}}`)}, "JSON"},
		"attester twice":            {openTrust{rule: "open", attesters: write(t, `{"a":{"keys":`+string(keys)+`},"a":{"keys":`+string(keys)+`}}`)}, "JSON"},
		"client with no key":        {openTrust{rule: "open", clients: write(t, `{"a":{"keys":[`+private+`]}}`)}, "key 0"},
		"client, unknown member":    {openTrust{rule: "open", clients: write(t, `{"a":{"address":[]}}`)}, "JSON"},
		"client, no metadata":       {openTrust{rule: "open", clients: write(t, `{"a":{"metadata":[]}}`)}, "metadata"},
		"client, file of no JSON":   {openTrust{rule: "open", clients: anchors}, "JSON"},
		"client, file is not there": {openTrust{rule: "open", clients: "nowhere"}, "nowhere"},
	} {
		p := unit.Presentation{Chain: platformChain{}}
		if err := c.o.apply(&p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
	}
	p = unit.Presentation{}
	if err := (openTrust{}).apply(&p); err != nil || p.Trust != unit.TrustRegister {
		t.Errorf("%q, %v", p.Trust, err)
	}
}

func TestReadDigital(t *testing.T) {
	d, err := readDigital(write(t, `{"protocol":"p","data":{"a":1},"origin":"https://o.example"}`))
	if err != nil || d.Protocol != "p" || string(d.Data) != `{"a":1}` || d.Origin != "https://o.example" {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, text := range []string{`{"protocol":"p","data":{}}`, `{"protocol":"p","origin":"o"}`, `{"data":{},"origin":"o"}`, `{"protocol":"p","data":{},"origin":"o","x":1}`, `[]`, ``} {
		if d, err := readDigital(write(t, text)); err == nil || d != nil {
			t.Errorf("%s: %+v", text, d)
		}
	}
}

// What was named is taken, and nothing that was not.
func TestPresentItems(t *testing.T) {
	c := unit.Choice{
		Sets:  []unit.ChoiceSet{{Required: true, Options: [][]string{{"a"}}}, {Options: [][]string{{"b"}}}},
		Items: map[string][]unit.ConsentItem{"a": {{Name: "1"}, {Name: "2"}}, "b": {{Name: "3"}}},
	}
	got, err := presentFlags{items: []string{"2"}}.choose(t.Context(), c)
	if err != nil || len(got.Options) != 0 || len(got.Items) != 1 || len(got.Items["a"]) != 1 || got.Items["a"][0] != "2" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = presentFlags{optional: true}.choose(t.Context(), c)
	if err != nil || len(got.Items) != 0 || len(got.Options) != 1 || got.Options[1] != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	asked := 0
	yes := func(context.Context, unit.Consent) (bool, error) { asked++; return true, nil }
	for _, tt := range []struct {
		items []string
		ok    bool
	}{{nil, true}, {[]string{"1", "3"}, true}, {[]string{"1"}, false}, {[]string{"4"}, false}} {
		before := asked
		agreed, err := presentFlags{items: tt.items}.only(yes)(t.Context(), unit.Consent{Items: []unit.ConsentItem{{Name: "1"}, {Name: "3"}}})
		if agreed != tt.ok || (err == nil) != tt.ok || (asked > before) != tt.ok {
			t.Errorf("%v: %v, %v", tt.items, agreed, err)
		}
	}
}

// counting fails as often as it is asked.
type counting struct{ asked map[string]int }

func (c counting) Fetch(_ context.Context, address, _ string) ([]byte, time.Duration, error) {
	c.asked[address]++
	if address == "down" {
		return nil, 0, errPlatform
	}
	return []byte("x"), 0, nil
}

// A status list that cannot be had is asked for once: a citizen with many
// copies waits for one answer, not for each.
func TestStatusListIsAskedOnce(t *testing.T) {
	c := counting{map[string]int{}}
	o := &once{fetcher: c}
	for range 3 {
		if _, _, err := o.Fetch(t.Context(), "down", ""); !errors.Is(err, errPlatform) {
			t.Error(err)
		}
		if b, _, err := o.Fetch(t.Context(), "up", ""); err != nil || string(b) != "x" {
			t.Error(err)
		}
	}
	if c.asked["down"] != 1 || c.asked["up"] != 3 {
		t.Errorf("%v", c.asked)
	}
}
