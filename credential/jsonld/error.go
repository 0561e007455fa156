package jsonld

import "fmt"

// Error is why a document or a context was refused.
type Error struct {
	// Code is the error code of API, Section 9.6 (such as "invalid @id value"),
	// or one of ours for what plain JSON-LD lets pass: "json", "dropped",
	// "limit", "not supported".
	Code string
	// Pointer is the JSON pointer (RFC 6901) of the place in the document, or in
	// the context named in Context.
	Pointer string
	// Context is the URL of the context at fault, empty for the document itself.
	Context string
	// Detail says what is wrong and what to do; it holds names, never values of
	// claims.
	Detail string
}

func (e *Error) Error() string {
	at := e.Pointer
	if at == "" {
		at = "the top"
	}
	if e.Context != "" {
		at += " of context " + e.Context
	}
	return fmt.Sprintf("jsonld: %s at %s: %s", e.Code, at, e.Detail)
}

// Codes of our own.
const (
	codeJSON        = "json"
	codeDropped     = "dropped"
	codeLimit       = "limit"
	codeUnsupported = "not supported"
)
