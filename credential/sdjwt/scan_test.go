package sdjwt_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
)

// scanTexts are JSON texts, right and wrong, at the edges of RFC 8259.
var scanTexts = []string{
	`{}`, `[]`, ` {"a" : [ 1 , 2.5e-3 , -0 , "x" , true , false , null ] } `, `"\u00e9\ud83d\ude00\n\/"`, `{"\u0061":1}`, `{"a\"b":{"c":[]}}`,
	`0`, `-1`, `1.0`, `1E5`, `10`, `{"":""}`, "\"\u2028\"", "\"\x7f\"",
	``, ` `, `{`, `}`, `[`, `]`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{'a':1}`, `[1 2]`, `{"a":1 "b":2}`, `{"a":1}}`, `[1]]`, `1 2`,
	`01`, `-`, `-01`, `1.`, `.5`, `1e`, `1e+`, `+1`, `0x1`, `NaN`, `Infinity`, `tru`, `trueX`, `nul`, `"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\`,
	"\"\n\"", "\"\x00\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, `"\ud800\ud800"`,
	`1e308`, `1e309`, `-1e400`, `1e-400`, strings.Repeat("9", 308), strings.Repeat("9", 310),
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"x":{"a":1,"b":2,"a":3}}`, "\ufeff{}", `/**/{}`, `{"a":1}//`,
}

// The scanner accepts what the strict decoder accepts and nothing else, and
// reads the same values.
func checkScan(t *testing.T, text []byte) {
	t.Helper()
	var want any
	err := jose.Unmarshal(text, &want)
	out, ok := sdjwt.Scan(text)
	if ok != (err == nil) {
		t.Fatalf("scanner says %v, the decoder %v: %q", ok, err, text)
	}
	if !ok {
		return
	}
	var got any
	if err := jose.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%q is read as %q (%v)", text, out, err)
	}
}

func TestScan(t *testing.T) {
	for _, text := range scanTexts {
		checkScan(t, []byte(text))
	}
	for _, depth := range []int{jose.MaxDepth, jose.MaxDepth + 1} {
		checkScan(t, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
		checkScan(t, []byte(strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth)))
	}
	var many strings.Builder
	for i := range 100 {
		many.WriteString(`"` + strings.Repeat("k", i+1) + `":1,`)
	}
	checkScan(t, []byte("{"+many.String()+`"z":1}`))
	checkScan(t, []byte("{"+many.String()+`"kkk":1}`))
}
