package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/issuer"
)

// journey is what must survive the citizen's sign-in.
type journey struct {
	Supplier string             `json:"supplier"`
	Vault    issuer.VaultHandle `json:"vault"`
	JSON     bool               `json:"json,omitzero"`
	Language string             `json:"language"`
	// Client and Request are those of an authorization request; nothing else is
	// set then.
	Client  string `json:"client,omitempty"`
	Request string `json:"request,omitempty"`
}

// cookie is the name of a cookie; with https it is bound to this host (RFC
// 6265bis, Section 4.1.3.2). Issuers on one host have names of their own.
func (s server) cookie(use string) string {
	name := "zegel-" + use
	if s.base != "" {
		sum := sha256.Sum256([]byte(s.base))
		name += "-" + hex.EncodeToString(sum[:4])
	}
	if s.o.HTTPS {
		name = "__Host-" + name
	}
	return name
}

// collect starts: a vault handle is used up, then the citizen signs in. With
// Accept: application/json the outcome will be JSON, for a wallet unit that
// plays the browser.
func (s server) collect(r *rest.Request) (rest.Answer, error) {
	supplier := r.Path("supplier")
	if _, ok := s.o.Collectable[supplier]; !ok || s.o.SignIn == nil {
		return rest.Answer{}, issuer.ErrSupplier
	}
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	vault, err := s.i.RedeemHandle(r.Context(), q.Value("vault_handle"))
	if err != nil {
		return rest.Answer{}, err
	}
	extra, err := jose.Marshal(journey{
		Supplier: supplier, Vault: vault, Language: languageOf(r.HTTP.Header.Get("Accept-Language")),
		JSON: wantsJSON(r),
	})
	if err != nil {
		return rest.Answer{}, err
	}
	location, ticket, err := s.o.SignIn.Start(r.Context(), extra, s.demand(s.o.Collectable[supplier]))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.SeeOther(location).Cookie(http.Cookie{Name: s.cookie("collect"), Value: ticket, Path: "/", MaxAge: 600}), nil
}

// collectedAnswer is the outcome; without an offer its members are left out.
type collectedAnswer struct {
	*offerAnswer
	Refused []issuer.Refusal `json:"refused"`
	NoData  bool             `json:"no_data"`
}

// wantsJSON: a program asks, not a browser.
func wantsJSON(r *rest.Request) bool {
	accept := r.HTTP.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// collected is where the citizen comes back from signing in: the supplier is
// asked, and the offer and its transaction code are shown to nobody else.
func (s server) collected(r *rest.Request) (rest.Answer, error) {
	if s.o.SignIn == nil {
		return rest.Answer{}, issuer.ErrNotFound
	}
	cookie, err := r.HTTP.Cookie(s.cookie("collect"))
	if err != nil {
		cookie = &http.Cookie{}
	}
	identity, extra, err := s.o.SignIn.Finish(r.Context(), r.HTTP.URL.Query(), cookie.Value)
	if errors.Is(err, signin.ErrRefused) {
		return s.notSignedIn(r, extra, err)
	}
	if err != nil {
		return rest.Answer{}, err
	}
	var j journey
	if err := jose.Unmarshal(extra, &j); err != nil {
		return rest.Answer{}, err
	}
	if j.Request != "" {
		return s.ask(r, j, identity.INSZ)
	}
	o, err := s.i.Collect(r.Context(), issuer.Collect{
		Configuration: s.o.Collectable[j.Supplier], Supplier: j.Supplier, Subject: identity.INSZ, Vault: j.Vault, CorrelationID: r.ID,
	})
	nothing := errors.Is(err, issuer.ErrNothing)
	if err != nil && !nothing {
		return rest.Answer{}, err
	}
	a := collectedAnswer{NoData: o.NoData, Refused: append([]issuer.Refusal{}, o.Refused...)}
	if !nothing {
		offer, err := s.describe(o)
		if err != nil {
			return rest.Answer{}, err
		}
		a.offerAnswer = &offer
	}
	done := http.Cookie{Name: s.cookie("collect"), Path: "/", MaxAge: -1}
	if j.JSON {
		return rest.JSON(http.StatusOK, a).Cookie(done), nil
	}
	page, err := s.render(j.Language, a)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.HTML(http.StatusOK, page).Cookie(done), nil
}
