package holder

import (
	"context"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/seal/tsp"
)

var (
	// ErrNoStamps: the platform knows no time-stamp authority.
	ErrNoStamps = errors.New("holder: there is no time-stamp authority; the operator names one in holder.timestamps")
	// ErrStamps: none of the authorities gave a time-stamp.
	ErrStamps = errors.New("holder: no time-stamp authority gives a time-stamp now; try again later")
)

// Stamps carries requests to time-stamp authorities; a *tsp.Client does.
type Stamps interface {
	Relay(ctx context.Context, r tsp.Request) (reply []byte, err error)
}

// Stamp carries a wallet unit's request for a time-stamp (a TimeStampReq in DER,
// RFC 3161, Section 2.4.1) to an authority, and its answer back. What is stamped
// is a digest: the platform sees no credential, and neither does the authority,
// which does not learn whose it is either.
func (h *Holder) Stamp(ctx context.Context, r Request, query []byte) (reply []byte, err error) {
	if _, err := h.active(ctx, r.Citizen); err != nil {
		return nil, err
	}
	if h.c.Stamps == nil {
		return nil, ErrNoStamps
	}
	asked, err := tsp.ParseRequest(query)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInput, err)
	}
	reply, err = h.c.Stamps.Relay(ctx, asked)
	switch {
	case errors.Is(err, tsp.ErrRequest):
		return nil, fmt.Errorf("%w: %w", ErrInput, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrStamps, err)
	}
	return reply, nil
}
