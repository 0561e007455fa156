package evidence_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func authority(t testing.TB) *devtsa.Authority {
	a, err := devtsa.New(devtsa.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func compact(t testing.TB, payload string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.SignCompact(key, map[string]any{"alg": "ES256", "typ": "vc+jwt", "iat": now.Unix()}, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stamp(t testing.TB, a *devtsa.Authority, f *evidence.File, kind evidence.Kind) []byte {
	imprint, err := f.Imprint(kind, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.Token(devtsa.Stamp{Hash: crypto.SHA256, Imprint: imprint, Time: now, Accuracy: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func add(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func crl(t testing.TB, a *devtsa.Authority, number int64) []byte {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7)}, a.Root, a.RootKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// made is evidence with every level, and stamped once more when asked.
func made(t testing.TB, restamped bool) *evidence.File {
	a := authority(t)
	f, err := evidence.Lift(compact(t, `{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	add(t, f.AddTimeStamp(evidence.SignatureTimeStamp, stamp(t, a, f, evidence.SignatureTimeStamp)))
	add(t, f.AddValues(evidence.Values{Certificates: []*x509.Certificate{a.Root}, CRLs: [][]byte{crl(t, a, 1)}, OCSPs: [][]byte{{0x30, 0}}}))
	add(t, f.AddTimeStamp(evidence.ArchiveTimeStamp, stamp(t, a, f, evidence.ArchiveTimeStamp)))
	if restamped {
		add(t, f.AddValues(evidence.Values{Certificates: a.Chain, CRLs: [][]byte{crl(t, a, 2)}}))
		add(t, f.AddTimeStamp(evidence.ArchiveTimeStamp, stamp(t, a, f, evidence.ArchiveTimeStamp)))
	}
	return f
}

func TestParseRefuses(t *testing.T) {
	token := strings.Split(compact(t, "{}"), ".")
	p, sig := token[0], token[2]
	one := func(header string) string {
		return fmt.Sprintf(`{"payload":"e30","protected":%q,"signature":%q,"header":%s}`, p, sig, header)
	}
	etsiU := func(elements ...string) string {
		for i, e := range elements {
			elements[i] = jose.Encode([]byte(e))
		}
		b, _ := json.Marshal(elements)
		return one(`{"etsiU":` + string(b) + `}`)
	}
	protected := func(h string) string {
		return fmt.Sprintf(`{"payload":"e30","protected":%q,"signature":"AAAA"}`, jose.Encode([]byte(h)))
	}
	root := base64.StdEncoding.EncodeToString(authority(t).Root.Raw)
	many := `{"etsiU":[` + strings.Repeat(`"e30",`, 256) + `"e30"]}`
	for name, tc := range map[string]struct{ in, says string }{
		"not JSON":                    {"e30.e30.AA", ""},
		"too long":                    {strings.Repeat(" ", evidence.MaxFile+1), "longer than"},
		"no payload":                  {fmt.Sprintf(`{"protected":%q,"signature":%q}`, p, sig), "payload is missing"},
		"payload no base64url":        {fmt.Sprintf(`{"payload":"{}","protected":%q,"signature":%q}`, p, sig), "payload"},
		"a member too many":           {fmt.Sprintf(`{"payload":"e30","protected":%q,"signature":%q,"extra":1}`, p, sig), "member extra"},
		"a member twice":              {fmt.Sprintf(`{"payload":"e30","payload":"e30","protected":%q,"signature":%q}`, p, sig), "twice"},
		"both forms":                  {fmt.Sprintf(`{"payload":"e30","protected":%q,"signature":%q,"signatures":[]}`, p, sig), "stands beside"},
		"no signatures":               {`{"payload":"e30","signatures":[]}`, "found 0"},
		"two signatures":              {fmt.Sprintf(`{"payload":"e30","signatures":[{"protected":%[1]q,"signature":"AAAA"},{"protected":%[1]q,"signature":"AAAA"}]}`, p), "found 2"},
		"unprotected kid":             {one(`{"kid":"1"}`), "header.kid"},
		"unprotected alg":             {one(`{"alg":"none"}`), "header.alg"},
		"kb_jwt":                      {one(`{"kb_jwt":"a.b.c"}`), "header.kb_jwt"},
		"protected etsiU":             {protected(`{"alg":"ES256","etsiU":["e30"]}`), "must not be protected"},
		"protected disclosures":       {protected(`{"alg":"ES256","disclosures":["e30"]}`), "must not be protected"},
		"unknown crit":                {protected(`{"alg":"ES256","foo":1,"crit":["foo"]}`), "crit[0]"},
		"b64 not critical":            {protected(`{"alg":"ES256","b64":false}`), "not critical"},
		"b64 true":                    {protected(`{"alg":"ES256","b64":true,"crit":["b64"]}`), "b64"},
		"disclosure no base64url":     {one(`{"disclosures":["~"]}`), "disclosure 0"},
		"disclosure empty":            {one(`{"disclosures":[""]}`), "disclosure 0"},
		"etsiU empty":                 {one(`{"etsiU":[]}`), "0 elements"},
		"etsiU too long":              {one(many), "257 elements"},
		"etsiU in clear":              {one(`{"etsiU":[{"sigTst":{"tstTokens":[{"val":"MAA="}]}}]}`), "not base64url"},
		"element no base64url":        {one(`{"etsiU":["="]}`), "etsiU[0]"},
		"element no JSON":             {etsiU("x"), "etsiU[0]"},
		"element empty":               {etsiU("{}"), "0 members"},
		"element of two":              {etsiU(`{"xVals":[],"rVals":{}}`), "2 members"},
		"element of no kind":          {etsiU(`{"sigtst":{}}`), "kind"},
		"time-stamp without a token":  {etsiU(`{"sigTst":{"tstTokens":[]}}`), "0 time-stamp tokens"},
		"two tokens":                  {etsiU(`{"sigTst":{"tstTokens":[{"val":"MAA="},{"val":"MAA="}]}}`), "2 time-stamp tokens"},
		"two archive tokens":          {etsiU(`{"arcTst":{"tstTokens":[{"val":"MAA="},{"val":"MAA="}]}}`), "2 time-stamp tokens"},
		"canonAlg":                    {etsiU(`{"arcTst":{"canonAlg":"urn:x","tstTokens":[{"val":"MAA="}]}}`), "canonAlg"},
		"token no base64":             {etsiU(`{"sigTst":{"tstTokens":[{"val":"MAA"}]}}`), "base64"},
		"token of another encoding":   {etsiU(`{"sigTst":{"tstTokens":[{"val":"MAA=","encoding":"http://uri.etsi.org/01903/v1.2.2#BER"}]}}`), "DER"},
		"xVals empty":                 {etsiU(`{"xVals":[]}`), "empty"},
		"rVals empty":                 {etsiU(`{"rVals":{}}`), "empty"},
		"tstVD empty":                 {etsiU(`{"tstVD":{}}`), "empty"},
		"other certificate":           {etsiU(`{"xVals":[{"otherCert":{"val":"MAA="}}]}`), "x509Cert"},
		"two certificates in one":     {etsiU(fmt.Sprintf(`{"xVals":[{"x509Cert":{"val":%[1]q},"otherCert":{"val":%[1]q}}]}`, root)), "x509Cert"},
		"no certificate":              {etsiU(`{"xVals":[{"x509Cert":{"val":"MAA="}}]}`), "cannot be read"},
		"too many time-stamps":        {etsiU(slices.Repeat([]string{`{"sigTst":{"tstTokens":[{"val":"MAA="}]}}`}, 65)...), "64 time-stamps"},
		"too many lists":              {etsiU(`{"rVals":{"crlVals":[` + strings.Repeat(`{"val":"MAA="},`, 256) + `{"val":"MAA="}]}}`), "256 values"},
		"too many answers":            {etsiU(slices.Repeat([]string{`{"tstVD":{"rVals":{"ocspVals":[` + strings.Repeat(`{"val":"MAA="},`, 128) + `{"val":"MAA="}]}}}`}, 2)...), "256 values"},
		"other revocation":            {etsiU(`{"rVals":{"otherVals":[{}]}}`), "otherVals"},
		"unknown member of a element": {etsiU(`{"rVals":{"crls":[]}}`), "etsiU[0]"},
	} {
		f, err := evidence.Parse([]byte(tc.in))
		if f != nil || !errors.Is(err, evidence.ErrFile) && !errors.Is(err, jades.ErrHeader) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, compact := range []string{"", "a.b", "e30.e30.AA.AA", p + ".=." + sig} {
		if f, err := evidence.Lift(compact); f != nil || err == nil {
			t.Errorf("lifted %q", compact)
		}
	}
}

func TestVerify(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.SignCompact(key, map[string]any{"alg": "ES256", "typ": "dc+sd-jwt"}, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := evidence.Lift(s, "WyJhIiwgMV0")
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []evidence.Serialisation{evidence.Flattened, evidence.General} {
		b, err := f.Marshal(form)
		if err != nil {
			t.Fatal(err)
		}
		back, err := evidence.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := back.Compact()
		if err != nil || compact != s || string(back.Payload()) != "{}" || back.Verify(key.Public()) != nil || len(back.Disclosures()) != 1 || back.Header().Typ != "dc+sd-jwt" {
			t.Errorf("%s: %v", b, err)
		}
		changed, err := evidence.Parse(bytes.Replace(b, []byte(`"e30"`), []byte(`"e319"`), 1))
		if err == nil && errors.Is(changed.Verify(key.Public()), jose.ErrSignature) {
			continue
		}
		t.Errorf("another payload: %v", err)
	}
	if _, err := f.Marshal(0); err == nil {
		t.Error("written in no form")
	}
}

func TestAugmentRefuses(t *testing.T) {
	a := authority(t)
	const sig, arc = evidence.SignatureTimeStamp, evidence.ArchiveTimeStamp
	lift := func() *evidence.File {
		f, err := evidence.Lift(compact(t, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	stamped := lift()
	add(t, stamped.AddTimeStamp(sig, stamp(t, a, stamped, sig)))
	moved := lift()
	before := stamp(t, a, moved, arc)
	add(t, moved.AddTimeStamp(sig, stamp(t, a, moved, sig)))
	add(t, moved.AddValues(evidence.Values{CRLs: [][]byte{crl(t, a, 1)}}))
	archived := made(t, false)
	for name, tc := range map[string]struct {
		f     *evidence.File
		kind  evidence.Kind
		token []byte
		want  error
	}{
		"no token":                     {lift(), sig, []byte{0x30, 0}, tsp.ErrToken},
		"of another signature":         {lift(), sig, stamp(t, a, stamped, sig), tsp.ErrImprint},
		"of the signature as archive":  {moved, arc, stamp(t, a, moved, sig), tsp.ErrImprint},
		"of what was before":           {moved, arc, before, tsp.ErrImprint},
		"archive without anything":     {stamped, arc, stamp(t, a, stamped, arc), evidence.ErrAugment},
		"signature after archive":      {archived, sig, stamp(t, a, archived, sig), evidence.ErrAugment},
		"a kind that is no time-stamp": {stamped, evidence.CertificateValues, stamp(t, a, stamped, sig), evidence.ErrAugment},
		"a kind that is not known":     {stamped, "x", stamp(t, a, stamped, sig), evidence.ErrAugment},
	} {
		n := len(tc.f.Elements())
		if err := tc.f.AddTimeStamp(tc.kind, tc.token); !errors.Is(err, tc.want) || len(tc.f.Elements()) != n {
			t.Errorf("%s: %v, %d elements", name, err, len(tc.f.Elements())-n)
		}
	}
	if _, err := stamped.Imprint(sig, crypto.Hash(0)); err == nil {
		t.Error("an imprint of no digest")
	}
}

// Values go into xVals and rVals, after an archive time-stamp into tstVD, and
// never twice.
func TestAddValues(t *testing.T) {
	f := made(t, true)
	if got := kinds(f); got != "sigTst xVals rVals arcTst tstVD arcTst" {
		t.Errorf("elements %s", got)
	}
	for _, of := range imprints(t, f) {
		if strings.HasSuffix(of, "false") {
			t.Error(of)
		}
	}
	n := len(f.Elements())
	if err := f.AddValues(f.Values()); err != nil || len(f.Elements()) != n {
		t.Errorf("the same values make %d elements: %v", len(f.Elements())-n, err)
	}
	var answers [][]byte
	for i := range 256 {
		answers = append(answers, []byte{4, 1, byte(i)})
	}
	if err := f.AddValues(evidence.Values{OCSPs: answers}); !errors.Is(err, evidence.ErrAugment) || len(f.Elements()) != n {
		t.Errorf("257 answers: %v", err)
	}
}

// An archive time-stamp covers every element before it, and their order.
func TestArchiveCoversElements(t *testing.T) {
	f := made(t, true)
	b, err := f.Marshal(evidence.Flattened)
	if err != nil {
		t.Fatal(err)
	}
	elements := f.Elements()
	for i := range elements[:len(elements)-1] {
		rest := slices.Delete(slices.Clone(elements), i, i+1)
		swapped := slices.Clone(elements)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		for _, changed := range [][]evidence.Element{rest, swapped} {
			var doc map[string]any
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, e := range changed {
				texts = append(texts, e.Text)
			}
			doc["header"].(map[string]any)["etsiU"] = texts
			in, _ := json.Marshal(doc)
			got, err := evidence.Parse(in)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(imprints(t, got), "ARCHIVE_TIMESTAMP:false") {
				t.Errorf("elements %s: all time-stamps hold", kinds(got))
			}
		}
	}
}

// A payload that is not encoded must be said not to be.
func TestUnencoded(t *testing.T) {
	encoded := jose.Encode([]byte(`{"alg":"ES256","typ":"jose+json"}`))
	if f, err := evidence.Unencoded(encoded, "e30", make([]byte, 64)); f != nil || !errors.Is(err, evidence.ErrFile) {
		t.Errorf("b64 is not there: %v", err)
	}
	plain := jose.Encode([]byte(`{"alg":"ES256","typ":"jose+json","b64":false,"crit":["b64"]}`))
	f, err := evidence.Unencoded(plain, `{"a":"\u00e9"}`, make([]byte, 64))
	if err != nil || string(f.Payload()) != `{"a":"\u00e9"}` {
		t.Errorf("%v", err)
	}
}
