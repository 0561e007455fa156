package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/store"
)

func (s suite) find() {
	s.mustFind("offer", "")
	s.mustFind("offer", "x")
	for _, r := range []store.Record{
		{Kind: "offer", ID: "b", Tags: []string{"x", "y"}},
		{Kind: "offer", ID: "a", Tags: []string{"x"}},
		{Kind: "offer", ID: "B", Tags: []string{"x"}},
		{Kind: "offer", ID: "c", Tags: []string{"xx", " x"}},
		{Kind: "offer", ID: "d"},
		{Kind: "offers", ID: "e", Tags: []string{"x"}},
		{Kind: "offe", ID: "f", Tags: []string{"x"}},
		{Kind: "offer-", ID: "g", Tags: []string{"x"}},
	} {
		s.mustCreate(r)
	}
	s.mustFind("offer", "x", "B", "a", "b") // the order of bytes
	s.mustFind("offer", "y", "b")
	s.mustFind("offer", "xx", "c")
	s.mustFind("offer", " x", "c")
	s.mustFind("offer", "X")
	s.mustFind("offer", "$x")
	s.mustFind("offer", "", "B", "a", "b", "c", "d")
	s.mustFind("offers", "x", "e")
	s.mustFind("offer-", "", "g")
	s.mustFind("other", "x")

	found, _, err := s.Find(s.Context(), "offer", "y", store.Page{})
	if err != nil || len(found) != 1 {
		s.Fatalf("%d records, %v", len(found), err)
	}
	s.mustEqual(found[0], store.Record{Kind: "offer", ID: "b", Version: 1, Tags: []string{"x", "y"}})
	if _, err := s.Replace(s.Context(), found[0], found[0]); err != nil {
		s.Errorf("Replace of a record that was found: %v", err)
	}
}

func (s suite) pages() {
	var all, tagged []string
	for i := range 250 {
		r := store.Record{Kind: "offer", ID: fmt.Sprintf("%03d", i), Data: []byte{byte(i)}}
		switch {
		case i%5 == 0:
			r.Expiry = s.o.Clock.Now().Add(time.Minute)
		case i%2 == 0:
			r.Tags = []string{"even"}
			tagged = append(tagged, r.ID)
			fallthrough
		default:
			all = append(all, r.ID)
		}
		s.mustCreate(r)
	}
	s.o.Clock.Move(time.Minute)

	for _, limit := range []int{0, 1, 7, 99, 100, len(all), 1000} {
		for tag, want := range map[string][]string{"": all, "even": tagged} {
			per := limit
			if per == 0 {
				per = 100
			}
			var got []string
			pages := 0
			for page := (store.Page{Limit: limit}); ; pages++ {
				found, next, err := s.Find(s.Context(), "offer", tag, page)
				if err != nil {
					s.Fatal(err)
				}
				got = append(got, ids(found)...)
				if next == "" {
					break
				}
				if len(found) != per || pages > len(all) {
					s.Fatalf("limit %d: page %d has %d records and goes on", limit, pages, len(found))
				}
				page.Next = next
			}
			if !slices.Equal(got, want) {
				s.Errorf("limit %d, tag %q: %d records, want %d:\n%q", limit, tag, len(got), len(want), got)
			}
			if most := (len(want) - 1) / per; pages != most {
				s.Errorf("limit %d, tag %q: %d pages before the last, want %d", limit, tag, pages, most)
			}
		}
	}

	// A position stays good when its record, or the one after it, is deleted.
	_, next, err := s.Find(s.Context(), "offer", "even", store.Page{Limit: 3})
	if err != nil {
		s.Fatal(err)
	}
	for _, id := range tagged[2:4] {
		if err := s.Delete(s.Context(), store.Record{Kind: "offer", ID: id}); err != nil {
			s.Fatal(err)
		}
	}
	found, _, err := s.Find(s.Context(), "offer", "even", store.Page{Limit: 2, Next: next})
	if err != nil || !slices.Equal(ids(found), tagged[4:6]) {
		s.Errorf("after deletions: %q, %v, want %q", ids(found), err, tagged[4:6])
	}
}

// largePages checks that a page ends before its data fills the memory.
func (s suite) largePages() {
	const count, size = 6, store.MaxData - 1
	for i := range count {
		s.mustCreate(store.Record{Kind: "offer", ID: fmt.Sprint(i), Tags: []string{"x"}, Data: make([]byte, size)})
	}
	var got []string
	for page := (store.Page{}); ; {
		found, next, err := s.Find(s.Context(), "offer", "x", page)
		if err != nil {
			s.Fatal(err)
		}
		if sum := len(found) * size; sum > store.MaxPage {
			s.Errorf("a page has %d bytes, at most %d were promised", sum, store.MaxPage)
		}
		got = append(got, ids(found)...)
		if page.Next = next; next == "" {
			break
		}
	}
	if len(got) != count {
		s.Errorf("found %q, want %d records", got, count)
	}
}
