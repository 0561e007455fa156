package status

import "fmt"

// projections are the forms of one list in memory. A value is put in all of
// them at once: they are never filled anew from the store, nor from each other.
type projections struct {
	token      *List
	revocation *Bitstring
	suspension *Bitstring
	message    *Bitstring // nil without messages
}

func newProjections(d listData, bitstrings bool) (projections, error) {
	var p projections
	var err error
	if p.token, err = NewList(d.Bits, int(d.Size)); err != nil || !bitstrings {
		return p, err
	}
	if p.revocation, err = NewBitstring(1, int(d.Size)); err != nil {
		return p, err
	}
	if p.suspension, err = NewBitstring(1, int(d.Size)); err != nil {
		return p, err
	}
	if len(d.Messages) > 0 {
		p.message, err = NewBitstring(messageSize(len(d.Messages)), int(d.Size))
	}
	return p, err
}

// put sets a value in every form.
func (p projections) put(index uint64, v Value) error {
	if err := p.token.Put(index, v); err != nil {
		return err
	}
	for _, form := range []struct {
		list *Bitstring
		v    uint8
	}{{p.revocation, bit(v == Invalid)}, {p.suspension, bit(v == Suspended)}, {p.message, v.message()}} {
		if form.list == nil {
			continue
		}
		if err := form.list.Put(index, form.v); err != nil {
			return err
		}
	}
	return nil
}

func bit(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}

// bitstring is the form for a purpose.
func (p projections) bitstring(purpose Purpose) (*Bitstring, error) {
	list := map[Purpose]*Bitstring{Revocation: p.revocation, Suspension: p.suspension, Message: p.message}[purpose]
	if list == nil {
		return nil, fmt.Errorf("%w: no list with this purpose", ErrNotFound)
	}
	return list, nil
}
