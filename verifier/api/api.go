// Package api is the verifier's HTTP edge: the API by which admitted receivers
// ask and fetch results, the addresses that wallets come to (OpenID4VP 1.0),
// and the published register of receivers.
//
// A handler decodes, calls the verifier and returns. Citizens see the receivers'
// own pages, or one of ours that brings them to their wallet and back.
package api

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/rest/keyhistory"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/verifier"
)

// Permission lets a client start transactions and fetch their results. The
// client's id must be that of a receiver in the register: it acts as that one
// and no other.
const Permission = "present"

// Options of the edge.
type Options struct {
	// Clients are the receivers' API keys and certificates.
	Clients rest.Authenticator
	Store   store.Store
	// Secret, at least 32 bytes, keys idempotency records.
	Secret []byte
	Log    *slog.Logger
	Now    func() time.Time
	// HTTPS: callers come over https although TLS ends before us.
	HTTPS bool
	// TrustedProxies are addresses whose X-Forwarded-For is believed.
	TrustedProxies []string
	// Health checks for /health/ready.
	Health map[string]rest.Check
	// KeyHistory is the public history of keys; nil serves none.
	KeyHistory keyhistory.History
	// Streams bounds the event streams; 50 for a receiver and 2,000 in all if nil.
	Streams *rest.Slots
	// Seals bounds how many documents are judged at once; 4 for a receiver and 16 in
	// all if nil.
	Seals *rest.Slots
	// StreamPoll is how often each looks at the state; default 1 second.
	StreamPoll time.Duration
	// Observe is told of every request, for metrics.
	Observe func(method, route string, status int, took time.Duration)
}

type server struct {
	v          *verifier.Verifier
	streams    *rest.Slots
	seals      *rest.Slots   // being judged
	poll, beat time.Duration // of event streams
}

// New makes the handler.
func New(v *verifier.Verifier, o Options) (http.Handler, error) {
	if v == nil || o.Clients == nil || o.Store == nil || o.Log == nil || o.Now == nil {
		return nil, errors.New("verifier/api: the verifier, Clients, Store, Log and Now must be set")
	}
	idempotent, err := rest.NewIdempotency(rest.IdempotencyOptions{Store: o.Store, Secret: o.Secret, Now: o.Now})
	if err != nil {
		return nil, err
	}
	e := rest.New(rest.Options{
		Log: o.Log, Now: o.Now, Clients: o.Clients, HTTPS: o.HTTPS, TrustedProxies: o.TrustedProxies, Errors: problem, ErrorPage: errorPage, Observe: o.Observe,
		Limiter: rest.NewLimiter(200, 400, 10_000, o.Now),
	})
	s := server{v: v, streams: rest.NewSlots(streamsEach, streamsInAll), seals: rest.NewSlots(sealsEach, sealsInAll), poll: streamPoll, beat: streamBeat}
	if o.Streams != nil {
		s.streams = o.Streams
	}
	if o.Seals != nil {
		s.seals = o.Seals
	}
	if o.StreamPoll > 0 {
		s.poll = o.StreamPoll
	}
	e.Mount(s.routes(idempotent)...)
	e.Mount(rest.Health(o.Health)...)
	e.Mount(keyhistory.Routes(o.KeyHistory)...)
	return e, nil
}

const (
	vp  = "OpenID4VP 1.0, Section "
	kib = 1 << 10
)

func (s server) routes(idempotent *rest.Idempotency) []rest.Route {
	return []rest.Route{
		{Method: "POST", Path: "/verifier/v1/transactions", Handler: s.start, Permission: Permission, Idempotent: idempotent, MaxBody: 256 * kib, Spec: "verifier API"},
		{Method: "GET", Path: "/verifier/v1/transactions/:transaction", Handler: s.state, Permission: Permission, Spec: "verifier API"},
		{Method: "GET", Path: "/verifier/v1/transactions/:transaction/result", Handler: s.result, Once: true, Permission: Permission, Spec: "verifier API"},
		{Method: "GET", Path: "/verifier/v1/transactions/:transaction/evidence", Handler: s.evidence, Once: true, Permission: Permission, Spec: "verifier API"},
		{Method: "GET", Path: "/verifier/v1/transactions/:transaction/events", Handler: s.events, Once: true, Permission: Permission, Timeout: streamLife, Spec: "HTML Standard, Section 9.2"},
		{Method: "POST", Path: "/verifier/v1/transactions/:transaction/response", Handler: s.digital, Permission: Permission, MaxBody: 1536 * kib, Spec: "OpenID4VP 1.0, Appendix A.4"},
		{Method: "GET", Path: "/verifier/v1/policies", Handler: s.policies, Permission: Permission, Spec: "verifier API"},
		{Method: "POST", Path: "/verifier/v1/seals/validate", Handler: s.validateSeal, Permission: Permission, MaxBody: report.MaxFile, Spec: "ETSI EN 319 102-1, clause 5"},
		{Method: "GET", Path: "/verifier/v1/openapi.json", Handler: openAPI, Spec: "OpenAPI 3.1", CORS: true},

		// Each address holds a secret and serves one wallet, once.
		{Method: "GET", Path: "/request/:request", Handler: s.request, Once: true, Spec: "RFC 9101, Section 5.2", OAuth: true, CORS: true},
		{Method: "POST", Path: "/request/:request", Handler: s.postRequest, Spec: vp + "5.10", OAuth: true, CORS: true, MaxBody: 64 * kib},
		{Method: "POST", Path: "/response/:response", Handler: s.respond, Spec: vp + "8.3.1", OAuth: true, CORS: true, MaxBody: 1536 * kib},

		// Our page, for the one browser that opens it first.
		{Method: "GET", Path: "/ask/:page", Handler: s.ask, Once: true, Page: true, Spec: vp + "14.3"},
		{Method: "GET", Path: "/ask/:page/back", Handler: s.back, Once: true, Page: true, Spec: vp + "14.3"},
		{Method: "GET", Path: "/ask/:page/state", Handler: s.progress, Spec: vp + "14.3"},
		{Method: "POST", Path: "/ask/:page/response", Handler: s.answer, MaxBody: 1536 * kib, Spec: "OpenID4VP 1.0, Appendix A.4"},
		{Method: "GET", Path: "/ask.css", Handler: style, Spec: "our page"},
		{Method: "GET", Path: "/ask.js", Handler: script, Spec: "our page"},

		{Method: "GET", Path: "/receivers", Handler: s.receivers, Spec: "decree on the Flemish digital vault, art. 10", CORS: true},
		{Method: "GET", Path: "/receivers.jwt", Handler: s.receiversJWT, Spec: "decree on the Flemish digital vault, art. 10", CORS: true},
	}
}
