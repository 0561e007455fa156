// Package did reads and publishes decentralized identifiers and controlled
// identifier documents, and keeps a citizen's WebID and DID one and the same
// thing seen from two sides.
//
// It holds: the syntax of DIDs and DID URLs; our own Document for publishing
// and for reading those of others; the methods did:web, did:key and did:jwk,
// each usable alone; the bijection between WebIDs and DIDs, the Profile behind
// both documents, the link proof that the citizen signs, and VerifyLink, which
// judges all of it from the outside.
//
// It does not reach the network: methods that must take a Fetcher. It does not
// keep anything: did/profiles does, over the store. It does not know the
// aries framework: did/registry plugs the methods into its VDR registry, so
// that the wallet unit, which signs link proofs, stays small.
package did

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// What callers branch on. Errors wrap one of these, name the rule that was
// broken and never hold the identifier itself: a citizen's DID is personal
// data.
var (
	// ErrSyntax is returned for text that is no DID or DID URL.
	ErrSyntax = errors.New("not a valid DID")
	// ErrMethod is returned for a DID method that is not supported here.
	ErrMethod = errors.New("DID method is not supported")
	// ErrNotFound is returned when the method says that there is no such DID.
	ErrNotFound = errors.New("DID is not found")
	// ErrDeactivated is returned for a DID that was and is no more; it must not
	// be used for anything new.
	ErrDeactivated = errors.New("DID is deactivated")
	// ErrDocument is returned for a document that breaks the rules of DID Core
	// or Controlled Identifiers.
	ErrDocument = errors.New("not a valid DID document")
	// ErrKey is returned for key material that is no usable public key.
	ErrKey = errors.New("not a usable public key")
	// ErrVerificationMethod is returned when a document has no key for the use
	// that was asked for.
	ErrVerificationMethod = errors.New("no such verification method for this use")
)

// Resolver answers with the document of a DID. Each method of this package is
// one; did/registry joins them.
type Resolver interface {
	// Resolve returns the document whose id is the DID asked for (DID Core 1.0,
	// Section 7.1). A deactivated DID is ErrDeactivated, never a document.
	Resolve(ctx context.Context, did string) (*Document, error)
}

// maxDID is the longest DID that is read, in bytes. A did:jwk of an RSA key of
// 8192 bits has about 2,000.
const maxDID = 4096

// DID is a parsed decentralized identifier (DID Core 1.0, Section 3.1).
type DID struct {
	Method string
	// ID is the method-specific identifier, as written.
	ID string
}

func (d DID) String() string { return "did:" + d.Method + ":" + d.ID }

// Parse reads a DID by the grammar of DID Core 1.0, Section 3.1. A DID URL is
// refused; ParseURL reads those.
func Parse(s string) (DID, error) {
	if len(s) > maxDID {
		return DID{}, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, maxDID)
	}
	rest, ok := strings.CutPrefix(s, "did:")
	method, id, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || method == "" {
		return DID{}, fmt.Errorf("%w: it must be did:method:identifier (DID Core 1.0, Section 3.1)", ErrSyntax)
	}
	for i := 0; i < len(method); i++ {
		if c := method[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			return DID{}, fmt.Errorf("%w: the method name must be lower-case letters and digits (DID Core 1.0, Section 3.1)", ErrSyntax)
		}
	}
	if id == "" || id[len(id)-1] == ':' {
		return DID{}, fmt.Errorf("%w: the identifier must not be empty or end with a colon (DID Core 1.0, Section 3.1)", ErrSyntax)
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		switch {
		case idchar(c) || c == ':':
		case c == '%' && i+2 < len(id) && hexDigit(id[i+1]) && hexDigit(id[i+2]):
			i += 2
		default:
			return DID{}, fmt.Errorf("%w: character at byte %d is not allowed in an identifier (DID Core 1.0, Section 3.1)", ErrSyntax, i+len("did::")+len(method))
		}
	}
	return DID{Method: method, ID: id}, nil
}

// URL is a parsed DID URL (DID Core 1.0, Section 3.2). Path and Query hold
// their text without the leading mark.
type URL struct {
	DID      DID
	Path     string
	Query    string
	Fragment string
}

// ParseURL reads a DID URL. The parts after the DID keep their spelling.
func ParseURL(s string) (URL, error) {
	if len(s) > maxDID {
		return URL{}, fmt.Errorf("%w URL: longer than %d bytes", ErrSyntax, maxDID)
	}
	rest, fragment, hasFragment := strings.Cut(s, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	head, path, _ := strings.Cut(rest, "/")
	d, err := Parse(head)
	if err != nil {
		return URL{}, err
	}
	for _, part := range []struct {
		name, text string
		there      bool
	}{{"path", path, true}, {"query", query, hasQuery}, {"fragment", fragment, hasFragment}} {
		if part.there && !urlText(part.text) {
			return URL{}, fmt.Errorf("%w URL: a character of the %s is not allowed (DID Core 1.0, Section 3.2; RFC 3986, Section 3)", ErrSyntax, part.name)
		}
	}
	return URL{DID: d, Path: path, Query: query, Fragment: fragment}, nil
}

// idchar of DID Core 1.0, Section 3.1, without percent-encoding.
func idchar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// urlText reports whether s holds only what RFC 3986 allows in a path, query
// or fragment: unreserved, sub-delims, ":@/?" and percent-encoding.
func urlText(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case idchar(c) || strings.IndexByte("~!$&'()*+,;=:@/?", c) >= 0:
		case c == '%' && i+2 < len(s) && hexDigit(s[i+1]) && hexDigit(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}
