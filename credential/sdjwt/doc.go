// Package sdjwt issues, discloses, presents and verifies SD-JWTs with key
// binding (RFC 9901) and the SD-JWT VC credential format on top
// (draft-ietf-oauth-sd-jwt-vc), with the payload rules of a PuB-EAA
// (ETSI TS 119 472-1).
//
// The three sides:
//
//   - Issuer: a Template is compiled once per credential type, Prepare checks a
//     credential against it and gives a Draft, and a Draft is sealed once.
//   - Holder: Parse, Disclose the paths that were consented to, Present with or
//     without key binding.
//   - Verifier: Verify against a Policy. Everything that decides (algorithms,
//     typ, whether key binding is needed, nonce, audience, the issuer's key)
//     comes from the policy and nothing from what was sent.
//
// TypeMetadata reads the published description of a credential type, checks
// its integrity and what it extends, and builds the Frame that says which
// claims are disclosable.
//
// The package does no network access, knows no trust list and no status list:
// the caller's Policy.IssuerKey decides whose signature counts, and the caller
// checks Verified.Status. A credential that verifies here is therefore not yet
// an accepted one.
package sdjwt
