package tsl

import (
	"crypto/x509"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxPivots is how many changes of signers are followed. There were about ten
// in the first ten years.
const maxPivots = 50

// trail is how the signers of the list of lists became known: from the
// certificates in the Official Journal, and from each pivot the next. A pivot
// is a former list of lists that was signed by the signers before it and names
// those after it (ETSI TS 119 615, clause 4.1).
type trail struct {
	location string // of the list of lists
	journal  string // address of the publication, as the list of lists has it
	signers  []*x509.Certificate
	walked   []string // addresses of pivots, oldest first
	sequence int64    // of the last of them
}

// follow verifies a list of lists. The pivots that it names are fetched and
// verified first, oldest first, from where the trail ended; when all of it
// verifies the trail is a longer one. What is read before that, the addresses,
// is a hint: it says what to fetch from the host of the list itself, and proves
// nothing.
func (t trail) follow(doc []byte, get func(address string) ([]byte, error), now time.Time) (*List, trail, error) {
	hint, err := Parse(doc)
	if err != nil {
		return nil, t, err
	}
	pivots, err := t.pivots(hint.Scheme.Information)
	if err != nil {
		return nil, t, err
	}
	for i, address := range pivots {
		b, err := get(address)
		if err != nil {
			return nil, t, &Error{Check: CheckPivot, Spec: clause(specProcedures, "4.1"), Detail: "fetching " + clip(address), Err: err}
		}
		// A list of lists that changes its signers is signed by those before, and
		// names itself as the newest pivot. The next one goes over it.
		if p, err := Parse(b); err == nil && i == len(pivots)-1 && p.Scheme.Sequence == hint.Scheme.Sequence {
			break
		}
		if t, err = t.step(address, b, now); err != nil {
			return nil, t, &Error{Check: CheckPivot, Spec: clause(specProcedures, "4.1"), Detail: clip(address), Err: err}
		}
	}
	l, err := Verify(doc, t.signers, now)
	if err != nil {
		return nil, t, err
	}
	if err := t.isListOfLists(l); err != nil {
		return nil, t, err
	}
	if l.Scheme.Sequence <= t.sequence {
		return nil, t, &Error{Check: CheckSequence, Spec: clause(specList, "5.3.2"), Detail: "the list of lists is not newer than its last pivot", Err: ErrRollback}
	}
	return l, t, nil
}

// step adds one pivot to the trail.
func (t trail) step(address string, doc []byte, now time.Time) (trail, error) {
	l, err := Verify(doc, t.signers, now)
	if err != nil {
		return t, err
	}
	if err := t.isListOfLists(l); err != nil {
		return t, err
	}
	if l.Scheme.Sequence <= t.sequence {
		return t, &Error{Check: CheckSequence, Spec: clause(specList, "5.3.2"), Detail: "it is not newer than the pivot before", Err: ErrRollback}
	}
	next, err := l.ownSigners()
	if err != nil {
		return t, err
	}
	t.signers, t.sequence = next, l.Scheme.Sequence
	t.walked = append(slices.Clone(t.walked), address)
	return t, nil
}

func (t trail) isListOfLists(l *List) error {
	if l.Scheme.Type != TypeListOfLists || l.Scheme.Territory != union {
		return refuse(CheckScheme, clause(specList, "5.3.3"), "found type %q of %q, expected the list of lists of EU", clip(l.Scheme.Type), l.Scheme.Territory)
	}
	return nil
}

// ownSigners are those that a list of lists names for itself.
func (l *List) ownSigners() ([]*x509.Certificate, error) {
	var own []Pointer
	for _, p := range l.Scheme.Pointers {
		if p.Type == TypeListOfLists && p.Territory == union && p.Media == MediaType {
			own = append(own, p)
		}
	}
	if len(own) != 1 || len(own[0].Signers) == 0 {
		return nil, refuse(CheckPivot, clause(specList, "5.3.13"), "expected one pointer to the list of lists itself, with signers, found %d", len(own))
	}
	return own[0].Signers, nil
}

// pivots gives the addresses of those not walked yet, oldest first. A list
// names them newest first and then the publication; what stands behind that
// is older than the publication and does not matter.
func (t trail) pivots(information []string) ([]string, error) {
	end := slices.Index(information, t.journal)
	switch {
	case t.journal == "":
		end = len(information)
	case end < 0 && len(t.walked) == 0:
		return nil, refuse(CheckPivot, clause(specProcedures, "4.1"), "the list of lists does not name the publication %q that its signers were taken from: take those of the present publication", clip(t.journal))
	case end < 0:
		end = len(information)
	}
	var out []string
	for _, address := range information[:end] {
		if n := len(t.walked); n > 0 && address == t.walked[n-1] {
			break
		}
		if !t.isPivot(address) || slices.Contains(t.walked, address) || slices.Contains(out, address) {
			continue
		}
		if len(out) == maxPivots {
			return nil, refuse(CheckPivot, clause(specProcedures, "4.1"), "more than %d pivots", maxPivots)
		}
		out = append(out, address)
	}
	slices.Reverse(out)
	return out, nil
}

// isPivot tells the address of a pivot from that of a page: it is XML beside
// the list of lists.
func (t trail) isPivot(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	own, err := url.Parse(t.location)
	if err != nil {
		return false
	}
	return u.Scheme == own.Scheme && u.Host == own.Host && strings.HasSuffix(u.Path, ".xml") && address != t.location
}
