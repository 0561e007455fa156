package devca_test

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// A body that is withdrawn and notified again has its history in the list, also
// after it was kept and read back.
func TestWithdrawAndNotify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	h := newHierarchy(t, devca.Options{})
	school := devca.Options{Now: now, Issuer: "https://issuer.example.org/school", Organization: "Oefenschool (TEST)", Registration: "NTRBE-0999999823"}
	if err := h.AddTenant("school", school); err != nil {
		t.Fatal(err)
	}
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	after := func(days int) time.Time { return now.AddDate(0, 0, days) }
	first := h.Seal.Certificate
	issuance := devca.Services{Type: trust.Issuance}
	if err := h.RotateSeal("", after(1)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name   string
		do     func() ([]devca.ListedService, error)
		count  int
		err    error
		number int64
	}{
		{"the former certificate", func() ([]devca.ListedService, error) {
			return h.Withdraw("", devca.Services{Certificate: first}, after(10))
		}, 1, nil, 4},
		{"it again", func() ([]devca.ListedService, error) {
			return h.Withdraw("", devca.Services{Certificate: first}, after(11))
		}, 0, devca.ErrUnchanged, 4},
		{"of another body", func() ([]devca.ListedService, error) {
			return h.Withdraw("school", devca.Services{Certificate: first}, after(11))
		}, 0, devca.ErrOptions, 4},
		{"of another type", func() ([]devca.ListedService, error) {
			return h.Withdraw("", devca.Services{Certificate: first, Type: trust.Revocation}, after(11))
		}, 0, devca.ErrOptions, 4},
		{"of nobody", func() ([]devca.ListedService, error) { return h.Withdraw("nobody", devca.Services{}, after(11)) }, 0, devca.ErrOptions, 4},
		{"back before it was", func() ([]devca.ListedService, error) {
			return h.Notify("", devca.Services{Certificate: first}, after(10))
		}, 0, devca.ErrOptions, 4},
		{"all issuance", func() ([]devca.ListedService, error) { return h.Withdraw("", issuance, after(20)) }, 1, nil, 5},
		{"all issuance again", func() ([]devca.ListedService, error) { return h.Notify("", issuance, after(30)) }, 2, nil, 6},
		{"everything of the school", func() ([]devca.ListedService, error) {
			return h.Withdraw("school", devca.Services{}, after(30))
		}, 2, nil, 7},
	} {
		changed, err := step.do()
		if !errors.Is(err, step.err) || len(changed) != step.count {
			t.Errorf("%s: %d, %v", step.name, len(changed), err)
		}
		d, err := trust.ReadList(h.List)
		if err != nil || d.LoTE.Scheme.Sequence != step.number {
			t.Errorf("%s: number %d, %v, expected %d", step.name, d.LoTE.Scheme.Sequence, err, step.number)
		}
	}
	// Who is withdrawn gets no new certificate, by which it would be notified.
	if err := h.RotateSeal("school", after(31)); !errors.Is(err, devca.ErrWithdrawn) {
		t.Errorf("a new key of a withdrawn body: %v", err)
	}
	if err := h.ListSeal("school", newHierarchy(t, devca.Options{}).Seal.Certificate, after(31)); !errors.Is(err, devca.ErrWithdrawn) {
		t.Errorf("another certificate of a withdrawn body: %v", err)
	}
	if err := h.Update(dir); err != nil {
		t.Fatal(err)
	}
	h, err := devca.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Refresh(after(40)); err != nil {
		t.Fatal(err)
	}
	store, err := h.Store(after(40))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		cert    *x509.Certificate
		day     int
		granted bool
	}{
		{"former", first, 0, true}, {"former", first, 9, true}, {"former", first, 10, false}, {"former", first, 29, false}, {"former", first, 30, true},
		{"present", h.Seal.Certificate, 19, true}, {"present", h.Seal.Certificate, 20, false}, {"present", h.Seal.Certificate, 30, true},
		{"status", h.Status.Certificate, 25, true},
		{"school", h.Tenants["school"].Seal.Certificate, 29, true}, {"school", h.Tenants["school"].Seal.Certificate, 30, false}, {"school's status", h.Tenants["school"].Status.Certificate, 35, false},
	} {
		found, err := store.List().Standings([]*x509.Certificate{c.cert}, after(c.day))
		if err != nil || len(found) != 1 || found[0].Granted != c.granted || !found[0].Listed {
			t.Errorf("%s on day %d: %+v, %v", c.name, c.day, found, err)
		}
	}
}

// The list of access providers anchors receivers' certificates, in a store that
// trusts nothing but the signer of lists. Directories of before it get one.
func TestAccessList(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	h := newHierarchy(t, devca.Options{})
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	anchored := func(list string) {
		t.Helper()
		s, err := trust.NewStore(trust.Anchors{trust.UseListSigner: {h.ListSigner.Certificate}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		l, err := s.Verify(list, trust.AccessProviders, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Install(l); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Certificates([]*x509.Certificate{h.Metadata.Certificate}, trust.UseAccessCertificate, now); err != nil {
			t.Error(err)
		}
		if _, err := s.Certificates([]*x509.Certificate{h.Seal.Certificate}, trust.UseSeal, now); !errors.Is(err, trust.ErrNoPath) {
			t.Errorf("it anchors seals: %v", err)
		}
	}
	anchored(h.AccessList)
	if err := os.Remove(filepath.Join(dir, "access-list.jwt")); err != nil {
		t.Fatal(err)
	}
	got, err := devca.Load(dir)
	if err != nil || got.AccessList != "" {
		t.Fatalf("%q, %v", got.AccessList, err)
	}
	if _, err := got.Store(now); err != nil {
		t.Error(err)
	}
	if err := got.Refresh(now); err != nil {
		t.Fatal(err)
	}
	anchored(got.AccessList)
	if err := got.Update(dir); err != nil {
		t.Fatal(err)
	}
	if got, err = devca.Load(dir); err != nil || got.Refresh(now) != nil {
		t.Fatal(err)
	}
	if d, err := trust.ReadList(got.AccessList); err != nil || d.LoTE.Scheme.Sequence != 2 {
		t.Errorf("number %d, %v", d.LoTE.Scheme.Sequence, err)
	}
}
