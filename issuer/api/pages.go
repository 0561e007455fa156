package api

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"

	"golang.org/x/text/language"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/issuer"
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

type view struct {
	Lang    string
	T       text
	Base    string // path of the issuer, before each path of a page
	Heading string

	// The page that asks for consent.
	Wallet, What, Supplier, Form string
	// The page after it.
	Return  template.URL
	Waiting int
	Nothing bool

	NoData  bool
	Refused []refusedView

	Why, RequestID string
}

type refusedView struct{ Record, Reason string }

func refusals(lang string, all []issuer.Refusal) (out []refusedView) {
	for _, r := range all {
		reason := reasons[r.Reason][lang]
		if reason == "" {
			reason = r.Reason
		}
		out = append(out, refusedView{r.Record, reason})
	}
	return out
}

// templateURL is a link to a wallet: its redirect_uri was registered, and what
// was added is URL-escaped.
func templateURL(text string) template.URL { return template.URL(text) }

// errorPage tells a person what went wrong in their language, and a program as
// a problem.
func (s server) errorPage(r *rest.Request, p *rest.Problem) rest.Answer {
	if wantsJSON(r) {
		return rest.TypedJSON(p.Status, "application/problem+json", p)
	}
	lang := languageOf(r.HTTP.Header.Get("Accept-Language"))
	page, err := execute("error.html", view{Lang: lang, T: words[lang], Base: s.base, Heading: words[lang]["error"], Why: why(lang, p), RequestID: r.ID})
	if err != nil {
		return rest.Status(p.Status)
	}
	return rest.HTML(p.Status, page)
}

// why explains a refusal, and what helps.
func why(lang string, p *rest.Problem) string {
	switch known, ok := troubles[p.Title]; {
	case ok:
		return known[lang]
	case p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable:
		return troubles["busy"][lang]
	case p.Status >= 500:
		return troubles["fault"][lang]
	default:
		return troubles["again"][lang]
	}
}

func execute(name string, v view) ([]byte, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, v)
	return b.Bytes(), err
}

func style(*rest.Request) (rest.Answer, error) { return rest.Style(), nil }
