package oid4vp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// Prefix is a client identifier prefix (OpenID4VP 1.0, Section 5.9.3).
type Prefix string

const (
	// PrefixNone is that of a client that was registered before.
	PrefixNone          Prefix = ""
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
// the client is a pre-registered one and the prefix is empty (Section 5.9.1).
func Split(clientID string) (Prefix, string) {
	head, rest, ok := strings.Cut(clientID, ":")
	if ok && slices.Contains(prefixes, Prefix(head)) {
		return Prefix(head), rest
	}
	return PrefixNone, clientID
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

// Verification is what a wallet holds a request against. Its zero lists are
// the strictest: what an access certificate signed, answered encrypted to a
// response URI.
type Verification struct {
	// ClientID is the one in the link; the object must have the same. Over the
	// Digital Credentials API there is none.
	ClientID string
	// WalletNonce is the one that was posted, empty if none was.
	WalletNonce string
	// Audience is the wallet's own issuer identifier, if it has one;
	// https://self-issued.me/v2 is accepted as well.
	Audience string
	// Origin from which the request came over the Digital Credentials API, as
	// the platform vouches for it; empty for any other way.
	Origin string

	// Prefixes that are accepted; nil means x509_hash and x509_san_dns.
	Prefixes []Prefix
	// Modes are the response modes that are accepted; nil means direct_post.jwt,
	// and with an Origin dc_api.jwt.
	Modes []string

	// Chain validates certificates, for x509_hash and x509_san_dns.
	Chain ChainVerifier
	// DIDs resolves decentralized_identifier; nil accepts none.
	DIDs did.Resolver
	// Attesters are who may vouch for a verifier_attestation: keys by issuer.
	Attesters map[string][]jose.JWK
	// Clients are the pre-registered ones by their identifier.
	Clients map[string]Client

	Now     time.Time
	Options []Option
}

// Verified is a request whose sender is known as far as its prefix can tell.
type Verified struct {
	Request
	Prefix Prefix
	// Signed: the request is a signed one.
	Signed bool
	// Chain of the receiver's access certificate, leaf first; none with other
	// prefixes than x509_hash and x509_san_dns.
	Chain []*x509.Certificate
	// Attester is the issuer of a verifier attestation.
	Attester string
	// Client is the registration of a pre-registered client.
	Client Client
	// Origin from which it came over the Digital Credentials API.
	Origin string
}

// PresentTo is the audience of presentations: the full client identifier
// (Section 14.10), and over the Digital Credentials API the origin, also when
// the request is signed (Appendix A.4).
func (v Verified) PresentTo() string {
	if v.Origin != "" {
		return string(PrefixOrigin) + ":" + v.Origin
	}
	return v.ClientID
}

// Rejection is returned for a request whose sender is known and whose content
// breaks a rule. It is the one kind of refusal that the sender may be told of
// (Section 8.5): of any other request it is not known whose address it names.
type Rejection struct {
	Sender Verified
	Err    error
}

func (r *Rejection) Error() string { return r.Err.Error() }

// Unwrap is the cause.
func (r *Rejection) Unwrap() error { return r.Err }

// Response is what the sender may be told.
func (r *Rejection) Response() Response {
	code := InvalidRequest
	if e := (*Error)(nil); errors.As(r.Err, &e) && e.Code != "" {
		code = e.Code
	}
	return Response{Error: code, State: r.Sender.State}
}

func (v Verification) prefixes() []Prefix {
	if v.Prefixes == nil {
		return []Prefix{PrefixX509Hash, PrefixX509SANDNS}
	}
	return v.Prefixes
}

func (v Verification) modes() []string {
	switch {
	case v.Modes != nil:
		return v.Modes
	case v.Origin != "":
		return []string{ModeDCAPIJWT}
	default:
		return []string{ModeDirectPostJWT}
	}
}

// VerifyRequest checks a signed request object as a wallet must (Sections 5,
// 5.9 and 5.10.1).
func VerifyRequest(ctx context.Context, object string, v Verification) (Verified, error) {
	if v.ClientID == "" && v.Origin == "" {
		return Verified{}, errors.New("oid4vp: verifying a request needs the ClientID of the link, or the origin it came from")
	}
	// Step 1. Form and typ.
	t, err := jose.Parse(object)
	if err != nil {
		return Verified{}, refuseCause(InvalidRequest, specRequest, "request object", "is malformed", err)
	}
	if err := (jose.Use{Typ: TypRequest, Algs: clientAlgs}).Check(t); err != nil {
		return Verified{}, refuseCause(InvalidRequest, specRequest, "request object", "is no request object of an accepted kind", err)
	}
	r, err := decodeRequest(t.Payload)
	if err != nil {
		return Verified{}, err
	}
	return v.verify(ctx, t, r)
}

// verify is what follows on the form of a signed request, whichever way it came.
func (v Verification) verify(ctx context.Context, t *jose.Token, r Request) (Verified, error) {
	if v.Chain == nil || v.Now.IsZero() {
		return Verified{}, errors.New("oid4vp: verifying a request needs a chain verifier and the time")
	}
	if v.Origin != "" {
		r = r.overBrowser()
	}
	// Step 2. The same client that the link named.
	switch {
	case r.ClientID == "" || len(r.ClientID) > MaxText:
		return Verified{}, refuse(InvalidRequest, specRequest, "client_id", "is missing or too long")
	case v.Origin == "" && r.ClientID != v.ClientID:
		return Verified{}, refuse(InvalidRequest, specRequest+".10.1", "client_id", "differs from the one in the link")
	}
	// Step 3. The key that the client identifier stands for, and its signature.
	out, err := v.authenticate(ctx, t, r)
	if err != nil {
		return Verified{}, err
	}
	// Step 4. An answer goes where this client may have it, and nowhere else.
	if err := v.answerable(r); err != nil {
		return Verified{}, err
	}
	if err := out.bound(); err != nil {
		return Verified{}, err
	}
	// Step 5. It was made for this wallet, now, and for where it came from. Over
	// the Digital Credentials API the platform knows who called, so that they
	// may hear of it (Appendix A.2).
	if err := v.addressed(r); err != nil {
		if v.Origin != "" {
			return Verified{}, &Rejection{Sender: out, Err: err}
		}
		return Verified{}, err
	}
	// Step 6. Content. From here on the sender may be told what is wrong.
	if err := out.validate(v.Now, v.Options); err != nil {
		return Verified{}, &Rejection{Sender: out, Err: err}
	}
	return out, nil
}

// addressed holds aud, wallet_nonce and expected_origins against this wallet
// and the way the request came.
func (v Verification) addressed(r Request) error {
	// Over the Digital Credentials API aud is no parameter (Appendix A.2), but
	// what is there must not name another wallet.
	unnamed := r.Audience == "" && v.Origin != ""
	if !unnamed && !v.isAudience(r.Audience) {
		return refuse(InvalidRequest, specRequest+".8", "aud", "is missing or names another wallet")
	}
	if subtle.ConstantTimeCompare([]byte(r.WalletNonce), []byte(v.WalletNonce)) != 1 {
		return refuse(InvalidRequest, specRequest+".10", "wallet_nonce", "is not the one that was sent")
	}
	if v.Origin == "" {
		return nil
	}
	return r.expects(v.Origin)
}

// isAudience reports whether aud is this wallet, or any wallet.
func (v Verification) isAudience(aud string) bool {
	return aud == AudienceSelfIssued || aud != "" && aud == v.Audience
}

// answerable checks the response mode and the address for the response.
func (v Verification) answerable(r Request) error {
	if !slices.Contains(v.modes(), r.Mode()) {
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 8.3", "response_mode", "must be %s, found %s", strings.Join(v.modes(), " or "), r.Mode())
	}
	if r.viaBrowser() != (v.Origin != "") {
		return refuse(InvalidRequest, "OpenID4VP 1.0, Appendix A.2", "response_mode", "does not fit the way the request came")
	}
	return r.validateReply(v.Options)
}
