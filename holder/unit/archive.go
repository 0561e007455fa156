package unit

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

// DefaultMargin is how long before its end evidence is stamped again. It is longer
// than citizens are reminded before, so that opening the vault then helps.
const DefaultMargin = 180 * 24 * time.Hour

// askAgain is how long after an authority had nothing better it is asked again: each
// time costs a time-stamp that is thrown away.
const askAgain = 7 * 24 * time.Hour

// Archive keeps evidence of the seals in a vault: for each credential one copy
// lifted to B-LTA (ETSI TS 119 182-1), which proves the seal after its certificate
// has run out. Evidence lies encrypted in the pod beside the credential, and only
// the wallet unit can read it, so only the wallet unit makes it and stamps it
// again; what leaves it are digests.
type Archive struct {
	// Stamper gets time-stamps; Platform.Stamper asks the platform.
	Stamper seal.Stamper
	// Lists is what is published about revocation.
	Lists seal.Lists
	// Seals judges what was made before it is kept. Its Trust has the anchors of
	// seals and of time-stamp authorities.
	Seals *seal.Validator
	Now   func() time.Time
	// Margin is how long before its end evidence is stamped again; zero is
	// DefaultMargin.
	Margin time.Duration
}

// Done is what was done for a credential.
type Done string

// What Tend does.
const (
	DoneKept    Done = "kept"    // nothing was to be done
	DoneMade    Done = "made"    // there was none, or only of an earlier issuance
	DoneLifted  Done = "lifted"  // to a higher level
	DoneRenewed Done = "renewed" // stamped again
	DoneNothing Done = "none"    // nothing could be made
)

// Tended is how it stands with the evidence of one credential.
type Tended struct {
	// Credential and Evidence name resources in the vault; there may be no
	// evidence.
	Credential string
	Evidence   string
	Title      string
	Done       Done
	Level      seal.Level
	// StampBefore is when the evidence proves nothing any more unless it is
	// stamped again.
	StampBefore time.Time
	// Err is why not all could be done. It is tried again the next time.
	Err error
}

// Archivable reports whether the seal on a credential of a format is one that
// evidence can be made of: a JAdES seal on a compact token.
func Archivable(format string) bool {
	return format == string(credential.FormatSDJWTVC) || format == string(credential.FormatJWT)
}

// Tend makes the evidence that is missing, stamps again what nears its end, and
// removes what belongs to no credential any more. Call it after credentials came
// and whenever the vault is opened. Nothing is remembered between calls but what
// is in the vault, so that it may break off anywhere and be called again. The
// error is that of the vault; what could not be done for one credential stands
// with it. When the platform knows when to remind the citizen, it is told.
func (a Archive) Tend(ctx context.Context, v *Vault) ([]Tended, error) {
	if a.Stamper == nil || a.Lists == nil || a.Seals == nil || a.Now == nil {
		return nil, errors.New("unit: an archive needs Stamper, Lists, Seals and Now")
	}
	entries, err := v.Entries(ctx)
	if err != nil {
		return nil, err
	}
	a.Stamper = &once{Stamper: a.Stamper}
	var out []Tended
	for _, e := range entries {
		switch {
		case e.Kind == KindEvidence && !isOf(entries, e):
			if err := v.Remove(ctx, e.Name); err != nil && !errors.Is(err, ErrNotFound) {
				return out, err
			}
		case e.Kind == KindCredential && Archivable(e.Format):
			t, err := a.tend(ctx, v, e, evidenceOf(entries, e.Name))
			if err != nil {
				return out, err
			}
			out = append(out, t)
		}
	}
	return out, v.remind(ctx, out, a.Now())
}

// once asks for no further time-stamp when none was to be had: the next credential
// would wait as long for the same answer, and use up what a vault may ask for in a day.
type once struct {
	seal.Stamper
	none error
}

// Stamp implements seal.Stamper.
func (o *once) Stamp(ctx context.Context, hash crypto.Hash, imprint []byte) (*tsp.Token, error) {
	if o.none != nil {
		return nil, o.none
	}
	token, err := o.Stamper.Stamp(ctx, hash, imprint)
	if failed := (*tsp.StampError)(nil); errors.As(err, &failed) {
		o.none = err
	}
	return token, err
}

// isOf reports whether a credential of evidence is there.
func isOf(entries []Entry, e Entry) bool {
	return slices.ContainsFunc(entries, func(c Entry) bool { return c.Kind == KindCredential && c.Name == e.Of })
}

// evidenceOf is the entry of a credential's evidence; zero when there is none.
func evidenceOf(entries []Entry, credential string) Entry {
	for _, e := range entries {
		if e.Kind == KindEvidence && e.Of == credential {
			return e
		}
	}
	return Entry{}
}

// tend does it for one credential. Where another device changed the evidence at the
// same time its change stays, and what it made is looked at anew.
func (a Archive) tend(ctx context.Context, v *Vault, c, have Entry) (t Tended, err error) {
	for range tries {
		if t, err = a.tendTo(ctx, v, c, have); !errors.Is(err, ErrPrecondition) {
			break
		}
		entries, errIndex := v.Entries(ctx)
		if errIndex != nil {
			return t, errIndex
		}
		have = evidenceOf(entries, c.Name)
	}
	// What concerns this credential alone does not keep the others waiting.
	if ofOne(err) {
		t.Err, err = err, nil
	}
	return t, err
}

// tendTo tends to the evidence that a credential is known to have.
func (a Archive) tendTo(ctx context.Context, v *Vault, c, have Entry) (Tended, error) {
	t := Tended{Credential: c.Name, Evidence: have.Name, Title: c.Title, Done: DoneKept, Level: seal.Level(have.Level), StampBefore: have.StampBefore}
	covers := have.Name != "" && have.Added.Equal(c.Added) // else it is of what was issued before
	if covers && t.Level.Includes(seal.BaselineLTA) && have.Algorithms == a.algorithms() && (a.lasts(have.StampBefore) || a.waits(have)) {
		return t, nil
	}
	var err error
	if covers {
		err = a.again(ctx, v, c, have, &t)
	} else {
		err = a.first(ctx, v, c, have, &t)
	}
	return t, err
}

// ofOne reports whether an error is of one credential and its evidence, which may
// also be too large for the vault, or lie where the pod cannot read it now. When the
// platform is away altogether, telling it when to remind finds out.
func ofOne(err error) bool {
	for _, known := range []error{seal.ErrArchive, ErrEvidence, ErrItem, ErrEnvelope, ErrNotFound, evidence.ErrAugment} {
		if errors.Is(err, known) {
			return true
		}
	}
	r := (*Refusal)(nil)
	return errors.As(err, &r) && (r.Status == http.StatusRequestEntityTooLarge || r.Status >= http.StatusInternalServerError)
}

// lasts reports whether evidence need not be stamped again yet.
func (a Archive) lasts(before time.Time) bool {
	margin := a.Margin
	if margin == 0 {
		margin = DefaultMargin
	}
	return a.Now().Before(before.Add(-margin))
}

// waits reports whether it is too early to ask again for something better: none was
// to be had in the last days, from the authorities that are trusted now, and there is
// time to ask once more before the evidence ends.
func (a Archive) waits(have Entry) bool {
	now := a.Now()
	return !have.NoBetter.IsZero() && !now.Before(have.NoBetter) && now.Before(have.NoBetter.Add(askAgain)) &&
		now.Add(askAgain).Before(have.StampBefore) && have.NoBetterOf == a.anchors()
}

// anchors is a digest of the anchors of time-stamp authorities that are configured.
func (a Archive) anchors() string {
	var all []string
	for _, c := range a.Seals.Trust.Configured(trust.UseTimeStamp) {
		all = append(all, jose.X5TS256(c))
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, " ")))
	return jose.Encode(sum[:])
}

// algorithms is a digest of the table that says until when algorithms are believed:
// with another one evidence may end sooner.
func (a Archive) algorithms() string {
	suite := a.Seals.Suite
	if suite == nil {
		suite = trust.DefaultSuite()
	}
	sum := sha256.Sum256(suite.Document())
	return jose.Encode(sum[:])
}

// first makes the evidence of a credential, and what it could not be lifted to
// stays owed. That of an earlier issuance goes when the new one is stored.
func (a Archive) first(ctx context.Context, v *Vault, c, former Entry, t *Tended) error {
	t.Done, t.Evidence, t.Level, t.StampBefore = DoneNothing, "", "", time.Time{}
	f, judged, lifting, err := a.make(ctx, v, c)
	if err != nil {
		return err
	}
	return a.enter(ctx, v, c, former, f, judged, lifting, t)
}

// instead makes evidence in place of what cannot be read. What is there goes only when
// there is something to take its place: a pod that answers badly once would else cost
// what nobody can make again.
func (a Archive) instead(ctx context.Context, v *Vault, c, have Entry, unread error, t *Tended) error {
	f, judged, lifting, err := a.make(ctx, v, c)
	if err != nil {
		return errors.Join(unread, err)
	}
	if err := v.Remove(ctx, have.Name); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return a.enter(ctx, v, c, Entry{}, f, judged, lifting, t)
}

// enter stores new evidence, removes that of an earlier issuance, and tells what the
// new one could not be lifted to.
func (a Archive) enter(ctx context.Context, v *Vault, c, former Entry, f *evidence.File, judged seal.Validation, lifting error, t *Tended) (err error) {
	e := Entry{Kind: KindEvidence, Of: c.Name, Title: c.Title, Format: c.Format, Type: c.Type, Issuer: c.Issuer, Added: c.Added, Level: string(judged.Level), StampBefore: judged.StampBefore, Algorithms: a.algorithms()}
	if e.Name, err = NewName(v.Random); err != nil {
		return err
	}
	kept, err := v.addEvidence(ctx, e, f)
	if err != nil {
		return err
	}
	if former.Name != "" {
		if err := v.Remove(ctx, former.Name); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	t.Evidence, t.Level, t.StampBefore = kept.Name, seal.Level(kept.Level), kept.StampBefore
	if kept.Name != e.Name { // another device was first
		t.Done = DoneKept
		return nil
	}
	t.Done = DoneMade
	return lifting
}

// make lifts the copy of a credential that evidence is made of. What it could not
// be lifted to is told beside evidence of B-T or more.
func (a Archive) make(ctx context.Context, v *Vault, c Entry) (f *evidence.File, judged seal.Validation, lifting, err error) {
	it, _, err := v.Item(ctx, c.Name)
	if err != nil {
		return nil, judged, nil, err
	}
	if f, err = liftCopy(it.archival()); err != nil {
		return nil, judged, nil, err
	}
	lifting = a.lift(ctx, f)
	if judged, err = a.judge(ctx, f); err == nil && !judged.Level.Includes(seal.BaselineT) {
		err = ErrEvidence
	}
	if err != nil {
		return nil, judged, nil, errors.Join(lifting, err)
	}
	return f, judged, lifting, nil
}

// again lifts or renews evidence that is there. The stored one changes in one
// step, and only to one that holds. Evidence that ran out is made anew, which works
// while the seal holds without it; while nobody can tell whether it holds, it stays.
func (a Archive) again(ctx context.Context, v *Vault, c, have Entry, t *Tended) error {
	f, etag, err := v.evidence(ctx, have)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrEnvelope) { // the pod lost or damaged it
		return a.instead(ctx, v, c, have, err, t)
	}
	if err != nil {
		return err
	}
	before, err := a.judge(ctx, f)
	if err != nil && a.open(ctx, f) {
		return err
	}
	if err != nil {
		made, judged, lifting, errMade := a.make(ctx, v, c)
		if errMade != nil {
			return errors.Join(err, errMade)
		}
		t.Done = DoneMade
		return errors.Join(lifting, v.replaceEvidence(ctx, have, made, etag, judged, a.algorithms(), t))
	}
	working := error(nil)
	if !before.Level.Includes(seal.BaselineLTA) {
		working, t.Done = a.lift(ctx, f), DoneLifted
	} else if !a.lasts(before.StampBefore) {
		working, t.Done = a.archivist().Renew(ctx, f), DoneRenewed
	}
	after, err := a.judge(ctx, f)
	if err != nil {
		return errors.Join(working, err)
	}
	if working != nil && after.Level == before.Level {
		t.Done = DoneKept
		return working
	}
	// An authority that still has the same certificate gives no more time; what it
	// stamped is not kept, for evidence has room for a number of stamps. That it had
	// nothing better is remembered.
	if t.Done == DoneRenewed && !after.StampBefore.After(before.StampBefore) {
		t.Done, t.StampBefore = DoneKept, before.StampBefore
		return v.noBetter(ctx, have.Name, before.StampBefore, a.algorithms(), a.Now(), a.anchors())
	}
	if t.Done == DoneKept {
		f = nil // only the index did not know of it
	}
	return errors.Join(working, v.replaceEvidence(ctx, have, f, etag, after, a.algorithms(), t))
}

func (a Archive) archivist() *seal.Archivist {
	return &seal.Archivist{Stamper: a.Stamper, Lists: a.Lists, Trust: a.Seals.Trust, Now: a.Now}
}

func (a Archive) lift(ctx context.Context, f *evidence.File) error {
	return a.archivist().Lift(ctx, f, seal.BaselineLTA)
}

// judge is what evidence proves now; what does not hold is not kept.
func (a Archive) judge(ctx context.Context, f *evidence.File) (seal.Validation, error) {
	v, err := a.Seals.ValidateEvidence(ctx, f, a.Now())
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		return v, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return v, nil
}

// open reports whether evidence may hold after all: all that is missing is what
// somebody says today of revocation. It is no reason to give up what it proves.
func (a Archive) open(ctx context.Context, f *evidence.File) bool {
	seals := *a.Seals
	seals.InsecureAcceptUnknownRevocation = true
	v, err := seals.ValidateEvidence(ctx, f, a.Now())
	return err == nil && v.Err() == nil
}

// liftCopy takes an issued copy apart: a compact token, and the disclosures of an
// SD-JWT after it.
func liftCopy(c Copy) (*evidence.File, error) {
	var text string
	if err := jose.Unmarshal(c.Credential, &text); err != nil {
		return nil, fmt.Errorf("%w: a sealed credential is a string: %w", ErrEvidence, err)
	}
	token, rest, _ := strings.Cut(text, "~")
	var disclosures []string
	for d := range strings.SplitSeq(strings.TrimSuffix(rest, "~"), "~") {
		if d != "" {
			disclosures = append(disclosures, d)
		}
	}
	f, err := evidence.Lift(token, disclosures...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return f, nil
}

// archival is the copy that evidence is made of. Where there are several it is the
// one that is presented last of all, so that what the platform and a time-stamp
// authority see, the digest of its signature, is known to no receiver.
func (it Item) archival() Copy { return it.Copies[len(it.Copies)-1] }

// presentable are the copies that are presented first.
func (it Item) presentable() []Copy {
	if len(it.Copies) > 1 && Archivable(it.Format) {
		return it.Copies[:len(it.Copies)-1]
	}
	return it.Copies
}
