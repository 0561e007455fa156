//go:build !cgo

package pkcs11_test

import (
	"context"
	"errors"
	"testing"

	"github.com/zegel-id/zegel/seal/pkcs11"
)

// A program built without cgo says so, and what is wrong with its configuration
// before that.
func TestWithoutCgo(t *testing.T) {
	conf := pkcs11.Config{Module: "/lib/hsm.so", Token: "seal", PIN: func(context.Context) (string, error) { return "1234", nil }}
	if token, err := pkcs11.Open(t.Context(), conf); token != nil || !errors.Is(err, pkcs11.ErrUnavailable) {
		t.Errorf("%v, %v", token, err)
	}
	conf.Token = ""
	if _, err := pkcs11.Open(t.Context(), conf); !errors.Is(err, pkcs11.ErrConfig) {
		t.Error(err)
	}
}
