package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

var (
	oidContentType       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidAlgorithmProtect  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 52}
	timeStamping         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	serverAuthentication = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
)

func verification(t testing.TB, a *devtsa.Authority) tsp.Verification {
	return tsp.Verification{Hash: crypto.SHA256, Imprint: digest(crypto.SHA256, message), Trust: storeOf(t, a)}
}

func TestVerify(t *testing.T) {
	a := authority(t, devtsa.Options{})
	v := verification(t, a)
	v.Policies, v.MaxAccuracy = []asn1.ObjectIdentifier{{1, 2}, devtsa.Policy}, time.Second
	bare := stamp()
	bare.NoCertificates = true
	completed := v
	completed.Certificates = a.Chain
	rooted := *a
	rooted.Chain = []*x509.Certificate{a.Chain[0], a.Root}
	v1 := stamp()
	v1.Also = [][]byte{essV1(t, a.Chain[0])}
	v1.Without = []asn1.ObjectIdentifier{oidSigningCertV2}
	serial := stamp()
	serial.Also = [][]byte{essV2(t, a.Chain[0], a.Chain[0].RawIssuer, a.Chain[0].SerialNumber)}
	serial.Without = []asn1.ObjectIdentifier{oidSigningCertV2}
	protected := stamp()
	protected.Also = [][]byte{protection("300b0609608648016503040201", "a10a06082a8648ce3d040302")}
	for name, tc := range map[string]struct {
		der []byte
		v   tsp.Verification
	}{
		"token":                       {made(t, a, stamp()), v},
		"certificate from elsewhere":  {made(t, a, bare), completed},
		"the root among certificates": {made(t, &rooted, stamp()), v},
		"signingCertificate alone":    {made(t, a, v1), v},
		"issuer and number":           {made(t, a, serial), v},
		"protected algorithms":        {made(t, a, protected), v},
	} {
		path, err := parsed(t, tc.der).Verify(tc.v)
		if err != nil || !path.Leaf().Equal(a.Chain[0]) || !path.Anchor().Equal(a.Root) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func essV1(t testing.TB, c *x509.Certificate) []byte {
	id := sha1.Sum(c.Raw)
	value, err := asn1.Marshal(struct{ IDs []struct{ Hash []byte } }{[]struct{ Hash []byte }{{id[:]}}})
	if err != nil {
		t.Fatal(err)
	}
	return devtsa.Attribute(oidSigningCert, value)
}

// essV2 names a certificate by its digest, and by an issuer and number.
func essV2(t testing.TB, c *x509.Certificate, issuer []byte, serial *big.Int) []byte {
	id := sha256.Sum256(c.Raw)
	type certID struct {
		Hash         []byte
		IssuerSerial struct {
			Issuer []asn1.RawValue
			Serial *big.Int
		}
	}
	one := certID{Hash: id[:]}
	one.IssuerSerial.Issuer = []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: issuer}}
	one.IssuerSerial.Serial = serial
	value, err := asn1.Marshal(struct{ IDs []certID }{[]certID{one}})
	if err != nil {
		t.Fatal(err)
	}
	return devtsa.Attribute(oidSigningCertV2, value)
}

// protection is a CMSAlgorithmProtection of two algorithm identifiers in hex.
func protection(digest, signature string) []byte {
	d, _ := hex.DecodeString(digest)
	s, _ := hex.DecodeString(signature)
	return devtsa.Attribute(oidAlgorithmProtect, append([]byte{0x30, byte(len(d) + len(s))}, append(d, s...)...))
}

func TestVerifyRefuses(t *testing.T) {
	a, other := authority(t, devtsa.Options{}), authority(t, devtsa.Options{})
	v := verification(t, a)
	der := made(t, a, stamp())
	sum := func(h crypto.Hash, b []byte) string { return hex.EncodeToString(digest(h, string(b))) }
	bend := func(f func(*devtsa.Stamp)) []byte {
		s := stamp()
		f(&s)
		return made(t, a, s)
	}
	// The certificate of the other in the token of the one: its signer
	// identifier names the other.
	swapped := *a
	swapped.Chain = other.Chain

	for name, tc := range map[string]struct {
		der  []byte
		v    func(*tsp.Verification)
		want error
	}{
		"wrong imprint":        {der, func(v *tsp.Verification) { v.Imprint = digest(crypto.SHA256, "another") }, tsp.ErrImprint},
		"shorter imprint":      {der, func(v *tsp.Verification) { v.Imprint = v.Imprint[:31] }, tsp.ErrImprint},
		"other digest":         {der, func(v *tsp.Verification) { v.Hash = crypto.SHA384 }, tsp.ErrImprint},
		"wrong policy":         {der, func(v *tsp.Verification) { v.Policies = []asn1.ObjectIdentifier{{1, 2, 3}} }, tsp.ErrPolicy},
		"worse accuracy":       {der, func(v *tsp.Verification) { v.MaxAccuracy = time.Millisecond }, tsp.ErrPolicy},
		"no accuracy":          {bend(func(s *devtsa.Stamp) { s.Accuracy = 0 }), func(v *tsp.Verification) { v.MaxAccuracy = time.Hour }, tsp.ErrPolicy},
		"authority not known":  {der, func(v *tsp.Verification) { v.Trust = storeOf(t, other) }, trust.ErrNoPath},
		"no certificate":       {bend(func(s *devtsa.Stamp) { s.NoCertificates = true }), nil, tsp.ErrSigner},
		"certificate of other": {bend(func(s *devtsa.Stamp) { s.NoCertificates = true }), func(v *tsp.Verification) { v.Certificates = other.Chain }, tsp.ErrSigner},
		"swapped certificate":  {made(t, &swapped, stamp()), func(v *tsp.Verification) { v.Trust = storeOf(t, other) }, tsp.ErrSignature},
		"another is named":     {bend(func(s *devtsa.Stamp) { s.Named = other.Chain[0] }), nil, tsp.ErrSigner},
		"another number is named": {bend(func(s *devtsa.Stamp) {
			s.Also = [][]byte{essV2(t, a.Chain[0], a.Chain[0].RawIssuer, big.NewInt(1))}
			s.Without = []asn1.ObjectIdentifier{oidSigningCertV2}
		}), nil, tsp.ErrSigner},
		"another issuer is named": {bend(func(s *devtsa.Stamp) {
			s.Also = [][]byte{essV2(t, a.Chain[0], a.Chain[0].RawSubject, a.Chain[0].SerialNumber)}
			s.Without = []asn1.ObjectIdentifier{oidSigningCertV2}
		}), nil, tsp.ErrSigner},
		"v1 names another":   {bend(func(s *devtsa.Stamp) { s.Also = [][]byte{essV1(t, other.Chain[0])} }), nil, tsp.ErrSigner},
		"none is named":      {bend(func(s *devtsa.Stamp) { s.Without = []asn1.ObjectIdentifier{oidSigningCertV2} }), nil, tsp.ErrSigner},
		"no content-type":    {bend(func(s *devtsa.Stamp) { s.Without = []asn1.ObjectIdentifier{oidContentType} }), nil, tsp.ErrSignature},
		"other content-type": {bend(func(s *devtsa.Stamp) { s.ContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }), nil, tsp.ErrSignature},
		"no message-digest":  {bend(func(s *devtsa.Stamp) { s.Without = []asn1.ObjectIdentifier{oidMessageDigest} }), nil, tsp.ErrSignature},
		"altered content":    {replaced(t, der, hex.EncodeToString([]byte("120000Z")), hex.EncodeToString([]byte("110000Z"))), nil, tsp.ErrSignature},
		"protected digest differs": {bend(func(s *devtsa.Stamp) {
			s.Also = [][]byte{protection("300b0609608648016503040202", "a10a06082a8648ce3d040302")}
		}), nil, tsp.ErrSignature},
		"protected signature differs": {bend(func(s *devtsa.Stamp) {
			s.Also = [][]byte{protection("300b0609608648016503040201", "a10a06082a8648ce3d040303")}
		}), nil, tsp.ErrSignature},
		"signature by SHA-224":    {replaced(t, der, "300a06082a8648ce3d04030204", "300a06082a8648ce3d04030104"), nil, tsp.ErrAlgorithm},
		"other digest for signer": {replaced(t, der, "300a06082a8648ce3d04030204", "300a06082a8648ce3d04030304"), nil, tsp.ErrAlgorithm},
	} {
		if tc.v == nil {
			tc.v = func(*tsp.Verification) {}
		}
		asked := v
		tc.v(&asked)
		path, err := parsed(t, tc.der).Verify(asked)
		if !errors.Is(err, tc.want) || path != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	// The content and its digest changed together: the signature is over the
	// old digest.
	content := contentOf(t, der)
	forged := bytes.Replace(content, []byte("120000Z"), []byte("110000Z"), 1)
	altered := bytes.Replace(replaced(t, der, sum(crypto.SHA256, content), sum(crypto.SHA256, forged)), content, forged, 1)
	if _, err := parsed(t, altered).Verify(v); !errors.Is(err, tsp.ErrSignature) {
		t.Errorf("altered signed attributes: %v", err)
	}
	for name, v := range map[string]tsp.Verification{"no trust": {Imprint: v.Imprint}, "no imprint": {Trust: v.Trust}} {
		if _, err := parsed(t, der).Verify(v); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

// contentOf is the TSTInfo in a token.
func contentOf(t testing.TB, der []byte) []byte {
	at := bytes.Index(der, []byte{2, 1, 1, 6, 7}) // version and the start of the policy
	if at < 2 || der[at-2] != 0x30 {
		t.Fatal("no TSTInfo")
	}
	return der[at-2 : at+int(der[at-1])]
}

// A certificate must be for time-stamps, critically and alone, and valid when it
// stamped (RFC 3161, Section 2.3).
func TestVerifyCertificate(t *testing.T) {
	usage := func(critical bool, purposes ...asn1.ObjectIdentifier) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			e, err := devtsa.ExtKeyUsage(critical, purposes...)
			if err != nil {
				t.Fatal(err)
			}
			c.ExtraExtensions = []pkix.Extension{e}
		}
	}
	for name, tc := range map[string]struct {
		o    devtsa.Options
		at   time.Time
		want error
	}{
		"good":                  {devtsa.Options{}, now, nil},
		"not critical":          {devtsa.Options{Bend: usage(false, timeStamping)}, now, trust.ErrUse},
		"another purpose":       {devtsa.Options{Bend: usage(true, serverAuthentication)}, now, trust.ErrUse},
		"one purpose too many":  {devtsa.Options{Bend: usage(true, timeStamping, serverAuthentication)}, now, trust.ErrUse},
		"an unknown purpose":    {devtsa.Options{Bend: usage(true, timeStamping, asn1.ObjectIdentifier{1, 2, 3})}, now, trust.ErrUse},
		"no purpose":            {devtsa.Options{Bend: func(c *x509.Certificate) { c.ExtraExtensions = nil }}, now, trust.ErrUse},
		"a key usage too many":  {devtsa.Options{Bend: func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyAgreement }}, now, trust.ErrUse},
		"contentCommitment":     {devtsa.Options{Bend: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }}, now, nil},
		"expired when stamping": {devtsa.Options{NotAfter: now.Add(-time.Second)}, now, trust.ErrValidity},
		"not yet valid":         {devtsa.Options{}, now.AddDate(0, 0, -2), trust.ErrValidity},
		"expired since":         {devtsa.Options{NotAfter: now.Add(time.Second)}, now, nil},
	} {
		a := authority(t, tc.o)
		s := stamp()
		s.Time = tc.at
		_, err := parsed(t, made(t, a, s)).Verify(verification(t, a))
		if !errors.Is(err, tc.want) || tc.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	// An anchor for seals is none for time-stamps.
	a := authority(t, devtsa.Options{})
	v := verification(t, a)
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: {a.Root}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	v.Trust = store
	if _, err := parsed(t, made(t, a, stamp())).Verify(v); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("anchored for seals: %v", err)
	}
}
