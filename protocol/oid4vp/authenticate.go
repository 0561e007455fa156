package oid4vp

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// requestAlgs sign request objects with the key of an access certificate.
var requestAlgs = []jose.Alg{jose.ES256, jose.ES384}

// clientAlgs sign request objects with the key of any client. Each has to fit
// the key that the client identifier leads to.
var clientAlgs = []jose.Alg{jose.ES256, jose.ES384, jose.EdDSA}

// Client is a verifier that was registered with the wallet before (OpenID4VP
// 1.0, Section 5.9.1).
type Client struct {
	// Name is what the citizen is shown.
	Name string
	// Keys sign its requests; without any its requests are unsigned.
	Keys []jose.JWK
	// Addresses are its response and redirect URIs, matched exactly.
	Addresses []string
	// Metadata takes precedence over what a request says (Section 5.1).
	Metadata *ClientMetadata
}

// authenticate finds the key that the client identifier stands for (Section
// 5.9.3) and verifies the signature with it. A prefix that is not known, not
// accepted, or that no key can be had for is refused.
func (v Verification) authenticate(ctx context.Context, t *jose.Token, r Request) (Verified, error) {
	out := Verified{Request: r, Signed: true, Origin: v.Origin}
	var name string
	out.Prefix, name = Split(r.ClientID)
	if err := v.accepts(out.Prefix); err != nil {
		return Verified{}, err
	}
	keys, err := v.keys(ctx, t, &out, name)
	if err != nil {
		return Verified{}, err
	}
	for _, key := range keys {
		if t.Verify(key) == nil { // which holds alg against the key, too
			return out, nil
		}
	}
	return Verified{}, refuse(InvalidClient, specClient+".3", "request object", "is not signed by %s", signers[out.Prefix])
}

var signers = map[Prefix]string{
	PrefixX509Hash: "the certificate's key", PrefixX509SANDNS: "the certificate's key", PrefixDecentralized: "the key of the DID document that kid names",
	PrefixAttestation: "the key that the verifier attestation is bound to", PrefixNone: "a key of the registered client",
}

func (v Verification) accepts(p Prefix) error {
	switch p {
	case PrefixOrigin:
		return refuse(InvalidClient, specClient+".3", "client_id", "has the prefix origin, which no request may have; it must have the prefix %s", v.named())
	case PrefixFederation:
		return refuse(InvalidClient, specClient+".3", "client_id", "has the prefix openid_federation, and this wallet is in no federation; it must have the prefix %s", v.named())
	}
	if !slices.Contains(v.prefixes(), p) {
		return refuse(InvalidClient, specClient+".3", "client_id", "must have the prefix %s", v.named())
	}
	return nil
}

func (v Verification) named() string {
	var out []string
	for _, p := range v.prefixes() {
		if p != PrefixNone {
			out = append(out, string(p))
		}
	}
	return strings.Join(out, " or ")
}

// keys are the candidates for the signature; what they were found with goes
// into out.
func (v Verification) keys(ctx context.Context, t *jose.Token, out *Verified, name string) ([]crypto.PublicKey, error) {
	switch out.Prefix {
	case PrefixX509Hash, PrefixX509SANDNS:
		return v.certified(ctx, t, out)
	case PrefixDecentralized:
		return v.resolved(ctx, t, name)
	case PrefixAttestation:
		return v.attested(t, out, name)
	case PrefixNone:
		return v.registered(out)
	case PrefixRedirectURI:
		return nil, refuse(InvalidClient, specClient+".3", "client_id", "with the prefix redirect_uri cannot be signed")
	default:
		return nil, refuse(InvalidClient, specClient+".3", "client_id", "has a prefix that is not known here")
	}
}

// certified takes the leaf of a chain that leads to an anchor of access
// certificates.
func (v Verification) certified(ctx context.Context, t *jose.Token, out *Verified) ([]crypto.PublicKey, error) {
	if !slices.Contains(requestAlgs, t.Header.Alg) {
		return nil, refuse(InvalidRequest, specRequest, "request object", "is signed with %s, expected one of %v", wire.Clip(string(t.Header.Alg)), requestAlgs)
	}
	chain, err := t.Header.Certificates()
	if err != nil {
		return nil, refuseCause(InvalidClient, specClient+".3", "x5c", "cannot be read", err)
	}
	if err := wire.CheckChain(chain); err != nil {
		return nil, refuseCause(InvalidClient, "HAIP 1.0, Section 5", "x5c", "is not acceptable", err)
	}
	if err := v.Chain.VerifyChain(ctx, chain, v.Now); err != nil {
		return nil, refuseCause(InvalidClient, specClient+".3", "x5c", "leads to no trusted authority for receivers", err)
	}
	out.Chain = chain
	return []crypto.PublicKey{chain[0].PublicKey}, nil
}

// resolved takes the verification method that kid names out of the document of
// this very DID. Any relationship for signing will do: the text asks for none.
func (v Verification) resolved(ctx context.Context, t *jose.Token, id string) ([]crypto.PublicKey, error) {
	const spec = specClient + ".3"
	if v.DIDs == nil {
		return nil, refuse(InvalidClient, spec, "client_id", "is a DID, and this wallet resolves none")
	}
	kid := t.Header.Kid
	if strings.HasPrefix(kid, "#") {
		kid = id + kid
	}
	if base, fragment, _ := strings.Cut(kid, "#"); base != id || fragment == "" {
		return nil, refuse(InvalidClient, spec, "kid", "must name a verification method of the DID in client_id")
	}
	doc, err := v.DIDs.Resolve(ctx, id)
	if err != nil {
		return nil, refuseCause(InvalidClient, spec, "client_id", "cannot be resolved", err)
	}
	if doc == nil || doc.ID != id {
		return nil, refuse(InvalidClient, spec, "client_id", "leads to the document of another DID")
	}
	for _, use := range []did.Relationship{did.Authentication, did.AssertionMethod} {
		if key, err := doc.Method(kid, use, v.Now); err == nil {
			return []crypto.PublicKey{key}, nil
		}
	}
	return nil, refuse(InvalidClient, spec, "kid", "names no key of the DID document that may sign")
}

// registered takes the keys of a pre-registered client, whose metadata replace
// those of the request.
func (v Verification) registered(out *Verified) ([]crypto.PublicKey, error) {
	c, err := v.client(out.ClientID)
	if err != nil {
		return nil, err
	}
	if len(c.Keys) == 0 {
		return nil, refuse(InvalidClient, specClient+".1", "client_id", "is of a client that registered no key to sign with")
	}
	var keys []crypto.PublicKey
	for _, k := range c.Keys {
		key, err := k.Key()
		if err != nil {
			return nil, refuseCause(InvalidClient, specClient+".1", "client_id", "is registered with a key that cannot be used", err)
		}
		keys = append(keys, key)
	}
	out.register(c)
	return keys, nil
}

func (v Verification) client(id string) (Client, error) {
	c, ok := v.Clients[id]
	if !ok || strings.Contains(id, ":") {
		return Client{}, refuse(InvalidClient, specClient+".1", "client_id", "has no prefix that is known here, and is of no registered client")
	}
	return c, nil
}

func (v *Verified) register(c Client) {
	v.Client = c
	if c.Metadata != nil {
		v.ClientMetadata = c.Metadata
	}
}

// bound holds the client identifier against what proved it, and the address
// for the response against the client identifier (Sections 5.9.3 and 8.2).
func (v Verified) bound() error {
	_, name := Split(v.ClientID)
	switch v.Prefix {
	case PrefixX509Hash, PrefixX509SANDNS:
		return bound(v.Prefix, name, v.Request, v.Chain[0])
	case PrefixNone:
		if v.Origin == "" && !slices.Contains(v.Client.Addresses, v.replyTo()) {
			return refuse(InvalidClient, "OpenID4VP 1.0, Section 8.2", v.replyName(), "is none that the client registered")
		}
	case PrefixRedirectURI:
		if v.replyTo() != name {
			return refuse(InvalidClient, specClient+".3", v.replyName(), "must be the one in client_id")
		}
	}
	return nil
}

// replyTo is the address for the response; none over the Digital Credentials
// API.
func (r Request) replyTo() string {
	if r.RedirectURI != "" {
		return r.RedirectURI
	}
	return r.ResponseURI
}

func (r Request) replyName() string {
	if r.RedirectURI != "" {
		return "redirect_uri"
	}
	return "response_uri"
}

func bound(prefix Prefix, name string, r Request, leaf *x509.Certificate) error {
	switch prefix {
	case PrefixX509Hash:
		if r.ClientID != HashClientID(leaf) {
			return refuse(InvalidClient, specClient+".3", "client_id", "is not the hash of the certificate")
		}
		return nil
	case PrefixX509SANDNS:
		if !slices.Contains(leaf.DNSNames, name) {
			return refuse(InvalidClient, specClient+".3", "client_id", "is none of the certificate's DNS names")
		}
		if r.viaBrowser() {
			return nil // the origin is what the browser vouches for
		}
		u, err := url.Parse(r.replyTo())
		if err != nil || u.Hostname() != name {
			return refuse(InvalidClient, specClient+".3", r.replyName(), "must be on the host that client_id names")
		}
		return nil
	default:
		return refuse(InvalidClient, specClient+".3", "client_id", "must have the prefix x509_hash or x509_san_dns")
	}
}

// fresh reports whether a time span covers now, with a minute for clocks. One
// without end is over.
func fresh(issued, notBefore, expires jose.NumericDate, now time.Time) bool {
	ahead := now.Add(time.Minute)
	return now.Before(expires.Time()) && !issued.Time().After(ahead) && !notBefore.Time().After(ahead)
}
