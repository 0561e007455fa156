package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier/policy"
	"github.com/zegel-id/zegel/verifier/receivers"
	"github.com/zegel-id/zegel/verifier/webhooks"
)

// Flow says where the citizen's wallet is.
type Flow string

const (
	// SameDevice: the receiver's page and the wallet are on one device. The
	// wallet leads the citizen back to the page with a response code, without
	// which there is no result: so nobody can have a stranger answer a request
	// that was made in his own session (OpenID4VP 1.0, Section 14.3).
	SameDevice Flow = "same-device"
	// CrossDevice: the link is shown as a QR code to another device. There is no
	// such protection; the page must make it hard to pass the code on.
	CrossDevice Flow = "cross-device"
	// HostedPage: the citizen is sent to a page of ours, which offers every way
	// there is and sends the same browser back with a response code. Each way
	// has a request of its own.
	HostedPage Flow = "hosted-page"
	// Digital: the receiver's page calls the Digital Credentials API, and hands
	// over what came back (OpenID4VP 1.0, Appendix A).
	Digital Flow = "digital-credentials"
)

// Order is what a receiver asks.
type Order struct {
	// Query is the dcql_query.
	Query []byte
	// Purpose is the id of an intended use of the receiver in the register.
	Purpose string
	Flow    Flow
	// RedirectURI is where the citizen comes back to on the same device, or from
	// our page.
	RedirectURI string
	// Origin is that of the receiver's page that calls the Digital Credentials
	// API, and Protocols are how it may: signed if nil.
	Origin    string
	Protocols []string
	// Policy is the id of the policy to judge by; empty is the platform's.
	Policy string
	// InClear asks for an unencrypted answer (direct_post, dc_api), where the
	// operator allows that.
	InClear bool
	// Evidence keeps what the result comes from, to be fetched with it.
	Evidence bool
	// Transactions are JSON objects that the citizen is asked to authorise with
	// the presentation, of registered types (OpenID4VP 1.0, Section 8.4).
	Transactions [][]byte
}

// Started is a transaction that was created.
type Started struct {
	// ID is for the receiver alone. It fetches the result.
	ID capsule.Secret
	// Reference names the transaction where events are told. It fetches nothing.
	Reference string
	// RequestURI is inside Link too.
	RequestURI string
	// Link calls the wallet: as a link on the same device, as a QR code on
	// another.
	Link string
	// Page is where to send the citizen's browser, with HostedPage.
	Page string
	// Digital are the requests for the Digital Credentials API, with Digital.
	Digital []oid4vp.DCRequest
	Expires time.Time
}

// malformedQuery names the member of the query that is wrong.
func malformedQuery(err error) *Error {
	out := &Error{Err: ErrRequest, Field: "dcql_query", Detail: "is not a query", Spec: "OpenID4VP 1.0, Section 6", Cause: err}
	var e *oid4vp.Error
	if errors.As(err, &e) {
		out.Detail, out.Spec, out.Cause = e.Detail, e.Spec, e.Err
		if e.Field != "" && e.Field != out.Field {
			out.Field += "." + e.Field
		}
	}
	return out
}

// Start creates a transaction for an admitted receiver, within one of its
// intended uses.
func (v *Verifier) Start(ctx context.Context, receiver string, o Order) (Started, error) {
	query, err := oid4vp.ParseQuery(o.Query)
	if err != nil {
		return Started{}, malformedQuery(err)
	}
	p, err := v.named(receiver, o.Policy)
	if err != nil {
		return Started{}, err
	}
	if err := supported(query, p); err != nil {
		return Started{}, err
	}
	if err := v.authorities(query); err != nil {
		return Started{}, err
	}
	e, err := v.entitled(receiver, o.Purpose, query)
	if err != nil {
		return Started{}, err
	}
	if err := v.checkFlow(o, e.receiver); err != nil {
		return Started{}, err
	}
	if err := v.checkClear(o, query); err != nil {
		return Started{}, err
	}
	if err := checkEvidence(o, query, e.access); err != nil {
		return Started{}, err
	}
	transactions, err := encodeTransactions(o.Transactions, query)
	if err != nil {
		return Started{}, err
	}

	id := capsule.NewSecret()
	box, err := capsule.NewBox(id, purposeResult)
	if err != nil {
		return Started{}, err
	}
	x := exchange{
		Transaction: id.ID(purposeTransaction), Receiver: receiver, Use: o.Purpose, Policy: p.Ref(), Evidence: o.Evidence, InClear: o.InClear, ClientID: e.access.clientID(), Query: query,
		Expires: v.c.Now().Add(v.c.RequestLife).UTC(), Transactions: transactions, policy: p,
	}
	s := Started{ID: id, Reference: x.Transaction, Expires: x.Expires}
	// What waits comes first: a crash leaves records that nobody can name.
	if err := v.ways(ctx, &s, x, o, e, box); err != nil {
		return Started{}, err
	}
	if err := v.put(ctx, kindTransaction, id, purposeTransaction, transaction{Receiver: receiver, Use: o.Purpose, Flow: o.Flow, Expires: x.Expires, Box: box}, v.end(x.Expires)); err != nil {
		return Started{}, err
	}
	if err := v.log(ctx, audit.TransactionCreate, e.receiver, e.use, query, audit.Event{Outcome: audit.OK, Detail: string(o.Flow)}); err != nil {
		return Started{}, err
	}
	if _, err := v.event(ctx, x, webhooks.Expired, StateExpired); err != nil {
		return Started{}, err
	}
	return s, nil
}

// ways keeps what each way to a wallet needs: its own request object, nonce,
// state and key.
func (v *Verifier) ways(ctx context.Context, s *Started, x exchange, o Order, e entitlement, box []byte) error {
	switch o.Flow {
	case HostedPage:
		return v.hostPage(ctx, s, x, o, e, box)
	case Digital:
		return v.startDigital(ctx, s, x, o, e, box)
	default:
		var err error
		s.RequestURI, s.Link, err = v.byLink(ctx, x, fetched{Flow: o.Flow, RedirectURI: o.RedirectURI, Box: box})
		return err
	}
}

// byLink keeps a request that a link calls.
func (v *Verifier) byLink(ctx context.Context, x exchange, f fetched) (requestURI, link string, err error) {
	request, response := capsule.NewSecret(), capsule.NewSecret()
	public, private, err := responseKey()
	if err != nil {
		return "", "", err
	}
	x.Nonce, x.State = fresh(), fresh()
	f.exchange, f.Key = x, private
	end := v.end(x.Expires)
	if err := errors.Join(
		v.put(ctx, kindResponse, response, purposeResponse, f, end),
		v.put(ctx, kindRequest, request, purposeRequest, requested{exchange: x, ResponseURI: v.at("/response/" + response.Reveal()), Key: public}, end),
	); err != nil {
		return "", "", err
	}
	requestURI = v.at("/request/" + request.Reveal())
	return requestURI, oid4vp.Link(x.ClientID, requestURI, "post"), nil
}

// fresh is a nonce or state of 256 bits (OpenID4VP 1.0, Sections 5.2 and 5.3).
func fresh() oid4vp.Secret { return oid4vp.Secret(capsule.NewSecret().Reveal()) }

// responseKey is a key pair for one response (HAIP 1.0, Section 5).
func responseKey() (public, private jose.JWK, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return jose.JWK{}, jose.JWK{}, err
	}
	if private, err = jose.PrivateJWK(key); err != nil {
		return jose.JWK{}, jose.JWK{}, err
	}
	private.Kid, private.Use, private.Alg = private.Thumbprint(), "enc", "ECDH-ES"
	return private.Public(), private, nil
}

// supported refuses queries that the policy could not judge.
func supported(q oid4vp.Query, p *policy.Policy) error {
	for i, c := range q.Credentials {
		at := fmt.Sprintf("dcql_query.credentials[%d]", i)
		if !slices.Contains(p.Formats, credential.Format(c.Format)) {
			return &Error{Err: ErrRequest, Field: at + ".format", Detail: fmt.Sprintf("must be of %v; other formats are not verified under policy %s", p.Formats, p.ID)}
		}
		if !c.HolderBinding() && credential.Format(c.Format) != credential.FormatSDJWTVC {
			return &Error{Err: ErrRequest, Field: at + ".require_cryptographic_holder_binding", Detail: "must be true or left out: credentials of this format are never presented without proof of their holder", Spec: "OpenID4VP 1.0, Appendix B"}
		}
		if !c.HolderBinding() && p.Effect(policy.HolderBindingMissing) != policy.Reports {
			return &Error{Err: ErrRequest, Field: at + ".require_cryptographic_holder_binding", Detail: "must be true or left out: a credential without proof of its holder is not accepted", Spec: "RFC 9901, Section 7.3"}
		}
	}
	return nil
}

// authorities refuses trusted authorities of which this verifier could tell
// nothing: it would have to take the wallet's word (OpenID4VP 1.0, Sections
// 6.1.1 and 14.11).
func (v *Verifier) authorities(q oid4vp.Query) error {
	for i, c := range q.Credentials {
		for j, a := range c.TrustedAuthorities {
			at := fmt.Sprintf("dcql_query.credentials[%d].trusted_authorities[%d]", i, j)
			switch a.Type {
			case oid4vp.AuthorityAKI:
			case oid4vp.AuthorityETSI:
				for _, list := range a.Values {
					if !slices.Contains(v.c.Lists, list) {
						return &Error{Err: ErrRequest, Field: at + ".values", Detail: "names a list that is not configured here; those are: " + strings.Join(v.c.Lists, ", "), Spec: "OpenID4VP 1.0, Section 6.1.1.2",
							Remedy: "Name a configured list, or have the operator configure this one."}
					}
				}
			default:
				return &Error{Err: ErrRequest, Field: at + ".type", Detail: "must be aki or etsi_tl; others cannot be verified here", Spec: "OpenID4VP 1.0, Section 6.1.1"}
			}
		}
	}
	return nil
}

// entitlement is a receiver that may ask now.
type entitlement struct {
	receiver receivers.Receiver
	use      receivers.IntendedUse
	access   Access
	// certificate content for this use
	registration oid4vp.Registration
}

// entitled says whether a receiver is admitted and may ask this query for this
// use. It is asked anew at every step.
func (v *Verifier) entitled(id, use string, q oid4vp.Query) (entitlement, error) {
	e, err := v.admitted(id, use)
	if err != nil {
		return entitlement{}, err
	}
	by := receivers.Registrar{ID: v.c.Registrar.ID, RegistryURI: v.at("/receivers")}
	e.registration = e.receiver.Certificate(e.use, by, e.access.Chain[0], v.c.Now(), v.c.RequestLife+v.c.Skew)
	if err := e.registration.Covers(q); err != nil {
		return entitlement{}, &Error{Err: ErrRequest, Field: "dcql_query", Detail: "goes beyond what is registered", Spec: "GDPR, Article 5(1)(b) and (c)", Cause: err,
			Remedy: "Ask for less, or have the registrar register the claims for this intended use."}
	}
	return e, nil
}

// still turns what would be a receiver's mistake at the start into what it is
// later: the register was changed meanwhile.
func (v *Verifier) still(e entitlement, err error) (entitlement, error) {
	if errors.Is(err, ErrRequest) {
		err = &Error{Err: ErrNotAdmitted, Detail: "the register no longer lets it ask this", Remedy: "Ask the registrar."}
	}
	return e, err
}

// receiver finds an admitted receiver of the register.
func (v *Verifier) receiver(id string) (receivers.Receiver, Access, error) {
	now := v.now.Load()
	r, ok := now.register.Find(id)
	access, has := now.access[id]
	switch {
	case !ok || !has:
		return r, access, &Error{Err: ErrNotAdmitted, Detail: "it is not in the register of receivers", Remedy: "Ask the registrar for admission."}
	case r.Status != receivers.Admitted:
		return r, access, &Error{Err: ErrNotAdmitted, Detail: "it is " + string(r.Status), Remedy: "Ask the registrar."}
	default:
		return r, access, nil
	}
}

func (v *Verifier) admitted(id, use string) (entitlement, error) {
	r, access, err := v.receiver(id)
	if err != nil {
		return entitlement{}, err
	}
	u, ok := r.Use(use)
	if !ok {
		return entitlement{}, &Error{Err: ErrRequest, Field: "purpose", Detail: "is no intended use of this receiver in the register; those are: " + strings.Join(r.UseIDs(), ", "),
			Remedy: "Name one of them, or have the registrar register the use."}
	}
	if leaf := access.Chain[0]; v.c.Now().After(leaf.NotAfter) || v.c.Now().Before(leaf.NotBefore) {
		return entitlement{}, &Error{Err: ErrNotAdmitted, Detail: "its access certificate is not valid at this time", Remedy: "Renew the access certificate."}
	}
	return entitlement{receiver: r, use: u, access: access}, nil
}

func (v *Verifier) checkFlow(o Order, r receivers.Receiver) error {
	if o.Flow != Digital && (o.Origin != "" || o.Protocols != nil) {
		return &Error{Err: ErrRequest, Field: "origin", Detail: fmt.Sprintf("and protocols are for the flow %s only", Digital)}
	}
	switch o.Flow {
	case CrossDevice:
		if o.RedirectURI != "" {
			return &Error{Err: ErrRequest, Field: "redirect_uri", Detail: "must be left out in the cross-device flow: it would open on the other device"}
		}
		return nil
	case Digital:
		return v.checkDigital(o, r)
	case SameDevice, HostedPage:
	default:
		return &Error{Err: ErrRequest, Field: "flow", Detail: fmt.Sprintf("must be %s, %s, %s or %s", SameDevice, CrossDevice, HostedPage, Digital)}
	}
	if err := checkURL(o.RedirectURI, v.c.InsecureLoopback); err != nil {
		return &Error{Err: ErrRequest, Field: "redirect_uri", Detail: "is needed: the citizen comes back there", Spec: "OpenID4VP 1.0, Section 8.2", Cause: err}
	}
	u, err := url.Parse(o.RedirectURI)
	if err != nil || !slices.Contains(r.Hosts, u.Hostname()) {
		return &Error{Err: ErrRequest, Field: "redirect_uri", Detail: "is on no host that the register names for this receiver", Remedy: "Have the registrar add the host."}
	}
	if u.Query().Has(oid4vp.ResponseCodeParameter) {
		return &Error{Err: ErrRequest, Field: "redirect_uri", Detail: "must not hold response_code: it is added for the wallet"}
	}
	return nil
}

// log records a use. The receiver acts, or the wallet towards the receiver.
func (v *Verifier) log(ctx context.Context, kind audit.Kind, r receivers.Receiver, u receivers.IntendedUse, q oid4vp.Query, e audit.Event) error {
	e.Kind, e.Actor = kind, audit.Actor{Kind: audit.Organisation, ID: r.ID}
	e.Organisation, e.Purpose, e.LegalBasis, e.RequestID = r.ID, u.ID, u.LegalBasis, v.requestID(ctx)
	for _, c := range q.Credentials {
		for _, kind := range c.Types() {
			if e.DataType == "" {
				e.DataType = kind[:min(len(kind), 256)]
			} else if all := e.DataType + " " + kind; len(all) <= 256 {
				e.DataType = all
			}
		}
	}
	if err := v.c.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("writing the use log: %w", err)
	}
	return nil
}

// logNot adds, to a line that was written before a use, that the use did not
// happen: another request was first, or it could not be stored. What cannot be
// logged must not happen, so the line comes first.
func (v *Verifier) logNot(ctx context.Context, kind audit.Kind, e entitlement, q oid4vp.Query, event audit.Event) error {
	event.Outcome, event.Detail = audit.Failed, "did not happen"
	return v.log(ctx, kind, e.receiver, e.use, q, event)
}
