// Package statement says in a sentence what a seal is worth: sealed by whom,
// responsible for which source under which law, qualified at what time and by
// which list. It is for receivers and citizens, in Dutch, French, German and
// English, and as members for machines.
//
// It judges nothing: what it says is what a validation found, and it says nothing
// of a seal that does not hold. What comes out of certificates and lists is shown
// to people, so it is made harmless first (Clean).
package statement

import (
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// Statement is what one seal says. What is not known is left out. Names are as
// they are shown, which may be shorter than in the certificate.
type Statement struct {
	// SealedBy is the creator of the seal, as the certificate names it.
	SealedBy *Creator `json:"sealed_by,omitempty"`
	// Source is the authentic source that the creator answers for, and by which
	// law (QcPSB of ETSI TS 119 412-6, clause 8.3).
	Source *Source `json:"responsible_for,omitempty"`
	// Qualification is what the seal is in law; N/A where the trusted lists do not
	// tell.
	Qualification seal.Qualification `json:"qualification"`
	Level         seal.Level         `json:"level"`
	// At is the time of which all this is said, TimeBy what tells it.
	At     time.Time `json:"at"`
	TimeBy TimeBy    `json:"time_by"`
	// List is the service that made the certificate qualified, or was asked about;
	// nil where no trusted list has one.
	List *Service `json:"trusted_list,omitempty"`
	// Reason is why the seal is not qualified, in English; empty when it is.
	Reason string `json:"reason,omitempty"`
	// Texts are the sentences, by language: nl, fr, de and en.
	Texts map[string]string `json:"text"`
}

// Creator is who sealed.
type Creator struct {
	Name       string `json:"name,omitempty"`
	Identifier string `json:"identifier,omitempty"` // such as NTRBE-0123456749
	Country    string `json:"country,omitempty"`    // two letters
}

// Source is an authentic source.
type Source struct {
	Name        string `json:"source,omitempty"`
	Legislation string `json:"legislation,omitempty"`
	Country     string `json:"country,omitempty"` // of the law: two letters, or EU
	// Notified tells that the list of PuB-EAA providers has the creator; without it
	// the certificate alone says so.
	Notified bool `json:"notified"`
}

// Service is a trust service as its trusted list has it (ETSI TS 119 612).
type Service struct {
	Territory string `json:"territory"`
	Sequence  int64  `json:"sequence"`
	Provider  string `json:"provider,omitempty"`
	Name      string `json:"service,omitempty"`
	// Status is the one of today, which may be another than at the time.
	Status string    `json:"status_now"`
	Since  time.Time `json:"since"`
}

// TimeBy is what tells the time.
type TimeBy string

const (
	// ByTimeStamp: a time-stamp proves that the seal existed then.
	ByTimeStamp TimeBy = "time_stamp"
	// ByJudgement: nothing proves an earlier time than that of the judgement.
	ByJudgement TimeBy = "judgement"
)

// Of is the statement of a seal that was judged at a time; false when it does not
// hold, for then there is nothing that it says.
func Of(v seal.Validation, judged time.Time) (Statement, bool) {
	if v.Err() != nil || v.Certificate == nil {
		return Statement{}, false
	}
	s := Statement{
		SealedBy: creator(v), Source: source(v), Qualification: v.Qualification, Level: v.Level,
		At: v.BestSignatureTime.UTC().Truncate(time.Second), TimeBy: ByJudgement, List: service(v.Listed), Reason: reason(v),
	}
	stamped := func(t seal.TimeStamp) bool { return t.Accepted && !t.Time.After(v.BestSignatureTime) }
	if v.BestSignatureTime.Before(judged) && slices.ContainsFunc(v.TimeStamps, stamped) {
		s.TimeBy = ByTimeStamp
	}
	s.Texts = s.texts(v.Listed)
	return s, true
}

// creator leaves out the name of a natural person, who is nobody's business here.
func creator(v seal.Validation) *Creator {
	var c Creator
	subject := v.Certificate.Subject
	if len(subject.Organization) > 0 {
		c.Name = Clean(subject.Organization[0])
	}
	if c.Name == "" && !qc.NaturalPerson(subject) {
		c.Name = Clean(subject.CommonName)
	}
	if v.Organization != nil {
		c.Identifier, c.Country = Clean(v.Organization.String()), v.Organization.Country
	}
	if len(subject.Country) > 0 && isCountry(subject.Country[0]) {
		c.Country = subject.Country[0]
	}
	if c == (Creator{}) {
		return nil
	}
	return &c
}

func source(v seal.Validation) *Source {
	if v.Source == nil {
		return nil
	}
	s := Source{Name: Clean(v.Source.Name), Legislation: Clean(v.Source.Legislation), Notified: v.Provider != nil}
	if isCountry(v.Source.Country) {
		s.Country = v.Source.Country
	}
	if s.Name == "" && s.Legislation == "" {
		return nil
	}
	return &s
}

// service is the first one that was granted at the time; without any, the first
// one that was asked about.
func service(d *tsl.Determination) *Service {
	if d == nil || len(d.Services) == 0 {
		return nil
	}
	n := slices.IndexFunc(d.Steps, func(s tsl.Step) bool {
		return s.Name == tsl.StepStatus && s.Outcome == tsl.Positive && s.Service >= 1 && s.Service <= len(d.Services)
	})
	at := 0
	if n >= 0 {
		at = d.Steps[n].Service - 1
	}
	l := d.Services[at]
	out := &Service{Sequence: l.Sequence, Provider: Clean(l.Provider), Name: Clean(l.Name), Status: Clean(l.Status), Since: l.Since.UTC()}
	if isCountry(l.Territory) {
		out.Territory = l.Territory
	}
	return out
}

// reason is the one that the trusted lists gave, or that nobody asked them.
func reason(v seal.Validation) string {
	switch {
	case v.Qualification == seal.QESeal:
		return ""
	case v.Qualification == seal.AdESealQC && v.Listed != nil:
		return "device: the key is not known to be in a qualified device (" + v.Listed.Device.String() + ")"
	case v.Listed != nil && v.Listed.Reason() != "":
		return Clean(v.Listed.Reason())
	case v.Qualification == seal.AdESeal:
		return "no trusted list was asked"
	}
	for _, c := range v.Checks {
		if c.Name == seal.CheckQualified {
			return Clean(c.Detail)
		}
	}
	return ""
}

// isCountry reports whether a text is two capitals, as countries are written.
func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
