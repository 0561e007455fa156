package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/qc"
)

// Errors of looking up a provider.
var (
	ErrNoList     = errors.New("no list of PuB-EAA providers is installed")
	ErrNotListed  = errors.New("the certificate is not that of a listed PuB-EAA provider's service")
	ErrWithdrawn  = errors.New("the listed service is withdrawn")
	ErrProvider   = errors.New("the certificate does not match its entry in the list")
	errWithoutLaw = errors.New("no QcPSB")
)

// List is a verified list of PuB-EAA providers. It does not change.
type List struct {
	Sequence   int64
	Issued     time.Time
	NextUpdate time.Time
	Operator   string

	services []service
	byCert   map[[sha256.Size]byte][]int // into services
	digest   [sha256.Size]byte
	compact  string
}

// Compact is the list as it was signed, for who must show later what was
// trusted.
func (l *List) Compact() string { return l.compact }

// service is one listed service with its states, newest first.
type service struct {
	provider *provider
	kind     Service
	states   []serviceState
}

type serviceState struct {
	since  time.Time
	status string
	certs  []*x509.Certificate
}

type provider struct {
	name    string
	numbers []qc.Organization
	laws    []string
	infoURI string
}

// Provider is an entry of the list that a certificate was found under.
type Provider struct {
	Name         string          // in English where the list has it
	Registration qc.Organization // the number that matches the certificate
	Law          string          // the law that matches the certificate, else the first listed
	Laws         []string
	Information  string // address of the provider's own page
	Service      Service
	Status       string
	Since        time.Time
	Sequence     int64 // of the list
}

// listAlgs are the signature algorithms accepted on a list.
var listAlgs = []jose.Alg{jose.ES256, jose.ES384, jose.ES512, jose.PS256}

// VerifyList reads a list signed as compact JAdES B-B (ETSI TS 119 602, clause
// 6.8), verifies it against the anchors of UseListSigner, and holds it against
// the PuB-EAA profile. A list with any fault is refused whole.
func (s *Store) VerifyList(compact string, now time.Time) (*List, error) {
	// Step 1. Form. The typ is "jose" by the habit of JAdES, or absent.
	t, err := jose.Parse(strings.TrimRight(compact, "\r\n"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	h, err := jades.ParseHeader(t)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	if typ := strings.ToLower(strings.TrimPrefix(h.Typ, "application/")); typ != "" && typ != "jose" {
		return nil, fmt.Errorf("%w: typ is %q, expected JOSE or none", ErrList, clip(h.Typ))
	}
	if !slices.Contains(listAlgs, h.Alg) {
		return nil, fmt.Errorf("%w: alg is %q, expected one of %v", ErrList, clip(string(h.Alg)), listAlgs)
	}

	// Step 2. Every rule of a baseline seal, without exception.
	if name, found := h.Unprocessed(); found || h.Detached {
		return nil, fmt.Errorf("%w: a list must hold what is signed and nothing critical, found %q (ETSI TS 119 602, clause 6.8)", ErrList, name)
	}
	if err := errors.Join(h.Constraints(now), h.Baseline()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}

	// Step 3. The signer's certificate is trusted for lists and is the one
	// that was signed with.
	path, err := s.X5C(h.X5C, UseListSigner, now)
	if err != nil {
		return nil, fmt.Errorf("%w: signer: %w", ErrList, err)
	}
	if err := h.Certificates(path.Certificates); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}

	// Step 4. Signature.
	if err := t.Verify(path.Leaf().PublicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}

	// Step 5. Content.
	d, err := Parse(t.Payload)
	if err != nil {
		return nil, err
	}
	if err := d.CheckPubEAA(now); err != nil {
		return nil, err
	}
	l := d.index()
	l.digest, l.compact = sha256.Sum256(t.Payload), strings.TrimRight(compact, "\r\n")
	return l, nil
}

// index prepares a checked list for look-ups.
func (d *Document) index() *List {
	l := &List{
		Sequence: d.LoTE.Scheme.Sequence, Issued: d.LoTE.Scheme.Issued.Time, NextUpdate: d.LoTE.Scheme.NextUpdate.Time,
		Operator: first(d.LoTE.Scheme.OperatorName, "en"), byCert: map[[sha256.Size]byte][]int{},
	}
	for _, e := range d.LoTE.Entities {
		p := &provider{name: first(e.Information.Name, "en"), infoURI: e.Information.InformationURI[0].Value}
		p.numbers, p.laws = e.Information.identifiers()
		for _, v := range e.Services {
			s := service{provider: p, kind: v.Information.Type}
			s.states = append(s.states, serviceState{v.Information.StatusSince.Time, v.Information.Status, v.Information.Identity.parsed()})
			for _, h := range v.History {
				s.states = append(s.states, serviceState{h.StatusSince.Time, h.Status, h.Identity.parsed()})
			}
			l.add(s)
		}
	}
	return l
}

func (l *List) add(s service) {
	at := len(l.services)
	l.services = append(l.services, s)
	for _, state := range s.states {
		for _, c := range state.certs {
			key := sha256.Sum256(c.Raw)
			if !slices.Contains(l.byCert[key], at) {
				l.byCert[key] = append(l.byCert[key], at)
			}
		}
	}
}

// parsed are the certificates of an identity that was checked.
func (id Identity) parsed() []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range id.Certificates {
		if cert, err := decodeCertificate(c.Value); err == nil {
			out = append(out, cert)
		}
	}
	return out
}

// anchors are the certificates that the list makes trusted for a use: those of
// services that are notified now. A withdrawn service anchors nothing.
func (l *List) anchors(use Use) []*x509.Certificate {
	var kind Service
	switch use {
	case UseSeal:
		kind = Issuance
	case UseStatus:
		kind = Revocation
	default:
		return nil
	}
	var out []*x509.Certificate
	for _, s := range l.services {
		if s.kind != kind || s.states[0].status != StatusNotified {
			continue
		}
		for _, c := range s.states[0].certs {
			// A listed authority without keyCertSign could not have issued.
			if !c.IsCA || c.KeyUsage&x509.KeyUsageCertSign != 0 {
				out = append(out, c)
			}
		}
	}
	return out
}

// at is the state at a time; the zero state when the service was not listed
// yet.
func (s service) at(t time.Time) serviceState {
	for _, state := range s.states {
		if !t.Before(state.since) {
			return state
		}
	}
	return serviceState{}
}

// Provider finds the listed service of a verified chain at a time (ETSI TS 119
// 602, Annex H). The list holds the certificate itself or an authority of the
// path; an authority may issue to others, so the registration number of the
// certificate must be the entry's. body is what QcPSB of a seal certificate
// says, its law must be a listed one; for Revocation it may be nil.
func (s *Store) Provider(p *Path, kind Service, body *qc.PublicBody, at time.Time) (*Provider, error) {
	l := s.List()
	if l == nil {
		return nil, ErrNoList
	}
	if !at.Before(l.NextUpdate) {
		return nil, fmt.Errorf("%w: NextUpdate was %s, fetch the list again (ETSI TS 119 602, Annex H)", ErrListExpired, l.NextUpdate.Format(instantLayout))
	}
	// The answer with most to say wins: a match, else why the nearest failed.
	fault := error(ErrNotListed)
	p.facts()
	for i, c := range p.Certificates {
		for _, at2 := range l.byCert[p.digests[i]] {
			sv := l.services[at2]
			if sv.kind != kind {
				continue
			}
			found, err := l.match(sv, p, c, i == 0, body, at)
			if err == nil {
				return found, nil
			}
			if errors.Is(fault, ErrNotListed) {
				fault = err
			}
		}
	}
	return nil, fault
}

func (l *List) match(sv service, p *Path, listed *x509.Certificate, direct bool, body *qc.PublicBody, at time.Time) (*Provider, error) {
	state := sv.at(at)
	if !slices.ContainsFunc(state.certs, listed.Equal) {
		return nil, fmt.Errorf("%w at this time", ErrNotListed)
	}
	if state.status != StatusNotified {
		return nil, fmt.Errorf("%w since %s (ETSI TS 119 602, Annex H)", ErrWithdrawn, state.since.Format(instantLayout))
	}
	out := &Provider{
		Name: sv.provider.name, Laws: sv.provider.laws, Law: sv.provider.laws[0], Information: sv.provider.infoURI,
		Service: sv.kind, Status: state.status, Since: state.since, Sequence: l.Sequence,
	}
	o, err := p.Organization()
	switch {
	case err == nil && slices.Contains(sv.provider.numbers, o):
		out.Registration = o
	case err == nil:
		return nil, fmt.Errorf("%w: its organizationIdentifier is not a registration number of the entry", ErrProvider)
	case direct && sv.kind == Revocation:
		out.Registration = sv.provider.numbers[0]
	default:
		return nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	if sv.kind == Revocation {
		return out, nil
	}
	if body == nil {
		return nil, fmt.Errorf("%w: %w names the law that makes the provider responsible (Regulation (EU) No 910/2014, Article 45f(1)(b))", ErrProvider, errWithoutLaw)
	}
	for _, law := range sv.provider.laws {
		if SameLaw(law, *body) {
			out.Law = law
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: the law in QcPSB is not one of the entry (ETSI TS 119 602, Annex H)", ErrProvider)
}

// SealSigner makes compact JAdES B-B signatures; *seal.Sealer is one.
type SealSigner interface {
	SignCompact(typ string, iat time.Time, payload []byte) (string, error)
}

// Sign signs the list, which must pass CheckPubEAA at now.
func (d *Document) Sign(signer SealSigner, now time.Time) (string, error) {
	if err := d.LoTE.required(); err != nil {
		return "", err
	}
	if err := d.CheckPubEAA(now); err != nil {
		return "", err
	}
	b, err := jose.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encoding list: %w", err)
	}
	return signer.SignCompact("JOSE", now, b)
}
