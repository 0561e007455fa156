package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
)

// sealKeyState is what the admin socket tells of a seal key that is elsewhere.
type sealKeyState struct {
	Tenant string `json:"tenant"`
	// Signer is where it is; Certificate names its certificate.
	Signer      string    `json:"signer"`
	Certificate string    `json:"certificate"`
	Until       time.Time `json:"certificate_until"`
	State       string    `json:"state"` // ready or degraded
	Reason      string    `json:"reason,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	// AtOnce is how many signatures the signer makes at once for all, Busy how many
	// it makes now; Waiting are those of this tenant.
	AtOnce  int               `json:"at_once"`
	Busy    int               `json:"busy"`
	Waiting int               `json:"waiting"`
	Signed  map[string]uint64 `json:"signatures"` // by outcome
}

// ends is when the first certificate of the chain runs out: nothing is sealed after.
func (k *sealKey) ends() time.Time {
	return slices.MinFunc(k.key.chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

// sealRoutes tell of seal keys.
func (a *app) sealRoutes() []rest.Route {
	return []rest.Route{
		{Method: "GET", Path: "/signers", Handler: a.signersState, Spec: "admin"},
		{Method: "POST", Path: "/signers/replace", Handler: a.replaceSealKey, Spec: "admin", Timeout: 2 * time.Minute},
		{Method: "GET", Path: "/metrics", Handler: a.metrics, Spec: "admin"},
	}
}

// sealChecks are the health checks of seal keys.
func (a *app) sealChecks() map[string]rest.Check {
	checks := map[string]rest.Check{}
	for _, k := range a.seals.sorted() {
		checks[k.name()] = a.seals.health(k.tenant)
	}
	if a.c.Issuer == nil {
		return checks
	}
	for _, c := range a.c.Issuer.all() {
		if c.Seal == nil {
			checks[sealCheckName(c.Tenant)] = a.local.sealHealth(c.Tenant)
		}
	}
	return checks
}

func (s *sealKeys) sorted() []*sealKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []*sealKey
	for _, tenant := range slices.Sorted(maps.Keys(s.keys)) {
		out = append(out, s.keys[tenant])
	}
	return out
}

func (a *app) signersState(*rest.Request) (rest.Answer, error) {
	out := []sealKeyState{}
	for _, k := range a.seals.sorted() {
		out = append(out, k.state())
	}
	return rest.JSON(http.StatusOK, out), nil
}

func (k *sealKey) state() sealKeyState {
	st := k.queue.Status()
	k.mu.Lock()
	defer k.mu.Unlock()
	leaf := k.key.chain[0]
	s := sealKeyState{
		Tenant: k.tenant, Signer: k.key.where, Certificate: leaf.Subject.CommonName, Until: k.ends(), State: "ready",
		AtOnce: st.Slots, Busy: st.Busy, Waiting: st.Tenants[k.tenant].Waiting, Signed: maps.Clone(k.signed),
	}
	if k.away != nil {
		s.State, s.Reason, s.Since = "degraded", k.away.Error(), k.since
	}
	return s
}

// metrics are those of seal keys and of lists that are followed, as Prometheus reads
// them (text format 0.0.4).
func (a *app) metrics(*rest.Request) (rest.Answer, error) {
	var b bytes.Buffer
	keys := a.seals.sorted()
	family := func(name, kind, help string, each func(k *sealKey)) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		for _, k := range keys {
			each(k)
		}
	}
	gauge := func(name, help string, value func(k *sealKey) float64) {
		family(name, "gauge", help, func(k *sealKey) { fmt.Fprintf(&b, "%s{%s} %g\n", name, k.labels(), value(k)) })
	}
	gauge("zegel_seal_key_ready", "1 while the seal key can be reached and signs.", func(k *sealKey) float64 {
		if k.state().State == "ready" {
			return 1
		}
		return 0
	})
	gauge("zegel_seal_certificate_until_seconds", "When the seal certificate ends, or one above it, in seconds since 1970.", func(k *sealKey) float64 {
		return float64(k.ends().Unix())
	})
	gauge("zegel_seal_queue_waiting", "Signatures of the tenant that wait for the signer.", func(k *sealKey) float64 {
		return float64(k.queue.Status().Tenants[k.tenant].Waiting)
	})
	gauge("zegel_seal_queue_busy", "Signatures that the signer makes now, of all tenants in it.", func(k *sealKey) float64 { return float64(k.queue.Status().Busy) })
	gauge("zegel_seal_queue_slots", "Signatures that the signer makes at once, of all tenants in it.", func(k *sealKey) float64 { return float64(k.queue.Status().Slots) })
	family("zegel_seal_signatures_total", "counter", "Signatures that were asked for, by outcome.", func(k *sealKey) {
		signed := k.state().Signed
		for _, outcome := range sealOutcomes {
			fmt.Fprintf(&b, "zegel_seal_signatures_total{%s,outcome=%q} %d\n", k.labels(), outcome, signed[outcome])
		}
	})
	durations := func(name, help string, of func(*sealCounts) histogram) {
		family(name, "histogram", help, func(k *sealKey) {
			k.mu.Lock()
			h := of(&k.sealCounts)
			k.mu.Unlock()
			for n, bound := range histogramBounds {
				fmt.Fprintf(&b, "%s_bucket{%s,le=\"%g\"} %d\n", name, k.labels(), bound.Seconds(), h.below[n])
			}
			fmt.Fprintf(&b, "%s_bucket{%s,le=\"+Inf\"} %d\n%s_sum{%s} %g\n%s_count{%s} %d\n",
				name, k.labels(), h.count, name, k.labels(), h.sum.Seconds(), name, k.labels(), h.count)
		})
	}
	durations("zegel_seal_wait_seconds", "How long signatures waited for the signer.", func(c *sealCounts) histogram { return c.waited })
	durations("zegel_seal_sign_seconds", "How long the signer took.", func(c *sealCounts) histogram { return c.took })
	a.entityMetrics(&b)
	if a.lists != nil {
		a.lists.metrics(&b)
	}
	return rest.Text(http.StatusOK, "text/plain; version=0.0.4", b.Bytes()), nil
}

// labels of a metric. Values are escaped as the format wants.
func (k *sealKey) labels() string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace
	return fmt.Sprintf("tenant=\"%s\",signer=\"%s\"", escape(k.tenant), escape(k.key.where))
}
