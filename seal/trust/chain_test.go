package trust_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
)

func TestChains(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	other := mint(t, authority("Other"), nil)
	between := mint(t, authority("Between"), &ca)
	deeper := mint(t, authority("Deeper"), &between)
	noPath := authority("No path")
	noPath.MaxPathLenZero = true
	short := mint(t, noPath, &ca)
	belowShort := mint(t, authority("Below short"), &short)
	onlyNames := authority("Named")
	onlyNames.PermittedDNSDomainsCritical, onlyNames.PermittedDNSDomains = true, []string{"vlaanderen.example"}
	onlyNames.ExcludedIPRanges = []*net.IPNet{{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}}
	named := mint(t, onlyNames, &ca)
	bend := func(by *pair, f func(*x509.Certificate)) pair {
		c := leaf("Leaf")
		f(c)
		return mint(t, c, by)
	}
	plain := func(*x509.Certificate) {}
	good, deep := bend(&ca, plain), bend(&between, plain)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fakeCA := leaf("Not a CA") // signs although it may not
	fake := mint(t, fakeCA, &ca)

	for name, tc := range map[string]struct {
		chain []*x509.Certificate
		want  error
	}{
		"leaf":                   {certs(good), nil},
		"leaf and intermediate":  {certs(deep, between), nil},
		"two intermediates":      {certs(bend(&deeper, plain), deeper, between), nil},
		"permitted name":         {certs(bend(&named, func(c *x509.Certificate) { c.DNSNames = []string{"a.vlaanderen.example"} }), named), nil},
		"empty":                  {nil, trust.ErrChain},
		"too long":               {certs(good, between, between, between, between), trust.ErrChain},
		"foreign authority":      {certs(bend(&other, plain)), trust.ErrNoPath},
		"intermediate missing":   {certs(deep), trust.ErrNoPath},
		"self-signed leaf":       {certs(bend(nil, plain)), trust.ErrSelfSigned},
		"anchor included":        {certs(good, ca), trust.ErrAnchorIncluded},
		"foreign root included":  {certs(good, other), trust.ErrAnchorIncluded},
		"more than the path":     {certs(good, between), trust.ErrChain},
		"wrong order":            {certs(bend(&deeper, plain), between, deeper), trust.ErrChain},
		"leaf not first":         {certs(between, deep), trust.ErrUse},
		"expired":                {certs(bend(&ca, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })), trust.ErrValidity},
		"not valid yet":          {certs(bend(&ca, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) })), trust.ErrValidity},
		"expired and foreign":    {certs(bend(&other, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })), trust.ErrNoPath},
		"issuer is no authority": {certs(bend(&fake, plain), fake), trust.ErrNoPath},
		"path length exceeded":   {certs(bend(&belowShort, plain), belowShort, short), trust.ErrChain},
		"name not permitted":     {certs(bend(&named, func(c *x509.Certificate) { c.DNSNames = []string{"evil.example"} }), named), trust.ErrChain},
		"address excluded":       {certs(bend(&named, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }), named), trust.ErrChain},
		"critical extension": {certs(bend(&ca, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		})), trust.ErrChain},
		"no keyUsage":                  {certs(bend(&ca, func(c *x509.Certificate) { c.KeyUsage = 0 })), trust.ErrUse},
		"keyUsage of an authority":     {certs(bend(&ca, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign })), trust.ErrUse},
		"extendedKeyUsage time-stamps": {certs(bend(&ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping} })), trust.ErrUse},
		"extendedKeyUsage TLS":         {certs(bend(&ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })), trust.ErrUse},
		"RSA of 1024 bits":             {certs(mintFor(t, leaf("Small"), smallRSA(t), &ca)), trust.ErrAlgorithm},
		"P-224":                        {certs(mintFor(t, leaf("P-224"), p224, &ca)), trust.ErrAlgorithm},
		"SHA-1":                        {certs(bend(&ca, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })), trust.ErrAlgorithm},
	} {
		store := storeOf(t, trust.UseSeal, ca.cert)
		p, err := store.Certificates(tc.chain, trust.UseSeal, now)
		p2, err2 := store.X5C(jose.EncodeX5C(tc.chain), trust.UseSeal, now)
		if tc.want == nil {
			if err != nil || err2 != nil {
				t.Errorf("%s: %v, %v", name, err, err2)
			} else if len(p.Certificates) != len(tc.chain)+1 || !p.Anchor().Equal(ca.cert) || !p.Leaf().Equal(tc.chain[0]) || len(p2.Certificates) != len(p.Certificates) {
				t.Errorf("%s: path of %d", name, len(p.Certificates))
			}
			continue
		}
		if !errors.Is(err, tc.want) || !errors.Is(err2, tc.want) || p != nil || p2 != nil {
			t.Errorf("%s: found %v and %v, expected %v", name, err, err2, tc.want)
		}
	}
	store := storeOf(t, trust.UseSeal, ca.cert)
	if _, err := store.X5C([]string{"AAAA"}, trust.UseSeal, now); !errors.Is(err, trust.ErrChain) {
		t.Errorf("x5c that is none: %v", err)
	}
}

// An anchor is one for its use only, and keyUsage has to fit the use.
func TestUses(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	signer := mint(t, leaf("Signer"), &ca)
	sealOnly := leaf("Seal")
	sealOnly.KeyUsage = x509.KeyUsageContentCommitment
	sealer := mint(t, sealOnly, &ca)
	web := leaf("Web")
	web.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	receiver := mint(t, web, &ca)

	uses := []trust.Use{trust.UseSeal, trust.UseStatus, trust.UseAccessCertificate, trust.UseListSigner, trust.UseRegistrar}
	for _, anchored := range uses {
		store := storeOf(t, anchored, ca.cert)
		for _, asked := range uses {
			_, err := store.Certificates(certs(signer), asked, now)
			if (err == nil) != (anchored == asked) {
				t.Errorf("anchored for %s, asked for %s: %v", anchored, asked, err)
			}
		}
		if _, err := store.Certificates(certs(sealer), anchored, now); (err == nil) != (anchored == trust.UseSeal) {
			t.Errorf("contentCommitment for %s: %v", anchored, err)
		}
		if _, err := store.Certificates(certs(receiver), anchored, now); (err == nil) != (anchored == trust.UseAccessCertificate) {
			t.Errorf("serverAuth for %s: %v", anchored, err)
		}
	}
	// Who signs or seals does not stamp time: that takes a certificate of its own.
	store := storeOf(t, trust.UseTimeStamp, ca.cert)
	for _, c := range []pair{signer, sealer, receiver} {
		if _, err := store.Certificates(certs(c), trust.UseTimeStamp, now); !errors.Is(err, trust.ErrUse) {
			t.Errorf("%s for time-stamps: %v", c.cert.Subject.CommonName, err)
		}
	}
	for _, use := range []trust.Use{0, 7, 99} {
		if _, err := storeOf(t, use, ca.cert).Certificates(certs(signer), use, now); !errors.Is(err, trust.ErrUse) {
			t.Errorf("%s: %v", use, err)
		}
	}
}

func TestPinned(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	pinned, sibling := mint(t, leaf("Pinned"), &ca), mint(t, leaf("Sibling"), &ca)
	self := mint(t, leaf("Self"), nil)
	for _, use := range []trust.Use{trust.UseRegistrar, trust.UseListSigner} {
		store := storeOf(t, use, pinned.cert, self.cert)
		if p, err := store.Certificates(certs(pinned), use, now); err != nil || len(p.Certificates) != 1 {
			t.Errorf("%s pinned: %v, %v", use, p, err)
		}
		if _, err := store.Certificates(certs(sibling), use, now); !errors.Is(err, trust.ErrNoPath) {
			t.Errorf("%s of the same authority: %v", use, err)
		}
		if _, err := store.Certificates(certs(pinned), use, now.Add(2*time.Hour)); !errors.Is(err, trust.ErrValidity) {
			t.Errorf("%s pinned and expired: %v", use, err)
		}
		_, err := store.Certificates(certs(self), use, now)
		if use == trust.UseListSigner && err != nil || use != trust.UseListSigner && !errors.Is(err, trust.ErrSelfSigned) {
			t.Errorf("%s pinned and self-signed: %v", use, err)
		}
	}
}

func TestAnchorsThatAreNone(t *testing.T) {
	c := authority("No certSign")
	c.KeyUsage = x509.KeyUsageCRLSign
	for name, anchor := range map[string]*x509.Certificate{
		"no keyCertSign": mint(t, c, nil).cert,
		"small RSA":      mintFor(t, authority("Small"), smallRSA(t), nil).cert,
	} {
		if _, err := trust.NewStore(trust.Anchors{trust.UseSeal: {anchor}}, 0); err == nil {
			t.Errorf("%s is an anchor", name)
		}
	}
	if _, err := trust.NewStore(nil, -1); err == nil {
		t.Error("a negative cache size")
	}
}

// What is cached is checked again for time, for use and against the list.
func TestCache(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	one := mint(t, leaf("One"), &ca)
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: {ca.cert}}, 2)
	if err != nil {
		t.Fatal(err)
	}
	x5c := jose.EncodeX5C(certs(one))
	first, err := store.X5C(x5c, trust.UseSeal, now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := store.X5C(x5c, trust.UseSeal, now)
	if err != nil || again != first {
		t.Errorf("not found again: %v", err)
	}
	for _, at := range []time.Time{now.Add(2 * time.Hour), now.Add(-2 * time.Hour)} {
		if _, err := store.X5C(x5c, trust.UseSeal, at); !errors.Is(err, trust.ErrValidity) {
			t.Errorf("cached and not valid at %s: %v", at, err)
		}
	}
	if _, err := store.X5C(x5c, trust.UseStatus, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("cached for another use: %v", err)
	}
	// The cache is bounded: with two more chains the first is gone.
	for _, p := range []pair{mint(t, leaf("Two"), &ca), mint(t, leaf("Three"), &ca)} {
		if _, err := store.X5C(jose.EncodeX5C(certs(p)), trust.UseSeal, now); err != nil {
			t.Fatal(err)
		}
	}
	if again, err = store.X5C(x5c, trust.UseSeal, now); err != nil || again == first {
		t.Errorf("the first chain was kept: %v", err)
	}
}

func TestPEM(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	good := trust.EncodePEM(ca.cert, ca.cert)
	if got, err := trust.ParsePEM(append(good, '\n')); err != nil || len(got) != 2 {
		t.Errorf("%d, %v", len(got), err)
	}
	for name, b := range map[string]string{"empty": "", "text": "hello", "trailing text": string(good) + "hello",
		"a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := trust.ParsePEM([]byte(b)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// BenchmarkChain prints what a chain seen before costs of the first
// verification, parsing included in both.
func BenchmarkChain(b *testing.B) {
	ca := mint(b, authority("CA"), nil)
	between := mint(b, authority("Between"), &ca)
	one := mint(b, leaf("One"), &between)
	x5c := jose.EncodeX5C(certs(one, between))
	const rounds = 200
	stores := make([]*trust.Store, rounds)
	for i := range stores {
		stores[i] = storeOf(b, trust.UseSeal, ca.cert)
	}
	start := time.Now()
	for _, s := range stores {
		if _, err := s.X5C(x5c, trust.UseSeal, now); err != nil {
			b.Fatal(err)
		}
	}
	first := time.Since(start) / rounds
	b.ReportAllocs()
	for b.Loop() {
		if _, err := stores[0].X5C(x5c, trust.UseSeal, now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(first), "x-first")
}

// A key that would take for ever to verify with is refused before it is used.
func TestLongKey(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	tmpl := leaf("Long")
	tmpl.SerialNumber = big.NewInt(1)
	long := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8192), big.NewInt(1)), E: 65537}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.cert, long, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := storeOf(t, trust.UseSeal, ca.cert).Certificates([]*x509.Certificate{c}, trust.UseSeal, now); !errors.Is(err, trust.ErrAlgorithm) {
		t.Errorf("RSA of 8193 bits: %v", err)
	}
}

// Nothing is verified with a key that is not allowed: not even whether a certificate
// that is named like its issuer is signed with its own, for the time that takes grows
// with the square of a stranger's key.
func TestKeysBeforeSignatures(t *testing.T) {
	tmpl := leaf("Own")
	tmpl.SubjectKeyId, tmpl.AuthorityKeyId = []byte{1}, []byte{2}
	key := smallRSA(t)
	parent := leaf("Own")
	parent.SubjectKeyId = []byte{2}
	own := mintFor(t, tmpl, key, &pair{key, parent})
	if own.cert.CheckSignature(own.cert.SignatureAlgorithm, own.cert.RawTBSCertificate, own.cert.Signature) != nil || string(own.cert.AuthorityKeyId) == string(own.cert.SubjectKeyId) {
		t.Fatal("it is not what the test wants")
	}
	ca := mint(t, authority("CA"), nil)
	s := storeOf(t, trust.UseSeal, ca.cert)
	for name, chain := range map[string][]*x509.Certificate{"leaf": {own.cert}, "above": {mint(t, leaf("Leaf"), &ca).cert, own.cert}} {
		if _, err := s.Certificates(chain, trust.UseSeal, now); !errors.Is(err, trust.ErrAlgorithm) || errors.Is(err, trust.ErrSelfSigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
