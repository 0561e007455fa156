// Package api is the HTTP of the verifiable credential API ("VCALM", 0.9): each
// issuer and holder below an address of its own, and one verifier.
//
// A handler decodes, calls package vcapi and returns. Which addresses there are,
// and which of the text are not, stands in docs/vc-api.md.
package api

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/rest/keyhistory"
	"github.com/zegel-id/zegel/vcapi"
)

// The permissions of clients.
const (
	// Issue lets a client have credentials signed, and change their status.
	Issue = "issue"
	// Hold lets it derive credentials, and have presentations signed.
	Hold = "hold"
	// Verify lets it have credentials and presentations verified.
	Verify = "verify"
)

// Options of the edge.
type Options struct {
	Issuers  []*vcapi.Issuer
	Holders  []*vcapi.Holder
	Verifier *vcapi.Verifier
	Contexts *vcapi.Contexts
	// Clients authenticates. InsecureAnybody, in its stead, lets everybody do
	// everything, for a listener that nobody else reaches; it must be called by a name
	// of this machine.
	Clients         rest.Authenticator
	InsecureAnybody bool
	// UnverifiedStatus answers for what does not hold: 200, the default, which the
	// text asks for, or 400, which the test suites of the W3C do.
	UnverifiedStatus int
	// Random is for derived proofs of bbs-2023: crypto/rand.Reader.
	Random io.Reader
	Log    *slog.Logger
	Now    func() time.Time
	// HTTPS: callers come over https although TLS ends before us.
	HTTPS          bool
	TrustedProxies []string
	// Health checks for /health/ready.
	Health map[string]rest.Check
	// KeyHistory is the public history of keys; nil serves none.
	KeyHistory keyhistory.History
}

type server struct {
	o       Options
	issuers map[string]*vcapi.Issuer
	holders map[string]*vcapi.Holder
}

// New makes the handler.
func New(o Options) (http.Handler, error) {
	if o.UnverifiedStatus == 0 {
		o.UnverifiedStatus = http.StatusOK
	}
	switch {
	case o.Verifier == nil || o.Contexts == nil || o.Random == nil || o.Log == nil || o.Now == nil:
		return nil, errors.New("vcapi/api: Verifier, Contexts, Random, Log and Now must be set")
	case (o.Clients == nil) != o.InsecureAnybody:
		return nil, errors.New("vcapi/api: either Clients or InsecureAnybody must be set")
	case o.UnverifiedStatus != http.StatusOK && o.UnverifiedStatus != http.StatusBadRequest:
		return nil, errors.New("vcapi/api: UnverifiedStatus must be 200 or 400")
	}
	s := server{o: o, issuers: map[string]*vcapi.Issuer{}, holders: map[string]*vcapi.Holder{}}
	for _, i := range o.Issuers {
		s.issuers[i.Name()] = i
	}
	for _, h := range o.Holders {
		s.holders[h.Name()] = h
	}
	if len(s.issuers) != len(o.Issuers) || len(s.holders) != len(o.Holders) {
		return nil, errors.New("vcapi/api: two issuers or two holders have one name")
	}
	e := rest.New(rest.Options{
		Log: o.Log, Now: o.Now, Clients: o.Clients, HTTPS: o.HTTPS, TrustedProxies: o.TrustedProxies, Errors: problem,
		MaxBody: 1536 << 10, Limiter: rest.NewLimiter(200, 400, 10_000, o.Now),
	})
	routes := s.routes()
	if o.InsecureAnybody {
		for i := range routes {
			routes[i].Permission, routes[i].Handler = "", local(routes[i].Handler)
		}
	}
	e.Mount(routes...)
	e.Mount(rest.Health(o.Health)...)
	e.Mount(keyhistory.Routes(o.KeyHistory)...)
	return e, nil
}

const vcalm = "VCALM 0.9, "

func (s server) routes() []rest.Route {
	return []rest.Route{
		{Method: "POST", Path: "/issuers/:issuer/credentials/issue", Handler: s.issue, Permission: Issue, Spec: vcalm + "Issue Credential"},
		{Method: "POST", Path: "/issuers/:issuer/credentials/status", Handler: s.status, Permission: Issue, MaxBody: 64 << 10, Spec: vcalm + "Update Status"},
		// Anybody looks a status up.
		{Method: "GET", Path: "/issuers/:issuer/status/:list/:purpose", Handler: s.statusList, CORS: true, Spec: "Bitstring Status List 1.0, Section 3.1"},
		{Method: "POST", Path: "/holders/:holder/presentations", Handler: s.present, Permission: Hold, Spec: vcalm + "Create Presentation"},
		{Method: "POST", Path: "/credentials/derive", Handler: s.derive, Permission: Hold, Spec: vcalm + "Derive Credential"},
		{Method: "POST", Path: "/credentials/verify", Handler: s.verifyCredential, Permission: Verify, Spec: vcalm + "Verify Credential"},
		{Method: "POST", Path: "/presentations/verify", Handler: s.verifyPresentation, Permission: Verify, Spec: vcalm + "Verify Presentation"},
	}
}
