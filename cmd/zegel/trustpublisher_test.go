package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
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

// publisher publishes a list of lists and the lists of Belgium and the
// Netherlands, over plain http.
type publisher struct {
	*httptest.Server
	t             testing.TB
	union, be, nl listSigner

	mu   sync.Mutex
	docs map[string][]byte
	down bool
	hang map[string]chan struct{} // these wait until it is closed
}

func newPublisher(t testing.TB, now time.Time) *publisher {
	p := &publisher{t: t, docs: map[string][]byte{}, hang: map[string]chan struct{}{}, union: newListSigner(t, "EU", now), be: newListSigner(t, "BE", now), nl: newListSigner(t, "NL", now)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		doc, wait := p.docs[r.URL.Path], p.hang[r.URL.Path]
		if p.down {
			doc = nil
		}
		p.mu.Unlock()
		if wait != nil {
			select {
			case <-wait:
			case <-r.Context().Done():
			}
		}
		if doc == nil {
			http.NotFound(w, r)
			return
		}
		w.Write(doc)
	}))
	t.Cleanup(p.Close)
	return p
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

func (p *publisher) sign(l tsltest.List, by listSigner, at time.Time) []byte {
	l.Issued = at
	return tsltest.Sign(p.t, l.XML(), tsltest.Signature{Certificate: by.cert, Key: by.key, At: at})
}

// listOfLists points to both lists; its own signers are those of now.
func (p *publisher) listOfLists(sequence int, information ...string) tsltest.List {
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

// lists publishes all three, with an authority as granted service for seals.
func (p *publisher) lists(sequence int, ca *x509.Certificate, at time.Time) {
	p.put("/lotl.xml", p.sign(p.listOfLists(sequence), p.union, at))
	p.put("/be.xml", p.sign(national("BE", sequence, forSeals(ca, at.AddDate(-3, 0, 0))), p.be, at))
	p.put("/nl.xml", p.sign(national("NL", sequence), p.nl, at))
}

// pivot is the address of a list of lists that changed its signers.
func (p *publisher) pivot(sequence int) string {
	return fmt.Sprintf("%s/lotl-pivot-%d.xml", p.URL, sequence)
}
