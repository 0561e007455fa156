package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/store/embedded"
	"github.com/zegel-id/zegel/verifier/policy"
	"github.com/zegel-id/zegel/verifier/receivers"
	"github.com/zegel-id/zegel/verifier/webhooks"
)

const policyDocument = `{"id":"own","version":"1","formats":["dc+sd-jwt"],"algorithms":["ES256"],"credentials":[{"type":"a:b","issuers":["https://i.example"],"registrations":["NTRBE-0999999922"]}]}`

func TestVerifierPolicies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.json")
	if err := os.WriteFile(file, []byte(strings.Replace(policyDocument, "own", "filed", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	v := VerifierConfig{Policies: []PolicyConfig{{Document: policyDocument}, {File: file}}, Accept: []AcceptConfig{{Type: "a:b", MaxAge: "8760h", WithoutExpiry: true}}, Relax: []policy.Relaxation{policy.RelaxIssuers}}
	if faults := v.checkPolicies(); faults != nil {
		t.Fatal(faults)
	}
	list, err := v.policies()
	if err != nil || len(list) != 2 || list[0].ID != "own" || list[1].ID != "filed" {
		t.Errorf("%v %v", list, err)
	}
	app := &app{c: &Config{Verifier: &v}}
	if a, err := app.accepted(); err != nil || a[0].MaxAge != 8760*time.Hour || !a[0].WithoutExpiry {
		t.Errorf("%+v", a)
	}
}

// Faults name the key, or the file and the member in it.
func TestVerifierPolicyFaults(t *testing.T) {
	v := VerifierConfig{Policies: []PolicyConfig{{}, {File: "a", Document: "b"}}, Accept: []AcceptConfig{{MaxAge: "a year"}}, Relax: []policy.Relaxation{"all"}}
	text := errors.Join(v.checkPolicies()...).Error()
	for _, want := range []string{"verifier.policies[0]: give either", "verifier.policies[1]: give either", "verifier.accept[0].max_age", `verifier.relax[0]: found "all", expected one of`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not hold %s", text, want)
		}
	}
	v = VerifierConfig{Policies: []PolicyConfig{{File: "/nowhere/p.json"}, {Document: strings.Replace(policyDocument, "ES256", "", 1) + "x"}, {Document: strings.Replace(policyDocument, `"own"`, `"Own"`, 1)}}}
	_, err := v.policies()
	if err == nil {
		t.Fatal("read")
	}
	for _, want := range []string{"verifier.policies[0].file", "verifier.policies[1].document: not strict JSON", "verifier.policies[2].document: id: expected"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not hold %s", err, want)
		}
	}
}

func TestVerifierWebhooks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0o600)
	v := VerifierConfig{Webhooks: []WebhookConfig{{Receiver: "a", URL: "https://a.example/hook", SecretFiles: []string{good, good}}}}
	if faults := v.checkWebhooks(ProfileProduction); faults != nil {
		t.Fatal(faults)
	}
	a := &app{c: &Config{}}
	out, err := a.webhooks(&v)
	if err != nil || len(out.Endpoints["a"].Secrets) != 2 || out.RetryFor != 24*time.Hour {
		t.Errorf("%+v %v", out, err)
	}
	v.Webhooks[0].SecretFiles = []string{write("open", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0o644), write("bad", "hunter2", 0o600), filepath.Join(dir, "none")}
	_, err = a.webhooks(&v)
	for _, want := range []string{"open may be read by others", "bad: webhooks: not a signing secret", "none is missing"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v does not hold %s", err, want)
		}
	}
	v = VerifierConfig{WebhookRetries: "ever", Webhooks: []WebhookConfig{{}, {Receiver: "b", URL: "http://b.example/"}, {Receiver: "b", URL: "https://u:p@b.example/"}}}
	text := errors.Join(v.checkWebhooks(ProfileProduction)...).Error()
	for _, want := range []string{"webhook_retries", "webhooks[0].receiver", "webhooks[0].url", "webhooks[0].secret_files", "webhooks[1].url", "webhooks[2].receiver", "webhooks[2].url"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not hold %s", text, want)
		}
	}
	if strings.Contains(text, "u:p") {
		t.Error("a password is repeated")
	}
}

// Whoever is named must be in the register.
func TestVerifierNames(t *testing.T) {
	register, err := receivers.Parse("receivers.yaml", []byte("receivers: []\n"), receivers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse("p", []byte(strings.Replace(policyDocument, `"version"`, `"receivers":["universty"],"version"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	v := VerifierConfig{Receivers: "receivers.yaml", Webhooks: []WebhookConfig{{Receiver: "employr"}}}
	err = v.checkNamed(register, []*policy.Policy{p})
	for _, want := range []string{`verifier.webhooks[0].receiver: found "employr"`, `policy own: receivers[0]: found "universty"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not hold %s", err, want)
		}
	}
}

// Webhooks go out through the bounded client: to the address of the
// configuration and, whatever that answers, to no other.
func TestWebhooksGoOut(t *testing.T) {
	var got, led atomic.Int32
	text := "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	check, err := standard.NewWebhook(text)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { led.Add(1) }))
	defer elsewhere.Close()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || check.Verify(b, r.Header) != nil || r.Method != "POST" {
			t.Errorf("%s %v", r.Method, err)
		}
		if got.Add(1) == 1 {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}
	}))
	defer endpoint.Close()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "store"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	v := VerifierConfig{Webhooks: []WebhookConfig{{Receiver: "a", URL: endpoint.URL, SecretFiles: []string{path}}}}
	if faults := v.checkWebhooks(ProfileDevelopment); faults != nil {
		t.Fatal(faults)
	}
	a := &app{c: &Config{Profile: ProfileDevelopment}, log: slog.New(slog.NewTextHandler(io.Discard, nil)), operator: fetch.Operator(fetch.Options{PlainLoopback: true})}
	config, err := a.webhooks(&v)
	if err != nil {
		t.Fatal(err)
	}
	var later atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	o, err := webhooks.New(config, st, now, func(context.Context, string, webhooks.Event) (webhooks.Verdict, error) { return webhooks.Yes, nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Put(t.Context(), webhooks.Event{Type: webhooks.Answered, Receiver: "a", Transaction: "r", State: "answered", Time: now(), Until: now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := o.Deliver(t.Context(), "a"); !fetch.Is(err, fetch.ReasonRedirect) {
		t.Errorf("a redirect: %v", err)
	}
	later.Store(int64(2 * time.Minute))
	if err := o.Deliver(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if got.Load() != 2 || led.Load() != 0 {
		t.Errorf("%d at the endpoint, %d elsewhere", got.Load(), led.Load())
	}
}
