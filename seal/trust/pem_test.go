package trust_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/seal/trust"
)

func FuzzParsePEM(f *testing.F) {
	ca := mint(f, authority("CA"), nil)
	one := trust.EncodePEM(ca.cert)
	f.Add(one)
	f.Add(append(append([]byte{}, one...), one...))
	f.Add([]byte(strings.ReplaceAll(string(one), "CERTIFICATE", "EC PRIVATE KEY")))
	f.Add(append([]byte("Subject: CA\n"), one...))
	f.Add(append(append([]byte{}, one...), "rest"...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		chain, err := trust.ParsePEM(b)
		if err != nil {
			if chain != nil {
				t.Fatal("a failed parse returned certificates")
			}
			return
		}
		if len(chain) == 0 || bytes.Contains(b, []byte("PRIVATE KEY")) && !bytes.Contains(b, []byte("CERTIFICATE")) {
			t.Fatalf("accepted %q", b)
		}
		again, err := trust.ParsePEM(trust.EncodePEM(chain...))
		if err != nil || len(again) != len(chain) {
			t.Fatalf("certificates do not survive a round trip: %v", err)
		}
		for i := range chain {
			if !again[i].Equal(chain[i]) {
				t.Fatal("another certificate came back")
			}
		}
	})
}
