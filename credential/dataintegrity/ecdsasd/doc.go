// Package ecdsasd is the cryptosuite ecdsa-sd-2023 (Data Integrity ECDSA Cryptosuites 1.0,
// Sections 3.5 and 3.6), which plugs into the frame of package dataintegrity: the issuer of a
// document makes a base proof, with which its holder derives others that disclose parts of it.
//
//   - Issuing: NewSigner. The issuer fixes by JSON pointers what every derived document
//     discloses; what is not fixed (an end of validity, a status) is the holder's to leave
//     out. Essential lists what credentials should fix.
//   - Holding: Base verifies what an issuer sent, Derive discloses a part of it. A base proof
//     holds the HMAC key and all signatures; it is not for verifiers.
//   - Verifying: Derived, a dataintegrity.Suite that refuses base proofs and can require
//     members that a holder must not leave out.
//
// Only P-256 with SHA-256 is there: the specification has no other key.
//
// # Whose key signs what
//
// A base proof makes two kinds of signatures: one with the issuer's key over the proof
// options, the fixed statements and a key pair made for this proof alone; and with that key
// pair one over each other statement. Section 3.6.7 of the text verifies both with the key
// inside the proof, with which anybody could forge; Section 3.6.5 and the official vectors
// say what is meant, and what is done here.
//
// The signatures let verifiers who compare what they were shown find out that it comes from
// one credential: the suite selects, it does not hide who is who (bbs-2023 does).
package ecdsasd
