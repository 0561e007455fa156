package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"golang.org/x/text/language"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier/receivers"
)

// receivers answers JSON, and a page to browsers, in the citizen's language.
func (s server) receivers(r *rest.Request) (rest.Answer, error) {
	published := s.v.Published()
	if !strings.Contains(r.HTTP.Header.Get("Accept"), "text/html") {
		return rest.JSON(http.StatusOK, published).Cache(s.v.RegisterLife()/4).Vary("Accept", "Accept-Language"), nil
	}
	page, err := registerPage(published, r.HTTP.Header.Get("Accept-Language"))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.HTML(http.StatusOK, page).Vary("Accept", "Accept-Language"), nil
}

func (s server) receiversJWT(*rest.Request) (rest.Answer, error) {
	text, err := s.v.PublishedJWT()
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "application/jwt", []byte(text)).Cache(s.v.RegisterLife() / 4), nil
}

// words of the page.
type words struct {
	Title, Intro, Admitted, Suspended, Number, Country, Privacy, Safeguards, Purpose, Basis, Claims, Nothing string
}

var pageWords = map[string]words{
	"nl": {
		Title: "Ontvangers", Intro: "Deze organisaties mogen u om gegevens uit uw kluis vragen, en niet meer dan hier staat. U beslist telkens zelf.",
		Admitted: "toegelaten", Suspended: "geschorst: krijgt nu niets", Number: "Nummer", Country: "Land", Privacy: "Privacyverklaring",
		Safeguards: "Waarborgen buiten de Europese Economische Ruimte", Purpose: "Doel", Basis: "Rechtsgrond", Claims: "Gegevens", Nothing: "alleen wat altijd zichtbaar is",
	},
	"fr": {
		Title: "Destinataires", Intro: "Ces organisations peuvent vous demander des données de votre coffre, et rien de plus que ce qui figure ici. Vous décidez chaque fois.",
		Admitted: "admis", Suspended: "suspendu : ne reçoit rien pour le moment", Number: "Numéro", Country: "Pays", Privacy: "Déclaration de confidentialité",
		Safeguards: "Garanties hors de l'Espace économique européen", Purpose: "Finalité", Basis: "Base juridique", Claims: "Données", Nothing: "seulement ce qui est toujours visible",
	},
	"de": {
		Title: "Empfänger", Intro: "Diese Organisationen dürfen Sie um Daten aus Ihrem Tresor bitten, und nicht um mehr, als hier steht. Sie entscheiden jedes Mal selbst.",
		Admitted: "zugelassen", Suspended: "ausgesetzt: erhält zurzeit nichts", Number: "Nummer", Country: "Land", Privacy: "Datenschutzerklärung",
		Safeguards: "Garantien außerhalb des Europäischen Wirtschaftsraums", Purpose: "Zweck", Basis: "Rechtsgrundlage", Claims: "Daten", Nothing: "nur was immer sichtbar ist",
	},
	"en": {
		Title: "Receivers", Intro: "These organisations may ask you for data from your vault, and for no more than what stands here. You decide each time.",
		Admitted: "admitted", Suspended: "suspended: gets nothing now", Number: "Number", Country: "Country", Privacy: "Privacy statement",
		Safeguards: "Safeguards outside the European Economic Area", Purpose: "Purpose", Basis: "Legal basis", Claims: "Data", Nothing: "only what is always visible",
	},
}

var matcher = language.NewMatcher([]language.Tag{language.Dutch, language.French, language.German, language.English})

//go:embed register.html
var registerHTML string

var registerTemplate = template.Must(template.New("register").Funcs(template.FuncMap{
	"in": func(lang string, texts []oid4vp.Localized) string {
		for _, t := range texts {
			if t.Lang == lang {
				return t.Value
			}
		}
		return ""
	},
}).Parse(registerHTML))

func registerPage(p receivers.Published, accept string) ([]byte, error) {
	tags, _, _ := language.ParseAcceptLanguage(accept) // a faulty list means no wish
	_, i, _ := matcher.Match(tags...)
	lang := receivers.Languages()[i]
	var b bytes.Buffer
	err := registerTemplate.Execute(&b, struct {
		Lang string
		W    words
		receivers.Published
	}{lang, pageWords[lang], p})
	return b.Bytes(), err
}
