// Package jsonld turns JSON-LD 1.1 documents into RDF at the speed of a parser:
// from the bytes of a document straight to the quads of an rdf.Dataset, through
// contexts that are compiled once (JSON-LD 1.1 Processing Algorithms and API,
// W3C Recommendation of 16 July 2020; called API in the comments here).
//
// Expansion (API, Section 5.1.2), node map generation (7.2.2) and
// deserialisation to RDF (8.1.2) happen in one pass; there is no expanded form.
// Contexts become immutable tables of terms, remembered by what they are made
// of, and scoped contexts are compiled when first used.
//
// Nothing is fetched: a Loader hands over the contexts that the caller trusts.
//
// Documents are processed in safe mode unless InsecureLax is asked for: what plain
// JSON-LD drops without a word (undefined terms, relative IRIs, values that hang
// on nothing, null, arrays and maps of nothing) is an error there, because what is dropped is not signed (VC Data
// Integrity 1.0, Section 2.4.1). What is not covered, and refused by name: generalised
// RDF, HTML, frames.
package jsonld
