package oid4vci

import (
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func TestCredentialRequestExamples(t *testing.T) {
	for i, text := range inline(t, "8.2") {
		b := []byte(strings.ReplaceAll(strings.ReplaceAll(text[strings.Index(text, "{"):], "\n       ", ""), "\n             q", "q"))
		// Values are broken over lines for display.
		var joined strings.Builder
		for line := range strings.Lines(string(b)) {
			joined.WriteString(strings.TrimSpace(line))
		}
		r, err := ParseCredentialRequest([]byte(joined.String()))
		if err != nil {
			t.Errorf("example %d: %v", i, err)
			continue
		}
		if r.Proofs.Type() == "" {
			t.Errorf("example %d: %+v", i, r)
		}
	}
	// Two examples of the repository are from older drafts.
	_, err := ParseCredentialRequest(vector(t, "credential_request_iso_mdl.json"))
	wantField(t, err, "credential_identifier", InvalidCredentialRequest)
	if _, err = ParseCredentialRequest(testvectors.File(t, "haip/1.0/examples", "credential_request_sd_jwt_vc.json")); err == nil {
		t.Error("a request of an old draft was accepted")
	}
}

func TestCredentialRequestRefuses(t *testing.T) {
	for _, tt := range []struct {
		text, field string
		code        ErrorCode
	}{
		{`{"credential_identifier":"a"}`, "", ""},
		{`{"credential_configuration_id":"a","proofs":{"jwt":["x"]},"format":"x"}`, "", ""},
		{`{}`, "credential_identifier", InvalidCredentialRequest},
		{`{"credential_identifier":"a","credential_configuration_id":"b"}`, "credential_identifier", InvalidCredentialRequest},
		{`{"credential_identifier":"","credential_configuration_id":"b"}`, "credential_identifier", InvalidCredentialRequest},
		{`{"credential_identifier":""}`, "credential_identifier", InvalidCredentialRequest},
		{`{"credential_identifier":1}`, "credential request", InvalidCredentialRequest},
		{`{"credential_identifier":"a","credential_identifier":"a"}`, "credential request", InvalidCredentialRequest},
		{`{"credential_identifier":"a"}{}`, "credential request", InvalidCredentialRequest},
		{`[]`, "credential request", InvalidCredentialRequest},
		{`{"credential_identifier":"a","proofs":{}}`, "proofs", InvalidProof},
		{`{"credential_identifier":"a","proofs":{"jwt":[]}}`, "proofs", InvalidProof},
		{`{"credential_identifier":"a","proofs":{"jwt":null}}`, "proofs", InvalidProof},
		{`{"credential_identifier":"a","proofs":{"jwt":"x"}}`, "proofs.jwt", InvalidProof},
		{`{"credential_identifier":"a","proofs":{"jwt":["x"],"attestation":["y"]}}`, "proofs", InvalidProof},
		{`{"credential_identifier":"a","proofs":{"attestation":["x","y"]}}`, "proofs.attestation", InvalidProof},
		{`{"credential_identifier":"a","proofs":{"cwt":["x"]}}`, "proofs", InvalidProof},
		{`{"credential_identifier":"a","credential_response_encryption":{}}`, "jwk", InvalidEncryptionParameters},
		{`{"credential_identifier":"a","credential_response_encryption":{"jwk":{"kty":"oct","k":"AA"},"enc":"A128GCM"}}`, "jwk", InvalidEncryptionParameters},
	} {
		r, err := ParseCredentialRequest([]byte(tt.text))
		if tt.field == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.text, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: accepted", tt.text)
			continue
		}
		wantField(t, err, tt.field, tt.code)
		if r.CredentialIdentifier != "" || r.Proofs != nil {
			t.Errorf("%s: a failed parse returned a request", tt.text)
		}
	}
}

func TestCredentialRequestCheck(t *testing.T) {
	text, _ := jose.Marshal(goodMetadata())
	m, err := ParseCredentialIssuerMetadata(text, exampleIssuer)
	if err != nil {
		t.Fatal(err)
	}
	m.CredentialConfigurationsSupported["open"] = CredentialConfiguration{Format: "dc+sd-jwt", VCT: "x"}
	enc := ResponseEncryption{JWK: m.CredentialRequestEncryption.JWKS.Keys[0], Enc: "A128GCM"}
	with := func(r CredentialRequest, change func(*CredentialRequest)) CredentialRequest {
		p := *r.Proofs
		r.Proofs = &p
		change(&r)
		return r
	}
	byID := CredentialRequest{CredentialIdentifier: "diploma-1", Proofs: &Proofs{JWT: []string{"x"}}}
	byConf := CredentialRequest{CredentialConfigurationID: "led", Proofs: &Proofs{JWT: []string{"x"}}}
	identifiers := Granted{Identifiers: map[string]string{"diploma-1": "led", "lost": "gone"}}
	configurations := Granted{Configurations: []string{"led", "open"}}
	for _, tt := range []struct {
		name      string
		r         CredentialRequest
		g         Granted
		encrypted bool
		tune      func(*CredentialIssuerMetadata)
		field     string
		code      ErrorCode
	}{
		{"by identifier", byID, identifiers, false, nil, "", ""},
		{"by configuration", byConf, configurations, false, nil, "", ""},
		{"without binding", CredentialRequest{CredentialConfigurationID: "open"}, configurations, false, nil, "", ""},
		{"configuration though identifiers were given", byConf, identifiers, false, nil, "credential_identifier", InvalidCredentialRequest},
		{"identifier though none was given", byID, configurations, false, nil, "credential_configuration_id", InvalidCredentialRequest},
		{"identifier of another token", with(byID, func(r *CredentialRequest) { r.CredentialIdentifier = "diploma-2" }), identifiers, false, nil, "credential_identifier", UnknownCredentialIdentifier},
		{"identifier of a lost configuration", with(byID, func(r *CredentialRequest) { r.CredentialIdentifier = "lost" }), identifiers, false, nil, "credential_configuration_id", UnknownCredentialConfiguration},
		{"unknown configuration", with(byConf, func(r *CredentialRequest) { r.CredentialConfigurationID = "x" }), configurations, false, nil, "credential_configuration_id", UnknownCredentialConfiguration},
		{"configuration of another token", byConf, Granted{Configurations: []string{"open"}}, false, nil, "credential_configuration_id", InsufficientScope},
		{"token for nothing", byConf, Granted{}, false, nil, "credential_configuration_id", InsufficientScope},
		{"no proofs", CredentialRequest{CredentialConfigurationID: "led"}, configurations, false, nil, "proofs", InvalidProof},
		{"proofs without binding", with(byConf, func(r *CredentialRequest) { r.CredentialConfigurationID = "open" }), configurations, false, nil, "proofs", InvalidCredentialRequest},
		{"proof type not supported", with(byConf, func(r *CredentialRequest) { r.Proofs = &Proofs{Attestation: []string{"x"}} }), configurations, false, nil, "proofs", InvalidProof},
		{"whole batch", with(byConf, func(r *CredentialRequest) { r.Proofs.JWT = []string{"1", "2", "3", "4"} }), configurations, false, nil, "", ""},
		{"more than the batch", with(byConf, func(r *CredentialRequest) { r.Proofs.JWT = []string{"1", "2", "3", "4", "5"} }), configurations, false, nil, "proofs", InvalidCredentialRequest},
		{"two without batches", with(byConf, func(r *CredentialRequest) { r.Proofs.JWT = []string{"1", "2"} }), configurations, false, func(m *CredentialIssuerMetadata) { m.BatchCredentialIssuance = nil }, "proofs", InvalidCredentialRequest},
		{"encrypted response", with(byConf, func(r *CredentialRequest) { r.CredentialResponseEncryption = &enc }), configurations, true, nil, "", ""},
		{"response key in a plain request", with(byConf, func(r *CredentialRequest) { r.CredentialResponseEncryption = &enc }), configurations, false, nil, "credential_response_encryption", InvalidEncryptionParameters},
		{"enc not offered", with(byConf, func(r *CredentialRequest) {
			r.CredentialResponseEncryption = &ResponseEncryption{JWK: enc.JWK, Enc: "A256GCM"}
		}), configurations, true, nil, "enc", InvalidEncryptionParameters},
		{"zip not offered", with(byConf, func(r *CredentialRequest) {
			r.CredentialResponseEncryption = &ResponseEncryption{JWK: enc.JWK, Enc: "A128GCM", Zip: "DEF"}
		}), configurations, true, nil, "zip", InvalidEncryptionParameters},
		{"plain request though required", byConf, configurations, false, func(m *CredentialIssuerMetadata) {
			e := *m.CredentialRequestEncryption
			e.EncryptionRequired = true
			m.CredentialRequestEncryption = &e
		}, "credential request", InvalidEncryptionParameters},
		{"no response key though required", byConf, configurations, true, func(m *CredentialIssuerMetadata) {
			e := *m.CredentialResponseEncryption
			e.EncryptionRequired = true
			m.CredentialResponseEncryption = &e
		}, "credential_response_encryption", InvalidEncryptionParameters},
		{"response key not supported", with(byConf, func(r *CredentialRequest) { r.CredentialResponseEncryption = &enc }), configurations, true, func(m *CredentialIssuerMetadata) { m.CredentialResponseEncryption = nil }, "credential_response_encryption", InvalidEncryptionParameters},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := m
			if tt.tune != nil {
				tt.tune(&m)
			}
			tt.r.Encrypted = tt.encrypted
			id, c, err := tt.r.Check(m, tt.g)
			if tt.field == "" {
				if err != nil || id == "" || c.Format == "" {
					t.Fatalf("%s, %v", id, err)
				}
				return
			}
			wantField(t, err, tt.field, tt.code)
			if id != "" {
				t.Error("an error goes with a configuration")
			}
		})
	}
}

func TestCredentialResponseExamples(t *testing.T) {
	for _, name := range []string{"credential_response_mso_mdoc.txt"} {
		r, err := ParseCredentialResponse(body(t, name), 1)
		if err != nil || len(r.Credentials) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"credential_response_jwt_vc_json.txt", "credential_response_sd_jwt_vc.txt", "credential_response_ldp_vc.txt"} {
		var joined strings.Builder
		for line := range strings.Lines(string(body(t, name))) {
			joined.WriteString(strings.TrimSpace(line))
		}
		r, err := ParseCredentialResponse([]byte(joined.String()), 1)
		if err != nil || len(r.Credentials) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, isText := r.Credentials[0].Text(); isText == (name == "credential_response_ldp_vc.txt") {
			t.Errorf("%s: text is %v", name, isText)
		}
	}
	for _, section := range []string{"8.3", "9.2"} {
		for i, text := range inline(t, section) {
			if _, err := ParseCredentialResponse([]byte(text[strings.Index(text, "{"):]), 2); err != nil {
				t.Errorf("%s, example %d: %v", section, i, err)
			}
		}
	}
}

func TestCredentialResponseRefuses(t *testing.T) {
	for text, field := range map[string]string{
		`{}`:                 "credentials",
		`{"credentials":[]}`: "credentials",
		`{"credentials":[{"credential":"a"}],"transaction_id":"x","interval":1}`:     "credentials",
		`{"credentials":[{"credential":"a"},{"credential":"b"},{"credential":"c"}]}`: "credentials",
		`{"credentials":[{"credential":""}]}`:                                        "credentials[0]",
		`{"credentials":[{"credential":1}]}`:                                         "credentials[0]",
		`{"credentials":[{}]}`:                                                       "credentials[0]",
		`{"credentials":["a"]}`:                                                      "credential response",
		`{"transaction_id":"x"}`:                                                     "interval",
		`{"transaction_id":"x","interval":0}`:                                        "interval",
		`{"transaction_id":"x","interval":-5}`:                                       "interval",
		`{"transaction_id":"x","interval":5,"notification_id":"y"}`:                  "notification_id",
	} {
		_, err := ParseCredentialResponse([]byte(text), 2)
		if err == nil {
			t.Errorf("%s: accepted", text)
			continue
		}
		wantField(t, err, field, "")
	}
	c, err := NewIssuedCredential("a~b~")
	if text, ok := c.Text(); err != nil || !ok || text != "a~b~" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestTokenRequest(t *testing.T) {
	o, err := ParseCredentialOffer([]byte(goodOffer))
	if err != nil {
		t.Fatal(err)
	}
	code := Secret("1234")
	r, err := NewTokenRequest(o, &code)
	if err != nil {
		t.Fatal(err)
	}
	r.ClientID, r.Resource = "wallet", o.CredentialIssuer
	form, err := r.Form()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseTokenRequest(form)
	if err != nil || back.PreAuthorizedCode != "c0de" || *back.TxCode != code || back.ClientID != "wallet" || back.Resource != o.CredentialIssuer {
		t.Fatalf("%+v, %v", back, err)
	}
	if err := back.CheckTxCode(&code); err != nil {
		t.Error(err)
	}
	wrong := Secret("1235")
	wantField(t, back.CheckTxCode(&wrong), "tx_code", InvalidGrant)
	wantField(t, back.CheckTxCode(nil), "tx_code", InvalidRequest)
	back.TxCode = nil
	wantField(t, back.CheckTxCode(&code), "tx_code", InvalidRequest)
	if err := back.CheckTxCode(nil); err != nil {
		t.Error(err)
	}
	for _, bad := range []Secret{"", "123", "12345", "12a4"} {
		_, err := NewTokenRequest(o, &bad)
		wantField(t, err, "tx_code", "")
	}
	_, err = NewTokenRequest(o, nil)
	wantField(t, err, "tx_code", "")
	o.Grants.PreAuthorizedCode.TxCode = &TxCode{}
	if _, err = NewTokenRequest(o, nil); err == nil {
		t.Error("an empty tx_code object was taken for none")
	}
	o.Grants.PreAuthorizedCode.TxCode = &TxCode{InputMode: Text}
	free := Secret("a b")
	if _, err = NewTokenRequest(o, &free); err != nil {
		t.Error(err)
	}
	o.Grants.PreAuthorizedCode.TxCode = nil
	_, err = NewTokenRequest(o, &code)
	wantField(t, err, "tx_code", "")

	// The example of Section 6.1.1.
	text := inline(t, "6.1.1")[0]
	var joined strings.Builder
	for line := range strings.Lines(text[strings.Index(text, "grant_type"):]) {
		joined.WriteString(strings.TrimSpace(line))
	}
	form, err = url.ParseQuery(joined.String())
	if err != nil {
		t.Fatal(err)
	}
	if back, err = ParseTokenRequest(form); err != nil || back.AuthorizationDetails[0].CredentialConfigurationID != "UniversityDegreeCredential" {
		t.Errorf("%+v, %v", back, err)
	}

	const grant = "grant_type=" + GrantPreAuthorizedCode
	for _, tt := range []struct {
		form, field string
		code        ErrorCode
	}{
		{"", "grant_type", InvalidRequest},
		{"grant_type=client_credentials", "grant_type", UnsupportedGrantType},
		{"grant_type=authorization_code&redirect_uri=https://w.example&code_verifier=v", "code", InvalidRequest},
		{"grant_type=authorization_code&code=x&code_verifier=v", "redirect_uri", InvalidRequest},
		{"grant_type=authorization_code&code=x&redirect_uri=https://w.example", "code_verifier", InvalidRequest},
		{"grant_type=refresh_token", "refresh_token", InvalidRequest},
		{grant, "pre-authorized_code", InvalidRequest},
		{grant + "&pre-authorized_code=", "pre-authorized_code", InvalidRequest},
		{grant + "&pre-authorized_code=a&pre-authorized_code=b", "", InvalidRequest},
		{grant + "&pre-authorized_code=a&tx_code=1&tx_code=2", "", InvalidRequest},
		{grant + "&pre-authorized_code=" + strings.Repeat("a", MaxText+1), "pre-authorized_code", InvalidRequest},
		{grant + "&pre-authorized_code=a&authorization_details=x", "authorization_details", InvalidAuthorizationDetails},
	} {
		form, _ := url.ParseQuery(tt.form)
		_, err := ParseTokenRequest(form)
		wantField(t, err, tt.field, tt.code)
	}
}

func TestAuthorizationDetails(t *testing.T) {
	for _, name := range []string{"", "_jwt_vc_json", "_ldp_vc", "_mso_doc", "_multiple_credentials", "_sd_jwt_vc", "_with_as"} {
		if _, err := ParseAuthorizationDetails(vector(t, "authorization_details"+name+".json")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, field := range map[string]string{
		`[]`: "authorization_details", `{}`: "authorization_details", `[{}]`: "type",
		`[{"type":"other"}]`:             "type",
		`[{"type":"openid_credential"}]`: "credential_configuration_id",
		`[{"type":"openid_credential","credential_configuration_id":"a","locations":[]}]`:                           "locations",
		`[{"type":"openid_credential","credential_configuration_id":"a","credential_identifiers":["x"]}]`:           "credential_identifiers",
		`[{"type":"openid_credential","credential_configuration_id":"a","claims":[]}]`:                              "claims",
		`[{"type":"openid_credential","credential_configuration_id":"a","claims":[{"path":["a"]},{"path":["a"]}]}]`: "claims[1].path",
	} {
		_, err := ParseAuthorizationDetails([]byte(text))
		wantField(t, err, field, InvalidAuthorizationDetails)
	}
	_, err := ParseAuthorizationDetails(testvectors.File(t, "haip/1.0/examples", "authorization_details_sd_jwt_vc.json"))
	wantField(t, err, "credential_configuration_id", InvalidAuthorizationDetails)

	m := CredentialIssuerMetadata{CredentialIssuer: exampleIssuer, AuthorizationServers: []string{"https://as.example"}}
	d := AuthorizationDetail{}
	wantField(t, d.CheckLocations(m), "locations", InvalidAuthorizationDetails)
	d.Locations = []string{exampleIssuer}
	if err := d.CheckLocations(m); err != nil {
		t.Error(err)
	}
	m.AuthorizationServers = nil
	d.Locations = []string{"https://other.example"}
	wantField(t, d.CheckLocations(m), "locations", InvalidAuthorizationDetails)
	d.Locations = nil
	if err := d.CheckLocations(m); err != nil {
		t.Error(err)
	}
}

func TestTokenResponse(t *testing.T) {
	text := inline(t, "6.2")[0]
	r, err := ParseTokenResponse([]byte(text[strings.Index(text, "{"):]))
	if err != nil {
		t.Fatal(err)
	}
	requests := r.Requests([]string{"UniversityDegreeCredential"})
	if len(requests) != 2 || requests[0].CredentialIdentifier != "CivilEngineeringDegree-2023" || requests[0].CredentialConfigurationID != "" {
		t.Errorf("%+v", requests)
	}
	if got := r.Requests([]string{"other"}); got != nil {
		t.Errorf("requests for what was not offered: %+v", got)
	}
	r, err = ParseTokenResponse([]byte(`{"access_token":"x","token_type":"bearer","authorization_details":[{"type":"payment"}]}`))
	if err != nil || r.TokenType != Bearer || r.AuthorizationDetails != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := r.Requests([]string{"a", "b"}); len(got) != 2 || got[1].CredentialConfigurationID != "b" {
		t.Errorf("%+v", got)
	}
	for text, field := range map[string]string{
		`{"token_type":"Bearer"}`:                                    "access_token",
		`{"access_token":"x"}`:                                       "token_type",
		`{"access_token":"x","token_type":"mac"}`:                    "token_type",
		`{"access_token":"x","token_type":"Bearer","expires_in":-1}`: "expires_in",
		`{"access_token":"x","token_type":"Bearer","authorization_details":[{"type":"openid_credential"}]}`:                                                                 "credential_configuration_id",
		`{"access_token":"x","token_type":"Bearer","authorization_details":[{"type":"openid_credential","credential_configuration_id":"a"}]}`:                               "credential_identifiers",
		`{"access_token":"x","token_type":"Bearer","authorization_details":[{"type":"openid_credential","credential_configuration_id":"a","credential_identifiers":[]}]}`:   "credential_identifiers",
		`{"access_token":"x","token_type":"Bearer","authorization_details":[{"type":"openid_credential","credential_configuration_id":"a","credential_identifiers":[""]}]}`: "credential_identifiers[0]",
	} {
		_, err := ParseTokenResponse([]byte(text))
		wantField(t, err, field, "")
	}
}

func TestNonceAndNotification(t *testing.T) {
	text := inline(t, "7.2")[0]
	n, err := ParseNonceResponse([]byte(text[strings.Index(text, "{"):]))
	if err != nil || n.CNonce != "wKI4LT17ac15ES9bw8ac4" {
		t.Errorf("%v", err)
	}
	_, err = ParseNonceResponse([]byte(`{}`))
	wantField(t, err, "c_nonce", "")
	for i, text := range inline(t, "11.1") {
		if _, err := ParseNotificationRequest([]byte(text[strings.Index(text, "{"):])); err != nil {
			t.Errorf("example %d: %v", i, err)
		}
	}
	for text, field := range map[string]string{
		`{"event":"credential_accepted"}`:                                                 "notification_id",
		`{"notification_id":"x"}`:                                                         "event",
		`{"notification_id":"x","event":"credential_lost"}`:                               "event",
		`{"notification_id":"x","event":"Credential_Accepted"}`:                           "event",
		`{"notification_id":"x","event":"credential_failure","event_description":"é"}`:    "event_description",
		`{"notification_id":"x","event":"credential_failure","event_description":"a\"b"}`: "event_description",
		`{"notification_id":"x","notification_id":"x","event":"credential_failure"}`:      "notification request",
	} {
		_, err := ParseNotificationRequest([]byte(text))
		wantField(t, err, field, InvalidNotificationRequest)
	}
	if _, err := ParseDeferredCredentialRequest([]byte(`{"transaction_id":"8xLOxBtZp8"}`)); err != nil {
		t.Error(err)
	}
	_, err = ParseDeferredCredentialRequest([]byte(`{}`))
	wantField(t, err, "transaction_id", InvalidTransactionID)
	_, err = ParseDeferredCredentialRequest([]byte(`{"transaction_id":"x","credential_response_encryption":{}}`))
	wantField(t, err, "jwk", InvalidEncryptionParameters)
}

func TestErrorResponse(t *testing.T) {
	e := refuse(InvalidProof, "OpenID4VCI 1.0, Appendix F", "proofs", "a \"quoted\" \\ é thing")
	r := e.Response()
	if r.Error != InvalidProof || strings.ContainsAny(r.Description, `"\é`) || strings.Contains(r.Description, string(InvalidProof)) {
		t.Errorf("%+v", r)
	}
	b, _ := jose.Marshal(r)
	back, err := ParseErrorResponse(b)
	if err != nil || back != r {
		t.Errorf("%+v, %v", back, err)
	}
	for _, text := range []string{`{}`, `{"error":""}`, `{"error":"a\"b"}`, `[]`} {
		if _, err := ParseErrorResponse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", text)
		}
	}
}

func FuzzParseCredentialRequest(f *testing.F) {
	for _, text := range inline(f, "8.2") {
		f.Add([]byte(text[strings.Index(text, "{"):]))
	}
	f.Add([]byte(`{"credential_configuration_id":"a","proofs":{"jwt":["x"]}}`))
	f.Add([]byte(`{"credential_identifier":"a","proofs":{"attestation":["x"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseCredentialRequest(b)
		if err != nil {
			if r.CredentialIdentifier != "" || r.CredentialConfigurationID != "" || r.Proofs != nil {
				t.Fatal("a failed parse returned a request")
			}
			return
		}
		if (r.CredentialIdentifier == "") == (r.CredentialConfigurationID == "") || r.Proofs != nil && r.Proofs.Type() == "" {
			t.Fatalf("%+v", r)
		}
		text, err := jose.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCredentialRequest(text); err != nil {
			t.Fatalf("a request does not survive a round trip: %v\n%s", err, text)
		}
	})
}

func FuzzParseResponses(f *testing.F) {
	f.Add([]byte(`{"credentials":[{"credential":"a"}],"notification_id":"x"}`))
	f.Add([]byte(`{"transaction_id":"x","interval":5}`))
	f.Add([]byte(`{"access_token":"x","token_type":"Bearer","authorization_details":[{"type":"openid_credential","credential_configuration_id":"a","credential_identifiers":["b"]}]}`))
	f.Add([]byte(`{"c_nonce":"x"}`))
	f.Add([]byte(`{"error":"invalid_proof"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseCredentialResponse(b, 3); err == nil && (len(r.Credentials) == 0) == (r.TransactionID == "") {
			t.Fatal("neither credentials nor a transaction")
		}
		if r, err := ParseTokenResponse(b); err == nil && r.AccessToken == "" {
			t.Fatal("a token response without a token")
		}
		if r, err := ParseNonceResponse(b); err == nil && r.CNonce == "" {
			t.Fatal("a nonce response without a nonce")
		}
		if r, err := ParseErrorResponse(b); err == nil && r.Error == "" {
			t.Fatal("an error response without a code")
		}
		_, _ = ParseAuthorizationServerMetadata(b, "https://as.example")
		_, _ = ParseNotificationRequest(b)
		_, _ = ParseDeferredCredentialRequest(b)
		_, _ = ParseAuthorizationDetails(b)
	})
}
