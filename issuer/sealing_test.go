package issuer_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/signers"
)

// faulty is a seal key that fails when told to, after a number of signatures.
type faulty struct {
	crypto.Signer
	mu     sync.Mutex
	err    error
	after  int
	hangs  bool
	signed int
	asked  atomic.Int32
}

func (f *faulty) SignContext(ctx context.Context, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	f.asked.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hangs {
		<-ctx.Done()
		return nil, fmt.Errorf("%w: %w", signers.ErrUnavailable, ctx.Err())
	}
	if f.err != nil && f.signed >= f.after {
		return nil, f.err
	}
	f.signed++
	return f.Signer.Sign(nil, digest, o)
}

func (f *faulty) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("asked without the context of the request")
}

func (f *faulty) fail(err error, after int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.after, f.signed = err, after, 0
}

// remote is a house whose seal key may be away.
func remote(t *testing.T, change ...func(*issuer.Config)) (*house, *faulty) {
	t.Helper()
	h, f := build(t), &faulty{}
	s, err := h.config.Keys.Current().Through(func(k crypto.Signer) crypto.Signer { f.Signer = k; return f })
	if err != nil {
		t.Fatal(err)
	}
	if h.config.Keys, err = seal.NewKeys(s); err != nil {
		t.Fatal(err)
	}
	h.config.SealsAtOnce = 4
	for _, c := range change {
		c(&h.config)
	}
	if h.Issuer, err = issuer.New(h.config); err != nil {
		t.Fatal(err)
	}
	return h, f
}

func (h *house) indexes(id oid4vci.Secret) []status.Ref {
	h.Helper()
	refs, err := h.statuses.Find(h.Context(), "credential:"+strings.Split(string(id), ".")[0])
	if err != nil {
		h.Fatal(err)
	}
	return refs
}

// A signer that is away delays, and loses nothing: the wallet comes again with
// its transaction_id and gets what it asked for, to the keys it proved, under
// the status indexes that were taken.
func TestSignerAway(t *testing.T) {
	for name, err := range map[string]error{
		"away": signers.ErrUnavailable, "full": signers.ErrQueueFull, "uncertain": fmt.Errorf("token: %w", signers.ErrUncertain),
	} {
		t.Run(name, func(t *testing.T) {
			h, f := remote(t)
			token, ids, e := h.redeem(h.collect("v"))
			if e != nil {
				t.Fatal(e)
			}
			h.source.asked.Store(0)
			f.fail(err, 1) // in the middle of the copies
			first := h.putOff(token, ids[0])
			taken := h.indexes(first.TransactionID)
			// Too early: nobody is asked.
			f.asked.Store(0)
			if res, err := h.again(token, first.TransactionID); err != nil || res.TransactionID != first.TransactionID || f.asked.Load() != 0 {
				t.Errorf("%+v, %v, asked %d", res, err, f.asked.Load())
			}
			// Still away.
			h.pass(6 * time.Second)
			if res, err := h.again(token, first.TransactionID); err != nil || res.TransactionID != first.TransactionID || res.Interval < 1 || res.Interval > 5 {
				t.Errorf("%+v, %v", res, err)
			}
			f.fail(nil, 0)
			h.pass(6 * time.Second)
			done, err := h.again(token, first.TransactionID)
			if err != nil || len(done.Credentials) != 2 {
				t.Fatalf("%+v, %v", done, err)
			}
			for _, c := range copiesOf(done) {
				if h.value(c) != status.Valid {
					t.Error("a copy has no status")
				}
			}
			if now := h.indexes(first.TransactionID); len(taken) > 2 || len(now) != 2 {
				t.Errorf("%d, then %d indexes for 2 copies", len(taken), len(now))
			}
			if n := h.source.asked.Load(); n != 0 {
				t.Errorf("the supplier was asked %d times again", n)
			}
			_, err = h.again(token, first.TransactionID)
			wantError(t, err, oid4vci.InvalidTransactionID)
			_, err = h.request(h.Issuer, token, ids[0], 1)
			wantError(t, err, oid4vci.CredentialRequestDenied)
		})
	}
}

// While the signer is away no request waits for it, takes indexes or asks it;
// a transaction that is begun anew has the indexes of the one before.
func TestSignerRests(t *testing.T) {
	h, f := remote(t)
	token, ids, err := h.redeem(h.collect("v"))
	if err != nil {
		t.Fatal(err)
	}
	f.fail(signers.ErrUnavailable, 0)
	first := h.putOff(token, ids[0])
	f.asked.Store(0)
	second := h.putOff(token, ids[0]) // its answer was lost
	other := h.putOff(token, ids[1])
	if n := f.asked.Load(); n != 0 || len(h.indexes(other.TransactionID)) != 0 {
		t.Errorf("asked %d times while away", n)
	}
	_, err = h.again(token, first.TransactionID)
	wantError(t, err, oid4vci.InvalidTransactionID)
	f.fail(nil, 0)
	h.pass(6 * time.Second)
	for _, x := range []oid4vci.CredentialResponse{second, other} {
		if res, err := h.again(token, x.TransactionID); err != nil || len(res.Credentials) != 2 || len(h.indexes(x.TransactionID)) != 2 {
			t.Errorf("%+v, %v, %d indexes", res, err, len(h.indexes(x.TransactionID)))
		}
	}
}

// A record that a supplier has late may have to wait for the signer as well.
func TestSupplierThenSignerAway(t *testing.T) {
	h, f := remote(t)
	h.source.Pending = []issuer.Pending{{Record: late, Again: 30 * time.Second}}
	token, ids, err := h.redeem(h.collect("v"))
	if err != nil {
		t.Fatal(err)
	}
	first := h.putOff(token, ids[2])
	h.ready()
	h.pass(31 * time.Second)
	f.fail(signers.ErrUnavailable, 1)
	if res, err := h.again(token, first.TransactionID); err != nil || !res.Deferred() {
		t.Errorf("%+v, %v", res, err)
	}
	f.fail(nil, 0)
	h.pass(6 * time.Second)
	if res, err := h.again(token, first.TransactionID); err != nil || len(res.Credentials) != 2 || len(h.indexes(first.TransactionID)) != 2 {
		t.Errorf("%+v, %v", res, err)
	}
}

// A request waits no longer than it may.
func TestSealWait(t *testing.T) {
	h, f := remote(t, func(c *issuer.Config) { c.SealWait = 10 * time.Millisecond })
	token, ids, err := h.redeem(h.collect("v"))
	if err != nil {
		t.Fatal(err)
	}
	f.hangs = true
	h.putOff(token, ids[0])
}

// What no other try mends is no reason to come again.
func TestSignerFails(t *testing.T) {
	h, f := remote(t)
	token, ids, err := h.redeem(h.collect("v"))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	f.fail(broken, 0)
	if res, err := h.request(h.Issuer, token, ids[0], 2); !errors.Is(err, broken) || res.Deferred() {
		t.Errorf("%+v, %v", res, err)
	}
	f.fail(nil, 0)
	if res, err := h.request(h.Issuer, token, ids[0], 2); err != nil || len(res.Credentials) != 2 {
		t.Errorf("%+v, %v", res, err)
	}
}

// The claims that wait for the signer are readable to nobody but who has the
// transaction_id; an offer that is withdrawn takes them along.
func TestSignerAwayIsSealed(t *testing.T) {
	h, f := remote(t)
	o := h.collect("")
	token, ids, err := h.redeem(o)
	if err != nil {
		t.Fatal(err)
	}
	f.fail(signers.ErrUnavailable, 0)
	first := h.putOff(token, ids[0])
	recs := h.deferredRecords()
	if len(recs) != 1 {
		t.Fatalf("%d records", len(recs))
	}
	for _, word := range []string{`"title"`, "eyJ0aXRsZSI", `"keys"`, `"claims"`} {
		if strings.Contains(string(recs[0].Data), word) {
			t.Errorf("%q stands there", word)
		}
	}
	if err := h.Cancel(t.Context(), client, o.ID); err != nil {
		t.Error(err)
	}
	f.fail(nil, 0)
	h.pass(6 * time.Second)
	if res, err := h.again(token, first.TransactionID); err == nil {
		t.Errorf("withdrawn, and given: %+v", res)
	}
}
