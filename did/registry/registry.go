// Package registry plugs the DID methods of package did into the VDR registry
// of aries-framework-go v0.3.2 and resolves through it.
//
// Whoever builds on aries gets our hardened methods by VDR; the product gets
// one Resolver over all of them. Every document passes two readers: ours,
// which is strict and keeps revoked and expires, and that of aries, which
// checks its schema. aries is archived upstream and stays in this package: it
// is not in the packages that the wallet unit needs.
package registry

import (
	"context"
	"errors"
	"fmt"

	ariesdid "github.com/hyperledger/aries-framework-go/pkg/doc/did"
	vdrapi "github.com/hyperledger/aries-framework-go/pkg/framework/aries/api/vdr"
	"github.com/hyperledger/aries-framework-go/pkg/vdr"

	"github.com/zegel-id/zegel/did"
)

// Resolver resolves DIDs of the methods it was made with.
type Resolver struct{ registry *vdr.Registry }

var _ did.Resolver = (*Resolver)(nil)

// New makes a resolver for did:key, did:jwk and did:web. fetcher reads
// addresses that come from outside; see did.Fetcher for what it must refuse.
func New(fetcher did.Fetcher, options ...Option) *Resolver {
	web := did.WebMethod{Fetch: fetcher}
	for _, o := range options {
		o(&web)
	}
	return Of(map[string]did.Resolver{"web": web, "key": did.KeyMethod{}, "jwk": did.JWKMethod{}})
}

// Option changes how New makes did:web.
type Option func(*did.WebMethod)

// InsecureLoopback resolves did:web of the host localhost by plain http, for
// development.
func InsecureLoopback() Option { return func(w *did.WebMethod) { w.InsecureLoopback = true } }

// Of makes a resolver of the given methods by name.
func Of(methods map[string]did.Resolver) *Resolver {
	var options []vdr.Option
	for name, m := range methods {
		options = append(options, vdr.WithVDR(VDR(name, m)))
	}
	return &Resolver{registry: vdr.New(options...)}
}

// Options by which the caller's context and the document that aries cannot
// carry pass through the registry.
const (
	optionContext  = "zegel.context"
	optionDocument = "zegel.document"
)

// Resolve returns the document of a DID (DID Core 1.0, Section 7.1). A DID URL
// is refused.
func (r *Resolver) Resolve(ctx context.Context, id string) (*did.Document, error) {
	if _, err := did.Parse(id); err != nil {
		return nil, err
	}
	var doc *did.Document
	res, err := r.registry.Resolve(id, vdrapi.WithOption(optionContext, ctx), vdrapi.WithOption(optionDocument, &doc))
	if err != nil {
		return nil, ours(err)
	}
	switch {
	case doc == nil || res.DIDDocument == nil:
		return nil, fmt.Errorf("%w: the method answered without one", did.ErrDocument)
	case doc.ID != id || res.DIDDocument.ID != id:
		return nil, fmt.Errorf("%w: its id is not the identifier it was asked for (DID Core 1.0, Section 5.1.1)", did.ErrDocument)
	case res.DocumentMetadata != nil && res.DocumentMetadata.Deactivated:
		return nil, did.ErrDeactivated
	}
	return doc, nil
}

// Close releases the methods.
func (r *Resolver) Close() error { return r.registry.Close() }

// methodError carries the error of one of our methods through aries.
type methodError struct{ error }

func (e methodError) Unwrap() error { return e.error }

// ours takes our own error out of what aries made of it. The text of aries is
// dropped: it holds identifiers and whole documents.
func ours(err error) error {
	var m methodError
	if errors.As(err, &m) {
		return m.error
	}
	return fmt.Errorf("%w: expected did:web, did:key or did:jwk", did.ErrMethod)
}

// VDR is a method as aries-framework-go plugs it in. It reads only.
func VDR(name string, m did.Resolver) vdrapi.VDR { return method{name, m} }

type method struct {
	name string
	did  did.Resolver
}

var errReadOnly = errors.New("this method only resolves DIDs")

// Accept implements vdrapi.VDR.
func (m method) Accept(name string, _ ...vdrapi.DIDMethodOption) bool { return name == m.name }

// Read implements vdrapi.VDR.
func (m method) Read(id string, options ...vdrapi.DIDMethodOption) (*ariesdid.DocResolution, error) {
	o := &vdrapi.DIDMethodOpts{Values: map[string]any{}}
	for _, apply := range options {
		apply(o)
	}
	ctx, ok := o.Values[optionContext].(context.Context)
	if !ok {
		ctx = context.Background() // called by aries itself; the methods bound their own time
	}
	doc, err := m.did.Resolve(ctx, id)
	switch {
	case errors.Is(err, did.ErrNotFound):
		return nil, methodError{fmt.Errorf("%w: %w", err, vdrapi.ErrNotFound)}
	case err != nil:
		return nil, methodError{err}
	}
	theirs, err := ariesDocument(doc)
	if err != nil {
		return nil, methodError{err}
	}
	if sink, ok := o.Values[optionDocument].(**did.Document); ok {
		*sink = doc
	}
	return &ariesdid.DocResolution{
		Context:          ariesdid.Context([]string{"https://w3id.org/did-resolution/v1"}),
		DIDDocument:      theirs,
		DocumentMetadata: &ariesdid.DocumentMetadata{},
	}, nil
}

// Create implements vdrapi.VDR.
func (method) Create(*ariesdid.Doc, ...vdrapi.DIDMethodOption) (*ariesdid.DocResolution, error) {
	return nil, errReadOnly
}

// Update implements vdrapi.VDR.
func (method) Update(*ariesdid.Doc, ...vdrapi.DIDMethodOption) error { return errReadOnly }

// Deactivate implements vdrapi.VDR.
func (method) Deactivate(string, ...vdrapi.DIDMethodOption) error { return errReadOnly }

// Close implements vdrapi.VDR.
func (method) Close() error { return nil }
