package oid4vp

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// The words of the Digital Credentials API (OpenID4VP 1.0, Appendix A).
const (
	// Protocols of a request (Appendix A.1).
	ProtocolUnsigned    = "openid4vp-v1-unsigned"
	ProtocolSigned      = "openid4vp-v1-signed"
	ProtocolMultiSigned = "openid4vp-v1-multisigned"

	// ModeDCAPI and ModeDCAPIJWT: the response goes back over the API, in clear
	// or encrypted (Appendix A.2).
	ModeDCAPI    = "dc_api"
	ModeDCAPIJWT = "dc_api.jwt"
)

const specDCAPI = "OpenID4VP 1.0, Appendix A"

// MultiSigned is a request with a signature for each of several client
// identifiers: a JWS in its general JSON serialisation (Appendix A.3.2.2; RFC
// 7515, Section 7.2.1).
type MultiSigned struct {
	Payload    string             `json:"payload"`
	Signatures []RequestSignature `json:"signatures"`
}

// RequestSignature is one signature. Its protected header holds client_id and
// verifier_info, which must not stand in the payload.
type RequestSignature struct {
	Protected string `json:"protected"`
	Signature string `json:"signature"`
}

// VerifyDC checks a request that came over the Digital Credentials API, by its
// protocol. v.Origin is where the platform says that it came from.
func VerifyDC(ctx context.Context, protocol string, data []byte, v Verification) (Verified, error) {
	if err := checkOrigin(v.Origin, v.Options); err != nil {
		return Verified{}, err
	}
	if len(data) > jose.MaxToken {
		return Verified{}, refuse(InvalidRequest, specDCAPI+".2", "data", "is longer than %d bytes", jose.MaxToken)
	}
	switch protocol {
	case ProtocolUnsigned:
		return VerifyUnsigned(data, v)
	case ProtocolSigned:
		var d struct {
			Request string `json:"request"`
		}
		if err := jose.Unmarshal(data, &d); err != nil || d.Request == "" {
			return Verified{}, refuse(InvalidRequest, specDCAPI+".3.2.1", "request", "must be a signed request object")
		}
		return VerifyRequest(ctx, d.Request, v)
	case ProtocolMultiSigned:
		var d struct {
			Request MultiSigned `json:"request"`
		}
		if err := jose.Unmarshal(data, &d); err != nil {
			return Verified{}, refuseCause(InvalidRequest, specDCAPI+".3.2.2", "request", "must be a JWS in its general JSON serialisation", err)
		}
		return d.Request.verify(ctx, v)
	default:
		return Verified{}, refuse(InvalidRequest, specDCAPI+".1", "protocol", "is %s, which is not known here", wire.Clip(protocol))
	}
}

// verify takes the first signature of a client that is accepted. The others
// are of other trust frameworks and do not count.
func (m MultiSigned) verify(ctx context.Context, v Verification) (Verified, error) {
	const spec = specDCAPI + ".3.2.2"
	if n := len(m.Signatures); n == 0 || n > maxSignatures {
		return Verified{}, refuse(InvalidRequest, spec, "signatures", "must have 1 to %d elements, found %d", maxSignatures, n)
	}
	// Of the reasons to refuse, that of a client that is known says most.
	var why error
	for _, s := range m.Signatures {
		out, err := m.verifyOne(ctx, s, v)
		if err == nil {
			return out, nil
		}
		if why == nil || !rejected(why) && rejected(err) {
			why = err
		}
	}
	return Verified{}, why
}

// maxSignatures of one request: for each a certificate chain may have to be
// validated, or a DID resolved.
const maxSignatures = 8

func rejected(err error) bool {
	r := (*Rejection)(nil)
	return errors.As(err, &r)
}

func (m MultiSigned) verifyOne(ctx context.Context, s RequestSignature, v Verification) (Verified, error) {
	const spec = specDCAPI + ".3.2.2"
	t, err := jose.Parse(s.Protected + "." + m.Payload + "." + s.Signature)
	if err != nil {
		return Verified{}, refuseCause(InvalidRequest, spec, "signatures", "has a malformed element", err)
	}
	// The example of Appendix A.3.2.2 has no typ, but Section 5 asks for it in
	// any request object.
	if err := (jose.Use{Typ: TypRequest, Algs: clientAlgs}).Check(t); err != nil {
		return Verified{}, refuseCause(InvalidRequest, specRequest, "request object", "is no request object of an accepted kind", err)
	}
	var own struct {
		ClientID     string         `json:"client_id"`
		VerifierInfo []VerifierInfo `json:"verifier_info"`
	}
	if err := jose.Unmarshal(t.RawHeader, &own); err != nil {
		return Verified{}, refuseCause(InvalidRequest, spec, "protected", "cannot be read", err)
	}
	var shared struct {
		ClientID     jsontext.Value `json:"client_id"`
		VerifierInfo jsontext.Value `json:"verifier_info"`
	}
	if err := jose.Unmarshal(t.Payload, &shared); err != nil {
		return Verified{}, refuseCause(InvalidRequest, spec, "payload", "cannot be read", err)
	}
	if shared.ClientID != nil || shared.VerifierInfo != nil {
		return Verified{}, refuse(InvalidRequest, spec, "payload", "must not hold client_id or verifier_info; they stand in the protected header")
	}
	r, err := decodeRequest(t.Payload)
	if err != nil {
		return Verified{}, err
	}
	r.ClientID, r.VerifierInfo = own.ClientID, own.VerifierInfo
	return v.verify(ctx, t, r)
}

// overBrowser leaves out what is no parameter of the Digital Credentials API and
// so does not count: a state, and addresses for the response (Appendix A.2).
func (r Request) overBrowser() Request {
	r.State, r.ResponseURI, r.RedirectURI = "", "", ""
	return r
}

// expects compares the origin with those that a signed request names, as plain
// strings (Appendix A.2): a request that was sent on by another site is found
// out.
func (r Request) expects(origin string) error {
	if n := len(r.ExpectedOrigins); n == 0 || n > MaxList {
		return refuse(InvalidRequest, specDCAPI+".2", "expected_origins", "must have 1 to %d elements, found %d", MaxList, n)
	}
	if !slices.Contains(r.ExpectedOrigins, origin) {
		return refuse(InvalidRequest, specDCAPI+".2", "expected_origins", "does not hold the origin that the request came from")
	}
	return nil
}

// checkOrigin refuses origins whose scheme protects nothing. Apps have origins
// of other schemes than https.
func checkOrigin(origin string, opts []Option) error {
	u, err := url.Parse(origin)
	if err != nil || len(origin) > MaxText || u.Scheme == "" {
		return refuse(InvalidRequest, specDCAPI+".2", "origin", "is no origin")
	}
	if slices.Contains([]string{"ftp", "javascript", "data", "ws", "wss", "file", "blob"}, u.Scheme) || u.Scheme == "http" && !(insecure(opts) && wire.Loopback(u.Hostname())) {
		return refuse(InvalidRequest, specDCAPI+".2", "origin", "must be of https, or of an app")
	}
	return nil
}

// DCResponse is what goes back over the API: an answer in clear, an encrypted
// one, or an error code alone (Appendix A.4).
type DCResponse struct {
	VPToken  VPToken   `json:"vp_token,omitempty"`
	Response string    `json:"response,omitzero"`
	Error    ErrorCode `json:"error,omitzero"`
}

// isOrigin compares with what a browser writes (HTML Standard, Section 7.1.1).
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || text != u.Scheme+"://"+u.Host || u.Host != strings.ToLower(u.Host) {
		return false
	}
	return u.Port() != map[string]string{"https": "443", "http": "80"}[u.Scheme] && !strings.HasSuffix(u.Host, ":")
}
