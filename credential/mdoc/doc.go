// Package mdoc issues, discloses, presents and verifies mobile documents: the
// credential format mso_mdoc of OpenID4VCI and OpenID4VP, whose structures are
// those of ISO/IEC 18013-5.
//
// The three sides:
//
//   - Issuer: a Template is compiled once per document type, Prepare checks a
//     credential against it and gives a Draft, and a Draft is sealed once.
//   - Holder: Parse, VerifyIssued, Disclose the data elements that were
//     consented to, Present in a DeviceResponse bound to one request.
//   - Verifier: Verify a DeviceResponse against a Policy. Everything that
//     decides (algorithms, document types, the session transcript, the issuer's
//     key) comes from the policy and nothing from what was sent.
//
// The package does no network access and knows no status list: the caller's
// Policy.IssuerKey decides whose signature counts (Authorities is one way to),
// and the caller checks Verified.Status. A document that verifies here is
// therefore not yet an accepted one.
//
// The text of ISO/IEC 18013-5 is not public. Its structures are taken here from
// OpenID4VP 1.0 (Appendix B.2), OpenID4VCI 1.0 (Appendix A.2) and what is
// generally known of it; clause numbers of it are cited where those documents
// cite them. Proximity flows, session encryption, reader authentication,
// device MACs and zero-knowledge proofs are not offered.
package mdoc

// The versions of the structures that are written and read.
const (
	versionMSO      = "1.0"
	versionResponse = "1.0"
)

// Limits of what is read from outside.
const (
	MaxSize  = 1 << 20 // bytes of an IssuerSigned or a DeviceResponse
	MaxItems = 512     // data elements of one document
	maxDepth = 16      // of nested arrays, maps and tags
	maxItems = 1 << 14 // CBOR data items, keys included
	maxName  = 256     // bytes of a namespace, an element identifier or a docType
)

// CBOR tags.
const (
	tagDateTime = 0    // tdate (RFC 8949, Section 3.4.1)
	tagEncoded  = 24   // encoded CBOR data item (RFC 8949, Section 3.4.5.1)
	tagFullDate = 1004 // full-date (RFC 8943)
)
