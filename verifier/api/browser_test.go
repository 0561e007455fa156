package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// The receiver's page gets what the browser's API takes, and its server brings
// the answer (OpenID4VP 1.0, Appendix A).
func TestDigitalCredentials(t *testing.T) {
	e := open(t)
	h := e.w.Issue()
	order := `{"purpose":"` + world.Use + `","flow":"digital-credentials","browser":{"origin":"https://www.university.example"},"dcql_query":{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["` + world.VCT + `"]},"claims":[{"path":["title"]}]}]}}`
	rec := e.do(call{method: "POST", path: "/verifier/v1/transactions", client: world.University, body: order, mediaType: "application/json"}, http.StatusCreated)
	var started struct {
		ID      string `json:"transaction_id"`
		Link    string `json:"link"`
		Digital struct {
			Requests []struct {
				Protocol string          `json:"protocol"`
				Data     json.RawMessage `json:"data"`
			} `json:"requests"`
		} `json:"digital"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &started); err != nil || len(started.Digital.Requests) != 1 || started.Link != "" {
		t.Fatalf("%v %s", err, rec.Body)
	}
	request := started.Digital.Requests[0]
	const origin = "https://www.university.example"
	v, err := oid4vp.VerifyDC(t.Context(), request.Protocol, request.Data, oid4vp.Verification{Origin: origin, Prefixes: []oid4vp.Prefix{oid4vp.PrefixX509Hash}, Modes: []string{oid4vp.ModeDCAPIJWT}, Chain: world.Anchored{W: e.w}, Now: e.w.Now()})
	if err != nil {
		t.Fatal(err)
	}
	asked := world.Asked{Verified: v, W: e.w}
	form := asked.Encrypt(oid4vp.Response{VPToken: oid4vp.VPToken{"diploma": oid4vp.Presentations(asked.Present(h, asked.Paths(), func(b *world.Binding) { b.Audience = v.PresentTo() }))}})
	path := "/verifier/v1/transactions/" + started.ID + "/response"
	body := func(change func(map[string]any)) string {
		m := map[string]any{"origin": origin, "protocol": request.Protocol, "data": map[string]any{"response": form.Get("response")}}
		if change != nil {
			change(m)
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	post := func(client, text string, want int) {
		t.Helper()
		e.do(call{method: "POST", path: path, client: client, body: text, mediaType: "application/json"}, want)
	}
	post("", body(nil), http.StatusUnauthorized)
	post(world.Employer, body(nil), http.StatusNotFound)
	post(world.University, body(func(m map[string]any) { m["origin"] = "https://evil.example" }), http.StatusBadRequest)
	post(world.University, body(func(m map[string]any) { m["more"] = true }), http.StatusBadRequest)
	post(world.University, body(nil), http.StatusOK)
	post(world.University, body(nil), http.StatusGone)
	rec = e.do(call{method: "GET", path: "/verifier/v1/transactions/" + started.ID + "/result", client: world.University}, http.StatusOK)
	var r verifier.Result
	if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil || !r.Verified {
		t.Errorf("%v %s", err, rec.Body)
	}
}
