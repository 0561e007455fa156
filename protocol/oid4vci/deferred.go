package oid4vci

import (
	"errors"
)

const specDeferred = "OpenID4VCI 1.0, Section 9.1"

// DeferredCredentialRequest of Section 9.1. The encryption parameters of this
// request, not those of the first one, are used for its response.
type DeferredCredentialRequest struct {
	TransactionID                Secret              `json:"transaction_id"`
	CredentialResponseEncryption *ResponseEncryption `json:"credential_response_encryption,omitzero"`
	// Encrypted: it came in a JWE.
	Encrypted bool `json:"-"`
}

// ParseDeferredCredentialRequest reads a deferred request. Whose transaction
// it is, is for the issuer to check.
func ParseDeferredCredentialRequest(b []byte) (DeferredCredentialRequest, error) {
	var r DeferredCredentialRequest
	if err := decode(b, &r, MaxMessage, InvalidCredentialRequest, "deferred credential request", specDeferred); err != nil {
		return DeferredCredentialRequest{}, err
	}
	if r.TransactionID == "" || tooLong(string(r.TransactionID)) {
		return DeferredCredentialRequest{}, refuse(InvalidTransactionID, specDeferred, "transaction_id", "is missing or longer than %d bytes", MaxText)
	}
	if e := r.CredentialResponseEncryption; e != nil {
		if err := e.validate(); err != nil {
			return DeferredCredentialRequest{}, err
		}
	}
	return r, nil
}

// Check holds the request's encryption against the issuer's metadata
// (Sections 9.1 and 10).
func (r DeferredCredentialRequest) Check(m CredentialIssuerMetadata) error {
	return m.checkEncryption(r.CredentialResponseEncryption, r.Encrypted)
}

// Deferred reports whether the response says to come back later.
func (r CredentialResponse) Deferred() bool { return r.TransactionID != "" }

// ParseDeferredCredentialResponse reads the answer to a deferred request, for
// a wallet: credentials for that many keys, or the same transaction once more
// (Section 9.2).
func ParseDeferredCredentialResponse(b []byte, transaction Secret, keys int) (CredentialResponse, error) {
	r, err := ParseCredentialResponse(b, keys)
	if err != nil {
		return CredentialResponse{}, err
	}
	if r.Deferred() && r.TransactionID != transaction {
		return CredentialResponse{}, refuse("", "OpenID4VCI 1.0, Section 9.2", "transaction_id", "is another than the one asked with")
	}
	return r, nil
}

// Final reports whether an error answer ends a deferred transaction: the
// issuer denies the credential or does not know the transaction any more, and
// the wallet must not ask again (Section 9.3).
func (r ErrorResponse) Final() bool {
	return r.Error == CredentialRequestDenied || r.Error == InvalidTransactionID
}

var errNoTransaction = errors.New("oid4vci: a deferred request needs the transaction_id of a response")

// NewDeferredCredentialRequest asks again for what a response put off, for a
// wallet.
func NewDeferredCredentialRequest(first CredentialResponse, e *ResponseEncryption) (DeferredCredentialRequest, error) {
	if !first.Deferred() {
		return DeferredCredentialRequest{}, errNoTransaction
	}
	return DeferredCredentialRequest{TransactionID: first.TransactionID, CredentialResponseEncryption: e}, nil
}
