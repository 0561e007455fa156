package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/provider/magda/magdadev"
	"github.com/zegel-id/zegel/internal/provider/mapping"
)

// A record that a connector's mapping knows as promised is promised to the
// issuer, and is there when the supplier has it.
func TestPromisedRecord(t *testing.T) {
	at := time.Now()
	now := func() time.Time { return at }
	platform := httptest.NewServer(magdadev.Handler(magdadev.Config{
		Services: []magdadev.Service{{Declared: magda.LEDGeefBewijs(), Answers: fixtures.Answers(), Ready: readyAfter(demoWait, now)}}, Now: now,
	}))
	t.Cleanup(platform.Close)
	text := strings.Replace(string(mapping.LEDDeclaration()), "\nrefuse:\n", "\n"+fixtures.Later+"\nrefuse:\n", 1)
	path := filepath.Join(t.TempDir(), "led.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &IssuerConfig{Register: "suppliers.yaml", Connectors: []ConnectorConfig{{
		Supplier: "led", DataType: "led-diploma", Configuration: "led_diploma", Kind: "magda", Mapping: path,
		URL: platform.URL + magdadev.Path, Sender: "s", Security: SecurityConfig{Unsigned: true},
	}}}
	s, err := openSuppliers(c, fixtures.Register(), true, now)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := identifier.ParseINSZ(fixtures.WithPromise)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Collect(t.Context(), "led", subject, "c")
	if err != nil || len(got.Pending) != 1 || len(got.Datasets)+len(got.Refused) != 0 || got.Pending[0].Again != 10*time.Second || got.NoData {
		t.Fatalf("%+v %v", got, err)
	}
	record := got.Pending[0].Record
	at = at.Add(demoWait)
	if got, err = s.Collect(t.Context(), "led", subject, "c"); err != nil || len(got.Pending) != 0 || len(got.Datasets) != 1 || got.Datasets[0].Record != record {
		t.Errorf("%+v %v", got, err)
	}
}
