package mdoc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/jose"
)

// ratio runs reference and subject alternately in rounds on one processor and
// reports the smallest processor time of each, and their ratio.
func ratio(b *testing.B, round int, reference, subject func()) {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	best := func(min float64, f func()) float64 {
		from := cputime.Used()
		for range round {
			f()
		}
		return math.Min(min, float64(cputime.Used()-from)/float64(round))
	}
	ref, sub := math.Inf(1), math.Inf(1)
	reference()
	subject()
	rounds := 0
	for b.Loop() {
		ref = best(ref, reference)
		sub = best(sub, subject)
		rounds++
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(testing.AllocsPerRun(20, subject), "allocs")
	b.ReportMetric(ref/1000, "ref-us")
	b.ReportMetric(sub/1000, "us")
	b.ReportMetric(sub/ref, "ratio")
	b.ReportMetric(float64(rounds), "rounds")
}

// twenty is a record of twenty data elements, the one that the benchmarks of
// SD-JWT VC have.
const twenty = `{"given_name":"Jan","family_name":"Peeters","birthdate":"1999-04-05","title":"Bachelor in de toegepaste informatica",` +
	`"level":"6","field":"0613","date":"2021-06-30","institution":"Voorbeeldhogeschool","institution_id":"0400123456","city":"Gent",` +
	`"country":"BE","language":"nl","credits":180,"distinction":"onderscheiding","mode":"voltijds","record_id":"2021-000123",` +
	`"profession":"informaticus","isced":"655","eqf":6,"valid":true}`

func twentyNames() []string {
	var out []string
	for _, part := range strings.Split(twenty, `":`) {
		if i := strings.LastIndexByte(part, '"'); i >= 0 && len(out) < 20 {
			out = append(out, part[i+1:])
		}
	}
	return out
}

// diploma is the document type of twenty.
func diploma() mdoc.DocumentType {
	n := mdoc.NameSpace{Name: namespace}
	for _, name := range twentyNames() {
		e := mdoc.Element{Identifier: name}
		if name == "birthdate" || name == "date" {
			e.Type = mdoc.FullDate
		}
		n.Elements = append(n.Elements, e)
	}
	return mdoc.DocumentType{DocType: docType, NameSpaces: []mdoc.NameSpace{n}}
}

func benchDocument(b *testing.B) (party, *mdoc.Template, mdoc.Credential) {
	p := parties()
	o, c := p.options(), p.credential()
	o.Type, c.Elements = diploma(), []byte(`{"`+namespace+`":`+twenty+`}`)
	t, err := mdoc.NewTemplate(o)
	if err != nil {
		b.Fatal(err)
	}
	return p, t, c
}

func seal(b *testing.B, p party, t *mdoc.Template, c mdoc.Credential) string {
	d, err := t.Prepare(c, nil)
	if err != nil {
		b.Fatal(err)
	}
	text, err := d.Seal(p.issuer.Key)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// BenchmarkIssue: 20 elements and x5chain, from JSON, against one bare RFC
// 6979 P-256 signature.
func BenchmarkIssue(b *testing.B) {
	p, t, c := benchDocument(b)
	digest := sha256.Sum256([]byte("x"))
	ratio(b, 200, func() {
		if _, err := p.issuer.Key.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}, func() { seal(b, p, t, c) })
}

func tenPaths() []mdoc.Path {
	var out []mdoc.Path
	for _, name := range twentyNames()[:10] {
		out = append(out, mdoc.Path{namespace, name})
	}
	return out
}

// BenchmarkPresent: parse, disclose 10 of 20 and sign, against one bare RFC
// 6979 signature.
func BenchmarkPresent(b *testing.B) {
	p, t, c := benchDocument(b)
	text := seal(b, p, t, c)
	digest := sha256.Sum256([]byte("x"))
	paths := tenPaths()
	ratio(b, 200, func() {
		if _, err := p.holder.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}, func() { p.present(b, text, nil, paths...) })
}

// BenchmarkVerify: the issuer's part of 20 elements with the chain seen
// before, and a whole presentation of 10 of them, against the bare
// verifications that cannot be avoided.
func BenchmarkVerify(b *testing.B) {
	p, t, c := benchDocument(b)
	text := seal(b, p, t, c)
	digest := sha256.Sum256([]byte("x"))
	one, err := p.issuer.Key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		b.Fatal(err)
	}
	key := p.issuer.Certificate.PublicKey.(*ecdsa.PublicKey)
	bare := func(n int) func() {
		return func() {
			for range n {
				if !ecdsa.VerifyASN1(key, digest[:], one) {
					b.Fatal("reference does not verify")
				}
			}
		}
	}
	policy := p.policy(b)
	fresh := issued(policy)
	b.Run("issued", func(b *testing.B) {
		ratio(b, 100, bare(1), func() {
			s, err := mdoc.Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.VerifyIssued(fresh); err != nil {
				b.Fatal(err)
			}
		})
	})
	shown := p.present(b, text, nil, tenPaths()...)
	b.Run("presented", func(b *testing.B) {
		ratio(b, 100, bare(2), func() {
			v, err := mdoc.Verify(shown, policy)
			if err != nil {
				b.Fatal(err)
			}
			if raw, err := v.Claims.JSON(); err != nil || len(raw) == 0 {
				b.Fatal("claims are missing")
			}
		})
	})
}

// BenchmarkHostile: documents of 64 KB that were made to cost, against a
// benign one of that size that verifies. What is refused must be refused for
// at most twenty times its cost.
func BenchmarkHostile(b *testing.B) {
	p, t, c := benchDocument(b)
	large := append([]byte(`{"`+namespace+`":{"title":"`), make([]byte, 62<<10)...)
	for i := range large {
		if large[i] == 0 {
			large[i] = 'a'
		}
	}
	c.Elements = append(large, `"}}`...)
	benign := seal(b, p, t, c)
	policy := issued(p.policy(b))
	verify := func() {
		s, err := mdoc.Parse(benign)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.VerifyIssued(policy); err != nil {
			b.Fatal(err)
		}
	}
	for name, doc := range hostile(b, 64<<10) {
		text := jose.Encode(doc)
		b.Run(name, func(b *testing.B) {
			ratio(b, 10, verify, func() {
				if s, err := mdoc.Parse(text); err == nil {
					_, _ = s.VerifyIssued(policy)
				}
			})
		})
	}
}

// hostile are documents of a size that are made to cost.
func hostile(t testing.TB, size int) map[string][]byte {
	p := parties()
	good, err := jose.Decode(p.issue(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	auth := members(t, good)["issuerAuth"]
	fill := func(head []byte, unit func(i int) []byte) []byte {
		n := 0
		var body []byte
		for len(body) < size-len(auth)-64 {
			body = append(body, unit(n)...)
			n++
		}
		return append(append(head, cbor.AppendMap(nil, n)...), body...)
	}
	unknown := func() []byte { return cbor.AppendText(cbor.AppendMap(nil, 2), "x") }
	withAuth := func(b []byte) []byte { return append(cbor.AppendText(b, "issuerAuth"), auth...) }
	out := map[string][]byte{
		"integer keys falling": withAuth(fill(unknown(), func(i int) []byte { return cbor.AppendNull(cbor.AppendUint(nil, uint64(60000-i))) })),
		"text keys":            withAuth(fill(unknown(), func(i int) []byte { return cbor.AppendNull(cbor.AppendText(nil, fmt.Sprintf("%04d", (i*7919)%10000))) })),
		"tags":                 withAuth(append(unknown(), append([]byte(strings.Repeat("\xc1", size-len(auth)-64)), 0)...)),
		"nested arrays":        withAuth(append(unknown(), append([]byte(strings.Repeat("\x81", size-len(auth)-64)), 0)...)),
	}
	// Many small maps, so that each key is compared.
	small := []byte{0xa8, 0x07, 0, 0x06, 0, 0x05, 0, 0x04, 0, 0x03, 0, 0x02, 0, 0x01, 0, 0x00, 0}
	n := (size - len(auth) - 64) / len(small)
	out["small maps"] = withAuth(append(cbor.AppendArray(unknown(), n), []byte(strings.Repeat(string(small), n))...))
	// A mobile security object that is large in each of its parts; what signs
	// it is wrong, and is looked at last.
	text := jose.Encode(good)
	object64 := func(name string, change func(*object)) {
		b, err := jose.Decode(resigned(t, text, p.holder, p.header(), change))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	object64("many digests", func(mso *object) {
		o := &object{}
		for i := range size / 9 { // stays below the limit of data items
			o.keys, o.values = append(o.keys, 60000-i), append(o.values, []byte{1})
		}
		mso.set("valueDigests", &object{[]any{namespace}, []any{o}})
	})
	object64("many namespaces", func(mso *object) {
		o := &object{}
		for i := range size / 9 { // stays below the limit of data items
			o.keys, o.values = append(o.keys, fmt.Sprintf("%05d", i*7919%100000)), append(o.values, &object{})
		}
		mso.set("valueDigests", o)
	})
	object64("many authorizations", func(mso *object) {
		o := &object{}
		for i := range size / 9 { // stays below the limit of data items
			o.keys, o.values = append(o.keys, fmt.Sprintf("%05d", i*7919%100000)), append(o.values, []any{})
		}
		mso.get("deviceKeyInfo").(*object).set("keyAuthorizations", &object{[]any{"dataElements"}, []any{o}})
	})
	// Many items that no digest fits.
	item := func(i int) []byte {
		b := cbor.AppendUint(cbor.AppendText(cbor.AppendMap(nil, 4), "digestID"), uint64(100000-i))
		b = cbor.AppendBytes(cbor.AppendText(b, "random"), make([]byte, 16))
		b = cbor.AppendText(cbor.AppendText(b, "elementIdentifier"), fmt.Sprint(i))
		return cbor.AppendBytes(cbor.AppendTag(nil, 24), cbor.AppendNull(cbor.AppendText(b, "elementValue")))
	}
	var list []byte
	for i := range mdoc.MaxItems {
		list = append(list, item(i)...)
	}
	spaces := cbor.AppendText(cbor.AppendMap(cbor.AppendText(cbor.AppendMap(nil, 2), "nameSpaces"), 1), namespace)
	out["items without digest"] = withAuth(append(cbor.AppendArray(spaces, mdoc.MaxItems), list...))
	return out
}

// members are the members of a map with text keys, as encoded.
func members(t testing.TB, b []byte) map[string][]byte {
	t.Helper()
	r := cbor.NewReader(b)
	out := map[string][]byte{}
	for range r.Map() {
		name := r.Text()
		out[name] = r.Skip()
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	return out
}
