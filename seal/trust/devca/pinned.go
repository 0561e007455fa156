package devca

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

// Pinned are the uses of keys that others trust by the key or its certificate, not by
// an authority. Each has a next one, which others must know long before it signs.
func Pinned() []trust.Use { return []trust.Use{trust.UseListSigner, trust.UseRegistrar} }

// pinned is such a key of a hierarchy.
type pinned struct {
	name      string // in its certificate
	first     string // file of the first one, without its ending
	now, next *Pair
	// nowFile and nextFile stand in the manifest, without their ending: empty for the
	// first one, and where there is no next.
	nowFile, nextFile *string
	// former are those before, nil where they are not kept.
	former *[]*x509.Certificate
}

func (h *Hierarchy) pinned(use trust.Use) pinned {
	if use == trust.UseRegistrar {
		return pinned{"Zegel Registrar (TEST)", "registrar", &h.Registrar, &h.NextRegistrar, &h.info.Registrar, &h.info.NextRegistrar, &h.FormerRegistrars}
	}
	return pinned{"Zegel List Operator (TEST)", "list-signer", &h.ListSigner, &h.NextListSigner, &h.info.ListSigner, &h.info.NextListSigner, nil}
}

// file is that of one after the first, without its ending.
func (p pinned) file(serial string) string { return p.first + "-" + serial }

// present is the file of the present one.
func (p pinned) present() string { return cmp.Or(*p.nowFile, p.first) }

func (p pinned) setNext(next Pair) {
	*p.next, *p.nextFile = next, p.file(serialOf(next.Certificate))
}

// unnamed reports whether a file is of such a key and no longer named in the manifest.
func (p pinned) unnamed(file string) bool {
	base, _, _ := strings.Cut(file, ".")
	if base != p.first && !strings.HasPrefix(base, p.file("")) || base == p.present() || base == *p.nextFile {
		return false
	}
	return p.former == nil || !slices.ContainsFunc(*p.former, func(c *x509.Certificate) bool { return file == p.file(serialOf(c))+".pem" })
}

// PreparePinned makes the next one of each pinned key that has none. Its certificate
// runs twice as long as others, for it waits as long as the present one signs.
func (h *Hierarchy) PreparePinned(now time.Time) error {
	for _, use := range Pinned() {
		p := h.pinned(use)
		if p.next.Key != nil {
			continue
		}
		next, err := h.nextPinned(p, now)
		if err != nil {
			return err
		}
		p.setNext(next)
	}
	return nil
}

func (h *Hierarchy) nextPinned(p pinned, now time.Time) (Pair, error) {
	t := h.leaf(p.name, "Zegel (TEST)", "", now.UTC().Truncate(time.Second))
	t.NotAfter = t.NotAfter.Add(h.info.Validity.Leaf)
	return issue(t, &h.SchemeCA)
}

// rotatePinned has the next one sign, and makes the one after it. Until its next
// restart nobody who uses Anchors knows the new next one, so they must not take a
// second rotation.
func (h *Hierarchy) rotatePinned(use trust.Use, now time.Time) error {
	p := h.pinned(use)
	if p.next.Key == nil {
		return fmt.Errorf("%w: there is no next %s", ErrOptions, use)
	}
	after, err := h.nextPinned(p, now)
	if err != nil {
		return err
	}
	if p.former != nil {
		*p.former = append(slices.Clip(*p.former), p.now.Certificate)
	}
	*p.now, *p.nowFile = *p.next, *p.nextFile
	p.setNext(after)
	return nil
}

// RotateListSigner has the next signer sign the lists, and makes the one after it. The
// one before is dropped.
func (h *Hierarchy) RotateListSigner(now time.Time) error {
	restore := h.Snapshot()
	err := h.rotatePinned(trust.UseListSigner, now)
	if err == nil {
		err = h.Refresh(now.UTC().Truncate(time.Second))
	}
	if err != nil {
		restore()
	}
	return err
}

// RotateRegistrar has the next registrar sign, and makes the one after it. The key of
// the one before is dropped; its certificate stays, for the evidence that it signed.
func (h *Hierarchy) RotateRegistrar(now time.Time) error {
	return h.rotatePinned(trust.UseRegistrar, now)
}

// PinnedKeys are the pinned keys of a use, now and next; next is empty where there is
// none.
func (h *Hierarchy) PinnedKeys(use trust.Use) (now, next Pair) {
	p := h.pinned(use)
	return *p.now, *p.next
}

// PinnedFiles are the files of the same keys in the directory of the hierarchy.
func (h *Hierarchy) PinnedFiles(use trust.Use) (now, next string) {
	p := h.pinned(use)
	if *p.nextFile != "" {
		next = *p.nextFile + ".key"
	}
	return p.present() + ".key", next
}

// pinnedAnchors are the certificates by which others trust such a key.
func (h *Hierarchy) pinnedAnchors(use trust.Use) []*x509.Certificate {
	p := h.pinned(use)
	out := []*x509.Certificate{p.now.Certificate}
	if p.next.Certificate != nil {
		out = append(out, p.next.Certificate)
	}
	if p.former != nil {
		out = append(out, *p.former...)
	}
	return out
}
