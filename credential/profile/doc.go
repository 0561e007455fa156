// Package profile writes one set of claims as a W3C Verifiable Credential of an
// application profile, such as the European Learning Model or OSLO
// Leercredential, and reads the claims back out of it.
//
// A profile is data: a JSON declaration that holds the document with references
// to claims in it. It is compiled once; a document is then written in one pass,
// from the claims' bytes to the document's. What the declaration does not say is
// not written: a claim that finds no place is an error unless the declaration
// says why it has none, so that no clothes of a record say less than another
// without anybody having decided so.
//
// The documents are unsigned. Contexts, Data Integrity and JOSE are other
// packages' work; so is what an issuer checks before it writes.
//
// # Declarations
//
//	name           of the profile
//	document       the credential with references in its strings
//	required       claims without which there is no such document
//	mandatory      JSON pointers of what every presentation discloses
//	tables         value tables for "in:"
//	inexpressible  claims that have no place, or not with every value, and why
//
// A reference is the only one in its string: "{title}", or with text around it,
// "PT{adult_education_hours|integer}H". A name with a dollar sign is not a claim
// but a value of the copy or of the issuer (see Copy and Issuer). What follows a
// bar is done to the value, see functions in function.go; all of it can be undone.
//
// A member, element or object is left out when the claims that it refers to are
// absent; constants do not keep it alive. {"$each": "list", "$item": …} in an
// array stands for an element per element of a list claim, whose members are
// named with a dot before them, "{.name}". A member "$if" names claims of which
// one must be there for its object. The alternatives of an array must differ in
// one constant, by which they are told apart when the document is read.
package profile
