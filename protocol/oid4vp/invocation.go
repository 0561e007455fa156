package oid4vp

import (
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

// Invocation is what a wallet was called with. Exactly one of RequestURI,
// Request and Parameters is set.
type Invocation struct {
	ClientID string
	// RequestURI is where the request object is, and Method, "get" or "post",
	// how to ask for it (OpenID4VP 1.0, Section 5.10).
	RequestURI string
	Method     string
	// Request is a request object by value (RFC 9101, Section 5.1).
	Request string
	// Parameters are those of a request without a request object, as one JSON
	// object, for VerifyUnsigned.
	Parameters string
}

// schemes that call a wallet (Section 13.1.2; HAIP 1.0, Section 5.1), and https
// for wallets with an address of their own.
var schemes = []string{Scheme, "haip-vp", "eudi-openid4vp", "https"}

// ParseLink reads the link that calls a wallet. With a request object nothing
// of the link counts but client_id (OpenID4VP 1.0, Section 5.10.1).
func ParseLink(link string, opts ...Option) (Invocation, error) {
	q, err := linkQuery(link)
	if err != nil {
		return Invocation{}, err
	}
	in := Invocation{ClientID: q.Get("client_id"), RequestURI: q.Get("request_uri"), Request: q.Get("request")}
	if in.ClientID == "" || len(in.ClientID) > MaxText {
		return Invocation{}, refuse(InvalidRequest, specRequest, "client_id", "is missing or too long")
	}
	switch {
	case q.Has("request") && q.Has("request_uri"):
		return Invocation{}, refuse(InvalidRequest, "RFC 9101, Section 5", "request_uri", "must not stand beside request")
	case q.Has("request_uri"):
		return in.byReference(q, opts)
	case q.Has("request_uri_method"):
		return Invocation{}, refuse(InvalidRequest, specRequest+".1", "request_uri_method", "must not be there without request_uri")
	case q.Has("request"):
		if in.Request == "" {
			return Invocation{}, refuse(InvalidRequest, "RFC 9101, Section 5.1", "request", "is empty")
		}
		return in, nil
	case !q.Has("response_type"):
		return Invocation{}, refuse(InvalidRequest, specRequest+".10", "request_uri", "is missing, and so is the request itself")
	}
	if in.Parameters, err = parameters(q); err != nil {
		return Invocation{}, err
	}
	return in, nil
}

func linkQuery(link string) (url.Values, error) {
	if len(link) > MaxMessage {
		return nil, refuse(InvalidRequest, specRequest+".10", "link", "is too long")
	}
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil || !slices.Contains(schemes, u.Scheme) {
		return nil, refuse(InvalidRequest, specRequest+".10", "link", "must be an openid4vp link")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, refuse(InvalidRequest, specRequest, "link", "has a malformed query")
	}
	if err := wire.Single(q); err != nil {
		return nil, refuseCause(InvalidRequest, "RFC 6749, Section 3.1", "link", "repeats a parameter", err)
	}
	return q, nil
}

func (in Invocation) byReference(q url.Values, opts []Option) (Invocation, error) {
	if err := wire.CheckURL(in.RequestURI, insecure(opts)); err != nil {
		return Invocation{}, refuseCause(InvalidRequest, specRequest+".10", "request_uri", "cannot be used", err)
	}
	switch m := q.Get("request_uri_method"); {
	case !q.Has("request_uri_method"), m == "get":
		in.Method = "get"
	case m == "post":
		in.Method = m
	default:
		return Invocation{}, refuse(InvalidRequestURIMethod, specRequest+".1", "request_uri_method", "must be get or post")
	}
	return in, nil
}

// structured parameters are JSON within the query; the others are text.
var structured = []string{"dcql_query", "client_metadata", "verifier_info", "transaction_data"}

// parameters makes one JSON object of the link's parameters (Section 5).
func parameters(q url.Values) (string, error) {
	out := map[string]jsontext.Value{}
	for name := range q {
		value := q.Get(name)
		if !slices.Contains(structured, name) {
			b, err := jose.Marshal(value)
			if err != nil {
				return "", refuse(InvalidRequest, specRequest, "link", "has a parameter that is no text")
			}
			out[name] = b
			continue
		}
		var v jsontext.Value
		if err := jose.Unmarshal([]byte(value), &v); err != nil {
			return "", refuseCause(InvalidRequest, specRequest, name, "cannot be read", err)
		}
		out[name] = v
	}
	// Claims of a JWT are no parameters of a request.
	for _, name := range []string{"iat", "nbf", "exp", "aud", "iss"} {
		delete(out, name)
	}
	b, err := jose.Marshal(out)
	if err != nil {
		return "", refuseCause(InvalidRequest, specRequest, "link", "cannot be read", err)
	}
	return string(b), nil
}
