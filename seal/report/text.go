package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/seal"
)

// WriteText writes the report for people, in English. What it takes from the
// document and its certificates cannot move the cursor.
func (r Report) WriteText(w io.Writer) error { return r.WriteTextIn(w, "en") }

// WriteTextIn is WriteText with what the seal says in one of statement.Languages.
// The rest is in English all the same.
func (r Report) WriteTextIn(w io.Writer, lang string) error {
	var p page
	verdict := "The seal is not accepted."
	if r.Accepted {
		verdict = "The seal holds."
	}
	p.line("%s %s", verdict, strings.TrimSpace(string(r.Indication)+" "+string(r.SubIndication)))
	p.blank()
	advice := advices[r.SubIndication]
	p.entry("Meaning", "%s", strings.TrimSpace(r.meaning()+" "+advice.means))
	if advice.do != "" {
		p.entry("What to do", "%s", advice.do)
	}
	p.entry("Worth", "%s: %s", r.Qualification, or(qualifications[r.Qualification], "unknown here"))
	if r.Statement != nil {
		p.entry("In words", "%s", unmarked.Replace(r.Statement.Texts[lang]))
	}
	p.entry("Level", "%s: %s", r.Level, or(levels[r.Level], "unknown here"))

	p.heading("Document")
	p.entry("Form", "%s", r.Document.words())
	p.entry("Size", "%d bytes", r.Document.Size)
	p.entry("SHA-256", "%s", r.Document.SHA256)

	r.creator(&p)
	r.times(&p)
	r.lists(&p)
	r.basis(&p)
	r.checks(&p)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// unmarked takes out the marks by which a page keeps names of other scripts apart; a
// terminal has none.
var unmarked = strings.NewReplacer("\u2068", "", "\u2069", "")

// creator says who sealed, and no more of it than is shown.
func (r Report) creator(p *page) {
	if len(r.Chain) == 0 {
		return
	}
	p.heading("Creator")
	c := r.Chain[0]
	name := or(c.Subject, "a natural person, whose name is left out")
	switch {
	case r.BestSignatureTime.IsZero():
		p.entry("Certificate of", "%s. It is in the document; that its holder made the seal is not shown.", name)
	case r.Revocation == nil:
		p.entry("Sealed by", "%s, as the certificate says; no chain to it from who is trusted holds.", name)
	default:
		p.entry("Sealed by", "%s", name)
	}
	p.entry("Certificate", "%s, valid from %s to %s", c.Serial, day(c.NotBefore), day(c.NotAfter))
	p.entry("Issued by", "%s", or(c.Issuer, "a natural person, whose name is left out"))
	p.entry("SHA-256", "%s", c.SHA256)
	if s := r.Source; s != nil {
		caution := ""
		if !r.Accepted {
			caution = "; it counts only where the seal is accepted"
		}
		p.entry("Source", "%s, by %s (%s), as the certificate says%s", s.Name, s.Legislation, s.Country, caution)
	}
	if l := r.Provider; l != nil {
		p.entry("Provider", "%s, %s, by %s; in list %d, notified since %s", l.Name, l.Registration, l.Law, l.ListSequence, day(l.Since))
	}
}

func (r Report) times(p *page) {
	p.heading("Times")
	if !r.ClaimedTime.IsZero() {
		who := "creator"
		if r.BestSignatureTime.IsZero() { // it is not shown that anybody said so
			who = "document"
		}
		p.entry("Sealed", "%s, as the %s says", moment(r.ClaimedTime), who)
	}
	if !r.BestSignatureTime.IsZero() {
		why := "the time of this validation: no time-stamp proves that the seal is older"
		if r.BestSignatureTime.Before(r.ValidatedAt) {
			why = "as a time-stamp proves that the seal existed then"
		}
		p.entry("Judged as of", "%s, %s", moment(r.BestSignatureTime), why)
	}
	for _, s := range r.ContentTimeStamps {
		words := s.words()
		if s.Accepted {
			words += "; the document existed then, and the seal is younger"
		}
		p.entry("Content stamp", "%s", words)
	}
	for _, s := range r.TimeStamps {
		p.entry("Time-stamp", "%s", s.words())
	}
	if !r.StampBefore.IsZero() && r.Indication != seal.TotalFailed {
		p.entry("Stamp again", "before %s, when %s", day(r.StampBefore), r.ends())
	}
	p.entry("Validated", "%s, by the process for %s of ETSI EN 319 102-1", moment(r.ValidatedAt), processes[r.Process])
}

// ends says what ends when the evidence must have been stamped again: a certificate of
// the last time-stamp that holds, or an algorithm before it.
func (r Report) ends() string {
	for _, s := range slices.Backward(r.TimeStamps) {
		if !s.Accepted {
			continue
		}
		if !slices.ContainsFunc(s.Chain, func(c Certificate) bool { return !c.NotAfter.After(r.StampBefore) }) {
			return "an algorithm of the last time-stamp is no longer believed"
		}
		break
	}
	return "the certificate of the last time-stamp runs out"
}

func (r Report) lists(p *page) {
	l := r.TrustedLists
	if l == nil {
		return
	}
	p.heading("Trusted lists of the Union")
	answer := "Qualified certificate for electronic seals: " + l.Qualified + "; its key in a qualified device: " + l.Device
	if l.Reason != "" {
		answer += "; reason: " + l.Reason
	}
	p.entry("Answer", "%s", answer)
	for _, s := range l.Services {
		p.entry("Service", "%s", s.words())
	}
}

func (s Service) words() string {
	status := "not listed yet at that time"
	if s.Status != "" {
		status = fmt.Sprintf("%s since %s", s.Status, day(s.Since))
	}
	if s.StatusNow != "" {
		status += fmt.Sprintf(" (today: %s since %s)", s.StatusNow, day(s.SinceNow))
	}
	out := fmt.Sprintf("%s of %s, %s: %s, %s", s.Name, s.Operator, s.Territory, s.Type, status)
	if len(s.Qualifiers) > 0 {
		out += ", " + strings.Join(s.Qualifiers, ", ")
	}
	return out + fmt.Sprintf("; list %d of %s", s.ListSequence, day(s.ListIssued))
}

// shown is how many anchors the text has; the JSON has more.
const shown = 5

func (r Report) basis(p *page) {
	b := r.Basis
	p.heading("Held against")
	total := len(b.Anchors) + b.AnchorsLeftOut
	if total == 0 {
		p.entry("Trusted", "nobody by configuration")
	}
	for i, a := range b.Anchors {
		if i == shown {
			p.entry("Trusted", "and %d more", total-shown)
			break
		}
		p.entry("Trusted", "for each %s: %s", a.Use, or(a.Subject, "a natural person, whose name is left out"))
	}
	for _, l := range b.Lists {
		p.entry("List", "%s", l.words())
	}
	if !b.ProviderListAsked {
		p.entry("Not asked", "whether the creator is on the list of providers of attestations")
	}
	if !b.TrustedListsFollowed {
		p.entry("Not asked", "the trusted lists of the Union, so that no seal can be shown to be a qualified one")
	}
	if b.UnknownRevocationAccepted {
		p.entry("Lenient", "a certificate of whose revocation nothing is known passes")
	}
	p.entry("Algorithms", "%s", strings.Join(b.Algorithms, ", "))
}

func (l List) words() string {
	out := l.Kind
	if l.Territory != "" {
		out += " of " + l.Territory
	}
	out += fmt.Sprintf(", number %d of %s", l.Sequence, day(l.Issued))
	if !l.NextUpdate.IsZero() {
		out += ", next update " + day(l.NextUpdate)
	}
	return out
}

func (r Report) checks(p *page) {
	p.heading("Checks")
	for _, c := range r.Checks {
		p.line("  %-7s  %s", c.Outcome, strings.TrimSpace(title(c.Name)+" ("+c.Name+")"))
		if c.Detail != "" {
			p.indented("%s", c.Detail)
		}
		if c.Outcome != credential.Passed && c.Spec != "" {
			p.indented("By %s", c.Spec)
		}
	}
}

func (d Document) words() string {
	out := string(d.Form)
	if d.Typ != "" {
		out += " of type " + d.Typ
	}
	if d.Disclosures > 0 {
		out += fmt.Sprintf(", disclosures: %d", d.Disclosures)
	}
	if d.KeyBinding {
		out += ", with a proof of the holder, which is not judged"
	}
	return out
}

func (s TimeStamp) words() string {
	if !s.Accepted {
		return string(s.Kind) + ", not accepted: it proves nothing"
	}
	return fmt.Sprintf("%s, %s by %s", s.Kind, moment(s.Time), or(s.Chain[0].Subject, "a natural person, whose name is left out"))
}

func day(t time.Time) string    { return t.Format(time.DateOnly) }
func moment(t time.Time) string { return t.Format(time.DateTime) + " UTC" }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// page is text in lines of at most 80 characters, as far as words allow.
type page struct{ b strings.Builder }

const (
	width  = 80
	column = 17 // where the words of an entry begin
	detail = 11 // where those of a check do
)

func (p *page) blank() { p.b.WriteByte('\n') }

func (p *page) heading(s string) {
	p.blank()
	p.line("%s", s)
}

func (p *page) line(format string, args ...any) {
	p.b.WriteString(printable(fmt.Sprintf(format, args...)) + "\n")
}

// entry has a name on the left.
func (p *page) entry(name, format string, args ...any) {
	p.fill(fmt.Sprintf("  %-*s", column-2, name), column, fmt.Sprintf(format, args...))
}

func (p *page) indented(format string, args ...any) {
	p.fill(strings.Repeat(" ", detail), detail, fmt.Sprintf(format, args...))
}

// fill writes words behind a beginning, and those that do not fit on lines of
// their own.
func (p *page) fill(begin string, indent int, text string) {
	line, empty := begin, true
	for _, word := range strings.Fields(printable(text)) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			p.b.WriteString(line + "\n")
			line, empty = strings.Repeat(" ", indent), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	p.b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// printable keeps control characters, and marks that turn the direction of
// writing, out of what is shown.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '?'
		default:
			return r
		}
	}, s)
}
