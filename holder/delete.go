package holder

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// kindRevocation records outlive the vault: an issuer that could not be
// reached, and the pseudonym by which it knows the vault, and nobody else does.
const kindRevocation store.Kind = "holder-revocation"

// revocation is an issuer that is to be told of a deletion.
type revocation struct {
	Issuer    string `json:"issuer"`
	Pseudonym string `json:"pseudonym"`
}

// id makes the same record of the same revocation.
func (r revocation) id() string {
	sum := sha256.Sum256([]byte(r.Issuer + " " + r.Pseudonym))
	return jose.Encode(sum[:])
}

// Progress of a deletion.
type Progress struct {
	// Issuers are those that did not answer yet. They are asked until they do.
	Issuers []string
}

// Delete deletes the vault with all that belongs to it, for ever. From the
// first step on it can be used no more, and without its keystore every copy of
// its ciphertext is noise. ErrPending means that it is not done yet but
// will be: the deletion is a stored state that Resume takes up.
func (h *Holder) Delete(ctx context.Context, r Request) (Progress, error) {
	done, err := h.turn(ctx, r.Citizen)
	if err != nil {
		return Progress{}, err
	}
	defer done()
	ctx, cancel := steps(ctx)
	defer cancel()
	for {
		s, err := h.load(ctx, r.Citizen)
		if err != nil {
			return Progress{}, err
		}
		if v, ok := s.(deleting); ok {
			return h.erase(ctx, v)
		}
		v, ok := untyped(s)
		if !ok {
			return Progress{}, ErrNoVault
		}
		e := audit.Event{Kind: audit.VaultDelete}
		if err := h.use(ctx, r, v, e); err != nil {
			return Progress{}, err
		}
		next := v.delete(h.revocations(v))
		err = h.save(ctx, &next.vault)
		if err == nil {
			return h.erase(ctx, next)
		}
		h.failed(ctx, r, v, e)
		if !errors.Is(err, ErrConflict) {
			return Progress{}, err
		}
	}
}

// erase does what is left to do of a deletion. Each step may be done again.
func (h *Holder) erase(ctx context.Context, v deleting) (Progress, error) {
	// 1. The keystore went when the vault was marked (vault.delete).
	// 2. Sessions.
	if err := h.EndSessions(ctx, v.citizen()); err != nil {
		return Progress{}, pending("ending sessions", err)
	}
	// 3. The pod. Issuers do not wait for it.
	v, podErr := h.erasePod(ctx, v)
	if errors.Is(podErr, ErrConflict) {
		return Progress{}, pending("saving the deletion", podErr)
	}
	// 4. The issuers, each.
	v, err := h.revoke(ctx, v)
	if err != nil {
		return progress(v), pending("saving the deletion", err)
	}
	if podErr != nil {
		return progress(v), pending("deleting the pod", podErr)
	}
	// 5. An issuer that is away does not keep the citizen's identifier alive.
	for _, r := range v.s.Revoke {
		data, err := jose.Marshal(r)
		if err != nil {
			return progress(v), err
		}
		_, err = h.store.Create(ctx, store.Record{Kind: kindRevocation, ID: r.id(), Data: data})
		if err != nil && !errors.Is(err, store.ErrExists) {
			return progress(v), pending("keeping a revocation", err)
		}
	}
	// 6. WebID and DID answer 410; a tombstone stays.
	if _, err := h.c.Profiles.Delete(ctx, v.s.UUID, h.now()); err != nil && !errors.Is(err, profiles.ErrNotFound) {
		return progress(v), pending("deleting the WebID", err)
	}
	// 7. The end is logged while the vault's pseudonym can still be told.
	if err := h.system(ctx, v.vault, audit.Event{Kind: audit.VaultDelete, Outcome: audit.OK, Detail: "complete"}); err != nil {
		return progress(v), pending("logging the deletion", err)
	}
	// 8. The record.
	out, last := progress(v), v.end()
	if err := h.save(ctx, &last.vault); err != nil {
		return out, pending("saving the deletion", err)
	}
	return out, nil
}

// progress of a deletion that other errors end as well.
func progress(v deleting) (p Progress) {
	for _, r := range v.s.Revoke {
		p.Issuers = append(p.Issuers, r.Issuer)
	}
	return p
}

func pending(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrPending, doing, err)
}

func (h *Holder) erasePod(ctx context.Context, v deleting) (deleting, error) {
	if v.s.Pod == nil {
		return v, nil
	}
	at, err := h.location(v.vault)
	if err != nil {
		return v, err
	}
	p, err := h.c.Pods.Open(ctx, at)
	if err == nil {
		err = p.DeleteAll(ctx)
	}
	if err != nil && !errors.Is(err, pod.ErrNotFound) {
		return v, err
	}
	next := v.podless()
	if err := h.save(ctx, &next.vault); err != nil {
		return v, err
	}
	return next, nil
}

// revocations are all issuers that handles are made for. A vault that was not
// published had no handles.
func (h *Holder) revocations(v vault) []revocation {
	var out []revocation
	if v.s.State == Reserved || v.s.State == Publishing {
		return nil
	}
	for _, i := range h.c.Issuers {
		out = append(out, revocation{Issuer: i.URL(), Pseudonym: h.pairwise(v.s.UUID, i.URL())})
	}
	return out
}

// revoke tells the issuers that were not told yet. One that fails does not
// keep the others from being told; it stays on the list.
func (h *Holder) revoke(ctx context.Context, v deleting) (deleting, error) {
	left := []revocation{}
	for _, r := range v.s.Revoke {
		n, err := h.tell(ctx, r)
		if err == nil {
			err = h.system(ctx, v.vault, audit.Event{Kind: audit.Revoke, Organisation: r.Issuer, Outcome: audit.OK, Detail: strconv.Itoa(n)})
		}
		if err != nil {
			h.c.Logger.WarnContext(ctx, "an issuer could not be told of a deletion; it will be told again", "issuer", r.Issuer, "error", err)
			left = append(left, r)
		}
	}
	if len(left) == len(v.s.Revoke) {
		return v, nil
	}
	next := v.revoked(left)
	if err := h.save(ctx, &next.vault); err != nil {
		return v, err
	}
	return next, nil
}

func (h *Holder) tell(ctx context.Context, r revocation) (int, error) {
	i, ok := h.issuers[r.Issuer]
	if !ok {
		return 0, errors.New("the issuer is not in the configuration any more; put it back until its revocations are done")
	}
	return i.VaultDeleted(ctx, r.Pseudonym)
}

// Resume takes up what was interrupted: activations, deactivations,
// reactivations, deletions and revocations. It goes on after an error and
// returns them all. Call it at the start; Run does it from time to time.
func (h *Holder) Resume(ctx context.Context) error {
	var faults []error
	err := h.each(ctx, kindVault, unsettled, func(r store.Record) {
		if err := h.resume(ctx, Citizen{r.ID}); err != nil && !errors.Is(err, ErrNoVault) {
			faults = append(faults, err)
		}
	})
	faults = append(faults, err)
	err = h.each(ctx, kindRevocation, "", func(rec store.Record) {
		faults = append(faults, h.resumeRevocation(ctx, rec))
	})
	return errors.Join(append(faults, err)...)
}

func (h *Holder) each(ctx context.Context, kind store.Kind, tag string, visit func(store.Record)) error {
	for page := (store.Page{}); ; {
		recs, next, err := h.store.Find(ctx, kind, tag, page)
		if err != nil {
			return fmt.Errorf("looking for interrupted work: %w", err)
		}
		for _, r := range recs {
			if err := ctx.Err(); err != nil {
				return err
			}
			visit(r)
		}
		if next == "" {
			return nil
		}
		page.Next = next
	}
}

func (h *Holder) resume(ctx context.Context, c Citizen) error {
	done, err := h.turn(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	s, err := h.settle(ctx, c)
	if errors.Is(err, ErrBrokeOff) {
		h.c.Logger.WarnContext(ctx, "an interrupted activation was given up; its citizen can activate again")
		return nil
	}
	if err != nil {
		return err
	}
	if v, ok := s.(deleting); ok {
		ctx, cancel := steps(ctx)
		defer cancel()
		_, err = h.erase(ctx, v)
	}
	return err
}

func (h *Holder) resumeRevocation(ctx context.Context, rec store.Record) error {
	var r revocation
	if err := jose.Unmarshal(rec.Data, &r); err != nil {
		return fmt.Errorf("reading a revocation: %w", err)
	}
	n, err := h.tell(ctx, r)
	if err != nil {
		return fmt.Errorf("telling %s of a deletion: %w", r.Issuer, err)
	}
	err = h.append(ctx, audit.Event{Kind: audit.Revoke, Actor: audit.Actor{Kind: audit.System}, Organisation: r.Issuer, Outcome: audit.OK, Detail: strconv.Itoa(n)})
	if err != nil {
		return err
	}
	if err := h.store.Delete(ctx, rec); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("removing a revocation: %w", err)
	}
	return nil
}

// resumeEvery is how long an interrupted step waits for the next try.
const resumeEvery = time.Minute

// Run resumes at once and then each minute, until ctx ends. What fails is
// logged and tried again.
func (h *Holder) Run(ctx context.Context) {
	tick := time.NewTicker(resumeEvery)
	defer tick.Stop()
	for {
		if err := h.Resume(ctx); err != nil && ctx.Err() == nil {
			h.c.Logger.ErrorContext(ctx, "interrupted work could not be completed; it will be tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
