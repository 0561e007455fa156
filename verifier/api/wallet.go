package api

import (
	"net/http"
	"net/url"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

func (s server) request(r *rest.Request) (rest.Answer, error) {
	return s.object(r, oid4vp.RequestURIPost{})
}

func (s server) postRequest(r *rest.Request) (rest.Answer, error) {
	form, err := form(r, "wallet_nonce", "wallet_metadata")
	if err != nil {
		return rest.Answer{}, err
	}
	post, err := oid4vp.ParseRequestURIPost(form)
	if err != nil {
		return rest.Answer{}, wallet(err)
	}
	return s.object(r, post)
}

func (s server) object(r *rest.Request, post oid4vp.RequestURIPost) (rest.Answer, error) {
	object, err := s.v.RequestObject(r.Context(), r.Path("request"), post)
	if err != nil {
		return rest.Answer{}, wallet(err)
	}
	return rest.Text(http.StatusOK, oid4vp.MediaTypeRequest, []byte(object)), nil
}

func (s server) respond(r *rest.Request) (rest.Answer, error) {
	form, err := form(r, "response", "error", "error_description", "state", "vp_token")
	if err != nil {
		return rest.Answer{}, err
	}
	redirect, err := s.v.Respond(r.Context(), r.Path("response"), form)
	if err != nil {
		return rest.Answer{}, wallet(err)
	}
	return rest.JSON(http.StatusOK, oid4vp.Accepted{RedirectURI: redirect}), nil
}

// form reads the parameters that are known here; others are ignored (RFC 6749,
// Section 3.1).
func form(r *rest.Request, names ...string) (url.Values, error) {
	values, err := r.Form()
	if err != nil {
		return nil, err
	}
	out := url.Values{}
	for _, name := range names {
		if values.Has(name) {
			out.Set(name, values.Value(name))
		}
	}
	return out, nil
}
