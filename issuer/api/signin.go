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

// CallbackPath is where the OpenID provider sends citizens back to.
const CallbackPath = "/signed-in"

// journey is what must survive the citizen's sign-in: whose authorization
// request it is for.
type journey struct {
	Client   string `json:"client"`
	Request  string `json:"request"`
	Language string `json:"language"`
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

// wantsJSON: a program asks, not a browser.
func wantsJSON(r *rest.Request) bool {
	accept := r.HTTP.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// signedIn is where the citizen comes back from signing in. Nothing is asked of
// a supplier before they agreed.
func (s server) signedIn(r *rest.Request) (rest.Answer, error) {
	if s.o.SignIn == nil {
		return rest.Answer{}, issuer.ErrNotFound
	}
	cookie, err := r.HTTP.Cookie(s.cookie("sign-in"))
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
	return s.ask(r, j, identity.INSZ)
}
