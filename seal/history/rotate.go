package history

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"time"
)

// maxKeys is how many keys may sign a history at one time.
const maxKeys = 8

// own is the entry by which a key of the history is added.
func (l *Log) own(s *signer) (Entry, error) {
	e, err := Key{Use: UseHistory, Subject: l.subject(), Public: s.key.Public()}.entry(Added)
	e.Verifier = s.verifier
	return e, err
}

// stateOf is what the history says of one of its own keys; with mu.
func (l *Log) stateOf(s *signer) state {
	e, err := l.own(s)
	if err != nil {
		return state{}
	}
	return l.keys[identityOf(e)]
}

// Rotate has next sign the history, beside the keys before it. It is written down in
// a tree that those sign alone, so that who trusts them learns of it. Rotating to a
// key that signs already changes nothing.
func (l *Log) Rotate(ctx context.Context, next crypto.Signer) error {
	s, err := newSigner(l.origin, next)
	if err != nil {
		return err
	}
	e, err := l.own(s)
	if err != nil {
		return err
	}
	if err := l.announce(ctx, e); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.signers[0].verifier == s.verifier {
		return nil
	}
	before := slices.DeleteFunc(slices.Clone(l.signers), func(old *signer) bool { return old.verifier == s.verifier })
	l.signers, l.signed = append([]*signer{s}, before...), nil
	return l.advance(ctx)
}

// EndFormer retires the keys before the one in use, when that has signed beside them
// for as long as overlap, and reports whether none of them signs any more. Monitors
// that looked at the history meanwhile know the new key.
func (l *Log) EndFormer(ctx context.Context, overlap time.Duration) (bool, error) {
	l.mu.Lock()
	former, since := slices.Clone(l.signers[1:]), l.stateOf(l.signers[0]).since
	l.mu.Unlock()
	if len(former) == 0 {
		return true, nil
	}
	if l.o.Now().Before(since.Add(overlap)) {
		return false, nil
	}
	for _, s := range former {
		e, err := l.own(s)
		if err != nil {
			return false, err
		}
		e.Event, e.Verifier = Retired, ""
		if err := l.announce(ctx, e); err != nil {
			return false, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signers, l.signed = slices.DeleteFunc(slices.Clone(l.signers), func(s *signer) bool {
		return slices.Contains(former, s)
	}), nil
	return true, l.advance(ctx)
}

// follow takes a change of the history's own keys over.
func (w *Watched) follow(e Entry, origin string) error {
	if e.Use != UseHistory {
		return nil
	}
	if e.Event == Added {
		if name, _, err := parseVerifier(e.Verifier); err != nil || name != origin {
			return fmt.Errorf("%w: verifier: expected a key of %q", ErrEntry, origin)
		}
		if !slices.Contains(w.Keys, e.Verifier) {
			w.Keys = append(slices.Clone(w.Keys), e.Verifier)
		}
	} else {
		w.Keys = slices.DeleteFunc(slices.Clone(w.Keys), func(k string) bool {
			_, pub, err := parseVerifier(k)
			if err != nil {
				return true
			}
			of, err := thumbprint(pub)
			return err != nil || of == e.Key
		})
	}
	if len(w.Keys) == 0 || len(w.Keys) > maxKeys {
		return fmt.Errorf("%d keys sign the history, expected 1 to %d", len(w.Keys), maxKeys)
	}
	return nil
}
