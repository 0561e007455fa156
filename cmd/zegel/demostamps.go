package main

import (
	"crypto/rand"
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// demoCRL is where the demonstration's time-stamp authority has its revocation
// list.
const demoCRL = "/authority.crl"

// demoStamps makes the time-stamp authority of a demonstration and writes its root
// to a file.
func demoStamps(address, anchors string, now func() time.Time) (*devtsa.Authority, error) {
	a, err := devtsa.New(devtsa.Options{Now: now, Bend: func(c *x509.Certificate) { c.CRLDistributionPoints = []string{address + demoCRL} }})
	if err != nil {
		return nil, err
	}
	return a, writeNew(anchors, trust.EncodePEM(a.Root))
}

// demoStampServer serves it: time-stamps to whoever posts, and its list.
func demoStampServer(a *devtsa.Authority, now func() time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		res, err := a.Do(r)
		if err != nil {
			http.Error(w, "not a request for a time-stamp", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
		_, _ = io.Copy(w, res.Body)
	})
	mux.HandleFunc("GET "+demoCRL, func(w http.ResponseWriter, _ *http.Request) {
		at := now()
		list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(at.Unix()), ThisUpdate: at.Add(-time.Minute), NextUpdate: at.AddDate(0, 0, 30),
		}, a.Root, a.RootKey)
		if err != nil {
			http.Error(w, "no list", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/pkix-crl")
		_, _ = w.Write(list)
	})
	return mux
}
