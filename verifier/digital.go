package verifier

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier/receivers"
)

const specDigital = "OpenID4VP 1.0, Appendix A"

// digital is what waits for an answer over the Digital Credentials API.
type digital struct {
	fetched
	// Offers are the requests, one for each protocol, each with a nonce and a key
	// of its own.
	Offers []offer `json:"offers"`
}

type offer struct {
	Protocol string           `json:"protocol"`
	Nonce    oid4vp.Secret    `json:"nonce"`
	Key      jose.JWK         `json:"key"`
	Request  oid4vp.DCRequest `json:"request"`
}

// object is the signed request object; empty for the other protocols.
func (o offer) object() string {
	var data struct {
		Request string `json:"request"`
	}
	if o.Protocol != oid4vp.ProtocolSigned || jose.Unmarshal(o.Request.Data, &data) != nil {
		return ""
	}
	return data.Request
}

func (d digital) requests() []oid4vp.DCRequest {
	out := make([]oid4vp.DCRequest, len(d.Offers))
	for i, o := range d.Offers {
		out[i] = o.Request
	}
	return out
}

// checkDigital: the page must be one of the receiver's, because the browser
// sends the answer to whoever has the page.
func (v *Verifier) checkDigital(o Order, r receivers.Receiver) error {
	if o.RedirectURI != "" {
		return &Error{Err: ErrRequest, Field: "redirect_uri", Detail: "must be left out: the browser stays on the page"}
	}
	if err := oid4vp.CheckOrigin(o.Origin, v.words()...); err != nil {
		return &Error{Err: ErrRequest, Field: "origin", Detail: "is needed: that of the page that calls the Digital Credentials API", Spec: specDigital + ".2", Cause: err}
	}
	if u, err := url.Parse(o.Origin); err != nil || !slices.Contains(r.Hosts, u.Hostname()) {
		return &Error{Err: ErrRequest, Field: "origin", Detail: "is on no host that the register names for this receiver", Remedy: "Have the registrar add the host."}
	}
	known := []string{oid4vp.ProtocolSigned, oid4vp.ProtocolMultiSigned, oid4vp.ProtocolUnsigned}
	for i, p := range o.Protocols {
		if !slices.Contains(known, p) || slices.Contains(o.Protocols[:i], p) {
			return &Error{Err: ErrRequest, Field: fmt.Sprintf("protocols[%d]", i), Detail: fmt.Sprintf("must be one of %v, and stand there once", known), Spec: specDigital + ".1"}
		}
	}
	if o.Protocols != nil && len(o.Protocols) == 0 {
		return &Error{Err: ErrRequest, Field: "protocols", Detail: "must not be empty; leave it out for signed requests"}
	}
	return nil
}

// startDigital makes the requests for a receiver's own page.
func (v *Verifier) startDigital(ctx context.Context, s *Started, x exchange, o Order, e entitlement, box []byte) error {
	d, err := v.offer(x, e, o.Origin, o.Protocols, fetched{Flow: Digital, Box: box})
	if err != nil {
		return err
	}
	s.Digital = d.requests()
	return v.put(ctx, kindDigital, s.ID, purposeDigital, d, v.end(x.Expires))
}

// offer makes the requests for a page of an origin (Appendix A.3).
func (v *Verifier) offer(x exchange, e entitlement, origin string, protocols []string, f fetched) (digital, error) {
	x.Way = Digital
	f.exchange, f.Origin = x, origin
	d := digital{fetched: f}
	if protocols == nil {
		protocols = []string{oid4vp.ProtocolSigned}
	}
	for _, p := range protocols {
		public, private, err := responseKey()
		if err != nil {
			return digital{}, err
		}
		o := offer{Protocol: p, Nonce: fresh(), Key: private}
		if o.Request, err = v.signDigital(x, e, origin, o, public); err != nil {
			return digital{}, err
		}
		d.Offers = append(d.Offers, o)
	}
	return d, nil
}

func (v *Verifier) signDigital(x exchange, e entitlement, origin string, o offer, key jose.JWK) (oid4vp.DCRequest, error) {
	by := v.c.Registrar.Key()
	certificate, err := e.registration.Sign(by.Signer, by.Chain)
	if err != nil {
		return oid4vp.DCRequest{}, err
	}
	metadata, err := clientMetadata(x, key)
	if err != nil {
		return oid4vp.DCRequest{}, err
	}
	r := oid4vp.Request{
		ResponseType: oid4vp.ResponseTypeVPToken, ResponseMode: x.mode(oid4vp.ModeDCAPIJWT), Nonce: o.Nonce, ExpectedOrigins: []string{origin},
		IssuedAt: jose.Date(v.c.Now()), Expires: jose.Date(x.Expires), DCQLQuery: &x.Query, ClientMetadata: metadata, TransactionData: x.Transactions,
	}
	info := []oid4vp.VerifierInfo{oid4vp.Info(certificate)}
	switch o.Protocol {
	case oid4vp.ProtocolUnsigned:
		r.VerifierInfo = info
		return r.UnsignedDC(x.options()...)
	case oid4vp.ProtocolMultiSigned:
		signers := []oid4vp.RequestSigner{{ClientID: oid4vp.HashClientID(e.access.Chain[0]), VerifierInfo: info, Key: e.access.Signer, Chain: e.access.Chain}}
		if e.access.DNSName != "" {
			signers = append(signers, oid4vp.RequestSigner{ClientID: e.access.certifiedID(), VerifierInfo: info, Key: e.access.Signer, Chain: e.access.Chain})
		}
		return r.SignMulti(signers, x.options()...)
	default:
		r.ClientID, r.VerifierInfo = e.access.certifiedID(), info
		return r.SignDC(e.access.Signer, e.access.Chain, x.options()...)
	}
}

// RespondDigital takes what the Digital Credentials API gave a receiver's page:
// the protocol of the request that was answered, and the data. Good or bad, it
// counts and closes the transaction; the result says which.
func (v *Verifier) RespondDigital(ctx context.Context, id, receiver, protocol string, data []byte) error {
	s, t, err := v.transaction(ctx, id, receiver)
	if err != nil {
		return err
	}
	if t.Flow != Digital {
		return &Error{Err: ErrResponse, Detail: fmt.Sprintf("is for the flow %s; this transaction is answered by the wallet", Digital)}
	}
	var d digital
	if _, err := v.open(ctx, kindDigital, s.Reveal(), purposeDigital, &d); err != nil {
		return err
	}
	return v.answerDigital(ctx, d, protocol, data)
}

// answerDigital is Respond for the Digital Credentials API.
func (v *Verifier) answerDigital(ctx context.Context, d digital, protocol string, data []byte) error {
	// Step 1. A live request of that protocol, not answered in any way.
	i := slices.IndexFunc(d.Offers, func(o offer) bool { return o.Protocol == protocol })
	if i < 0 {
		return &Error{Err: ErrResponse, Field: "protocol", Detail: "is none that was offered", Spec: specDigital + ".1"}
	}
	f := d.fetched
	f.Nonce, f.Key = d.Offers[i].Nonce, d.Offers[i].Key
	f.gather(v.c.Now())
	f.Object = d.Offers[i].object()
	if v.over(f.Expires) {
		return expired()
	}
	done, err := v.exists(ctx, kindAnswer, f.Transaction)
	switch {
	case err != nil:
		return err
	case done:
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
	// Step 3. An answer as it was asked for, or an error; opened with the key of this
	// request alone.
	in, err := oid4vp.ParseDCResponse(data, !f.InClear)
	if err != nil {
		return &Error{Err: ErrResponse, Detail: "is malformed", Cause: err}
	}
	if in.Error != "" {
		plain, err := jose.Marshal(oid4vp.Response{Error: in.Error})
		if err != nil {
			return err
		}
		_, err = v.conclude(ctx, f, e, refusal(f.policy, in.Error), plain, digest(string(in.Error)))
		return err
	}
	plain, sent := data, string(data)
	if !f.InClear {
		if plain, err = f.decrypt(oid4vp.Form{Response: in.Response}); err != nil {
			return err
		}
		sent = in.Response
	}
	// Step 4. Judge. There is no state: that the presentations are bound to nonce
	// and origin ties them to the request (Appendix A.4).
	r, err := v.judgeResponse(ctx, f, plain)
	if err != nil {
		return err
	}
	_, err = v.conclude(ctx, f, e, r, plain, digest(sent))
	return err
}
