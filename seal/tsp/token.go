package tsp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Token is a time-stamp token that was read and not yet judged: nothing in it
// is to be believed before Verify. It does not change, and remembers who signed it
// once that was verified.
type Token struct {
	// Raw is the token in DER, as it is stored.
	Raw []byte
	// Hash and Imprint are the digest of what was stamped.
	Hash    crypto.Hash
	Imprint []byte
	// Policy is the one the authority stamped under.
	Policy asn1.ObjectIdentifier
	// Serial is the authority's number of the token.
	Serial *big.Int
	// Time is when the authority says it stamped, to the fraction it gave, and
	// Accuracy how far off that may be; zero says nothing of it.
	Time     time.Time
	Accuracy time.Duration
	// Ordering tells that tokens of the authority are ordered by Time alone.
	Ordering bool
	// Nonce is that of the request, nil without.
	Nonce *big.Int
	// Certificates came in the token, in no order.
	Certificates []*x509.Certificate

	content []byte
	signer  signerInfo

	signedBy atomic.Pointer[x509.Certificate] // whose signature was verified
}

// Parse reads a token in DER: a ContentInfo with the SignedData of one signer
// over a TSTInfo (RFC 3161, Section 2.4.2). BER, a second signer, extensions
// that are critical and anything that follows are refused. Nothing is verified.
func Parse(der []byte) (*Token, error) {
	if len(der) > MaxToken {
		return nil, malformed("longer than %d bytes", MaxToken)
	}
	der = bytes.Clone(der)
	signed, err := readSignedData(der)
	if err != nil {
		return nil, err
	}
	t := &Token{Raw: der, Certificates: signed.certificates, content: signed.content, signer: signed.signer}
	if err := t.readInfo(signed.content); err != nil {
		return nil, err
	}
	return t, nil
}

// readInfo reads a TSTInfo (RFC 3161, Section 2.4.2).
func (t *Token) readInfo(der []byte) error {
	in := cryptobyte.String(der)
	var body, imprint, hashed cryptobyte.String
	var version int
	t.Serial = new(big.Int)
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(&version) || version != 1 {
		return malformed("expected one TSTInfo of version 1")
	}
	if !body.ReadASN1ObjectIdentifier(&t.Policy) || !body.ReadASN1(&imprint, cbasn1.SEQUENCE) {
		return malformed("policy or messageImprint cannot be read")
	}
	alg, ok := readAlgorithm(&imprint)
	if !ok || !imprint.ReadASN1(&hashed, cbasn1.OCTET_STRING) || !imprint.Empty() {
		return malformed("messageImprint cannot be read")
	}
	hash, err := alg.digest()
	if err != nil {
		return err
	}
	if t.Hash, t.Imprint = hash, hashed; len(hashed) != hash.Size() {
		return malformed("hashedMessage has %d bytes, expected %d", len(hashed), hash.Size())
	}
	if !body.ReadASN1Integer(t.Serial) {
		return malformed("serialNumber cannot be read")
	}
	if t.Time, ok = readTime(&body); !ok {
		return malformed("genTime is not a GeneralizedTime in UTC without trailing zeros")
	}
	return t.readOptional(&body)
}

// readOptional reads what may follow genTime, in order.
func (t *Token) readOptional(body *cryptobyte.String) error {
	var ok bool
	if t.Accuracy, ok = readAccuracy(body); !ok {
		return malformed("accuracy cannot be read")
	}
	if body.PeekASN1Tag(cbasn1.BOOLEAN) {
		// DER leaves a default out (X.690, Section 11.5).
		if !body.ReadASN1Boolean(&t.Ordering) || !t.Ordering {
			return malformed("ordering cannot be read")
		}
	}
	if body.PeekASN1Tag(cbasn1.INTEGER) {
		t.Nonce = new(big.Int)
		if !body.ReadASN1Integer(t.Nonce) {
			return malformed("nonce cannot be read")
		}
	}
	// tsa is a hint to the signer's name; the signed attributes say more.
	var extensions cryptobyte.String
	var there bool
	if !body.SkipOptionalASN1(constructed0) || !body.ReadOptionalASN1(&extensions, &there, constructed1) || !body.Empty() {
		return malformed("something unknown follows in TSTInfo")
	}
	if there && extensions.Empty() {
		return malformed("extensions are empty")
	}
	for !extensions.Empty() {
		critical, ok := readExtension(&extensions)
		if !ok || critical {
			return malformed("an extension is critical or cannot be read")
		}
	}
	return nil
}

// readExtension reads one Extension of RFC 5280.
func readExtension(s *cryptobyte.String) (critical, ok bool) {
	var body cryptobyte.String
	var id asn1.ObjectIdentifier
	if !s.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&id) {
		return false, false
	}
	if body.PeekASN1Tag(cbasn1.BOOLEAN) && (!body.ReadASN1Boolean(&critical) || !critical) {
		return false, false
	}
	return critical, body.SkipASN1(cbasn1.OCTET_STRING) && body.Empty()
}

// readTime reads a GeneralizedTime with a fraction or without: UTC, no trailing
// zeros (RFC 3161, Section 2.4.2). Fractions beyond the nanosecond are refused.
func readTime(s *cryptobyte.String) (time.Time, bool) {
	var text cryptobyte.String
	if !s.ReadASN1(&text, cbasn1.GeneralizedTime) || len(text) > len("20060102150405.999999999Z") {
		return time.Time{}, false
	}
	at, err := time.Parse("20060102150405.999999999Z", string(text)) // the fraction may be missing
	if err != nil || at.Format("20060102150405.999999999Z") != string(text) {
		return time.Time{}, false
	}
	return at, true
}

// readAccuracy reads an Accuracy if there is one. Seconds beyond a day are
// refused: who is that far off does not stamp time.
func readAccuracy(s *cryptobyte.String) (time.Duration, bool) {
	var body cryptobyte.String
	var there bool
	if !s.ReadOptionalASN1(&body, &there, cbasn1.SEQUENCE) || !there {
		return 0, !there
	}
	var seconds, millis, micros int64
	if body.PeekASN1Tag(cbasn1.INTEGER) && !body.ReadASN1Integer(&seconds) {
		return 0, false
	}
	if !readFraction(&body, 0, &millis) || !readFraction(&body, 1, &micros) || !body.Empty() || seconds < 0 || seconds > 86400 {
		return 0, false
	}
	return time.Duration(seconds)*time.Second + time.Duration(millis)*time.Millisecond + time.Duration(micros)*time.Microsecond, true
}

// readFraction reads an implicitly tagged INTEGER from 1 to 999.
func readFraction(s *cryptobyte.String, n uint8, out *int64) bool {
	tag := cbasn1.Tag(n).ContextSpecific()
	if !s.PeekASN1Tag(tag) {
		return true
	}
	return s.ReadASN1Int64WithTag(out, tag) && *out >= 1 && *out <= 999
}

// String names a token in reports: when, by whose policy, its number.
func (t *Token) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "time-stamp %x of %s under policy %s", t.Serial, t.Time.Format(time.RFC3339Nano), t.Policy)
	return b.String()
}
