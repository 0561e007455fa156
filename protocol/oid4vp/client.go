package oid4vp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// Prefix is a client identifier prefix (OpenID4VP 1.0, Section 5.9.3).
type Prefix string

const (
	PrefixX509SANDNS    Prefix = "x509_san_dns"
	PrefixX509Hash      Prefix = "x509_hash"
	PrefixRedirectURI   Prefix = "redirect_uri"
	PrefixFederation    Prefix = "openid_federation"
	PrefixDecentralized Prefix = "decentralized_identifier"
	PrefixAttestation   Prefix = "verifier_attestation"
	PrefixOrigin        Prefix = "origin"
)

var prefixes = []Prefix{PrefixX509SANDNS, PrefixX509Hash, PrefixRedirectURI, PrefixFederation, PrefixDecentralized, PrefixAttestation, PrefixOrigin}

const specClient = "OpenID4VP 1.0, Section 5.9"

// Split cuts a client identifier at its first colon. Without a known prefix
// the client is a pre-registered one and the prefix is empty (Section 5.9.1);
// VerifyRequest knows no pre-registered clients and refuses it, as it does
// origin, which a wallet must never accept, and redirect_uri, which cannot be
// signed.
func Split(clientID string) (Prefix, string) {
	head, rest, ok := strings.Cut(clientID, ":")
	if ok && slices.Contains(prefixes, Prefix(head)) {
		return Prefix(head), rest
	}
	return "", clientID
}

// HashClientID is the client identifier of a certificate: x509_hash and the
// SHA-256 of its DER (Section 5.9.3).
func HashClientID(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return string(PrefixX509Hash) + ":" + jose.Encode(sum[:])
}

// ChainVerifier validates the certificate chain of a receiver, leaf first, to
// the anchors of the access certificates.
type ChainVerifier interface {
	VerifyChain(ctx context.Context, chain []*x509.Certificate, at time.Time) error
}

// Verification is what a wallet holds a request object against.
type Verification struct {
	// ClientID is the one in the link; the object must have the same.
	ClientID string
	// WalletNonce is the one that was posted, empty if none was.
	WalletNonce string
	// Audience is the wallet's own issuer identifier, if it has one;
	// https://self-issued.me/v2 is accepted as well.
	Audience string
	Chain    ChainVerifier
	Now      time.Time
	Options  []Option
}

// Verified is a request whose signer is known.
type Verified struct {
	Request
	Prefix Prefix
	// Chain of the receiver's access certificate, leaf first.
	Chain []*x509.Certificate
}

var requestAlgs = []jose.Alg{jose.ES256, jose.ES384}

// VerifyRequest checks a request object as a wallet must (Sections 5, 5.9 and
// 5.10.1). Only the certificate-bound prefixes x509_hash and x509_san_dns are
// accepted: with them it is known who asks before anything is shown.
func VerifyRequest(ctx context.Context, object string, v Verification) (Verified, error) {
	if v.Chain == nil || v.ClientID == "" || v.Now.IsZero() {
		return Verified{}, errors.New("oid4vp: verifying a request needs ClientID, a chain verifier and the time")
	}
	// Step 1. Form, typ, algorithm.
	t, err := jose.Parse(object)
	if err != nil {
		return Verified{}, refuseCause(InvalidRequest, specRequest, "request object", "is malformed", err)
	}
	if err := (jose.Use{Typ: TypRequest, Algs: requestAlgs}).Check(t); err != nil {
		return Verified{}, refuseCause(InvalidRequest, specRequest, "request object", "is no request object of an accepted kind", err)
	}
	// Step 2. The chain in x5c, to an anchor of access certificates.
	chain, err := t.Header.Certificates()
	if err != nil {
		return Verified{}, refuseCause(InvalidClient, specClient+".3", "x5c", "cannot be read", err)
	}
	if err := wire.CheckChain(chain); err != nil {
		return Verified{}, refuseCause(InvalidClient, "HAIP 1.0, Section 5", "x5c", "is not acceptable", err)
	}
	if err := v.Chain.VerifyChain(ctx, chain, v.Now); err != nil {
		return Verified{}, refuseCause(InvalidClient, specClient+".3", "x5c", "leads to no trusted authority for receivers", err)
	}
	// Step 3. Signature by the leaf's key.
	if err := t.Verify(chain[0].PublicKey); err != nil {
		return Verified{}, refuseCause(InvalidClient, specClient+".3", "request object", "is not signed by the certificate's key", err)
	}
	// Step 4. Content.
	r, err := ParseRequest(t.Payload, v.Now, v.Options...)
	if err != nil {
		return Verified{}, err
	}
	// Step 5. The same client that the link named.
	if r.ClientID != v.ClientID {
		return Verified{}, refuse(InvalidRequest, specRequest+".10.1", "client_id", "differs from the one in the link")
	}
	// Step 6. The client identifier is the certificate's.
	prefix, name := Split(r.ClientID)
	if err := bound(prefix, name, r, chain[0]); err != nil {
		return Verified{}, err
	}
	// Step 7. It was made for this wallet, now.
	if r.Audience != AudienceSelfIssued && (v.Audience == "" || r.Audience != v.Audience) {
		return Verified{}, refuse(InvalidRequest, specRequest+".8", "aud", "names another wallet")
	}
	if subtle.ConstantTimeCompare([]byte(r.WalletNonce), []byte(v.WalletNonce)) != 1 {
		return Verified{}, refuse(InvalidRequest, specRequest+".10", "wallet_nonce", "is not the one that was sent")
	}
	return Verified{Request: r, Prefix: prefix, Chain: chain}, nil
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
		u, err := url.Parse(r.ResponseURI)
		if err != nil || u.Hostname() != name {
			return refuse(InvalidClient, specClient+".3", "response_uri", "must be on the host that client_id names")
		}
		return nil
	default:
		return refuse(InvalidClient, specClient+".3", "client_id", "must have the prefix x509_hash or x509_san_dns")
	}
}
