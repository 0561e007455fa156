// Package vcdm reads documents of the W3C Verifiable Credentials Data Model 2.0
// and holds them against its rules: the "conforming document" that every
// securing mechanism has to hand over after it verified (Section 7.1).
//
// ParseCredential and ParsePresentation give the facts that decide (issuer,
// types, validity, status, schemas, related resources) out of the bytes and
// leave what is inside them as the bytes that were signed.
//
// The package verifies no proof, fetches nothing and judges no status. JSON-LD
// is processed only where a rule needs it, see Types. A document that parses
// here is therefore well-formed, not yet true: it must be the one that a
// securing mechanism verified, never the one that was sent.
package vcdm
