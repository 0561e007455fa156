package oauth

// Remedy says what a client does about a refusal with this code of RFC 9449,
// Section 12.2, or of attestation-based client authentication -10, Section 6.2;
// empty for other codes.
func Remedy(code string) string { return remedies[code] }

var remedies = map[string]string{
	"invalid_dpop_proof":         "Make a fresh proof for each request, with the clock set right, for this method and address and with the key of the token.",
	"use_dpop_nonce":             "Send the request again with the value of DPoP-Nonce in the proof.",
	"invalid_client_attestation": "Use an attestation of a trusted attester that is not over, with a proof by its key.",
	"use_fresh_attestation":      "Get a new attestation from the attester and send the request again.",
	"use_attestation_challenge":  "Send the request again with the value of OAuth-Client-Attestation-Challenge in the proof.",
}
