package seal_test

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
)

// withdrawn is the list of a hierarchy in which its public bodies lost their
// status at a time.
func withdrawn(t testing.TB, since time.Time) string {
	h := newHierarchy(t)
	list, err := jose.Parse(h.List)
	if err != nil {
		t.Fatal(err)
	}
	d, err := trust.Parse(list.Payload)
	if err != nil {
		t.Fatal(err)
	}
	d.LoTE.Scheme.Sequence++
	d.LoTE.Scheme.Issued = trust.Instant{Time: since}
	d.LoTE.Scheme.NextUpdate = trust.Instant{Time: since.AddDate(0, 3, 0)}
	for i := range d.LoTE.Entities {
		for j := range d.LoTE.Entities[i].Services {
			s := &d.LoTE.Entities[i].Services[j]
			s.History = []trust.ServiceHistory{{Name: s.Information.Name, Identity: s.Information.Identity, Status: s.Information.Status, StatusSince: *s.Information.StatusSince, Type: s.Information.Type}}
			s.Information.Status, s.Information.StatusSince = trust.StatusWithdrawn, &trust.Instant{Time: since}
		}
	}
	signer, err := seal.NewSealer(h.ListSigner.Key, []*x509.Certificate{h.ListSigner.Certificate}, seal.Options{Now: func() time.Time { return since }})
	if err != nil {
		t.Fatal(err)
	}
	compact, err := d.Sign(signer, since)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// A provider is looked up at the best signature time, in a list that is current
// now.
func TestProviderInTime(t *testing.T) {
	h, a := newHierarchy(t), newArchive(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	lifted := func(stamped bool) *evidence.File {
		f, err := evidence.Lift(compact)
		if err != nil {
			t.Fatal(err)
		}
		if stamped {
			a.stamp(f, evidence.SignatureTimeStamp, a.tsas[0], now)
		}
		return f
	}
	month := func(n int) time.Time { return now.AddDate(0, n, 0) }
	for name, tc := range map[string]struct {
		f    *evidence.File
		list string
		read time.Time // when the list was installed
		at   time.Time
		says string
	}{
		"listed":                   {lifted(true), h.List, now, month(1), ""},
		"list ran out":             {lifted(true), h.List, now, month(4), "NextUpdate was"},
		"withdrawn after a stamp":  {lifted(true), withdrawn(t, month(1)), month(1), month(2), ""},
		"withdrawn, never stamped": {lifted(false), withdrawn(t, month(1)), month(1), month(2), "withdrawn"},
		// Where the list alone anchors the certificate, its history does so, too.
		"list alone, withdrawn after a stamp":  {lifted(true), withdrawn(t, month(1)), month(1), month(2), ""},
		"list alone, withdrawn, never stamped": {lifted(false), withdrawn(t, month(1)), month(1), month(2), "no trusted chain"},
	} {
		anchors := h.Anchors()
		if strings.HasPrefix(name, "list alone") {
			delete(anchors, trust.UseSeal)
		}
		anchors[trust.UseTimeStamp] = []*x509.Certificate{a.tsas[0].Root}
		store, err := trust.NewStore(anchors, 0)
		if err != nil {
			t.Fatal(err)
		}
		l, err := store.VerifyList(tc.list, tc.read)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Install(l); err != nil {
			t.Fatal(err)
		}
		got := judge(t, &seal.Validator{Trust: store, InsecureAcceptUnknownRevocation: true}, tc.f, tc.at)
		var detail string
		for _, c := range got.Checks {
			if c.Name == seal.CheckProviderList {
				detail = c.Detail
			}
		}
		if (got.Err() == nil) != (tc.says == "") || tc.says != "" && (!slices.Contains(got.Checks.Failures(), seal.CheckProviderList) || !strings.Contains(detail, tc.says)) {
			t.Errorf("%s: %v, %s\n%s", name, got.Err(), detail, got.Checks)
		}
	}
}
