package seal_test

import (
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// A list of providers that others publish names seal certificates themselves, and
// their authority is not known here. Whether such a certificate still counts is
// told by the list: it is not asked about for ever (EN 319 102-1, clause 5.2.6.4,
// step 1).
func TestCertificateThatTheListNames(t *testing.T) {
	h := newHierarchy(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	foreign := func(list string, more ...trust.Use) *seal.Validator {
		anchors := trust.Anchors{trust.UseListSigner: h.Anchors()[trust.UseListSigner]}
		for _, use := range more {
			anchors[use] = append(anchors[use], h.Seal.Certificate)
		}
		store, err := trust.NewStore(anchors, 0)
		if err != nil {
			t.Fatal(err)
		}
		if list == "" {
			return &seal.Validator{Trust: store}
		}
		l, err := store.VerifyList(list, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Install(l); err != nil {
			t.Fatal(err)
		}
		return &seal.Validator{Trust: store}
	}
	listed := foreign(h.List)
	end := listed.Trust.List().NextUpdate
	for name, c := range map[string]struct {
		v      *seal.Validator
		at     time.Time
		sub    seal.SubIndication
		failed []string
	}{
		"current":                     {listed, now.Add(time.Hour), "", nil},
		"the last second of the list": {listed, end.Add(-time.Second), "", nil},
		"the list ran out":            {listed, end, seal.TryLater, []string{seal.CheckChain, seal.CheckProviderList}},
		"withdrawn":                   {foreign(withdrawn(t, now)), now.Add(time.Hour), seal.NoCertificateChainNoPOE, []string{seal.CheckChain, seal.CheckProviderList}},
		// Who trusts a certificate without a list is told by nobody when to stop.
		"configured, not listed": {foreign("", trust.UseSeal), now.Add(time.Hour), seal.TryLater, []string{seal.CheckRevocation, seal.CheckProviderList}},
	} {
		got := validate(t, c.v, compact, c.at)
		if got.SubIndication != c.sub || !slices.Equal(got.Checks.Failures(), c.failed) || (got.Err() == nil) != (c.failed == nil) {
			t.Errorf("%s: found %s %s\n%s", name, got.Indication, got.SubIndication, got.Checks)
		}
		if good := got.Revocation.State == trust.Good; good != (c.failed == nil) {
			t.Errorf("%s: revocation %+v", name, got.Revocation)
		}
	}
	// Where the authority is trusted too, it is asked as ever.
	both := newValidator(t, h, now)
	both.Revocation = nil
	if got := validate(t, both, compact, now); got.SubIndication != seal.TryLater {
		t.Errorf("the authority is not asked: %s\n%s", got.SubIndication, got.Checks)
	}
}
