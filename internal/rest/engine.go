// Package rest is the HTTP edge that all roles share, and the one place that
// knows gin: routes as a list, strict decoding, byte and time limits, request
// ids, security headers, errors as answers, and one log event per request.
//
// A handler decodes, calls its role and returns an Answer or an error; it
// never writes to the connection. What is logged is the route's pattern and
// never its path, query, headers or body, because those hold codes, tokens and
// identifiers.
package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Options of an engine.
type Options struct {
	// Log gets one event per request. Required.
	Log *slog.Logger
	// Now is time.Now if nil.
	Now func() time.Time
	// Clients authenticates routes that have a permission.
	Clients Authenticator
	// Limiter bounds the rate of every route without one of its own.
	Limiter *Limiter
	// TrustedProxies are addresses or prefixes of proxies whose
	// X-Forwarded-For is believed.
	TrustedProxies []string
	// HTTPS says that callers come over https although TLS ends before us, so
	// that HSTS is sent. With TLS here it is sent anyway.
	HTTPS bool
	// CSP is the Content-Security-Policy of pages; a strict one if empty.
	CSP string
	// Timeout and MaxBody are those of routes that do not say. Default 30 s
	// and 64 KiB.
	Timeout time.Duration
	MaxBody int64
	// Errors maps errors of a role to *Problem or *OAuthError; nil for those it
	// does not know, which become a 500.
	Errors func(error) error
	// ErrorPage shows a refusal to people, on routes that are pages.
	ErrorPage func(*Request, *Problem) Answer
	// Observe is told of every request, for metrics.
	Observe func(method, route string, status int, took time.Duration)
}

// Handler answers a request.
type Handler func(*Request) (Answer, error)

// Route is one entry of a role's list.
type Route struct {
	Method, Path string
	Handler      Handler
	// Spec is the document and section that asks for the endpoint.
	Spec string
	// MaxBody and Timeout are the engine's if 0.
	MaxBody int64
	Timeout time.Duration
	// Permission is what the caller's client must have; empty lets anybody in.
	Permission string
	// Limit is the engine's if nil.
	Limit *Limiter
	// Idempotent makes the route safe to repeat with an Idempotency-Key.
	Idempotent *Idempotency
	// OAuth makes refusals by this package OAuth errors instead of problems.
	OAuth bool
	// Page makes them pages for people.
	Page bool
	// CORS lets scripts of any origin call the route. They bring no cookies.
	CORS bool
	// Once is for a GET that uses something up, such as a code: it does not
	// answer HEAD, by which that would be lost.
	Once bool
	// Quiet logs at debug level, for health checks.
	Quiet bool
}

// Engine is an http.Handler over a list of routes.
type Engine struct {
	o      Options
	gin    *gin.Engine
	routes []Route
}

const strictCSP = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// New makes an engine without routes.
func New(o Options) *Engine {
	if o.Log == nil {
		panic("rest: Options.Log is required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 64 << 10
	}
	if o.CSP == "" {
		o.CSP = strictCSP
	}
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.ContextWithFallback = true
	g.RedirectTrailingSlash = false
	g.RedirectFixedPath = false
	g.HandleMethodNotAllowed = true
	g.UseEscapedPath = true // an escaped slash in a parameter stays in it
	g.UnescapePathValues = true
	g.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := g.SetTrustedProxies(o.TrustedProxies); err != nil {
		panic(fmt.Sprintf("rest: Options.TrustedProxies: %v", err))
	}
	e := &Engine{o: o, gin: g}
	g.Use(e.around)
	g.NoRoute(e.serve(&Route{Handler: func(*Request) (Answer, error) {
		return Answer{}, &Problem{Status: http.StatusNotFound}
	}}))
	g.NoMethod(e.serve(&Route{Handler: func(*Request) (Answer, error) {
		return Answer{}, &Problem{Status: http.StatusMethodNotAllowed}
	}}))
	return e
}

// Mount adds routes. It panics on a route that could never work, because that
// is a fault of the program. GET routes answer HEAD too,
// unless they are Once.
func (e *Engine) Mount(routes ...Route) {
	for _, r := range routes {
		switch {
		case r.Handler == nil || r.Method == "" || !strings.HasPrefix(r.Path, "/"):
			panic(fmt.Sprintf("rest: route %s %q is not complete", r.Method, r.Path))
		case r.Permission != "" && e.o.Clients == nil:
			panic(fmt.Sprintf("rest: route %s %s asks for a permission but there are no clients", r.Method, r.Path))
		case r.Idempotent != nil && r.Idempotent.o.Lock <= max(r.Timeout, e.o.Timeout):
			panic(fmt.Sprintf("rest: route %s %s may take longer than the lock of its idempotency", r.Method, r.Path))
		}
		h := e.serve(&r)
		e.gin.Handle(r.Method, r.Path, h)
		if r.Method == http.MethodGet && !r.Once {
			e.gin.Handle(http.MethodHead, r.Path, h)
		}
		e.routes = append(e.routes, r)
	}
	e.preflights(routes)
}

// Routes is the list as it was mounted.
func (e *Engine) Routes() []Route { return slices.Clone(e.routes) }

// ServeHTTP implements http.Handler.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.gin.ServeHTTP(w, r) }

// preflights answers OPTIONS for the paths of new CORS routes (Fetch
// Standard, CORS protocol).
func (e *Engine) preflights(added []Route) {
	done := map[string]bool{}
	for _, r := range added {
		if !r.CORS || done[r.Path] {
			continue
		}
		done[r.Path] = true
		var methods []string
		for _, other := range e.routes {
			if other.Path == r.Path && other.CORS {
				methods = append(methods, other.Method)
			}
		}
		allow := strings.Join(methods, ", ")
		e.gin.Handle(http.MethodOptions, r.Path, e.serve(&Route{Path: r.Path, CORS: true, Quiet: true, Handler: func(*Request) (Answer, error) {
			return NoContent().With("Access-Control-Allow-Methods", allow).
				With("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, Idempotency-Key, OAuth-Client-Attestation, OAuth-Client-Attestation-PoP").
				With("Access-Control-Max-Age", "600"), nil
		}}))
	}
}

const stateKey = "zegel.state"

// state is what the log event needs of a request.
type state struct {
	request *Request
	refused string
	cause   error
	loud    bool // whatever the status, the cause belongs in the log
}

type idKey struct{}

// RequestID is the id of the request that a context belongs to, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

// around gives every request its id and headers, catches panics and writes the
// log event.
func (e *Engine) around(c *gin.Context) {
	begin := e.o.Now()
	id := requestID(c.Request.Header)
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), idKey{}, id))
	h := c.Writer.Header()
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if e.secure(c.Request) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	st := &state{request: &Request{HTTP: c.Request, ID: id, gin: c}}
	c.Set(stateKey, st)
	defer func() {
		abort := false
		if v := recover(); v != nil {
			abort = e.recovered(c, st, v)
		}
		e.log(c, st, e.o.Now().Sub(begin))
		if abort {
			panic(http.ErrAbortHandler)
		}
	}()
	c.Next()
}

func (e *Engine) secure(r *http.Request) bool { return r.TLS != nil || e.o.HTTPS }

// recovered answers a panic with 500, or cuts the connection when the answer
// had begun. The log gets the kind of the panic and the stack, not a text that
// could hold a value, unless the runtime wrote it.
func (e *Engine) recovered(c *gin.Context, st *state, v any) (abort bool) {
	if v == http.ErrAbortHandler {
		return true
	}
	cause := fmt.Errorf("panic with a %T", v)
	var rt interface{ RuntimeError() }
	if err, ok := v.(error); ok && errors.As(err, &rt) {
		cause = fmt.Errorf("panic: %w", err)
	}
	st.loud, st.cause = true, fmt.Errorf("%w\n%s", cause, debug.Stack())
	if c.Writer.Written() {
		return true
	}
	e.write(c, st, Answer{}, internal(cause))
	st.cause = fmt.Errorf("%w\n%s", cause, debug.Stack())
	return false
}

// serve runs one route.
func (e *Engine) serve(route *Route) gin.HandlerFunc {
	maxBody, timeout := route.MaxBody, route.Timeout
	if maxBody <= 0 {
		maxBody = e.o.MaxBody
	}
	if timeout <= 0 {
		timeout = e.o.Timeout
	}
	return func(c *gin.Context) {
		st := c.MustGet(stateKey).(*state)
		ctx, cancel := context.WithTimeout(c.Request.Context(), timeout)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		if c.Request.Body != nil {
			c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
		} else {
			c.Request.Body = io.NopCloser(strings.NewReader(""))
		}
		r := st.request
		r.HTTP, r.route, r.maxBody = c.Request, route, maxBody
		a, err := e.handle(r)
		e.write(c, st, a, err)
	}
}

// handle is what happens before the handler: who is it, too often, seen
// before.
func (e *Engine) handle(r *Request) (Answer, error) {
	if err := e.admit(r); err != nil {
		return Answer{}, err
	}
	if r.route.Idempotent != nil {
		return r.route.Idempotent.handle(r)
	}
	return r.route.Handler(r)
}

// write sends the answer or the refusal.
func (e *Engine) write(c *gin.Context, st *state, a Answer, err error) {
	if err == nil && a.err != nil {
		err = fmt.Errorf("encoding the answer: %w", a.err)
	}
	if err == nil && a.Status == 0 {
		err = errors.New("the handler returned neither an answer nor an error")
	}
	if err != nil {
		a, st.refused = e.refuse(st.request, err)
		st.cause = err
	}
	h := c.Writer.Header()
	if r := st.request.route; r != nil && r.CORS {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "ETag, WWW-Authenticate, DPoP-Nonce, OAuth-Client-Attestation-Challenge, X-Request-Id")
	}
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if strings.HasPrefix(a.Type, "text/html") {
		h.Set("Content-Security-Policy", e.o.CSP)
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	if werr := a.write(c.Writer, c.Request, e.secure(c.Request)); werr != nil {
		if st.cause == nil {
			st.cause = fmt.Errorf("writing the answer: %w", werr)
		}
		if a.stream != nil {
			st.loud = true
			panic(http.ErrAbortHandler) // a cut stream must not look complete
		}
	}
}
