package tsl_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
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

// TestRealSource follows the list of lists of September 2019 to the lists that
// it points to. Its signers are those of the publication in the Official
// Journal (C 276, 16.8.2019), as the list itself names them.
func TestRealSource(t *testing.T) {
	clock := time.Date(2019, 9, 10, 0, 0, 0, 0, time.UTC)
	lotl := testvectors.File(t, "tsl", "xml/eu-lotl.xml")
	parsed, err := tsl.Parse(lotl)
	if err != nil {
		t.Fatal(err)
	}
	w := newWeb()
	var signers []*x509.Certificate
	for _, p := range parsed.Scheme.Pointers {
		switch {
		case p.Type == tsl.TypeListOfLists && p.Media == tsl.MediaType:
			signers = p.Signers
			w.put(p.Location, lotl)
		case p.Territory == "IE" && p.Media == tsl.MediaType:
			w.put(p.Location, testvectors.File(t, "tsl", "xml/ie-tl.xml"))
		case p.Territory == "DK" && p.Media == tsl.MediaType:
			w.put(p.Location, testvectors.File(t, "tsl", "xml/dk_tl-sn21.xml"))
		}
	}
	source, err := tsl.NewSource(context.Background(), tsl.Config{
		Location: "https://ec.europa.eu/tools/lotl/eu-lotl.xml", Signers: signers,
		Journal:     "https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=uriserv:OJ.C_.2019.276.01.0001.01.ENG",
		Territories: []string{"IE", "DK"}, Fetcher: w, Now: func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	// Denmark had signed its list with a certificate of the right person that
	// the list of lists does not tell.
	err = source.Refresh(context.Background())
	var e *tsl.Error
	if !errors.As(err, &e) || e.Check != tsl.CheckSigner || !strings.Contains(err.Error(), "list of DK") {
		t.Errorf("found %v, expected the signer of Denmark's list to be refused", err)
	}
	wantLists(t, source, "EU 248, IE 18")
	if len(source.Lists().Anchors(tsl.ServiceCA, clock)) == 0 {
		t.Error("no authority is granted")
	}
	if len(source.Lists().Anchors(tsl.ServiceCA, clock.AddDate(1, 0, 0))) != 0 {
		t.Error("expired lists anchor authorities")
	}
}
