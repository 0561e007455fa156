package api

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	qr "github.com/piglig/go-qr"
	"golang.org/x/text/language"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/receivers"
)

//go:embed pages
var pages embed.FS

var pageTemplates = template.Must(template.ParseFS(pages, "pages/*.html"))

// cookie of the browser that opened a page first. Its path is that page, so
// that several do not meet.
const cookie = "ask"

type askPage struct {
	Lang, Secret         string
	T                    askText
	Receiver, Purpose    string
	Basis, Privacy       string
	SameDevice           template.URL
	CrossDevice, Digital string
	Code                 template.HTML
	Languages            []string
}

// ask shows our page, or sends the browser on when all is done: so it works
// without a script too.
func (s server) ask(r *rest.Request) (rest.Answer, error) {
	secret, had := r.Path("page"), visitor(r)
	if had != "" {
		if p, err := s.v.Progress(r.Context(), secret, had); err == nil && p.Next != "" {
			return rest.SeeOther(p.Next), nil
		}
	}
	visit, err := s.v.Visit(r.Context(), secret, had)
	if err != nil {
		return rest.Answer{}, err
	}
	page, err := render(languageOf(r), secret, visit)
	if err != nil {
		return rest.Answer{}, err
	}
	a := rest.HTML(http.StatusOK, page).Vary("Accept-Language")
	if visit.Cookie != "" {
		a = a.Cookie(http.Cookie{Name: cookie, Value: visit.Cookie, Path: s.v.PagePath(secret), MaxAge: int(24 * time.Hour / time.Second)}) // what it opens ends earlier
	}
	return a, nil
}

// back is where a wallet on the same device leads the browser.
func (s server) back(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	next, err := s.v.Back(r.Context(), r.Path("page"), visitor(r), q.Value(oid4vp.ResponseCodeParameter))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.SeeOther(next), nil
}

func (s server) progress(r *rest.Request) (rest.Answer, error) {
	p, err := s.v.Progress(r.Context(), r.Path("page"), visitor(r))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, p), nil
}

// answer takes what the Digital Credentials API gave the page. The cookie is
// not sent from other sites (SameSite), so that nobody else can answer.
func (s server) answer(r *rest.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[digitalResponse](r)
	if err != nil {
		return rest.Answer{}, err
	}
	err = s.v.Answer(r.Context(), r.Path("page"), visitor(r), in.Protocol, in.Data)
	if err != nil && !errors.Is(err, verifier.ErrNotVerified) {
		return rest.Answer{}, err
	}
	return s.progress(r)
}

// visitor is the cookie of the browser; empty when it has none.
func visitor(r *rest.Request) string {
	c, err := r.HTTP.Cookie(cookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// languageOf is the language that the citizen chose, or that the browser
// prefers.
func languageOf(r *rest.Request) string {
	if q, err := r.Query(); err == nil {
		if _, ok := askTexts[q.Value("lang")]; ok {
			return q.Value("lang")
		}
	}
	tags, _, _ := language.ParseAcceptLanguage(r.HTTP.Header.Get("Accept-Language")) // a faulty list means no wish
	_, i, _ := matcher.Match(tags...)
	return receivers.Languages()[i]
}

func render(lang, secret string, v verifier.Visit) ([]byte, error) {
	code, err := svg(v.CrossDevice, askTexts[lang].Picture)
	if err != nil {
		return nil, err
	}
	requests, err := jose.Marshal(v.Digital)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = pageTemplates.ExecuteTemplate(&b, "ask.html", askPage{
		Lang: lang, Secret: secret, T: askTexts[lang], Receiver: v.Receiver.Name, Purpose: v.Use.Purpose[lang], Basis: v.Use.LegalBasis, Privacy: v.Receiver.PrivacyStatement,
		// Our own link, of URL-escaped parts.
		SameDevice: template.URL(v.SameDevice), CrossDevice: v.CrossDevice, Digital: string(requests), Code: code, Languages: receivers.Languages(),
	})
	return b.Bytes(), err
}

// svg draws a QR code (ISO/IEC 18004) with its quiet zone of four modules.
func svg(text, label string) (template.HTML, error) {
	code, err := qr.EncodeText(text, qr.Medium)
	if err != nil {
		return "", fmt.Errorf("making a QR code: %w", err)
	}
	const quiet = 4
	n := code.Size() + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="`, n, n, template.HTMLEscapeString(label), n, n)
	for y := range code.Size() {
		for x := range code.Size() {
			if code.Module(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil
}

// errorPage tells a citizen what helps.
func errorPage(r *rest.Request, p *rest.Problem) rest.Answer {
	lang := languageOf(r)
	t := askTexts[lang]
	why := t.Fault
	switch {
	case p.Title == titleBrowser:
		why = t.Other
	case p.Status == http.StatusGone, p.Status == http.StatusNotFound:
		why = t.Over
	case p.Status == http.StatusForbidden:
		why = t.Denied
	}
	var b bytes.Buffer
	err := pageTemplates.ExecuteTemplate(&b, "error.html", struct {
		Lang      string
		T         askText
		Why       string
		RequestID string
		Root      string
	}{lang, t, why, r.ID, strings.Repeat("../", strings.Count(strings.Trim(r.HTTP.URL.Path, "/"), "/"))})
	if err != nil {
		return rest.Status(p.Status)
	}
	return rest.HTML(p.Status, b.Bytes())
}

func style(*rest.Request) (rest.Answer, error) {
	b, err := pages.ReadFile("pages/ask.css")
	return rest.Style(b), err
}

func script(*rest.Request) (rest.Answer, error) {
	b, err := pages.ReadFile("pages/ask.js")
	return rest.Text(http.StatusOK, "text/javascript; charset=utf-8", b).Cache(time.Hour), err
}
