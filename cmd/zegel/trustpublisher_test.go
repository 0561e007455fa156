package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
)

// listSigner signs trusted lists.
type listSigner struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newListSigner(t testing.TB, name string, now time.Time) listSigner {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "TEST list signer " + name},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return listSigner{key, cert}
}

// unionScene is a publisher of the list of lists and the lists of Belgium and the
// Netherlands, each by a signer of its own.
type unionScene struct {
	*publisher
	t             testing.TB
	union, be, nl listSigner
}

func newUnionScene(t *testing.T, now time.Time) *unionScene {
	return &unionScene{newPublisher(t, now), t, newListSigner(t, "EU", now), newListSigner(t, "BE", now), newListSigner(t, "NL", now)}
}

func (p *publisher) put(path string, doc []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.docs[path] = doc
}

func (p *publisher) document(path string) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.docs[path]
}

// offline has everything answered with 404, or not any more.
func (p *publisher) offline(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// holdBack lets nobody have a path before the function is called that it gives.
func (p *publisher) holdBack(path string) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := make(chan struct{})
	p.hang[path] = wait
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.hang, path)
		close(wait)
	}
}

func (p *unionScene) sign(l tsltest.List, by listSigner, at time.Time) []byte {
	l.Issued = at
	return tsltest.Sign(p.t, l.XML(), tsltest.Signature{Certificate: by.cert, Key: by.key, At: at})
}

// listOfLists points to both lists; its own signers are those of now.
func (p *unionScene) listOfLists(sequence int, information ...string) tsltest.List {
	return tsltest.List{Type: tsltest.TypeListOfLists, Territory: "EU", Sequence: sequence, Information: information, Pointers: []tsltest.Pointer{
		{Location: p.URL + "/lotl.xml", Type: tsltest.TypeListOfLists, Territory: "EU", Signers: []*x509.Certificate{p.union.cert}},
		{Location: p.URL + "/be.xml", Type: tsltest.TypeNational, Territory: "BE", Signers: []*x509.Certificate{p.be.cert}},
		{Location: p.URL + "/nl.xml", Type: tsltest.TypeNational, Territory: "NL", Signers: []*x509.Certificate{p.nl.cert}},
	}}
}

func national(territory string, sequence int, services ...tsltest.Service) tsltest.List {
	l := tsltest.List{Type: tsltest.TypeNational, Territory: territory, Sequence: sequence}
	if len(services) > 0 {
		l.Providers = []tsltest.Provider{{Name: "TEST provider", Services: services}}
	}
	return l
}

// forSeals is a service that issues qualified certificates for seals.
func forSeals(ca *x509.Certificate, since time.Time, history ...tsltest.Service) tsltest.Service {
	for i := range history {
		history[i].Extensions = []string{tsltest.For("ForeSeals")}
	}
	return tsltest.Service{Since: since, Certificates: []*x509.Certificate{ca}, Extensions: []string{tsltest.For("ForeSeals")}, History: history}
}

func withdrawn(s tsltest.Service) tsltest.Service {
	s.Status = tsltest.Withdrawn
	return s
}

// all publishes all three, with an authority as granted service for seals.
func (p *unionScene) all(sequence int, ca *x509.Certificate, at time.Time) {
	p.put("/lotl.xml", p.sign(p.listOfLists(sequence), p.union, at))
	p.put("/be.xml", p.sign(national("BE", sequence, forSeals(ca, at.AddDate(-3, 0, 0))), p.be, at))
	p.put("/nl.xml", p.sign(national("NL", sequence), p.nl, at))
}

// pivot is the address of a list of lists that changed its signers.
func (p *unionScene) pivot(sequence int) string {
	return fmt.Sprintf("%s/lotl-pivot-%d.xml", p.URL, sequence)
}
