package main

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Who gave up is not told that there is no server, and no directory is read in its
// place.
func TestListensEndsWithTheCommand(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	if listens(t.Context(), socket) {
		t.Error("nobody listens")
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if !listens(t.Context(), socket) {
		t.Error("somebody listens")
	}
	l.SetUnlinkOnClose(false) // as a server that was killed leaves it
	if err := l.Close(); err != nil || listens(t.Context(), socket) {
		t.Errorf("nobody listens any more: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	var said strings.Builder
	cmd.SetErr(&said)
	if _, err := listedKeys(cmd, socket, ""); !errors.Is(err, context.Canceled) || said.Len() > 0 {
		t.Errorf("%v %s", err, &said)
	}
}
