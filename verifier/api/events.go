package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/verifier"
)

// Event streams: how long one lasts, how often the state is looked at, and how
// many there are. A reader connects again when its stream ends.
const (
	streamLife    = 30 * time.Minute
	streamPoll    = time.Second
	streamBeat    = 15 * time.Second
	streamsEach   = 50
	streamsInAll  = 2000
	lastEventID   = "Last-Event-ID"
	reconnectWait = 3 * time.Second
)

// stage orders the states of a transaction; it is the id of the event that
// tells of the state.
func stage(s verifier.State) int {
	switch s {
	case verifier.StateRequested:
		return 1
	case verifier.StateFetched:
		return 2
	case verifier.StateAnswered, verifier.StateRefused:
		return 3
	default: // done, expired
		return lastStage
	}
}

const lastStage = 4

// events streams the state of a transaction (HTML Standard, Section 9.2): at
// once, whenever it changes, until nothing more will happen to it but what the
// receiver does itself.
func (s server) events(r *rest.Request) (rest.Answer, error) {
	seen := 0
	if text := r.HTTP.Header.Get(lastEventID); text != "" {
		var err error
		if seen, err = strconv.Atoi(text); err != nil || seen < 1 || seen > lastStage {
			return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Unknown event", Field: lastEventID, Expected: "the id of an event of this stream", Remedy: "Connect without it to be told the present state."}
		}
	}
	id, receiver := r.Path("transaction"), r.Client.ID
	st, err := s.v.State(r.Context(), id, receiver)
	if err != nil {
		return rest.Answer{}, err
	}
	if stage(st.State) >= 3 && seen >= stage(st.State) {
		return rest.NoContent(), nil // tells a reader to stay away (Section 9.2.3)
	}
	if err := s.streams.Take(r.Context(), receiver); err != nil {
		return rest.Answer{}, err
	}
	return rest.Events(func(out *rest.EventStream) error {
		if err := out.Retry(reconnectWait); err != nil {
			return gone(r, err)
		}
		return gone(r, s.follow(r, out, st, seen))
	}), nil
}

// follow tells states from st on that come after the one seen last.
func (s server) follow(r *rest.Request, out *rest.EventStream, st verifier.Status, seen int) error {
	poll, beat := time.NewTicker(s.poll), time.NewTicker(s.beat)
	defer poll.Stop()
	defer beat.Stop()
	id, receiver := r.Path("transaction"), r.Client.ID
	for {
		if n := stage(st.State); n > seen {
			data, err := jose.Marshal(st)
			if err != nil {
				return err
			}
			if err := out.Event(strconv.Itoa(n), "state", data); err != nil {
				return err
			}
			seen = n
		}
		if seen >= 3 {
			return nil
		}
		select {
		case <-rest.Stopping(r.Context()):
			return nil
		case <-r.Context().Done():
			return nil
		case <-beat.C:
			if err := out.Beat(); err != nil {
				return err
			}
		case <-poll.C:
			var err error
			st, err = s.v.State(r.Context(), id, receiver)
			var refusal *verifier.Error
			if errors.As(err, &refusal) {
				return nil // over, or suspended: the next connection is told so
			}
			if err != nil {
				return err
			}
		}
	}
}

// gone says that a reader who left is no fault.
func gone(r *rest.Request, err error) error {
	if r.Context().Err() != nil {
		return nil
	}
	return err
}
