package tsl

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

// Lists are national lists that were verified under one list of lists. They do
// not change, and may be used by many at once.
type Lists struct {
	lotl      *List
	national  map[string]*List // by territory
	bySubject map[string][]listed
	seen      seen
}

// listed is a certificate of a service.
type listed struct {
	cert     *x509.Certificate
	list     *List
	provider *Provider
	service  *Service
	depth    int // of its authority in the chain that was asked about; 0 is the leaf
}

// NewLists puts lists together that Verify returned. Each national list must be
// one that the list of lists points to, and signed by one of the signers that
// it tells. There is at most one for a territory.
func NewLists(lotl *List, national ...*List) (*Lists, error) {
	if lotl == nil || lotl.Signer == nil {
		return nil, errors.New("tsl: the list of lists was not verified")
	}
	if lotl.Scheme.Type != TypeListOfLists {
		return nil, refuse(CheckScheme, clause(specList, "5.3.3"), "TSLType is %q, expected the list of lists", clip(lotl.Scheme.Type))
	}
	l := &Lists{lotl: lotl, national: map[string]*List{}, bySubject: map[string][]listed{}, seen: newSeen()}
	pointers, _ := lotl.nationalPointers()
	for _, n := range national {
		p, ok := pointers[n.Scheme.Territory]
		switch {
		case !ok || n.Scheme.Type != TypeNational:
			return nil, refuse(CheckScheme, clause(specList, "5.3.13"), "the list of lists does not point to a list of %q", clip(n.Scheme.Territory))
		case n.Signer == nil || !holds(p.Signers, n.Signer):
			return nil, refuse(CheckSigner, clause(specList, "5.3.13"), "the list of %s was not verified with a signer that the list of lists tells", n.Scheme.Territory)
		case l.national[n.Scheme.Territory] != nil:
			return nil, refuse(CheckScheme, clause(specList, "5.3.13"), "two lists of %s", n.Scheme.Territory)
		}
		l.add(n)
	}
	return l, nil
}

// nationalPointers are the pointers to national lists in XML, by territory.
// Where there are two for one territory neither is followed, because nothing
// says which: those territories are twice.
func (l *List) nationalPointers() (one map[string]Pointer, twice []string) {
	one = map[string]Pointer{}
	for _, p := range l.Scheme.Pointers {
		if p.Type != TypeNational || p.Media != MediaType || !territory(p.Territory) || p.Territory == union {
			continue
		}
		if _, ok := one[p.Territory]; ok && !slices.Contains(twice, p.Territory) {
			twice = append(twice, p.Territory)
		}
		one[p.Territory] = p
	}
	for _, t := range twice {
		delete(one, t)
	}
	return one, twice
}

func (l *Lists) add(n *List) {
	l.national[n.Scheme.Territory] = n
	for i := range n.Providers {
		p := &n.Providers[i]
		for j := range p.Services {
			s := &p.Services[j]
			for _, c := range s.States[0].Identity.Certificates {
				key := string(c.RawSubject)
				l.bySubject[key] = append(l.bySubject[key], listed{c, n, p, s, 0})
			}
		}
	}
}

// same reports whether two sets hold the same lists.
func (l *Lists) same(o *Lists) bool {
	return o != nil && l.lotl == o.lotl && maps.Equal(l.national, o.national)
}

// ListOfLists is the list that the others were verified under.
func (l *Lists) ListOfLists() *List { return l.lotl }

// National is the list of a territory, or nil.
func (l *Lists) National(territory string) *List { return l.national[territory] }

// Territories are those that there is a list of, sorted.
func (l *Lists) Territories() []string { return slices.Sorted(maps.Keys(l.national)) }

// fresh reports why a list cannot be used at a time. A closed list, which has
// no next update, says nothing of now.
func (l *List) fresh(now time.Time) error {
	next := l.Scheme.NextUpdate
	switch {
	case next.IsZero():
		return &Error{Check: CheckValidity, Spec: clause(specList, "5.3.15"), Detail: "the list of " + l.Scheme.Territory + " is closed", Err: ErrExpired}
	case !now.Before(next):
		return &Error{Check: CheckValidity, Spec: clause(specList, "5.3.15"), Detail: fmt.Sprintf("NextUpdate of the list of %s was %s", l.Scheme.Territory, next.Format(time.RFC3339)), Err: ErrExpired}
	}
	return nil
}

// Anchors are the certificates of services of a type, such as ServiceCA, with the
// times at which they were granted, from lists that are fresh. A path to one of
// them shows who issued a certificate, not that it is qualified: ask Seal and
// Service.
func (l *Lists) Anchors(kind string, now time.Time) []trust.Listed {
	if l.lotl.fresh(now) != nil {
		return nil
	}
	var out []trust.Listed
	for _, t := range l.Territories() {
		n := l.national[t]
		if n.fresh(now) != nil {
			continue
		}
		for _, p := range n.Providers {
			for _, s := range p.Services {
				granted := s.granted(kind)
				if len(granted) == 0 {
					continue
				}
				for _, c := range s.States[0].Identity.Certificates {
					out = append(out, trust.Listed{Certificate: c, Granted: granted})
				}
			}
		}
	}
	return out
}

// maxChain is how many certificates are looked at.
const maxChain = 10

func countable(chain []*x509.Certificate) error {
	if len(chain) == 0 || len(chain) > maxChain {
		return fmt.Errorf("expected 1 to %d certificates", maxChain)
	}
	return nil
}

// links checks that each certificate of a chain issued the one before it.
func links(chain []*x509.Certificate) error {
	for i := range len(chain) - 1 {
		if !bytes.Equal(chain[i].RawIssuer, chain[i+1].RawSubject) || chain[i].CheckSignatureFrom(chain[i+1]) != nil {
			return fmt.Errorf("certificate %d was not issued by the one after it", i)
		}
	}
	return nil
}

// match finds the services that are or were of a type and that a chain leads
// to: by the key and the name of one of its authorities, or by a listed
// certificate that issued its last one, the nearest first. A certificate may itself
// be that of a service, but not of one that issues certificates. The chain must be
// linked.
func (l *Lists) match(chain []*x509.Certificate, kind string) []listed {
	var out []listed
	add := func(x listed) {
		of := func(s State) bool { return s.Type == kind }
		known := func(o listed) bool { return o.service == x.service }
		if slices.ContainsFunc(x.service.States, of) && !slices.ContainsFunc(out, known) {
			out = append(out, x)
		}
	}
	for i, c := range chain {
		if i == 0 && kind == ServiceCA {
			continue
		}
		for _, x := range l.bySubject[string(c.RawSubject)] {
			if bytes.Equal(x.cert.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo) {
				x.depth = i
				add(x)
			}
		}
	}
	last := chain[len(chain)-1]
	for _, x := range l.bySubject[string(last.RawIssuer)] {
		if last.CheckSignatureFrom(x.cert) == nil {
			x.depth = len(chain)
			add(x)
		}
	}
	return out
}
