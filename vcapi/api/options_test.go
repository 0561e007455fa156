package api

import (
	"crypto/rand"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/vcapi"
)

// An edge that nobody guards must be asked for by name.
func TestOptionsAreChecked(t *testing.T) {
	known, err := vcapi.NewContexts(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vcapi.NewVerifier(vcapi.VerifierConfig{Contexts: known, Resolver: vcapi.NewResolver(nil, false), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	clients, err := rest.NewClients()
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		change func(*Options)
		good   bool
	}{
		"clients":        {func(*Options) {}, true},
		"anybody":        {func(o *Options) { o.Clients, o.InsecureAnybody = nil, true }, true},
		"neither":        {func(o *Options) { o.Clients = nil }, false},
		"both":           {func(o *Options) { o.InsecureAnybody = true }, false},
		"no verifier":    {func(o *Options) { o.Verifier = nil }, false},
		"no random":      {func(o *Options) { o.Random = nil }, false},
		"another status": {func(o *Options) { o.UnverifiedStatus = 500 }, false},
		"400":            {func(o *Options) { o.UnverifiedStatus = 400 }, true},
	} {
		o := Options{Verifier: v, Contexts: known, Clients: clients, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now}
		x.change(&o)
		if h, err := New(o); (err == nil) != x.good || (h != nil) != x.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
