package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/seal"
)

// WriteText writes the report for people, in English. What it takes from the
// document and its certificates cannot move the cursor.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-15s %s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	verdict := "The seal is not accepted."
	if r.Accepted {
		verdict = "The seal holds."
	}
	fmt.Fprintf(&b, "%s %s\n\n", verdict, strings.TrimSpace(string(r.Indication)+" "+string(r.SubIndication)))
	line("Document", "%s, %d bytes, SHA-256 %s", r.Document.words(), r.Document.Size, r.Document.SHA256)
	line("Worth", "%s, %s", r.Qualification, r.Level)
	if len(r.Chain) > 0 {
		c := r.Chain[0]
		line("Sealed by", "%s", or(c.Subject, "a natural person"))
		line("Certificate", "%s of %s, from %s to %s", c.Serial, or(c.Issuer, "a natural person"), day(c.NotBefore), day(c.NotAfter))
	}
	if s := r.Source; s != nil {
		line("Source", "%s, by %s (%s), as the certificate says", s.Name, s.Legislation, s.Country)
	}
	if p := r.Provider; p != nil {
		line("Provider", "%s, %s, %s", p.Name, p.Registration, p.Law)
	}
	r.times(line)
	for _, s := range r.TimeStamps {
		line("Time-stamp", "%s", s.words())
	}
	line("Held against", "%s", r.Basis.words())
	b.WriteString("\nChecks\n")
	for _, c := range r.Checks {
		text := fmt.Sprintf("  %-7s %s", c.Outcome, c.Name)
		if c.Detail != "" {
			text += ": " + c.Detail
		}
		if c.Outcome != credential.Passed && c.Spec != "" {
			text += " (" + c.Spec + ")"
		}
		b.WriteString(printable(text) + "\n")
	}
	if help := remedies[r.SubIndication]; help != "" {
		b.WriteString("\n" + help + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// remedies say what may bring another verdict.
var remedies = map[seal.SubIndication]string{
	seal.NoCertificateChainFound: "Nobody who is trusted vouches for the certificate. Who knows its authority names it as an anchor.",
	seal.TryLater:                "Nothing current is known of the revocation of a certificate. Its authority publishes a list, at the address in the certificate.",
	seal.OutOfBoundsNoPOE:        "The certificate has run out, and no time-stamp proves that the seal is older than that. The evidence that was kept beside the credential may have one.",
	seal.RevokedNoPOE:            "The certificate is revoked, and no time-stamp proves that the seal is older than that.",
	seal.HashFailure:             "What is sealed, or what goes with it, was changed after it was sealed.",
}

func (r Report) times(line func(name, format string, args ...any)) {
	if !r.ClaimedTime.IsZero() {
		line("Signing time", "%s, as its creator says", r.ClaimedTime.Format(time.RFC3339))
	}
	if !r.BestSignatureTime.IsZero() {
		why := "the time of this validation: no time-stamp proves an earlier one"
		if r.BestSignatureTime.Before(r.ValidatedAt) {
			why = "proven by a time-stamp"
		}
		line("Judged as of", "%s, %s", r.BestSignatureTime.Format(time.RFC3339), why)
	}
	if !r.StampBefore.IsZero() {
		line("Stamp again", "before %s", day(r.StampBefore))
	}
}

func (d Document) words() string {
	out := string(d.Form)
	if d.Typ != "" {
		out += " of type " + d.Typ
	}
	if d.Disclosures > 0 {
		out += fmt.Sprintf(", %d disclosures", d.Disclosures)
	}
	if d.KeyBinding {
		out += ", with a proof of the holder"
	}
	return out
}

func (s TimeStamp) words() string {
	if !s.Accepted {
		return string(s.Kind) + ", not accepted"
	}
	return fmt.Sprintf("%s, %s by %s", s.Kind, s.Time.Format(time.RFC3339), or(s.Chain[0].Subject, "a natural person"))
}

func (b Basis) words() string {
	out := fmt.Sprintf("%d anchors", len(b.Anchors)+b.AnchorsLeftOut)
	for _, l := range b.Lists {
		out += fmt.Sprintf(", list %s number %d of %s", l.Kind, l.Sequence, day(l.Issued))
	}
	return out
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
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
