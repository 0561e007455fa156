package tsl_test

import (
	"crypto/elliptic"
	"flag"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

var strangers = flag.Int("strangers", 2000, "how many documents TestStrangers makes")

var tag = regexp.MustCompile(`<(/?)([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+="[^"]*")*)\s*(/?)>`)

// spans are the elements of a document: where each begins and ends.
func spans(doc string) [][2]int {
	var out [][2]int
	var open []int
	for _, m := range tag.FindAllStringSubmatchIndex(doc, -1) {
		switch {
		case m[3] > m[2]: // an end
			if len(open) == 0 {
				return out
			}
			out = append(out, [2]int{open[len(open)-1], m[1]})
			open = open[:len(open)-1]
		case m[9] > m[8]: // empty
			out = append(out, [2]int{m[0], m[1]})
		default:
			open = append(open, m[0])
		}
	}
	return out
}

// change moves, repeats, wraps, drops and renames what is in a document, with pieces
// of others.
func change(r *rand.Rand, doc string, others []string) string {
	in := func(s string) string {
		all := spans(s)
		if len(all) == 0 {
			return ""
		}
		one := all[r.IntN(len(all))]
		return s[one[0]:one[1]]
	}
	all := spans(doc)
	if len(all) == 0 {
		return doc
	}
	one := all[r.IntN(len(all))]
	element := doc[one[0]:one[1]]
	without := doc[:one[0]] + doc[one[1]:]
	put := func(s, what string) string {
		if all := spans(s); len(all) > 0 {
			at := all[r.IntN(len(all))][r.IntN(2)]
			return s[:at] + what + s[at:]
		}
		return s
	}
	switch r.IntN(10) {
	case 0:
		return without
	case 1:
		return put(doc, element)
	case 2:
		return put(without, element)
	case 3: // the root inside another
		return doc[:one[0]] + `<x xmlns="urn:x">` + element + `</x>` + doc[one[1]:]
	case 4:
		return put(doc, in(others[r.IntN(len(others))]))
	case 5:
		return doc[:one[0]] + in(others[r.IntN(len(others))]) + doc[one[1]:]
	case 6: // the whole of another round this one, or inside it
		other := others[r.IntN(len(others))]
		return put(other, doc)
	case 7:
		return strings.Replace(doc, `Id="`, `Id="x`, 1+r.IntN(3))
	case 8:
		ids := []string{`Id="list"`, `ID="list"`, `xml:id="list"`, `Id=""`}
		end := strings.IndexAny(element, "> /")
		return doc[:one[0]] + element[:end] + " " + ids[r.IntN(len(ids))] + element[end:] + doc[one[1]:]
	default:
		i := r.IntN(len(doc))
		return doc[:i] + string("aZ9<>&\"=/ "[r.IntN(10)]) + doc[i+1:]
	}
}

// Whatever strangers make of signed lists, what is verified is what was signed, whole.
func TestStrangers(t *testing.T) {
	signer := listSigner(t, ecKey(t, elliptic.P256()), "BE")
	mallory := listSigner(t, ecKey(t, elliptic.P256()), "BE")
	list := func(name string, sequence int) tsltest.List {
		l := national("BE")
		l.Sequence = sequence
		l.Providers = []tsltest.Provider{{Name: name, Services: []tsltest.Service{{Since: now.AddDate(-2, 0, 0), Certificates: certs(authority(t, name))}}}}
		return l
	}
	first, second := list("TEST provider", 1), list("TEST other", 2)
	sign := func(l tsltest.List, by pair, edit func(string) string) string {
		return string(tsltest.Sign(t, l.XML(), tsltest.Signature{Certificate: by.cert, Key: by.key, At: l.Issued, EditInfo: edit}))
	}
	genuine := []string{sign(first, signer, nil), sign(second, signer, nil), sign(first, signer, replace(`URI=""`, `URI="#list"`))}
	others := append([]string{sign(list("EVIL provider", 3), mallory, nil)}, genuine...)
	var want []*tsl.List
	for _, doc := range genuine {
		l, err := tsl.Verify([]byte(doc), certs(signer), now)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, l)
	}
	r := rand.New(rand.NewPCG(uint64(*strangers), 7))
	accepted := 0
	for range *strangers {
		doc := genuine[r.IntN(len(genuine))]
		for range 1 + r.IntN(3) {
			doc = change(r, doc, others)
		}
		got, err := tsl.Verify([]byte(doc), certs(signer), now)
		if err != nil {
			continue
		}
		accepted++
		same := false
		for _, l := range want {
			same = same || reflect.DeepEqual(got.Scheme, l.Scheme) && reflect.DeepEqual(got.Providers, l.Providers) && got.Signer.Equal(l.Signer)
		}
		if !same {
			t.Errorf("verified, and never signed: %+v\n%s", got.Scheme, doc)
		}
	}
	t.Logf("%d of %d verified", accepted, *strangers)
	if accepted == 0 {
		t.Error("none verified: the changes reach nothing but digests")
	}
}
