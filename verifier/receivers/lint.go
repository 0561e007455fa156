package receivers

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal/qc"
)

// maxText is what the use log keeps of one field.
const maxText = 256

// economicArea are the member states and Iceland, Liechtenstein and Norway.
var economicArea = strings.Fields("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK")

type lint struct {
	f *declared.File
	o Options
}

func (l lint) receiver(at string, r *Receiver) {
	l.id(at+".id", r.ID)
	if r.Status != Admitted && r.Status != Suspended {
		l.f.Fault(at+".status", "expected %s or %s, found %q", Admitted, Suspended, r.Status)
	}
	l.line(at+".legal_name", r.Name)
	l.registration(at+".registration", r)
	if len(r.Country) != 2 || strings.ToUpper(r.Country) != r.Country {
		l.f.Fault(at+".country", "expected an ISO 3166-1 alpha-2 code such as BE, found %q", r.Country)
	}
	l.url(at+".privacy_statement", r.PrivacyStatement)
	for i, h := range r.Hosts {
		l.host(fmt.Sprintf("%s.hosts[%d]", at, i), h)
	}
	l.safeguards(at, r)
	if len(r.Uses) == 0 {
		l.f.Fault(at, "intended_uses: at least one is required: nobody is admitted without a purpose and a legal basis (GDPR, Article 5(1)(b))")
	}
	seen := map[string]bool{}
	for i := range r.Uses {
		u := &r.Uses[i]
		here := fmt.Sprintf("%s.intended_uses[%d]", at, i)
		if seen[u.ID] {
			l.f.Fault(here+".id", "%q is listed twice", u.ID)
		}
		seen[u.ID] = true
		l.use(here, u)
	}
}

func (l lint) registration(at string, r *Receiver) {
	o, err := qc.ParseOrganization(r.Registration)
	if err != nil {
		l.f.Fault(at, "expected an identifier such as NTRBE-0123456749: %v (ETSI EN 319 412-1, clause 5.1.4)", err)
		return
	}
	number, belgian := strings.CutPrefix(o.String(), "NTRBE-")
	if !belgian {
		if r.Country == "BE" {
			l.f.Fault(at, "expected NTRBE- and the KBO number of a Belgian organisation, found %q", r.Registration)
		}
		return
	}
	if !qc.ValidEnterpriseNumber(number) {
		l.f.Fault(at, "expected NTRBE- and the ten digits of a KBO number with its check digits, found %q", r.Registration)
	}
}

func (l lint) safeguards(at string, r *Receiver) {
	inside := slices.Contains(economicArea, r.Country)
	switch {
	case inside && r.Safeguards != nil:
		l.f.Fault(at+".safeguards", "a receiver inside the European Economic Area needs none; leave it out")
	case !inside && r.Safeguards == nil:
		l.f.Fault(at, "safeguards: required, because %q lies outside the European Economic Area (GDPR, Article 44)", r.Country)
	case !inside:
		switch r.Safeguards.Kind {
		case AdequacyDecision, StandardContractualClauses, BindingCorporateRules:
		default:
			l.f.Fault(at+".safeguards.kind", "expected %s, %s or %s, found %q", AdequacyDecision, StandardContractualClauses, BindingCorporateRules, r.Safeguards.Kind)
		}
		l.url(at+".safeguards.reference", r.Safeguards.Reference)
		l.text(at+".safeguards.measures", r.Safeguards.Measures)
	}
}

func (l lint) use(at string, u *IntendedUse) {
	l.id(at+".id", u.ID)
	l.text(at+".purpose", u.Purpose)
	l.line(at+".legal_basis", u.LegalBasis)
	if len(u.Asked) == 0 {
		l.f.Fault(at, "credentials: at least one is required")
	}
	types := map[string]bool{}
	for i := range u.Asked {
		c := &u.Asked[i]
		here := fmt.Sprintf("%s.credentials[%d]", at, i)
		l.types(here, c, types)
		l.claims(here, c)
	}
}

// types are those of the format and of no other, each in one place.
func (l lint) types(at string, c *Credential, seen map[string]bool) {
	member, others := "", 0
	switch f := credential.Format(c.Format); {
	case f == credential.FormatSDJWTVC:
		member, others = "vct_values", len(c.DoctypeValue)+len(c.TypeValues)
	case f == credential.FormatMdoc:
		member, others = "doctype_value", len(c.VCTValues)+len(c.TypeValues)
	case f.W3C():
		member, others = "type_values", len(c.VCTValues)+len(c.DoctypeValue)
	default:
		l.f.Fault(at+".format", "expected one of %v, found %q", format.IDs(), c.Format)
		return
	}
	if format.By(c.Format) == nil {
		l.f.Fault(at+".format", "expected one of %v, found %q", format.IDs(), c.Format)
	}
	if others > 0 {
		l.f.Fault(at, "%s is the member of %s; leave out those of other formats", member, c.Format)
	}
	meta := c.meta()
	kinds := oid4vp.CredentialQuery{Format: c.Format, Meta: &meta}.Types()
	if len(kinds) == 0 {
		l.f.Fault(at, "%s: at least one type is required", member)
	}
	for j, kind := range kinds {
		if kind == "" || seen[c.Format+" "+kind] {
			l.f.Fault(fmt.Sprintf("%s.%s[%d]", at, member, j), "is empty or stands there twice: all claims of a type are listed in one place")
		}
		seen[c.Format+" "+kind] = true
	}
}

func (l lint) claims(at string, c *Credential) {
	for i, written := range c.Written {
		here := fmt.Sprintf("%s.claims[%d]", at, i)
		path := make(credential.Path, len(written))
		for j, part := range written {
			switch part := part.(type) {
			case uint64:
				path[j] = int(part) // Validate refuses what is negative
			case nil, string:
				path[j] = part
			default:
				l.f.Fault(here, "part %d must be a name, an index or null (OpenID4VP 1.0, Section 7)", j)
				return
			}
		}
		validate := path.Validate
		if credential.Format(c.Format) == credential.FormatMdoc {
			validate = path.ValidateMdoc
		}
		if err := validate(); err != nil {
			l.f.Fault(here, "%v", err)
			continue
		}
		if slices.ContainsFunc(c.Claims, path.Equal) {
			l.f.Fault(here, "stands there twice")
		}
		c.Claims = append(c.Claims, path)
	}
}

func (l lint) text(at string, t Text) {
	for _, lang := range Languages() {
		if strings.TrimSpace(t[lang]) == "" {
			l.f.Fault(at, "%s is missing: a citizen reads it in nl, fr, de or en", lang)
		}
	}
	for lang := range t {
		if !slices.Contains(Languages(), lang) {
			l.f.Fault(at+"."+lang, "expected nl, fr, de and en")
		}
	}
}

// line refuses what the use log could not keep.
func (l lint) line(at, s string) {
	if strings.TrimSpace(s) == "" || len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		l.f.Fault(at, "expected one line of 1 to %d bytes", maxText)
	}
}

func (l lint) id(at, id string) {
	ok := id != "" && len(id) <= 64
	for _, r := range id {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		l.f.Fault(at, "expected 1 to 64 lower case letters, digits and hyphens, found %q", id)
	}
}

func (l lint) url(at, s string) {
	u, err := url.Parse(s)
	if err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || l.o.InsecureLoopback && u.Scheme == "http" && loopback(u.Hostname())) {
		return
	}
	l.f.Fault(at, "expected an https address, found %q", s)
}

func (l lint) host(at, h string) {
	u, err := url.Parse("https://" + h)
	switch {
	case err != nil || u.Hostname() != h || h != strings.ToLower(h):
		l.f.Fault(at, "expected a host name in lower case, without scheme, port or path, found %q", h)
	case loopback(h) && !l.o.InsecureLoopback:
		l.f.Fault(at, "%q is this machine; only a development profile may say so", h)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
