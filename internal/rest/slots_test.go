package rest

import (
	"context"
	"testing"
)

// What is held is free as soon as it is released, and for its own caller.
func TestSlotsHeld(t *testing.T) {
	s := NewSlots(1, 2)
	first, err := s.Hold("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Hold("a"); err == nil {
		t.Error("a caller has more than its share")
	}
	second, err := s.Hold("b")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Take(context.Background(), "c"); err == nil {
		t.Error("there are more than all")
	}
	for range 3 { // again and again, without waiting
		first()
		if first, err = s.Hold("a"); err != nil {
			t.Fatal(err)
		}
	}
	first()
	second()
	if s.total != 0 || len(s.taken) != 0 {
		t.Errorf("%d are taken, %v", s.total, s.taken)
	}
}
