package audit

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// ExportJSON writes entries as JSON lines.
func ExportJSON(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := bufio.NewWriter(w)
	for e, err := range entries {
		if err != nil {
			return err
		}
		b, err := jose.Marshal(e)
		if err != nil {
			return fmt.Errorf("audit: encoding an entry: %w", err)
		}
		out.Write(append(b, '\n')) // Flush tells a failure
	}
	return out.Flush()
}

// Syslog says how entries are written as RFC 5424 messages.
type Syslog struct {
	// Hostname and App are the fields of RFC 5424, Sections 6.2.4 and 6.2.5.
	// Empty ones are written as "-" and "zegel".
	Hostname, App string
	// Enterprise is the private enterprise number in the name of the structured
	// data (RFC 5424, Section 6.3.2). Default 32473, which RFC 5612 keeps for
	// documentation: set your own.
	Enterprise int
}

// The facility "log audit" and the severities of RFC 5424, Section 6.2.1.
const (
	facility = 13
	notice   = 5
	info     = 6
	warning  = 4
)

// ExportSyslog writes entries as RFC 5424 messages, one a line.
func ExportSyslog(w io.Writer, entries iter.Seq2[Entry, error], s Syslog) error {
	out := bufio.NewWriter(w)
	for e, err := range entries {
		if err != nil {
			return err
		}
		out.WriteString(s.message(e) + "\n") // Flush tells a failure
	}
	return out.Flush()
}

func (s Syslog) message(e Entry) string {
	severity := info
	switch e.Outcome {
	case Refused:
		severity = notice
	case Failed:
		severity = warning
	}
	app := "zegel"
	if s.App != "" {
		app = headerField(s.App, 48)
	}
	number := s.Enterprise
	if number <= 0 {
		number = 32473
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s %s %s - %s [zegel@%d", facility*8+severity, e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), headerField(s.Hostname, 255), app, headerField(string(e.Kind), 32), number)
	for _, p := range [][2]string{
		{"class", e.Class}, {"seq", strconv.FormatUint(e.Seq, 10)}, {"actorKind", string(e.Actor.Kind)}, {"actor", e.Actor.ID},
		{"subject", string(e.Subject)}, {"organisation", e.Organisation}, {"purpose", e.Purpose}, {"legalBasis", e.LegalBasis},
		{"dataType", e.DataType}, {"outcome", string(e.Outcome)}, {"evidence", e.Evidence}, {"requestId", e.RequestID}, {"detail", e.Detail},
	} {
		if p[1] != "" {
			b.WriteString(" " + p[0] + `="` + paramValue.Replace(p[1]) + `"`)
		}
	}
	b.WriteByte(']')
	return b.String()
}

// paramValue escapes what RFC 5424, Section 6.3.3 asks for.
var paramValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`)

// headerField keeps the printable ASCII of a header field, "-" if none.
func headerField(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}
