package rest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Check says whether something the server needs works.
type Check func(context.Context) error

// ErrDegraded is wrapped by a check for something without which the server is
// still ready: it is named, and the answer stays 200.
var ErrDegraded = errors.New("degraded")

// Health are the routes /health/live and /health/ready. Ready names the checks
// that fail; why stands in the log.
func Health(checks map[string]Check) []Route {
	live := func(*Request) (Answer, error) {
		return JSON(http.StatusOK, map[string]string{"status": "ok"}), nil
	}
	ready := func(r *Request) (Answer, error) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		var failing, degraded []string
		var causes []error
		for _, name := range slices.Sorted(maps.Keys(checks)) {
			if err := checks[name](ctx); errors.Is(err, ErrDegraded) {
				degraded = append(degraded, name)
			} else if err != nil {
				failing = append(failing, name)
				causes = append(causes, fmt.Errorf("%s: %w", name, err))
			}
		}
		if len(failing) > 0 {
			return Answer{}, &Problem{Status: http.StatusServiceUnavailable, Title: "Not ready", Detail: fmt.Sprintf("failing: %v", failing), Cause: errors.Join(causes...)}
		}
		if len(degraded) > 0 {
			return JSON(http.StatusOK, map[string]any{"status": "degraded", "degraded": degraded}), nil
		}
		return JSON(http.StatusOK, map[string]string{"status": "ready"}), nil
	}
	return []Route{
		{Method: http.MethodGet, Path: "/health/live", Handler: live, Quiet: true},
		{Method: http.MethodGet, Path: "/health/ready", Handler: ready, Quiet: true},
	}
}
