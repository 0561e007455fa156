package api

import (
	"bytes"
	"html/template"
	"net/http"

	"golang.org/x/text/language"

	"github.com/zegel-id/zegel/internal/rest"
)

// The pages of sign-in are for people: plain, in four languages, readable
// without style, script or mouse.

const stylePath = "/session/page.css"

func style(*rest.Request) (rest.Answer, error) { return rest.Style(), nil }

// tongue is what a page says in one language.
type tongue struct {
	Lang, SignedIn, Next, Failed, Again, Contact string
}

var tongues = []tongue{
	{"nl", "U bent aangemeld", "Ga terug naar uw wallet om uw kluis te openen. Dit venster mag u sluiten.", "Aanmelden is niet gelukt", "Ga terug naar uw wallet en meld u opnieuw aan.", "Als u om hulp vraagt, vermeld dan dit nummer:"},
	{"fr", "Vous êtes connecté", "Retournez à votre portefeuille pour ouvrir votre coffre. Vous pouvez fermer cette fenêtre.", "La connexion a échoué", "Retournez à votre portefeuille et connectez-vous à nouveau.", "Si vous demandez de l'aide, mentionnez ce numéro :"},
	{"de", "Sie sind angemeldet", "Kehren Sie zu Ihrer Wallet zurück, um Ihren Tresor zu öffnen. Sie können dieses Fenster schließen.", "Die Anmeldung ist fehlgeschlagen", "Kehren Sie zu Ihrer Wallet zurück und melden Sie sich erneut an.", "Wenn Sie um Hilfe bitten, nennen Sie diese Nummer:"},
	{"en", "You are signed in", "Go back to your wallet to open your vault. You may close this window.", "Signing in did not work", "Go back to your wallet and sign in again.", "If you ask for help, give this number:"},
}

var matcher = language.NewMatcher([]language.Tag{language.Dutch, language.French, language.German, language.English})

// languageOf chooses by what the citizen asked for (BCP 47), Dutch otherwise.
func languageOf(r *rest.Request, asked string) tongue {
	_, i := language.MatchStrings(matcher, asked, r.HTTP.Header.Get("Accept-Language"))
	return tongues[i]
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="{{.Lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<link rel="stylesheet" href="` + stylePath + `">
</head>
<body>
<main>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{- if .ID}}
<p>{{.Contact}} <code>{{.ID}}</code></p>
{{- end}}
</main>
</body>
</html>
`))

type shown struct{ Lang, Title, Text, Contact, ID string }

func render(status int, s shown) rest.Answer {
	var b bytes.Buffer
	if err := page.Execute(&b, s); err != nil {
		panic(err) // a fault of the template
	}
	return rest.HTML(status, b.Bytes()).With("Content-Language", s.Lang).Vary("Accept-Language")
}

func signedInPage(t tongue) rest.Answer {
	return render(http.StatusOK, shown{Lang: t.Lang, Title: t.SignedIn, Text: t.Next})
}

// errorPage tells people that a sign-in failed. What exactly is in the log
// under the request id: it would help who tries more than who errs.
func errorPage(r *rest.Request, p *rest.Problem) rest.Answer {
	t := languageOf(r, "")
	return render(p.Status, shown{Lang: t.Lang, Title: t.Failed, Text: t.Again, Contact: t.Contact, ID: r.ID})
}
