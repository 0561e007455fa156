package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
)

// MaxDocument is the longest document that is read, in bytes.
const MaxDocument = 256 << 10

const maxList = 256

// document is the JSON form. Durations are texts such as "8760h".
type document struct {
	ID           string              `json:"id"`
	Version      string              `json:"version"`
	Receivers    []string            `json:"receivers,omitempty"`
	Formats      []credential.Format `json:"formats"`
	Algorithms   []jose.Alg          `json:"algorithms"`
	Credentials  []typeDocument      `json:"credentials"`
	StatusMaxAge string              `json:"status_max_age,omitempty"`
	Findings     map[Finding]Effect  `json:"findings"`
}

type typeDocument struct {
	Name          string   `json:"type"`
	Issuers       []string `json:"issuers"`
	Registrations []string `json:"registrations"`
	needDocument
	MaxAge        string `json:"max_age,omitempty"`
	WithoutExpiry bool   `json:"without_expiry,omitempty"`
}

// Parse reads a document. name stands before each fault, which names the
// member and what to write there; all faults are told at once.
func Parse(name string, b []byte) (*Policy, error) {
	if len(b) > MaxDocument {
		return nil, fmt.Errorf("%s: has %d bytes; a policy has at most %d", name, len(b), MaxDocument)
	}
	var d document
	if err := jose.UnmarshalClosed(b, &d); err != nil {
		return nil, fmt.Errorf("%s: %w; members are id, version, receivers, formats, algorithms, credentials, status_max_age and findings", name, err)
	}
	return d.read(name)
}

// New makes the policy of a configuration, with the defaults of its types written
// out. The durations of types are written as Parse reads them.
func New(p Policy) (*Policy, error) {
	d := document{ID: p.ID, Version: p.Version, Receivers: p.Receivers, Formats: p.Formats, Algorithms: p.Algorithms, StatusMaxAge: text(p.StatusMaxAge), Findings: p.findings}
	for _, t := range p.Types {
		t.Qualification = cmp.Or(t.Qualification, seal.AdESeal)
		d.Credentials = append(d.Credentials, documentOf(t))
	}
	return d.read("policy " + p.ID)
}

func documentOf(t Type) typeDocument {
	return typeDocument{Name: t.Name, Issuers: t.Issuers, Registrations: t.Registrations, needDocument: needOf(t), MaxAge: text(t.MaxAge), WithoutExpiry: t.WithoutExpiry}
}

func text(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// reading collects the faults of one document.
type reading struct {
	name   string
	faults []error
}

func (r *reading) fault(field, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s: %s: %s", r.name, field, fmt.Sprintf(format, args...)))
}

func (d document) read(name string) (*Policy, error) {
	r := &reading{name: name}
	r.id("id", d.ID)
	if d.Version == "" || len(d.Version) > 64 || strings.ContainsFunc(d.Version, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.fault("version", "expected 1 to 64 visible ASCII characters, such as 2026-11-25")
	}
	for i, id := range d.Receivers {
		r.id(fmt.Sprintf("receivers[%d]", i), id)
	}
	if len(d.Formats) == 0 {
		r.fault("formats", "name at least one format, such as %s", credential.FormatSDJWTVC)
	}
	if len(d.Algorithms) == 0 {
		r.fault("algorithms", "name at least one algorithm, such as %s", jose.ES256)
	}
	p := &Policy{ID: d.ID, Version: d.Version, Receivers: d.Receivers, Formats: d.Formats, Algorithms: d.Algorithms, findings: map[Finding]Effect{}}
	p.StatusMaxAge = r.duration("status_max_age", d.StatusMaxAge)
	d.types(r, p)
	for f, e := range d.Findings {
		at := "findings." + string(f)
		switch {
		case !slices.Contains(Findings(), f):
			r.fault(at, "expected one of %v; whatever else is found always fails", Findings())
		case e != Fails && e != Reports:
			r.fault(at, "found %q, expected %s or %s", e, Fails, Reports)
		}
	}
	for _, f := range Findings() {
		p.findings[f] = cmp.Or(d.Findings[f], byDefault(f))
	}
	r.lists(d)
	if err := errors.Join(r.faults...); err != nil {
		return nil, err
	}
	return p, p.write()
}

func (d document) types(r *reading, p *Policy) {
	if len(d.Credentials) == 0 {
		r.fault("credentials", "is empty, so that nothing could ever verify; name a type and its issuers")
	}
	seen := map[string]bool{}
	for i, t := range d.Credentials {
		at := fmt.Sprintf("credentials[%d].", i)
		if t.Name == "" || seen[t.Name] {
			r.fault(at+"type", "the type is missing or has an entry already")
		}
		seen[t.Name] = true
		if len(t.Issuers) == 0 || slices.Contains(t.Issuers, "") {
			r.fault(at+"issuers", "name the iss values that are accepted: nobody is trusted for a type unless named (SD-JWT VC, Section 7.7)")
		}
		if len(t.Registrations) == 0 {
			r.fault(at+"registrations", "name the registrations of the accepted providers, such as NTRBE-0123456749")
		}
		for n, text := range t.Registrations {
			if _, err := qc.ParseOrganization(text); err != nil {
				r.fault(fmt.Sprintf("%sregistrations[%d]", at, n), "expected the form NTRBE-0123456749 (ETSI EN 319 412-1, clause 5.1.4)")
			}
		}
		read := Type{Name: t.Name, Issuers: t.Issuers, Registrations: t.Registrations, MaxAge: r.duration(at+"max_age", t.MaxAge), WithoutExpiry: t.WithoutExpiry}
		t.needDocument.read(r, at, &read)
		p.Types = append(p.Types, read)
	}
}

func (r *reading) id(field, id string) {
	ok := id != "" && len(id) <= 64
	for _, c := range id {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		r.fault(field, "expected 1 to 64 lower case letters, digits and hyphens")
	}
}

func (r *reading) duration(field, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 200*365*24*time.Hour {
		r.fault(field, "expected a duration of at least a second, such as 15m or 8760h; leave it out for no limit")
		return 0
	}
	return d
}

// lists bounds what a document may hold.
func (r *reading) lists(d document) {
	most := max(len(d.Receivers), len(d.Formats), len(d.Algorithms), len(d.Credentials))
	for _, t := range d.Credentials {
		most = max(most, len(t.Issuers), len(t.Registrations))
	}
	if most > maxList {
		r.fault("policy", "a list has %d entries, at most %d are allowed", most, maxList)
	}
}

// write fixes the document and its digest.
func (p *Policy) write() error {
	d := document{ID: p.ID, Version: p.Version, Receivers: p.Receivers, Formats: p.Formats, Algorithms: p.Algorithms, StatusMaxAge: text(p.StatusMaxAge), Findings: p.findings}
	for _, t := range p.Types {
		d.Credentials = append(d.Credentials, documentOf(t))
	}
	var err error
	p.document, err = jose.Marshal(d)
	p.digest = Digest(p.document)
	return err
}
