package magda

import (
	"time"

	"github.com/beevik/etree"

	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/magda/soap"
)

// Sender is who asks, as agreed when joining the platform.
type Sender struct {
	// Identification is the URI of the registration, such as
	// kbo0123456789.be/ipdc1234-aip.
	Identification string
	// Capacity is the hoedanigheid, empty when none was agreed.
	Capacity string
}

// references tie an answer to its question.
type references struct{ message, question string }

// request writes one question (GeefBewijs.xsd, VerzoekType; Generiek-02.00,
// ContextType). Children are unqualified.
func (s *Service) request(sender Sender, refs references, subject identifier.INSZ, now time.Time) soap.Envelope {
	e := soap.New()
	root := e.Body.CreateElement("vraag:" + s.Name)
	root.CreateAttr("xmlns:vraag", s.Namespace)
	verzoek := root.CreateElement("Verzoek")

	context := verzoek.CreateElement("Context")
	put(context, "Naam", s.Name)
	put(context, "Versie", s.Version)
	bericht := context.CreateElement("Bericht")
	put(bericht, "Type", "VRAAG")
	moment := bericht.CreateElement("Tijdstip")
	put(moment, "Datum", now.Format(time.DateOnly))
	put(moment, "Tijd", now.Format("15:04:05.000"))
	afzender := bericht.CreateElement("Afzender")
	put(afzender, "Identificatie", sender.Identification)
	put(afzender, "Referte", refs.message)
	if sender.Capacity != "" {
		put(afzender, "Hoedanigheid", sender.Capacity)
	}

	vraag := verzoek.CreateElement("Vragen").CreateElement("Vraag")
	put(vraag, "Referte", refs.question)
	inhoud := vraag.CreateElement("Inhoud")
	for _, q := range s.question {
		v := q.value
		if q.subject {
			v = subject.Reveal()
		}
		reach(inhoud, q.path).SetText(v)
	}
	return e
}

func put(parent *etree.Element, name, text string) { parent.CreateElement(name).SetText(text) }

// reach gives the element at path, made where it is not there yet.
func reach(at *etree.Element, path []string) *etree.Element {
	for _, step := range path {
		next := at.SelectElement(step)
		if next == nil {
			next = at.CreateElement(step)
		}
		at = next
	}
	return at
}
