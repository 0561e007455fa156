package api

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
)

// document is a public document that may change at any moment: it can be kept,
// but must be asked for again each time (RFC 9111, Section 5.2.2.4).
func document(mediaType string, body []byte) rest.Answer {
	sum := sha256.Sum256(body)
	return rest.Text(http.StatusOK, mediaType, body).ETag(jose.Encode(sum[:16])).With("Cache-Control", "no-cache")
}

// profile is the WebID document, in Turtle or JSON-LD.
func (a *api) profile(r *rest.Request) (rest.Answer, error) {
	p, err := a.holder.Profile(r.Context(), r.Path("uuid"))
	if err != nil {
		return rest.Answer{}, err
	}
	mediaType, ok := did.Negotiate(strings.Join(r.HTTP.Header.Values("Accept"), ","))
	if !ok {
		return rest.Answer{}, &rest.Problem{
			Status: http.StatusNotAcceptable, Field: "Accept", Expected: did.Turtle + " or " + did.JSONLD, Spec: "RFC 9110, Section 15.5.7",
			Header: http.Header{"Vary": {"Accept"}},
		}
	}
	body := p.Turtle()
	if mediaType == did.JSONLD {
		if body, err = p.JSONLD(); err != nil {
			return rest.Answer{}, err
		}
	}
	return document(mediaType, body).Vary("Accept"), nil
}

// didDocument is the DID document. Its JSON is that of both representations of
// DID Core 1.0, Section 6, so that only the name differs; did:web resolvers
// that ask for none take application/json.
func (a *api) didDocument(r *rest.Request) (rest.Answer, error) {
	p, err := a.holder.Profile(r.Context(), r.Path("uuid"))
	if err != nil {
		return rest.Answer{}, err
	}
	body, err := jose.Marshal(p.DIDDocument())
	if err != nil {
		return rest.Answer{}, err
	}
	mediaType := "application/json"
	if asks(r.HTTP.Header, "application/did+json") {
		mediaType = "application/did+json"
	}
	return document(mediaType, body).Vary("Accept"), nil
}

// asks says whether the Accept header names the media type with a weight
// above 0 (RFC 9110, Section 12.5.1).
func asks(h http.Header, mediaType string) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), mediaType) {
			continue
		}
		q := strings.ReplaceAll(strings.ToLower(params), " ", "")
		if weight, ok := strings.CutPrefix(q, "q="); ok && strings.Trim(weight, "0.") == "" {
			return false
		}
		return true
	}
	return false
}

func (a *api) linkProof(r *rest.Request) (rest.Answer, error) {
	p, err := a.holder.Profile(r.Context(), r.Path("uuid"))
	if err != nil {
		return rest.Answer{}, err
	}
	if p.LinkProof == "" {
		return rest.Answer{}, &rest.Problem{Status: http.StatusNotFound, Detail: "The WebID is deactivated; it has no link proof."}
	}
	return document("application/jwt", []byte(p.LinkProof)), nil
}

func (a *api) rotations(r *rest.Request) (rest.Answer, error) {
	p, err := a.holder.Profile(r.Context(), r.Path("uuid"))
	if err != nil {
		return rest.Answer{}, err
	}
	body, err := p.RotationLog()
	if err != nil {
		return rest.Answer{}, err
	}
	return document("application/json", body), nil
}

// keys are the keys that vault handles are verified with (RFC 7517, Section 5).
func (a *api) keys(*rest.Request) (rest.Answer, error) {
	keys, err := a.holder.HandleKeys()
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.TypedJSON(http.StatusOK, "application/jwk-set+json", map[string][]jose.JWK{"keys": keys}).Cache(5 * time.Minute), nil
}
