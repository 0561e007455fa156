// Package vcapi issues, derives, presents and verifies W3C credentials for those
// who call for each step by itself: the verifiable credential API that the test
// suites of the W3C call ("VCALM", 0.9). Subpackage api is its HTTP.
//
// It signs what it is asked to sign: there is no seal, no supplier, no offer and
// no consent, as there is with package issuer. It is for tests of
// interoperability and for systems that do all that themselves.
//
//   - Issuer signs credentials with one key in one cryptosuite, or as vc+jwt, and
//     may give each a status.
//   - Holder makes presentations with one key. Derive needs none.
//   - Verifier judges credentials and presentations of anybody. That a credential
//     holds says that its issuer made it, and nothing of who that is.
//
// Workflows, exchanges, challenges that the server draws, and the storage of
// credentials are not there.
package vcapi

import (
	"errors"
	"strings"

	"github.com/zegel-id/zegel/did"
)

// spec is the text that is followed.
const spec = "VCALM 0.9, "

// ofKey refuses a did:key of another key: nobody could verify what is signed.
func ofKey(id string, key Key) error {
	if !strings.HasPrefix(id, "did:key:") {
		return nil
	}
	own, err := did.DIDKey(key.Public())
	if err == nil && own != id {
		err = errors.New("the identifier is the did:key of another key")
	}
	return err
}

// ownMethod is the verification method of a key: that of its did:key where the
// configuration names none.
func ownMethod(id, method string) string {
	if method != "" {
		return method
	}
	if _, fragment, err := did.ParseDIDKey(id); err == nil {
		return id + "#" + fragment
	}
	return ""
}
