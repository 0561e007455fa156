package issuer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

var errStatus = errors.New("the status store is away")

// failing is a register of statuses that fails when it is told to.
type failing struct {
	issuer.Statuses
	mu       sync.Mutex
	allocate func() error
	sets     int // that still work; below 0 all do
}

func (f *failing) AllocateN(ctx context.Context, n int, tags ...string) ([]status.Ref, error) {
	if f.allocate != nil {
		if err := f.allocate(); err != nil {
			return nil, err
		}
	}
	return f.Statuses.AllocateN(ctx, n, tags...)
}

func (f *failing) Set(ctx context.Context, ref status.Ref, v status.Value) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sets == 0 {
		return errStatus
	}
	f.sets--
	return f.Statuses.Set(ctx, ref, v)
}

func fragile(t *testing.T) (*house, *failing) {
	h := build(t)
	f := &failing{Statuses: h.statuses, sets: -1}
	h.config.Statuses = f
	var err error
	if h.Issuer, err = issuer.New(h.config); err != nil {
		t.Fatal(err)
	}
	return h, f
}

func (h *house) values(copies []string) (out []status.Value) {
	for _, c := range copies {
		out = append(out, h.value(c))
	}
	return out
}

func all(values []status.Value, want status.Value) bool {
	for _, v := range values {
		if v != want {
			return false
		}
	}
	return len(values) > 0
}

// Without a status index nothing is issued, and the dataset is not used up.
func TestNoStatusNoCredential(t *testing.T) {
	h, f := fragile(t)
	token, ids, err := h.redeem(h.collect(""))
	if err != nil {
		t.Fatal(err)
	}
	f.allocate = func() error { return errStatus }
	if _, _, err := h.obtain(token, ids[0], 2); !errors.Is(err, errStatus) {
		t.Errorf("%v", err)
	}
	if recs, _, err := h.config.Store.Find(t.Context(), "issuer-credential", "", store.Page{}); err != nil || len(recs) != 0 {
		t.Errorf("%d half issued, %v", len(recs), err)
	}
	f.allocate = nil
	if copies, _, err := h.obtain(token, ids[0], 2); err != nil || !all(h.values(copies), status.Valid) {
		t.Errorf("again: %v", err)
	}
}

// The same for a deferred one: the transaction goes on.
func TestNoStatusNoDelivery(t *testing.T) {
	h, f := fragile(t)
	h.source.Pending = []issuer.Pending{{Record: late, Again: 30 * time.Second}}
	token, ids, err := h.redeem(h.collect(""))
	if err != nil {
		t.Fatal(err)
	}
	first := h.putOff(token, ids[2])
	h.ready()
	h.pass(31 * time.Second)
	f.allocate = func() error { return errStatus }
	if _, err := h.again(token, first.TransactionID); !errors.Is(err, errStatus) {
		t.Errorf("%v", err)
	}
	f.allocate = nil
	h.pass(31 * time.Second)
	if res, err := h.again(token, first.TransactionID); err != nil || len(res.Credentials) != 2 {
		t.Errorf("%+v %v", res, err)
	}
}

// A change that is cut off shows as if it were whole, allows no other but what
// the whole one would, and is completed when it is made again.
func TestInterruptedChange(t *testing.T) {
	me := issuer.Authority{Client: client}
	for _, cut := range []int{0, 1, 2} {
		h, f := fragile(t)
		token, ids, err := h.redeem(h.collect(""))
		if err != nil {
			t.Fatal(err)
		}
		copies, id, err := h.obtain(token, ids[0], 3)
		if err != nil {
			t.Fatal(err)
		}
		change := func(c issuer.Change, works int) (issuer.CredentialState, error) {
			f.sets = works
			return h.ChangeStatus(t.Context(), me, id, c, "")
		}
		if _, err := change(issuer.Suspend, cut); !errors.Is(err, errStatus) {
			t.Errorf("cut after %d: %v", cut, err)
		}
		if st, err := change(issuer.Suspend, -1); err != nil || st.Status != status.Suspended || !all(h.values(copies), status.Suspended) {
			t.Errorf("cut after %d, suspended again: %v", cut, err)
		}
		if _, err := change(issuer.Reinstate, cut); !errors.Is(err, errStatus) {
			t.Errorf("cut after %d: %v", cut, err)
		}
		if _, err := change(issuer.Revoke, cut); !errors.Is(err, errStatus) {
			t.Errorf("cut after %d: %v", cut, err)
		}
		if _, err := change(issuer.Reinstate, -1); cut > 0 && !errors.Is(err, issuer.ErrFinal) {
			t.Errorf("cut after %d: a revoked credential came back: %v", cut, err)
		}
		if st, err := change(issuer.Revoke, -1); err != nil || st.Status != status.Invalid || !all(h.values(copies), status.Invalid) {
			t.Errorf("cut after %d, revoked again: %v %v", cut, h.values(copies), err)
		}
	}
}

// The deletion of a vault that is cut off leaves no way to more, and is
// completed when it is told again.
func TestInterruptedDeletion(t *testing.T) {
	for _, cut := range []int{0, 1, 3} {
		h, f := fragile(t)
		token, ids, err := h.redeem(h.collect("v"))
		if err != nil {
			t.Fatal(err)
		}
		copies, _, err := h.obtain(token, ids[0], 4)
		if err != nil {
			t.Fatal(err)
		}
		f.sets = cut
		if _, err := h.VaultDeleted(t.Context(), "vaults", "v", ""); !errors.Is(err, errStatus) {
			t.Errorf("cut after %d: %v", cut, err)
		}
		if _, _, err := h.obtain(token, ids[1], 1); err == nil {
			t.Errorf("cut after %d: issued to a deleted vault", cut)
		}
		f.sets = -1
		if n, err := h.VaultDeleted(t.Context(), "vaults", "v", ""); err != nil || n < 4 || !all(h.values(copies), status.Invalid) {
			t.Errorf("cut after %d, told again: %d revoked, %v", cut, n, err)
		}
	}
}

// The vault is deleted while a credential is made, and revoking it fails: the
// wallet has nothing, and telling of the deletion again revokes what it never
// got.
func TestDeletedWhileIssuing(t *testing.T) {
	h, f := fragile(t)
	token, ids, err := h.redeem(h.collect("v"))
	if err != nil {
		t.Fatal(err)
	}
	f.allocate = func() error {
		_, err := h.VaultDeleted(t.Context(), "vaults", "v", "")
		f.sets = 0
		return err
	}
	if copies, _, err := h.obtain(token, ids[0], 2); !errors.Is(err, errStatus) || len(copies) != 0 {
		t.Errorf("%d copies, %v", len(copies), err)
	}
	f.allocate, f.sets = nil, -1
	if n, err := h.VaultDeleted(t.Context(), "vaults", "v", ""); err != nil || n != 2 {
		t.Errorf("%d revoked, %v", n, err)
	}
	recs, _, err := h.config.Store.Find(t.Context(), "issuer-credential", "", store.Page{})
	if err != nil || len(recs) != 1 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	_, _, err = h.obtain(token, ids[0], 1)
	wantError(t, err, oid4vci.CredentialRequestDenied)
	if st, err := h.ChangeStatus(t.Context(), issuer.Authority{Client: "OVO002067", All: true}, recs[0].ID, issuer.Revoke, ""); err != nil || st.Status != status.Invalid {
		t.Errorf("%v %v", st.Status, err)
	}
}
