package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/vcapi"
)

const malformedValue = "https://www.w3.org/TR/vc-data-model#MALFORMED_VALUE_ERROR"

// What an issuer refuses, by the member that is wrong.
func TestIssueRefused(t *testing.T) {
	w := start(t, nil)
	for _, issuer := range []string{"eddsa-rdfc", "eddsa-jcs", "p256-sd", "bbs", "p256-jwt", "eddsa-status"} {
		for _, x := range []struct {
			name, field string
			change      func(doc)
			types       []string
		}{
			{"unknown context", "credential.@context[1]", func(c doc) {
				c["@context"] = []any{"https://www.w3.org/ns/credentials/v2", "https://unknown.example/v1"}
			}, []string{malformedValue}},
			{"context written out", "credential.@context[1]", func(c doc) {
				c["@context"] = []any{"https://www.w3.org/ns/credentials/v2", doc{"a": "https://a.example/"}}
			}, []string{malformedValue}},
			{"undefined term", "credential", func(c doc) { c["@context"] = []any{"https://www.w3.org/ns/credentials/v2"} }, []string{"https://w3id.org/security#DATA_LOSS_DETECTION_ERROR"}},
			{"no context", "credential.@context", func(c doc) { delete(c, "@context") }, []string{malformedValue}},
			{"another first context", "credential.@context", func(c doc) { c["@context"] = []any{examples, "https://www.w3.org/ns/credentials/v2"} }, []string{malformedValue}},
			{"no issuer", "credential.issuer", func(c doc) { delete(c, "issuer") }, []string{malformedValue}},
			{"another issuer", "credential.issuer", func(c doc) { c["issuer"] = "did:example:other" }, []string{malformedValue}},
			{"another issuer object", "credential.issuer", func(c doc) { c["issuer"] = doc{"id": "did:example:other"} }, []string{malformedValue}},
			{"no subject", "credential.credentialSubject", func(c doc) { delete(c, "credentialSubject") }, []string{malformedValue}},
			{"a proof", "credential.proof", func(c doc) { c["proof"] = doc{"type": "DataIntegrityProof"} }, []string{malformedValue}},
			{"a date of 1.1", "credential", func(c doc) { c["issuanceDate"] = "2024-01-01T00:00:00Z" }, []string{malformedValue}},
			{"times the wrong way round", "credential.validUntil", func(c doc) { c["validUntil"] = "2001-01-01T00:00:00Z" }, []string{malformedValue}},
		} {
			c := w.credential(issuer)
			x.change(c)
			status, answer := w.post("/issuers/"+issuer+"/credentials/issue", doc{"credential": c})
			if status != http.StatusBadRequest || answer["field"] != x.field || !slices.Contains(x.types, answer["type"].(string)) || answer["remedy"] == nil {
				t.Errorf("%s, %s: %d %v", issuer, x.name, status, answer)
			}
		}
	}
	c := w.credential("eddsa-status")
	c["credentialStatus"] = doc{"type": "ExampleStatus"}
	if status, answer := w.post("/issuers/eddsa-status/credentials/issue", doc{"credential": c}); status != http.StatusBadRequest || answer["field"] != "credential.credentialStatus" {
		t.Errorf("%d %v", status, answer)
	}
}

// What is no request, at every address.
func TestRequestRefused(t *testing.T) {
	w := start(t, nil)
	for path, name := range map[string]string{
		"/issuers/eddsa-rdfc/credentials/issue": "credential", "/holders/eddsa-rdfc/presentations": "presentation", "/credentials/derive": "verifiableCredential",
		"/credentials/verify": "verifiableCredential", "/presentations/verify": "verifiablePresentation",
	} {
		for _, x := range []struct {
			name, body string
			status     int
			want       string
			header     string
		}{
			{"no JSON", `{`, 400, "Malformed", ""},
			{"an array", `[]`, 400, "Malformed", ""},
			{"two documents", `{} {}`, 400, "Malformed", ""},
			{"a member twice", `{"` + name + `":{},"` + name + `":{}}`, 400, "Malformed", ""},
			{"a member twice inside", `{"` + name + `":{"a":1,"a":2}}`, 400, "", ""},
			{"bad UTF-8", "{\"" + name + "\":{\"a\":\"\xff\"}}", 400, "", ""},
			{"deep", `{"` + name + `":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, 400, "Malformed", ""},
			{"nothing", `{}`, 400, "missing", ""},
			{"null", `{"` + name + `":null}`, 400, "missing", ""},
			{"a string", `{"` + name + `":"x"}`, 400, "missing", ""},
			{"unknown member", `{"` + name + `":{},"option":{}}`, 400, "Unknown member", ""},
			{"unknown option", `{"` + name + `":{},"options":{"checkAll":true}}`, 400, "Unknown option", ""},
			{"options that are none", `{"` + name + `":{},"options":[]}`, 400, "Options are no object", ""},
			{"an empty document", `{"` + name + `":{}}`, 400, "", ""},
			{"empty", ``, 400, "empty", ""},
			{"a form", `a=b`, 415, "", "Content-Type: application/x-www-form-urlencoded"},
			{"too large", `{"` + name + `":{"a":"` + strings.Repeat("x", 2<<20) + `"}}`, 413, "too large", ""},
		} {
			header := x.header
			if header == "" {
				header = "Content-Type: application/json"
			}
			status, answer := w.post(path, x.body, header)
			title, _ := answer["title"].(string)
			if status != x.status || !strings.Contains(title, x.want) {
				t.Errorf("%s, %s: %d %v", path, x.name, status, answer)
			}
			if x.name == "unknown option" && answer["type"] != "https://www.w3.org/TR/vcalm#UNKNOWN_OPTION_PROVIDED" {
				t.Errorf("%v", answer)
			}
		}
		if status, _ := w.post(path, `{"`+name+`":{}}`, "Content-Type: application/ld+json"); status != 400 {
			t.Errorf("%s: application/ld+json: %d", path, status)
		}
	}
	for _, path := range []string{"/issuers/nobody/credentials/issue", "/issuers/nobody/credentials/status", "/holders/nobody/presentations"} {
		if status, answer := w.post(path, `{}`); status != http.StatusNotFound {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	for name, options := range map[string]doc{"a check": {"checks": []string{"everything"}}, "a type": {"challenge": 1}, "pointers": {"checks": "proof"}} {
		if status, answer := w.post("/credentials/verify", doc{"verifiableCredential": doc{}, "options": options}); status != http.StatusBadRequest || !strings.HasPrefix(answer["field"].(string), "options") {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
}

// What a verifier does not even judge.
func TestVerifyRefused(t *testing.T) {
	w := start(t, nil)
	vc := w.issue("eddsa-rdfc", w.credential("eddsa-rdfc"), nil)
	token := w.issue("p256-jwt", w.credential("p256-jwt"), nil)
	for _, x := range []struct {
		name, field string
		from        doc
		change      func(doc)
	}{
		{"no proof", "verifiableCredential", vc, func(c doc) { delete(c, "proof") }},
		{"no proofValue", "verifiableCredential", vc, func(c doc) { delete(c["proof"].(doc), "proofValue") }},
		{"no issuer", "verifiableCredential.issuer", vc, func(c doc) { delete(c, "issuer") }},
		{"unknown context", "verifiableCredential.@context[2]", vc, func(c doc) { c["@context"] = append(c["@context"].([]any), "https://unknown.example/v1") }},
		{"context written out", "verifiableCredential.@context[2]", vc, func(c doc) { c["@context"] = append(c["@context"].([]any), doc{"a": "https://a.example/"}) }},
		{"context inside", "verifiableCredential", vc, func(c doc) { c["credentialSubject"].(doc)["@context"] = examples }},
		{"another media type", "verifiableCredential.id", token, func(c doc) { c["id"] = strings.Replace(c["id"].(string), "vc+jwt", "vc+cose", 1) }},
		{"an image", "verifiableCredential.id", token, func(c doc) { c["id"] = "data:image/png,x" }},
		{"no envelope context", "verifiableCredential.@context", token, func(c doc) { delete(c, "@context") }},
		{"no JWS", "verifiableCredential", token, func(c doc) { c["id"] = "data:application/vc+jwt,x.y" }},
	} {
		c := copied(t, x.from)
		x.change(c)
		status, answer := w.post("/credentials/verify", doc{"verifiableCredential": c})
		if status != http.StatusBadRequest || answer["field"] != x.field || answer["type"] == "about:blank" {
			t.Errorf("%s: %d %v", x.name, status, answer)
		}
	}
	if status, answer := w.post("/credentials/verify", doc{"verifiableCredential": token, "options": doc{"challenge": "c"}}); status != http.StatusBadRequest || answer["field"] != "options" {
		t.Errorf("%d %v", status, answer)
	}
	// What can be judged and is wrong is no refusal.
	for name, change := range map[string]func(doc){
		"an undefined term": func(c doc) { c["@context"] = []any{"https://www.w3.org/ns/credentials/v2"} },
		"another suite":     func(c doc) { c["proof"].(doc)["cryptosuite"] = "unknown-2024" },
		"another type":      func(c doc) { c["proof"].(doc)["type"] = "Ed25519Signature2020" },
		"a purpose":         func(c doc) { c["proof"].(doc)["proofPurpose"] = "authentication" },
		"a method":          func(c doc) { c["proof"].(doc)["verificationMethod"] = "did:web:other.example#key" },
		"a challenge":       func(c doc) { c["proof"].(doc)["challenge"] = "x" },
	} {
		c := copied(t, vc)
		change(c)
		if r := w.verify(c, nil); r["verified"] != false || problems(r) == "" {
			t.Errorf("%s: %v", name, r)
		}
	}
	if r := w.verify(vc, doc{"challenge": "c", "domain": "d"}); r["verified"] != false || problems(r) != domainError {
		t.Errorf("a proof that is bound to nobody: %v", r)
	}
}

// The test suites want 400 for what does not hold, with the same answer.
func TestUnverifiedStatus(t *testing.T) {
	w := start(t, func(o *Options, _ *vcapi.VerifierConfig) { o.UnverifiedStatus = http.StatusBadRequest })
	vc := w.issue("eddsa-rdfc", w.credential("eddsa-rdfc"), nil)
	if r := w.verify(vc, nil); r["verified"] != true {
		t.Errorf("%v", r)
	}
	vc["credentialSubject"].(doc)["age"] = 31
	if status, r := w.post("/credentials/verify", doc{"verifiableCredential": vc}); status != http.StatusBadRequest || r["verified"] != false || problems(r) != proofError {
		t.Errorf("%d %v", status, r)
	}
}

// Clients do what they may, and strangers nothing but look a status up.
func TestClients(t *testing.T) {
	keys, list := map[string]string{}, []rest.Client{}
	for _, p := range []string{Issue, Hold, Verify} {
		key, digest := rest.NewKey()
		keys[p] = key
		list = append(list, rest.Client{ID: p, Keys: []string{digest}, Permissions: []string{p}})
	}
	w := start(t, func(o *Options, _ *vcapi.VerifierConfig) {
		clients, err := rest.NewClients(list...)
		if err != nil {
			t.Fatal(err)
		}
		o.Clients, o.InsecureAnybody = clients, false
	})
	for path, needs := range map[string]string{
		"/issuers/eddsa-rdfc/credentials/issue": Issue, "/issuers/eddsa-status/credentials/status": Issue, "/holders/eddsa-rdfc/presentations": Hold, "/credentials/derive": Hold,
		"/credentials/verify": Verify, "/presentations/verify": Verify,
	} {
		if status, _ := w.post(path, `{}`); status != http.StatusUnauthorized {
			t.Errorf("%s: nobody: %d", path, status)
		}
		if status, _ := w.post(path, `{}`, "Authorization: Bearer zk_wrong"); status != http.StatusUnauthorized {
			t.Errorf("%s: a wrong key: %d", path, status)
		}
		for permission, key := range keys {
			want := http.StatusForbidden
			if permission == needs {
				want = http.StatusBadRequest // the body is empty
			}
			if status, _ := w.post(path, `{}`, "Authorization: Bearer "+key); status != want {
				t.Errorf("%s: may %s: %d", path, permission, status)
			}
		}
	}
	res, err := http.Get(w.url + "/issuers/eddsa-status/status/AAAAAAAAAAAAAAAAAAAAAA/revocation")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("a list: %d", res.StatusCode)
	}
}
