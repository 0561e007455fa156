// Package devocsp is an OCSP responder of the process itself, for development and
// tests: it says of every certificate of its issuer what it is told to, right or
// wrong. Nobody but its issuer's relying parties has a reason to believe it.
package devocsp

import (
	"bytes"
	"crypto"
	"crypto/rand"
	_ "crypto/sha1" // names issuers
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"path"
	"sync/atomic"
	"time"
)

// Responder answers for one issuer. It must not be changed while it is in use; its
// clock and its answers may be functions of what changes.
type Responder struct {
	Issuer *x509.Certificate
	// Certificate and Key sign: the issuer's, or those of who it delegated to. Key
	// must be of ECDSA.
	Certificate *x509.Certificate
	Key         crypto.Signer
	Now         func() time.Time
	// Says is what is said of a serial number; nil says good of all.
	Says func(serial *big.Int) Status
	// Bend changes an answer before it is signed, for tests.
	Bend func(*Answer)

	asked atomic.Int64
}

// Asked is how many requests were answered.
func (r *Responder) Asked() int { return int(r.asked.Load()) }

// Status is what is said of a certificate. The zero value is good.
type Status struct {
	Revoked time.Time // when; zero is not
	Reason  int
	Unknown bool
}

// Answer is a successful answer about one certificate.
type Answer struct {
	ID                                 CertID
	Status                             Status
	ProducedAt, ThisUpdate, NextUpdate time.Time // zero NextUpdate is none
	Nonce                              []byte
	Extensions                         []pkix.Extension // beside the nonce
	// Certificate is sent along; nil sends none.
	Certificate *x509.Certificate
	// Key signs with ECDSA and SHA-256.
	Key crypto.Signer
}

// CertID names a certificate (RFC 6960, Section 4.1.1).
type CertID struct {
	Hash   pkix.AlgorithmIdentifier
	Name   []byte
	Key    []byte
	Serial *big.Int
}

// About is the CertID of a certificate by SHA-1.
func About(cert, issuer *x509.Certificate) (CertID, error) {
	var spki struct {
		Alg pkix.AlgorithmIdentifier
		Key asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &spki); err != nil {
		return CertID{}, fmt.Errorf("devocsp: %w", err)
	}
	sum := func(b []byte) []byte { h := crypto.SHA1.New(); h.Write(b); return h.Sum(nil) }
	sha1 := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue}
	return CertID{sha1, sum(issuer.RawSubject), sum(spki.Key.RightAlign()), cert.SerialNumber}, nil
}

var (
	oidNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidECDSA = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// Template is a certificate for a responder that an issuer delegated to, to be
// issued by it (RFC 6960, Section 4.2.2.2).
func Template(name string, notBefore, notAfter time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: notBefore, NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}},
	}
}

// Do answers a request by GET or POST, whatever its address.
func (r *Responder) Do(q *http.Request) (*http.Response, error) {
	r.asked.Add(1)
	body, err := request(q)
	if err == nil {
		body, err = r.answer(body)
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/ocsp-response"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: q}, nil
}

func request(q *http.Request) ([]byte, error) {
	if q.Method == http.MethodPost {
		return io.ReadAll(io.LimitReader(q.Body, 64<<10))
	}
	text, err := url.QueryUnescape(path.Base(q.URL.EscapedPath()))
	if err != nil {
		return nil, fmt.Errorf("devocsp: %w", err)
	}
	return base64.StdEncoding.DecodeString(text)
}

func (r *Responder) answer(request []byte) ([]byte, error) {
	var q struct {
		TBS struct {
			Requests   []struct{ ID CertID }
			Extensions []pkix.Extension `asn1:"optional,explicit,tag:2"`
		}
	}
	if rest, err := asn1.Unmarshal(request, &q); err != nil || len(rest) > 0 || len(q.TBS.Requests) != 1 {
		return nil, errors.New("devocsp: not a request about one certificate")
	}
	now := r.Now().UTC().Truncate(time.Second)
	a := Answer{ID: q.TBS.Requests[0].ID, ProducedAt: now, ThisUpdate: now, NextUpdate: now.Add(time.Hour), Key: r.Key}
	for _, e := range q.TBS.Extensions {
		if e.Id.Equal(oidNonce) {
			if _, err := asn1.Unmarshal(e.Value, &a.Nonce); err != nil {
				return nil, fmt.Errorf("devocsp: %w", err)
			}
		}
	}
	if r.Says != nil {
		a.Status = r.Says(a.ID.Serial)
	}
	if !r.Certificate.Equal(r.Issuer) {
		a.Certificate = r.Certificate
	}
	if r.Bend != nil {
		r.Bend(&a)
	}
	return a.Sign(r.Certificate)
}

// Sign writes the answer in DER, by the holder of a certificate.
func (a Answer) Sign(by *x509.Certificate) ([]byte, error) {
	type single struct {
		ID      CertID
		Good    asn1.Flag `asn1:"optional,tag:0"`
		Revoked revoked   `asn1:"optional,tag:1"`
		Unknown asn1.Flag `asn1:"optional,tag:2"`
		This    time.Time `asn1:"generalized"`
		Next    time.Time `asn1:"generalized,optional,explicit,tag:0"`
	}
	type data struct {
		Responder  asn1.RawValue
		Produced   time.Time `asn1:"generalized"`
		Responses  []single
		Extensions []pkix.Extension `asn1:"optional,omitempty,explicit,tag:1"`
	}
	s := single{ID: a.ID, This: a.ThisUpdate.UTC(), Next: a.NextUpdate.UTC()}
	switch {
	case a.Status.Unknown:
		s.Unknown = true
	case a.Status.Revoked.IsZero():
		s.Good = true
	default:
		s.Revoked = revoked{a.Status.Revoked.UTC(), asn1.Enumerated(a.Status.Reason)}
	}
	d := data{
		Responder: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: by.RawSubject},
		Produced:  a.ProducedAt.UTC(), Responses: []single{s}, Extensions: a.Extensions,
	}
	if a.Nonce != nil {
		value, err := asn1.Marshal(a.Nonce)
		if err != nil {
			return nil, fmt.Errorf("devocsp: %w", err)
		}
		d.Extensions = append(d.Extensions[:len(d.Extensions):len(d.Extensions)], pkix.Extension{Id: oidNonce, Value: value})
	}
	tbs, err := asn1.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("devocsp: %w", err)
	}
	return a.wrap(tbs)
}

type revoked struct {
	At     time.Time       `asn1:"generalized"`
	Reason asn1.Enumerated `asn1:"explicit,tag:0"`
}

// wrap signs a ResponseData and writes the answer around it.
func (a Answer) wrap(tbs []byte) ([]byte, error) {
	digest := sha256.Sum256(tbs)
	signature, err := a.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("devocsp: %w", err)
	}
	var certificates []asn1.RawValue
	if a.Certificate != nil {
		certificates = []asn1.RawValue{{FullBytes: a.Certificate.Raw}}
	}
	basic, err := asn1.Marshal(struct {
		Data         asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"optional,omitempty,explicit,tag:0"`
	}{asn1.RawValue{FullBytes: tbs}, pkix.AlgorithmIdentifier{Algorithm: oidECDSA}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}, certificates})
	if err != nil {
		return nil, fmt.Errorf("devocsp: %w", err)
	}
	type responseBytes struct {
		Type  asn1.ObjectIdentifier
		Basic []byte
	}
	return asn1.Marshal(struct {
		Status asn1.Enumerated
		Bytes  responseBytes `asn1:"explicit,tag:0"`
	}{0, responseBytes{oidBasic, basic}})
}
