package oid4vp

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// The claims path pointers of Section 7.3, asked for by a query.
func TestPathExample(t *testing.T) {
	c := sd("t", inline(t, "7.3")[0])
	for path, want := range map[string][]string{
		`["name"]`:                       {`"Arthur Dent"`},
		`["address"]`:                    {`{"locality":"Milliways","postal_code":"12345","street_address":"42 Market Street"}`},
		`["address","street_address"]`:   {`"42 Market Street"`},
		`["degrees",null,"type"]`:        {`"Bachelor of Science"`, `"Master of Science"`},
		`["nationalities",1]`:            {`"Betelgeusian"`},
		`["nationalities",2]`:            nil,
		`["degrees","type"]`:             nil,
		`["name",null]`:                  nil,
		`["address","street_address",0]`: nil,
	} {
		q := query(t, `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["t"]},"claims":[{"path":`+path+`}]}]}`)
		choices, err := q.Match([]Candidate{c})
		if (err == nil) != (want != nil) {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if err != nil {
			continue
		}
		var got []string
		for _, p := range choices[0].Fits[0].Paths {
			for _, v := range c.Select(p) {
				got = append(got, string(v))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s selects %q, want %q", path, got, want)
		}
	}
}

// The trusted authorities of Section 6.1.1.
func TestAuthorityExamples(t *testing.T) {
	for _, section := range []string{"6.1.1.1", "6.1.1.2", "6.1.1.3"} {
		text := inline(t, section)[0]
		q := query(t, `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["t"]},"trusted_authorities":[`+text+`]}]}`)
		a := q.Credentials[0].TrustedAuthorities[0]
		c := sd("t", `{}`)
		key, err := jose.Decode(a.Values[0])
		if a.Type == AuthorityAKI {
			if err != nil {
				t.Fatal(err)
			}
			c.keys = [][]byte{{1}, key}
		}
		if _, err := q.Match([]Candidate{c}); (err == nil) != (a.Type == AuthorityAKI) {
			t.Errorf("%s: %v", a.Type, err)
		}
		c.keys = [][]byte{{1}}
		if _, err := q.Match([]Candidate{c}); !errors.Is(err, ErrNoMatch) {
			t.Errorf("%s: a credential of another authority fits: %v", a.Type, err)
		}
	}
}

// The value matching and claim set examples of Section 6.
func TestQueryExamplesMatch(t *testing.T) {
	const vct = "https://credentials.example.com/identity_credential"
	for _, tt := range []struct {
		file, claims string
		want         string // paths; empty: no match
	}{
		{"value_matching_simple.json", `{"family_name":"Doe","given_name":"J","address":{"street_address":"S"},"postal_code":"90211","email":"x"}`, `["family_name"] ["given_name"] ["address","street_address"] ["postal_code"]`},
		{"value_matching_simple.json", `{"family_name":"doe","given_name":"J","address":{"street_address":"S"},"postal_code":"90211"}`, ``},
		{"value_matching_simple.json", `{"family_name":"Doe","given_name":"J","address":{"street_address":"S"},"postal_code":90211}`, ``},
		{"value_matching_simple.json", `{"family_name":"Doe","given_name":"J","address":{},"postal_code":"90210"}`, ``},
		{"claims_alternatives.json", `{"family_name":"D","postal_code":"1","locality":"L","region":"R","date_of_birth":"B"}`, `["family_name"] ["locality"] ["region"] ["date_of_birth"]`},
		{"claims_alternatives.json", `{"family_name":"D","postal_code":"1","locality":"L","date_of_birth":"B"}`, `["family_name"] ["postal_code"] ["date_of_birth"]`},
		{"claims_alternatives.json", `{"family_name":"D","postal_code":"1","locality":"L","region":"R"}`, ``},
	} {
		choices, err := query(t, string(queries(t)[tt.file])).Match([]Candidate{sd(vct, tt.claims)})
		var got []string
		if err == nil {
			for _, p := range choices[0].Fits[0].Paths {
				got = append(got, p.String())
			}
		}
		if strings.Join(got, " ") != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s with %s: %v, %v", tt.file, tt.claims, got, err)
		}
	}
}

// The request objects that the text prints are read, but for the one that
// answers to a redirect_uri and names no key to sign with.
func TestRequestExamples(t *testing.T) {
	placeholder := func(text string) string { return strings.ReplaceAll(text, "{...}", exampleQuery) }
	for _, tt := range []struct {
		section, has, field string
		code                ErrorCode
	}{
		{"5.4", `"dcql_query": {`, "redirect_uri", InvalidRequest},
		{"5.10.1", `"direct_post"`, "", ""},
		{"8.2", `"client_id": "redirect_uri:`, "", ""},
		{"8.3", `"dc_api.jwt"`, "", ""},
	} {
		found := false
		for _, text := range inline(t, tt.section) {
			if !strings.HasPrefix(strings.TrimSpace(text), "{") || !strings.Contains(text, tt.has) {
				continue
			}
			found = true
			r, err := ParseRequest([]byte(placeholder(text)), now)
			if tt.field == "" {
				if err != nil || r.DCQLQuery == nil {
					t.Errorf("%s: %v", tt.section, err)
				}
				continue
			}
			wantField(t, err, tt.field, tt.code)
			if r.ClientID != "" {
				t.Errorf("%s: a failed parse returned a request", tt.section)
			}
		}
		if !found {
			t.Errorf("section %s prints no such request any more", tt.section)
		}
	}
	// The same object with an encrypted answer is read.
	text := placeholder(inline(t, "5.10.1")[0])
	var p m
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	good := request(t, "")
	p["response_mode"], p["state"], p["aud"], p["client_metadata"] = ModeDirectPostJWT, "s", AudienceSelfIssued, good["client_metadata"]
	b, _ := jose.Marshal(p)
	if r, err := ParseRequest(b, now); err != nil || r.WalletNonce != "qPmxiNFCR3QTm19POc8u" || r.ClientID != "x509_san_dns:client.example.org" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestVerifierInfoExample(t *testing.T) {
	for _, text := range inline(t, "5.1") {
		if !strings.Contains(text, `"format"`) {
			continue
		}
		var info VerifierInfo
		if err := jose.Unmarshal([]byte(text), &info); err != nil || info.Format != "jwt" || !slices.Equal(info.CredentialIDs, []string{"id_card"}) {
			t.Errorf("%+v, %v", info, err)
		}
		return
	}
	t.Error("section 5.1 prints no verifier_info any more")
}

func TestClientMetadataExamples(t *testing.T) {
	for file, format := range map[string]string{"sd_jwt_vc": "dc+sd-jwt", "mso_mdoc": "mso_mdoc", "w3c_jwt": "jwt_vc_json", "w3c_ldp": "ldp_vc"} {
		var c ClientMetadata
		if err := jose.Unmarshal(testvectors.File(t, "openid4vp/1.0/examples/client_metadata", file+"_verifier_metadata.json"), &c); err != nil || c.VPFormatsSupported[format] == nil {
			t.Errorf("%s: %v", file, err)
		}
		wantField(t, c.validate(true), "client_metadata.jwks", InvalidRequest) // they offer no key
		if format == "dc+sd-jwt" {
			var want, got m
			ours := Supported{Issuer: []jose.Alg{jose.ES256, jose.ES384}, Holder: []jose.Alg{jose.ES256, jose.ES384}}.Entry(credential.FormatSDJWTVC)
			if json.Unmarshal(c.VPFormatsSupported[format], &want) != nil || json.Unmarshal(ours, &got) != nil || !reflect.DeepEqual(want, got) {
				t.Errorf("ours is %s", ours)
			}
		}
	}
}

// HAIP once printed a Presentation Exchange query; OpenID4VP 1.0 has DCQL only.
func TestPresentationDefinitionIsNoQuery(t *testing.T) {
	_, err := ParseQuery(testvectors.File(t, "haip/1.0/examples", "presentation_definition_sd_jwt_vc.json"))
	wantField(t, err, "credentials", InvalidRequest)
}

func TestErrorExample(t *testing.T) {
	r, err := ParseResponse(testvectors.File(t, "openid4vp/1.0/examples/digital_credentials_api", "error_invalid_request.json"), query(t, exampleQuery))
	if err != nil || r.Error != InvalidRequest || r.VPToken != nil {
		t.Errorf("%+v, %v", r, err)
	}
}
