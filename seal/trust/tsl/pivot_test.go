package tsl_test

import (
	"crypto/elliptic"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

const journal = "https://journal.example/C/2019/276"

// pivots is a scene where the signers of the list of lists change twice.
type pivots struct {
	*scene
	signers [3]pair
}

func pivotAddress(n int) string { return fmt.Sprintf("https://lists.example/lotl-pivot-%d.xml", n) }

func newPivots(t *testing.T) *pivots {
	p := &pivots{scene: newScene(t)}
	for i := range p.signers {
		p.signers[i] = listSigner(t, ecKey(t, elliptic.P256()), "EU")
	}
	p.u.lotl = p.signers[0]
	p.putPivot(10, 0, 1, nil)
	p.putPivot(20, 1, 2, nil)
	p.putCurrent(30, 2, pivotAddress(20), pivotAddress(10), journal)
	return p
}

// putPivot publishes a list of lists signed by one and naming the next.
func (p *pivots) putPivot(sequence, by, names int, change func(*tsltest.List)) {
	l := p.list(sequence, names)
	if change != nil {
		change(&l)
	}
	p.web.put(pivotAddress(sequence), signedBy(p.t, l, p.signers[by]))
}

func (p *pivots) putCurrent(sequence, by int, information ...string) {
	l := p.list(sequence, by)
	l.Information = append(information, "https://lists.example/legal.html", pivotAddress(5))
	p.web.put(lotlAddress, signedBy(p.t, l, p.signers[by]))
}

func (p *pivots) list(sequence, names int) tsltest.List {
	u := p.u
	u.lotl = p.signers[names]
	l := u.listOfLists(u.pointer())
	l.Sequence, l.Issued = sequence, now.Add(-time.Hour)
	return l
}

func (p *pivots) source(change func(*tsl.Config)) *tsl.Source {
	return p.scene.source(func(c *tsl.Config) {
		c.Signers, c.Journal = certs(p.signers[0]), journal
		if change != nil {
			change(c)
		}
	})
}

func TestPivots(t *testing.T) {
	p := newPivots(t)
	source := p.source(nil)
	if err := p.refresh(source); err != nil {
		t.Fatal(err)
	}
	wantLists(t, source, "EU 30, BE 1")
	if p.web.hits[pivotAddress(5)] != 0 {
		t.Error("a pivot older than the publication was fetched")
	}

	t.Run("walked once", func(t *testing.T) {
		p.putCurrent(31, 2, pivotAddress(20), pivotAddress(10), journal)
		if err := p.refresh(source); err != nil {
			t.Fatal(err)
		}
		if p.web.hits[pivotAddress(10)] != 1 || p.web.hits[pivotAddress(20)] != 1 {
			t.Errorf("fetched again: %v", p.web.hits)
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		p.web.drop(pivotAddress(10))
		p.web.drop(pivotAddress(20))
		restarted := p.source(nil)
		wantLists(t, restarted, "EU 31, BE 1")
		p.putCurrent(32, 2, pivotAddress(20), pivotAddress(10), journal)
		if err := p.refresh(restarted); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a signer before the last pivot", func(t *testing.T) {
		before := sequences(source.Lists())
		p.putCurrent(40, 1, pivotAddress(20), pivotAddress(10), journal)
		if err := p.refresh(source); !errors.Is(err, tsl.ErrList) {
			t.Errorf("found %v", err)
		}
		p.putCurrent(40, 0, journal) // and a list without pivots
		if err := p.refresh(source); !errors.Is(err, tsl.ErrList) {
			t.Errorf("found %v", err)
		}
		wantLists(t, source, before)
	})
	t.Run("the list is itself the next pivot", func(t *testing.T) {
		p.putPivot(41, 2, 0, func(l *tsltest.List) {
			l.Information = []string{pivotAddress(41), pivotAddress(20), pivotAddress(10), journal}
		})
		p.web.put(lotlAddress, p.web.docs[pivotAddress(41)])
		if err := p.refresh(source); err != nil {
			t.Fatal(err)
		}
		wantLists(t, source, "EU 41, BE 1")
	})
	t.Run("the next pivot", func(t *testing.T) {
		p.putCurrent(42, 0, pivotAddress(41), pivotAddress(20), pivotAddress(10), journal)
		if err := p.refresh(source); err != nil {
			t.Fatal(err)
		}
		wantLists(t, source, "EU 42, BE 1")
	})
	t.Run("a pivot behind those walked", func(t *testing.T) {
		p.putCurrent(43, 0, pivotAddress(41), pivotAddress(40), pivotAddress(20), journal)
		if err := p.refresh(source); err != nil {
			t.Errorf("it is older and does not matter: %v", err)
		}
	})
	t.Run("a new publication", func(t *testing.T) {
		l := p.list(44, 0)
		l.Information = []string{"https://journal.example/C/2030/1"}
		p.web.put(lotlAddress, signedBy(t, l, p.signers[0]))
		if err := p.refresh(source); err != nil {
			t.Errorf("a source that knows the signers needs no publication: %v", err)
		}
	})
}

func TestPivotForgeries(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*pivots)
		check  string
	}{
		{"a pivot that cannot be had", func(p *pivots) { p.web.drop(pivotAddress(10)) }, tsl.CheckPivot},
		{"a pivot left out", func(p *pivots) { p.putCurrent(30, 2, pivotAddress(20), journal) }, tsl.CheckPivot},
		{"all pivots left out", func(p *pivots) { p.putCurrent(30, 2, journal) }, tsl.CheckSigner},
		{"pivots after the publication", func(p *pivots) { p.putCurrent(30, 2, journal, pivotAddress(20), pivotAddress(10)) }, tsl.CheckSigner},
		{"pivots in another order", func(p *pivots) { p.putCurrent(30, 2, pivotAddress(10), pivotAddress(20), journal) }, tsl.CheckPivot},
		{"pivots on another host", func(p *pivots) {
			elsewhere := strings.Replace(pivotAddress(10), "lists.example", "evil.example", 1)
			p.web.put(elsewhere, p.web.docs[pivotAddress(10)])
			p.putCurrent(30, 2, pivotAddress(20), elsewhere, journal)
		}, tsl.CheckPivot},
		{"a pivot by its own signer", func(p *pivots) { p.putPivot(10, 1, 1, nil) }, tsl.CheckPivot},
		{"a pivot that is changed", func(p *pivots) {
			p.web.put(pivotAddress(10), []byte(strings.Replace(string(p.web.docs[pivotAddress(10)]), "TEST", "EVIL", 1)))
		}, tsl.CheckPivot},
		{"a pivot with a number as high as the next", func(p *pivots) {
			l := p.list(20, 1)
			p.web.put(pivotAddress(10), signedBy(p.t, l, p.signers[0]))
		}, tsl.CheckPivot},
		{"a pivot with the number of the list", func(p *pivots) { p.putCurrent(20, 2, pivotAddress(20), pivotAddress(10), journal) }, tsl.CheckSigner},
		{"a pivot with a number above the list", func(p *pivots) { p.putCurrent(15, 2, pivotAddress(20), pivotAddress(10), journal) }, tsl.CheckSequence},
		{"a national list as pivot", func(p *pivots) {
			p.putPivot(10, 0, 1, func(l *tsltest.List) { l.Type = tsltest.TypeNational })
		}, tsl.CheckPivot},
		{"a pivot that names nobody", func(p *pivots) {
			p.putPivot(10, 0, 1, func(l *tsltest.List) { l.Pointers = l.Pointers[1:] })
		}, tsl.CheckPivot},
		{"a pivot that names two", func(p *pivots) {
			p.putPivot(10, 0, 1, func(l *tsltest.List) { l.Pointers = append(l.Pointers, l.Pointers[0]) })
		}, tsl.CheckPivot},
		{"another publication", func(p *pivots) {
			l := p.list(30, 2)
			l.Information = []string{pivotAddress(20), pivotAddress(10), "https://journal.example/C/2030/1"}
			p.web.put(lotlAddress, signedBy(p.t, l, p.signers[2]))
		}, tsl.CheckPivot},
		{"too many pivots", func(p *pivots) {
			var many []string
			for i := range 60 {
				many = append(many, pivotAddress(100+i))
			}
			p.putCurrent(30, 2, append(many, journal)...)
		}, tsl.CheckPivot},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPivots(t)
			c.change(p)
			source := p.source(nil)
			err := p.refresh(source)
			var e *tsl.Error
			if !errors.As(err, &e) || e.Check != c.check {
				t.Errorf("found %v, expected %s", err, c.check)
			}
			wantLists(t, source, "none")
			for address := range p.web.hits {
				if strings.Contains(address, "evil.example") {
					t.Error("fetched from another host")
				}
			}
			if c.name == "too many pivots" && len(p.web.hits) != 1 {
				t.Error("fetched some of too many")
			}
		})
	}
}
