package issuer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

const (
	kindPushed store.Kind = "issuer-pushed"

	purposePushed = "issuer pushed request"

	// pushedLife is how long a citizen may take from the wallet's request until
	// they agreed (RFC 9126, Section 2.2; FAPI: less than 600 seconds).
	pushedLife = 590 * time.Second
	// codeLife is for a browser that goes on by itself, readingLife for a citizen
	// who reads first what could not be had (RFC 6749, Section 4.1.2).
	codeLife    = time.Minute
	readingLife = 5 * time.Minute
)

// ErrRequest is returned for a pushed request that is unknown, over, used or
// another client's. Where it would lead is not known then.
var ErrRequest = errors.New("issuer: no such authorization request")

// pushed is an authorization request as it waits under its request_uri.
type pushed struct {
	To            authz.Party `json:"to"`
	Wallet        string      `json:"wallet"`
	RedirectURI   string      `json:"redirect_uri"`
	State         string      `json:"state,omitempty"`
	Challenge     string      `json:"challenge"`
	Configuration string      `json:"configuration"`
	Detailed      bool        `json:"detailed,omitempty"`
	IssuerState   string      `json:"issuer_state,omitempty"`
	Vault         VaultHandle `json:"vault,omitzero"`
	Languages     string      `json:"languages,omitempty"`
}

// Push takes an authorization request of a client (RFC 9126, Section 2). A
// vault handle in it is used up.
func (i *Issuer) Push(ctx context.Context, to authz.Party, client authz.Client, req oid4vci.AuthorizationRequest) (oid4vci.PushedResponse, error) {
	// Step 1. Where it leads to, and what binds it.
	switch {
	case !client.Redirects(req.RedirectURI):
		return oid4vci.PushedResponse{}, refuse(oid4vci.InvalidRequest, "RFC 9126, Section 2.1", "redirect_uri", "is not registered for this client")
	case req.DPoPJKT != "" && to.JKT != "" && req.DPoPJKT != to.JKT:
		return oid4vci.PushedResponse{}, &oauth.Error{Code: oauth.InvalidDPoPProof, Field: "dpop_jkt", Description: "is not the key of the DPoP proof", Spec: "RFC 9449, Section 10.1"}
	case req.Resource != "" && req.Resource != i.c.URL:
		return oid4vci.PushedResponse{}, refuse(oid4vci.InvalidTarget, "RFC 8707, Section 2", "resource", "is not this issuer")
	}
	if to.JKT == "" {
		to.JKT = req.DPoPJKT
	}
	p := pushed{To: to, Wallet: client.Name, RedirectURI: req.RedirectURI, State: req.State, Challenge: req.CodeChallenge, IssuerState: string(req.IssuerState), Languages: req.UILocales}
	// Step 2. What it asks for.
	var err error
	if p.Configuration, p.Detailed, err = i.asked(req); err != nil {
		return oid4vci.PushedResponse{}, err
	}
	if p.IssuerState == "" && i.supplier(p.Configuration) == "" {
		return oid4vci.PushedResponse{}, refuse(oid4vci.InvalidRequest, "OpenID4VCI 1.0, Section 5.1.3", "issuer_state", "is needed: no supplier can be asked for this configuration, it is only offered")
	}
	// Step 3. For whom.
	if req.VaultHandle != "" {
		if p.Vault, err = i.RedeemHandle(ctx, string(req.VaultHandle)); errors.Is(err, ErrHandle) {
			return oid4vci.PushedResponse{}, &oid4vci.Error{Code: oid4vci.InvalidRequest, Field: oid4vci.VaultHandleParameter, Description: "is over, used or not for this issuer; fetch a new one", Spec: "vault API: vault handle", Err: err}
		} else if err != nil {
			return oid4vci.PushedResponse{}, err
		}
	} else if p.IssuerState == "" && !i.types[p.Configuration].WithoutVault {
		return oid4vci.PushedResponse{}, refuse(oid4vci.InvalidRequest, "vault API: vault handle", oid4vci.VaultHandleParameter, "is needed: this credential is collected for vaults")
	}
	return i.keepPushed(ctx, p)
}

// asked is the one configuration that a request asks for: authorization details
// count before scopes, and scopes that nobody knows do not (OpenID4VCI 1.0,
// Section 5.1.2).
func (i *Issuer) asked(req oid4vci.AuthorizationRequest) (configuration string, detailed bool, err error) {
	var all []string
	for _, d := range req.Details {
		if err := d.CheckLocations(i.metadata); err != nil {
			return "", true, err
		}
		if i.types[d.CredentialConfigurationID] == nil {
			return "", true, refuse(oid4vci.InvalidAuthorizationDetails, "RFC 9396, Section 5", "authorization_details", "names a configuration that is not offered here")
		}
		all = append(all, d.CredentialConfigurationID)
	}
	if detailed = len(all) > 0; !detailed {
		for _, scope := range req.Scopes {
			for id, t := range i.types {
				if t.Scope == scope {
					all = append(all, id)
				}
			}
		}
	}
	slices.Sort(all)
	switch all = slices.Compact(all); {
	case len(all) == 0:
		return "", false, refuse(oid4vci.InvalidScope, "OpenID4VCI 1.0, Section 5.1", "scope", "neither scope nor authorization_details name a credential of scopes_supported")
	case len(all) > 1:
		return "", detailed, refuse(oid4vci.InvalidRequest, "OpenID4VCI 1.0, Section 5.1", "scope", "ask for one kind of credential at a time")
	}
	return all[0], detailed, nil
}

func (i *Issuer) keepPushed(ctx context.Context, p pushed) (oid4vci.PushedResponse, error) {
	secret := capsule.NewSecret()
	id := secret.ID(purposePushed)
	plain, err := jose.Marshal(p)
	if err != nil {
		return oid4vci.PushedResponse{}, err
	}
	sealed, err := capsule.Seal(secret, purposePushed, plain, []byte(id))
	if err != nil {
		return oid4vci.PushedResponse{}, err
	}
	_, err = i.c.Store.Create(ctx, store.Record{Kind: kindPushed, ID: id, Expiry: i.c.Now().Add(pushedLife), Data: sealed})
	return oid4vci.PushedResponse{RequestURI: oid4vci.Secret(oid4vci.RequestURIPrefix + secret.Reveal()), ExpiresIn: int64(pushedLife / time.Second)}, err
}

// PendingRequest is an authorization request that a citizen looks at.
type PendingRequest struct {
	Wallet, Configuration, Languages string
	// Supplier that will be asked; empty when something waits that was offered.
	Supplier string
	// RedirectURI is where the answer goes.
	RedirectURI string
	// Names of what is asked for, by language.
	Names map[string]string

	id string
	p  pushed
}

// Pushed opens the request behind a request_uri, for the client it belongs to
// (RFC 9126, Section 4). It can be opened again until it is answered.
func (i *Issuer) Pushed(ctx context.Context, client, requestURI string) (PendingRequest, error) {
	text, ok := strings.CutPrefix(requestURI, oid4vci.RequestURIPrefix)
	secret, err := capsule.ParseSecret(text)
	if !ok || err != nil {
		return PendingRequest{}, ErrRequest
	}
	id := secret.ID(purposePushed)
	rec, err := i.c.Store.Get(ctx, kindPushed, id)
	if errors.Is(err, store.ErrNotFound) {
		return PendingRequest{}, ErrRequest
	}
	if err != nil {
		return PendingRequest{}, err
	}
	plain, err := capsule.Open(secret, purposePushed, rec.Data, []byte(id))
	if err != nil {
		return PendingRequest{}, ErrRequest
	}
	r := PendingRequest{id: id}
	if err := jose.Unmarshal(plain, &r.p); err != nil {
		return PendingRequest{}, err
	}
	t := i.types[r.p.Configuration]
	if r.p.To.Client != client || t == nil {
		return PendingRequest{}, ErrRequest
	}
	r.Wallet, r.Configuration, r.Languages, r.RedirectURI = r.p.Wallet, r.p.Configuration, r.p.Languages, r.p.RedirectURI
	if r.p.IssuerState == "" {
		r.Supplier = i.supplier(r.p.Configuration)
	}
	r.Names = map[string]string{}
	for _, d := range t.kind.Metadata.Display {
		r.Names[d.Locale] = d.Name
	}
	return r, nil
}

// answer ends a request: of several answers one is the first, and only that one
// counts.
func (i *Issuer) answer(ctx context.Context, r PendingRequest) error {
	first, err := i.authz.Once(ctx, "authorization request", r.id, i.c.Now().Add(pushedLife))
	if err != nil {
		return err
	}
	if !first {
		return ErrRequest
	}
	return i.drop(ctx, kindPushed, r.id)
}

// back is where the browser goes to: the redirect_uri with the answer
// (RFC 6749, Section 4.1.2; RFC 9207, Section 2).
func (i *Issuer) back(r PendingRequest, name, value string) string {
	q := url.Values{name: {value}, "iss": {i.c.URL}}
	if r.p.State != "" {
		q.Set("state", r.p.State)
	}
	join := "?"
	if strings.Contains(r.p.RedirectURI, "?") {
		join = "&"
	}
	return r.p.RedirectURI + join + q.Encode()
}

// Decline answers that the citizen said no.
func (i *Issuer) Decline(ctx context.Context, r PendingRequest) (string, error) {
	if err := i.answer(ctx, r); err != nil {
		return "", err
	}
	return i.back(r, "error", string(oid4vci.AccessDenied)), nil
}

// Agreed is what came of a request that the citizen agreed to.
type Agreed struct {
	// Return is where the browser goes back to, with a code or an error.
	Return  string
	Refused []Refusal
	Pending []string
	NoData  bool
	// Nothing: the wallet gets access_denied, and the citizen should read why.
	Nothing bool
	// Err is why the wallet is told to come later: a supplier that is away.
	Err error
}

// Agree collects for the citizen who signed in and agreed, or hands over what
// was offered to them, and makes the code. The request ends with it.
func (i *Issuer) Agree(ctx context.Context, r PendingRequest, subject identifier.INSZ, correlationID string) (Agreed, error) {
	if err := i.answer(ctx, r); err != nil {
		return Agreed{}, err
	}
	if r.p.IssuerState != "" {
		return i.agreeToOffer(ctx, r, subject)
	}
	c := Collect{Configuration: r.p.Configuration, Supplier: r.Supplier, Subject: subject, Vault: r.p.Vault, CorrelationID: correlationID}
	by := i.asker(c)
	w, err := i.collect(ctx, c, by)
	out := Agreed{Refused: w.refused, NoData: w.noData}
	switch {
	case errors.Is(err, ErrNothing), errors.Is(err, ErrTooMany):
		out.Nothing, out.Return = true, i.back(r, "error", string(oid4vci.AccessDenied))
		return out, nil
	case err != nil:
		out.Err, out.Return = err, i.back(r, "error", string(oid4vci.TemporarilyUnavailable))
		return out, nil
	}
	o := i.offered(c, w)
	out.Pending = o.Pending
	life := codeLife
	if len(out.Refused)+len(out.Pending) > 0 {
		life = readingLife
	}
	p := i.payload(c, o, w)
	code, handle, err := i.code(ctx, r, p, "", life)
	if err != nil {
		return Agreed{}, err
	}
	if err := errors.Join(i.keepOffer(ctx, o, p, handle), i.logOffer(ctx, c, by)); err != nil {
		return Agreed{}, err
	}
	if c.Vault.Pseudonym != "" {
		if err := i.stillThere(ctx, c.Vault, o.ID); err != nil {
			return Agreed{}, err
		}
	}
	out.Return = i.back(r, "code", code.Reveal())
	return out, nil
}

// code makes the code of a request.
func (i *Issuer) code(ctx context.Context, r PendingRequest, p grantPayload, grant string, life time.Duration) (capsule.Secret, authz.Handle, error) {
	if p.Detailed = r.p.Detailed; !p.Detailed {
		p.Scope = i.types[p.Configuration].Scope
	}
	plain, err := jose.Marshal(p)
	if err != nil {
		return capsule.Secret{}, authz.Handle{}, err
	}
	return i.authz.NewCode(ctx, authz.Code{
		Payload: plain, RedirectURI: r.p.RedirectURI, Challenge: r.p.Challenge, To: r.p.To, Life: life, Grant: grant, Tags: []string{"offer:" + p.Offer},
	})
}

// agreeToOffer hands over what an institution offered to the citizen who signed
// in, and to nobody else: that somebody has the offer's link proves nothing
// (OpenID4VCI 1.0, Sections 5.1.3 and 13.5).
func (i *Issuer) agreeToOffer(ctx context.Context, r PendingRequest, subject identifier.INSZ) (Agreed, error) {
	payload, grant, ok, err := i.authz.SignedIn(ctx, r.p.IssuerState)
	if err != nil {
		return Agreed{}, err
	}
	var p grantPayload
	if ok {
		if err := jose.Unmarshal(payload, &p); err != nil {
			return Agreed{}, err
		}
		ok = p.Configuration == r.p.Configuration && hmac.Equal([]byte(p.Subject), []byte(i.subjectTag(subject)))
	}
	if !ok {
		return Agreed{Nothing: true, Return: i.back(r, "error", string(oid4vci.AccessDenied))}, nil
	}
	if p.Vault = i.vaultTag(r.p.Vault.Pseudonym); p.Vault != "" {
		if err := i.tie(ctx, p.Offer, p.Vault); err != nil {
			return Agreed{}, err
		}
		if err := i.stillThere(ctx, r.p.Vault, p.Offer); err != nil {
			return Agreed{}, err
		}
	}
	code, _, err := i.code(ctx, r, p, grant, codeLife)
	if err != nil {
		return Agreed{}, err
	}
	return Agreed{Return: i.back(r, "code", code.Reveal())}, nil
}

// subjectTag is whom an offer is for, keyed, so that the number itself does not
// wait.
func (i *Issuer) subjectTag(subject identifier.INSZ) string {
	m := hmac.New(sha256.New, i.tagKey)
	m.Write([]byte("subject " + subject.Reveal()))
	return jose.Encode(m.Sum(nil))
}
