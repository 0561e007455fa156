package oid4vp

import (
	"slices"
	"testing"
)

// What a wallet makes is what a verifier reads (Appendix B.3.3.1).
func TestTransactionHashesRead(t *testing.T) {
	h, ok, err := ParseTransactionHashes([]byte(`{"nonce":"n"}`))
	if ok || err != nil || h.Hashes != nil {
		t.Errorf("%v %v %v", h, ok, err)
	}
	h, ok, err = ParseTransactionHashes([]byte(`{"transaction_data_hashes":["x"],"transaction_data_hashes_alg":"sha-384"}`))
	if !ok || err != nil || h.Alg != "sha-384" || !slices.Equal(h.Hashes, []string{"x"}) {
		t.Errorf("%v %v %v", h, ok, err)
	}
	for _, payload := range []string{`x`, `{"transaction_data_hashes":[]}`, `{"transaction_data_hashes":"x"}`, `{"transaction_data_hashes":null,"transaction_data_hashes_alg":"x"}`, `{"transaction_data_hashes":["x"],"transaction_data_hashes_alg":""}`, `{"transaction_data_hashes":["x"],"transaction_data_hashes":["y"]}`} {
		if h, _, err := ParseTransactionHashes([]byte(payload)); err == nil || h.Hashes != nil {
			t.Errorf("%s: %v", payload, h)
		}
	}
}

func FuzzParseTransactionHashes(f *testing.F) {
	f.Add(`{"transaction_data_hashes":["x"],"transaction_data_hashes_alg":"sha-256"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		h, ok, err := ParseTransactionHashes([]byte(payload))
		if err == nil && ok && len(h.Hashes) == 0 {
			t.Fatal("none is some")
		}
		if places, err := h.Authorises(nil, "a"); err == nil && len(places) > 0 {
			t.Fatal("of no transactions one was authorised")
		}
	})
}
