// Package bbs2023 is the cryptosuite bbs-2023 (Data Integrity BBS Cryptosuites
// 1.0), which plugs into the frame of package dataintegrity: the issuer of a
// document makes a base proof, from which its holder derives others that
// disclose parts of it and cannot be linked by their signatures.
//
//   - Issuing: NewSigner. The issuer fixes by JSON pointers what every derived
//     document discloses.
//   - Holding: Base verifies what an issuer sent, Derive discloses a part of it.
//     A base proof holds the HMAC key and the signature; it is not for verifiers.
//   - Verifying: Derived, a dataintegrity.Suite that refuses base proofs.
//
// The baseline is there; holder binding and pseudonyms, which are at risk in the
// specification, are refused by name.
//
// # Replay
//
// The suite leaves the presentation header to the protocol. Without one that
// the verifier chose, who sees a derived proof can show it as his own. Our
// profile is PresentationHeader, a digest of the verifier's domain and
// challenge; a protocol with a rule of its own gives its own bytes. A verifier
// has to say which header it expects. Nothing binds a credential to its holder
// beyond that: whoever has the base proof is the holder.
//
// # What still links
//
// Mandatory values, dates to the second, identifiers and a status entry of its
// own say who is who as well as a signature does. Fix no such values, or share
// them among many credentials.
package bbs2023
