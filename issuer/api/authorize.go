package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/issuer"
)

// authorize begins the citizen's part of the authorization code flow: the
// wallet pushed its request before, and the browser brings nothing but its
// name (RFC 9126, Section 4). What stands beside it is ignored. A page that is
// loaded again begins again, until the citizen has answered.
func (s server) authorize(r *rest.Request) (rest.Answer, error) {
	if s.o.SignIn == nil {
		return rest.Answer{}, issuer.ErrNotFound
	}
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	j := journey{Client: q.Value("client_id"), Request: q.Value("request_uri")}
	p, err := s.i.Pushed(r.Context(), j.Client, j.Request)
	if err != nil {
		return rest.Answer{}, err
	}
	j.Language = languageOf(strings.TrimPrefix(strings.ReplaceAll(p.Languages, " ", ",")+","+r.HTTP.Header.Get("Accept-Language"), ","))
	extra, err := jose.Marshal(j)
	if err != nil {
		return rest.Answer{}, err
	}
	location, ticket, err := s.o.SignIn.Start(r.Context(), extra, s.demand(p.Configuration))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.SeeOther(location).Cookie(http.Cookie{Name: s.cookie("sign-in"), Value: ticket, Path: "/", MaxAge: 600}), nil
}

// demand is what the sign-in for a configuration must be.
func (s server) demand(configuration string) signin.Demand {
	d := s.i.SignInFor(configuration)
	return signin.Demand{ACR: d.ACR, MaxAge: d.MaxAge}
}

// notSignedIn sends a citizen who did not want to sign in back to the wallet that
// asked (RFC 6749, Section 4.1.2.1); one who came without a wallet reads why.
func (s server) notSignedIn(r *rest.Request, extra []byte, why error) (rest.Answer, error) {
	var j journey
	if err := jose.Unmarshal(extra, &j); err != nil || j.Request == "" {
		return rest.Answer{}, why
	}
	p, err := s.i.Pushed(r.Context(), j.Client, j.Request)
	if err != nil {
		return rest.Answer{}, err
	}
	to, err := s.i.Decline(r.Context(), p)
	if err != nil {
		return rest.Answer{}, err
	}
	return s.leave(r, issuer.Agreed{Return: to}).Cookie(http.Cookie{Name: s.cookie("sign-in"), Path: "/", MaxAge: -1}), nil
}

// consenting is what a citizen who signed in is about to agree to. It waits in
// the cookie of their browser, sealed, and nowhere else.
type consenting struct {
	Client, Request, Language string
	Subject                   string
	Expires                   time.Time
}

const (
	consentLife    = 9 * time.Minute
	purposeConsent = "issuer consent"
)

// ask is the page on which the citizen says whether the wallet may have the
// data. Whoever sent the link must not get them by the sign-in alone.
func (s server) ask(r *rest.Request, j journey, subject identifier.INSZ) (rest.Answer, error) {
	p, err := s.i.Pushed(r.Context(), j.Client, j.Request)
	if err != nil {
		return rest.Answer{}, err
	}
	plain, err := jose.Marshal(consenting{j.Client, j.Request, j.Language, subject.Reveal(), s.o.Now().Add(consentLife)})
	if err != nil {
		return rest.Answer{}, err
	}
	sealed, err := capsule.Seal(s.consent, purposeConsent, plain, []byte(s.i.URL()))
	if err != nil {
		return rest.Answer{}, err
	}
	ticket := jose.Encode(sealed)
	t := words[j.Language]
	v := view{Lang: j.Language, T: t, Base: s.base, Heading: t["consent"], Wallet: p.Wallet, What: nameIn(p.Names, j.Language), Form: formToken(ticket)}
	if s.o.SupplierName != nil && p.Supplier != "" {
		v.Supplier = s.o.SupplierName(p.Supplier, j.Language)
	}
	page, err := execute("consent.html", v)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.HTML(http.StatusOK, page).With("Content-Security-Policy", formActions(p.RedirectURI)).
		Cookie(http.Cookie{Name: s.cookie("sign-in"), Path: "/", MaxAge: -1}).
		Cookie(http.Cookie{Name: s.cookie("consent"), Value: ticket, Path: "/", MaxAge: int(consentLife / time.Second), SameSite: http.SameSiteStrictMode}), nil
}

// formToken ties the form to the cookie, so that no other page can send it.
func formToken(ticket string) string {
	sum := sha256.Sum256([]byte("consent form " + ticket))
	return jose.Encode(sum[:])
}

// nameIn is a name in a language, or in any.
func nameIn(names map[string]string, lang string) string {
	for locale, name := range names {
		if base, _, _ := strings.Cut(locale, "-"); base == lang {
			return name
		}
	}
	for _, name := range names {
		return name
	}
	return ""
}

// answered goes on with what the citizen chose on the page.
func (s server) answered(r *rest.Request) (rest.Answer, error) {
	f, err := r.Form()
	if err != nil {
		return rest.Answer{}, err
	}
	c, subject, err := s.opened(r, f.Value("form"))
	if err != nil {
		return rest.Answer{}, err
	}
	p, err := s.i.Pushed(r.Context(), c.Client, c.Request)
	if err != nil {
		return rest.Answer{}, err
	}
	done := http.Cookie{Name: s.cookie("consent"), Path: "/", MaxAge: -1, SameSite: http.SameSiteStrictMode}
	if f.Value("decision") != "allow" {
		back, err := s.i.Decline(r.Context(), p)
		if err != nil {
			return rest.Answer{}, err
		}
		return s.leave(r, issuer.Agreed{Return: back}).Cookie(done), nil
	}
	a, err := s.i.Agree(r.Context(), p, subject, r.ID)
	if err != nil {
		return rest.Answer{}, err
	}
	if !wantsJSON(r) && (a.Nothing || a.Err != nil || len(a.Refused)+len(a.Pending) > 0) {
		page, err := s.outcome(c.Language, a)
		if err != nil {
			return rest.Answer{}, err
		}
		return rest.HTML(http.StatusOK, page).Cookie(done), nil
	}
	return s.leave(r, a).Cookie(done), nil
}

// opened opens the cookie of the citizen who signed in.
func (s server) opened(r *rest.Request, form string) (consenting, identifier.INSZ, error) {
	var c consenting
	cookie, err := r.HTTP.Cookie(s.cookie("consent"))
	if err != nil || subtle.ConstantTimeCompare([]byte(form), []byte(formToken(cookie.Value))) != 1 {
		return c, identifier.INSZ{}, errConsent()
	}
	sealed, err := jose.Decode(cookie.Value)
	if err != nil {
		return c, identifier.INSZ{}, errConsent()
	}
	plain, err := capsule.Open(s.consent, purposeConsent, sealed, []byte(s.i.URL()))
	if err != nil {
		return c, identifier.INSZ{}, errConsent()
	}
	if err := jose.Unmarshal(plain, &c); err != nil || !s.o.Now().Before(c.Expires) {
		return consenting{}, identifier.INSZ{}, errConsent()
	}
	subject, err := identifier.ParseINSZ(c.Subject)
	return c, subject, err
}

func errConsent() error {
	return &rest.Problem{Status: http.StatusForbidden, Title: titleSignIn, Field: "form", Detail: "The form is not of a sign-in in this browser, or it took too long.", Remedy: "Start again from your wallet."}
}

// leftAnswer is the way back for a program that plays the browser.
type leftAnswer struct {
	RedirectTo string           `json:"redirect_to"`
	Refused    []issuer.Refusal `json:"refused"`
	Pending    []string         `json:"pending"`
	NoData     bool             `json:"no_data"`
}

// leave sends the browser back to the wallet.
func (s server) leave(r *rest.Request, a issuer.Agreed) rest.Answer {
	if wantsJSON(r) {
		return rest.JSON(http.StatusOK, leftAnswer{a.Return, append([]issuer.Refusal{}, a.Refused...), append([]string{}, a.Pending...), a.NoData})
	}
	return rest.SeeOther(a.Return)
}

// outcome is the page that says what cannot be had, or only later, before the
// citizen goes back to the wallet.
func (s server) outcome(lang string, a issuer.Agreed) ([]byte, error) {
	t := words[lang]
	v := view{Lang: lang, T: t, Base: s.base, Heading: t["offer"], NoData: a.NoData, Refused: refusals(lang, a.Refused), Waiting: len(a.Pending), Return: templateURL(a.Return), Nothing: a.Nothing}
	switch {
	case a.Err != nil:
		v.Heading, v.Why = t["error"], why(lang, problemOf(a.Err))
	case a.Nothing:
		v.Heading = t["nothing"]
	}
	return execute("answered.html", v)
}

// problemOf is the problem that an error would be answered with.
func problemOf(err error) *rest.Problem {
	if p, ok := problem(err).(*rest.Problem); ok {
		return p
	}
	return &rest.Problem{Status: http.StatusInternalServerError}
}

// formActions is the policy of a page whose form leads back here, and from here
// to the wallet: browsers hold redirects after a form against it too (Content
// Security Policy Level 3, form-action). It has no words for the hosts of private
// schemes and for addresses in brackets; those are named by their scheme.
func formActions(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return csp
	}
	to := u.Scheme + ":"
	if (u.Scheme == "https" || u.Scheme == "http") && !strings.Contains(u.Host, "[") {
		to += "//" + u.Host
	}
	return strings.Replace(csp, "form-action 'self'", "form-action 'self' "+to, 1)
}
