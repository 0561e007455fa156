package sdtest

import (
	"fmt"
	"strings"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

// HostileSize is that of hostile documents and their proof values together, in bytes.
const HostileSize = 64 << 10

// HostileHead starts a document for Published.
const HostileHead = `{"@context":["https://www.w3.org/ns/credentials/v2","https://e.example/context/v1"],`

// Filled is a document of about so many bytes, made of pieces.
func Filled(size int, head string, piece func(i int) string, tail string) []byte {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < size-len(tail); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(piece(i))
	}
	b.WriteString(tail)
	return []byte(b.String())
}

// Scores is a document of so many bytes that makes a statement of every few.
func Scores(size int) []byte {
	return Filled(size, HostileHead+`"score":[`, func(i int) string { return fmt.Sprint(i) }, `]}`)
}

// Benign is a document of so many bytes as people have it.
func Benign(size int, in di.Input) di.Input {
	in.Context = []byte(`["https://www.w3.org/ns/credentials/v2","https://e.example/context/v1"]`)
	in.Document = Filled(size, HostileHead+`"score":[`, func(i int) string { return fmt.Sprintf(`"a score of %060d"`, i) }, `]}`)
	return in
}

// Hostile are documents that are made to cost, and leave room for a proof value of 2000
// bytes.
func Hostile() map[string][]byte {
	const size = HostileSize - 2000
	return map[string][]byte{
		"look-alikes": Filled(size, HostileHead+`"knows":[`, func(int) string { return `{"knows":{"knows":{}}}` }, `]}`),
		"clique": Filled(size, HostileHead+`"knows":[`, func(i int) string {
			return fmt.Sprintf(`{"id":"_:b%d","knows":[{"id":"_:b%d"},{"id":"_:b%d"}]}`, i, (i*7+1)%40, (i*11+3)%40)
		}, `]}`),
		"wide":    Scores(size),
		"nothing": Filled(size, HostileHead+`"score":[`, func(int) string { return "null" }, `]}`),
		"types":   Filled(size, HostileHead+`"type":[`, func(i int) string { return fmt.Sprintf(`"u:%d"`, i) }, `]}`),
	}
}
