package holder

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// Request is a call of a citizen's wallet unit: whose, and by what signed
// request.
type Request struct {
	Citizen Citizen
	// Evidence is the digest of the DPoP proof, which the unit's key signed for
	// this one request. It stands in the use log.
	Evidence string
	// ID is the request's id in the program's log; it may be empty.
	ID string
}

// NewRequest joins a session with the proof that was checked for this request.
func NewRequest(s Session, p oauth.Proof, id string) Request {
	return Request{Citizen: s.Citizen, Evidence: evidence(p), ID: id}
}

func evidence(p oauth.Proof) string {
	sum := sha256.Sum256([]byte(p.Text))
	return jose.Encode(sum[:])
}

// use logs what the citizen is about to do with the vault. Only when it
// returns nil may it be done.
func (h *Holder) use(ctx context.Context, r Request, v vault, e audit.Event) error {
	e.Subject = h.subject(v)
	e.Actor = audit.Actor{Kind: audit.Citizen, ID: string(e.Subject)}
	e.Evidence, e.RequestID = r.Evidence, r.ID
	if e.Outcome == "" {
		e.Outcome = audit.OK
	}
	return h.append(ctx, e)
}

// failed logs that what use announced did not happen. The announcement stands
// already; if this line cannot be written, it stands alone.
func (h *Holder) failed(ctx context.Context, r Request, v vault, e audit.Event) {
	ctx, cancel := steps(ctx)
	defer cancel()
	e.Outcome = audit.Failed
	if err := h.use(ctx, r, v, e); err != nil {
		h.c.Logger.ErrorContext(ctx, "logging that a use failed", "error", err)
	}
}

// system logs what the platform does on the citizen's earlier request.
func (h *Holder) system(ctx context.Context, v vault, e audit.Event) error {
	e.Subject = h.subject(v)
	e.Actor = audit.Actor{Kind: audit.System}
	return h.append(ctx, e)
}

func (h *Holder) append(ctx context.Context, e audit.Event) error {
	e.Time = h.now()
	switch err := h.c.Log.Append(ctx, e); {
	case err == nil:
		return nil
	case errors.Is(err, audit.ErrEvent):
		return fmt.Errorf("%w: %w", ErrInput, err)
	default:
		return fmt.Errorf("%w: %w", ErrLog, err)
	}
}

// Told is a use that only the wallet unit sees.
type Told struct {
	Kind audit.Kind
	// Organisation, Purpose and LegalBasis are those of the receiver's request.
	Organisation, Purpose, LegalBasis string
	// DataType names the kind of data, such as a vct, never the data.
	DataType string
}

// Tell logs a use that the wallet unit makes of the vault: a share, which must
// be told before anything leaves, a refusal to share, or a withdrawn consent.
func (h *Holder) Tell(ctx context.Context, r Request, t Told) error {
	switch t.Kind {
	case audit.Share, audit.ShareRefuse, audit.ConsentWithdraw:
	default:
		return fmt.Errorf("%w: kind: a wallet unit tells of %s, %s and %s", ErrInput, audit.Share, audit.ShareRefuse, audit.ConsentWithdraw)
	}
	for _, m := range []struct {
		name, text string
		needed     bool
	}{
		{"organisation", t.Organisation, true},
		{"purpose", t.Purpose, t.Kind == audit.Share},
		{"legal_basis", t.LegalBasis, t.Kind == audit.Share},
		{"data_type", t.DataType, t.Kind == audit.Share},
	} {
		if m.needed && m.text == "" {
			return fmt.Errorf("%w: %s: it must be there; nothing is shared without purpose and legal basis", ErrInput, m.name)
		}
	}
	v, err := h.active(ctx, r.Citizen)
	if err != nil {
		return err
	}
	return h.use(ctx, r, v.vault, audit.Event{Kind: t.Kind, Organisation: t.Organisation, Purpose: t.Purpose, LegalBasis: t.LegalBasis, DataType: t.DataType})
}

// maxLines is how many lines of the use log a citizen gets at once.
const maxLines = 1000

// Uses is what the use log says of the citizen's vault at or after from and
// before to (zero times: without limit), in the order of time. It gives the
// first 1,000 lines; more says that there are others.
func (h *Holder) Uses(ctx context.Context, r Request, from, to time.Time) (lines []audit.Entry, more bool, err error) {
	s, err := h.settled(ctx, r.Citizen)
	if err != nil {
		return nil, false, err
	}
	v, ok := untyped(s)
	if !ok {
		return nil, false, ErrNoVault
	}
	for e, err := range h.c.Log.List(audit.Filter{Subject: h.subject(v), From: from, To: to}) {
		if err != nil {
			return nil, false, fmt.Errorf("reading the use log: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		lines = append(lines, e)
	}
	slices.SortStableFunc(lines, func(a, b audit.Entry) int { return a.Time.Compare(b.Time) })
	if len(lines) > maxLines {
		return lines[:maxLines], true, nil
	}
	return lines, false, nil
}
