package api_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust/tsl"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
	"github.com/zegel-id/zegel/verifier/api"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

func init() {
	for _, text := range []string{"application/jose", "application/dc+sd-jwt", "application/vc+jwt"} {
		openapi3filter.RegisterBodyDecoder(text, openapi3filter.PlainBodyDecoder)
	}
}

const sealsPath = "/verifier/v1/seals/validate"

func (e *edge) judge(mediaType, body string) report.Report {
	e.t.Helper()
	rec := e.do(call{method: "POST", path: sealsPath, client: world.University, mediaType: mediaType, body: body}, http.StatusOK)
	var r report.Report
	if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil {
		e.t.Fatal(err)
	}
	return r
}

// A receiver has the seal judged on what it was sent from elsewhere.
func TestSeals(t *testing.T) {
	e := open(t)
	text := e.w.Issue().Text
	sealed, _, _ := strings.Cut(text, "~")
	file, err := evidence.Lift(sealed)
	if err != nil {
		t.Fatal(err)
	}
	inJSON, err := file.Marshal(evidence.General)
	if err != nil {
		t.Fatal(err)
	}
	for mediaType, body := range map[string]string{"application/dc+sd-jwt": text, "application/jose": sealed, "text/plain": sealed + "\n", "application/json": string(inJSON)} {
		r := e.judge(mediaType, body)
		if r.Statement == nil || !strings.Contains(r.Statement.Texts["nl"], "Verzegeld door") || !r.Statement.Source.Notified {
			t.Errorf("%s: what it says is not there: %+v", mediaType, r.Statement)
		}
		if !r.Accepted || r.Indication != seal.TotalPassed || r.Provider == nil || r.Source == nil || len(r.Basis.Lists) != 1 || !r.ValidatedAt.Equal(e.w.Now()) {
			t.Errorf("%s: %+v", mediaType, r)
		}
	}
	e.w.RevokeSeal()
	if r := e.judge("application/jose", sealed); r.Accepted || r.SubIndication != seal.RevokedNoPOE || r.Statement != nil || r.Revocation == nil || r.Revocation.State != "revoked" {
		t.Errorf("revoked: %+v", r)
	}
	if r := e.judge("text/plain", "no seal"); r.Accepted || r.SubIndication != seal.FormatFailure {
		t.Errorf("no seal: %+v", r)
	}
	for _, secret := range []string{sealed, "no seal"} {
		if strings.Contains(e.log.String(), secret) {
			t.Error("the log holds the document")
		}
	}
}

func TestSealsRefuses(t *testing.T) {
	e := open(t)
	sealed, _, _ := strings.Cut(e.w.Issue().Text, "~")
	for name, tc := range map[string]struct {
		client, mediaType, body string
		want                    int
	}{
		"without a key":          {"", "application/jose", sealed, http.StatusUnauthorized},
		"without the permission": {"other", "application/jose", sealed, http.StatusForbidden},
		"not on the register":    {"stranger", "application/jose", sealed, http.StatusForbidden},
		"empty":                  {world.University, "text/plain", "", http.StatusBadRequest},
		"blank":                  {world.University, "text/plain", " \n", http.StatusBadRequest},
		"another media type":     {world.University, "application/pdf", sealed, http.StatusUnsupportedMediaType},
		"without a media type":   {world.University, "", sealed, http.StatusUnsupportedMediaType},
		"longer than is read":    {world.University, "text/plain", strings.Repeat("a", report.MaxFile+1), http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			e.t = t
			e.do(call{method: "POST", path: sealsPath, client: tc.client, mediaType: tc.mediaType, body: tc.body}, tc.want)
		})
	}
	e.t = t
	e.w.Suspend()
	e.do(call{method: "POST", path: sealsPath, client: world.University, mediaType: "application/jose", body: sealed}, http.StatusForbidden)
}

// Evidence is judged at every level, with the anchors of the verifier; a time-stamp
// of somebody else counts for nothing and is no seal to be relied on.
func TestSealLevels(t *testing.T) {
	e := open(t)
	sealed, _, _ := strings.Cut(e.w.Issue().Text, "~")
	other, err := devtsa.New(devtsa.Options{Now: e.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	at := e.w.Now()
	documents := map[seal.Level]string{}
	for _, level := range []seal.Level{seal.BaselineB, seal.BaselineT, seal.BaselineLT, seal.BaselineLTA} {
		b, err := e.w.Evidence(sealed, level, e.w.Stamps).Marshal(evidence.Flattened)
		if err != nil {
			t.Fatal(err)
		}
		documents[level] = string(b)
	}
	strange, err := e.w.Evidence(sealed, seal.BaselineT, other).Marshal(evidence.General)
	if err != nil {
		t.Fatal(err)
	}
	e.w.Advance(time.Hour)
	for level, document := range documents {
		for _, mediaType := range []string{"application/jose+json", "application/json"} {
			r := e.judge(mediaType, document)
			if !r.Accepted || r.Level != level || r.Provider == nil || (level == seal.BaselineB) != r.BestSignatureTime.Equal(e.w.Now()) || level != seal.BaselineB && !r.BestSignatureTime.Equal(at) {
				t.Errorf("%s: %s at %s\n%s", level, r.Level, r.BestSignatureTime, r.Checks)
			}
		}
	}
	if r := e.judge("application/json", string(strange)); r.Accepted || r.Level != seal.BaselineB || len(r.TimeStamps) != 1 || r.TimeStamps[0].Accepted {
		t.Errorf("a strange time-stamp: %s\n%s", r.Level, r.Checks)
	}
	// Revoked after it was stamped: what nothing proves to be older falls.
	e.w.RevokeSeal()
	for level, document := range documents {
		if r := e.judge("application/json", document); r.Accepted != (level != seal.BaselineB) {
			t.Errorf("%s, revoked since: %s %s\n%s", level, r.Indication, r.SubIndication, r.Checks)
		}
	}
}

// With trusted lists the answer says which of them decided.
func TestSealTrustedLists(t *testing.T) {
	e := open(t)
	e.w.Config.Seals.Lists = trustedLists(t, e.w.Now(), e.w.Hierarchy.SealCA.Certificate)
	sealed, _, _ := strings.Cut(e.w.Issue().Text, "~")
	r := e.judge("application/jose", sealed)
	if !r.Accepted || r.Qualification != seal.QESeal || r.TrustedLists == nil || len(r.TrustedLists.Services) != 1 || r.TrustedLists.Services[0].Status != "granted" || len(r.Basis.Lists) != 3 {
		t.Errorf("%s %+v %+v\n%s", r.Qualification, r.TrustedLists, r.Basis, r.Checks)
	}
}

func trustedLists(t *testing.T, at time.Time, ca *x509.Certificate) *tsl.Lists {
	t.Helper()
	key := world.NewKey()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST list signer"}, NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	verified := func(l tsltest.List) *tsl.List {
		l.Issued = at
		out, err := tsl.Verify(tsltest.Sign(t, l.XML(), tsltest.Signature{Certificate: signer, Key: key, At: at}), []*x509.Certificate{signer}, at)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	top := verified(tsltest.List{Type: tsltest.TypeListOfLists, Territory: "EU", Pointers: []tsltest.Pointer{{Location: "https://lists.example/be", Type: tsltest.TypeNational, Territory: "BE", Signers: []*x509.Certificate{signer}}}})
	lists, err := tsl.NewLists(top, verified(tsltest.List{Type: tsltest.TypeNational, Territory: "BE", Providers: []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{
		{Since: at.AddDate(-3, 0, 0), Certificates: []*x509.Certificate{ca}, Extensions: []string{tsltest.For("ForeSeals")}},
	}}}}))
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

// Whatever is sent gets a verdict, and soon: what is too deep, too many or no text
// is no signature, and none of it is repeated.
func TestHostileSeals(t *testing.T) {
	e := open(t)
	sealed, _, _ := strings.Cut(e.w.Issue().Text, "~")
	parts := strings.Split(sealed, ".")
	inJSON := func(header string) string {
		return `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `","header":` + header + `}`
	}
	element := jose.Encode([]byte(`{"sigTst":{"tstTokens":[{"val":"MAA="}]}}`))
	many := func(n int, element string) string {
		return inJSON(`{"etsiU":[` + strings.TrimSuffix(strings.Repeat(`"`+element+`",`, n), ",") + `]}`)
	}
	for name, body := range map[string]string{
		"nested":               strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"nested in a header":   inJSON(`{"etsiU":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`),
		"elements":             many(300, element),
		"elements, very many":  many(100_000, element),
		"one element, long":    many(1, jose.Encode(bytes.Repeat([]byte("x"), 4<<20))),
		"a member twice":       `{"payload":"","payload":"","protected":"","signature":""}`,
		"no UTF-8":             "{\"payload\":\"\xff\xfe\"}",
		"bytes":                "\x00\x01\x02",
		"dots":                 strings.Repeat(".", 1<<20),
		"tildes":               sealed + strings.Repeat("~", 1<<20),
		"disclosures":          sealed + "~" + strings.Repeat("WyJhIiwiYiIsImMiXQ~", 10_000),
		"as long as is read":   strings.Repeat("a", report.MaxFile),
		"a header of gigabyte": strings.Repeat("A", 6<<20) + "." + parts[1] + "." + parts[2],
	} {
		t.Run(name, func(t *testing.T) {
			e.t = t
			rec := e.do(call{method: "POST", path: sealsPath, client: world.University, mediaType: "text/plain", body: body}, http.StatusOK)
			var r report.Report
			if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil || r.Accepted || r.Indication != seal.TotalFailed {
				t.Errorf("%v: %s %s\n%s", err, r.Indication, r.SubIndication, r.Checks)
			}
			if rec.Body.Len() > 64<<10 {
				t.Errorf("a report of %d bytes", rec.Body.Len())
			}
		})
	}
	e.t = t
	// As many time-stamps as may be there, of somebody else: each fails by itself.
	other, err := devtsa.New(devtsa.Options{Now: e.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	if r := e.judge("application/json", many(64, e.w.Evidence(sealed, seal.BaselineT, other).Elements()[0].Text)); r.Accepted || r.Indication != seal.TotalPassed || len(r.TimeStamps) != 64 || r.Level != seal.BaselineB {
		t.Errorf("%s %s, %d time-stamps\n%.600s", r.Indication, r.Level, len(r.TimeStamps), r.Checks)
	}
}

// A receiver has its share of what is judged at once, and all together no more than
// there is.
func TestSealSlots(t *testing.T) {
	for want, slots := range map[int]*rest.Slots{http.StatusTooManyRequests: rest.NewSlots(0, 1), http.StatusServiceUnavailable: rest.NewSlots(1, 0)} {
		e := open(t, func(o *api.Options) { o.Seals = slots })
		rec := e.do(call{method: "POST", path: sealsPath, client: world.University, mediaType: "text/plain", body: "x"}, want)
		if rec.Header().Get("Retry-After") == "" {
			t.Errorf("%d does not say when to come again", want)
		}
	}
}

// The document describes a report as its own schema does.
func TestReportSchema(t *testing.T) {
	e := open(t)
	rec := httptest.NewRecorder()
	e.handler.ServeHTTP(rec, httptest.NewRequest("GET", "/verifier/v1/openapi.json", nil))
	var api struct {
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	var own map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &api); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bytes.ReplaceAll(report.Schema, []byte("#/$defs/"), []byte("#/components/schemas/Seal")), &own); err != nil {
		t.Fatal(err)
	}
	parts := own["$defs"].(map[string]any)
	for _, name := range []string{"$schema", "$id", "title", "$defs"} {
		delete(own, name)
	}
	parts["Report"] = own
	for name, want := range parts {
		if !reflect.DeepEqual(api.Components.Schemas["Seal"+name], want) {
			t.Errorf("Seal%s in openapi.json is not what seal/report/schema.json says", name)
		}
	}
}
