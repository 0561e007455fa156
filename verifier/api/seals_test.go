package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/report"
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
		if !r.Accepted || r.Indication != seal.TotalPassed || r.Provider == nil || r.Source == nil || len(r.Basis.Lists) != 1 || !r.ValidatedAt.Equal(e.w.Now()) {
			t.Errorf("%s: %+v", mediaType, r)
		}
	}
	e.w.RevokeSeal()
	if r := e.judge("application/jose", sealed); r.Accepted || r.SubIndication != seal.RevokedNoPOE || r.Revocation == nil || r.Revocation.State != "revoked" {
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
