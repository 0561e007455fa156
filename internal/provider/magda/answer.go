package magda

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/magda/soap"
	"github.com/zegel-id/zegel/internal/provider/outbound"
)

// ExceptionError is an Uitzondering of the platform or the source. Its texts
// are free of citizen identifiers.
type ExceptionError struct {
	// Identification is the code, Origin who raised it.
	Identification, Origin, Type, Diagnosis string
}

func (e *ExceptionError) Error() string {
	return fmt.Sprintf("MAGDA exception %s of %s (%s): %s", e.Identification, e.Origin, e.Type, e.Diagnosis)
}

// FaultError is a SOAP fault. Its text is free of citizen identifiers.
type FaultError struct{ Code, Text string }

func (e *FaultError) Error() string { return fmt.Sprintf("SOAP fault %s: %s", e.Code, e.Text) }

// answer is what a reply says before the mapping sorts its records.
type answer struct {
	records []*provider.Node
	noData  bool
	notices []string
}

func unusable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", provider.ErrAnswer, fmt.Errorf(format, args...))
}

// answer reads the Body of a reply to the question with these references.
func (s *Service) answer(body *etree.Element, refs references) (answer, error) {
	root, err := soap.Only(body)
	if err != nil {
		return answer{}, unusable("%w", err)
	}
	if f, ok := soap.FaultOf(root); ok {
		return answer{}, faultError(f)
	}
	if !soap.Is(root, s.Namespace, s.Name+"Response") {
		return answer{}, unusable("expected %sResponse of %s in Body", s.Name, s.Namespace)
	}
	repliek := soap.Child(root, "", "Repliek")
	if repliek == nil {
		return answer{}, unusable("expected one Repliek")
	}
	if err := s.context(soap.Child(repliek, "", "Context"), refs); err != nil {
		return answer{}, err
	}
	exceptions := exceptionsOf(repliek)
	var content *etree.Element
	if answers := soap.Child(repliek, "", "Antwoorden"); answers != nil {
		one := soap.Child(answers, "", "Antwoord")
		if one == nil || len(answers.ChildElements()) != 1 {
			return answer{}, unusable("expected one Antwoord for one Vraag")
		}
		if got := text(soap.Child(one, "", "Referte")); got != refs.question {
			return answer{}, unusable("Antwoord/Referte is not that of the question")
		}
		content = soap.Child(one, "", "Inhoud")
		exceptions = append(exceptions, exceptionsOf(one)...)
	}
	out, err := s.judge(exceptions, content != nil)
	if err != nil || content == nil {
		return out, err
	}
	out.records = s.records.Select(node(content))
	if len(out.records) == 0 {
		return answer{}, unusable("Inhoud has no %s and no exception says that there is no data", s.records)
	}
	return out, nil
}

// context checks that the reply is this service's answer to this message.
func (s *Service) context(c *etree.Element, refs references) error {
	bericht := soap.Child(c, "", "Bericht")
	if c == nil || bericht == nil {
		return unusable("expected one Context with one Bericht")
	}
	if text(soap.Child(c, "", "Naam")) != s.Name || text(soap.Child(c, "", "Versie")) != s.Version {
		return unusable("Context is of another service than %s %s", s.Name, s.Version)
	}
	if text(soap.Child(bericht, "", "Type")) != "ANTWOORD" {
		return unusable("Bericht/Type: expected ANTWOORD")
	}
	if r := soap.Child(soap.Child(bericht, "", "Ontvanger"), "", "Referte"); r != nil && text(r) != refs.message {
		return unusable("Ontvanger/Referte is not that of the message sent")
	}
	return nil
}

// judge decides what the exceptions mean: no data, a remark, or an error.
// What the declaration does not know is an error.
func (s *Service) judge(all []*ExceptionError, content bool) (answer, error) {
	var out answer
	var errs []*ExceptionError
	none := false
	for _, e := range all {
		switch {
		case e.Type == "WAARSCHUWING" || e.Type == "INFORMATIE":
			out.notices = append(out.notices, e.Error())
		case slices.Contains(s.noData, e.Identification):
			// Beside content: one of several sources has none.
			none = true
			out.notices = append(out.notices, e.Error())
		case slices.Contains(s.besideNoData, e.Identification):
			errs = append(errs, e)
		default:
			return answer{}, s.exception(e)
		}
	}
	if len(errs) > 0 && (!none || content) {
		return answer{}, s.exception(errs[0])
	}
	for _, e := range errs {
		out.notices = append(out.notices, e.Error())
	}
	if !content && !none {
		return answer{}, unusable("neither Inhoud nor an exception")
	}
	out.noData = none && !content
	return out, nil
}

func (s *Service) exception(e *ExceptionError) error {
	if slices.Contains(s.temporary, e.Identification) {
		return outbound.Temporary(e)
	}
	return fmt.Errorf("%w: %w", provider.ErrAnswer, e)
}

func faultError(f soap.Fault) error {
	e := &FaultError{scrub(f.Code, 64), scrub(f.String, 300)}
	if f.Code == "Server" { // SOAP 1.1, Section 4.4.1: it may succeed later
		return fmt.Errorf("%w: %w", provider.ErrUnavailable, e)
	}
	return fmt.Errorf("%w: %w", provider.ErrAnswer, e)
}

func exceptionsOf(parent *etree.Element) []*ExceptionError {
	var out []*ExceptionError
	for _, list := range soap.Children(parent, "", "Uitzonderingen") {
		for _, e := range soap.Children(list, "", "Uitzondering") {
			out = append(out, &ExceptionError{
				Identification: scrub(text(soap.Child(e, "", "Identificatie")), 32),
				Origin:         scrub(text(soap.Child(e, "", "Oorsprong")), 64),
				Type:           scrub(text(soap.Child(e, "", "Type")), 32),
				Diagnosis:      scrub(text(soap.Child(e, "", "Diagnose")), 300),
			})
		}
	}
	return out
}

// scrub shortens text of others and takes citizen identifiers out.
func scrub(s string, most int) string {
	s = identifier.Scrub(s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

func text(e *etree.Element) string { return strings.Join(strings.Fields(soap.Text(e)), " ") }

// node makes the neutral document of an element. Namespaces are left out: the
// content of a MAGDA answer is unqualified.
func node(e *etree.Element) *provider.Node {
	n := &provider.Node{Name: e.Tag, Text: soap.Text(e)}
	for _, a := range e.Attr {
		if a.Space != "xmlns" && a.Key != "xmlns" {
			n.Attrs = append(n.Attrs, provider.Attr{Name: a.Key, Value: a.Value})
		}
	}
	for _, c := range e.ChildElements() {
		n.Children = append(n.Children, node(c))
	}
	return n
}
