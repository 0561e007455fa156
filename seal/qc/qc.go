// Package qc reads and writes what a qualified certificate says of itself:
// the qcStatements extension (RFC 3739, Section 3.2.6; ETSI EN 319 412-5; ETSI
// TS 119 412-6) and the organization identifier of its subject (ETSI EN 319
// 412-1, clause 5.1.4).
//
// It decides nothing: that a certificate calls itself qualified does not make
// it so. Only a trusted list does.
package qc

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ErrStatements is returned for a qcStatements extension that is not what its
// specification says.
var ErrStatements = errors.New("not a well-formed qcStatements extension")

// Object identifiers of ETSI EN 319 412-5, clause 4, and TS 119 412-6.
var (
	ExtensionID = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}

	oidCompliance  = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 1}
	oidSSCD        = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 4}
	oidPDS         = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 5}
	oidType        = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}
	oidLegislation = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 7}

	// TypeSeal is the QcType of certificates for electronic seals.
	TypeSeal = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 2}
	// PublicBodyID is the statement QcPSB of ETSI TS 119 412-6, clause 8.3.
	// Issuers were seen with other identifiers, so readers take it as argument.
	PublicBodyID = asn1.ObjectIdentifier{0, 4, 0, 194126, 1, 3}
)

const (
	maxExtension  = 16 << 10
	maxStatements = 32
	maxText       = 2048
)

// Statements is the content of a qcStatements extension.
type Statements struct {
	// Compliance: issued as an EU qualified certificate (QcCompliance).
	Compliance bool
	// SSCD: the key is in a qualified creation device (QcSSCD).
	SSCD bool
	// Types are the purposes of QcType, such as TypeSeal.
	Types []asn1.ObjectIdentifier
	// Disclosures are the PKI disclosure statements (QcPDS).
	Disclosures []Disclosure
	// Legislation are the countries of QcCClegislation. It says that the
	// certificate is qualified under the law of a country outside the Union, so
	// its presence speaks against an EU qualification.
	Legislation []string
	// PublicBody is the authentic source the holder answers for (QcPSB).
	PublicBody *PublicBody
	// Unknown are the identifiers of statements not read here.
	Unknown []asn1.ObjectIdentifier
}

// Disclosure is where a PKI disclosure statement is and its language.
type Disclosure struct {
	URL      string
	Language string
}

// PublicBody says by which law a public sector body is responsible for which
// authentic source (Regulation (EU) No 910/2014, Article 45f(1)(b); ETSI TS
// 119 412-6, clause 8.3).
type PublicBody struct {
	Country     string // two letters, or EU
	Source      string
	Legislation string
}

// Seal reports whether QcType names electronic seals.
func (s Statements) Seal() bool {
	for _, t := range s.Types {
		if t.Equal(TypeSeal) {
			return true
		}
	}
	return false
}

// Of reads the statements of a certificate. A certificate without the
// extension has none: found is false and there is no error.
func Of(c *x509.Certificate, publicBody asn1.ObjectIdentifier) (s Statements, found bool, err error) {
	for _, e := range c.Extensions {
		if e.Id.Equal(ExtensionID) {
			s, err = Parse(e.Value, publicBody)
			return s, true, err
		}
	}
	return Statements{}, false, nil
}

// Parse reads the DER value of the extension: SEQUENCE OF QCStatement. A known
// statement that is malformed or stands there twice is an error, because a
// reader could take either meaning. publicBody is the identifier of QcPSB; nil
// is PublicBodyID.
func Parse(der []byte, publicBody asn1.ObjectIdentifier) (Statements, error) {
	if publicBody == nil {
		publicBody = PublicBodyID
	}
	if len(der) > maxExtension {
		return Statements{}, fmt.Errorf("%w: longer than %d bytes", ErrStatements, maxExtension)
	}
	in, list := cryptobyte.String(der), cryptobyte.String(nil)
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) || !in.Empty() {
		return Statements{}, fmt.Errorf("%w: it must be one SEQUENCE (RFC 3739, Section 3.2.6)", ErrStatements)
	}
	var s Statements
	seen := map[string]bool{}
	for n := 0; !list.Empty(); n++ {
		var one cryptobyte.String
		var id asn1.ObjectIdentifier
		if n >= maxStatements || !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&id) {
			return Statements{}, fmt.Errorf("%w: statement %d is no QCStatement, or there are more than %d", ErrStatements, n, maxStatements)
		}
		if seen[id.String()] {
			return Statements{}, fmt.Errorf("%w: statement %s stands there twice", ErrStatements, id)
		}
		seen[id.String()] = true
		if err := s.read(id, one, publicBody); err != nil {
			return Statements{}, err
		}
	}
	return s, nil
}

func (s *Statements) read(id asn1.ObjectIdentifier, info cryptobyte.String, publicBody asn1.ObjectIdentifier) error {
	ok := true
	switch {
	case id.Equal(oidCompliance):
		s.Compliance = true
		ok = info.Empty()
	case id.Equal(oidSSCD):
		s.SSCD = true
		ok = info.Empty()
	case id.Equal(oidType):
		ok = each(&info, func(list *cryptobyte.String) bool {
			var t asn1.ObjectIdentifier
			if !list.ReadASN1ObjectIdentifier(&t) {
				return false
			}
			s.Types = append(s.Types, t)
			return true
		})
	case id.Equal(oidPDS):
		ok = each(&info, func(list *cryptobyte.String) bool {
			var one cryptobyte.String
			var d Disclosure
			if !list.ReadASN1(&one, cbasn1.SEQUENCE) || !text(&one, cbasn1.IA5String, &d.URL) ||
				!text(&one, cbasn1.PrintableString, &d.Language) || !one.Empty() || len(d.Language) != 2 {
				return false
			}
			s.Disclosures = append(s.Disclosures, d)
			return true
		})
	case id.Equal(oidLegislation):
		ok = each(&info, func(list *cryptobyte.String) bool {
			var country string
			if !text(list, cbasn1.PrintableString, &country) || len(country) != 2 {
				return false
			}
			s.Legislation = append(s.Legislation, country)
			return true
		})
	case id.Equal(publicBody):
		var one cryptobyte.String
		var b PublicBody
		ok = info.ReadASN1(&one, cbasn1.SEQUENCE) && info.Empty() &&
			text(&one, cbasn1.PrintableString, &b.Country) && len(b.Country) == 2 &&
			text(&one, cbasn1.UTF8String, &b.Source) &&
			text(&one, cbasn1.UTF8String, &b.Legislation) && one.Empty()
		s.PublicBody = &b
	default:
		s.Unknown = append(s.Unknown, id)
	}
	if !ok {
		return fmt.Errorf("%w: the content of statement %s is not as specified (ETSI EN 319 412-5, clause 4; TS 119 412-6, Annex A)", ErrStatements, id)
	}
	return nil
}

// each reads one non-empty SEQUENCE OF, which must end the input.
func each(in *cryptobyte.String, read func(*cryptobyte.String) bool) bool {
	var list cryptobyte.String
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) || !in.Empty() || list.Empty() {
		return false
	}
	for !list.Empty() {
		if !read(&list) {
			return false
		}
	}
	return true
}

// text reads a non-empty string of the given type.
func text(in *cryptobyte.String, tag cbasn1.Tag, out *string) bool {
	var v cryptobyte.String
	if !in.ReadASN1(&v, tag) || len(v) == 0 || len(v) > maxText || !utf8.Valid(v) {
		return false
	}
	if tag != cbasn1.UTF8String {
		for _, c := range v {
			if c < 0x20 || c > 0x7e {
				return false
			}
		}
	}
	*out = string(v)
	return true
}

// Extension is s as a certificate extension, which is not critical (ETSI EN
// 319 412-5, clause 4.1). Unknown is not written.
func (s Statements) Extension(publicBody asn1.ObjectIdentifier) (pkix.Extension, error) {
	if publicBody == nil {
		publicBody = PublicBodyID
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		statement := func(id asn1.ObjectIdentifier, info func(*cryptobyte.Builder)) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(id)
				if info != nil {
					b.AddASN1(cbasn1.SEQUENCE, info)
				}
			})
		}
		if s.Compliance {
			statement(oidCompliance, nil)
		}
		if s.SSCD {
			statement(oidSSCD, nil)
		}
		if len(s.Types) > 0 {
			statement(oidType, func(b *cryptobyte.Builder) {
				for _, t := range s.Types {
					b.AddASN1ObjectIdentifier(t)
				}
			})
		}
		if len(s.Disclosures) > 0 {
			statement(oidPDS, func(b *cryptobyte.Builder) {
				for _, d := range s.Disclosures {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						addText(b, cbasn1.IA5String, d.URL)
						addText(b, cbasn1.PrintableString, d.Language)
					})
				}
			})
		}
		if len(s.Legislation) > 0 {
			statement(oidLegislation, func(b *cryptobyte.Builder) {
				for _, c := range s.Legislation {
					addText(b, cbasn1.PrintableString, c)
				}
			})
		}
		if p := s.PublicBody; p != nil {
			statement(publicBody, func(b *cryptobyte.Builder) {
				addText(b, cbasn1.PrintableString, p.Country)
				addText(b, cbasn1.UTF8String, p.Source)
				addText(b, cbasn1.UTF8String, p.Legislation)
			})
		}
	})
	der, err := b.Bytes()
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("%w: %w", ErrStatements, err)
	}
	// What cannot be read back must not be written.
	if _, err := Parse(der, publicBody); err != nil {
		return pkix.Extension{}, err
	}
	return pkix.Extension{Id: ExtensionID, Value: der}, nil
}

func addText(b *cryptobyte.Builder, tag cbasn1.Tag, s string) {
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
}
