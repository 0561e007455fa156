package statement

import (
	"embed"
	"strings"
	"text/template"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// Languages are those that there are texts in.
func Languages() []string { return []string{"nl", "fr", "de", "en"} }

//go:embed texts
var files embed.FS

// tongue is what one language needs.
type tongue struct {
	Months    []string          `json:"months"`
	Countries map[string]string `json:"countries"`
	template  *template.Template
}

var tongues = func() map[string]tongue {
	out := map[string]tongue{}
	for _, lang := range Languages() {
		words, err := files.ReadFile("texts/" + lang + ".json")
		if err != nil {
			panic(err)
		}
		var t tongue
		if err := jose.UnmarshalClosed(words, &t); err != nil || len(t.Months) != 12 {
			panic("statement: texts/" + lang + ".json")
		}
		t.template = template.Must(template.New(lang+".txt").Option("missingkey=error").ParseFS(files, "texts/"+lang+".txt"))
		out[lang] = t
	}
	return out
}()

// words are what the templates are filled with. Every text is clean; what is not
// known is empty.
type words struct {
	Name, Particulars string // of the creator
	Source, Law       string
	LawCountry        string
	Notified          bool
	Qualification     seal.Qualification
	// Asked: the trusted lists were, and Open: they do not tell.
	Asked, Open       bool
	When              string
	Stamped           bool
	Territory         string
	Service, Provider string
	// Withdrawn is since when the service is no longer what it was; empty while it
	// is.
	Withdrawn string
}

func (s Statement) texts(listed *tsl.Determination) map[string]string {
	out := map[string]string{}
	for lang, t := range tongues {
		var b strings.Builder
		if err := t.template.Execute(&b, s.words(t, lang, listed)); err != nil {
			panic(err) // a fault of the template
		}
		out[lang] = strings.Join(strings.Fields(b.String()), " ")
	}
	return out
}

func (s Statement) words(t tongue, lang string, listed *tsl.Determination) words {
	w := words{Qualification: s.Qualification, When: t.date(s.At, lang), Stamped: s.TimeBy == ByTimeStamp}
	if listed != nil {
		w.Asked, w.Open = true, listed.Qualified == tsl.Indeterminate
	}
	if c := s.SealedBy; c != nil {
		w.Name = isolated(c.Name)
		w.Particulars = joined(isolated(c.Identifier), t.country(c.Country))
	}
	if x := s.Source; x != nil {
		w.Source, w.Law, w.LawCountry, w.Notified = isolated(x.Name), isolated(x.Legislation), t.country(x.Country), x.Notified
	}
	if l := s.List; l != nil {
		w.Territory, w.Service, w.Provider = t.country(l.Territory), isolated(l.Name), isolated(l.Provider)
		if l.Status != tsl.StatusGranted {
			w.Withdrawn = t.date(l.Since, lang)
		}
	}
	return w
}

// country is its name, or its two letters where there is none.
func (t tongue) country(code string) string {
	if name, ok := t.Countries[code]; ok {
		return name
	}
	return code
}

// Time writes a time in one of the languages, for who shows a statement; English
// in any other.
func Time(at time.Time, lang string) string {
	t, ok := tongues[lang]
	if !ok {
		lang = "en"
		t = tongues[lang]
	}
	return t.date(at, lang)
}

// date writes a time as people of a language do, in UTC.
func (t tongue) date(at time.Time, lang string) string {
	at = at.UTC()
	day := at.Format("2")
	switch {
	case lang == "de":
		day += "."
	case lang == "fr" && day == "1":
		day = "1er"
	}
	return day + " " + t.Months[at.Month()-1] + " " + at.Format("2006, 15:04") + " UTC"
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}
