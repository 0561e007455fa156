package embedded_test

import (
	"testing"

	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
	"github.com/zegel-id/zegel/store/storetest"
)

func TestContract(t *testing.T) {
	clock := storetest.NewClock()
	dirs := map[store.Store]string{}
	open := func(t *testing.T, dir string) store.Store {
		s, err := embedded.Open(dir, embedded.Options{Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		dirs[s] = dir
		return s
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) }, storetest.Options{
		Clock:         clock,
		RacingReplace: true,
		Rounds:        1000,
		Reopen: func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs[s])
		},
	})
}
