// Package receivers is the register of admitted receivers: who may ask
// citizens for data, for which purpose, on which legal basis, and which
// credentials and claims at most.
//
// It is data in a declared file, read strictly and published as it is. It
// admits nobody by itself: admission is a decision of the registrar, who writes
// the file. It knows nothing of transactions.
package receivers

import (
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Status says whether a receiver may ask now.
type Status string

const (
	Admitted  Status = "admitted"
	Suspended Status = "suspended"
)

// Text is a text in several languages.
type Text map[string]string

// Languages that a purpose is written in: those of Belgium, and English.
func Languages() []string { return []string{"nl", "fr", "de", "en"} }

// Receiver is one organisation of the register.
type Receiver struct {
	// ID names the receiver here: lower case letters, digits, hyphens.
	ID     string `yaml:"id"`
	Status Status `yaml:"status"`
	// Name is the legal name.
	Name string `yaml:"legal_name"`
	// Registration is the legal person's identifier in the form of ETSI EN 319
	// 412-1: NTRBE-0123456789 with the KBO number for Belgian organisations.
	Registration string `yaml:"registration"`
	// Country of establishment, ISO 3166-1 alpha-2.
	Country string `yaml:"country"`
	// PrivacyStatement is where the citizen reads what the receiver does with
	// the data.
	PrivacyStatement string `yaml:"privacy_statement"`
	// Hosts are where a citizen may be sent back to after a presentation on the
	// same device.
	Hosts []string `yaml:"hosts"`
	// Safeguards are required of receivers outside the European Economic Area.
	Safeguards *Safeguards   `yaml:"safeguards"`
	Uses       []IntendedUse `yaml:"intended_uses"`
}

// Safeguards say why a transfer outside the European Economic Area is allowed
// (GDPR, Articles 45 to 47).
type Safeguards struct {
	Kind      SafeguardKind `yaml:"kind" json:"kind"`
	Reference string        `yaml:"reference" json:"reference"`
	Measures  Text          `yaml:"measures" json:"measures"`
}

// SafeguardKind is a closed list.
type SafeguardKind string

const (
	AdequacyDecision           SafeguardKind = "adequacy_decision"
	StandardContractualClauses SafeguardKind = "standard_contractual_clauses"
	BindingCorporateRules      SafeguardKind = "binding_corporate_rules"
)

// IntendedUse is one purpose for which a receiver may ask.
type IntendedUse struct {
	ID         string       `yaml:"id"`
	Purpose    Text         `yaml:"purpose"`
	LegalBasis string       `yaml:"legal_basis"`
	Asked      []Credential `yaml:"credentials"`
}

// Credential is what may be asked for at most.
type Credential struct {
	Format string `yaml:"format"`
	// Of the three only the one that belongs to the format is there: types of an
	// SD-JWT VC, the doctype of an mdoc, or sets of types of W3C credentials, as
	// in a query (OpenID4VP 1.0, Appendix B).
	VCTValues    []string   `yaml:"vct_values"`
	DoctypeValue string     `yaml:"doctype_value"`
	TypeValues   [][]string `yaml:"type_values"`
	// Written are the claims as they stand in the file: claims path pointers.
	Written [][]any `yaml:"claims"`
	// Claims are the same, read.
	Claims []credential.Path `yaml:"-"`
}

func (c Credential) meta() oid4vp.Meta {
	return oid4vp.Meta{VCTValues: c.VCTValues, DoctypeValue: c.DoctypeValue, TypeValues: c.TypeValues}
}

// Use finds an intended use.
func (r Receiver) Use(id string) (IntendedUse, bool) {
	i := slices.IndexFunc(r.Uses, func(u IntendedUse) bool { return u.ID == id })
	if i < 0 {
		return IntendedUse{}, false
	}
	return r.Uses[i], true
}

// UseIDs are the identifiers of its intended uses, in the order of the register.
func (r Receiver) UseIDs() []string {
	ids := make([]string, len(r.Uses))
	for i, u := range r.Uses {
		ids[i] = u.ID
	}
	return ids
}

// Register is the list as read. It does not change; a changed file is read
// into a new one.
type Register struct {
	receivers []Receiver
}

// Options of reading a register.
type Options struct {
	// InsecureLoopback lets hosts of receivers be loopback and addresses be
	// http there, for the development profile only.
	InsecureLoopback bool
}

// Parse reads a declared register and returns all its faults at once, each
// with line and field.
func Parse(name string, b []byte, o Options) (*Register, error) {
	var doc struct {
		Receivers []Receiver `yaml:"receivers"`
	}
	f, err := declared.Read(name, b, &doc)
	if err != nil {
		return nil, err
	}
	ids, registrations := map[string]bool{}, map[string]bool{}
	for i := range doc.Receivers {
		r := &doc.Receivers[i]
		at := fmt.Sprintf("receivers[%d]", i)
		if ids[r.ID] {
			f.Fault(at+".id", "%q is in the register already", r.ID)
		}
		if registrations[r.Registration] {
			f.Fault(at+".registration", "another receiver has it too; one organisation is one receiver with several intended uses")
		}
		ids[r.ID], registrations[r.Registration] = true, true
		lint{f, o}.receiver(at, r)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return &Register{receivers: doc.Receivers}, nil
}

// Find finds a receiver, admitted or not.
func (r *Register) Find(id string) (Receiver, bool) {
	i := slices.IndexFunc(r.receivers, func(x Receiver) bool { return x.ID == id })
	if i < 0 {
		return Receiver{}, false
	}
	return r.receivers[i], true
}

// All lists the receivers in the order of the file.
func (r *Register) All() []Receiver { return slices.Clone(r.receivers) }
