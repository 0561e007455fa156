package holder_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/store"
)

// everyCrash runs act in a process that dies at its n-th step, for each n and
// both before and after the step took effect, then starts another process on
// what is left, resumes, and checks. It ends at the n at which act survives.
func everyCrash(t *testing.T, prepare func(*unit) holder.Info, act func(*unit, holder.Info) error, check func(*unit, holder.Info)) {
	t.Helper()
	for _, after := range []bool{false, true} {
		for n := 0; ; n++ {
			if n > 60 {
				t.Fatal("the work never gets through")
			}
			w := newWorld(t)
			u := w.citizen(rrn)
			i := prepare(u)
			w.crash.arm(n, after)
			err := act(u, i)
			if !w.crash.disarm() {
				if err != nil {
					t.Fatalf("without a crash: %v", err)
				}
				if n < 3 {
					t.Fatalf("only %d steps: the test crashes nothing", n)
				}
				break
			}
			w.restart()
			if err := w.Resume(t.Context()); err != nil {
				t.Errorf("%s: resuming: %v", where(n, after), err)
			}
			t.Run(where(n, after), func(t *testing.T) {
				w.t = t
				check(u, i)
			})
			// Nothing is left to do.
			recs, _, err := w.store.Find(t.Context(), "holder-vault", "unsettled", store.Page{})
			if err != nil || len(recs) != 0 {
				t.Errorf("%s: %d vaults are still unsettled, %v", where(n, after), len(recs), err)
			}
		}
	}
}

func where(n int, after bool) string {
	if after {
		return fmt.Sprintf("after step %d", n)
	}
	return fmt.Sprintf("before step %d", n)
}

func TestCrashWhileDeleting(t *testing.T) {
	everyCrash(t, func(u *unit) holder.Info {
		i := u.activate()
		u.put(i)
		if _, err := u.w.PutKeystore(u.w.t.Context(), u.r, []byte(goodKeystore), holder.Expect{}); err != nil {
			u.w.t.Fatal(err)
		}
		if _, err := u.w.StartSessionFor(u.w.t.(*testing.T), u); err != nil {
			u.w.t.Fatal(err)
		}
		return i
	}, func(u *unit, _ holder.Info) error {
		_, err := u.w.Delete(u.w.t.Context(), u.r)
		return err
	}, func(u *unit, i holder.Info) {
		w, ctx := u.w, u.w.t.Context()
		_, err := w.Vault(ctx, u.r)
		if err == nil {
			// Nothing had begun: the vault is whole, and can be deleted.
			u.info(holder.Active)
			if _, _, err := w.Keystore(ctx, u.r); err != nil {
				w.t.Error(err)
			}
			if _, err := w.Delete(ctx, u.r); err != nil {
				w.t.Error(err)
			}
		} else if !errors.Is(err, holder.ErrNoVault) {
			w.t.Fatal(err)
		}
		if len(w.pods.pods) != 0 {
			w.t.Error("the pod is still there")
		}
		if _, err := w.Profile(ctx, uuidOf(i.WebID)); !errors.Is(err, profiles.ErrDeleted) {
			w.t.Error("the WebID is still there:", err)
		}
		for _, is := range w.issuers {
			if len(is.told) == 0 {
				w.t.Errorf("%s was not told", is.url)
			}
		}
		if last := w.entries(); !slices.Contains(last, "vault.delete ok complete") {
			w.t.Errorf("the end is not logged: %q", last)
		}
		recs, _, err := w.store.Find(ctx, "holder-session", "", store.Page{})
		if err != nil || len(recs) != 0 {
			w.t.Errorf("%d sessions, %v", len(recs), err)
		}
	})
}

func TestCrashWhileActivating(t *testing.T) {
	everyCrash(t, func(u *unit) holder.Info {
		i, err := u.w.Activate(u.w.t.Context(), u.r, u.keys())
		if err != nil {
			u.w.t.Fatal(err)
		}
		return i
	}, func(u *unit, i holder.Info) error {
		return u.w.PutLinkProof(u.w.t.Context(), u.r, u.proof(i.WebID))
	}, func(u *unit, i holder.Info) {
		w := u.w
		got, err := w.Vault(w.t.Context(), u.r)
		if err != nil {
			w.t.Fatal(err)
		}
		switch got.State {
		case holder.Active:
			if got.WebID != i.WebID {
				w.t.Error("another identifier became active")
			}
		case holder.Reserved:
			// Not begun, or its identifier was lost; the citizen asks again.
			got = u.activate()
		default:
			w.t.Fatalf("state %q", got.State)
		}
		u.put(got)
		p, err := w.Profile(w.t.Context(), uuidOf(got.WebID))
		if err != nil || p.Status != did.Active || p.Storage != got.Storage {
			w.t.Errorf("%+v %v", p, err)
		}
		if _, err := w.Delete(w.t.Context(), u.r); err != nil {
			w.t.Error(err)
		}
	})
}

func TestCrashWhileDeactivating(t *testing.T) {
	everyCrash(t, func(u *unit) holder.Info { return u.activate() }, func(u *unit, _ holder.Info) error {
		return u.w.Deactivate(u.w.t.Context(), u.r)
	}, func(u *unit, i holder.Info) {
		got, err := u.w.Vault(u.w.t.Context(), u.r)
		if err != nil {
			u.w.t.Fatal(err)
		}
		agree(u, got)
	})
}

func TestCrashWhileReactivating(t *testing.T) {
	everyCrash(t, func(u *unit) holder.Info {
		i := u.activate()
		u.w.clock.add(time.Minute)
		if err := u.w.Deactivate(u.w.t.Context(), u.r); err != nil {
			u.w.t.Fatal(err)
		}
		return i
	}, func(u *unit, i holder.Info) error {
		return u.w.Reactivate(u.w.t.Context(), u.r, u.proof(i.WebID))
	}, func(u *unit, _ holder.Info) {
		got, err := u.w.Vault(u.w.t.Context(), u.r)
		if err != nil {
			u.w.t.Fatal(err)
		}
		agree(u, got)
	})
}

// agree checks that vault and documents say the same.
func agree(u *unit, i holder.Info) {
	u.w.t.Helper()
	p, err := u.w.Profile(u.w.t.Context(), uuidOf(i.WebID))
	if err != nil {
		u.w.t.Fatal(err)
	}
	if string(p.Status) != string(i.State) {
		u.w.t.Errorf("the vault is %s and its WebID %s", i.State, p.Status)
	}
}

// A request that finds an interrupted state takes it up by itself.
func TestRequestTakesUp(t *testing.T) {
	w := newWorld(t)
	u := w.citizen(rrn)
	i, err := w.Activate(t.Context(), u.r, u.keys())
	if err != nil {
		t.Fatal(err)
	}
	w.pods.down = true
	if err := w.PutLinkProof(t.Context(), u.r, u.proof(i.WebID)); err == nil {
		t.Fatal("there is no pod")
	}
	if _, err := w.Activate(t.Context(), u.r, u.keys()); err == nil {
		t.Error("the keys were published already")
	}
	w.pods.down = false
	u.put(u.info(holder.Active))
}

// An issuer that is away keeps neither the others nor the citizen waiting, and
// is told when it is back.
func TestIssuerAway(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	i := u.activate()
	w.issuers[0].down = true
	p, err := w.Delete(ctx, u.r)
	if err != nil || !slices.Equal(p.Issuers, []string{"https://one.example.org"}) {
		t.Fatalf("%+v %v", p, err)
	}
	if len(w.issuers[1].told) != 1 {
		t.Error("the other issuer waited")
	}
	if _, err := w.Profile(ctx, uuidOf(i.WebID)); !errors.Is(err, profiles.ErrDeleted) {
		t.Error(err)
	}
	w.restart()
	if err := w.Resume(ctx); err == nil {
		t.Error("the pending revocation is not told of")
	}
	w.issuers[0].down = false
	if err := w.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if len(w.issuers[0].told) != 1 || w.issuers[0].told[0] == w.issuers[1].told[0] {
		t.Errorf("%v %v", w.issuers[0].told, w.issuers[1].told)
	}
	if err := w.Resume(ctx); err != nil || len(w.issuers[0].told) != 1 {
		t.Error("told again:", err)
	}
	n := 0
	for e, err := range w.log.List(audit.Filter{Kinds: []audit.Kind{audit.Revoke}}) {
		if err != nil || e.Organisation == "" {
			t.Fatal(err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d revocations logged", n)
	}
}

// Storage that is away keeps the deletion pending: the WebID stays, since a
// Solid server asks for it. Issuers are told all the same, once.
func TestStorageAway(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	i := u.activate()
	item := u.put(i)
	w.pods.down = true
	if _, err := w.Delete(ctx, u.r); !errors.Is(err, holder.ErrPending) {
		t.Fatal(err)
	}
	u.info(holder.Deleting)
	if p, err := w.Profile(ctx, uuidOf(i.WebID)); err != nil || p.OIDCIssuer != oidc {
		t.Errorf("%+v %v", p, err)
	}
	// Nothing can be done with it any more.
	_, read := w.Item(ctx, u.r, item)
	_, _, keystore := w.Keystore(ctx, u.r)
	_, handle := w.Handle(ctx, u.r, w.issuers[0].url)
	_, again := w.Activate(ctx, u.r, u.keys())
	for what, err := range map[string]error{"read": read, "keystore": keystore, "handle": handle, "activate": again, "deactivate": w.Deactivate(ctx, u.r), "reactivate": w.Reactivate(ctx, u.r, "x")} {
		if !errors.Is(err, holder.ErrDeleting) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.Delete(ctx, u.r); !errors.Is(err, holder.ErrPending) {
		t.Error(err)
	}
	w.pods.down = false
	w.restart()
	if err := w.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Vault(ctx, u.r); !errors.Is(err, holder.ErrNoVault) {
		t.Error(err)
	}
	for _, is := range w.issuers {
		if len(is.told) != 1 {
			t.Errorf("%s was told %d times", is.url, len(is.told))
		}
	}
}

// Two instances of the platform on one store: what one gave up while the other
// published it leaves nothing behind.
func TestAnotherInstance(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	i, err := w.Activate(ctx, u.r, u.keys())
	if err != nil {
		t.Fatal(err)
	}
	other, err := holder.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.pods.meanwhile = func() {
		if _, err := other.Delete(ctx, u.r); err != nil {
			t.Error(err)
		}
	}
	if err := w.PutLinkProof(ctx, u.r, u.proof(i.WebID)); !errors.Is(err, holder.ErrBrokeOff) {
		t.Error(err)
	}
	if _, err := w.Vault(ctx, u.r); !errors.Is(err, holder.ErrNoVault) {
		t.Error(err)
	}
	if _, err := w.Profile(ctx, uuidOf(i.WebID)); !errors.Is(err, profiles.ErrDeleted) {
		t.Error(err)
	}
	if len(w.pods.pods) != 0 {
		t.Error("a pod is left that nobody knows")
	}
	w.pods.meanwhile = nil
	u.put(u.activate())
}
