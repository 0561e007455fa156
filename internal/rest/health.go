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

// Health are the routes /health/live and /health/ready. Ready names the checks
// that fail; why stands in the log.
func Health(checks map[string]Check) []Route {
	live := func(*Request) (Answer, error) {
		return JSON(http.StatusOK, map[string]string{"status": "ok"}), nil
	}
	ready := func(r *Request) (Answer, error) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		var failing []string
		var causes []error
		for _, name := range slices.Sorted(maps.Keys(checks)) {
			if err := checks[name](ctx); err != nil {
				failing = append(failing, name)
				causes = append(causes, fmt.Errorf("%s: %w", name, err))
			}
		}
		if len(failing) > 0 {
			return Answer{}, &Problem{Status: http.StatusServiceUnavailable, Title: "Not ready", Detail: fmt.Sprintf("failing: %v", failing), Cause: errors.Join(causes...)}
		}
		return JSON(http.StatusOK, map[string]string{"status": "ready"}), nil
	}
	return []Route{
		{Method: http.MethodGet, Path: "/health/live", Handler: live, Quiet: true},
		{Method: http.MethodGet, Path: "/health/ready", Handler: ready, Quiet: true},
	}
}
