// Package api is the vault platform's HTTP edge: sign-in and sessions of
// wallet units, the vault API, and the public documents of WebIDs and DIDs.
//
// A handler decodes, calls package holder and answers. There is no route for an
// operator: each route that reads or changes a vault takes the session of its
// citizen, bound to the wallet unit's key by a DPoP proof for that one request
// (RFC 9449).
package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/signin"
)

// SignIn is the OpenID provider where citizens sign in; *signin.RelyingParty
// is one. Its redirect URL is the base URL followed by CallbackPath.
type SignIn interface {
	Start(ctx context.Context, extra []byte, d signin.Demand) (location, ticket string, err error)
	Finish(ctx context.Context, query url.Values, ticket string) (signin.Identity, []byte, error)
}

// CallbackPath is where the OpenID provider sends citizens back to.
const CallbackPath = "/session/callback"

// Options of the edge.
type Options struct {
	// Log gets one event per request; slog.Default if nil.
	Log *slog.Logger
	// Now is time.Now if nil.
	Now func() time.Time
	// Limiter bounds the rate of each caller; nil does not.
	Limiter *rest.Limiter
	// TrustedProxies are believed in what they say of the caller's address.
	TrustedProxies []string
	// Observe is told of every request, for metrics.
	Observe func(method, route string, status int, took time.Duration)
	// Checks are what /health/ready asks.
	Checks map[string]rest.Check
}

type api struct {
	holder *holder.Holder
	signIn SignIn
	log    *slog.Logger
	now    func() time.Time
	base   string
	secure bool
}

// New is the edge as one handler. More routes can be mounted on it.
func New(h *holder.Holder, s SignIn, o Options) *rest.Engine {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &api{holder: h, signIn: s, log: o.Log, now: o.Now, base: h.URL(), secure: strings.HasPrefix(h.URL(), "https://")}
	e := rest.New(rest.Options{
		Log: o.Log, Now: o.Now, Limiter: o.Limiter, TrustedProxies: o.TrustedProxies, Observe: o.Observe,
		HTTPS: a.secure, Errors: refusal, ErrorPage: errorPage,
	})
	e.Mount(a.routes()...)
	e.Mount(rest.Health(o.Checks)...)
	return e
}

const (
	// working is how long a request may take that makes or removes a pod.
	working = 90 * time.Second
	small   = 16 << 10
)

// routes is the whole list.
func (a *api) routes() []rest.Route {
	return []rest.Route{
		{Method: "GET", Path: "/session/login", Handler: a.login, Page: true, Spec: "RFC 8252, Section 7.3; RFC 7636, Section 4.3"},
		{Method: "GET", Path: CallbackPath, Handler: a.callback, Once: true, Page: true, Spec: "OpenID Connect Core 1.0, Section 3.1.2.5; RFC 9207, Section 2"},
		{Method: "GET", Path: stylePath, Handler: style, Quiet: true, Spec: "our own"},
		{Method: "POST", Path: "/session/token", Handler: a.token, OAuth: true, MaxBody: small, Spec: "RFC 6749, Section 4.1.3; RFC 7636, Section 4.5; RFC 9449, Section 5"},

		{Method: "GET", Path: "/vault/v1/openapi.json", Handler: openAPI, CORS: true, Spec: "OpenAPI 3.1"},
		{Method: "POST", Path: "/vault/v1", Handler: a.citizen(a.activate), MaxBody: small, Spec: "vault API; RFC 9449, Section 7"},
		{Method: "GET", Path: "/vault/v1", Handler: a.citizen(a.vault), Spec: "vault API; RFC 9449, Section 7"},
		{Method: "DELETE", Path: "/vault/v1", Handler: a.citizen(a.deleteVault), Timeout: working, Spec: "vault API; RFC 9449, Section 7"},
		{Method: "PUT", Path: "/vault/v1/link", Handler: a.citizen(a.putLink), MaxBody: small, Timeout: working, Spec: "vault API: citizen-signed link of WebID and DID"},
		{Method: "POST", Path: "/vault/v1/deactivate", Handler: a.citizen(a.deactivate), MaxBody: small, Spec: "vault API"},
		{Method: "POST", Path: "/vault/v1/reactivate", Handler: a.citizen(a.reactivate), MaxBody: small, Spec: "vault API"},
		{Method: "POST", Path: "/vault/v1/rotate", Handler: a.citizen(a.rotate), MaxBody: small, Spec: "vault API"},
		{Method: "PUT", Path: "/vault/v1/keystore", Handler: a.citizen(a.putKeystore), MaxBody: holder.MaxKeystore, Spec: "vault API; RFC 9110, Section 13.1"},
		{Method: "GET", Path: "/vault/v1/keystore", Handler: a.citizen(a.keystore), Spec: "vault API"},
		{Method: "GET", Path: "/vault/v1/items", Handler: a.citizen(a.items), Spec: "vault API"},
		{Method: "PUT", Path: "/vault/v1/items/:name", Handler: a.citizen(a.putItem), MaxBody: pod.MaxSize, Spec: "vault API; RFC 7516, Section 7.2.2; RFC 9110, Section 13.1"},
		{Method: "GET", Path: "/vault/v1/items/:name", Handler: a.citizen(a.item), Spec: "vault API"},
		{Method: "DELETE", Path: "/vault/v1/items/:name", Handler: a.citizen(a.deleteItem), Spec: "vault API"},
		{Method: "POST", Path: "/vault/v1/handles", Handler: a.citizen(a.handle), MaxBody: small, Spec: "vault API: vault handle"},
		{Method: "POST", Path: "/vault/v1/timestamps", Handler: a.citizen(a.stamp), MaxBody: small, Timeout: working, Spec: "RFC 3161, Section 3.4"},
		{Method: "PUT", Path: "/vault/v1/reminder", Handler: a.citizen(a.remind), MaxBody: small, Spec: "vault API: reminder"},
		{Method: "POST", Path: "/vault/v1/events", Handler: a.citizen(a.tell), MaxBody: small, Spec: "vault API: use log"},
		{Method: "GET", Path: "/vault/v1/events", Handler: a.citizen(a.uses), Spec: "vault API: use log"},

		{Method: "GET", Path: "/profiles/:uuid", Handler: a.profile, CORS: true, Spec: "WebID 1.0; Controlled Identifiers 1.0, Section 2; RFC 9110, Section 12.5.1"},
		{Method: "GET", Path: "/profiles/:uuid/did.json", Handler: a.didDocument, CORS: true, Spec: "did:web; DID Core 1.0, Section 6"},
		{Method: "GET", Path: "/profiles/:uuid/link.jwt", Handler: a.linkProof, CORS: true, Spec: "WebID and DID link"},
		{Method: "GET", Path: "/profiles/:uuid/rotations.json", Handler: a.rotations, CORS: true, Spec: "WebID and DID link"},
		{Method: "GET", Path: "/.well-known/vault-platform", Handler: a.keys, CORS: true, Spec: "RFC 7517, Section 5"},
	}
}

// answers is how the errors of the core look on the wire.
var answers = []struct {
	err     error
	problem rest.Problem
}{
	{holder.ErrNoVault, rest.Problem{Status: http.StatusNotFound, Title: "No vault", Remedy: "Activate a vault first."}},
	{holder.ErrNoKeystore, rest.Problem{Status: http.StatusNotFound, Title: "No keystore"}},
	{holder.ErrVaultExists, rest.Problem{Status: http.StatusConflict, Title: "There is a vault already", Remedy: "Open it, or delete it before activating another."}},
	{holder.ErrNotPublished, rest.Problem{Status: http.StatusConflict, Title: "The vault is not active yet", Remedy: "Send its link proof."}},
	{holder.ErrDeactivated, rest.Problem{Status: http.StatusLocked, Title: "The vault is deactivated", Detail: "A deactivated vault can be read and nothing else.", Remedy: "Reactivate it first."}},
	{holder.ErrNotDeactivated, rest.Problem{Status: http.StatusConflict, Title: "The vault is not deactivated"}},
	{holder.ErrDeleting, rest.Problem{Status: http.StatusConflict, Title: "The vault is being deleted", Detail: "A deletion cannot be undone.", Remedy: "Wait until it is complete."}},
	{holder.ErrConflict, rest.Problem{Status: http.StatusConflict, Title: "Changed by another request", Remedy: "Read it again before another try."}},
	{holder.ErrBrokeOff, rest.Problem{Status: http.StatusConflict, Title: "An earlier activation broke off", Remedy: "Activate again."}},
	{holder.ErrPrecondition, rest.Problem{Status: http.StatusPreconditionFailed, Remedy: "Read it again before another try.", Spec: "RFC 9110, Section 13.1"}},
	{holder.ErrIssuer, rest.Problem{Status: http.StatusUnprocessableEntity, Title: "Issuer is not known", Field: "issuer", Expected: "the base URL of an issuer in this platform's configuration"}},
	{holder.ErrNoStamps, rest.Problem{Status: http.StatusNotFound, Title: "No time-stamp authority", Detail: "This platform knows none.", Remedy: "The operator names one in holder.timestamps."}},
	{holder.ErrStamps, rest.Problem{Status: http.StatusServiceUnavailable, Title: "No time-stamp now", Detail: "None of the authorities answered as it must.", Remedy: "Try again later; evidence that is owed is made at the next opening.", Header: http.Header{"Retry-After": {"60"}}}},
	{holder.ErrLog, rest.Problem{Status: http.StatusServiceUnavailable, Title: "The use log cannot be written", Detail: "Nothing was done: what cannot be logged does not happen.", Remedy: "Try again later."}},
	{holder.ErrInput, rest.Problem{Status: http.StatusUnprocessableEntity, Title: "Refused"}},

	{pod.ErrTooLarge, rest.Problem{Status: http.StatusRequestEntityTooLarge}},
	{pod.ErrRefusedPlaintext, rest.Problem{Status: http.StatusUnprocessableEntity, Title: "Not a ciphertext made for this resource", Spec: "RFC 7516, Section 7.2.2"}},
	{pod.ErrExists, rest.Problem{Status: http.StatusPreconditionFailed, Title: "It exists already", Spec: "RFC 9110, Section 13.1.2"}},
	{pod.ErrPrecondition, rest.Problem{Status: http.StatusPreconditionFailed, Remedy: "Read it again before another try.", Spec: "RFC 9110, Section 13.1.1"}},
	{pod.ErrName, rest.Problem{Status: http.StatusNotFound}},
	{pod.ErrNotFound, rest.Problem{Status: http.StatusNotFound}},
	{pod.ErrUnavailable, rest.Problem{Status: http.StatusServiceUnavailable, Title: "The storage cannot be reached", Remedy: "Read before another try: whether a write took effect is not known."}},
	{pod.ErrDenied, rest.Problem{Status: http.StatusServiceUnavailable, Title: "The storage does not let the platform in"}},

	{profiles.ErrNotFound, rest.Problem{Status: http.StatusNotFound}},
	{profiles.ErrDeleted, rest.Problem{Status: http.StatusGone, Detail: "It was deleted and will not come back."}},

	{signin.ErrTicket, rest.Problem{Status: http.StatusBadRequest, Title: "Sign-in is not known", Remedy: "Start the sign-in again, in one browser."}},
	{signin.ErrRefused, rest.Problem{Status: http.StatusForbidden, Title: "Not signed in", Remedy: "Start the sign-in again."}},
	{signin.ErrAnswer, rest.Problem{Status: http.StatusForbidden, Title: "Not signed in", Remedy: "Start the sign-in again."}},
	{signin.ErrProvider, rest.Problem{Status: http.StatusBadGateway, Title: "The identity provider cannot be used now", Remedy: "Try again later."}},
}

// refusal maps an error of the core; nil for one that has no answer.
func refusal(err error) error {
	if full := (*holder.TooManyStamps)(nil); errors.As(err, &full) {
		return &rest.Problem{
			Status: http.StatusTooManyRequests, Title: "No more time-stamps today", Detail: "This vault had as many as it may have in a day.", Spec: "RFC 6585, Section 4",
			Remedy: "Wait as long as Retry-After says; evidence that is owed is made at the next opening.", Cause: err,
			Header: http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(full.Wait.Seconds())))}},
		}
	}
	for _, m := range answers {
		if !errors.Is(err, m.err) {
			continue
		}
		p := m.problem
		p.Cause = err
		switch {
		case errors.Is(m.err, holder.ErrInput):
			p.Detail = after(err, holder.ErrInput)
		case errors.Is(m.err, pod.ErrRefusedPlaintext):
			p.Detail = after(err, pod.ErrRefusedPlaintext)
		}
		return &p
	}
	return nil
}

// after is the text of an error without that of its sentinel. Both kinds it
// is used for name fields and rules and repeat nothing of the input.
func after(err, sentinel error) string {
	_, text, _ := strings.Cut(err.Error(), sentinel.Error()+": ")
	return text
}
