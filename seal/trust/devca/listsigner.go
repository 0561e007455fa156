package devca

import (
	"fmt"
	"time"
)

// PrepareListSigner makes the next signer of the lists where there is none. Whoever
// trusts the signer of a list trusts a certificate, not an authority, so the next one
// must be known long before it signs. Its certificate runs twice as long as others,
// for it waits as long as the present one signs.
func (h *Hierarchy) PrepareListSigner(now time.Time) error {
	if h.NextListSigner.Key != nil {
		return nil
	}
	next, err := h.nextListSigner(now)
	if err != nil {
		return err
	}
	h.setNextListSigner(next)
	return nil
}

func (h *Hierarchy) nextListSigner(now time.Time) (Pair, error) {
	t := h.leaf("Zegel List Operator (TEST)", "Zegel (TEST)", "", now.UTC().Truncate(time.Second))
	t.NotAfter = t.NotAfter.Add(h.info.Validity.Leaf)
	return issue(t, &h.SchemeCA)
}

func (h *Hierarchy) setNextListSigner(p Pair) {
	h.NextListSigner, h.info.NextListSigner = p, listSignerFile(serialOf(p.Certificate))
}

// RotateListSigner has the next signer sign the lists, and makes the one after it. The
// one before is dropped. Until its next restart nobody who uses Anchors knows the new
// next one, so they must not take a second rotation.
func (h *Hierarchy) RotateListSigner(now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	if h.NextListSigner.Key == nil {
		return fmt.Errorf("%w: there is no next signer of the lists", ErrOptions)
	}
	after, err := h.nextListSigner(now)
	if err != nil {
		return err
	}
	restore := h.Snapshot()
	h.ListSigner, h.info.ListSigner = h.NextListSigner, h.info.NextListSigner
	h.setNextListSigner(after)
	if err := h.Refresh(now); err != nil {
		restore()
		return err
	}
	return nil
}

// ListSignerFiles are the files of the keys that sign the lists, now and next, in the
// directory of the hierarchy; next is empty where there is none.
func (h *Hierarchy) ListSignerFiles() (now, next string) {
	now = firstListSigner
	if h.info.ListSigner != "" {
		now = h.info.ListSigner
	}
	if h.info.NextListSigner != "" {
		next = h.info.NextListSigner + ".key"
	}
	return now + ".key", next
}
