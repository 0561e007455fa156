package unit_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// archived is a vault whose platform carries requests to a time-stamp authority,
// and the archive of its wallet unit. The clock of all moves.
type archived struct {
	*authority
	net    *network
	vault  *unit.Vault
	pod    *pod
	clock  time.Time
	stamps http.Handler // at the platform
	months []string     // that the platform was told
}

func (x *archived) now() time.Time { return x.clock }

func newArchived(t testing.TB) *archived {
	x := &archived{authority: newAuthority(t, issuerURL), net: newNetwork(), clock: at}
	x.vault, x.pod = newVault(t, x.net)
	x.vault.Platform.Now = x.now
	items := x.net.hosts["vault.example"]
	x.net.hosts["vault.example"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/vault/v1/timestamps":
			x.stamps.ServeHTTP(w, r)
		case "/vault/v1/reminder":
			b, _ := io.ReadAll(r.Body)
			x.months = append(x.months, string(b))
			w.WriteHeader(http.StatusNoContent)
		default:
			items.ServeHTTP(w, r)
		}
	})
	return x
}

// authorityUntil is a time-stamp authority whose certificate runs out.
func (x *archived) authorityUntil(t testing.TB, end time.Time) *devtsa.Authority {
	t.Helper()
	return must(devtsa.New(devtsa.Options{Now: x.now, NotBefore: x.clock.Add(-time.Hour), NotAfter: end}))(t)
}

// archive trusts authorities, with lists of today.
func (x *archived) archive(t testing.TB, authorities ...*devtsa.Authority) unit.Archive {
	t.Helper()
	anchors := x.Anchors()
	for _, a := range authorities {
		anchors[trust.UseTimeStamp] = append(anchors[trust.UseTimeStamp], a.Root)
	}
	if err := x.Refresh(x.clock); err != nil {
		t.Fatal(err)
	}
	store := must(trust.NewStore(anchors, 0))(t)
	list := must(store.VerifyList(x.List, x.clock))(t)
	if err := store.Install(list); err != nil {
		t.Fatal(err)
	}
	crls := must(x.CRLs(nil, x.now))(t)
	x.publish(t, crls, authorities...)
	return unit.Archive{Stamper: x.vault.Platform.Stamper(store, rand.Reader), Lists: crls, Seals: &seal.Validator{Trust: store, Revocation: crls}, Now: x.now}
}

// court judges when nothing of the issuer is published any more.
func (x *archived) court(t testing.TB, authorities ...*devtsa.Authority) *seal.Validator {
	t.Helper()
	anchors := trust.Anchors{trust.UseSeal: x.Anchors()[trust.UseSeal]}
	for _, a := range authorities {
		anchors[trust.UseTimeStamp] = append(anchors[trust.UseTimeStamp], a.Root)
	}
	crls := trust.NewCRLs(nil, x.now)
	x.publish(t, crls, authorities...)
	return &seal.Validator{Trust: must(trust.NewStore(anchors, 0))(t), Revocation: crls, SkipProviderList: true}
}

// publish is what authorities say of their certificates today.
func (x *archived) publish(t testing.TB, crls *trust.CRLs, authorities ...*devtsa.Authority) {
	t.Helper()
	for _, a := range authorities {
		der := must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(x.clock.Unix()), ThisUpdate: x.clock.Add(-time.Minute), NextUpdate: x.clock.AddDate(0, 0, 7)}, a.Root, a.RootKey))(t)
		if err := crls.Add(der, a.Root); err != nil {
			t.Fatal(err)
		}
	}
}

// relay serves an authority as the platform carries to it.
func relay(a *devtsa.Authority) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := a.Do(r)
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
		_, _ = io.Copy(w, res.Body)
	})
}

func (x *archived) tend(t testing.TB, a unit.Archive) unit.Tended {
	t.Helper()
	all, err := a.Tend(t.Context(), x.vault)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	return all[0]
}

func (x *archived) judged(t testing.TB, seals *seal.Validator, credential string) seal.Validation {
	t.Helper()
	b, _, err := x.vault.Evidence(t.Context(), credential)
	if err != nil {
		t.Fatal(err)
	}
	return must(seals.ValidateEvidence(t.Context(), must(evidence.Parse(b))(t), x.clock))(t)
}

// Evidence is made of one copy, lies encrypted beside the credential, is found
// again, and goes with it. What leaves the unit for a time-stamp are digests.
func TestArchive(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(2, 0, 0))
	x.stamps = relay(tsa)
	a := x.archive(t, tsa)
	it := x.hold(t, x.vault, 3)
	before := len(x.net.to("vault.example"))
	got := x.tend(t, a)
	if got.Done != unit.DoneMade || got.Level != seal.BaselineLTA || got.Credential != it.Name || got.Err != nil || !got.StampBefore.Equal(at.AddDate(2, 0, 0)) {
		t.Fatalf("%+v", got)
	}
	if v := x.judged(t, a.Seals, it.Name); v.Indication != seal.TotalPassed || v.Level != seal.BaselineLTA || v.Err() != nil {
		t.Errorf("%+v", v)
	}
	// Its disclosures are with it, of the copy that is presented last.
	b, e, err := x.vault.Evidence(t.Context(), it.Name)
	f := must(evidence.Parse(b))(t)
	if err != nil || e.Of != it.Name || len(f.Disclosures()) == 0 {
		t.Errorf("%+v, %v", e, err)
	}
	last := strings.Trim(string(it.Copies[2].Credential), `"`)
	if token := must(f.Compact())(t); !strings.HasPrefix(last, token+"~") {
		t.Error("the evidence is of another copy than the last")
	}
	for _, sent := range x.net.to("vault.example")[before:] {
		for _, c := range it.Copies {
			text := strings.Trim(string(c.Credential), `"`)
			token, _, _ := strings.Cut(text, "~")
			if strings.Contains(sent, token[len(token)-40:]) || strings.Contains(sent, token[:80]) {
				t.Errorf("a credential left the unit: %.60s", sent)
			}
		}
	}
	if !slices.Equal(x.months, []string{`{"open_before":"2028-11"}`}) {
		t.Errorf("%q", x.months)
	}
	// Nothing more is to be done.
	n := len(x.net.to("vault.example"))
	if got := x.tend(t, a); got.Done != unit.DoneKept || got.Level != seal.BaselineLTA || len(x.net.to("vault.example")) != n+1 {
		t.Errorf("%+v, %d requests", got, len(x.net.to("vault.example"))-n)
	}
	if err := x.vault.Remove(t.Context(), it.Name); err != nil {
		t.Fatal(err)
	}
	if names := x.pod.names(); len(names) != 1 {
		t.Errorf("%v are left beside the index", names)
	}
}

// A certificate that has run out, and an authority whose certificate has: stamped
// again in time the seal holds, and without it does not.
func TestArchiveOverTime(t *testing.T) {
	for name, renews := range map[string]bool{"stamped again": true, "not": false} {
		t.Run(name, func(t *testing.T) {
			x := newArchived(t)
			first := x.authorityUntil(t, at.AddDate(1, 0, 0))
			x.stamps = relay(first)
			it := x.hold(t, x.vault, 2)
			if got := x.tend(t, x.archive(t, first)); got.Done != unit.DoneMade {
				t.Fatalf("%+v", got)
			}
			// Ten months later; a new authority.
			x.clock = at.AddDate(0, 10, 0)
			second := x.authorityUntil(t, at.AddDate(20, 0, 0))
			x.stamps = relay(second)
			if renews {
				got := x.tend(t, x.archive(t, first, second))
				if got.Done != unit.DoneRenewed || got.Level != seal.BaselineLTA || !got.StampBefore.After(at.AddDate(3, 0, 0)) {
					t.Fatalf("%+v", got)
				}
				if x.months[len(x.months)-1] == x.months[0] {
					t.Errorf("%q", x.months)
				}
			}
			// The certificates of the seal and of the first authority have run out.
			end := x.Seal.Certificate.NotAfter
			x.clock = end.AddDate(0, 0, 1)
			v := x.judged(t, x.court(t, first, second), it.Name)
			if holds := v.Indication == seal.TotalPassed && v.Err() == nil; holds != renews {
				t.Errorf("%s %s: %v", v.Indication, v.SubIndication, v.Err())
			}
		})
	}
}

// An authority that is away, or that lies, costs no credential: the evidence is
// owed, and made when it can be.
func TestArchiveOwed(t *testing.T) {
	x := newArchived(t)
	tsa, stranger := x.authorityUntil(t, at.AddDate(2, 0, 0)), x.authorityUntil(t, at.AddDate(2, 0, 0))
	a := x.archive(t, tsa)
	it := x.hold(t, x.vault, 2)
	for name, h := range map[string]http.Handler{
		"away":     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }),
		"stranger": relay(stranger),
		"noise": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			_, _ = w.Write([]byte("\x30\x03\x02\x01\x00"))
		}),
		"an earlier answer": func() http.Handler {
			var kept []byte
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				res, _ := tsa.Do(r)
				b, _ := io.ReadAll(res.Body)
				if kept == nil {
					kept = bytes.Clone(b)
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				w.Header().Set("Content-Type", "application/timestamp-reply")
				_, _ = w.Write(kept)
			})
		}(),
	} {
		x.stamps = h
		for range 2 {
			if got := x.tend(t, a); got.Done != unit.DoneNothing || !errors.Is(got.Err, seal.ErrArchive) || got.Evidence != "" {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if _, _, err := x.vault.Evidence(t.Context(), it.Name); !errors.Is(err, unit.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// It goes away after the first time-stamp: that one is kept, the rest is owed.
	n := 0
	x.stamps = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n > 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		relay(tsa).ServeHTTP(w, r)
	})
	if got := x.tend(t, a); got.Done != unit.DoneMade || got.Level != seal.BaselineLT || !errors.Is(got.Err, seal.ErrArchive) {
		t.Errorf("%+v", got)
	}
	x.stamps = relay(tsa)
	if got := x.tend(t, a); got.Done != unit.DoneLifted || got.Level != seal.BaselineLTA || got.Err != nil {
		t.Errorf("%+v", got)
	}
}

// Wherever it breaks off, calling it again makes one evidence, and the pod holds
// nothing beside it.
func TestArchiveBreaksOff(t *testing.T) {
	for step := 1; ; step++ {
		x := newArchived(t)
		tsa := x.authorityUntil(t, at.AddDate(2, 0, 0))
		x.stamps = relay(tsa)
		a := x.archive(t, tsa)
		it := x.hold(t, x.vault, 2)
		n := 0
		x.net.after = func(*http.Request) error {
			if n++; n >= step {
				return errLine
			}
			return nil
		}
		_, err := a.Tend(t.Context(), x.vault)
		broke := n >= step
		x.net.after = nil
		got := x.tend(t, a)
		if got.Level != seal.BaselineLTA || got.Err != nil {
			t.Fatalf("step %d: %+v", step, got)
		}
		entries := must(x.vault.Entries(t.Context()))(t)
		if len(entries) != 2 || x.judged(t, a.Seals, it.Name).Err() != nil {
			t.Fatalf("step %d: %d entries", step, len(entries))
		}
		if !broke {
			if err != nil {
				t.Error(err)
			}
			if step < 6 {
				t.Errorf("only %d steps", step)
			}
			return
		}
	}
}

// What an index or an envelope says that the platform, or who knows the vault's
// key, put there is held against the credential.
func TestArchiveSwapped(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(2, 0, 0))
	x.stamps = relay(tsa)
	a := x.archive(t, tsa)
	one, two := x.hold(t, x.vault, 2), x.hold(t, x.vault, 2)
	if _, err := a.Tend(t.Context(), x.vault); err != nil {
		t.Fatal(err)
	}
	_, e1, err := x.vault.Evidence(context.Background(), one.Name)
	if err != nil {
		t.Fatal(err)
	}
	_, e2, err := x.vault.Evidence(context.Background(), two.Name)
	if err != nil {
		t.Fatal(err)
	}
	x.pod.mu.Lock()
	x.pod.items[e1.Name] = x.pod.items[e2.Name]
	x.pod.mu.Unlock()
	if b, _, err := x.vault.Evidence(t.Context(), one.Name); err == nil || b != nil {
		t.Error("the evidence of another credential is taken")
	}
}

// By its evidence a credential is judged when its certificate has run out; by that
// of another one never.
func TestProven(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(20, 0, 0))
	x.stamps = relay(tsa)
	a := x.archive(t, tsa)
	one, two := x.hold(t, x.vault, 2), x.hold(t, x.vault, 2)
	if _, err := a.Tend(t.Context(), x.vault); err != nil {
		t.Fatal(err)
	}
	of := func(it unit.Item) []byte {
		t.Helper()
		b, _, err := x.vault.Evidence(t.Context(), it.Name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	x.clock = x.Seal.Certificate.NotAfter.AddDate(0, 0, 1)
	s := unit.Issuance{Seals: x.court(t, tsa), Now: x.now}
	if v, err := s.Sealed(t.Context(), one); err != nil || v.Err() == nil {
		t.Errorf("without evidence: %s, %v", v.Indication, err)
	}
	v, err := s.Proven(t.Context(), one, of(one))
	if err != nil || v.Err() != nil || v.Level != seal.BaselineLTA || !v.BestSignatureTime.Equal(at) {
		t.Errorf("%s %s %s, %v, %v", v.Indication, v.Level, v.BestSignatureTime, err, v.Err())
	}
	if v, err := s.Proven(t.Context(), one, of(two)); err == nil || v.Certificate != nil {
		t.Errorf("by the evidence of another: %s, %v", v.Indication, err)
	}
	if _, err := s.Proven(t.Context(), one, []byte("{}")); !errors.Is(err, unit.ErrEvidence) {
		t.Error(err)
	}
	// The copies without evidence are presented first: they must be what was sealed, by
	// the same certificate.
	stranger := newAuthority(t, issuerURL).issue(t, one.Copies[0].Key.Public())
	for name, c := range map[string]struct {
		copy int
		text string
	}{
		"a changed disclosure":                     {1, changed(t, one.Copies[1].Credential, '~', 5, "AA")},
		"a changed disclosure of another copy":     {0, changed(t, one.Copies[0].Credential, '~', 5, "AA")},
		"a changed signature of another copy":      {0, changed(t, one.Copies[0].Credential, '~', -10, "AAAA")},
		"another copy by another of the same name": {0, stranger},
	} {
		other := one
		other.Copies = slices.Clone(one.Copies)
		other.Copies[c.copy].Credential = quoted(c.text)
		if v, err := s.Proven(t.Context(), other, of(one)); err == nil && v.Err() == nil {
			t.Errorf("%s is proven", name)
		}
	}
}

// While an authority still has the same certificate nothing is gained by stamping
// again, and evidence has room for a number of stamps: however often the vault is
// opened, it is kept as it is, and can be stamped again when there is something to
// gain.
func TestArchiveGainsNothing(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(1, 0, 0))
	x.stamps = relay(tsa)
	it := x.hold(t, x.vault, 2)
	made := x.tend(t, x.archive(t, tsa))
	before, _, err := x.vault.Evidence(t.Context(), it.Name)
	if err != nil {
		t.Fatal(err)
	}
	x.clock = at.AddDate(0, 10, 0)
	a := x.archive(t, tsa)
	for range 70 {
		if got := x.tend(t, a); got.Done != unit.DoneKept || got.Err != nil || !got.StampBefore.Equal(made.StampBefore) {
			t.Fatalf("%+v", got)
		}
	}
	if after, _, err := x.vault.Evidence(t.Context(), it.Name); err != nil || !bytes.Equal(after, before) {
		t.Errorf("it grew from %d to %d bytes, %v", len(before), len(after), err)
	}
	second := x.authorityUntil(t, at.AddDate(20, 0, 0))
	x.stamps = relay(second)
	if got := x.tend(t, x.archive(t, tsa, second)); got.Done != unit.DoneRenewed || !got.StampBefore.After(made.StampBefore) {
		t.Errorf("%+v", got)
	}
}

// That an authority had nothing better is remembered for a week, so that opening the
// vault does not cost a time-stamp each time. It is asked at once when another one is
// trusted, when the clock went back, and while the end is nearer than a week.
func TestArchiveAsksAgain(t *testing.T) {
	x := newArchived(t)
	end := at.AddDate(1, 0, 0)
	tsa := x.authorityUntil(t, end)
	asked := 0
	counting := func(a *devtsa.Authority) http.Handler {
		to := relay(a)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			to.ServeHTTP(w, r)
		})
	}
	x.stamps = counting(tsa)
	x.hold(t, x.vault, 2)
	x.tend(t, x.archive(t, tsa))
	const day = 24 * time.Hour
	begin := at.AddDate(0, 10, 0)
	other := x.authorityUntil(t, end) // trusted later, and no better
	for _, step := range []struct {
		name string
		at   time.Time
		tsas []*devtsa.Authority
		want int // times asked
	}{
		{"the first time", begin, []*devtsa.Authority{tsa}, 1},
		{"the same day", begin.Add(time.Hour), []*devtsa.Authority{tsa}, 0},
		{"six days later", begin.Add(6 * day), []*devtsa.Authority{tsa}, 0},
		{"a week later", begin.Add(7 * day), []*devtsa.Authority{tsa}, 1},
		{"the day after", begin.Add(8 * day), []*devtsa.Authority{tsa}, 0},
		{"another authority is trusted", begin.Add(8 * day), []*devtsa.Authority{tsa, other}, 1},
		{"in another order", begin.Add(9 * day), []*devtsa.Authority{other, tsa}, 0},
		{"a clock that went back", begin.Add(7 * day), []*devtsa.Authority{tsa, other}, 1},
		{"nearly a week before the end", end.Add(-6 * day), []*devtsa.Authority{tsa, other}, 1},
		{"the same day", end.Add(-6 * day), []*devtsa.Authority{tsa, other}, 1},
	} {
		x.clock, asked = step.at, 0
		if got := x.tend(t, x.archive(t, step.tsas...)); got.Done != unit.DoneKept || got.Err != nil || asked != step.want {
			t.Errorf("%s: asked %d times, expected %d: %+v", step.name, asked, step.want, got)
		}
	}
	// Something better is taken, and what was remembered goes with the old evidence.
	second := x.authorityUntil(t, at.AddDate(20, 0, 0))
	x.stamps = counting(second)
	if got := x.tend(t, x.archive(t, tsa, other, second)); got.Done != unit.DoneRenewed || !got.StampBefore.After(end) {
		t.Errorf("%+v", got)
	}
	entries, err := x.vault.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Kind == unit.KindEvidence && (!e.NoBetter.IsZero() || e.NoBetterOf != "") {
			t.Errorf("%+v", e)
		}
	}
}

// Evidence that ran out is made anew while the seal holds without it; when nothing
// can be made, the others are tended to all the same, and the citizen is reminded
// of what is still to be saved.
func TestArchiveRanOut(t *testing.T) {
	x := newArchived(t)
	first := x.authorityUntil(t, at.AddDate(0, 4, 0))
	x.stamps = relay(first)
	it := x.hold(t, x.vault, 2)
	x.tend(t, x.archive(t, first))
	x.clock = at.AddDate(0, 6, 0)
	second := x.authorityUntil(t, at.AddDate(20, 0, 0))
	a := x.archive(t, first, second)
	x.stamps = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	if got := x.tend(t, a); !errors.Is(got.Err, unit.ErrEvidence) || len(x.months) != 2 || x.months[1] != `{"open_before":"2027-06"}` {
		t.Errorf("%+v, told %q", got, x.months)
	}
	x.stamps = relay(second)
	got := x.tend(t, a)
	if got.Done != unit.DoneMade || got.Level != seal.BaselineLTA || got.Err != nil || !got.StampBefore.After(at.AddDate(2, 0, 0)) || x.judged(t, a.Seals, it.Name).Err() != nil {
		t.Errorf("%+v", got)
	}
	if entries := must(x.vault.Entries(t.Context()))(t); len(entries) != 2 || len(x.pod.names()) != 3 {
		t.Errorf("%d entries, %d resources", len(entries), len(x.pod.names()))
	}
}

// Evidence that the vault does not take keeps no other from being made.
func TestArchiveTooLarge(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(2, 0, 0))
	x.stamps = relay(tsa)
	a := x.archive(t, tsa)
	x.hold(t, x.vault, 2)
	x.hold(t, x.vault, 2)
	refused := false
	x.pod.fail = func(r *http.Request) int {
		if r.Method == http.MethodPut && !refused {
			refused = true
			return http.StatusRequestEntityTooLarge
		}
		return 0
	}
	all, err := a.Tend(t.Context(), x.vault)
	if err != nil || len(all) != 2 || all[0].Err == nil || all[1].Err != nil || all[1].Level != seal.BaselineLTA {
		t.Errorf("%+v, %v", all, err)
	}
}

// Evidence that the pod lost or damaged is made anew.
func TestArchiveLost(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(1, 0, 0))
	x.stamps = relay(tsa)
	one, two := x.hold(t, x.vault, 2), x.hold(t, x.vault, 2)
	if _, err := x.archive(t, tsa).Tend(t.Context(), x.vault); err != nil {
		t.Fatal(err)
	}
	_, e1, err := x.vault.Evidence(t.Context(), one.Name)
	if err != nil {
		t.Fatal(err)
	}
	_, e2, err := x.vault.Evidence(t.Context(), two.Name)
	if err != nil {
		t.Fatal(err)
	}
	x.pod.mu.Lock()
	delete(x.pod.items, e1.Name)
	x.pod.items[e2.Name] = []byte(`{"jwe":"damaged"}`)
	x.pod.mu.Unlock()
	x.clock = at.AddDate(0, 10, 0)
	all, err := x.archive(t, tsa).Tend(t.Context(), x.vault)
	if err != nil || len(all) != 2 || all[0].Done != unit.DoneMade || all[0].Err != nil || all[1].Done != unit.DoneMade || all[1].Err != nil {
		t.Fatalf("%+v, %v", all, err)
	}
	if entries := must(x.vault.Entries(t.Context()))(t); len(entries) != 4 {
		t.Errorf("%d entries", len(entries))
	}
}

// When nothing can take its place, what the pod answers badly for is not removed: it
// may be whole, and is the only proof left.
func TestArchiveLostForNow(t *testing.T) {
	for name, damage := range map[string]func(x *archived, name string) (mend func()){
		"not found": func(x *archived, name string) func() {
			x.pod.fail = func(r *http.Request) int {
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, name) {
					return http.StatusNotFound
				}
				return 0
			}
			return func() { x.pod.fail = nil }
		},
		"cut off": func(x *archived, name string) func() {
			x.pod.mu.Lock()
			defer x.pod.mu.Unlock()
			whole := x.pod.items[name]
			x.pod.items[name] = whole[:len(whole)/2]
			return func() {
				x.pod.mu.Lock()
				defer x.pod.mu.Unlock()
				x.pod.items[name] = whole
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := newArchived(t)
			first := x.authorityUntil(t, at.AddDate(20, 0, 0))
			x.stamps = relay(first)
			it := x.hold(t, x.vault, 2)
			made := x.tend(t, x.archive(t, first))
			// The certificate of the seal has run out, and the time to stamp again has come.
			x.clock = at.AddDate(19, 9, 0)
			second := x.authorityUntil(t, at.AddDate(40, 0, 0))
			x.stamps = relay(second)
			seals := x.court(t, first, second)
			a := unit.Archive{Stamper: x.vault.Platform.Stamper(seals.Trust, rand.Reader), Lists: seals.Revocation.(*trust.CRLs), Seals: seals, Now: x.now}
			mend := damage(x, made.Evidence)
			if got := x.tend(t, a); got.Err == nil || got.Evidence != made.Evidence || !got.StampBefore.Equal(made.StampBefore) {
				t.Errorf("%+v", got)
			}
			mend()
			if got := x.tend(t, a); got.Done != unit.DoneRenewed || got.Err != nil || x.judged(t, seals, it.Name).Err() != nil {
				t.Errorf("when the pod answers again: %+v", got)
			}
		})
	}
}

// That nobody says today whether the authority of the stamps was revoked costs no
// proof of the earlier time: the evidence stays, and is stamped again another day. Of
// an authority that was revoked nothing is left to keep.
func TestArchiveUnknownAuthority(t *testing.T) {
	for name, c := range map[string]struct {
		known bool
		want  unit.Done
	}{"unknown": {false, unit.DoneKept}, "revoked": {true, unit.DoneMade}} {
		t.Run(name, func(t *testing.T) {
			x := newArchived(t)
			first := x.authorityUntil(t, at.AddDate(1, 0, 0))
			x.stamps = relay(first)
			it := x.hold(t, x.vault, 2)
			x.tend(t, x.archive(t, first))
			before, _, err := x.vault.Evidence(t.Context(), it.Name)
			if err != nil {
				t.Fatal(err)
			}
			x.clock = at.AddDate(0, 10, 0)
			second := x.authorityUntil(t, at.AddDate(20, 0, 0))
			x.stamps = relay(second)
			a := x.archive(t, first, second)
			crls := must(x.CRLs(nil, x.now))(t)
			x.publish(t, crls, second)
			if c.known {
				gone := x509.RevocationListEntry{SerialNumber: first.Chain[0].SerialNumber, RevocationTime: at, ReasonCode: 1}
				der := must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: x.clock, NextUpdate: x.clock.AddDate(0, 0, 7), RevokedCertificateEntries: []x509.RevocationListEntry{gone}}, first.Root, first.RootKey))(t)
				if err := crls.Add(der, first.Root); err != nil {
					t.Fatal(err)
				}
			}
			today := a
			seals := *a.Seals
			seals.Revocation, today.Lists, today.Seals = crls, crls, &seals
			got := x.tend(t, today)
			after, _, err := x.vault.Evidence(t.Context(), it.Name)
			if err != nil || got.Done != c.want || (got.Err == nil) != c.known || bytes.Equal(before, after) == c.known {
				t.Fatalf("%+v, %v", got, err)
			}
			if c.known {
				return
			}
			// The next day the list is to be had.
			if got := x.tend(t, a); got.Done != unit.DoneRenewed || got.Err != nil {
				t.Errorf("%+v", got)
			}
			if v := x.judged(t, a.Seals, it.Name); v.Err() != nil || !v.BestSignatureTime.Equal(at) {
				t.Errorf("it proves %s, %v", v.BestSignatureTime, v.Err())
			}
		})
	}
}

// relayAll relays as the platform does, to several authorities in order.
func (x *archived) relayAll(trusted tsp.Chains, all ...*devtsa.Authority) http.Handler {
	client := &tsp.Client{Trust: trusted, Random: rand.Reader, Now: x.now, Lasting: unit.DefaultMargin, HTTP: byHost(all)}
	for i := range all {
		client.Authorities = append(client.Authorities, tsp.Authority{URL: "https://" + strconv.Itoa(i) + "/"})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		asked, err := tsp.ParseRequest(query)
		if err == nil {
			query, err = client.Relay(r.Context(), asked)
		}
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(query)
	})
}

// byHost are authorities at hosts that are numbers.
type byHost []*devtsa.Authority

func (b byHost) Do(r *http.Request) (*http.Response, error) {
	i, err := strconv.Atoi(r.URL.Host)
	if err != nil {
		return nil, err
	}
	return b[i].Do(r)
}

// The authority that is asked first keeps its certificate to the end: the second one
// stamps again in time.
func TestArchiveSecondAuthority(t *testing.T) {
	x := newArchived(t)
	ends, lasts := x.authorityUntil(t, at.AddDate(1, 0, 0)), x.authorityUntil(t, at.AddDate(20, 0, 0))
	a := x.archive(t, ends, lasts)
	x.stamps = x.relayAll(a.Seals.Trust, ends, lasts)
	it := x.hold(t, x.vault, 2)
	if got := x.tend(t, a); got.Done != unit.DoneMade || !got.StampBefore.Equal(at.AddDate(1, 0, 0)) {
		t.Fatalf("%+v", got)
	}
	x.clock = at.AddDate(0, 10, 0)
	a = x.archive(t, ends, lasts)
	x.stamps = x.relayAll(a.Seals.Trust, ends, lasts)
	if got := x.tend(t, a); got.Done != unit.DoneRenewed || got.Err != nil {
		t.Errorf("%+v", got)
	}
	x.clock = x.Seal.Certificate.NotAfter.AddDate(0, 0, 1)
	if v := x.judged(t, x.court(t, ends, lasts), it.Name); v.Err() != nil {
		t.Errorf("%s %s: %v", v.Indication, v.SubIndication, v.Err())
	}
}

// Where no authority gives a time-stamp, one credential finds out for all: each is
// owed, and the vault asked once.
func TestArchiveAsksOnce(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(2, 0, 0))
	a := x.archive(t, tsa)
	asked := 0
	x.stamps = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	for range 5 {
		x.hold(t, x.vault, 1)
	}
	all, err := a.Tend(t.Context(), x.vault)
	if err != nil || len(all) != 5 || asked != 1 || slices.ContainsFunc(all, func(x unit.Tended) bool { return !errors.Is(x.Err, seal.ErrArchive) }) {
		t.Errorf("asked %d times: %+v, %v", asked, all, err)
	}
	if !slices.Equal(x.months, []string{`{"open_before":"2026-12"}`}) {
		t.Errorf("told %q: nobody will remember what is owed", x.months)
	}
	x.stamps = relay(tsa)
	if all, err := a.Tend(t.Context(), x.vault); err != nil || slices.ContainsFunc(all, func(x unit.Tended) bool { return x.Level != seal.BaselineLTA }) {
		t.Errorf("%+v, %v", all, err)
	}
	if last := x.months[len(x.months)-1]; last != `{"open_before":"2028-11"}` {
		t.Errorf("told %s", last)
	}
}

// A new table of algorithms says that one ends sooner: the evidence is looked at
// again, the citizen reminded of the new month, and it is stamped again in time.
func TestArchiveAlgorithmEnds(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(20, 0, 0))
	x.stamps = relay(tsa)
	it := x.hold(t, x.vault, 2)
	x.tend(t, x.archive(t, tsa))
	for _, ends := range []bool{false, true} {
		a := x.archive(t, tsa)
		table := `{"version":"T1","digests":[{"name":"SHA-256"}],"keys":[{"name":"ECDSA","bits":256}]}`
		month := `{"open_before":"2046-11"}`
		if ends {
			table = `{"version":"T2","digests":[{"name":"SHA-256"}],"keys":[{"name":"ECDSA","bits":256,"until":"2028-03-01"}]}`
			month = `{"open_before":"2028-03"}`
		}
		a.Seals.Suite = must(trust.ParseSuite([]byte(table)))(t)
		for range 2 {
			got := x.tend(t, a)
			if got.Done != unit.DoneKept || got.Err != nil || got.StampBefore.Year() == 2028 != ends {
				t.Fatalf("%+v", got)
			}
		}
		if last := x.months[len(x.months)-1]; last != month {
			t.Errorf("told %s, expected %s", last, month)
		}
		entries := must(x.vault.Entries(t.Context()))(t)
		if i := slices.IndexFunc(entries, func(e unit.Entry) bool { return e.Of == it.Name }); entries[i].StampBefore.Year() == 2028 != ends {
			t.Errorf("%+v", entries[i])
		}
	}
}

// A resource that the pod cannot read keeps no other from being tended to.
func TestArchiveUnreadable(t *testing.T) {
	x := newArchived(t)
	tsa := x.authorityUntil(t, at.AddDate(2, 0, 0))
	x.stamps = relay(tsa)
	a := x.archive(t, tsa)
	one, two := x.hold(t, x.vault, 1), x.hold(t, x.vault, 1)
	x.pod.fail = func(r *http.Request) int {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, one.Name) {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	all, err := a.Tend(t.Context(), x.vault)
	if err != nil || len(all) != 2 || all[0].Err == nil || all[1].Credential != two.Name || all[1].Level != seal.BaselineLTA {
		t.Errorf("%+v, %v", all, err)
	}
	if !slices.Equal(x.months, []string{`{"open_before":"2028-11"}`}) {
		t.Errorf("told %q", x.months)
	}
}
