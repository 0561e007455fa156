package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// DefaultCache is how many verified chains a Store remembers.
const DefaultCache = 1024

// Anchors are the certificates configured as trusted, for each use apart.
type Anchors map[Use][]*x509.Certificate

// Store answers whether a chain leads to an anchor of a use, and whether its
// holder is a listed provider. It may be used by many at once.
type Store struct {
	configured Anchors
	size       int
	lists      *cache[crl] // kept lists that were verified, of anybody
	now        atomic.Pointer[state]
	missed     atomic.Pointer[[]func(Use)]
}

// state is everything that changes together when a list is installed, so that
// no chain verified under an older list is found under a newer.
type state struct {
	anchors map[Use]*anchors
	lists   map[string]*List // of trusted entities, by LoTEType
	cache   *cache[Path]

	listed       map[Use][]Listed // services of trusted lists
	listedDigest [sha256.Size]byte
	unusable     int // of them
}

// NewStore returns a Store without lists. cacheSize 0 is
// DefaultCache.
func NewStore(a Anchors, cacheSize int) (*Store, error) {
	if cacheSize == 0 {
		cacheSize = DefaultCache
	}
	if cacheSize < 0 {
		return nil, errors.New("trust: the cache size must not be negative")
	}
	s := &Store{configured: maps.Clone(a), size: cacheSize, lists: newCache[crl](maxLists)}
	st, err := s.build(nil, nil)
	if err != nil {
		return nil, err
	}
	s.now.Store(st)
	return s, nil
}

func (s *Store) build(lists map[string]*List, listed map[Use][]Listed) (*state, error) {
	st := &state{anchors: map[Use]*anchors{}, lists: lists, cache: newCache[Path](s.size), listed: listed, listedDigest: digestListed(listed)}
	for use := UseSeal; use <= lastUse; use++ {
		a, err := newAnchors(s.configured[use])
		if err != nil {
			return nil, fmt.Errorf("anchors for %s: %w", use, err)
		}
		for _, l := range lists {
			for _, n := range l.anchors(use) {
				a.addNamed(n)
			}
		}
		for _, c := range listed[use] {
			if !a.addListed(c, use) {
				st.unusable++
			}
		}
		st.anchors[use] = a
	}
	return st, nil
}

// ErrRollback is returned for a list older than the one installed.
var ErrRollback = errors.New("the list is older than the one installed")

// Install makes a verified list the current one of its type. Certificates of its
// services become anchors for the use that the profile names, and for no other: of
// a list of PuB-EAA providers for seals (issuance) and status lists (revocation),
// of one of providers of access certificates for these. They are anchors at the
// times at which the service is granted, until the NextUpdate of the list. A list
// with a lower sequence number, or another list with the same one, is refused.
func (s *Store) Install(l *List) error {
	if l == nil {
		return errors.New("trust: no list to install")
	}
	for {
		old := s.now.Load()
		before := old.lists[l.Profile.Type]
		if err := l.after(before); err != nil {
			return err
		}
		if before != nil && before.digest == l.digest {
			return nil // chains that were verified stay so
		}
		lists := maps.Clone(old.lists)
		if lists == nil {
			lists = map[string]*List{}
		}
		lists[l.Profile.Type] = l
		st, err := s.build(lists, old.listed)
		if err != nil {
			return err
		}
		if s.now.CompareAndSwap(old, st) {
			return nil
		}
	}
}

// after is ErrRollback unless the list may take the place of another, which may be
// nil.
func (l *List) after(before *List) error {
	if before == nil || l.Sequence > before.Sequence || l.Sequence == before.Sequence && l.digest == before.digest {
		return nil
	}
	return fmt.Errorf("%w: found sequence number %d, expected more than %d (ETSI TS 119 602, clause 6.3.3)", ErrRollback, l.Sequence, before.Sequence)
}

// OnMiss has somebody told, beside those before, the use of a chain that leads to no
// anchor, or whose certificate is in no list: a list may have been changed since it
// was fetched. Anybody can cause it, so what is called must be quick and bounded.
func (s *Store) OnMiss(told func(Use)) {
	for {
		old := s.missed.Load()
		var all []func(Use)
		if old != nil {
			all = slices.Clone(*old)
		}
		all = append(all, told)
		if s.missed.CompareAndSwap(old, &all) {
			return
		}
	}
}

func (s *Store) miss(use Use) {
	if all := s.missed.Load(); all != nil {
		for _, told := range *all {
			told(use)
		}
	}
}

// Configured are the anchors of a use that were configured, without those that a
// list adds.
func (s *Store) Configured(use Use) []*x509.Certificate { return slices.Clone(s.configured[use]) }

// List is the list of PuB-EAA providers that is installed, or nil.
func (s *Store) List() *List { return s.ListOf(PubEAAProviders) }

// ListOf is the list of a profile that is installed, or nil.
func (s *Store) ListOf(p Profile) *List { return s.now.Load().lists[p.Type] }

// Certificates verifies a chain, leaf first and without its anchor.
func (s *Store) Certificates(chain []*x509.Certificate, use Use, at time.Time) (*Path, error) {
	h := sha256.New()
	h.Write([]byte{1, byte(use)})
	for _, c := range chain {
		part(h, c.Raw)
	}
	return s.verify(cacheKey(h.Sum(nil)), use, at, func() ([]*x509.Certificate, error) { return chain, nil })
}

// X5C verifies the x5c value of a header, leaf first and without its anchor. A
// chain that was seen before is neither decoded nor parsed again.
func (s *Store) X5C(x5c []string, use Use, at time.Time) (*Path, error) {
	var buf [4096]byte
	in := append(buf[:0], 2, byte(use))
	for _, text := range x5c {
		in = binary.BigEndian.AppendUint32(in, uint32(len(text)))
		in = append(in, text...)
	}
	return s.verify(sha256.Sum256(in), use, at, func() ([]*x509.Certificate, error) {
		return jose.Header{X5C: x5c}.Certificates()
	})
}

// DER is X5C for certificates that are not in base64, as those of an x5chain
// (RFC 9360, Section 2).
func (s *Store) DER(chain [][]byte, use Use, at time.Time) (*Path, error) {
	var buf [4096]byte
	in := append(buf[:0], 3, byte(use))
	for _, der := range chain {
		in = binary.BigEndian.AppendUint32(in, uint32(len(der)))
		in = append(in, der...)
	}
	return s.verify(sha256.Sum256(in), use, at, func() ([]*x509.Certificate, error) { return ParseDER(chain) })
}

// ParseDER reads certificates, leaf first, and validates nothing.
func ParseDER(chain [][]byte) ([]*x509.Certificate, error) {
	if len(chain) == 0 || len(chain) > MaxPath {
		return nil, fmt.Errorf("expected 1 to %d certificates, found %d", MaxPath, len(chain))
	}
	out := make([]*x509.Certificate, len(chain))
	for i, der := range chain {
		var err error
		if out[i], err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read", i)
		}
	}
	return out, nil
}

func (s *Store) verify(k cacheKey, use Use, at time.Time, parse func() ([]*x509.Certificate, error)) (*Path, error) {
	st := s.now.Load()
	if p := st.cache.find(k); p != nil {
		err := p.ValidAt(at)
		if err == nil {
			return p, nil
		}
		if p.granted == nil && p.named == nil { // else another service may have the same authority at that time
			return nil, err
		}
	}
	a, ok := st.anchors[use]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUse, use)
	}
	chain, err := parse()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	p, err := a.verify(chain, use, at)
	if err != nil {
		if errors.Is(err, ErrNoPath) || errors.Is(err, ErrListExpired) {
			s.miss(use)
		}
		return nil, err
	}
	if !a.renewed(p) {
		st.cache.put(k, p)
	}
	return p, nil
}

func part(h interface{ Write([]byte) (int, error) }, b []byte) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(b)))
	h.Write(n[:])
	h.Write(b)
}

func decodeCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("not a certificate")
	}
	return c, nil
}
