package unit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/tsp"
)

// ErrEvidence is returned for evidence that does not hold, or that no evidence can
// be made of.
var ErrEvidence = errors.New("the evidence of the seal does not hold")

// storedEvidence is evidence as the vault keeps it.
type storedEvidence struct {
	// Of names the credential.
	Of string `json:"of"`
	// File is JAdES in JSON, flattened (ETSI TS 119 182-1, clause 5.1).
	File jsontext.Value `json:"file"`
}

// stored is evidence as it is stored.
func stored(of string, f *evidence.File) (storedEvidence, error) {
	b, err := f.Marshal(evidence.Flattened)
	if err != nil {
		return storedEvidence{}, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return storedEvidence{Of: of, File: b}, nil
}

// Evidence is the evidence of a credential's seal: JAdES in JSON with what proves
// the seal when its certificate has run out. It holds all that the credential
// says, and may be handed to whoever is to be shown it. ErrNotFound if there is
// none.
func (v *Vault) Evidence(ctx context.Context, credential string) ([]byte, Entry, error) {
	entries, err := v.Entries(ctx)
	if err != nil {
		return nil, Entry{}, err
	}
	e := evidenceOf(entries, credential)
	if e.Name == "" {
		return nil, Entry{}, fmt.Errorf("%w: there is no evidence of this credential yet", ErrNotFound)
	}
	f, _, err := v.evidence(ctx, e)
	if err != nil {
		return nil, Entry{}, err
	}
	s, err := stored(e.Of, f)
	return s.File, e, err
}

// evidence reads evidence and its ETag. An envelope can be made by anyone who
// knows the vault's key, so that it is held against its entry.
func (v *Vault) evidence(ctx context.Context, e Entry) (*evidence.File, string, error) {
	b, etag, err := v.read(ctx, e.Name)
	if err != nil {
		return nil, "", err
	}
	var s storedEvidence
	if err := jose.UnmarshalClosed(b, &s); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrItem, err)
	}
	if s.Of != e.Of {
		return nil, "", fmt.Errorf("%w: expected the evidence of the credential that the index names", ErrItem)
	}
	f, err := evidence.Parse(s.File)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrItem, err)
	}
	return f, etag, nil
}

// addEvidence stores evidence and enters it, and gives the entry that stays: of two
// devices the one whose entry came first keeps its own.
func (v *Vault) addEvidence(ctx context.Context, e Entry, f *evidence.File) (Entry, error) {
	s, err := stored(e.Of, f)
	if err != nil {
		return e, err
	}
	if err := v.add(ctx, s, e); err != nil {
		return e, err
	}
	entries, err := v.Entries(ctx)
	if err != nil {
		return e, err
	}
	for _, other := range entries {
		if other.Kind != KindEvidence || other.Of != e.Of || !other.Added.Equal(e.Added) {
			continue
		}
		if other.Name != e.Name {
			return other, v.Remove(ctx, e.Name)
		}
		break
	}
	return e, nil
}

// replaceEvidence stores evidence in place of what was read, unless it is nil, and
// what it proves in the index.
func (v *Vault) replaceEvidence(ctx context.Context, e Entry, f *evidence.File, etag string, judged seal.Validation, algorithms string, t *Tended) error {
	if f != nil {
		s, err := stored(e.Of, f)
		if err != nil {
			return err
		}
		if err := v.update(ctx, e.Name, s, etag); err != nil {
			return err
		}
	}
	t.Level, t.StampBefore = judged.Level, judged.StampBefore
	_, err := v.change(ctx, func(x *index) {
		for i := range x.Entries {
			if x.Entries[i].Name == e.Name {
				x.Entries[i].Level, x.Entries[i].StampBefore, x.Entries[i].Algorithms = string(judged.Level), judged.StampBefore, algorithms
				x.Entries[i].NoBetter, x.Entries[i].NoBetterOf = time.Time{}, ""
			}
		}
	})
	return err
}

// noBetter remembers that nobody had a time-stamp that runs longer than evidence does,
// and until when that is.
func (v *Vault) noBetter(ctx context.Context, name string, before time.Time, algorithms string, at time.Time, anchors string) error {
	_, err := v.change(ctx, func(x *index) {
		for i := range x.Entries {
			if x.Entries[i].Name == name {
				x.Entries[i].StampBefore, x.Entries[i].Algorithms = before, algorithms
				x.Entries[i].NoBetter, x.Entries[i].NoBetterOf = at.UTC().Truncate(time.Second), anchors
			}
		}
	})
	return err
}

// remind tells the platform the month before which the vault should be opened,
// and nothing else, when that is another than it knows. What is owed because no
// authority gave a time-stamp is tried again within a month: nobody else remembers it.
func (v *Vault) remind(ctx context.Context, all []Tended, now time.Time) error {
	var first time.Time
	for _, t := range all {
		at := t.StampBefore
		if failed := (*tsp.StampError)(nil); !at.After(now) && errors.As(t.Err, &failed) {
			at = now.AddDate(0, 1, 0)
		}
		if at.After(now) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	month := ""
	if !first.IsZero() {
		month = first.UTC().Format("2006-01")
	}
	if month == v.Info.OpenBefore {
		return nil
	}
	if err := v.Platform.Remind(ctx, month); err != nil {
		return fmt.Errorf("telling when to remind: %w", err)
	}
	v.Info.OpenBefore = month
	return nil
}

// withEvidence are a resource and the evidence of it.
func withEvidence(entries []Entry, name string) []string {
	names := []string{name}
	for _, e := range entries {
		if e.Kind == KindEvidence && e.Of == name && !slices.Contains(names, e.Name) {
			names = append(names, e.Name)
		}
	}
	return names
}
