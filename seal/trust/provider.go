package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

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

// Provider is an entry of the list that a certificate was found under.
type Provider struct {
	Name         string          // in English where the list has it
	Registration qc.Organization // the number that matches the certificate
	Law          string          // the law that matches the certificate, else the first listed
	Laws         []string
	Information  string // address of the provider's own page
	Service      Service
	Status       string // at the time that was asked about
	Since        time.Time
	Until        time.Time // zero while the status has not changed
	Sequence     int64     // of the list
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
	if err := l.Fresh(at); err != nil {
		return nil, err
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
	if errors.Is(fault, ErrNotListed) {
		if kind == Revocation {
			s.miss(UseStatus)
		} else {
			s.miss(UseSeal)
		}
	}
	return nil, fault
}

func (l *List) match(sv service, p *Path, listed *x509.Certificate, direct bool, body *qc.PublicBody, at time.Time) (*Provider, error) {
	then := sv.at(at)
	if then < 0 || !slices.ContainsFunc(sv.states[then].certs, listed.Equal) {
		return nil, fmt.Errorf("%w at this time", ErrNotListed)
	}
	state := sv.states[then]
	if !state.granted {
		return nil, fmt.Errorf("%w since %s (ETSI TS 119 602, Annex H)", ErrWithdrawn, state.since.Format(instantLayout))
	}
	out := &Provider{
		Name: sv.provider.name, Laws: sv.provider.laws, Law: sv.provider.laws[0], Information: sv.provider.infoURI,
		Service: sv.kind, Status: state.status, Since: state.since, Until: sv.period(then).Until, Sequence: l.Sequence,
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
