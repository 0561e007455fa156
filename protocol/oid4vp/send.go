package oid4vp

import (
	"net/url"

	"github.com/zegel-id/zegel/internal/jose"
)

// Encrypt makes the form of direct_post.jwt: encrypted to the key and with the
// content encryption that the request offers (OpenID4VP 1.0, Section 8.3).
func (r Response) Encrypt(m *ClientMetadata) (url.Values, error) {
	sealed, err := r.seal(m)
	if err != nil {
		return nil, err
	}
	return url.Values{"response": {sealed}}, nil
}

// seal encrypts to the first key of the request that can be encrypted to, by
// use and alg; its kid goes along.
func (r Response) seal(m *ClientMetadata) (string, error) {
	if err := m.validate(true); err != nil {
		return "", err
	}
	key, _ := m.JWKS.Encryption() // validate looked
	enc, _ := m.Enc()
	b, err := jose.Marshal(r)
	if err != nil {
		return "", err
	}
	return jose.EncryptCompact(b, key, enc)
}

// parameters are those of a response in clear (Section 8.1). vp_token is JSON.
func (r Response) parameters() (url.Values, error) {
	out := url.Values{}
	if r.VPToken != nil {
		b, err := jose.Marshal(r.VPToken)
		if err != nil {
			return nil, err
		}
		out.Set("vp_token", string(b))
	}
	for name, value := range map[string]string{"state": string(r.State), "error": string(r.Error), "error_description": r.ErrorDescription} {
		if value != "" {
			out.Set(name, value)
		}
	}
	return out, nil
}

// Form is what a wallet posts to the response URI: encrypted where the request
// asks for it. An error goes in clear when it cannot be encrypted, which is how
// a verifier hears that its own keys are at fault (Section 8.3); an answer never
// does.
func (r Response) Form(q Request) (url.Values, error) {
	if q.Encrypted() {
		form, err := r.Encrypt(q.ClientMetadata)
		if err == nil || r.Error == "" {
			return form, err
		}
	}
	return r.parameters()
}

// Redirect is the address that the citizen's browser is sent to in the modes
// fragment and query. It holds the whole response and is a secret.
func (r Response) Redirect(q Request) (string, error) {
	p, err := r.parameters()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(q.RedirectURI)
	if err != nil {
		return "", refuseCause(InvalidRequest, "RFC 6749, Section 3.1.2", "redirect_uri", "cannot be used", err)
	}
	if q.Mode() == ModeFragment {
		return q.RedirectURI + "#" + p.Encode(), nil
	}
	have := u.Query()
	for name, values := range p {
		if have.Has(name) {
			return "", refuse(InvalidRequest, "RFC 6749, Section 3.1.2", "redirect_uri", "has a parameter of its own named %s", name)
		}
		have[name] = values
	}
	u.RawQuery = have.Encode()
	return u.String(), nil
}

// DC is the data that goes back over the Digital Credentials API. There is no
// state in it, and an error is its code alone (Appendices A.2 and A.4).
func (r Response) DC(q Request) (DCResponse, error) {
	if r.Error != "" {
		return DCResponse{Error: r.Error}, nil
	}
	if !q.Encrypted() {
		return DCResponse{VPToken: r.VPToken}, nil
	}
	sealed, err := Response{VPToken: r.VPToken}.seal(q.ClientMetadata)
	return DCResponse{Response: sealed}, err
}
