package api

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"time"

	"golang.org/x/text/language"

	"github.com/zegel-id/zegel/internal/rest"
)

// csp lets pages load their own style sheet and nothing else.
const csp = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

//go:embed pages
var files embed.FS

var templates = template.Must(template.ParseFS(files, "pages/*.html"))

var languages = language.NewMatcher([]language.Tag{language.Dutch, language.French, language.German, language.English})

// languageOf chooses among Dutch, French, German and English; Dutch if nothing
// is asked for.
func languageOf(accept string) string {
	tag, _ := language.MatchStrings(languages, accept)
	base, _ := tag.Base()
	return base.String()
}

type text map[string]string

// words are all texts of the pages, by language.
var words = map[string]text{
	"nl": {
		"offer": "Uw gegevens staan klaar", "nothing": "Geen gegevens gevonden", "error": "Dat is niet gelukt",
		"count": "Aantal bewijzen dat u kunt ophalen:", "open": "Ophalen met uw portemonnee",
		"other": "Opent er niets? Kopieer dan deze koppeling naar uw portemonnee:",
		"code":  "Uw code", "codehelp": "Uw portemonnee vraagt deze code. Geef ze aan niemand anders.",
		"until": "Geldig tot", "refused": "Niet opgehaald", "nodata": "De leverancier heeft geen gegevens over u.",
		"none": "De leverancier heeft gegevens over u, maar geen daarvan kan verzegeld worden.", "record": "Bewijs",
	},
	"fr": {
		"offer": "Vos données sont prêtes", "nothing": "Aucune donnée trouvée", "error": "Cela n’a pas fonctionné",
		"count": "Nombre de titres que vous pouvez récupérer :", "open": "Récupérer avec votre portefeuille",
		"other": "Rien ne s’ouvre ? Copiez ce lien dans votre portefeuille :",
		"code":  "Votre code", "codehelp": "Votre portefeuille demandera ce code. Ne le donnez à personne d’autre.",
		"until": "Valable jusqu’au", "refused": "Non récupéré", "nodata": "Le fournisseur n’a pas de données vous concernant.",
		"none": "Le fournisseur a des données vous concernant, mais aucune ne peut être scellée.", "record": "Titre",
	},
	"de": {
		"offer": "Ihre Daten stehen bereit", "nothing": "Keine Daten gefunden", "error": "Das hat nicht geklappt",
		"count": "Anzahl der Nachweise, die Sie abholen können:", "open": "Mit Ihrer Brieftasche abholen",
		"other": "Es öffnet sich nichts? Kopieren Sie diesen Link in Ihre Brieftasche:",
		"code":  "Ihr Code", "codehelp": "Ihre Brieftasche fragt nach diesem Code. Geben Sie ihn niemandem sonst.",
		"until": "Gültig bis", "refused": "Nicht abgeholt", "nodata": "Der Lieferant hat keine Daten über Sie.",
		"none": "Der Lieferant hat Daten über Sie, aber keine davon kann besiegelt werden.", "record": "Nachweis",
	},
	"en": {
		"offer": "Your data are ready", "nothing": "No data found", "error": "That did not work",
		"count": "Number of records you can collect:", "open": "Collect with your wallet",
		"other": "Nothing opens? Copy this link into your wallet:",
		"code":  "Your code", "codehelp": "Your wallet will ask for this code. Give it to nobody else.",
		"until": "Valid until", "refused": "Not collected", "nodata": "The supplier holds no data about you.",
		"none": "The supplier holds data about you, but none of them can be sealed.", "record": "Record",
	},
}

// reasons why a record was refused, in the citizen's language.
var reasons = map[string]text{
	"wrong_subject":        {"nl": "gaat over iemand anders", "fr": "concerne une autre personne", "de": "betrifft eine andere Person", "en": "is about somebody else"},
	"annulled":             {"nl": "is geannuleerd", "fr": "est annulé", "de": "wurde annulliert", "en": "was annulled"},
	"self_declared":        {"nl": "is uw eigen verklaring", "fr": "est votre propre déclaration", "de": "ist Ihre eigene Erklärung", "en": "is your own statement"},
	"not_authentic":        {"nl": "is niet authentiek", "fr": "n’est pas authentique", "de": "ist nicht authentisch", "en": "is not authentic"},
	"unknown_status":       {"nl": "heeft een onbekende status", "fr": "a un statut inconnu", "de": "hat einen unbekannten Status", "en": "has an unknown status"},
	"duplicate":            {"nl": "komt dubbel voor", "fr": "figure en double", "de": "kommt doppelt vor", "en": "appears twice"},
	"malformed":            {"nl": "is onvolledig", "fr": "est incomplet", "de": "ist unvollständig", "en": "is incomplete"},
	"missing_claim":        {"nl": "mist een verplicht gegeven", "fr": "manque d’une donnée obligatoire", "de": "es fehlt eine Pflichtangabe", "en": "lacks a required value"},
	"identifier_in_claims": {"nl": "bevat een rijksregisternummer", "fr": "contient un numéro national", "de": "enthält eine Nationalregisternummer", "en": "holds a national number"},
}

type view struct {
	Lang    string
	T       text
	Heading string
	A       collectedAnswer
	Link    template.URL
	Until   string
	Refused []refusedView
	Problem *rest.Problem
}

type refusedView struct{ Record, Reason string }

func render(lang string, a collectedAnswer) ([]byte, error) {
	v := view{Lang: lang, T: words[lang], A: a, Heading: words[lang]["offer"], Until: a.ExpiresAt.Format("2006-01-02 15:04") + " UTC"}
	// The link was made by us of URL-escaped parts.
	v.Link = template.URL(a.OfferLink)
	if len(a.Accepted) == 0 {
		v.Heading = v.T["nothing"]
	}
	for _, r := range a.Refused {
		reason := reasons[r.Reason][lang]
		if reason == "" {
			reason = r.Reason
		}
		v.Refused = append(v.Refused, refusedView{r.Record, reason})
	}
	return execute("collected.html", v)
}

func (s server) errorPage(r *rest.Request, p *rest.Problem) rest.Answer {
	lang := languageOf(r.HTTP.Header.Get("Accept-Language"))
	page, err := execute("error.html", view{Lang: lang, T: words[lang], Heading: words[lang]["error"], Problem: p})
	if err != nil {
		return rest.Status(p.Status)
	}
	return rest.HTML(p.Status, page)
}

func execute(name string, v view) ([]byte, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, v)
	return b.Bytes(), err
}

func style(*rest.Request) (rest.Answer, error) {
	b, err := files.ReadFile("pages/style.css")
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "text/css; charset=utf-8", b).Cache(time.Hour), nil
}
