// Package bbs is the BBS signature scheme of draft-irtf-cfrg-bbs-signatures
// over BLS12-381: one signature over a list of messages, and from it proofs
// that show some of the messages and nothing of the others, not even the
// signature. Suites are BLS12-381-SHA-256, which bbs-2023 uses, and
// BLS12-381-SHAKE-256; the interface is H2G_HM2S_.
//
// A proof can be replayed by whoever sees it, unless its presentation header
// is bound to the verifier and its challenge: that is the caller's to do.
// Blind signatures and pseudonyms are not there.
//
// # Side channels
//
// The curve arithmetic is that of gnark-crypto, which does not promise to take
// a time independent of its inputs. What that means here:
//
//   - Sign: the secret key meets nothing but a hash, one addition and one
//     multiplication mod r, which do not branch on it. What is inverted and the
//     scalars that multiply a point are blinded anew by random numbers in each
//     call, so that their timing says nothing about the key. The messages are
//     not protected: time and cache may tell of them.
//   - ProofGen: not constant in time. The undisclosed messages and the random
//     scalars meet table look-ups and point multiplications; do not let a
//     stranger measure them on a shared machine.
//   - Verify and ProofVerify see public values alone.
package bbs
