// Package dataintegrity makes and verifies the proofs of Verifiable Credential
// Data Integrity 1.0 over JSON and JSON-LD documents. It knows proofs and not
// credentials: whose proof is required, and what the document says, is decided
// by the caller.
//
//   - Signing: a Template is compiled once per key and purpose; Add gives a
//     document its proof, Append adds one to a proof set or chain. The document
//     is not written anew: the proof is put into its text.
//   - Verifying: Verify against a Policy, a top-down list of named checks.
//     Cryptosuites, keys, purpose, domain, challenge and contexts come from the
//     policy, nothing from what was sent. What comes back is the document that
//     was signed, and the facts of each proof; of a document that failed,
//     nothing does.
//
// # Cryptosuites
//
// EdDSARDFC2022, ECDSARDFC2019, EdDSAJCS2022 and ECDSAJCS2019 sign a hash of the
// whole document. Other suites plug in from packages of their own, by three
// small pieces; there is no registry, a caller lists the suites it wants:
//
//   - For verifying, a Suite in Policy.Suites. It names itself (the cryptosuite
//     member of a proof), reads the key of a verification method (so that it
//     decides which kinds of keys fit), and checks a proofValue over an Input.
//   - For signing, a Signer in Options.Signer: it makes a proofValue of an Input.
//     What else it needs (mandatory pointers, an HMAC key, a second key) it holds
//     itself. Several may share the work of a template only if they are safe for
//     concurrent use.
//   - A suite whose holders derive proofs gets at the pieces with Parse:
//     Secured.Proofs, Secured.Input for the document without its proof and the
//     proof options, and Attach for the document it reveals. Policy.Suites of an
//     issuer's check and of a verifier hold different Suites where base and
//     derived proofs are told apart.
//
// Input is all a suite sees: the document without its proof, the proof without
// its proofValue, the @context. Input.Configuration is the proof configuration,
// and Input.ConfigurationHash the hash of its canonical form, which all suites
// that canonicalise as RDF sign in one way or another; Configurations gives the same,
// and remembers what the proofs of one issuer share. Refusals of a suite are
// *Error values with CheckProofValue or CheckSignature; MultibaseBase58 and
// MultibaseBase64 read the two forms of proofValue.
//
// Before a suite is asked, the frame has seen to: strict JSON of bounded size,
// type and cryptosuite, purpose, times, domain, challenge, previous proofs, known
// contexts and plain names of members, and the retrieval of the verification method
// for the purpose (Controlled Identifiers 1.0, Section 3.3). A suite must refuse a document that it cannot
// sign as a whole: canonicalise with jsonld in its safe mode.
package dataintegrity
