package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// ServeOptions of a server. The zero value is usable.
type ServeOptions struct {
	// TLS serves https; nil serves plain http. For mutual TLS it holds
	// ClientCAs and ClientAuth; Request.Certificate is the one that was shown.
	TLS *tls.Config
	// Log gets what net/http has to say about broken connections. Required.
	Log *slog.Logger
	// HeaderTimeout, ReadTimeout and WriteTimeout bound a slow caller. Default
	// 5 s, 30 s and 60 s.
	HeaderTimeout, ReadTimeout, WriteTimeout time.Duration
	// MaxHeader bounds the request's headers. Default 32 KiB.
	MaxHeader int
	// MaxConnections bounds open connections. Default 10,000.
	MaxConnections int
	// Grace is how long requests under way may take after the end. Default 20 s.
	Grace time.Duration
}

func (o *ServeOptions) defaults() error {
	if o.Log == nil {
		return errors.New("rest: ServeOptions.Log is required")
	}
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{{&o.HeaderTimeout, 5 * time.Second}, {&o.ReadTimeout, 30 * time.Second}, {&o.WriteTimeout, time.Minute}, {&o.Grace, 20 * time.Second}} {
		if *d.p <= 0 {
			*d.p = d.v
		}
	}
	if o.MaxHeader <= 0 {
		o.MaxHeader = 32 << 10
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 10_000
	}
	return nil
}

// Serve serves until ctx ends and then waits for requests under way. It owns
// the listener. Requests do not end with ctx, but with the grace time; long ones
// look at Stopping.
func Serve(ctx context.Context, l net.Listener, h http.Handler, o ServeOptions) error {
	if err := o.defaults(); err != nil {
		l.Close()
		return err
	}
	base, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), stoppingKey{}, ctx.Done()))
	defer cancel()
	s := &http.Server{
		Handler:           h,
		TLSConfig:         o.TLS.Clone(),
		ReadHeaderTimeout: o.HeaderTimeout,
		ReadTimeout:       o.ReadTimeout,
		WriteTimeout:      o.WriteTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    o.MaxHeader,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	l = netutil.LimitListener(l, o.MaxConnections)
	done := make(chan error, 1)
	go func() {
		if o.TLS == nil {
			done <- s.Serve(l)
			return
		}
		s.TLSConfig.MinVersion = max(s.TLSConfig.MinVersion, tls.VersionTLS12)
		done <- s.ServeTLS(l, "", "")
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), o.Grace)
	defer stop()
	err := s.Shutdown(grace)
	if err != nil {
		cancel()
		s.Close()
		err = fmt.Errorf("requests were cut off after %v: %w", o.Grace, err)
	}
	if serr := <-done; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}
