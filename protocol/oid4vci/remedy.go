package oid4vci

// Remedy says what a wallet, or who makes one, does about a refusal with this
// code; empty for a code that is not of this package.
func (c ErrorCode) Remedy() string { return remedies[c] }

var remedies = map[ErrorCode]string{
	InvalidRequest:                 "Correct the named field and send the request again.",
	InvalidClient:                  "Register the client, or authenticate it in the way the metadata name.",
	InvalidGrant:                   "The code cannot be used (any more): begin again, or ask for a new offer.",
	UnauthorizedClient:             "Use a grant that this client may use.",
	UnsupportedGrantType:           "Use one of grant_types_supported.",
	AccessDenied:                   "Ask the citizen again; they said no, or there is nothing to give.",
	UnsupportedResponseType:        "Use response_type code.",
	ServerError:                    "Try again later.",
	TemporarilyUnavailable:         "Try again in some minutes.",
	RequestNotSupported:            "Push the request to pushed_authorization_request_endpoint; request objects are not read.",
	InvalidRequestURI:              "Push the request again; an address of a pushed request is good once and for minutes.",
	InvalidScope:                   "Use one of scopes_supported.",
	InvalidTarget:                  "Name this issuer's identifier as resource, or leave it out.",
	InvalidAuthorizationDetails:    "Ask for configurations that the metadata name and that were granted.",
	InvalidToken:                   "Get a new access token; tokens live for minutes.",
	InsufficientScope:              "Get an access token for this credential.",
	InvalidCredentialRequest:       "Correct the named field and send the request again.",
	UnknownCredentialConfiguration: "Read the metadata again and use a configuration of it.",
	UnknownCredentialIdentifier:    "Use an identifier of this token's response.",
	InvalidProof:                   "Make new proofs as proof_types_supported and Appendix F say.",
	InvalidNonce:                   "Get a new c_nonce at the nonce endpoint and send the request once more with it.",
	InvalidEncryptionParameters:    "Read the metadata again and encrypt as they say.",
	CredentialRequestDenied:        "Do not ask again with this token; ask for a new offer.",
	InvalidTransactionID:           "Stop asking: the transaction is over or belongs to another token.",
	InvalidNotificationID:          "Send the identifier that came with the credential, under the same access token.",
	InvalidNotificationRequest:     "Correct the named field and send the notification again.",
}
