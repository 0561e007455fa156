// Package magda asks the Flemish government's MAGDA platform for a citizen's
// records: SOAP 1.1 over mutual TLS, signed with WS-Security. A service of
// the platform is a declared file; LED/GeefBewijs 02.00.0000 is the first.
//
// It reads. Services that register, change or annul are not for it: it
// repeats a question that was not answered.
package magda

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/declared"
)

//go:embed led-geefbewijs.yaml
var ledGeefBewijs []byte

// LEDGeefBewijs is the declaration of LED/GeefBewijs 02.00.0000.
func LEDGeefBewijs() *Service {
	s, err := ParseService("led-geefbewijs.yaml", ledGeefBewijs)
	if err != nil {
		panic(err) // embedded and tested
	}
	return s
}

// Service is a MAGDA service as declared. It is immutable.
type Service struct {
	// Name, Version and Namespace are those of the request element.
	Name, Version, Namespace string
	// SOAPAction is the value of that HTTP header, in quotes on the wire.
	SOAPAction string

	question []questionElement
	records  provider.Path

	noData, besideNoData, temporary []string
}

type questionElement struct {
	path    []string
	subject bool
	value   string
}

type serviceDoc struct {
	Name       string `yaml:"name"`
	Version    string `yaml:"version"`
	Namespace  string `yaml:"namespace"`
	SOAPAction string `yaml:"soap_action"`
	Question   []struct {
		Element string `yaml:"element"`
		Subject bool   `yaml:"subject"`
		Value   string `yaml:"value"`
	} `yaml:"question"`
	Records    string `yaml:"records"`
	Exceptions struct {
		NoData       []string `yaml:"no_data"`
		BesideNoData []string `yaml:"beside_no_data"`
		Temporary    []string `yaml:"temporary"`
	} `yaml:"exceptions"`
}

var (
	xmlName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	versions = regexp.MustCompile(`^[0-9]{2}\.[0-9]{2}\.[0-9]{4}$`)
)

// ParseService reads and lints the declaration of a service. All faults are
// given together, each with line and field.
func ParseService(name string, b []byte) (*Service, error) {
	var doc serviceDoc
	f, err := declared.Read(name, b, &doc)
	if err != nil {
		return nil, err
	}
	s := &Service{Name: doc.Name, Version: doc.Version, Namespace: doc.Namespace, SOAPAction: doc.SOAPAction,
		noData: doc.Exceptions.NoData, besideNoData: doc.Exceptions.BesideNoData, temporary: doc.Exceptions.Temporary}
	if !xmlName.MatchString(s.Name) {
		f.Fault("name", "expected the name of the request element, found %q", s.Name)
	}
	if !versions.MatchString(s.Version) {
		f.Fault("version", "expected a version such as 02.00.0000, found %q", s.Version)
	}
	if s.Namespace == "" || strings.TrimSpace(s.Namespace) != s.Namespace {
		f.Fault("namespace", "is required")
	}
	if strings.ContainsAny(s.SOAPAction, "\"\r\n") {
		f.Fault("soap_action", "quotes and line breaks are not allowed")
	}
	subjects := 0
	for i, q := range doc.Question {
		at := fmt.Sprintf("question[%d]", i)
		el := questionElement{path: strings.Split(q.Element, "/"), subject: q.Subject, value: q.Value}
		for _, step := range el.path {
			if !xmlName.MatchString(step) {
				f.Fault(at+".element", "expected element names joined by slashes, found %q", q.Element)
				break
			}
		}
		if q.Subject {
			subjects++
		}
		if q.Subject == (q.Value != "") {
			f.Fault(at, "give either subject: true or a value")
		}
		s.question = append(s.question, el)
	}
	if subjects != 1 {
		f.Fault("question", "exactly one element has subject: true, found %d", subjects)
	}
	if s.records, err = provider.ParsePath(doc.Records); err != nil {
		f.Fault("records", "%v", err)
	}
	if len(s.noData) == 0 {
		f.Fault("exceptions.no_data", "the code by which the source says that it holds nothing is required")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// SubjectPath is where the citizen's identifier stands in Vraag/Inhoud.
func (s *Service) SubjectPath() []string {
	for _, q := range s.question {
		if q.subject {
			return q.path
		}
	}
	return nil
}

// NoDataCode is the exception by which the source says that it holds nothing.
func (s *Service) NoDataCode() string { return s.noData[0] }
