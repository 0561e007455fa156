package oid4vp

import (
	"crypto"
	"crypto/x509"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// DCRequest is one element of requests in a call of the Digital Credentials API
// (OpenID4VP 1.0, Appendix A.1).
type DCRequest struct {
	Protocol string         `json:"protocol"`
	Data     jsontext.Value `json:"data"`
}

// SignDC makes a signed request for the Digital Credentials API (Appendix
// A.3.2.1).
func (r Request) SignDC(key crypto.Signer, chain []*x509.Certificate, opts ...Option) (DCRequest, error) {
	if !r.viaBrowser() {
		return DCRequest{}, refuse("", specDCAPI+".2", "response_mode", "must be dc_api.jwt or dc_api, found %s", r.Mode())
	}
	object, err := r.Sign(key, chain, opts...)
	if err != nil {
		return DCRequest{}, err
	}
	data, err := jose.Marshal(map[string]string{"request": object})
	return DCRequest{ProtocolSigned, data}, err
}

// RequestSigner signs for one of the client identifiers of a multi-signed
// request.
type RequestSigner struct {
	ClientID     string
	VerifierInfo []VerifierInfo
	Key          crypto.Signer
	Chain        []*x509.Certificate
}

// SignMulti makes a multi-signed request for the Digital Credentials API: one
// payload, and for each client identifier a signature whose protected header
// holds it with its verifier_info (Appendix A.3.2.2). The request itself must
// have neither.
func (r Request) SignMulti(signers []RequestSigner, opts ...Option) (DCRequest, error) {
	const spec = specDCAPI + ".3.2.2"
	switch {
	case !r.viaBrowser():
		return DCRequest{}, refuse("", specDCAPI+".2", "response_mode", "must be dc_api.jwt or dc_api, found %s", r.Mode())
	case r.ClientID != "" || r.VerifierInfo != nil:
		return DCRequest{}, refuse("", spec, "payload", "must not hold client_id or verifier_info; they stand in the protected header")
	case len(signers) == 0 || len(signers) > maxSignatures:
		return DCRequest{}, refuse("", spec, "signatures", "must have 1 to %d elements, found %d", maxSignatures, len(signers))
	}
	payload, err := jose.Marshal(r)
	if err != nil {
		return DCRequest{}, err
	}
	out := MultiSigned{Payload: jose.Encode(payload)}
	seen := map[string]bool{}
	for _, s := range signers {
		if seen[s.ClientID] {
			return DCRequest{}, refuse("", spec, "client_id", "has a signature already")
		}
		seen[s.ClientID] = true
		one, err := r.signatureOf(s, out.Payload, opts)
		if err != nil {
			return DCRequest{}, err
		}
		out.Signatures = append(out.Signatures, one)
	}
	data, err := jose.Marshal(map[string]MultiSigned{"request": out})
	return DCRequest{ProtocolMultiSigned, data}, err
}

func (r Request) signatureOf(s RequestSigner, payload string, opts []Option) (RequestSignature, error) {
	alg, err := signing(s.Key, s.Chain)
	if err != nil {
		return RequestSignature{}, err
	}
	r.ClientID, r.VerifierInfo = s.ClientID, s.VerifierInfo
	if err := r.signable(s.Chain[0], opts); err != nil {
		return RequestSignature{}, err
	}
	header, err := jose.Marshal(struct {
		Alg          jose.Alg       `json:"alg"`
		Typ          string         `json:"typ"`
		X5C          []string       `json:"x5c"`
		ClientID     string         `json:"client_id"`
		VerifierInfo []VerifierInfo `json:"verifier_info,omitempty"`
	}{alg, TypRequest, jose.EncodeX5C(s.Chain), s.ClientID, s.VerifierInfo})
	if err != nil {
		return RequestSignature{}, err
	}
	protected := jose.Encode(header)
	signature, err := jose.Sign(s.Key, alg, []byte(protected+"."+payload))
	return RequestSignature{protected, jose.Encode(signature)}, err
}

// UnsignedDC makes a request for the Digital Credentials API that only the
// origin vouches for. It has no client_id and no expected_origins (Appendix
// A.3.1).
func (r Request) UnsignedDC(opts ...Option) (DCRequest, error) {
	switch {
	case !r.viaBrowser():
		return DCRequest{}, refuse("", specDCAPI+".2", "response_mode", "must be dc_api.jwt or dc_api, found %s", r.Mode())
	case r.ClientID != "":
		return DCRequest{}, refuse("", specDCAPI+".3.1", "client_id", "must not be there in an unsigned request")
	}
	if err := r.makeable(opts); err != nil {
		return DCRequest{}, err
	}
	// The origin is what the browser says, and times are of a JWT.
	r.ExpectedOrigins, r.IssuedAt, r.Expires = nil, 0, 0
	data, err := jose.Marshal(r)
	return DCRequest{ProtocolUnsigned, data}, err
}

// browserWords are the rules of requests over the Digital Credentials API: a
// signed one names the origins that may send it (Appendix A.2).
func (r Request) browserWords() error {
	if !r.viaBrowser() {
		if r.ExpectedOrigins != nil {
			return refuse("", specDCAPI+".2", "expected_origins", "is for the Digital Credentials API only")
		}
		return nil
	}
	switch {
	case r.State != "":
		return refuse("", specDCAPI+".2", "state", "is no parameter of the Digital Credentials API")
	case r.ResponseURI != "" || r.RedirectURI != "":
		return refuse("", specDCAPI+".2", "response_uri", "is no parameter of the Digital Credentials API")
	case len(r.ExpectedOrigins) == 0 || len(r.ExpectedOrigins) > MaxList:
		return refuse("", specDCAPI+".2", "expected_origins", "must have 1 to %d elements, found %d", MaxList, len(r.ExpectedOrigins))
	}
	for _, o := range r.ExpectedOrigins {
		if err := checkOrigin(o, []Option{InsecureLoopback}); err != nil {
			return err
		}
	}
	return nil
}

// ParseDCResponse reads what came back over the Digital Credentials API, in
// clear or encrypted as the request asked: who asked for encryption must not
// take less (Section 8.3, Appendix A.4). Exactly one of its members is set.
func ParseDCResponse(b []byte, encrypted bool) (DCResponse, error) {
	const spec = specDCAPI + ".4"
	var d DCResponse
	if len(b) > jose.MaxToken {
		return DCResponse{}, refuse(InvalidRequest, spec, "data", "is longer than %d bytes", jose.MaxToken)
	}
	if err := jose.Unmarshal(b, &d); err != nil {
		return DCResponse{}, refuseCause(InvalidRequest, spec, "data", "cannot be read", err)
	}
	set := 0
	for _, there := range []bool{d.VPToken != nil, d.Response != "", d.Error != ""} {
		if there {
			set++
		}
	}
	switch {
	case set != 1:
		return DCResponse{}, refuse(InvalidRequest, spec, "data", "must have exactly one of vp_token, response and error")
	case d.VPToken != nil && encrypted:
		return DCResponse{}, refuse(InvalidRequest, specResponse, "vp_token", "came in clear; the request asks for dc_api.jwt")
	case d.Response != "" && !encrypted:
		return DCResponse{}, refuse(InvalidRequest, specResponse, "response", "is encrypted; the request asks for dc_api")
	case d.Error != "" && !d.Error.wellFormed():
		return DCResponse{}, refuse(InvalidRequest, "RFC 6749, Section 4.1.2.1", "error", "is no error code")
	}
	return d, nil
}

// Audience of presentations over the Digital Credentials API, also when the
// request is signed (Appendix A.4).
func OriginAudience(origin string) string { return string(PrefixOrigin) + ":" + origin }

// CheckOrigin refuses what is no origin of a page: a scheme and a host, and
// nothing after it.
func CheckOrigin(origin string, opts ...Option) error {
	if err := checkOrigin(origin, opts); err != nil {
		return err
	}
	if err := wire.CheckURL(origin, insecure(opts)); err != nil {
		return refuseCause(InvalidRequest, specDCAPI+".2", "origin", "must be of a page", err)
	}
	if !isOrigin(origin) {
		return refuse(InvalidRequest, specDCAPI+".2", "origin", "must be scheme, host and port in lower case, such as https://www.example.org")
	}
	return nil
}
