//go:build cgo

package pkcs11

import (
	"fmt"
	"testing"

	p11 "github.com/miekg/pkcs11"
)

// After which errors of a module the token is opened anew (PKCS #11 3.1, Section 5.1).
func TestLost(t *testing.T) {
	for rv, want := range map[uint]bool{
		p11.CKR_SESSION_HANDLE_INVALID: true, p11.CKR_DEVICE_REMOVED: true, p11.CKR_GENERAL_ERROR: true,
		p11.CKR_VENDOR_DEFINED: true, p11.CKR_VENDOR_DEFINED + 0x382: true,
		p11.CKR_MECHANISM_INVALID: false, p11.CKR_PIN_INCORRECT: false, p11.CKR_PIN_LOCKED: false, p11.CKR_DATA_LEN_RANGE: false, p11.CKR_KEY_FUNCTION_NOT_PERMITTED: false,
	} {
		if got := lost(fmt.Errorf("signing: %w", p11.Error(rv))); got != want {
			t.Errorf("%#x: %t", rv, got)
		}
	}
	if lost(nil) || lost(fmt.Errorf("something else")) || !lost(errStale) {
		t.Error("errors that are not of a module")
	}
}
