package dataintegrity

import (
	"github.com/mr-tron/base58"

	"github.com/zegel-id/zegel/internal/jose"
)

// maxBase58 is the longest base58 text that is read: its cost is quadratic, and a
// P-384 signature takes 132 characters.
const maxBase58 = 160

// MultibaseBase58 reads a proofValue in base58btc, prefix z (Controlled Identifiers
// 1.0, Section 2.4). Every value has one spelling.
func MultibaseBase58(proofValue string) ([]byte, error) {
	if len(proofValue) >= 2 && len(proofValue) <= maxBase58 && proofValue[0] == 'z' {
		if b, err := base58.Decode(proofValue[1:]); err == nil {
			return b, nil
		}
	}
	return nil, badValue("proofValue is not base58btc with prefix z, of a length that a signature has")
}

// EncodeBase58 is the form that MultibaseBase58 reads.
func EncodeBase58(b []byte) string { return "z" + base58.Encode(b) }

// MultibaseBase64 reads a proofValue in base64url without padding, prefix u, in
// its one spelling.
func MultibaseBase64(proofValue string) ([]byte, error) {
	if len(proofValue) >= 2 && proofValue[0] == 'u' {
		if b, err := jose.Decode(proofValue[1:]); err == nil {
			return b, nil
		}
	}
	return nil, badValue("proofValue is not base64url without padding, with prefix u")
}

// EncodeBase64 is the form that MultibaseBase64 reads.
func EncodeBase64(b []byte) string {
	text := make([]byte, 0, 1+jose.EncodedLen(len(b)))
	return string(jose.AppendEncode(append(text, 'u'), b))
}

func badValue(detail string) *Error {
	return &Error{Check: CheckProofValue, Spec: specCID + ", Section 2.4", Detail: detail}
}
