// Package magdadev is a MAGDA platform for development and tests: it answers
// SOAP questions from folders of XML files, one file a citizen.
//
// It is not a copy of the platform: it knows no registrations and grants
// every caller that its TLS and WS-Security settings let in. Its data are
// fictitious.
package magdadev

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/soap"
	"github.com/zegel-id/zegel/internal/provider/magda/wssecurity"
)

// Path is that of the platform's one SOAP endpoint.
const Path = "/Magda-02.00/soap/WebService"

const maxRequest = 256 << 10

// Service is a service with its answers: <INSZ>.xml holds the response
// element for that citizen, <INSZ>.later.xml the one that is given as long as
// the data are not Ready.
type Service struct {
	Declared *magda.Service
	Answers  fs.FS
	// Ready says whether what is asked for a citizen's INSZ is there by now;
	// nil means always.
	Ready func(insz string) bool
}

// Config of the server.
type Config struct {
	Services []Service
	// Verify requests; nil accepts unsigned ones.
	Verify *wssecurity.Verification
	// Sign answers; nil sends them unsigned.
	Sign *wssecurity.Signer
	// RequireClientCertificate refuses a connection without mutual TLS.
	RequireClientCertificate bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Handler serves the platform's endpoint.
func Handler(c Config) http.Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &server{c}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, s.serve)
	return mux
}

type server struct{ c Config }

// fault is an error that the caller sees as a SOAP fault.
type fault struct{ code, text string }

func (f *fault) Error() string { return f.text }

func client(format string, args ...any) error { return &fault{"Client", fmt.Sprintf(format, args...)} }

// serve is HTTP: it reads the message, has it answered, and writes the answer.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	e, err := s.process(r)
	if err != nil {
		f := &fault{"Server", "internal error"}
		errors.As(err, &f)
		status, e = http.StatusInternalServerError, soap.New() // SOAP 1.1, Section 6.2
		soap.Fault{Code: f.code, String: f.text}.Put(e.Body)
	} else if s.c.Sign != nil {
		if err := s.c.Sign.Sign(e); err != nil {
			http.Error(w, "signing failed", http.StatusInternalServerError)
			return
		}
	}
	b, err := e.Bytes()
	if err != nil {
		http.Error(w, "writing failed", http.StatusInternalServerError)
		return
	}
	if id := r.Header.Get("x-correlation-id"); id != "" {
		w.Header().Set("x-correlation-id", id)
	}
	w.Header().Set("Content-Type", soap.ContentType)
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func (s *server) process(r *http.Request) (soap.Envelope, error) {
	if s.c.RequireClientCertificate && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0) {
		return soap.Envelope{}, client("a client certificate is required")
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "text/xml" {
		return soap.Envelope{}, client("Content-Type: expected text/xml (SOAP 1.1, Section 6)")
	}
	if r.Header["Soapaction"] == nil {
		return soap.Envelope{}, client("SOAPAction: the header is required (SOAP 1.1, Section 6.1.1)")
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil || len(b) > maxRequest {
		return soap.Envelope{}, client("the message is larger than %d bytes or broken off", maxRequest)
	}
	e, err := soap.ParseEnvelope(b)
	if err != nil {
		return soap.Envelope{}, client("%v", err)
	}
	body := e.Body
	if s.c.Verify != nil {
		v, err := s.c.Verify.Verify(e)
		if err != nil {
			return soap.Envelope{}, client("%v", err)
		}
		body = v.Body
	}
	return s.answer(body)
}

// question is what was asked.
type question struct {
	service           Service
	subject           identifier.INSZ
	referte           string
	sender, senderRef string
	capacity          string
}

func (s *server) answer(body *etree.Element) (soap.Envelope, error) {
	q, err := s.question(body)
	if err != nil {
		return soap.Envelope{}, err
	}
	stored, err := q.service.stored(q.subject.Reveal())
	if errors.Is(err, fs.ErrNotExist) {
		return s.reply(q, nil), nil
	}
	if err != nil {
		return soap.Envelope{}, err
	}
	doc, err := soap.Parse(stored)
	if err != nil {
		return soap.Envelope{}, err
	}
	if at(doc.Root(), "Repliek") == nil {
		return soap.Envelope{}, errors.New("the stored answer has no Repliek")
	}
	return s.reply(q, doc.Root()), nil
}

func (s Service) stored(insz string) ([]byte, error) {
	if s.Ready != nil && !s.Ready(insz) {
		if b, err := fs.ReadFile(s.Answers, insz+".later.xml"); !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return fs.ReadFile(s.Answers, insz+".xml")
}

func (s *server) question(body *etree.Element) (question, error) {
	root, err := soap.Only(body)
	if err != nil {
		return question{}, client("%v", err)
	}
	var q question
	for _, sv := range s.c.Services {
		if soap.Is(root, sv.Declared.Namespace, sv.Declared.Name) {
			q.service = sv
		}
	}
	if q.service.Declared == nil {
		return q, client("no service has this request element")
	}
	d := q.service.Declared
	context := at(root, "Verzoek", "Context")
	if text(at(context, "Naam")) != d.Name || text(at(context, "Versie")) != d.Version {
		return q, client("Context: expected Naam %s and Versie %s", d.Name, d.Version)
	}
	if text(at(context, "Bericht", "Type")) != "VRAAG" {
		return q, client("Context/Bericht/Type: expected VRAAG")
	}
	sender := at(context, "Bericht", "Afzender")
	q.sender, q.senderRef, q.capacity = text(at(sender, "Identificatie")), text(at(sender, "Referte")), text(at(sender, "Hoedanigheid"))
	vraag := at(root, "Verzoek", "Vragen", "Vraag")
	q.referte = text(at(vraag, "Referte"))
	if q.sender == "" || q.senderRef == "" || q.referte == "" {
		return q, client("Afzender/Identificatie, Afzender/Referte and Vraag/Referte are required")
	}
	where := append([]string{"Inhoud"}, d.SubjectPath()...)
	if q.subject, err = identifier.ParseINSZ(text(at(vraag, where...))); err != nil {
		return q, client("Vraag/%s: %v", strings.Join(where, "/"), err)
	}
	return q, nil
}

// reply puts a fresh Context and the question's reference on a stored
// response; without one it says that there is no data.
func (s *server) reply(q question, stored *etree.Element) soap.Envelope {
	e := soap.New()
	d := q.service.Declared
	root := stored
	if root == nil {
		root = etree.NewElement("antwoord:" + d.Name + "Response")
		root.CreateAttr("xmlns:antwoord", d.Namespace)
		one := root.CreateElement("Repliek").CreateElement("Antwoorden").CreateElement("Antwoord")
		put(one, "Referte", q.referte)
		s.noData(one, d)
	}
	e.Body.AddChild(root)
	repliek := at(root, "Repliek")
	if old := at(repliek, "Context"); old != nil {
		repliek.RemoveChild(old)
	}
	repliek.InsertChildAt(0, s.context(q))
	if ref := at(repliek, "Antwoorden", "Antwoord", "Referte"); ref != nil {
		ref.SetText(q.referte)
	}
	return e
}

func (s *server) noData(one *etree.Element, d *magda.Service) {
	x := one.CreateElement("Uitzonderingen").CreateElement("Uitzondering")
	put(x, "Identificatie", d.NoDataCode())
	put(x, "Oorsprong", "LED")
	put(x, "Type", "FOUT")
	s.moment(x)
	put(x, "Diagnose", "Geen gegevens gevonden.")
	put(x, "Omstandigheid", "INSZnummer")
}

func (s *server) context(q question) *etree.Element {
	c := etree.NewElement("Context")
	put(c, "Naam", q.service.Declared.Name)
	put(c, "Versie", q.service.Declared.Version)
	b := c.CreateElement("Bericht")
	put(b, "Type", "ANTWOORD")
	s.moment(b)
	a := b.CreateElement("Afzender")
	put(a, "Identificatie", "magda.example")
	put(a, "Naam", "Development")
	put(a, "Referte", uuid.NewString())
	o := b.CreateElement("Ontvanger")
	put(o, "Identificatie", q.sender)
	put(o, "Referte", q.senderRef)
	if q.capacity != "" {
		put(o, "Hoedanigheid", q.capacity)
	}
	return c
}

func (s *server) moment(parent *etree.Element) {
	t, now := parent.CreateElement("Tijdstip"), s.c.Now()
	put(t, "Datum", now.Format(time.DateOnly))
	put(t, "Tijd", now.Format("15:04:05.000"))
}

func put(parent *etree.Element, name, text string) { parent.CreateElement(name).SetText(text) }

// at follows unqualified names, each there once, or gives nil.
func at(e *etree.Element, path ...string) *etree.Element {
	for _, name := range path {
		e = soap.Child(e, "", name)
	}
	return e
}

func text(e *etree.Element) string { return strings.Join(strings.Fields(soap.Text(e)), " ") }
