package tsl

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
)

// maxSeen is how many chains are remembered. There are a few issuers, and many
// presentations of what they sealed.
const maxSeen = 1024

// seen remembers what linked chains lead to, so that their signatures are verified
// once for a set of lists. Chains that are not linked are not remembered: they
// cost their sender.
type seen struct {
	mu sync.Mutex
	by map[chainKey]*known
}

type chainKey [sha256.Size]byte

// known is what is known of a chain under a set of lists.
type known struct {
	found    []listed
	listings []Listing

	once    sync.Once // guards what the certificate says
	said    qc.Statements
	saidErr error
	named   []Step

	mu   sync.Mutex // guards the rest
	eras map[string]era
	then map[string][]Standing
}

// steps are as many as most answers have.
const steps = 24

// read reads once what the certificate says of itself and of its issuer.
func (k *known) read(chain []*x509.Certificate) (qc.Statements, []Step, error) {
	k.once.Do(func() {
		if k.said, _, k.saidErr = qc.Of(chain[0], nil); k.saidErr != nil {
			return
		}
		var d asking
		for n, x := range k.found {
			d.named(n+1, x, chain)
		}
		k.named = d.Steps
	})
	return k.said, k.named, k.saidErr
}

// era is what was found about a time. Between two changes of status nothing else
// is found: then only the time in the steps differs.
type era struct {
	finding finding
	steps   []Step
}

func newSeen() seen { return seen{by: map[chainKey]*known{}} }

func (s *seen) find(key chainKey) *known {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[key]
}

// put starts anew when there are too many: whose chains are in use is asked again
// soon.
func (s *seen) put(key chainKey, k *known) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.by) >= maxSeen {
		clear(s.by)
	}
	s.by[key] = k
}

// keyOf is the digest of all that match looks at.
func keyOf(chain []*x509.Certificate, kind string) (key chainKey) {
	h := sha256.New()
	part := func(b []byte) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	part([]byte(kind))
	for _, c := range chain {
		part(c.Raw)
	}
	h.Sum(key[:0])
	return key
}

// services finds those that are or were of a type and that a chain leads to. It is
// an error when the chain is not linked.
func (l *Lists) services(chain []*x509.Certificate, kind string) (*known, error) {
	if err := countable(chain); err != nil {
		return nil, err
	}
	key := keyOf(chain, kind)
	if k := l.seen.find(key); k != nil {
		return k, nil
	}
	if err := links(chain); err != nil {
		return nil, err
	}
	k := &known{found: l.match(chain, kind), eras: map[string]era{}, then: map[string][]Standing{}}
	for _, x := range k.found {
		k.listings = append(k.listings, x.listing())
	}
	l.seen.put(key, k)
	return k, nil
}

// era names a time by the states that the services were in.
func (k *known) era(at time.Time) string {
	name := make([]byte, len(k.found))
	for i, x := range k.found {
		name[i] = byte(x.service.index(at))
	}
	return string(name)
}

// standings are those of the services at a time.
func (k *known) standings(leaf *x509.Certificate, at time.Time) []Standing {
	name := k.era(at)
	k.mu.Lock()
	defer k.mu.Unlock()
	then, ok := k.then[name]
	if !ok {
		then = standings(k.found, leaf, at)
		k.then[name] = then
	}
	return slices.Clone(then)
}

// atTime asks the services about a time, or remembers what they said of another
// time at which all of them were what they were then. Lists that are not fresh are
// asked, each time, to say so.
func (k *known) atTime(d *asking, at, now time.Time, ask func() finding) finding {
	stale := func(x listed) bool { return x.list.fresh(now) != nil }
	if slices.ContainsFunc(k.found, stale) {
		return ask()
	}
	name := k.era(at)
	k.mu.Lock()
	e, ok := k.eras[name]
	k.mu.Unlock()
	before := len(d.Steps)
	if ok {
		d.Steps = append(d.Steps, e.steps...)
		for i := range d.Steps[before:] {
			d.Steps[before+i].At = at
		}
		return e.finding
	}
	e.finding = ask()
	e.steps = slices.Clone(d.Steps[before:])
	k.mu.Lock()
	k.eras[name] = e
	k.mu.Unlock()
	return e.finding
}
