package issuer_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// The supplier's final no empties the transaction and is not asked for twice
// (Section 9.3).
func TestDeferredDenied(t *testing.T) {
	for name, change := range map[string]func(h *house){
		"refused":    func(h *house) { h.source.Refused = []issuer.Refusal{{Record: late, Reason: "annulled"}} },
		"gone":       func(h *house) {},
		"unsealable": func(h *house) { h.ready(); h.source.Datasets[2].Claims = []byte(`{"surprise":"x"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			h, token, ids := waiting(t)
			first := h.putOff(token, ids[2])
			h.source.Pending = nil
			change(h)
			h.pass(time.Minute)
			for range 2 {
				_, err := h.again(token, first.TransactionID)
				wantError(t, err, oid4vci.CredentialRequestDenied)
				h.pass(time.Minute)
			}
			_, err := h.request(h.Issuer, token, ids[2], 1)
			wantError(t, err, oid4vci.CredentialRequestDenied)
			if recs := h.deferredRecords(); h.source.asked.Load() != 1 || len(recs) != 1 || bytes.Contains(recs[0].Data, []byte("sealed")) {
				t.Errorf("asked %d times, %d records", h.source.asked.Load(), len(recs))
			}
		})
	}
}

// A supplier that is away, talks nonsense or was taken out for a while keeps the wallet waiting, at both
// endpoints; a fault of ours does not.
func TestDeferredSupplierAway(t *testing.T) {
	h, token, ids := waiting(t)
	h.pass(31 * time.Second)
	h.source.err = fmt.Errorf("503: %w", provider.ErrUnavailable)
	first := h.putOff(token, ids[2])
	h.pass(31 * time.Second)
	h.source.err = fmt.Errorf("no JSON: %w", provider.ErrAnswer)
	if res, err := h.again(token, first.TransactionID); err != nil || !res.Deferred() {
		t.Errorf("%+v %v", res, err)
	}
	h.pass(31 * time.Second)
	h.source.err = provider.ErrNoConnector
	if res, err := h.again(token, first.TransactionID); err != nil || !res.Deferred() {
		t.Errorf("%+v %v", res, err)
	}
	h.pass(31 * time.Second)
	h.source.err = errStatus
	if _, err := h.again(token, first.TransactionID); !errors.Is(err, errStatus) {
		t.Errorf("%v", err)
	}
	h.source.err = nil
	h.uses.broken.Store(true)
	h.pass(31 * time.Second)
	if _, err := h.again(token, first.TransactionID); !errors.Is(err, errLog) {
		t.Errorf("%v", err)
	}
	h.uses.broken.Store(false)
	h.ready()
	h.pass(31 * time.Second)
	if res, err := h.again(token, first.TransactionID); err != nil || len(res.Credentials) != 2 {
		t.Errorf("%+v %v", res, err)
	}
}

// A wallet that lost the answer begins anew: its new keys count, the old
// transaction_id does not, and the supplier is not asked sooner.
func TestDeferredAnew(t *testing.T) {
	h, token, ids := waiting(t)
	first := h.putOff(token, ids[2])
	h.pass(31 * time.Second)
	if res, err := h.again(token, first.TransactionID); err != nil || !res.Deferred() {
		t.Fatal(res, err)
	}
	second := h.putOff(token, ids[2])
	if second.TransactionID == first.TransactionID || h.source.asked.Load() != 1 {
		t.Errorf("asked %d times", h.source.asked.Load())
	}
	_, err := h.again(token, first.TransactionID)
	wantError(t, err, oid4vci.InvalidTransactionID)
	h.ready()
	h.pass(31 * time.Second)
	if res, err := h.again(token, second.TransactionID); err != nil || len(res.Credentials) != 2 {
		t.Errorf("%+v %v", res, err)
	}
}
