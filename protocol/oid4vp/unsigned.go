package oid4vp

import (
	"errors"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// VerifyUnsigned checks a request that nobody signed: the parameters of a link
// (Invocation.Parameters), or the data of an unsigned request over the Digital
// Credentials API. Nothing vouches for who asks but the address that the
// response goes to: redirect_uri (OpenID4VP 1.0, Section 5.9.3), that of a
// client registered without a key, or the origin (Appendix A.3.1).
func VerifyUnsigned(parameters []byte, v Verification) (Verified, error) {
	if v.Now.IsZero() || v.ClientID == "" && v.Origin == "" {
		return Verified{}, errors.New("oid4vp: checking an unsigned request needs the time, and the ClientID of the link or the origin it came from")
	}
	r, err := decodeRequest(parameters)
	if err != nil {
		return Verified{}, err
	}
	out := Verified{Origin: v.Origin}
	if v.Origin != "" {
		// client_id and expected_origins do not count, nor what is no parameter of
		// this way (Appendix A.2).
		r = r.overBrowser()
		r.ClientID, r.ExpectedOrigins = "", nil
		r.Audience, r.IssuedAt, r.NotBefore, r.Expires = "", 0, 0, 0
		out.Request, out.Prefix = r, PrefixOrigin
	} else if out, err = v.unsignedClient(r); err != nil {
		return Verified{}, err
	}
	if v.WalletNonce != "" && !r.WalletNonce.Equal(Secret(v.WalletNonce)) {
		return Verified{}, refuse(InvalidRequest, specRequest+".10", "wallet_nonce", "is not the one that was sent")
	}
	if r.Audience != "" && !v.isAudience(r.Audience) {
		return Verified{}, refuse(InvalidRequest, specRequest+".8", "aud", "names another wallet")
	}
	if err := v.answerable(out.Request); err != nil {
		return Verified{}, err
	}
	if err := out.bound(); err != nil {
		return Verified{}, err
	}
	if err := out.validate(v.Now, v.Options); err != nil {
		return Verified{}, &Rejection{Sender: out, Err: err}
	}
	return out, nil
}

// unsignedClient finds out who sent an unsigned request.
func (v Verification) unsignedClient(r Request) (Verified, error) {
	if r.ClientID != v.ClientID {
		return Verified{}, refuse(InvalidRequest, specRequest+".10.1", "client_id", "differs from the one in the link")
	}
	prefix, name := Split(r.ClientID)
	out := Verified{Prefix: prefix}
	if err := v.accepts(prefix); err != nil {
		return Verified{}, err
	}
	switch prefix {
	case PrefixRedirectURI:
		// The address may be left out: it is the identifier (Section 5.9.3).
		if r.RedirectURI == "" && r.ResponseURI == "" {
			if strings.HasPrefix(r.Mode(), ModeDirectPost) {
				r.ResponseURI = name
			} else {
				r.RedirectURI = name
			}
		}
	case PrefixNone:
		c, err := v.client(r.ClientID)
		if err != nil {
			return Verified{}, err
		}
		if len(c.Keys) > 0 {
			return Verified{}, refuse(InvalidClient, specClient+".1", "request", "of this client must be signed with its registered key")
		}
		out.Request = r
		out.register(c)
		return out, nil
	default:
		return Verified{}, refuse(InvalidClient, specClient+".3", "request", "with a client_id of the prefix %s must be signed", prefix)
	}
	out.Request = r
	return out, nil
}

// UnsignedObject gives the parameters of a request object with alg none, which
// some verifiers serve at a request URI. They count no more than parameters of
// a link, and are for VerifyUnsigned. ok is false for any signed object.
func UnsignedObject(object string) (parameters []byte, ok bool) {
	head, rest, _ := strings.Cut(object, ".")
	body, signature, _ := strings.Cut(rest, ".")
	if signature != "" || len(object) > jose.MaxToken || !strings.HasSuffix(object, ".") {
		return nil, false
	}
	b, err := jose.Decode(head)
	if err != nil {
		return nil, false
	}
	var h jose.Header
	if jose.Unmarshal(b, &h) != nil || h.Alg != "none" || h.Typ != TypRequest || h.Crit != nil || h.B64 != nil {
		return nil, false
	}
	parameters, err = jose.Decode(body)
	return parameters, err == nil
}
