package tsl_test

import (
	"crypto/x509"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// lists are real lists of 2019 and one test list, each within its own time.
var lists = []struct {
	file, territory string
	sequence        int64
	version         int
	now             time.Time
	providers       int
}{
	{"xml/eu-lotl.xml", "EU", 248, 5, time.Date(2019, 9, 10, 0, 0, 0, 0, time.UTC), 0},
	{"xml/ie-tl.xml", "IE", 18, 5, time.Date(2019, 9, 10, 0, 0, 0, 0, time.UTC), 3},
	{"xml/dk_tl-sn21.xml", "DK", 21, 5, time.Date(2019, 9, 10, 0, 0, 0, 0, time.UTC), 1},
	{"xml/mra-be-tl.xml", "BE", 1, 5, time.Date(2020, 6, 1, 0, 0, 0, 0, time.UTC), 1},
}

var embedded = regexp.MustCompile(`(?s)<ds:X509Certificate>(.*?)</ds:X509Certificate>`)

// embeddedSigner is what stands in KeyInfo of a vector; nothing trusts it but
// tests that ask whether the signature fits.
func embeddedSigner(t testing.TB, doc []byte) *x509.Certificate {
	t.Helper()
	m := embedded.FindSubmatch(doc)
	if m == nil {
		t.Fatal("no certificate in the vector")
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(m[1])), ""))
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRealLists(t *testing.T) {
	for _, v := range lists {
		t.Run(v.file, func(t *testing.T) {
			doc := testvectors.File(t, "tsl", v.file)
			l, err := tsl.Verify(doc, []*x509.Certificate{embeddedSigner(t, doc)}, v.now)
			if err != nil {
				t.Fatal(err)
			}
			if s := l.Scheme; s.Territory != v.territory || s.Sequence != v.sequence || s.Version != v.version || len(l.Providers) != v.providers {
				t.Errorf("found %s %d, version %d, %d providers", s.Territory, s.Sequence, s.Version, len(l.Providers))
			}
		})
	}
}
