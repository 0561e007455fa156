package tsl

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// Bounds of what a list says of itself.
const (
	maxPointers   = 200
	maxIdentities = 50
	maxTexts      = 100
)

// maxLifeMonths is how long after its issue a list may say that it will be updated:
// six months (ETSI TS 119 612, clause 5.3.15), and a day for months of unequal
// length.
const maxLifeMonths = 6

// Text is a text in a language.
type Text struct{ Lang, Value string }

// Texts are one text in several languages.
type Texts []Text

// In is the text in the given language, else in English, else the first.
func (t Texts) In(lang string) string {
	for _, l := range []string{lang, "en"} {
		for _, one := range t {
			if strings.EqualFold(one.Lang, l) {
				return one.Value
			}
		}
	}
	if len(t) > 0 {
		return t[0].Value
	}
	return ""
}

// Scheme is what a list says of itself (ETSI TS 119 612, clause 5.3).
type Scheme struct {
	Version   int // 5 or 6
	Sequence  int64
	Type      string // TypeListOfLists or TypeNational in the Union
	Operator  Texts
	Name      Texts
	Territory string // such as BE; EU for the list of lists
	// Information are addresses of information on the scheme. In the list of
	// lists they are, in this order, the pivots and the publication in the
	// Official Journal that names its signers.
	Information []string
	Rules       []string
	Pointers    []Pointer
	Issued      time.Time
	NextUpdate  time.Time // zero: the list is closed
}

// Pointer leads to another list and tells who signs it (clause 5.3.13).
type Pointer struct {
	Location  string
	Type      string
	Territory string
	Media     string // MediaType for lists in XML
	Operator  Texts
	Signers   []*x509.Certificate
}

func parseScheme(e *etree.Element) (Scheme, error) {
	if e == nil {
		return Scheme{}, missing("SchemeInformation", "5.3")
	}
	var s Scheme
	var err error
	if s.Version, err = strconv.Atoi(text(child(e, nsList, "TSLVersionIdentifier"))); err != nil || s.Version < 5 || s.Version > 6 {
		return s, invalid("TSLVersionIdentifier", "5.3.1", "expected 5 or 6")
	}
	if s.Sequence, err = strconv.ParseInt(text(child(e, nsList, "TSLSequenceNumber")), 10, 64); err != nil || s.Sequence < 1 {
		return s, invalid("TSLSequenceNumber", "5.3.2", "expected a number above 0")
	}
	if s.Type = text(child(e, nsList, "TSLType")); s.Type == "" {
		return s, missing("TSLType", "5.3.3")
	}
	if s.Operator, err = texts(child(e, nsList, "SchemeOperatorName"), "Name"); err != nil || len(s.Operator) == 0 {
		return s, missing("SchemeOperatorName", "5.3.4")
	}
	if s.Name, err = texts(child(e, nsList, "SchemeName"), "Name"); err != nil || len(s.Name) == 0 {
		return s, missing("SchemeName", "5.3.6")
	}
	if s.Information, err = uris(child(e, nsList, "SchemeInformationURI")); err != nil || len(s.Information) == 0 {
		return s, missing("SchemeInformationURI", "5.3.7")
	}
	if s.Rules, err = uris(child(e, nsList, "SchemeTypeCommunityRules")); err != nil {
		return s, invalid("SchemeTypeCommunityRules", "5.3.9", err.Error())
	}
	if s.Territory = text(child(e, nsList, "SchemeTerritory")); !territory(s.Territory) {
		return s, invalid("SchemeTerritory", "5.3.10", "expected a country code of two capital letters")
	}
	if s.Issued, err = instant(child(e, nsList, "ListIssueDateTime")); err != nil {
		return s, invalid("ListIssueDateTime", "5.3.14", err.Error())
	}
	if s.NextUpdate, err = nextUpdate(child(e, nsList, "NextUpdate")); err != nil {
		return s, invalid("NextUpdate", "5.3.15", err.Error())
	}
	if !s.NextUpdate.IsZero() && (!s.NextUpdate.After(s.Issued) || s.NextUpdate.After(s.Issued.AddDate(0, maxLifeMonths, 1))) {
		return s, invalid("NextUpdate", "5.3.15", fmt.Sprintf("expected a time after ListIssueDateTime and within %d months of it", maxLifeMonths))
	}
	if err := schemeExtensions(children(e, nsList, "SchemeExtensions")); err != nil {
		return s, err
	}
	s.Pointers, err = pointers(children(child(e, nsList, "PointersToOtherTSL"), nsList, "OtherTSLPointer"))
	return s, err
}

// schemeExtensions refuses a list with a critical extension: none is defined
// (ETSI TS 119 612, clause 5.3.17).
func schemeExtensions(lists []*etree.Element) error {
	for _, list := range lists {
		for _, x := range children(list, nsList, "Extension") {
			if critical(x) {
				return invalid("SchemeExtensions", "5.3.17", "a critical extension is not understood")
			}
		}
	}
	return nil
}

func pointers(elements []*etree.Element) ([]Pointer, error) {
	if len(elements) > maxPointers {
		return nil, invalid("PointersToOtherTSL", "5.3.13", fmt.Sprintf("more than %d", maxPointers))
	}
	out := make([]Pointer, 0, len(elements))
	for i, e := range elements {
		p, err := pointer(e)
		if err != nil {
			return nil, invalid(fmt.Sprintf("OtherTSLPointer %d", i), "5.3.13", err.Error())
		}
		out = append(out, p)
	}
	return out, nil
}

func pointer(e *etree.Element) (Pointer, error) {
	p := Pointer{Location: text(child(e, nsList, "TSLLocation"))}
	if p.Location == "" {
		return p, errors.New("TSLLocation is missing")
	}
	more := child(e, nsList, "AdditionalInformation")
	for _, other := range children(more, nsList, "OtherInformation") {
		if c := child(other, nsList, "TSLType"); c != nil {
			p.Type = text(c)
		}
		if c := child(other, nsList, "SchemeTerritory"); c != nil {
			p.Territory = text(c)
		}
		if c := child(other, nsMore, "MimeType"); c != nil {
			p.Media = text(c)
		}
		if c := child(other, nsList, "SchemeOperatorName"); c != nil {
			var err error
			if p.Operator, err = texts(c, "Name"); err != nil {
				return p, err
			}
		}
	}
	identities := children(child(e, nsList, "ServiceDigitalIdentities"), nsList, "ServiceDigitalIdentity")
	if len(identities) > maxIdentities {
		return p, fmt.Errorf("more than %d ServiceDigitalIdentity", maxIdentities)
	}
	for _, one := range identities {
		id, err := parseIdentity(one)
		if err != nil {
			return p, err
		}
		p.Signers = append(p.Signers, id.Certificates...)
	}
	return p, nil
}

func territory(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// texts reads tsl:Name or tsl:URI children with their language.
func texts(e *etree.Element, name string) (Texts, error) {
	var out Texts
	for _, c := range children(e, nsList, name) {
		if len(out) == maxTexts {
			return nil, fmt.Errorf("more than %d %s", maxTexts, name)
		}
		lang := ""
		for _, a := range c.Attr {
			if a.Space == "xml" && a.Key == "lang" {
				lang = a.Value
			}
		}
		if v := text(c); v != "" {
			out = append(out, Text{lang, v})
		}
	}
	return out, nil
}

func uris(e *etree.Element) ([]string, error) {
	found, err := texts(e, "URI")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range found {
		out = append(out, t.Value)
	}
	return out, nil
}

// instant reads an xs:dateTime in UTC.
func instant(e *etree.Element) (time.Time, error) {
	value := text(e)
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil || !strings.HasSuffix(value, "Z") {
		return time.Time{}, errors.New("must be a time in UTC such as 2026-01-31T12:00:00Z")
	}
	return t, nil
}

func nextUpdate(e *etree.Element) (time.Time, error) {
	switch {
	case e == nil:
		return time.Time{}, errors.New("is missing")
	case len(e.ChildElements()) == 0:
		return time.Time{}, nil
	}
	return instant(child(e, nsList, "dateTime"))
}

func missing(member, number string) error {
	return refuse(CheckContent, clause(specList, number), "%s is missing, there twice, empty or too long", member)
}

func invalid(member, number, detail string) error {
	return refuse(CheckContent, clause(specList, number), "%s: %s", member, detail)
}
