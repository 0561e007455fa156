package verifier

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// store is the trust of then.
func (e *Evidence) store(anchors trust.Anchors) (*trust.Store, error) {
	if anchors != nil {
		return trust.NewStore(anchors, 0)
	}
	by := trust.Anchors{}
	for use, name := range useNames {
		for _, c := range e.Trust.Chains {
			if c.Use != name || len(c.Certificates) == 0 {
				continue
			}
			last, err := certificates(c.Certificates[len(c.Certificates)-1])
			if err != nil {
				return nil, err
			}
			by[use] = append(by[use], last...)
		}
	}
	return trust.NewStore(by, 0)
}

// anchorDigests names the anchors of the evidence, for who wants to compare.
func (e *Evidence) anchorDigests() string {
	var list []string
	for _, c := range e.Trust.Chains {
		if len(c.Certificates) == 0 {
			continue
		}
		if last, err := certificates(c.Certificates[len(c.Certificates)-1]); err == nil {
			list = append(list, c.Use+" "+jose.X5TS256(last[0]))
		}
	}
	return names(list)
}

// anyChain takes the chain of an access certificate as it is, when there is no
// anchor to hold it against.
type anyChain struct{}

func (anyChain) VerifyChain(context.Context, []*x509.Certificate, time.Time) error { return nil }

type anchored struct{ store *trust.Store }

func (a anchored) VerifyChain(_ context.Context, chain []*x509.Certificate, at time.Time) error {
	_, err := a.store.Certificates(chain, trust.UseAccessCertificate, at)
	return err
}

func (e *Evidence) request(ctx context.Context, store *trust.Store, unanchored bool) (oid4vp.Verified, error) {
	t, err := jose.Parse(e.Request)
	if err != nil {
		return oid4vp.Verified{}, err
	}
	var names struct {
		ClientID    string           `json:"client_id"`
		WalletNonce string           `json:"wallet_nonce"`
		IssuedAt    jose.NumericDate `json:"iat"`
	}
	if err := jose.Unmarshal(t.Payload, &names); err != nil {
		return oid4vp.Verified{}, err
	}
	var chain oid4vp.ChainVerifier = anchored{store}
	if unanchored {
		chain = anyChain{}
	}
	at := names.IssuedAt.Time()
	if at.After(e.JudgedAt) || e.JudgedAt.Sub(at) > 24*time.Hour {
		return oid4vp.Verified{}, errors.New("it was not signed in the day before the judgement")
	}
	// Nothing is called here: addresses on loopback may stand in evidence of a
	// development profile.
	modes := []string{oid4vp.ModeDirectPostJWT, oid4vp.ModeDirectPost}
	if e.Origin != "" {
		modes = []string{oid4vp.ModeDCAPIJWT, oid4vp.ModeDCAPI}
	}
	asked, err := oid4vp.VerifyRequest(ctx, e.Request, oid4vp.Verification{Origin: e.Origin, Modes: modes, ClientID: names.ClientID, WalletNonce: names.WalletNonce, Chain: chain, Now: at, Options: []oid4vp.Option{oid4vp.InsecureLoopback}})
	if err == nil && asked.DCQLQuery == nil {
		err = errors.New("it holds no dcql_query")
	}
	return asked, err
}

// state holds the response's against the request's. Over the Digital
// Credentials API there is none: nonce and audience bind it alone.
func (e *Evidence) state(asked oid4vp.Verified) error {
	var parts struct {
		State oid4vp.Secret `json:"state"`
	}
	if err := jose.Unmarshal(e.Response, &parts); err != nil {
		return err
	}
	if e.Origin == "" && !asked.State.Equal(parts.State) {
		return wrongState()
	}
	return nil
}

// registrars are the keys that the registration certificate may be signed with: that of
// the evidence, and one that was replaced between the request and the judgement, which
// must lead to an anchor where the reader gave some.
func (e *Evidence) registrars(signer *x509.Certificate, store *trust.Store, anchored bool, at time.Time) ([]crypto.PublicKey, error) {
	keys := []crypto.PublicKey{signer.PublicKey}
	for _, c := range e.Trust.Chains {
		if c.Use != useFormerRegistrar {
			continue
		}
		chain, err := certificates(c.Certificates...)
		if err == nil && len(chain) == 0 {
			err = errors.New("there is no certificate of the former registrar")
		}
		if err == nil && anchored {
			_, err = store.Certificates(chain, trust.UseRegistrar, at)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, chain[0].PublicKey)
	}
	return keys, nil
}

// registration checks that the registrar had admitted the receiver to ask this.
func (e *Evidence) registration(asked oid4vp.Verified, signer *x509.Certificate, store *trust.Store, anchored bool) error {
	text, err := asked.RegistrationIn()
	if err != nil {
		return err
	}
	if len(asked.Chain) == 0 {
		return errors.New("the request has no access certificate")
	}
	registrars, err := e.registrars(signer, store, anchored, asked.IssuedAt.Time())
	if err != nil {
		return err
	}
	r, err := oid4vp.VerifyRegistration(text, registrars, asked.Chain[0], asked.IssuedAt.Time())
	if err != nil {
		return err
	}
	if r.Receiver != e.Receiver.Registration || r.IntendedUse != e.Receiver.Use {
		return errors.New("it is for another receiver or use than the evidence names")
	}
	return r.Covers(*asked.DCQLQuery)
}

// verifier is a verifier of then, without a network.
func (e *Evidence) verifier(store *trust.Store, suite *trust.Suite) (*Verifier, error) {
	if e.Trust.List != "" {
		list, err := store.VerifyList(e.Trust.List, e.JudgedAt)
		if err != nil {
			return nil, err
		}
		if list.Sequence != e.Trust.ListSequence {
			return nil, errors.New("provider_list has another sequence number than is named")
		}
		if err := store.Install(list); err != nil {
			return nil, err
		}
	}
	now := func() time.Time { return e.JudgedAt }
	crls := trust.NewCRLs(nil, now)
	crls.Suite = suite
	for _, c := range e.Trust.CRLs {
		issuer, err := certificates(c.Issuer)
		if err != nil {
			return nil, err
		}
		if err := crls.Add(c.List, issuer[0]); err != nil {
			return nil, err
		}
	}
	var revocation trust.RevocationSource = crls
	if len(e.Trust.OCSPs) > 0 {
		revocation = kept{crls, e.Trust.OCSPs}
	}
	statuses, err := status.NewChecker(keptLists(e.StatusLists), status.CheckerOptions{Now: now, InsecureLoopback: true})
	if err != nil {
		return nil, err
	}
	seconds := func(n int64) time.Duration { return time.Duration(min(max(n, 0), 24*3600)) * time.Second }
	seals := &seal.Validator{Trust: store, Revocation: revocation, Suite: suite, InsecureAcceptUnknownRevocation: e.Settings.UnknownRevocationAccepted}
	if len(e.Trust.Listed) > 0 {
		seals.Lists = listedThen(e.Trust.Listed)
	}
	return &Verifier{c: Config{
		Seals: seals, Statuses: statuses,
		Lists: e.Settings.Lists, Skew: min(seconds(e.Settings.Skew), 5*time.Minute), RequestLife: seconds(e.Settings.RequestLife), Now: now,
	}}, nil
}

// listedThen answers as the trusted lists did.
type listedThen []EvidenceListed

// Seal implements seal.TrustedLists. What was not asked then cannot be told.
func (l listedThen) Seal(chain []*x509.Certificate, _ tsl.Times) tsl.Determination {
	var d tsl.Determination
	for _, c := range l {
		if c.Certificate != jose.X5TS256(chain[0]) {
			continue
		}
		d.Qualified, d.Device = c.Qualified, c.Device
		for _, s := range c.Steps {
			d.Steps = append(d.Steps, tsl.Step(s))
		}
		for _, s := range c.Services {
			d.Services = append(d.Services, tsl.Listing{Territory: s.Territory, Provider: s.Provider, Name: s.Name, Type: s.Type, Status: s.Status, Since: s.Since, Sequence: s.Sequence, Issued: s.Issued, NextUpdate: s.NextUpdate})
		}
		break
	}
	return d
}

// keptLists answers with the status lists of the evidence.
type keptLists []EvidenceStatus

func (k keptLists) Fetch(_ context.Context, url, _ string) ([]byte, time.Duration, error) {
	for _, s := range k {
		if s.URI == url {
			return []byte(s.Token), 0, nil
		}
	}
	return nil, 0, errors.New("it is not in the evidence")
}
