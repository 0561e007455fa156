package rest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
)

// sane is what a request id from outside may look like: a UUID or a trace id.
// Free text could carry an identifier of a citizen into the log.
var sane = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})$`)

// requestID takes the caller's id if it is sane, and makes one otherwise.
func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "X-Correlation-Id"} {
		if id := h.Get(name); sane.MatchString(id) {
			return id
		}
	}
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// log writes the one event of a request.
func (e *Engine) log(c *gin.Context, st *state, took time.Duration) {
	route, method, status := c.FullPath(), c.Request.Method, c.Writer.Status()
	if route == "" {
		route = "(none)"
	}
	if !slices.Contains(methods, method) {
		method = "(other)"
	}
	if e.o.Observe != nil {
		e.o.Observe(method, route, status, took)
	}
	r := st.request
	level := slog.LevelInfo
	if r.route != nil && r.route.Quiet {
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", status),
		slog.Duration("took", took), slog.Int("bytes", max(c.Writer.Size(), 0)), slog.String("request_id", r.ID),
	}
	if r.Client.ID != "" {
		attrs = append(attrs, slog.String("client", r.Client.ID))
	}
	if st.refused != "" {
		attrs = append(attrs, slog.String("refused", st.refused))
	}
	if st.cause != nil && (status >= 500 || st.loud) {
		level = slog.LevelError
		attrs = append(attrs, slog.String("cause", st.cause.Error()))
		if u := behind(st.cause); u != nil {
			attrs = append(attrs, slog.String("root", u.Error()))
		}
	}
	e.o.Log.LogAttrs(context.WithoutCancel(c.Request.Context()), level, "request", attrs...)
}

// behind is the cause of a refusal whose own text does not tell it.
func behind(err error) error {
	var p *Problem
	var o *OAuthError
	switch {
	case errors.As(err, &p):
		return p.Cause
	case errors.As(err, &o):
		return o.Cause
	}
	return nil
}
