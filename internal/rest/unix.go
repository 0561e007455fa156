//go:build unix

package rest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// ServeUnix serves on a socket in the file system that only the server's own
// user may use, for the commands that talk to a running server. A socket that
// a dead server left behind is replaced; a living one is an error.
func ServeUnix(ctx context.Context, path string, h http.Handler, o ServeOptions) error {
	l, err := listenUnix(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	o.TLS = nil
	return Serve(ctx, ownUser{l}, h, o)
}

// ErrInUse is returned when another process serves on the socket.
var ErrInUse = errors.New("rest: another process serves on this socket")

func listenUnix(path string) (*net.UnixListener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("rest: %s is there and is no socket", path)
		}
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return nil, fmt.Errorf("%w: %s", ErrInUse, path)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("rest: %w", err)
	}
	// The socket is made in a folder of its own that nobody else may enter, so
	// that it is never open to others, not even before Chmod.
	temp, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("rest: %w", err)
	}
	defer os.RemoveAll(temp)
	inner := filepath.Join(temp, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: inner, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("rest: %w", err)
	}
	l.SetUnlinkOnClose(false) // it is about to move
	if err := errors.Join(os.Chmod(inner, 0o600), os.Rename(inner, path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("rest: %w", err)
	}
	return l, nil
}

// ownUser accepts only connections of the server's own user and of root, by
// what the kernel says of the peer.
type ownUser struct{ *net.UnixListener }

func (l ownUser) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if peerAllowed(c) {
			return c, nil
		}
		c.Close()
	}
}

// UnixClient talks to a server on a socket. The host of the URLs is ignored:
// use http://admin/.
func UnixClient(path string) *http.Client {
	return &http.Client{
		Timeout: 5 * time.Minute,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
