package status

import (
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// What is written by hand is what the general writer writes.
func TestClaimsJSON(t *testing.T) {
	for _, bits := range []int{1, 2, 4, 8} {
		l, err := NewList(bits, 64)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Put(5, Invalid); err != nil {
			t.Fatal(err)
		}
		for _, ttl := range []time.Duration{0, time.Minute} {
			c := Claims{Subject: "https://issuer.example/status/\"é\\\n1", IssuedAt: time.Unix(1795439787, 0), Expires: time.Unix(1795526187, 0), TTL: ttl, List: l}
			got, err := c.marshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			packed, err := zlibPack(l.data)
			if err != nil {
				t.Fatal(err)
			}
			want, err := jose.Marshal(struct {
				Subject  string   `json:"sub"`
				IssuedAt int64    `json:"iat"`
				Expires  int64    `json:"exp"`
				TTL      int64    `json:"ttl,omitzero"`
				List     wireList `json:"status_list"`
			}{c.Subject, c.IssuedAt.Unix(), c.Expires.Unix(), int64(ttl / time.Second), wireList{bits, jose.Encode(packed)}})
			if err != nil || string(got) != string(want) {
				t.Errorf("found %s, expected %s, %v", got, want, err)
			}
		}
	}
	l, _ := NewList(1, 8)
	if b, err := (Claims{Subject: "\xff", List: l}).marshalJSON(); err == nil {
		t.Errorf("a subject that is no text: %s", b)
	}
}
