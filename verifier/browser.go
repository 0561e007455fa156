package verifier

import (
	"context"
	"net/url"
	"slices"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier/receivers"
)

// DigitalCredentials is the flow over the browser's Digital Credentials API: the
// receiver's page calls the wallet, and the receiver brings the answer
// (OpenID4VP 1.0, Appendix A).
const DigitalCredentials Flow = "digital-credentials"

const specBrowser = "OpenID4VP 1.0, Appendix A"

// Browser is what an order over the Digital Credentials API says further.
type Browser struct {
	// Origin of the page that calls the API, such as https://receiver.example.
	// The wallet gives its answer to no other.
	Origin string `json:"origin"`
	// Protocol is how the request is signed; openid4vp-v1-signed if empty.
	Protocol string `json:"protocol"`
	// Mode is the response mode; dc_api.jwt if empty.
	Mode string `json:"mode"`
}

// DigitalCredential is one request for navigator.credentials.get.
type DigitalCredential struct {
	Protocol string `json:"protocol"`
	Data     any    `json:"data"`
}

// signedRequest is the data of a signed request (Appendix A.3.2).
type signedRequest struct {
	Request any `json:"request"`
}

func (v *Verifier) checkBrowser(b *Browser, r receivers.Receiver) error {
	if b.Protocol == "" {
		b.Protocol = oid4vp.ProtocolSigned
	}
	if b.Mode == "" {
		b.Mode = oid4vp.ModeDCAPIJWT
	}
	refuse := func(field, detail string) error {
		return &Error{Err: ErrRequest, Field: field, Detail: detail, Spec: specBrowser}
	}
	u, err := url.Parse(b.Origin)
	switch {
	case !slices.Contains([]string{oid4vp.ProtocolSigned, oid4vp.ProtocolUnsigned, oid4vp.ProtocolMultiSigned}, b.Protocol):
		return refuse("browser.protocol", "must be "+oid4vp.ProtocolSigned+", "+oid4vp.ProtocolMultiSigned+" or "+oid4vp.ProtocolUnsigned)
	case b.Mode != oid4vp.ModeDCAPI && b.Mode != oid4vp.ModeDCAPIJWT:
		return refuse("browser.mode", "must be "+oid4vp.ModeDCAPIJWT+" or "+oid4vp.ModeDCAPI)
	case oid4vp.CheckOrigin(b.Origin, v.words()...) != nil:
		return refuse("browser.origin", "must be the https origin of the page that calls the wallet: a scheme and a host, perhaps with a port")
	case err != nil || !slices.Contains(r.Hosts, u.Hostname()):
		return &Error{Err: ErrRequest, Field: "browser.origin", Detail: "is on no host that the register names for this receiver", Remedy: "Have the registrar add the host."}
	}
	return nil
}

// startBrowser makes the request of a transaction over the Digital Credentials
// API and keeps what its answer needs, under the transaction id: it is the
// receiver that brings the answer.
func (v *Verifier) startBrowser(ctx context.Context, id capsule.Secret, x exchange, b Browser, e entitlement, box []byte, public, private jose.JWK) (*DigitalCredential, error) {
	x.State = "" // no parameter here (Appendix A.2)
	r := requested{exchange: x, Key: public}
	made, err := v.browserRequest(r, b, e)
	if err != nil {
		return nil, err
	}
	// A presentation is for the origin, also when the request is signed (Appendix
	// A.4).
	x.ClientID = oid4vp.OriginAudience(b.Origin)
	kept := fetched{exchange: x, Flow: DigitalCredentials, Browser: &b, Box: box, Key: private}
	if signed, ok := made.(signedRequest); ok && x.Evidence {
		kept.Object, _ = signed.Request.(string) // Start refuses evidence of other kinds
	}
	return &DigitalCredential{b.Protocol, made}, v.put(ctx, kindResponse, id, purposeResponse, kept, v.end(x.Expires))
}

// browserRequest is the data member of a request (Appendix A.3).
func (v *Verifier) browserRequest(r requested, b Browser, e entitlement) (any, error) {
	request, err := v.request(r, e)
	if err != nil {
		return nil, err
	}
	request.ResponseMode, request.ResponseURI = b.Mode, ""
	switch b.Protocol {
	case oid4vp.ProtocolUnsigned:
		request.ClientID, request.Audience, request.IssuedAt, request.Expires = "", "", 0, 0
		return request, nil
	case oid4vp.ProtocolMultiSigned:
		request.ExpectedOrigins = []string{b.Origin}
		object, err := request.SignMulti(e.access.Signer, e.access.Chain)
		return signedRequest{object}, err
	default:
		request.ExpectedOrigins = []string{b.Origin}
		object, err := request.Sign(e.access.Signer, e.access.Chain)
		return signedRequest{object}, err
	}
}

// BrowserResponse is what a receiver's page got from the browser.
type BrowserResponse struct {
	// Origin is that of the page, as the receiver's server knows it.
	Origin   string
	Protocol string
	Data     []byte
}

// RespondBrowser takes the one answer to a transaction over the Digital
// Credentials API from the receiver whose it is, and judges it (Appendix A.4).
func (v *Verifier) RespondBrowser(ctx context.Context, id, receiver string, in BrowserResponse) error {
	// Step 1. The receiver's own transaction, live and not answered.
	_, t, err := v.transaction(ctx, id, receiver)
	if err != nil {
		return err
	}
	if t.Flow != DigitalCredentials {
		return &Error{Err: ErrRequest, Field: "flow", Detail: "of this transaction is " + string(t.Flow) + "; its wallet answers at an address of its own", Spec: specBrowser}
	}
	var f fetched
	if _, err := v.open(ctx, kindResponse, id, purposeResponse, &f); err != nil {
		return err
	}
	if v.over(f.Expires) {
		return expired()
	}
	f.gather(v.c.Now())
	if done, err := v.exists(ctx, kindAnswer, f.Transaction); err != nil {
		return err
	} else if done {
		return spentResponse()
	}
	// Step 2. The receiver still is admitted and may ask this.
	e, err := v.still(v.entitled(f.Receiver, f.Use, f.Query))
	if err != nil {
		return err
	}
	if f.policy, err = v.judging(f.exchange); err != nil {
		return err
	}
	// Step 3. From the page and over the protocol that the request was for.
	if in.Origin != f.Browser.Origin || in.Protocol != f.Browser.Protocol {
		return &Error{Err: ErrResponse, Field: "origin", Detail: "or protocol is not that of the request", Spec: specBrowser + ".2"}
	}
	// Step 4. An answer of the mode that was asked for.
	answer, err := oid4vp.ParseDCResponse(in.Data, f.Browser.Mode)
	if err != nil {
		return &Error{Err: ErrResponse, Field: "data", Detail: "is malformed", Cause: err}
	}
	if answer.Error != "" {
		plain, err := jose.Marshal(oid4vp.Response{Error: answer.Error})
		if err != nil {
			return err
		}
		_, err = v.conclude(ctx, f, e, refusal(f.policy, answer.Error), plain, digest(string(answer.Error)))
		return err
	}
	plain := in.Data
	if f.Browser.Mode == oid4vp.ModeDCAPIJWT {
		if plain, err = f.decrypt(oid4vp.Form{Response: answer.Response}); err != nil {
			return err
		}
	}
	// Step 5. Judge. Nonce, audience and holder key bind it to this request; there
	// is no state (Appendix A.2).
	r, err := v.judgeResponse(ctx, f, plain)
	if err != nil {
		return err
	}
	_, err = v.conclude(ctx, f, e, r, plain, digest(string(in.Data)))
	return err
}
