package seal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/tsp"
)

const specContentStamp = "ETSI TS 119 182-1, clause 5.2.6; EN 319 102-1, clauses 5.3.4 and 5.4"

// contentStamps is what the content time-stamps of a seal prove. What they stamp is
// the payload alone, and they are signed with it: the seal is younger than all of
// them, and nothing about the seal is older for them.
type contentStamps struct {
	checks   credential.Report
	critical error     // why one that must hold does not
	disorder error     // why one contradicts a time-stamp of the seal
	since    time.Time // before this the seal did not exist, as far as clocks may differ; zero when none holds
}

// contentStamps judges the content time-stamps of a header. They existed when the
// seal did, so they must hold at its best signature time, which the question has as
// control time. All of them must where adoTst is critical; else one that does not is
// told and left aside.
func (v *Validator) contentStamps(ctx context.Context, out *Validation, h jades.Header, q stampQuestion) (contentStamps, error) {
	var c contentStamps
	critical := slices.Contains(h.Crit, jades.ContentTimeStamp)
	for _, token := range h.ContentTimeStamps {
		s, fault, err := v.timeStamp(ctx, evidence.ContentTimeStamp, token, q)
		if err != nil {
			return contentStamps{}, err
		}
		out.ContentTimeStamps = append(out.ContentTimeStamps, s)
		disorder := errors.Is(fault, errOrder) && q.control.Before(q.now)
		if disorder {
			c.disorder = fault
		}
		switch {
		case fault == nil:
			c.checks.Pass(CheckContentStamp, specContentStamp, stamped(s))
			if since := s.Time.Add(-s.Accuracy - v.skew()); since.After(c.since) {
				c.since = since
			}
		case critical:
			c.critical = fault
			c.checks.Fail(CheckContentStamp, specContentStamp, fault.Error())
		case disorder:
			c.checks.Fail(CheckContentStamp, specContentStamp, fault.Error())
		default:
			c.checks.Skip(CheckContentStamp, specContentStamp, "it is not critical, and proves nothing: "+fault.Error())
		}
	}
	return c, nil
}

// conclude adds what was found to the verdict. What is wrong with the chain counts
// before it, as every check does that is made earlier.
func (c contentStamps) conclude(out *Validation) {
	out.Checks = append(out.Checks, c.checks...)
	switch {
	case out.Indication != "":
	case c.disorder != nil:
		out.Indication, out.SubIndication = Indeterminate, TimestampOrderFailure
	case c.critical != nil:
		out.Indication, out.SubIndication = Indeterminate, SigConstraintsFailure
	}
}

// stamped says of a time-stamp that holds when it was made, and by whom.
func stamped(s TimeStamp) string {
	return fmt.Sprintf("%s by %s under policy %s", s.Time.Format(time.RFC3339), subject(s.Path.Leaf()), s.Policy)
}

// compactContent is the question about the content time-stamps of a compact token,
// which nothing proves to have existed before the validation.
func (v *Validator) compactContent(payload []byte, at time.Time) stampQuestion {
	return stampQuestion{
		imprint: func(t *tsp.Token) error { return evidence.CheckContent(t, payload) },
		source:  v.Revocation, control: at, now: at,
	}
}
