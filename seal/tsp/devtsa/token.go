package devtsa

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECDSASHA256   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}

	constructed0 = cbasn1.Tag(0).ContextSpecific().Constructed()
)

// digests are those that are stamped.
var digests = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA256: oidSHA256,
	crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
	crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
}

// Stamp is what a token says.
type Stamp struct {
	Hash    crypto.Hash
	Imprint []byte
	Time    time.Time
	Nonce   *big.Int
	// Policy replaces that of the authority.
	Policy   asn1.ObjectIdentifier
	Accuracy time.Duration // whole seconds; zero leaves it out
	Ordering bool

	// The rest bends a token, for tests of who reads it.

	// Named is the certificate that the signed attributes name; nil is the
	// signer's.
	Named *x509.Certificate
	// ContentType is the signed one; nil is the right one.
	ContentType asn1.ObjectIdentifier
	// Without leaves signed attributes out.
	Without []asn1.ObjectIdentifier
	// Also are further signed attributes, each an Attribute in DER.
	Also [][]byte
	// Extensions are those of TSTInfo.
	Extensions []pkix.Extension
	// Twice puts a second signer into the token.
	Twice bool
	// NoCertificates leaves them out of the token.
	NoCertificates bool
}

// Token makes a token in DER, signed with ECDSA and SHA-256.
func (a *Authority) Token(s Stamp) ([]byte, error) {
	content, err := a.info(s)
	if err != nil {
		return nil, err
	}
	attributes, err := a.attributes(s, content)
	if err != nil {
		return nil, err
	}
	signed := der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
	})
	digest := crypto.SHA256.New()
	digest.Write(signed)
	value, err := a.Key.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing a time-stamp: %w", err)
	}
	return a.signedData(s, content, attributes, value), nil
}

// info writes the TSTInfo.
func (a *Authority) info(s Stamp) ([]byte, error) {
	id, ok := digests[s.Hash]
	if !ok {
		return nil, fmt.Errorf("devtsa: digest %s is not offered", s.Hash)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	policy := a.Policy
	if s.Policy != nil {
		policy = s.Policy
	}
	return der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddASN1ObjectIdentifier(policy)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addAlgorithm(b, id)
				b.AddASN1OctetString(s.Imprint)
			})
			b.AddASN1BigInt(serial)
			b.AddASN1(cbasn1.GeneralizedTime, func(b *cryptobyte.Builder) {
				b.AddBytes([]byte(s.Time.UTC().Format("20060102150405.999999999Z")))
			})
			if s.Accuracy > 0 {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(s.Accuracy / time.Second)) })
			}
			if s.Ordering {
				b.AddASN1Boolean(true)
			}
			if s.Nonce != nil {
				b.AddASN1BigInt(s.Nonce)
			}
			if len(s.Extensions) > 0 {
				b.AddASN1(cbasn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
					for _, e := range s.Extensions {
						b.MarshalASN1(e)
					}
				})
			}
		})
	}), nil
}

// attributes writes the signed attributes in the order of DER, without the SET
// around them.
func (a *Authority) attributes(s Stamp, content []byte) ([]byte, error) {
	named, kind := s.Named, s.ContentType
	if named == nil {
		named = a.Chain[0]
	}
	if kind == nil {
		kind = oidTSTInfo
	}
	digest, certificate := crypto.SHA256.New(), crypto.SHA256.New()
	digest.Write(content)
	certificate.Write(named.Raw)
	all := map[string]func(*cryptobyte.Builder){
		oidContentType.String():   func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(kind) },
		oidMessageDigest.String(): func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest.Sum(nil)) },
		oidSigningCertV2.String(): func(b *cryptobyte.Builder) {
			nested(b, 3, func(b *cryptobyte.Builder) { b.AddASN1OctetString(certificate.Sum(nil)) })
		},
	}
	out := slices.Clone(s.Also)
	for _, id := range []asn1.ObjectIdentifier{oidContentType, oidMessageDigest, oidSigningCertV2} {
		if !slices.ContainsFunc(s.Without, id.Equal) {
			out = append(out, Attribute(id, der(all[id.String()])))
		}
	}
	slices.SortFunc(out, bytes.Compare)
	return bytes.Join(out, nil), nil
}

// Attribute is a CMS attribute with one value, in DER.
func Attribute(id asn1.ObjectIdentifier, value []byte) []byte {
	return der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(id)
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(value) })
		})
	})
}

// signedData writes the token around what was signed.
func (a *Authority) signedData(s Stamp, content, attributes, value []byte) []byte {
	return der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidSignedData)
			b.AddASN1(constructed0, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1Int64(3)
					b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, oidSHA256) })
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidTSTInfo)
						b.AddASN1(constructed0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
					})
					if !s.NoCertificates {
						b.AddASN1(constructed0, func(b *cryptobyte.Builder) {
							for _, c := range a.Chain {
								b.AddBytes(c.Raw)
							}
						})
					}
					b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
						a.signerInfo(b, attributes, value)
						if s.Twice {
							a.signerInfo(b, attributes, value)
						}
					})
				})
			})
		})
	})
}

func (a *Authority) signerInfo(b *cryptobyte.Builder, attributes, value []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(a.Chain[0].RawIssuer)
			b.AddASN1BigInt(a.Chain[0].SerialNumber)
		})
		addAlgorithm(b, oidSHA256)
		b.AddASN1(constructed0, func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
		addAlgorithm(b, oidECDSASHA256)
		b.AddASN1OctetString(value)
	})
}

func addAlgorithm(b *cryptobyte.Builder, id asn1.ObjectIdentifier) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id) })
}

// nested puts content into n sequences.
func nested(b *cryptobyte.Builder, n int, content func(*cryptobyte.Builder)) {
	if n == 0 {
		content(b)
		return
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { nested(b, n-1, content) })
}

// der builds what cannot fail: lengths are small and identifiers constants.
func der(content func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	content(&b)
	return b.BytesOrPanic()
}
