package oid4vp

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// Appendix B: what a verifier's own lists name is taken, in each format, and
// nothing else is.
func TestAcceptsFormats(t *testing.T) {
	for _, tt := range []struct {
		format, entry, issuer string
		holder                jose.Alg
		want                  bool
	}{
		{"mso_mdoc", `{}`, "ES256", jose.ES256, true},
		{"mso_mdoc", `{"issuerauth_alg_values":[-7]}`, "ES256", jose.ES256, true},
		{"mso_mdoc", `{"issuerauth_alg_values":[-9],"deviceauth_alg_values":[-51]}`, "ES256", jose.ES384, true},
		{"mso_mdoc", `{"issuerauth_alg_values":[-35]}`, "ES256", jose.ES256, false},
		{"mso_mdoc", `{"deviceauth_alg_values":[-8]}`, "ES256", jose.ES256, false},
		{"mso_mdoc", `{"issuerauth_alg_values":["ES256"]}`, "ES256", jose.ES256, false},
		{"mso_mdoc", `{"issuerauth_alg_values":[-7]}`, "ES512", jose.ES256, false},
		{"jwt_vc_json", `{"alg_values":["ES256"]}`, "ES256", jose.ES256, true},
		{"jwt_vc_json", `{"alg_values":["ES256"]}`, "ES256", jose.ES384, false},
		{"jwt_vc_json", `{"alg_values":["ES384"]}`, "ES256", "", false},
		{"ldp_vc", `{"proof_type_values":["DataIntegrityProof"],"cryptosuite_values":["ecdsa-sd-2023","ecdsa-rdfc-2019"]}`, "ecdsa-sd-2023", jose.ES256, true},
		{"ldp_vc", `{"cryptosuite_values":["ecdsa-sd-2023"]}`, "ecdsa-sd-2023", jose.ES256, false}, // the presentation is of another
		{"ldp_vc", `{"proof_type_values":["DataIntegrityProof"],"cryptosuite_values":["bbs-2023"]}`, "ecdsa-sd-2023", jose.ES256, false},
		{"ldp_vc", `{"proof_type_values":["Ed25519Signature2020"]}`, "eddsa-rdfc-2022", jose.ES256, false},
		{"ldp_vc", `{}`, "eddsa-rdfc-2022", "", true},
		{"x", `{}`, "ES256", jose.ES256, false},
	} {
		m := &ClientMetadata{VPFormatsSupported: map[string]jsontext.Value{tt.format: jsontext.Value(tt.entry)}}
		if got := m.Accepts(tt.format, tt.issuer, tt.holder); got != tt.want {
			t.Errorf("%s %s with %s, %s: %v", tt.format, tt.entry, tt.issuer, tt.holder, got)
		}
		for _, other := range []string{"dc+sd-jwt", "mso_mdoc", "jwt_vc_json", "ldp_vc"} {
			if other != tt.format && m.Accepts(other, tt.issuer, tt.holder) {
				t.Errorf("%s is taken where only %s is named", other, tt.format)
			}
		}
	}
}

// What is said of a format is what the examples say, and is taken again by
// those who read it.
func TestSupportedEntry(t *testing.T) {
	s := Supported{Issuer: []jose.Alg{jose.ES256, jose.ES384}, Holder: []jose.Alg{jose.ES256}, Suites: []string{"ecdsa-rdfc-2019"}}
	for format, want := range map[credential.Format]string{
		credential.FormatSDJWTVC: `{"sd-jwt_alg_values":["ES256","ES384"],"kb-jwt_alg_values":["ES256"]}`,
		credential.FormatMdoc:    `{"issuerauth_alg_values":[-7,-9,-35,-51],"deviceauth_alg_values":[-7,-9]}`,
		credential.FormatJWT:     `{"alg_values":["ES256","ES384"]}`,
		credential.FormatLDP:     `{"proof_type_values":["DataIntegrityProof"],"cryptosuite_values":["ecdsa-rdfc-2019"]}`,
		"vc+sd-jwt":              ``,
	} {
		if got := s.Entry(format); string(got) != want {
			t.Errorf("%s: %s", format, got)
		}
	}
	for file, format := range map[string]string{"w3c_jwt_verifier_metadata.json": "jwt_vc_json", "w3c_ldp_verifier_metadata.json": "ldp_vc"} {
		var m ClientMetadata
		if err := jose.Unmarshal(testvectors.File(t, "openid4vp", "1.0/examples/client_metadata/"+file), &m); err != nil {
			t.Fatal(err)
		}
		if !m.Accepts(format, map[string]string{"jwt_vc_json": "ES384", "ldp_vc": "ecdsa-sd-2023"}[format], jose.ES256) {
			t.Errorf("%s is not taken by %s", format, file)
		}
	}
}

// A registration names types of every format, and no other format's.
func TestRegisteredTypes(t *testing.T) {
	registered := []RegisteredCredential{
		{Format: "dc+sd-jwt", Meta: Meta{VCTValues: []string{"a"}}},
		{Format: "mso_mdoc", Meta: Meta{DoctypeValue: "org.example.1"}},
		{Format: "ldp_vc", Meta: Meta{TypeValues: [][]string{{"https://x.example/b", "https://x.example/a"}, {"https://x.example/c"}}}},
	}
	r := Registration{IntendedUse: "u", Credentials: registered}
	for _, tt := range []struct {
		query string
		want  bool
	}{
		{`{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["a"]}}`, true},
		{`{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["org.example.1"]}}`, false},
		{`{"id":"q","format":"mso_mdoc","meta":{"doctype_value":"org.example.1"}}`, true},
		{`{"id":"q","format":"mso_mdoc","meta":{"doctype_value":"a"}}`, false},
		{`{"id":"q","format":"ldp_vc","meta":{"type_values":[["https://x.example/a","https://x.example/b"]]}}`, true},
		{`{"id":"q","format":"ldp_vc","meta":{"type_values":[["https://x.example/c"],["https://x.example/b","https://x.example/a","https://x.example/a"]]}}`, true},
		{`{"id":"q","format":"ldp_vc","meta":{"type_values":[["https://x.example/a"]]}}`, false},
		{`{"id":"q","format":"ldp_vc","meta":{"type_values":[["https://x.example/c"],["https://x.example/d"]]}}`, false},
		{`{"id":"q","format":"jwt_vc_json","meta":{"type_values":[["https://x.example/c"]]}}`, false},
	} {
		q, err := ParseQuery([]byte(`{"credentials":[` + tt.query + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Covers(q); (err == nil) != tt.want {
			t.Errorf("%s: %v", tt.query, err)
		}
	}
}
