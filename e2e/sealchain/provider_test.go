package sealchain

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// year is how long the seal certificate lives.
const year = 365 * 24 * time.Hour

// provider is a trust service provider: its authority of seal certificates, the
// roots of two time-stamp authorities, and what is published of them, with the list
// of lists and the list of Belgium that name their services.
type provider struct {
	t          testing.TB
	ca, lists  devca.Pair
	server     *httptest.Server
	mu         sync.Mutex
	published  map[string]func() []byte
	stampRoots []devca.Pair
}

func newProvider(t testing.TB) *provider {
	p := &provider{t: t, published: map[string]func() []byte{}}
	p.ca = p.authority("Oefenvertrouwensdienst CA (TEST)", x509.KeyUsageCertSign|x509.KeyUsageCRLSign, true)
	p.lists = p.authority("Oefenlijst (TEST)", x509.KeyUsageDigitalSignature, false)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		make := p.published[r.URL.Path]
		p.mu.Unlock()
		if make == nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(make())
	}))
	t.Cleanup(p.server.Close)
	p.publish("/seal.crl", func() []byte { return crl(t, p.ca, time.Now()) })
	return p
}

func (p *provider) publish(path string, make func() []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published[path] = make
}

func (p *provider) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// authority is a self-signed certificate of twenty years.
func (p *provider) authority(name string, usage x509.KeyUsage, ca bool) devca.Pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.check(err)
	tmpl := &x509.Certificate{
		SerialNumber: serial(p.t), Subject: pkix.Name{Country: []string{"BE"}, Organization: []string{"Oefenvertrouwensdienst (TEST)"}, CommonName: name},
		NotBefore: time.Now().AddDate(-4, 0, 0), NotAfter: time.Now().AddDate(20, 0, 0), KeyUsage: usage, IsCA: ca, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	p.check(err)
	c, err := x509.ParseCertificate(der)
	p.check(err)
	return devca.Pair{Key: key, Certificate: c}
}

// certify issues a qualified certificate for seals to the public body of an issuer
// (ETSI EN 319 412-3 and -5, TS 119 412-6).
func (p *provider) certify(pub crypto.PublicKey, issuer, registration string) *x509.Certificate {
	statements, err := qc.Statements{
		Compliance: true, SSCD: true, Types: []asn1.ObjectIdentifier{qc.TypeSeal},
		Disclosures: []qc.Disclosure{{URL: "https://provider.example/pds.pdf", Language: "en"}},
		PublicBody:  &qc.PublicBody{Country: "BE", Source: "LED, Leer- en Ervaringsbewijzendatabank (TEST)", Legislation: "OJ:BETEST-LED"},
	}.Extension(nil)
	p.check(err)
	policy, err := x509.OIDFromInts([]uint64{0, 4, 0, 194112, 1, 3}) // QCP-l-qscd (ETSI EN 319 411-2, clause 5.3)
	p.check(err)
	iss, err := url.Parse(issuer)
	p.check(err)
	tmpl := &x509.Certificate{
		SerialNumber: serial(p.t),
		Subject: pkix.Name{Country: []string{"BE"}, Organization: []string{"Zegel Oefenregister (TEST)"}, CommonName: "Zegel Oefenregister (TEST) - zegel",
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: qc.OrganizationID, Value: registration}}},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(year), KeyUsage: x509.KeyUsageContentCommitment, BasicConstraintsValid: true,
		Policies: []x509.OID{policy}, ExtraExtensions: []pkix.Extension{statements}, URIs: []*url.URL{iss}, DNSNames: []string{iss.Hostname()},
		CRLDistributionPoints: []string{p.server.URL + "/seal.crl"},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, p.ca.Certificate, pub, p.ca.Key)
	p.check(err)
	c, err := x509.ParseCertificate(der)
	p.check(err)
	return c
}

// stamps makes a time-stamp authority whose certificate runs out at a time, and
// publishes its revocation list.
func (p *provider) stamps(path string, until time.Time) *devtsa.Authority {
	a, err := devtsa.New(devtsa.Options{NotAfter: until, Bend: func(c *x509.Certificate) { c.CRLDistributionPoints = []string{p.server.URL + path} }})
	p.check(err)
	root := devca.Pair{Key: a.RootKey, Certificate: a.Root}
	p.publish(path, func() []byte { return crl(p.t, root, time.Now()) })
	p.stampRoots = append(p.stampRoots, root)
	return a
}

// announce publishes the trusted lists (ETSI TS 119 612): the authority of seals is
// granted for them, and those of time-stamps are granted.
func (p *provider) announce() {
	now := time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	sign := func(path string, l tsltest.List) {
		l.Issued = now
		doc := tsltest.Sign(p.t, l.XML(), tsltest.Signature{Certificate: p.lists.Certificate, Key: p.lists.Key, At: now})
		p.publish(path, func() []byte { return doc })
	}
	since, signers := now.AddDate(-3, 0, 0), []*x509.Certificate{p.lists.Certificate}
	services := []tsltest.Service{{Since: since, Certificates: []*x509.Certificate{p.ca.Certificate}, Extensions: []string{tsltest.For("ForeSeals")}}}
	for _, root := range p.stampRoots {
		services = append(services, tsltest.Service{Type: "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST", Since: since, Certificates: []*x509.Certificate{root.Certificate}})
	}
	sign("/lotl.xml", tsltest.List{Type: tsltest.TypeListOfLists, Territory: "EU", Pointers: []tsltest.Pointer{
		{Location: p.server.URL + "/lotl.xml", Type: tsltest.TypeListOfLists, Territory: "EU", Signers: signers},
		{Location: p.server.URL + "/be.xml", Type: tsltest.TypeNational, Territory: "BE", Signers: signers},
	}})
	sign("/be.xml", tsltest.List{Type: tsltest.TypeNational, Territory: "BE", Providers: []tsltest.Provider{{Name: "Oefenvertrouwensdienst (TEST)", Services: services}}})
}

func serial(t testing.TB) *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// crl is what an authority publishes at a time: nobody is revoked.
func crl(t testing.TB, by devca.Pair, at time.Time) []byte {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(at.Unix()), ThisUpdate: at.Add(-time.Minute), NextUpdate: at.AddDate(0, 0, 30)}, by.Certificate, by.Key)
	if err != nil {
		t.Error(err)
	}
	return der
}

// tokenKey makes a key in a token of SoftHSM.
func tokenKey(t testing.TB, hsm *softhsmtest.HSM, label string) crypto.PublicKey {
	t.Helper()
	key, err := hsm.Open(t).GenerateKey(t.Context(), label, elliptic.P256())
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}
