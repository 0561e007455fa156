package main

import (
	"context"
	"crypto/x509"
	"log/slog"
	"testing"
	"time"
)

// A certificate above that of the seal has ended: nothing is issued, and health says so.
func TestChainEndedIsDegraded(t *testing.T) {
	now := time.Now()
	k := &sealKey{now: time.Now, log: slog.New(slog.DiscardHandler), key: &signerKey{
		chain: []*x509.Certificate{{NotAfter: now.Add(time.Hour)}, {NotAfter: now.Add(-time.Hour)}},
		check: func(context.Context) error { return nil },
	}}
	if err := k.ask(t.Context()); err != nil || k.health(t.Context()) == nil {
		t.Errorf("%v; a chain that has ended is healthy", err)
	}
	if !k.ends().Equal(now.Add(-time.Hour)) {
		t.Errorf("it ends at %s", k.ends())
	}
}
