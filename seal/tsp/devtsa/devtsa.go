// Package devtsa is a time-stamp authority of the process itself, for
// development and tests: it stamps whatever it is sent, at any time it is told,
// with a key that it made. Nobody else has a reason to believe it.
package devtsa

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Authority makes time-stamps. It may be used by many at once and must not be
// changed meanwhile.
type Authority struct {
	// Key must be of ECDSA.
	Key crypto.Signer
	// Chain is what goes into tokens, leaf first.
	Chain []*x509.Certificate
	// Policy is what it stamps under.
	Policy asn1.ObjectIdentifier
	// Now is its clock.
	Now func() time.Time

	// Root issued Chain[0]; RootKey is for who needs revocation lists of it.
	Root    *x509.Certificate
	RootKey crypto.Signer
}

// Options of New.
type Options struct {
	// Now is the clock of the authority; nil is time.Now.
	Now func() time.Time
	// NotBefore and NotAfter are those of its certificate; zero is from a day
	// before Now for a year. The root lives a hundred years about them.
	NotBefore, NotAfter time.Time
	// Bend changes the certificate before it is issued, for tests.
	Bend func(*x509.Certificate)
}

// Policy is what a new authority stamps under. It stands for no document.
var Policy = asn1.ObjectIdentifier{2, 25, 1795439787, 1}

// New makes an authority with keys and certificates of its own.
func New(o Options) (*Authority, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NotBefore.IsZero() {
		o.NotBefore = o.Now().Add(-24 * time.Hour)
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = o.NotBefore.AddDate(1, 0, 0)
	}
	root := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Time-stamp root (TEST)"}, NotBefore: o.NotBefore.AddDate(-50, 0, 0), NotAfter: o.NotBefore.AddDate(50, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
	rootKey, root, err := issue(root, nil, nil)
	if err != nil {
		return nil, err
	}
	// The library writes extendedKeyUsage without critical, so it is written here.
	usage, err := ExtKeyUsage(true, timeStamping)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Time-stamp authority (TEST)"}, NotBefore: o.NotBefore, NotAfter: o.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, ExtraExtensions: []pkix.Extension{usage},
	}
	if o.Bend != nil {
		o.Bend(leaf)
	}
	key, leaf, err := issue(leaf, root, rootKey)
	if err != nil {
		return nil, err
	}
	return &Authority{Key: key, Chain: []*x509.Certificate{leaf}, Policy: Policy, Now: o.Now, Root: root, RootKey: rootKey}, nil
}

var timeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}

// ExtKeyUsage is the extension with the given purposes.
func ExtKeyUsage(critical bool, purposes ...asn1.ObjectIdentifier) (pkix.Extension, error) {
	value, err := asn1.Marshal(purposes)
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("extendedKeyUsage: %w", err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: value}, nil
}

func issue(tmpl, by *x509.Certificate, byKey crypto.Signer) (crypto.Signer, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if tmpl.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	if by == nil {
		by, byKey = tmpl, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, by, key.Public(), byKey)
	if err != nil {
		return nil, nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	c, err := x509.ParseCertificate(raw)
	return key, c, err
}

// Do answers a query as an authority does by HTTP, without a network: an
// Authority is a tsp.HTTP.
func (a *Authority) Do(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	query, err := io.ReadAll(io.LimitReader(req.Body, 1<<16))
	if err != nil {
		return nil, err
	}
	stamp, err := parseQuery(query)
	if err != nil {
		return nil, err
	}
	stamp.Time, stamp.Accuracy = a.Now(), time.Second
	token, err := a.Token(stamp)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/timestamp-reply"}},
		Body: io.NopCloser(bytes.NewReader(Reply(0, token))), Request: req,
	}, nil
}

// Reply is a TimeStampResp with a status and a token; nil leaves it out.
func Reply(status int64, token []byte) []byte {
	return der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(status) })
			b.AddBytes(token)
		})
	})
}

// parseQuery reads a TimeStampReq (RFC 3161, Section 2.4.1).
func parseQuery(raw []byte) (Stamp, error) {
	in := cryptobyte.String(raw)
	var body, imprint, alg, hashed cryptobyte.String
	var id asn1.ObjectIdentifier
	var version int
	var certificates bool
	fault := errors.New("devtsa: not a TimeStampReq")
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Integer(&version) || !body.ReadASN1(&imprint, cbasn1.SEQUENCE) ||
		!imprint.ReadASN1(&alg, cbasn1.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&id) || !imprint.ReadASN1(&hashed, cbasn1.OCTET_STRING) {
		return Stamp{}, fault
	}
	out := Stamp{Imprint: hashed}
	for hash, known := range digests {
		if known.Equal(id) {
			out.Hash = hash
		}
	}
	if body.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) && !body.ReadASN1ObjectIdentifier(&out.Policy) {
		return Stamp{}, fault
	}
	if body.PeekASN1Tag(cbasn1.INTEGER) {
		out.Nonce = new(big.Int)
		if !body.ReadASN1Integer(out.Nonce) {
			return Stamp{}, fault
		}
	}
	if body.PeekASN1Tag(cbasn1.BOOLEAN) && !body.ReadASN1Boolean(&certificates) {
		return Stamp{}, fault
	}
	out.NoCertificates = !certificates
	return out, nil
}
