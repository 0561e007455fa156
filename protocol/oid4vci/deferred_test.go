package oid4vci

import (
	"errors"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
)

func TestDeferredRequest(t *testing.T) {
	if _, err := NewDeferredCredentialRequest(CredentialResponse{}, nil); !errors.Is(err, errNoTransaction) {
		t.Errorf("%v", err)
	}
	r, err := NewDeferredCredentialRequest(CredentialResponse{TransactionID: "8xLOxBtZp8", Interval: 3600}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := jose.Marshal(r)
	if err != nil || string(b) != `{"transaction_id":"8xLOxBtZp8"}` {
		t.Errorf("%s, %v", b, err)
	}
	if back, err := ParseDeferredCredentialRequest(b); err != nil || back != r {
		t.Errorf("%v", err)
	}
}

// The encryption of a deferred response is that of the deferred request, under
// the same rules as the first one (Sections 9.1 and 10).
func TestDeferredRequestCheck(t *testing.T) {
	m, _ := encrypting(t)
	key := newKey(t)
	e, err := m.NewResponseEncryption(&key.PublicKey, "w")
	if err != nil {
		t.Fatal(err)
	}
	r := DeferredCredentialRequest{TransactionID: "t", CredentialResponseEncryption: e, Encrypted: true}
	if err := r.Check(m); err != nil {
		t.Fatal(err)
	}
	r.Encrypted = false
	wantField(t, r.Check(m), "credential_response_encryption", InvalidEncryptionParameters)
	m.CredentialRequestEncryption.EncryptionRequired = true
	wantField(t, DeferredCredentialRequest{TransactionID: "t"}.Check(m), "credential request", InvalidEncryptionParameters)
}

func TestDeferredResponse(t *testing.T) {
	for _, text := range inline(t, "9.2") {
		body := []byte(text[strings.Index(text, "{"):])
		r, err := ParseDeferredCredentialResponse(body, "8xLOxBtZp8", 2)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if r.Deferred() == (len(r.Credentials) > 0) {
			t.Errorf("%d credentials, deferred %v", len(r.Credentials), r.Deferred())
		}
	}
	_, err := ParseDeferredCredentialResponse([]byte(`{"transaction_id":"other","interval":5}`), "t", 1)
	wantField(t, err, "transaction_id", "")
	_, err = ParseDeferredCredentialResponse([]byte(`{"transaction_id":"t"}`), "t", 1)
	wantField(t, err, "interval", "")
	for code, final := range map[ErrorCode]bool{CredentialRequestDenied: true, InvalidTransactionID: true, InvalidToken: false, InvalidEncryptionParameters: false} {
		if (ErrorResponse{Error: code}).Final() != final {
			t.Errorf("%s: final is not %v", code, final)
		}
	}
}
