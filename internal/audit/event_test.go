package audit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEventRules(t *testing.T) {
	c := &clock{now: start}
	l := openLog(t, t.TempDir(), c)
	for name, change := range map[string]func(*Event){
		"kind":                      func(e *Event) { e.Kind = "poke" },
		"no kind":                   func(e *Event) { e.Kind = "" },
		"outcome":                   func(e *Event) { e.Outcome = "" },
		"actor kind":                func(e *Event) { e.Actor.Kind = "robot" },
		"actor by number":           func(e *Event) { e.Actor.ID = "12345678901" },
		"actor by name":             func(e *Event) { e.Actor.ID = "somebody" },
		"subject by number":         func(e *Event) { e.Subject = "85010112377" },
		"organisation without id":   func(e *Event) { e.Actor = Actor{Kind: Organisation} },
		"national number":           func(e *Event) { n := insz(900101123, false); e.Purpose = "file of 90.01.01-123." + n[9:] },
		"national number, plain":    func(e *Event) { e.DataType = "led/" + insz(900101123, false) },
		"national number from 2000": func(e *Event) { e.Organisation = insz(10101123, true) },
		"two lines":                 func(e *Event) { e.Purpose = "a\nb" },
		"too long":                  func(e *Event) { e.Purpose = strings.Repeat("a", 300) },
		"evidence":                  func(e *Event) { e.Evidence = "abc" },
		"request id":                func(e *Event) { e.RequestID = "a b" },
		"detail":                    func(e *Event) { e.Detail = "Jan Peeters" },
		"time":                      func(e *Event) { e.Time = time.Unix(0, 0) },
		"class":                     func(e *Event) { e.Class = "forever" },
	} {
		e := share(t, "r-1")
		change(&e)
		if err := l.Append(t.Context(), e); !errors.Is(err, ErrEvent) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "Peeters") || strings.Contains(err.Error(), "900101") {
			t.Errorf("%s: the error holds the value: %v", name, err)
		}
	}
	for _, k := range Kinds() {
		e := share(t, "r-1")
		e.Kind = k
		if err := l.Append(t.Context(), e); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
}

// insz makes a number with the right check digits.
func insz(nine uint64, from2000 bool) string {
	n := nine
	if from2000 {
		n += 2_000_000_000
	}
	return fmt.Sprintf("%09d%02d", nine, 97-n%97)
}

func TestHoldsINSZ(t *testing.T) {
	for text, want := range map[string]bool{
		insz(850730033, false): true, "x " + insz(850730033, false) + " y": true, insz(10101123, true): true,
		"85.07.30-033.28": insz(850730033, false) == "85073003328", "0123456789": false, "": false,
		insz(850730033, false) + "0": false, "12345678901": insz(123456789, false) == "12345678901",
		"OVO002949": false, "00000000000 " + insz(850730033, false): true,
	} {
		if got := holdsINSZ(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestPseudonyms(t *testing.T) {
	if _, err := NewPseudonyms(make([]byte, 31)); err == nil {
		t.Error("a short key was taken")
	}
	a, _ := NewPseudonyms(testSecret)
	b, _ := NewPseudonyms(append([]byte{8}, testSecret[1:]...))
	seen := map[Pseudonym]string{}
	for name, p := range map[string]Pseudonym{
		"plain": a.Of("citizen", "1", nil), "other key": b.Of("citizen", "1", nil), "other domain": a.Of("vault", "1", nil), "salt": a.Of("citizen", "1", []byte("s")),
		"shifted": a.Of("citize", "n1", nil), "moved": a.Of("citizen", "", []byte("1")),
	} {
		if other, ok := seen[p]; ok {
			t.Errorf("%s and %s give the same pseudonym", name, other)
		}
		seen[p] = name
		if _, err := ParsePseudonym(string(p)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, _ := NewPseudonyms(testSecret)
	if a.Of("citizen", "1", nil) != again.Of("citizen", "1", []byte{}) {
		t.Error("the same citizen has two pseudonyms")
	}
	for _, text := range []string{"", "p1-", "85073003328", "p2-" + strings.Repeat("a", 43)} {
		if _, err := ParsePseudonym(text); err == nil {
			t.Errorf("%q counts as a pseudonym", text)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %s", a, a, a, a); strings.Contains(s, "7") {
		t.Errorf("the key is printed: %s", s)
	}
}

func TestRetention(t *testing.T) {
	if err := DefaultRetention().check(); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{"P10Y": "P10Y", "P1Y6M": "P1Y6M", "P30D": "P30D", "P0Y1D": "P1D", "": "", "P": "", "P0Y": "", "10Y": "", "PT1H": "", "P-1Y": "", "P1.5Y": ""} {
		k, err := ParseKeep(text)
		if want == "" != (err != nil) || err == nil && k.String() != want {
			t.Errorf("%q: %v, %v", text, k, err)
		}
	}
	for name, change := range map[string]func(*Retention){
		"a kind twice":    func(r *Retention) { r.Classes[1].Kinds = append(r.Classes[1].Kinds, Share) },
		"a kind nowhere":  func(r *Retention) { r.Classes[1].Kinds = r.Classes[1].Kinds[1:] },
		"an unknown kind": func(r *Retention) { r.Classes[1].Kinds = append(r.Classes[1].Kinds, "x") },
		"no time":         func(r *Retention) { r.Classes[0].Keep = Keep{} },
		"a bad name":      func(r *Retention) { r.Classes[0].Name = "../x" },
		"a name twice":    func(r *Retention) { r.Classes[0].Name = r.Classes[1].Name },
	} {
		r := DefaultRetention()
		change(&r)
		if err := r.check(); err == nil {
			t.Errorf("%s was taken", name)
		}
		if _, err := Open(t.TempDir(), Options{Signer: testKey, Retention: r}); err == nil {
			t.Errorf("%s: the log was opened", name)
		}
	}
}

func FuzzEntry(f *testing.F) {
	open, _ := openEvent(Event{Time: start, Kind: Login, Actor: Actor{Kind: System}, Outcome: OK})
	line, _ := appendLine(nil, hash{}, numbered(nil, 1, open))
	f.Add(line)
	f.Add([]byte("{\"seq\":1,\"chain\":\"\"}\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &walker{log: "l", class: "use"}
		if e, err := w.entry(b); err == nil {
			if e.check() != nil || w.at.Seq != 1 {
				t.Error("a bad entry was taken")
			}
		} else if e != (Entry{}) || w.at != (Mark{}) {
			t.Error("a refused entry left something behind")
		}
		w = &walker{log: "l", class: "use"}
		if _, err := w.header(b, false); err != nil && w.at != (Mark{}) {
			t.Error("a refused header left something behind")
		}
	})
}

func FuzzCheckpoints(f *testing.F) {
	s, err := sign(testKey, Checkpoint{Log: "l", Number: 1, Class: map[string]Extent{"use": {Keep: Keep{Years: 1}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(s.text + "\n"))
	f.Add([]byte(s.text))
	f.Add([]byte("a.b.c\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, torn, err := readCheckpoints(b, testKeys)
		if err == nil && string(c.text())+string(torn) != string(b) {
			t.Error("what was read is not what stood there")
		}
	})
}
