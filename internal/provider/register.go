package provider

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/internal/provider/identifier"
)

// Category is the one data category of a data type. The list is closed.
type Category string

const (
	ContactAndIdentity     Category = "contact_and_identity"
	Family                 Category = "family"
	JobAndEducation        Category = "job_and_education"
	Financial              Category = "financial"
	NationalRegisterNumber Category = "national_register_number"
	KSZNumber              Category = "ksz_number"
	KBONumber              Category = "kbo_number"
	Cadastral              Category = "cadastral"
	Mobility               Category = "mobility"
	Leisure                Category = "leisure"
	Health                 Category = "health"
)

// Categories is the closed list.
func Categories() []Category {
	return []Category{ContactAndIdentity, Family, JobAndEducation, Financial, NationalRegisterNumber,
		KSZNumber, KBONumber, Cadastral, Mobility, Leisure, Health}
}

// Special reports whether the category is one of GDPR art. 9.
func (c Category) Special() bool { return c == Health }

// Nature says which rules bind a supplier.
type Nature string

const (
	// Government suppliers need a published protocol.
	Government Nature = "government"
	Private    Nature = "private"
)

// Text is a text in several languages, by BCP 47 tag.
type Text map[string]string

// Organisation names a legal person or government body.
type Organisation struct {
	Name Text           `yaml:"name" json:"name"`
	KBO  identifier.KBO `yaml:"kbo" json:"kbo,omitempty"`
	OVO  identifier.OVO `yaml:"ovo" json:"ovo,omitempty"`
}

// Contact is where a citizen asks for a correction: the operator cannot
// correct what a supplier supplied.
type Contact struct {
	Name  Text   `yaml:"name" json:"name"`
	URL   string `yaml:"url" json:"url,omitempty"`
	Email string `yaml:"email" json:"email,omitempty"`
	Phone string `yaml:"phone" json:"phone,omitempty"`
}

// Protocol is the published agreement under which data are supplied (decree
// on electronic government data exchange, art. 8 §1).
type Protocol struct {
	Title     Text     `yaml:"title" json:"title"`
	URL       string   `yaml:"url" json:"url"`
	Published string   `yaml:"published" json:"published"`
	DataTypes []string `yaml:"data_types" json:"data_types"`
}

// DataType is one kind of data that a supplier supplies.
type DataType struct {
	ID       string   `yaml:"id" json:"id"`
	Title    Text     `yaml:"title" json:"title"`
	Category Category `yaml:"category" json:"category"`
}

// Supplier is one entry of the register. The supplier is controller of what
// it supplies unless Controller names another.
type Supplier struct {
	ID         string        `yaml:"id" json:"id"`
	Nature     Nature        `yaml:"nature" json:"nature"`
	Supplier   Organisation  `yaml:"organisation" json:"organisation"`
	Controller *Organisation `yaml:"controller" json:"controller,omitempty"`
	// LegalBasis is the article under which the supplier may supply.
	LegalBasis  Text       `yaml:"legal_basis" json:"legal_basis"`
	Protocol    *Protocol  `yaml:"protocol" json:"protocol,omitempty"`
	Corrections Contact    `yaml:"corrections" json:"corrections"`
	DataTypes   []DataType `yaml:"data_types" json:"data_types"`
}

// ControllerOf is the organisation that answers for the data.
func (s Supplier) ControllerOf() Organisation {
	if s.Controller != nil {
		return *s.Controller
	}
	return s.Supplier
}

// DataType finds a data type of the supplier.
func (s Supplier) DataType(id string) (DataType, bool) {
	for _, d := range s.DataTypes {
		if d.ID == id {
			return d, true
		}
	}
	return DataType{}, false
}

// Register is the published list of supplying organisations with their
// connectors. It is read once, connectors are attached at start, and from
// then on it is safe for concurrent use.
type Register struct {
	// AllowTestNumbers admits fictitious citizens: development and test
	// environments only.
	AllowTestNumbers bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	suppliers  []Supplier
	connectors map[connectorKey]Connector
}

type connectorKey struct{ supplier, dataType string }

// ParseRegister reads a declared register. A government supplier without a
// published protocol that covers each of its data types does not load.
func ParseRegister(name string, b []byte) (*Register, error) {
	var doc struct {
		Suppliers []Supplier `yaml:"suppliers"`
	}
	f, err := declared.Read(name, b, &doc)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	noProtocol := false
	for i := range doc.Suppliers {
		s := &doc.Suppliers[i]
		at := fmt.Sprintf("suppliers[%d]", i)
		if seen[s.ID] {
			f.Fault(at+".id", "%q is already in the register", s.ID)
		}
		seen[s.ID] = true
		lintSupplier(f, at, s)
		noProtocol = noProtocol || (s.Nature == Government && s.Protocol == nil)
	}
	if err := f.Err(); err != nil {
		if noProtocol {
			return nil, fmt.Errorf("%w: %w", ErrNoProtocol, err)
		}
		return nil, err
	}
	return &Register{suppliers: doc.Suppliers, connectors: map[connectorKey]Connector{}}, nil
}

func lintSupplier(f *declared.File, at string, s *Supplier) {
	lintID(f, at+".id", s.ID)
	if s.Nature != Government && s.Nature != Private {
		f.Fault(at+".nature", "expected %q or %q, found %q", Government, Private, s.Nature)
	}
	lintOrganisation(f, at+".organisation", &s.Supplier)
	if s.Controller != nil {
		lintOrganisation(f, at+".controller", s.Controller)
	}
	lintText(f, at+".legal_basis", s.LegalBasis)
	lintContact(f, at+".corrections", s.Corrections)
	if len(s.DataTypes) == 0 {
		f.Fault(at+".data_types", "at least one data type is required")
	}
	ids := map[string]bool{}
	for i, d := range s.DataTypes {
		here := fmt.Sprintf("%s.data_types[%d]", at, i)
		lintID(f, here+".id", d.ID)
		if ids[d.ID] {
			f.Fault(here+".id", "%q is listed twice", d.ID)
		}
		ids[d.ID] = true
		lintText(f, here+".title", d.Title)
		if !slices.Contains(Categories(), d.Category) {
			f.Fault(here+".category", "%q is not one of %v", d.Category, Categories())
		}
	}
	lintProtocol(f, at+".protocol", s, ids)
}

func lintProtocol(f *declared.File, at string, s *Supplier, ids map[string]bool) {
	p := s.Protocol
	if p == nil {
		if s.Nature == Government {
			f.Fault(at, "a government supplier needs its published protocol (e-government decree, art. 8 §1)")
		}
		return
	}
	lintText(f, at+".title", p.Title)
	lintURL(f, at+".url", p.URL)
	if _, err := time.Parse(time.DateOnly, p.Published); err != nil {
		f.Fault(at+".published", "expected a date YYYY-MM-DD, found %q", p.Published)
	}
	for i, d := range p.DataTypes {
		if !ids[d] {
			f.Fault(fmt.Sprintf("%s.data_types[%d]", at, i), "%q is not a data type of this supplier", d)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if !slices.Contains(p.DataTypes, id) {
			f.Fault(at+".data_types", "the protocol does not cover %q", id)
		}
	}
}

func lintOrganisation(f *declared.File, at string, o *Organisation) {
	lintText(f, at+".name", o.Name)
	if o.KBO == "" && o.OVO == "" {
		f.Fault(at, "a KBO number or an OVO code is required")
	}
	if o.KBO != "" {
		k, err := identifier.ParseKBO(string(o.KBO))
		if err != nil {
			f.Fault(at+".kbo", "%v", err)
		}
		o.KBO = k
	}
	if o.OVO != "" {
		if _, err := identifier.ParseOVO(string(o.OVO)); err != nil {
			f.Fault(at+".ovo", "%v", err)
		}
	}
}

func lintContact(f *declared.File, at string, c Contact) {
	lintText(f, at+".name", c.Name)
	if c.URL == "" && c.Email == "" && c.Phone == "" {
		f.Fault(at, "a url, email or phone for corrections is required")
	}
	if c.URL != "" {
		lintURL(f, at+".url", c.URL)
	}
	if c.Email != "" && !strings.Contains(c.Email, "@") {
		f.Fault(at+".email", "expected an e-mail address")
	}
}

func lintURL(f *declared.File, at, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		f.Fault(at, "expected an https address, found %q", s)
	}
}

func lintText(f *declared.File, at string, t Text) {
	if len(t) == 0 {
		f.Fault(at, "a text in at least one language is required")
	}
	for lang, s := range t {
		if lang == "" || strings.TrimSpace(s) == "" {
			f.Fault(at, "language %q has no text", lang)
		}
	}
}

func lintID(f *declared.File, at, id string) {
	ok := id != "" && len(id) <= 64
	for _, r := range id {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		f.Fault(at, "expected lower case letters, digits and hyphens, found %q", id)
	}
}
