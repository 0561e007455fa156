package dss

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/europass"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/devocsp"
)

// exported is a document in the layout of Europass, lifted to a level.
func (w *world) exported(level seal.Level) *evidence.File {
	s, err := w.h.Sealer("", func() time.Time { return now })
	w.check(err)
	d, err := europass.Prepare([]byte(`{"@context":["https://www.w3.org/2018/credentials/v1","`+europass.Profile+`"],"type":["VerifiableCredential","EuropeanDigitalCredential"],`+
		`"issuer":{"eIDASIdentifier":{"notation":"0999999922"}},"title":{"nl":"Bachelor in de \"taal\": één"}}`), now)
	w.check(err)
	f, err := d.Seal(s)
	w.check(err)
	w.check(w.archivist(0, now.Add(time.Minute)).Lift(context.Background(), f, level))
	return f
}

// answered is evidence with OCSP answers in place of revocation lists.
func (w *world) answered() *evidence.File {
	at := now.Add(time.Minute)
	answers := responders{at: at}
	for _, ca := range []devca.Pair{w.h.SealCA, {Certificate: w.tsas[0].Root, Key: w.tsas[0].RootKey}} {
		by, err := delegate(ca, at)
		w.check(err)
		answers.all = append(answers.all, by)
	}
	a := w.archivist(0, at)
	a.Lists = answers
	f := w.sealed("vc+jwt", seal.BaselineB)
	w.check(a.Lift(context.Background(), f, seal.BaselineLTA))
	return f
}

// delegate is a responder that an authority delegated to.
func delegate(ca devca.Pair, at time.Time) (*devocsp.Responder, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := devocsp.Template("Responder (TEST)", at.Add(-time.Hour), at.Add(year))
	tmpl.SerialNumber = big.NewInt(at.Unix())
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.Certificate, key.Public(), ca.Key)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &devocsp.Responder{Issuer: ca.Certificate, Certificate: c, Key: key, Now: func() time.Time { return at }}, nil
}

// responders answer for certificates that name nobody to ask.
type responders struct {
	at  time.Time
	all []*devocsp.Responder
}

func (r responders) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (trust.RevocationStatus, error) {
	status, _, err := r.RevocationValue(ctx, cert, issuer, at)
	return status, err
}

func (r responders) Kept(*x509.Certificate, *x509.Certificate, time.Time) (trust.RevocationStatus, trust.RevocationValue) {
	return trust.RevocationStatus{}, trust.RevocationValue{}
}

func (r responders) RevocationValue(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (trust.RevocationStatus, trust.RevocationValue, error) {
	for _, by := range r.all {
		if by.Issuer.Equal(issuer) {
			named := *cert
			named.OCSPServer = []string{"http://ocsp.example"}
			return trust.NewResponders(by, nil, func() time.Time { return r.at }).RevocationValue(ctx, &named, issuer, at)
		}
	}
	return trust.RevocationStatus{Detail: "no responder"}, trust.RevocationValue{}, nil
}
