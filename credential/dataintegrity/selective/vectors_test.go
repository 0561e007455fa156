package selective_test

import (
	"encoding/hex"
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// vector is a document of the official vectors, with the files of each step.
type vector struct {
	dir, mandatory, selective, keys string
	labels                          func(key []byte) selective.LabelMap
}

var vectors = []vector{
	{"vc-di-ecdsa/ecdsa-sd-2023/employ", "../../employMandatory.json", "../../employSelective.json", "../SDKeyMaterial.json", selective.HMAC},
	{"vc-di-ecdsa/ecdsa-sd-2023/prc", "../../prCredMandatory.json", "../../prCredSelective.json", "../SDKeyMaterial.json", selective.HMAC},
	{"vc-di-bbs", "windMandatory.json", "windSelective.json", "BBSKeyMaterial.json", selective.ShuffledHMAC},
	{"vc-di-bbs/prc", "../prCredMandatory.json", "../prCredSelective.json", "../BBSKeyMaterial.json", selective.ShuffledHMAC},
}

func (v vector) file(t testing.TB, name string) []byte {
	return testvectors.File(t, ".", path.Join(v.dir, name))
}

func (v vector) read(t testing.TB, name string, into any) { sdtest.Unmarshal(t, v.file(t, name), into) }

// source is the signed document without its proof: the unsigned ones beside the vectors
// are of another version.
func (v vector) source(t testing.TB) []byte {
	var doc map[string]json.RawMessage
	v.read(t, "addSignedSDBase.json", &doc)
	delete(doc, "proof")
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v vector) key(t testing.TB) []byte {
	var k struct{ HMACKeyString string }
	v.read(t, v.keys, &k)
	key, err := hex.DecodeString(k.HMACKeyString)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (v vector) pointers(t testing.TB) (mandatory, selected []string) {
	v.read(t, v.mandatory, &mandatory)
	v.read(t, v.selective, &selected)
	return mandatory, selected
}

// indexed is a map of the vectors from places to statements.
type indexed struct{ Value [][2]any }

func (x indexed) split() (indexes []int, statements []string) {
	indexes = []int{}
	for _, e := range x.Value {
		indexes = append(indexes, int(e[0].(float64)))
		statements = append(statements, e[1].(string))
	}
	return indexes, statements
}

func texts(statements [][]byte) []string {
	out := make([]string, len(statements))
	for i, s := range statements {
		out[i] = string(s)
	}
	return out
}

func at(statements [][]byte, indexes []int) (out []string) {
	for _, i := range indexes {
		out = append(out, string(statements[i]))
	}
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}

// TestVectors holds every intermediate result of the official vectors of ecdsa-sd-2023
// and bbs-2023 that has to do with statements.
func TestVectors(t *testing.T) {
	p := sdtest.Vectors(t)
	for _, v := range vectors {
		t.Run(strings.ReplaceAll(v.dir, "/", "_"), func(t *testing.T) {
			source := v.source(t)
			mandatory, selected := v.pointers(t)
			plain, err := selective.Read(p, source, selective.Canonical)
			if err != nil {
				t.Fatal(err)
			}
			d, err := selective.Read(p, source, v.labels(v.key(t)))
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			v.read(t, "addBaseDocCanon.json", &want)
			same(t, "addBaseDocCanon", texts(plain.Statements), want)
			want = nil
			v.read(t, "addBaseDocHMACCanon.json", &want)
			same(t, "addBaseDocHMACCanon", texts(d.Statements), want)

			var transform struct{ Mandatory, NonMandatory indexed }
			v.read(t, "addBaseTransform.json", &transform)
			m, err := d.Select(mandatory)
			if err != nil {
				t.Fatal(err)
			}
			indexes, statements := transform.Mandatory.split()
			same(t, "addBaseTransform mandatory", m.Indexes, indexes)
			same(t, "addBaseTransform mandatory", at(d.Statements, m.Indexes), statements)

			s, err := d.Select(selected)
			if err != nil {
				t.Fatal(err)
			}
			all, err := d.Select(append(slices.Clone(mandatory), selected...))
			if err != nil {
				t.Fatal(err)
			}
			var groups struct{ CombinedIndexes, MandatoryIndexes, NonMandatoryIndexes, SelectiveIndexes []int }
			v.read(t, "derivedGroupIndexes.json", &groups)
			same(t, "combinedIndexes", all.Indexes, groups.CombinedIndexes)
			same(t, "mandatoryIndexes", m.Indexes, groups.MandatoryIndexes)
			same(t, "selectiveIndexes", s.Indexes, groups.SelectiveIndexes)

			var disclosure struct {
				LabelMap         struct{ Value [][2]string }
				MandatoryIndexes []int
			}
			v.read(t, "derivedDisclosureData.json", &disclosure)
			labels, err := all.Labels()
			if err != nil {
				t.Fatal(err)
			}
			var pairs [][2]string
			for i, l := range labels {
				pairs = append(pairs, [2]string{"c14n" + strconv.Itoa(i), l})
			}
			same(t, "labelMap", pairs, disclosure.LabelMap.Value)
			same(t, "mandatoryIndexes", selective.Relative(m.Indexes, all.Indexes), disclosure.MandatoryIndexes)

			var revealed, wantRevealed any
			sdtest.Unmarshal(t, all.JSON, &revealed)
			v.read(t, "derivedUnsignedReveal.json", &wantRevealed)
			same(t, "derivedUnsignedReveal", revealed, wantRevealed)

			verifier, err := selective.Read(p, all.JSON, selective.Given(labels))
			if err != nil {
				t.Fatal(err)
			}
			if v.dir == "vc-di-bbs" {
				return // the vector has no such file
			}
			want = nil
			v.read(t, "verifyNQuads.json", &want)
			same(t, "verifyNQuads", texts(verifier.Statements), want)
		})
	}
}

// TestGroupsOfVectors holds derivedAllGroupData.json: what matches each group and what does
// not.
func TestGroupsOfVectors(t *testing.T) {
	p := sdtest.Vectors(t)
	for _, v := range vectors {
		if v.dir == "vc-di-bbs" {
			continue // the vector has no such file
		}
		t.Run(strings.ReplaceAll(v.dir, "/", "_"), func(t *testing.T) {
			d, err := selective.Read(p, v.source(t), v.labels(v.key(t)))
			if err != nil {
				t.Fatal(err)
			}
			mandatory, selected := v.pointers(t)
			var data struct {
				Groups map[string]struct{ Matching, NonMatching indexed }
				NQuads []string
			}
			v.read(t, "derivedAllGroupData.json", &data)
			same(t, "nquads", texts(d.Statements), data.NQuads)
			for name, pointers := range map[string][]string{"mandatory": mandatory, "selective": selected, "combined": append(slices.Clone(mandatory), selected...)} {
				s, err := d.Select(pointers)
				if err != nil {
					t.Fatal(err)
				}
				indexes, statements := data.Groups[name].Matching.split()
				same(t, name, s.Indexes, indexes)
				same(t, name, at(d.Statements, s.Indexes), statements)
			}
		})
	}
}
