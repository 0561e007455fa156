package verifier

import (
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// Whatever a wallet sends, without a seal of somebody trusted nothing verifies,
// and a result that does not verify holds no claims.
func FuzzResponse(f *testing.F) {
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	store, err := trust.NewStore(nil, 0)
	if err != nil {
		f.Fatal(err)
	}
	q, err := oid4vp.ParseQuery([]byte(`{"credentials":[{"id":"a","format":"dc+sd-jwt","multiple":true,"meta":{"vct_values":["x:y"]}},{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["x:y"]}}],
	  "credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`))
	if err != nil {
		f.Fatal(err)
	}
	v := &Verifier{c: Config{Now: func() time.Time { return now }, Seals: &seal.Validator{Trust: store}, RequestLife: time.Minute}}
	p, err := platform([]Acceptance{{Name: "x:y", Issuers: []string{"https://i.example"}, Registrations: []string{"NTRBE-0999999922"}}})
	if err != nil {
		f.Fatal(err)
	}
	asked := fetched{exchange: exchange{policy: p, Query: q, Nonce: "n", ClientID: "x509_hash:c", State: "s"}}
	for _, seed := range []string{
		`{"vp_token":{"a":["x~y"]},"state":"s"}`, `{"vp_token":{"a":[{"b":1}],"b":[""]}}`, `{"error":"access_denied"}`, `{"error":"x","vp_token":{}}`,
		`{"vp_token":{"a":["eyJhbGciOiJFUzI1NiIsInR5cCI6ImRjK3NkLWp3dCJ9.eyJ2Y3QiOiJ4OnkiLCJpc3MiOiJodHRwczovL2kuZXhhbXBsZSJ9.AAAA~e30.e30.AAAA"]}}`,
		`{"vp_token":[],"state":1}`, `{"vp_token":{"a":["x~y"],"a":["x~y"]}}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := v.judgeResponse(t.Context(), asked, b)
		if err != nil {
			return // could not be judged
		}
		if r.Verified || r.Qualification != seal.NotApplicable {
			t.Fatalf("verified: %q", b)
		}
		if r.State == StateAnswered && len(r.failures()) == 0 {
			t.Errorf("refused without a reason: %q", b)
		}
		for _, p := range r.Presentations {
			if p.Verified || p.Claims != nil || p.Issuer != "" || p.Type != "" {
				t.Errorf("reads as verified: %+v", p)
			}
		}
		if _, err := jose.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}
