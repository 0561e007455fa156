package seal

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

// statements reads what the certificate says of itself.
func (v *Validator) statements(out *Validation) {
	const spec = "ETSI EN 319 412-5; TS 119 412-6, clause 8.3"
	p := out.Path
	if p == nil { // read all the same what the certificate says
		p = &trust.Path{Certificates: []*x509.Certificate{out.Certificate}}
	}
	if o, err := p.Organization(); err == nil {
		out.Organization = &o
	}
	s, found, err := p.Statements(v.PublicBodyID)
	switch {
	case err != nil:
		out.Checks.Fail(CheckStatements, spec, err.Error())
		return
	case !found:
		out.Checks.Skip(CheckStatements, spec, "the certificate has none")
		return
	}
	out.Statements = s
	detail := "QcCompliance " + strconv.FormatBool(s.Compliance) + ", QcSSCD " + strconv.FormatBool(s.SSCD) + ", eseal " + strconv.FormatBool(s.Seal())
	if b := s.PublicBody; b != nil {
		out.Source = &AuthenticSource{Country: b.Country, Name: b.Source, Legislation: b.Legislation}
		detail += ", authentic source " + strconv.Quote(b.Source) + " by law " + strconv.Quote(b.Legislation) + " of " + b.Country
	}
	if len(s.Legislation) > 0 {
		detail += fmt.Sprintf(", QcCClegislation %v: qualified by a law outside the Union", s.Legislation)
	}
	out.Checks.Pass(CheckStatements, spec, detail)
}

// provider looks the creator up in the list of PuB-EAA providers.
func (v *Validator) provider(out *Validation, now time.Time) {
	const spec = "Regulation (EU) No 910/2014, Article 45f; ETSI TS 119 602, Annex H"
	switch {
	case v.SkipProviderList:
		out.Checks.Skip(CheckProviderList, spec, "not asked for")
		return
	case out.Path == nil:
		out.Checks.Fail(CheckProviderList, spec, "there is no trusted chain to look up")
		return
	}
	p, err := v.Trust.Provider(out.Path, trust.Issuance, out.Statements.PublicBody, out.BestSignatureTime)
	if l := v.Trust.List(); err == nil && l != nil {
		err = l.Fresh(now)
	}
	if err != nil {
		out.Checks.Fail(CheckProviderList, spec, err.Error())
		return
	}
	out.Provider = p
	out.Checks.Pass(CheckProviderList, spec, p.Name+" ("+p.Registration.String()+"), notified, law "+p.Law)
}

// subject names a legal person's certificate. What is found may be shown to
// anybody, so the name of a natural person is not.
func subject(c *x509.Certificate) string {
	if qc.NaturalPerson(c.Subject) {
		return "a natural person"
	}
	name := c.Subject.CommonName
	if name == "" && len(c.Subject.Organization) > 0 {
		name = c.Subject.Organization[0]
	}
	if len(name) > 80 {
		name = name[:80]
	}
	return strconv.Quote(name)
}
