package api

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// back is where a sign-in returns to; it travels in the sealed ticket.
type back struct {
	RedirectURI string `json:"redirect_uri,omitempty"`
	State       string `json:"state,omitempty"`
	Challenge   string `json:"code_challenge,omitempty"`
}

// login sends the citizen's browser to the OpenID provider. With a
// redirect_uri it comes back to the wallet unit on this machine.
func (a *api) login(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	b := back{RedirectURI: q.Value("redirect_uri"), State: q.Value("state"), Challenge: q.Value("code_challenge")}
	if b.RedirectURI == "" && (q.Has("state") || q.Has("code_challenge")) {
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Parameter is missing", Field: "redirect_uri", Spec: "RFC 6749, Section 4.1.1"}
	}
	if b.RedirectURI != "" {
		if err := loopback(b.RedirectURI); err != nil {
			return rest.Answer{}, err // never redirected to (RFC 6749, Section 4.1.2.1)
		}
		switch {
		case len(b.State) > 512:
			return a.back(back{RedirectURI: b.RedirectURI}, url.Values{"error": {"invalid_request"}, "error_description": {"state is longer than 512 bytes"}}), nil
		case q.Value("code_challenge_method") != "S256" || !oauth.ValidChallenge(b.Challenge):
			return a.back(b, url.Values{"error": {"invalid_request"}, "error_description": {"code_challenge with the method S256 is required (RFC 7636, Section 4.4.1)"}}), nil
		}
	}
	extra, err := jose.Marshal(b)
	if err != nil {
		return rest.Answer{}, err
	}
	location, ticket, err := a.signIn.Start(r.Context(), extra, signin.Demand{})
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Found(location).Cookie(a.ticket(ticket, 600)), nil
}

// loopback accepts where a native application may be called back: an http URL
// on a loopback address and a port (RFC 8252, Section 7.3). A host name is not
// enough (Section 8.3), and nothing else is a wallet unit of this machine.
func loopback(text string) error {
	u, err := url.Parse(text)
	ok := err == nil && len(text) <= 512 && u.Scheme == "http" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && !strings.Contains(text, "#")
	if ok {
		at, err := netip.ParseAddrPort(u.Host)
		ok = err == nil && at.Port() != 0 && at.Addr().Zone() == "" && (at.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || at.Addr() == netip.IPv6Loopback())
	}
	if !ok {
		return &rest.Problem{Status: http.StatusBadRequest, Title: "Not a redirect address of a wallet unit", Field: "redirect_uri", Expected: "http://127.0.0.1:PORT/… or http://[::1]:PORT/… without query and fragment", Spec: "RFC 8252, Section 7.3"}
	}
	return nil
}

// back is the redirect to the wallet unit, naming who answers (RFC 9207,
// Section 2).
func (a *api) back(b back, q url.Values) rest.Answer {
	if b.State != "" {
		q.Set("state", b.State)
	}
	q.Set("iss", a.base)
	return rest.Found(b.RedirectURI + "?" + q.Encode())
}

// ticket is the cookie that ties a sign-in to the browser it began in. The
// __Host- prefix keeps other hosts and paths of the domain from setting it
// (RFC 6265bis, Section 4.1.3.2); it needs https.
func (a *api) ticket(value string, maxAge int) http.Cookie {
	name, path := "zegel-sign-in", "/session"
	if a.secure {
		name, path = "__Host-zegel-sign-in", "/"
	}
	return http.Cookie{Name: name, Value: value, Path: path, MaxAge: maxAge, Secure: a.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// callback is where the OpenID provider sends the citizen. All that is kept is
// a keyed hash of the national number, for the minute in which the wallet
// unit fetches its session.
func (a *api) callback(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	ticket := ""
	if c, err := r.HTTP.Cookie(a.ticket("", 0).Name); err == nil {
		ticket = c.Value
	}
	identity, extra, err := a.signIn.Finish(r.Context(), r.HTTP.URL.Query(), ticket)
	if err != nil {
		return rest.Answer{}, err
	}
	var b back
	if err := jose.UnmarshalClosed(extra, &b); err != nil {
		return rest.Answer{}, err
	}
	spent := a.ticket("", -1)
	if b.RedirectURI == "" {
		return signedInPage(languageOf(r, q.Value("ui_locales"))).Cookie(spent), nil
	}
	citizen, err := a.holder.Citizen(identity.INSZ)
	if err != nil {
		return rest.Answer{}, err
	}
	code, err := a.holder.SignedIn(r.Context(), citizen, b.Challenge)
	if err != nil {
		return rest.Answer{}, err
	}
	return a.back(b, url.Values{"code": {code.Reveal()}}).Cookie(spent), nil
}

// token exchanges the code for a session bound to the wallet unit's key.
//
// Deviation: no client_id, because every wallet unit is a public client that
// nobody registered, and no redirect_uri, because PKCE binds the code to who
// asked for it (RFC 9700, Section 2.1.1).
func (a *api) token(r *rest.Request) (rest.Answer, error) {
	f, err := r.Form()
	if err != nil {
		return rest.Answer{}, err
	}
	if f.Value("grant_type") != "authorization_code" {
		return rest.Answer{}, &rest.OAuthError{Code: "unsupported_grant_type", Description: "expected grant_type authorization_code (RFC 6749, Section 5.2)"}
	}
	for _, name := range []string{"code", "code_verifier"} {
		if !f.Has(name) {
			return rest.Answer{}, &rest.OAuthError{Code: "invalid_request", Description: name + " is missing"}
		}
	}
	proof, err := a.proof(r, "", "")
	if errors.Is(err, oauth.ErrUseNonce) {
		return rest.Answer{}, &rest.OAuthError{Code: oauth.UseDPoPNonce, Description: err.Error(), Header: a.nonce(), Cause: err}
	}
	if errors.Is(err, oauth.ErrDPoP) || errors.Is(err, holder.ErrReplay) {
		return rest.Answer{}, &rest.OAuthError{Code: oauth.InvalidDPoPProof, Description: err.Error(), Cause: err}
	}
	if err != nil {
		return rest.Answer{}, err
	}
	s, err := a.holder.StartSession(r.Context(), f.Value("code"), f.Value("code_verifier"), proof)
	if errors.Is(err, holder.ErrSessionCode) {
		// One answer for unknown, over, used and not this verifier: no oracle.
		return rest.Answer{}, &rest.OAuthError{Code: "invalid_grant", Description: "the code is unknown, over, used or not this unit's; sign in again"}
	}
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, map[string]any{
		"access_token": s.AccessToken, "token_type": "DPoP", "expires_in": int64(s.ExpiresIn.Seconds()),
	}).With("Pragma", "no-cache").With(oauth.NonceHeader, a.holder.ProofNonce()), nil
}

// proof checks the DPoP proof of a request, for which the nonce in it says when
// it was made (RFC 9449, Section 8), and uses it up.
func (a *api) proof(r *rest.Request, token, thumbprint string) (oauth.Proof, error) {
	p, err := oauth.VerifyProof(r.HTTP.Header, oauth.Expect{
		Method: r.HTTP.Method, URL: a.url(r), Token: token, Thumbprint: thumbprint, CheckNonce: a.holder.GaveProofNonce, Now: a.now(), MaxAge: holder.ProofLife,
	})
	if err != nil {
		return oauth.Proof{}, err
	}
	return p, a.holder.ConsumeProof(r.Context(), p)
}

// nonce is the header with the nonce for the next proof.
func (a *api) nonce() http.Header {
	return http.Header{http.CanonicalHeaderKey(oauth.NonceHeader): {a.holder.ProofNonce()}}
}

// url is the address of the request as its caller knows it.
func (a *api) url(r *rest.Request) string { return a.base + r.HTTP.URL.EscapedPath() }

// citizen lets only the citizen's own wallet unit pass: a session, and a proof
// by its key for this request that was not seen before.
func (a *api) citizen(handle func(*rest.Request, holder.Request) (rest.Answer, error)) rest.Handler {
	return func(r *rest.Request) (rest.Answer, error) {
		token, err := oauth.Token(r.HTTP.Header)
		if err != nil {
			return rest.Answer{}, a.unauthorized(r, "", err)
		}
		s, err := a.holder.Session(r.Context(), token)
		if errors.Is(err, holder.ErrSession) {
			return rest.Answer{}, a.unauthorized(r, "invalid_token", err)
		}
		if err != nil {
			return rest.Answer{}, err
		}
		p, err := a.proof(r, token, s.Thumbprint)
		if errors.Is(err, oauth.ErrUseNonce) {
			return rest.Answer{}, a.unauthorized(r, oauth.UseDPoPNonce, err)
		}
		if errors.Is(err, oauth.ErrDPoP) || errors.Is(err, holder.ErrReplay) {
			return rest.Answer{}, a.unauthorized(r, oauth.InvalidDPoPProof, err)
		}
		if err != nil {
			return rest.Answer{}, err
		}
		answer, err := handle(r, holder.NewRequest(s, p, r.ID))
		if err != nil {
			return answer, err
		}
		return answer.With(oauth.NonceHeader, a.holder.ProofNonce()), nil
	}
}

// unauthorized is the challenge of RFC 9449, Section 7.1. The error code
// stands there only if credentials were sent.
func (a *api) unauthorized(r *rest.Request, code string, cause error) error {
	challenge := `DPoP algs="ES256 ES384 EdDSA"`
	if code == "" && r.HTTP.Header.Get("Authorization") != "" {
		code = "invalid_token"
	}
	if code != "" {
		challenge = `DPoP error="` + code + `", algs="ES256 ES384 EdDSA"`
	}
	remedy := "Sign in, and send Authorization: DPoP with a fresh proof for each request."
	if code == oauth.UseDPoPNonce {
		remedy = oauth.Remedy(code)
	}
	header := a.nonce()
	header.Set("WWW-Authenticate", challenge)
	return &rest.Problem{
		Status: http.StatusUnauthorized, Title: "The citizen's session is required", Detail: cause.Error(),
		Remedy: remedy, Spec: "RFC 9449, Section 7.1",
		Header: header, Cause: cause,
	}
}
