package verifier

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
	"github.com/zegel-id/zegel/verifier/policy"
)

// TypEvidence is the typ of evidence: a compact JWS with an Evidence as payload,
// signed with the registrar's key.
const TypEvidence = "verifier-evidence+jwt"

// evidenceVersion is that of the form. The first said vct where type and format
// stand now; nothing was released that wrote it.
const evidenceVersion = 2

// MaxEvidence is how long evidence may be, in bytes, to be kept until it is
// fetched.
const MaxEvidence = 700 << 10

const purposeObject = "vp request object"

// Evidence is everything that a judgement came from, so that it can be made
// again later without a network. It holds what the citizen presented.
type Evidence struct {
	Version     int              `json:"version"` // 2
	Transaction string           `json:"transaction"`
	Receiver    EvidenceReceiver `json:"receiver"`
	JudgedAt    time.Time        `json:"judged_at"`
	// Origin of the page that called the wallet, over the Digital Credentials API.
	Origin string `json:"origin,omitempty"`
	// Request is the signed request object, as the wallet got it.
	Request string `json:"request_object"`
	// Response is what the wallet sent, decrypted.
	Response    jsontext.Value   `json:"response"`
	Policy      EvidencePolicy   `json:"policy"`
	Settings    EvidenceSettings `json:"settings"`
	Trust       EvidenceTrust    `json:"trust"`
	StatusLists []EvidenceStatus `json:"status_lists"`
	// Result is the verdict.
	Result Result `json:"result"`
}

// EvidenceReceiver is who asked, as registered then.
type EvidenceReceiver struct {
	ID           string `json:"id"`
	Registration string `json:"registration"`
	Name         string `json:"legal_name"`
	Use          string `json:"intended_use"`
	LegalBasis   string `json:"legal_basis"`
}

// EvidencePolicy is what was judged by.
type EvidencePolicy struct {
	policy.Ref
	Document jsontext.Value `json:"document"`
}

// EvidenceSettings are those of the verifier that change a judgement, in
// seconds.
type EvidenceSettings struct {
	Skew                      int64 `json:"skew"`
	RequestLife               int64 `json:"request_life"`
	UnknownRevocationAccepted bool  `json:"unknown_revocation_accepted,omitempty"`
	// Algorithms says until when they were believed (trust.Suite). Evidence of before
	// has none: those of ETSI TS 119 312 were.
	Algorithms jsontext.Value `json:"algorithms,omitempty"`
	// Lists are the addresses by which queries could name the list of providers.
	Lists []string `json:"lists,omitempty"`
}

// EvidenceTrust is who was trusted.
type EvidenceTrust struct {
	// List of PuB-EAA providers as it was signed, and its sequence number.
	List         string `json:"provider_list,omitempty"`
	ListSequence int64  `json:"provider_list_sequence,omitempty"`
	// Chains lead from what was verified to an anchor, which comes last.
	Chains []EvidenceChain `json:"chains"`
	CRLs   []EvidenceCRL   `json:"revocation_lists"`
	// OCSPs are what responders answered, in DER.
	OCSPs [][]byte `json:"ocsp_answers,omitempty"`
	// Listed is what the trusted lists said of the seals' certificates. The lists
	// themselves are too long to be kept here: they have megabytes.
	Listed []EvidenceListed `json:"trusted_lists,omitempty"`
}

// EvidenceListed is what trusted lists said of a certificate (ETSI TS 119 615).
type EvidenceListed struct {
	Certificate string         `json:"certificate"` // x5t#S256
	Qualified   tsl.Outcome    `json:"qualified"`
	Device      tsl.Outcome    `json:"qualified_device"`
	Steps       []EvidenceStep `json:"steps"`
	// Services are those that answer for the certificate, as the lists had them.
	Services []EvidenceService `json:"services,omitempty"`
}

// EvidenceService is a service of a trusted list at that time.
type EvidenceService struct {
	Territory  string    `json:"territory"`
	Provider   string    `json:"provider"`
	Name       string    `json:"name"`
	Type       string    `json:"type"`
	Status     string    `json:"status"`
	Since      time.Time `json:"since"`
	Sequence   int64     `json:"sequence"`
	Issued     time.Time `json:"issued"`
	NextUpdate time.Time `json:"next_update"`
}

// EvidenceStep is a step of it; the first names the number of the list of lists.
type EvidenceStep struct {
	Name    string      `json:"name"`
	Service int         `json:"service,omitempty"`
	At      time.Time   `json:"at,omitzero"`
	Outcome tsl.Outcome `json:"outcome"`
	Found   string      `json:"found"`
	Spec    string      `json:"spec,omitempty"`
}

// EvidenceChain is a chain in base64 DER, leaf first, anchor included.
type EvidenceChain struct {
	Use          string   `json:"use"` // seal, status_list, provider_list or registrar
	Certificates []string `json:"certificates"`
}

// EvidenceCRL is a revocation list and the certificate of its issuer.
type EvidenceCRL struct {
	Issuer string `json:"issuer"`
	List   []byte `json:"list"`
}

// EvidenceStatus is a status list token that was relied on.
type EvidenceStatus struct {
	URI   string `json:"uri"`
	Token string `json:"token"`
}

var useNames = map[trust.Use]string{trust.UseSeal: "seal", trust.UseStatus: "status_list", trust.UseListSigner: "provider_list"}

// gathering collects what a judgement comes from. A nil one collects nothing.
type gathering struct {
	at       time.Time
	trust    EvidenceTrust
	statuses []EvidenceStatus
}

// gather begins to collect, if the receiver wants evidence.
func (f *fetched) gather(now time.Time) {
	if f.Evidence {
		f.keep = &gathering{at: now, trust: EvidenceTrust{Chains: []EvidenceChain{}, CRLs: []EvidenceCRL{}}, statuses: []EvidenceStatus{}}
	}
}

// add takes what one presentation was judged by.
func (g *gathering) add(v *Verifier, c checked) {
	if g == nil {
		return
	}
	if c.validation != nil {
		g.path(v, trust.UseSeal, c.validation.Path)
		g.listed(c.validation)
	}
	if c.status == nil || c.credential == nil {
		return
	}
	if path, err := v.c.Seals.Trust.X5C(c.status.Header.X5C, trust.UseStatus, g.at); err == nil {
		g.path(v, trust.UseStatus, path)
	}
	if ref, err := status.ParseClaim(c.credential.Status); err == nil {
		s := EvidenceStatus{URI: ref.URI, Token: c.status.SigningInput() + "." + jose.Encode(c.status.Signature)}
		if !slices.Contains(g.statuses, s) {
			g.statuses = append(g.statuses, s)
		}
	}
}

// listed takes what the trusted lists said of a seal's certificate, if asked.
func (g *gathering) listed(v *seal.Validation) {
	if v.Listed == nil {
		return
	}
	l := EvidenceListed{Certificate: jose.X5TS256(v.Certificate), Qualified: v.Listed.Qualified, Device: v.Listed.Device, Steps: []EvidenceStep{}}
	if slices.ContainsFunc(g.trust.Listed, func(o EvidenceListed) bool { return o.Certificate == l.Certificate }) {
		return
	}
	for _, s := range v.Listed.Steps {
		l.Steps = append(l.Steps, EvidenceStep(s))
	}
	for _, s := range v.Listed.Services {
		l.Services = append(l.Services, EvidenceService{s.Territory, s.Provider, s.Name, s.Type, s.Status, s.Since, s.Sequence, s.Issued, s.NextUpdate})
	}
	g.trust.Listed = append(g.trust.Listed, l)
}

// path takes a chain and the revocation lists of its issuers.
func (g *gathering) path(v *Verifier, use trust.Use, p *trust.Path) {
	if p == nil {
		return
	}
	chain := EvidenceChain{Use: useNames[use], Certificates: jose.EncodeX5C(p.Certificates)}
	if slices.ContainsFunc(g.trust.Chains, func(c EvidenceChain) bool {
		return c.Use == chain.Use && slices.Equal(c.Certificates, chain.Certificates)
	}) {
		return
	}
	g.trust.Chains = append(g.trust.Chains, chain)
	g.revocation(v.c.Seals.Revocation, p, chain)
}

// useFormerRegistrar is the use of the chain of a registrar that signed the
// registration certificate and was replaced before the judgement.
const useFormerRegistrar = "registrar"

// registrar names who signed the registration certificate of a request object, where
// it is not the one that signs the evidence.
func (g *gathering) registrar(object string, now RegistrarKey) error {
	t, err := jose.Parse(object)
	if err != nil {
		return err
	}
	var asked oid4vp.Request
	if err := jose.Unmarshal(t.Payload, &asked); err != nil {
		return err
	}
	text, err := asked.RegistrationIn()
	if err != nil {
		return err
	}
	if t, err = jose.Parse(text); err != nil {
		return err
	}
	if !slices.Equal(t.Header.X5C, jose.EncodeX5C(now.Chain)) {
		g.trust.Chains = append(g.trust.Chains, EvidenceChain{Use: useFormerRegistrar, Certificates: t.Header.X5C})
	}
	return nil
}

// evidence signs what was gathered; nil when the receiver asked for none, or
// when it is too long to keep. Where a browser must bring a response code,
// nothing that was presented is released without, and a response that does not
// hold gets none: so there is no evidence of it (OpenID4VP 1.0, Section 14.3).
func (v *Verifier) evidence(ctx context.Context, f fetched, e entitlement, r Result, response []byte) ([]byte, error) {
	if f.keep == nil || f.coded() && !r.Verified && r.State != StateRefused {
		return nil, nil
	}
	object, err := f.object(ctx, v)
	if err != nil {
		return nil, err
	}
	g, by := f.keep, v.c.Registrar.Key()
	if err := g.registrar(object, by); err != nil {
		return nil, fmt.Errorf("reading a request object: %w", err)
	}
	if l := v.c.Seals.Trust.List(); l != nil {
		g.trust.List, g.trust.ListSequence = l.Compact(), l.Sequence
		if t, err := jose.Parse(g.trust.List); err == nil {
			if path, err := v.c.Seals.Trust.X5C(t.Header.X5C, trust.UseListSigner, g.at); err == nil {
				g.path(v, trust.UseListSigner, path)
			}
		}
	}
	doc := Evidence{
		Version: evidenceVersion, Transaction: f.Transaction, JudgedAt: g.at.UTC(), Request: object, Response: response, Result: r,
		Receiver: EvidenceReceiver{ID: e.receiver.ID, Registration: e.receiver.Registration, Name: e.receiver.Name, Use: e.use.ID, LegalBasis: e.use.LegalBasis},
		Policy:   EvidencePolicy{Ref: f.policy.Ref(), Document: f.policy.Document()},
		Settings: EvidenceSettings{Skew: int64(v.c.Skew / time.Second), RequestLife: int64(v.c.RequestLife / time.Second), UnknownRevocationAccepted: v.c.Seals.InsecureAcceptUnknownRevocation, Lists: v.c.Lists},
		Trust:    g.trust, StatusLists: g.statuses,
	}
	doc.Origin, doc.Settings.Algorithms = f.Origin, v.suite().Document()
	payload, err := jose.Marshal(doc)
	if err != nil {
		return nil, err
	}
	text, err := by.sign(TypEvidence, payload)
	if err != nil {
		return nil, fmt.Errorf("signing evidence: %w", err)
	}
	if len(text) > MaxEvidence {
		return nil, nil
	}
	return []byte(text), nil
}

// suite is by what algorithms are judged.
func (v *Verifier) suite() *trust.Suite {
	if s := v.c.Seals.Suite; s != nil {
		return s
	}
	return trust.DefaultSuite()
}

// checkEvidence refuses evidence of requests that are not signed by one key:
// nothing would prove later what was asked.
func checkEvidence(o Order, q oid4vp.Query, a Access) error {
	if o.Evidence && (a.KeyID != "" || a.Attestation != "") && o.Flow != Digital {
		return &Error{Err: ErrRequest, Field: "evidence", Detail: "cannot be kept: who signed the request could not be verified again without a network for this client identifier",
			Remedy: "Leave it out, or have the operator give the receiver the identifier of its certificate (x509_hash)."}
	}
	if o.Evidence && slices.ContainsFunc(q.Credentials, func(c oid4vp.CredentialQuery) bool { return credential.Format(c.Format).W3C() }) {
		return &Error{Err: ErrRequest, Field: "evidence", Detail: "cannot be kept of W3C credentials: their status lists are not kept with it", Remedy: "Leave it out, or ask for another format."}
	}
	if o.Evidence && o.Protocols != nil && !slices.Equal(o.Protocols, []string{oid4vp.ProtocolSigned}) {
		return &Error{Err: ErrRequest, Field: "evidence", Detail: "is kept only of requests of the protocol " + oid4vp.ProtocolSigned, Remedy: "Use that protocol alone, or leave evidence out."}
	}
	return nil
}

// keepObject seals the request object under the response secret: who answers
// brings it back, and the store cannot read it.
func (r requested) keepObject(object string) ([]byte, error) {
	if !r.Evidence {
		return nil, nil
	}
	s, err := capsule.ParseSecret(r.ResponseURI[len(r.ResponseURI)-43:])
	if err != nil {
		return nil, err
	}
	return capsule.Seal(s, purposeObject, []byte(object), []byte(r.Transaction))
}

// object is the request object that was handed out.
func (f fetched) object(ctx context.Context, v *Verifier) (string, error) {
	if f.Object != "" {
		return f.Object, nil
	}
	rec, err := v.c.Store.Get(ctx, kindFetched, f.fetchMark())
	if err != nil {
		return "", fmt.Errorf("reading a request object: %w", err)
	}
	var kept told
	if err := jose.Unmarshal(rec.Data, &kept); err != nil {
		return "", err
	}
	plain, err := capsule.Open(f.secret, purposeObject, kept.Object, []byte(f.Transaction))
	if err != nil {
		return "", fmt.Errorf("opening a request object: %w", err)
	}
	return string(plain), nil
}

// Evidence delivers the evidence of a transaction that was started with it, as
// a compact JWS. It holds the result, so it is handed over as a result is: to
// the same receiver, with the same response code, in the same time, once.
func (v *Verifier) Evidence(ctx context.Context, id, receiver, code string) (string, error) {
	w, err := v.waiting(ctx, id, receiver)
	if err != nil {
		return "", err
	}
	text := w.kept.Evidence
	if text == nil {
		return "", &Error{Err: ErrNoEvidence, Detail: "none was asked for when the transaction was started, it was too long to be kept, or the response did not hold and a response code would have been needed", Remedy: "Start the transaction with evidence: true."}
	}
	if w.kept.Coded {
		if text, err = v.decode(ctx, w.answered.transaction, text, code); err != nil {
			return "", err
		}
	}
	event := audit.Event{Outcome: audit.OK, Detail: "evidence"}
	if err := v.log(ctx, audit.ResultFetch, w.receiver, w.use, oid4vp.Query{}, event); err != nil {
		return "", err
	}
	if err := w.answered.deliver(ctx, v); err != nil {
		return "", errors.Join(err, v.logNot(ctx, audit.ResultFetch, w.entitlement, oid4vp.Query{}, event))
	}
	return string(text), nil
}

// certificates reads base64 DER.
func certificates(texts ...string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, text := range texts {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, errors.New("a certificate is no base64")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("a certificate is no DER")
		}
		out = append(out, c)
	}
	return out, nil
}
