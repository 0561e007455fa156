package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/europass"
)

const europassClaims = `{"title":"Kanarie bachelor","award_type":"Diploma","level":{"eqf":"6","vks":"6"},"authenticity":"Authentiek","supplier":{"name":"Kanarie"},"record":{"reference":"e6247988-1111-4222-8333-444455556666"},"awarding_institution":{"name":"Kanarieschool","country":"BE"}}`

// An institution asks for a file for Europass, which holds as a seal of the issuer.
func TestEuropass(t *testing.T) {
	w := start(t, func(w *world) {
		w.tune = func(c *issuer.Config) { c.Types[0].Europass = issuer.LEDEuropass() }
	})
	ask := func(client, configuration, claims string) answer {
		return w.as(client, "POST", "/issuance/v1/europass", map[string]any{"credential_configuration_id": configuration, "claims": json.RawMessage(claims)})
	}
	got := ask("OVO000001", "led_diploma", europassClaims)
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/jose+json" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	store, err := w.hierarchy.Store(w.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	lists, err := w.hierarchy.CRLs(nil, w.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, Revocation: lists}
	judged, file, err := v.ValidateJSON(t.Context(), got.body, europass.Typ, w.clock.now())
	if err != nil || judged.Err() != nil || judged.Level != seal.BaselineB || judged.Provider == nil {
		t.Fatalf("%s %v\n%s", judged.Level, err, judged.Checks)
	}
	if doc := string(file.Payload()); !file.General() || !strings.Contains(doc, "Kanarie bachelor") || strings.Contains(doc, "credentialStatus") {
		t.Errorf("document %s", doc)
	}
	events := 0
	for e, err := range w.uses.List(audit.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == audit.Issue && e.Detail == "europass" && e.Actor.ID == "OVO000001" {
			events++
		}
	}
	if events != 1 {
		t.Errorf("%d events in the use log", events)
	}

	for name, tc := range map[string]struct {
		client, configuration, claims string
		status                        int
		says                          string
	}{
		"no permission for claims":     {"OVO000002", "led_diploma", europassClaims, http.StatusForbidden, "offer:claims:led_diploma"},
		"unknown configuration":        {"OVO000001", "nothing", europassClaims, http.StatusBadRequest, "Unknown configuration"},
		"no configuration":             {"OVO000001", "", europassClaims, http.StatusBadRequest, "credential_configuration_id"},
		"claims that are none":         {"OVO000001", "led_diploma", `[]`, http.StatusBadRequest, "claims"},
		"claims that nobody describes": {"OVO000001", "led_diploma", strings.Replace(europassClaims, "title", "titel", 1), http.StatusUnprocessableEntity, "titel"},
	} {
		if got := ask(tc.client, tc.configuration, tc.claims); got.status != tc.status || !strings.Contains(string(got.body), tc.says) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	w.tune = func(*issuer.Config) {}
	w.restart()
	if got := ask("OVO000001", "led_diploma", europassClaims); got.status != http.StatusUnprocessableEntity || !strings.Contains(string(got.body), "No form for Europass") {
		t.Errorf("a type without: %d %s", got.status, got.body)
	}
}
