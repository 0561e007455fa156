// Package selective has the selective disclosure functions that the cryptosuites
// ecdsa-sd-2023 and bbs-2023 share (Data Integrity ECDSA Cryptosuites 1.0, Section 3.4;
// Data Integrity BBS Cryptosuites 1.0, Section 3.2.1): a JSON-LD document becomes a list
// of statements whose blank nodes have labels of a LabelMap, and JSON pointers choose
// some of them.
//
// The specifications tell how by expanding the document, giving each blank node a URN,
// compacting it again, cutting out what the pointers name and turning that into RDF. Here
// nothing is expanded or compacted: the document is turned into RDF once, the fragment
// that the pointers cut out of its text once more, and a blank node of the fragment is the
// blank node that stands at the same place in the document. What comes out is the
// same, byte by byte.
//
// A fragment that says what the document does not say is an error: half a list, half a
// JSON literal, a blank node torn in two. The specifications leave that to the verifier, who
// would see a signature fail.
//
// No cryptography is in here but the HMAC of the labels.
package selective

import "fmt"

// Bounds of what is processed; more is an error. The size of a document is its
// caller's to bound.
const (
	MaxPointers   = 1024
	MaxStatements = 4096
)

// Error is why a document or a selection was refused.
type Error struct {
	// Pointer is the JSON pointer at fault, if it is one of the caller's.
	Pointer string
	// Detail says what is wrong and what to do; it holds no values of claims.
	Detail string
	Err    error
}

func (e *Error) Error() string {
	at := ""
	if e.Pointer != "" {
		at = fmt.Sprintf("JSON pointer %q: ", clip(e.Pointer))
	}
	if e.Err != nil {
		return "selective: " + at + e.Detail + ": " + e.Err.Error()
	}
	return "selective: " + at + e.Detail
}

func (e *Error) Unwrap() error { return e.Err }

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
