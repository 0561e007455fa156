package unit

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// line is the unit's way to one issuer and its authorization server: it makes
// the client known, binds requests to the key of the grant (RFC 9449), and
// keeps the nonces that the servers hand out.
type line struct {
	s        Issuance
	metadata oid4vci.CredentialIssuerMetadata
	server   oid4vci.AuthorizationServerMetadata
	grant    Grant
	// etag of the grant in the vault; empty while it is not there.
	etag string
	// key binds tokens; nil where the server has no DPoP.
	key crypto.Signer
	// nonces for proofs, by kind of server: those of the authorization server
	// are not those of the issuer (RFC 9449, Section 9).
	nonces map[side]string
	// client is what the authorization server is told of the unit.
	client client
}

// side is which of the two servers is talked to.
type side uint8

const (
	authorization side = iota + 1
	resource
)

// newLine opens a line for a new grant, with a key of its own where the server
// can bind tokens.
func (s Issuance) newLine(o Offered) (*line, error) {
	l := &line{s: s, metadata: o.Metadata, server: o.Server, nonces: map[side]string{}, client: client{Client: s.Client, server: o.Server}}
	// Where nobody asks who redeems a code, nobody is told (OpenID4VCI 1.0,
	// Section 15.6).
	if o.Grant == oid4vci.GrantPreAuthorizedCode && o.Server.PreAuthorizedGrantAnonymousAccessSupported {
		l.client.Client = Client{}
	}
	if slices.Contains(o.Server.DPoPSigningAlgValuesSupported, string(jose.ES256)) {
		key, err := newP256(s.Random)
		if err != nil {
			return nil, err
		}
		l.key = key
	}
	return l, nil
}

// message is a POST to one of the endpoints.
type message struct {
	to        side
	address   string
	mediaType string
	body      []byte
	// bare: neither client authentication, token nor proof goes with it.
	bare bool
}

// form is a message to an endpoint of the authorization server.
func form(address string, values url.Values) message {
	return message{to: authorization, address: address, mediaType: "application/x-www-form-urlencoded", body: []byte(values.Encode())}
}

// post sends a message. When the server demands a nonce or a challenge of its
// own, or a fresh attestation, it is sent once more for each of these reasons
// (RFC 9449, Section 8; draft-ietf-oauth-attestation-based-client-auth, Section
// 6.2).
func (l *line) post(ctx context.Context, m message) ([]byte, http.Header, error) {
	done := map[string]bool{}
	for {
		b, h, err := l.once(ctx, m)
		r := (*Refusal)(nil)
		if m.bare || !errors.As(err, &r) || done[r.Code] || !l.mended(ctx, m, h, r) {
			return b, h, err
		}
		done[r.Code] = true
	}
}

func (l *line) once(ctx context.Context, m message) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.address, bytes.NewReader(m.body))
	if err != nil {
		return nil, nil, err
	}
	if m.mediaType != "" {
		req.Header.Set("Content-Type", m.mediaType)
	}
	req.Header.Set("Accept", "application/json, application/jwt")
	if !m.bare {
		if err := l.authenticate(ctx, m, req.Header); err != nil {
			return nil, nil, err
		}
	}
	b, h, err := send(l.s.HTTP, req)
	challenged(err, h)
	// A nonce may come with any answer, and the last one counts (RFC 9449,
	// Section 8.2).
	if n := h.Values(oauth.NonceHeader); len(n) == 1 && len(n[0]) <= maxNonce {
		l.nonces[m.to] = n[0]
		if l.server.Issuer == l.metadata.CredentialIssuer { // one server plays both
			l.nonces[authorization], l.nonces[resource] = n[0], n[0]
		}
	}
	if m.to == authorization {
		l.client.hear(h)
	}
	return b, h, err
}

// authenticate shows who asks: the client to the authorization server, the
// token to the issuer, and that the key is here to both.
func (l *line) authenticate(ctx context.Context, m message, h http.Header) error {
	token := ""
	if m.to == resource {
		token = string(l.grant.AccessToken)
		h.Set("Authorization", l.grant.Type+" "+token)
	} else if err := l.client.authenticate(ctx, l.s, h); err != nil {
		return err
	}
	if l.key == nil || m.to == resource && l.grant.Type != oid4vci.DPoP {
		return nil
	}
	proof, err := oauth.NewProof(l.key, http.MethodPost, m.address, token, l.nonces[m.to], l.s.Now())
	if err != nil {
		return err
	}
	h.Set("DPoP", proof)
	return nil
}

// mended reports whether a message was refused for want of something that is
// there now, so that it may be sent once more.
func (l *line) mended(ctx context.Context, m message, h http.Header, r *Refusal) bool {
	if l.key != nil && demandsNonce(r, h) {
		return true
	}
	return m.to == authorization && l.client.again(ctx, l.s, r)
}

// demandsNonce reports whether an answer refuses a proof only for want of a
// nonce, and has the nonce (RFC 9449, Sections 8 and 9).
func demandsNonce(r *Refusal, h http.Header) bool {
	return r.Code == oauth.UseDPoPNonce && len(h.Values(oauth.NonceHeader)) == 1
}

var challengeError = regexp.MustCompile(`(?i)(?:^|[\s,])error="?([!#-\[\]-~]{1,100}?)(?:"|,|\s|$)`)

// challenged takes the error code of a protected resource, which stands in its
// challenge and need not stand in the body (RFC 6750, Section 3; RFC 9449,
// Section 7.1).
func challenged(err error, h http.Header) {
	r := (*Refusal)(nil)
	if !errors.As(err, &r) || r.Status != http.StatusUnauthorized {
		return
	}
	for _, c := range h.Values("WWW-Authenticate") {
		if m := challengeError.FindStringSubmatch(c); m != nil {
			r.Code = m[1]
			return
		}
	}
}
