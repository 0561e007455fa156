package unit_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/holder/unit"
)

func statusChecker(t testing.TB, n *network) *status.Checker {
	t.Helper()
	return must(status.NewChecker(lists{n}, status.CheckerOptions{Now: now}))(t)
}

// A copy that is known to be revoked is not offered; one whose status cannot be
// had is, with a warning.
func TestStatus(t *testing.T) {
	a := newAuthority(t, issuerURL)
	list := func(v status.Value) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(a.statusToken(t, issuerURL+"/status/1", v)))
		}
	}
	for _, c := range []struct {
		name             string
		list             http.Handler
		set              func(p *unit.Presentation)
		offered, warning bool
	}{
		{name: "valid", list: list(status.Valid), offered: true},
		{name: "revoked", list: list(status.Invalid)},
		{name: "suspended", list: list(status.Suspended)},
		{name: "unreachable", offered: true, warning: true},
		{name: "failing", list: http.NotFoundHandler(), offered: true, warning: true},
		{name: "signed by nobody we know", list: list(status.Invalid), set: func(p *unit.Presentation) { p.StatusTrust = nil }, offered: true, warning: true},
		{name: "no way to ask", list: list(status.Invalid), set: func(p *unit.Presentation) { p.Status = nil }, offered: true, warning: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, _ := newVault(t, r.net)
			a.hold(t, v, 1)
			if c.list != nil {
				r.net.hosts["issuer.example"] = c.list
			}
			var seen unit.Consent
			w := r.wallet(func(got unit.Consent) (bool, error) { seen = got; return true, nil })
			w.Status, w.StatusTrust, w.Languages = statusChecker(t, r.net), a.statusTrust, []string{"en"}
			if c.set != nil {
				c.set(&w)
			}
			_, err := w.Answer(t.Context(), v, r.read(w))
			if c.offered != (err == nil) || c.offered != (len(seen.Items) == 1) || !c.offered && !errors.Is(err, unit.ErrRefused) {
				t.Fatalf("%v, %+v", err, seen)
			}
			warned := len(seen.Warnings) == 1 && strings.Contains(seen.Warnings[0], "could not be checked")
			if warned != c.warning || c.offered && seen.Items[0].Unchecked != c.warning {
				t.Errorf("%+v", seen)
			}
		})
	}
	// Of two copies, the one that is not revoked is taken, though it was shown
	// more often.
	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	l := must(status.NewList(2, 64))(t)
	n := uint64(20)
	it := a.hold(t, v, 2, func(c *sdjwt.Credential) { n++; c.Status = sdjwt.StatusList{Index: n, URI: issuerURL + "/status/1"} })
	if err := l.Put(21, status.Invalid); err != nil {
		t.Fatal(err)
	}
	r.net.hosts["issuer.example"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(a.listToken(t, issuerURL+"/status/1", l)))
	})
	w := r.wallet(yes)
	w.Status, w.StatusTrust = statusChecker(t, r.net), a.statusTrust
	for range 2 {
		must(w.Answer(t.Context(), v, r.read(w)))(t)
	}
	after, _, err := v.Item(t.Context(), it.Name)
	if err != nil || after.Copies[0].Shown != 0 || after.Copies[1].Shown != 2 {
		t.Errorf("%d and %d, %v", after.Copies[0].Shown, after.Copies[1].Shown, err)
	}
}
