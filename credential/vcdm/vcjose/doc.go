// Package vcjose secures credentials and presentations of the W3C data model
// 2.0 with JOSE (Securing Verifiable Credentials using JOSE and COSE): vc+jwt,
// vp+jwt, and vc+sd-jwt on top of package sdjwt. The payload is the document
// itself; there is no vc and no vp claim.
//
//   - Issuer: Prepare checks a document and gives a Draft that is sealed once,
//     with an electronic seal (*seal.Sealer, *seal.Keys) or with a KeySigner.
//   - Holder: Present encloses credentials in a vp+jwt for one verifier.
//   - Verifier: VerifyCredential, VerifySDJWT and VerifyPresentation against a
//     policy. What was verified is in the result; never go on with what was
//     sent.
//
// The package does no network access and knows no trust list and no status
// list: Policy.IssuerKey decides whose signature counts, and the caller checks
// the status entries. COSE and the JSON serialisations are not here, vp+sd-jwt
// neither: a presentation that hides parts of itself serves nobody yet.
package vcjose
