package unit_test

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Whether the citizen refuses, or nothing fits, or both: the receiver gets the
// same bytes, and only after the citizen was asked (OpenID4VP 1.0, Section
// 15.4.1).
func TestNoOracle(t *testing.T) {
	a := newAuthority(t, issuerURL)
	// One receiver for all, so that its request is the same.
	r := newReceiver(t, a, newNetwork())
	const level7 = `{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[{"path":["title"]},{"path":["level"],"values":[7]}]}]}`
	const title = `{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[{"path":["title"]}]}]}`
	cases := []struct {
		name, query  string
		agree, holds bool
		change       func(*sdjwt.Credential)
		items        int
	}{
		{name: "refused", query: title, holds: true, items: 1},
		{name: "refused, and holds nothing", query: title},
		{name: "agreed, and holds nothing", query: title, agree: true},
		{name: "agreed, and only another type", query: title, agree: true, holds: true, change: func(c *sdjwt.Credential) { c.Type = otherVCT }},
		{name: "agreed, and what there was is over", query: title, agree: true, holds: true, change: func(c *sdjwt.Credential) { c.Expires = at.Add(-time.Second) }},
		{name: "agreed, and another value", query: level7, agree: true, holds: true},
	}
	var first []string
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork()
			n.hosts["receiver.example"], n.hosts["register.example"] = r.net.hosts["receiver.example"], r.net.hosts["register.example"]
			v, p := newVault(t, n)
			if c.holds && c.change != nil {
				a.hold(t, v, 1, c.change)
			} else if c.holds {
				a.hold(t, v, 1)
			}
			r.ask(c.query)
			asked := false
			w := r.wallet(func(got unit.Consent) (bool, error) {
				asked = true
				if len(n.to("receiver.example")) != 1 {
					t.Error("something was sent before the citizen was asked")
				}
				if len(got.Items) != c.items || got.Organisation != "Receiver (TEST)" || got.Purpose != "Enrol" || got.LegalBasis == "" || got.PrivacyPolicy == "" || got.Receiver != receiverNumber {
					t.Errorf("%+v", got)
				}
				return c.agree, nil
			})
			w.HTTP, w.Random = n, deterministic{}
			shared, err := w.Answer(t.Context(), v, r.read(w))
			if !errors.Is(err, unit.ErrRefused) || !asked || shared.Receipt != "" {
				t.Fatalf("%v, asked: %v, %+v", err, asked, shared)
			}
			// The answer is encrypted, so that two are never the same bytes: same
			// headers, same length, same content.
			sent := n.to("receiver.example")
			if len(sent) != 2 {
				t.Fatalf("%q", sent)
			}
			head, body, _ := strings.Cut(sent[1], "\n\n")
			seen := []string{head, strconv.Itoa(len(body)), string(r.plain())}
			if seen[2] != `{"state":"state-state-state-state-1","error":"access_denied"}` {
				t.Errorf("%q", seen)
			}
			if first == nil {
				first = seen
			}
			if !slices.Equal(first, seen) {
				t.Errorf("the receiver can tell: %q, before %q", seen, first)
			}
			// The log says that it was refused, and nothing of what is held.
			if e := p.events(); len(e) != 1 || e[0] != (unit.Event{Kind: unit.EventRefuse, Organisation: receiverNumber, Purpose: "enrolment", LegalBasis: "Codex, art. 1 (TEST)"}) {
				t.Errorf("the log says %v", e)
			}
		})
	}
}

// What went wrong before the answer is nobody's business but the citizen's.
func TestNothingIsSent(t *testing.T) {
	a := newAuthority(t, issuerURL)
	errConsent := errors.New("the screen broke")
	cases := map[string]struct {
		consent func(r *receiver, p *pod) (bool, error)
		later   time.Duration
		want    error
		events  int
	}{
		"consent failed": {consent: func(*receiver, *pod) (bool, error) { return true, errConsent }, want: errConsent},
		"the log is down": {consent: func(_ *receiver, p *pod) (bool, error) {
			p.fail = failing("/vault/v1/events", http.StatusServiceUnavailable)
			return true, nil
		}},
		"the log refuses": {consent: func(_ *receiver, p *pod) (bool, error) {
			p.fail = failing("/vault/v1/events", http.StatusLocked)
			return true, nil
		}},
		"the vault is down": {consent: func(_ *receiver, p *pod) (bool, error) {
			p.fail = failing("/vault/v1/items/", http.StatusServiceUnavailable)
			return true, nil
		}},
		"over meanwhile":   {consent: func(*receiver, *pod) (bool, error) { return true, nil }, later: time.Hour, want: unit.ErrOver},
		"over and refused": {consent: func(*receiver, *pod) (bool, error) { return false, nil }, later: time.Hour, want: unit.ErrOver},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, p := newVault(t, r.net)
			a.hold(t, v, 2)
			w := r.wallet(func(unit.Consent) (bool, error) { return c.consent(r, p) })
			asked := r.read(w)
			w.Now = func() time.Time { return at.Add(c.later) }
			shared, err := w.Answer(t.Context(), v, asked)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || errors.Is(err, unit.ErrRefused) || shared.Receipt != "" {
				t.Errorf("%v, %+v", err, shared)
			}
			if sent := r.net.to("receiver.example"); len(sent) != 1 || len(r.posted) != 0 {
				t.Errorf("%q", sent)
			}
			p.fail = nil
			if entries, err := v.Entries(t.Context()); err != nil || len(entries) != 1 {
				t.Errorf("%v, %v", entries, err)
			}
		})
	}
}

func failing(path string, status int) func(*http.Request) int {
	return func(r *http.Request) int {
		if strings.HasPrefix(r.URL.Path, path) {
			return status
		}
		return 0
	}
}

// A request that asks for a credential without holder binding needs a state.
func TestStateIsNeeded(t *testing.T) {
	r := newReceiver(t, newAuthority(t, issuerURL), newNetwork())
	r.ask(`{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"require_cryptographic_holder_binding":false}]}`)
	r.request.State = ""
	if _, err := r.wallet(yes).Read(t.Context(), oid4vp.Link(r.request.ClientID, "https://receiver.example/request", "post")); err == nil {
		t.Error("accepted")
	}
}
