package main

import (
	"bytes"
	_ "embed"
	"html/template"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/statement"
)

//go:embed pages/seals.html
var sealsPage string

var sealsTemplate = template.Must(template.New("seals").Parse(sealsPage))

type shownSeals struct {
	Lang, Judged, Fault string
	Words               sealTongue
	Style               template.CSS
	Seals               []shownSeal
}

type shownSeal struct {
	ID, Title, Mark, Text, Fault string
	Others                       []otherText
}

type otherText struct{ Lang, Text string }

// page is the judgement as a page that loads nothing and runs nothing: for people,
// readable without style or mouse. Each text says in which language it is, and no
// worth is told by colour.
func (j judgement) page(asked string) ([]byte, error) {
	lang := sealLanguage(asked)
	s := shownSeals{Lang: lang, Words: sealWords[lang], Judged: j.Texts[lang], Fault: j.ListsFault, Style: template.CSS(rest.PageStyle())}
	for _, h := range j.Credentials {
		one := shownSeal{ID: "seal-" + h.Name, Title: h.Title, Mark: sealWords[lang].mark(h), Text: h.Texts[lang], Fault: h.Fault}
		for _, other := range statement.Languages() {
			if other != lang {
				one.Others = append(one.Others, otherText{other, h.Texts[other]})
			}
		}
		s.Seals = append(s.Seals, one)
	}
	var b bytes.Buffer
	if err := sealsTemplate.Execute(&b, s); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
