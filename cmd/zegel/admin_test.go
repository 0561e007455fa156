package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// Where no server listens the operator is told how to start one; who stopped asking
// is told that.
func TestAdminWithoutServer(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	if err := admin(t.Context(), socket, "GET", "/keys", nil, nil); err == nil || !strings.Contains(err.Error(), "no server listens on "+socket) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := admin(ctx, socket, "GET", "/keys", nil, nil); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "no server") {
		t.Errorf("stopped: %v", err)
	}
	if _, err := fetchLists(ctx, socket, &meter{}); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "no server") {
		t.Errorf("stopped: %v", err)
	}
}
