package oid4vp

// Remedy says what who reads a refusal with this code does about it; empty for
// a code that is not of this package.
func (c ErrorCode) Remedy() string { return remedies[c] }

var remedies = map[ErrorCode]string{
	InvalidRequest:          "Verifier: correct the named field. Wallet: correct the response, or start a new transaction when it is over.",
	InvalidScope:            "Use dcql_query; no scope stands for a query here.",
	InvalidClient:           "Check the client identifier, its prefix, and the key or certificate that signs.",
	AccessDenied:            "The citizen did not share: ask again only when they want it.",
	VPFormatsNotSupported:   "Ask for a format and algorithms that the wallet's metadata name.",
	InvalidRequestURIMethod: "Use get or post in lower case.",
	InvalidTransactionData:  "Use a registered type with its fields, and ids of the query that bind a key.",
	WalletUnavailable:       "Call the wallet again later.",
	UnsupportedResponseType: "Use response_type vp_token.",
	TemporarilyUnavailable:  "Try again after the time that Retry-After names.",
	ServerError:             "Try again; report it with the X-Request-Id when it stays.",
}
