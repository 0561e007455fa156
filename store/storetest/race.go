package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/zegel-id/zegel/store"
)

const racers = 16

// race runs f on all racers at once and returns the errors, by racer.
func race(f func(racer int) error) (errs [racers]error) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(racers)
	for i := range racers {
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// oneWinner checks that one racer won, that the others got an error for which
// lost is true, and returns the winner.
func (s suite) oneWinner(round int, errs [racers]error, lost func(error) bool) int {
	s.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			s.Fatalf("round %d: racers %d and %d both won", round, winner, i)
		case !lost(err):
			s.Fatalf("round %d: racer %d: %v", round, i, err)
		}
	}
	if winner < 0 {
		s.Fatalf("round %d: nobody won: %v", round, errs[0])
	}
	return winner
}

// racingCreate is what one-time values rest on: one redeemer wins, and it is
// the one whose record stands there.
func (s suite) racingCreate() {
	for round := range s.o.Rounds {
		id := fmt.Sprint(round)
		errs := race(func(i int) error {
			_, err := s.Create(s.Context(), store.Record{Kind: "spent", ID: id, Tags: []string{fmt.Sprint(i)}, Data: []byte{byte(i)}})
			return err
		})
		winner := s.oneWinner(round, errs, func(err error) bool { return err == store.ErrExists })
		s.mustGet(store.Record{Kind: "spent", ID: id, Version: 1, Tags: []string{fmt.Sprint(winner)}, Data: []byte{byte(winner)}})
	}
	total := 0
	for i := range racers {
		for page := (store.Page{Limit: store.MaxLimit}); ; {
			found, next, err := s.Find(s.Context(), "spent", fmt.Sprint(i), page)
			if err != nil {
				s.Fatal(err)
			}
			total += len(found)
			if page.Next = next; next == "" {
				break
			}
		}
	}
	if total != s.o.Rounds {
		s.Errorf("the losers left tags: %d found, want %d", total, s.o.Rounds)
	}
}

func (s suite) racingReplace() {
	if !s.o.RacingReplace {
		s.Skip("conditional updates of this server are not atomic")
	}
	last := s.mustCreate(store.Record{Kind: "counter", ID: "a"})
	for round := range s.o.Rounds {
		errs := race(func(i int) error {
			_, err := s.Replace(s.Context(), last, store.Record{Data: []byte{byte(i)}})
			return err
		})
		winner := s.oneWinner(round, errs, func(err error) bool { return err == store.ErrConflict })
		last.Version++
		last.Data = []byte{byte(winner)}
		s.mustGet(last)
	}
}

func (s suite) racingDelete() {
	if !s.o.RacingReplace {
		s.Skip("conditional deletions of this server are not atomic")
	}
	for round := range s.o.Rounds / 2 {
		r := s.mustCreate(store.Record{Kind: "code", ID: "a"})
		// Half of the racers replace: whoever comes first, there is one.
		errs := race(func(i int) error {
			if i%2 == 0 {
				return s.Delete(s.Context(), r)
			}
			_, err := s.Replace(s.Context(), r, r)
			return err
		})
		winner := s.oneWinner(round, errs, func(err error) bool { return err == store.ErrConflict || err == store.ErrNotFound })
		_, err := s.Get(s.Context(), "code", "a")
		switch {
		case winner%2 == 0 && err != store.ErrNotFound:
			s.Fatalf("round %d: a deletion won, but Get returns %v", round, err)
		case winner%2 == 1 && err != nil:
			s.Fatalf("round %d: a replacement won, but Get returns %v", round, err)
		case winner%2 == 1:
			if err := s.Delete(s.Context(), store.Record{Kind: "code", ID: "a"}); err != nil {
				s.Fatal(err)
			}
		}
	}
}

// mix runs all operations at once. Every racer owns a few records, of which it
// knows the state, reads the others' and lists.
func (s suite) mix() {
	own := 5
	errs := race(func(i int) error {
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		owned := make([]store.Record, own)
		for step := range s.o.Rounds / 5 {
			n := rnd.IntN(own)
			r := &owned[n]
			id := fmt.Sprintf("%d-%d", i, n)
			var err error
			switch {
			case r.Version == 0:
				*r, err = s.Create(s.Context(), store.Record{Kind: "mix", ID: id, Tags: []string{fmt.Sprint(i)}, Data: []byte(fmt.Sprint(id, " ", step))})
			case step%7 == 0:
				err = s.Delete(s.Context(), *r)
				*r = store.Record{}
			default:
				*r, err = s.Replace(s.Context(), *r, store.Record{Tags: []string{fmt.Sprint(i)}, Data: []byte(fmt.Sprint(id, " ", step))})
			}
			if err != nil {
				return fmt.Errorf("step %d on an own record: %w", step, err)
			}
			other := fmt.Sprintf("%d-%d", rnd.IntN(racers), n)
			if got, err := s.Get(s.Context(), "mix", other); err == nil {
				var owner string
				if fmt.Sscan(string(got.Data), &owner); owner != other {
					return fmt.Errorf("record %s holds the data of %s", other, owner)
				}
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if step%20 == 10 {
				if _, _, err := s.Find(s.Context(), "mix", fmt.Sprint(rnd.IntN(racers)), store.Page{}); err != nil {
					return err
				}
			}
		}
		found, _, err := s.Find(s.Context(), "mix", fmt.Sprint(i), store.Page{})
		if err != nil {
			return err
		}
		for _, r := range owned {
			if r.Version == 0 {
				continue
			}
			if len(found) == 0 || found[0].ID != r.ID || found[0].Version != r.Version || string(found[0].Data) != string(r.Data) {
				return fmt.Errorf("own records at the end: found %s, want %s", describe(append(found, store.Record{})[0]), describe(r))
			}
			found = found[1:]
		}
		if len(found) != 0 {
			return fmt.Errorf("%d records more than there should be", len(found))
		}
		return nil
	})
	for i, err := range errs {
		if err != nil {
			s.Errorf("racer %d: %v", i, err)
		}
	}
}
