package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const (
	proofError  = "https://w3id.org/security#PROOF_VERIFICATION_ERROR"
	cryptoError = "https://www.w3.org/TR/vc-data-model#CRYPTOGRAPHIC_SECURITY_ERROR"
	rangeError  = "https://www.w3.org/TR/vc-data-model#RANGE_ERROR"
)

// Every suite: what is issued verifies, and nothing else does.
func TestIssueDeriveVerify(t *testing.T) {
	w := start(t, nil)
	for name, suite := range instances {
		t.Run(name, func(t *testing.T) {
			vc := w.issue(name, w.credential(name), nil)
			switch {
			case suite == "jwt":
				if vc["type"] != "EnvelopedVerifiableCredential" || !strings.HasPrefix(vc["id"].(string), "data:application/vc+jwt,ey") {
					t.Fatalf("%v", vc)
				}
			case vc["proof"].(doc)["cryptosuite"] != string(suite):
				t.Fatalf("%v", vc["proof"])
			}
			if suite.Selective() {
				if r := w.verify(vc, nil); r["verified"] != false || problems(r) != proofError {
					t.Errorf("a base proof: %v", r)
				}
				vc = w.derive(vc, "/credentialSubject/degree")
				subject := vc["credentialSubject"].(doc)
				if subject["degree"].(doc)["name"] != "Bachelor" || subject["alumniOf"] != nil || vc["issuer"] == nil || vc["validFrom"] == nil {
					t.Errorf("disclosed %v", vc)
				}
			}
			r := w.verify(vc, doc{"returnResults": true, "returnCredential": true})
			if r["verified"] != true || problems(r) != "" || r["credential"] == nil {
				t.Fatalf("%v", r)
			}
			w.altered(t, vc)
		})
	}
}

// altered changes a claim, of which the proof must take note.
func (w *world) altered(t *testing.T, vc doc) {
	other, want := copied(t, vc), proofError
	if text, ok := vc["id"].(string); ok && strings.HasPrefix(text, "data:") {
		head, payload, _ := strings.Cut(text, ".")
		payload, signature, _ := strings.Cut(payload, ".")
		b, err := base64.RawURLEncoding.DecodeString(payload)
		if err != nil {
			t.Fatal(err)
		}
		b = []byte(strings.Replace(string(b), "Bachelor", "Doctor", 1))
		other["id"], want = head+"."+base64.RawURLEncoding.EncodeToString(b)+"."+signature, cryptoError
	} else {
		other["credentialSubject"].(doc)["degree"].(doc)["name"] = "Doctor"
	}
	if r := w.verify(other, nil); r["verified"] != false || problems(r) != want {
		t.Errorf("an altered claim: %v", r)
	}
}

func (w *world) derive(vc doc, pointers ...string) doc {
	w.t.Helper()
	status, answer := w.post("/credentials/derive", doc{"verifiableCredential": vc, "options": doc{"selectivePointers": pointers}})
	if status != http.StatusCreated {
		w.t.Fatalf("%d %v", status, answer)
	}
	return answer["verifiableCredential"].(doc)
}

// What the issuer fixes is in every derived credential.
func TestMandatoryPointers(t *testing.T) {
	w := start(t, nil)
	for _, name := range []string{"p256-sd", "bbs"} {
		vc := w.derive(w.issue(name, w.credential(name), doc{"mandatoryPointers": []string{"/issuer", "/credentialSubject/alumniOf"}}), "/credentialSubject/age")
		subject := vc["credentialSubject"].(doc)
		if subject["alumniOf"] == nil || subject["age"] == nil || subject["degree"] != nil || vc["validFrom"] != nil {
			t.Errorf("%s: %v", name, vc)
		}
		if r := w.verify(vc, nil); r["verified"] != true {
			t.Errorf("%s: %v", name, r)
		}
		for path, body := range map[string]doc{
			"/issuers/" + name + "/credentials/issue": {"credential": w.credential(name), "options": doc{"mandatoryPointers": []string{"/nowhere"}}},
			"/credentials/derive":                     {"verifiableCredential": w.issue(name, w.credential(name), nil), "options": doc{"selectivePointers": []string{"/nowhere"}}},
		} {
			if status, answer := w.post(path, body); status != http.StatusBadRequest || !strings.Contains(answer["detail"].(string), "/nowhere") || !strings.HasSuffix(answer["field"].(string), "Pointers") {
				t.Errorf("%s: %d %v", path, status, answer)
			}
		}
	}
	for _, vc := range []doc{w.issue("eddsa-rdfc", w.credential("eddsa-rdfc"), nil), w.derive(w.issue("bbs", w.credential("bbs"), nil), "/credentialSubject/age")} {
		if status, answer := w.post("/credentials/derive", doc{"verifiableCredential": vc}); status != http.StatusBadRequest || !strings.HasSuffix(answer["field"].(string), ".proof") {
			t.Errorf("nothing can be derived from %v: %d %v", vc["proof"], status, answer)
		}
	}
}

// Credentials of the Data Model 1.1 get the context of their proof.
func TestVersion1(t *testing.T) {
	w := start(t, nil)
	for _, name := range []string{"eddsa-rdfc", "eddsa-jcs", "p256-rdfc", "p384-jcs"} {
		c := doc{
			"@context": []any{"https://www.w3.org/2018/credentials/v1"}, "id": "urn:uuid:1", "type": []any{"VerifiableCredential"}, "issuer": w.ids[name],
			"issuanceDate": "2024-01-01T00:00:00Z", "credentialSubject": doc{"id": "did:example:1"},
		}
		vc := w.issue(name, c, nil)
		if list := vc["@context"].([]any); len(list) != 2 || list[1] != "https://w3id.org/security/data-integrity/v2" {
			t.Errorf("%s: %v", name, list)
		}
		if r := w.verify(vc, nil); r["verified"] != true {
			t.Errorf("%s: %v", name, r)
		}
		c["expirationDate"] = "2024-02-01T00:00:00Z"
		if r := w.verify(w.issue(name, c, nil), nil); r["verified"] != false || problems(r) != rangeError {
			t.Errorf("%s: expired: %v", name, r)
		}
	}
	c := doc{
		"@context": []any{"https://www.w3.org/2018/credentials/v1"}, "id": "urn:uuid:2", "type": []any{"VerifiableCredential"}, "issuer": w.ids["eddsa-status"],
		"issuanceDate": "2024-01-01T00:00:00Z", "credentialSubject": doc{"id": "did:example:1"},
	}
	vc := w.issue("eddsa-status", c, nil)
	if r := w.verify(vc, nil); r["verified"] != true || len(vc["credentialStatus"].([]any)) != 2 {
		t.Errorf("with status: %v %v", vc, r)
	}
	if status, answer := w.setStatus("eddsa-status", "urn:uuid:2", "revocation", true); status != http.StatusOK {
		t.Errorf("%d %v", status, answer)
	}
	if r := w.verify(vc, nil); r["verified"] != false || problems(r) != statusError {
		t.Errorf("revoked: %v", r)
	}
	if status, _ := w.post("/issuers/p256-jwt/credentials/issue", doc{"credential": doc{
		"@context": []any{"https://www.w3.org/2018/credentials/v1"}, "type": []any{"VerifiableCredential"}, "issuer": w.ids["p256-jwt"], "issuanceDate": "2024-01-01T00:00:00Z", "credentialSubject": doc{"id": "did:example:1"},
	}}); status != http.StatusBadRequest {
		t.Errorf("vc+jwt is of version 2.0: %d", status)
	}
}

// An expired credential, and one that is not valid yet, do not hold, though the
// proof does.
func TestValidity(t *testing.T) {
	w := start(t, nil)
	for member, value := range map[string]string{"validUntil": "2024-01-01T00:00:00Z", "validFrom": "2124-01-01T00:00:00Z"} {
		for _, name := range []string{"eddsa-rdfc", "p256-jwt"} {
			c := w.credential(name)
			if member == "validUntil" {
				c["validFrom"] = "2023-01-01T00:00:00Z"
			}
			c[member] = value
			r := w.verify(w.issue(name, c, nil), doc{"returnResults": true})
			if r["verified"] != false || problems(r) != rangeError {
				t.Errorf("%s %s: %v", name, member, r)
			}
			if results := r["results"].(doc); name == "eddsa-rdfc" && (results[member].(doc)["verified"] != false || results["proof"].([]any)[0].(doc)["verified"] != true) {
				t.Errorf("%s: %v", member, results)
			}
		}
	}
}

// The proof of one is not the proof of another.
func TestIssuerIsTheSigner(t *testing.T) {
	w := start(t, nil)
	vc := w.issue("eddsa-rdfc", w.credential("eddsa-rdfc"), nil)
	vc["issuer"] = w.ids["p256-rdfc"]
	if r := w.verify(vc, nil); r["verified"] != false || problems(r) != proofError {
		t.Errorf("%v", r)
	}
}

// What is returned is what was asked for.
func TestReturnOptions(t *testing.T) {
	w := start(t, nil)
	vc := w.issue("eddsa-rdfc", w.credential("eddsa-rdfc"), nil)
	vc["credentialSubject"].(doc)["age"] = 31
	for name, x := range map[string]struct {
		options doc
		want    string
	}{
		"none":    {nil, `problemDetails verified`},
		"nothing": {doc{"returnProblemDetails": false}, `verified`},
		"all":     {doc{"returnProblemDetails": true, "returnResults": true, "returnCredential": true}, `credential problemDetails results verified`},
	} {
		var have []string
		r := w.verify(vc, x.options)
		for _, member := range []string{"credential", "problemDetails", "results", "verified"} {
			if _, ok := r[member]; ok {
				have = append(have, member)
			}
		}
		if got := strings.Join(have, " "); got != x.want || r["verified"] != false {
			t.Errorf("%s: %s", name, got)
		}
	}
	whole, err := json.Marshal(w.verify(vc, doc{"returnCredential": true})["credential"])
	sent, err2 := json.Marshal(vc)
	if err != nil || err2 != nil || string(whole) != string(sent) {
		t.Errorf("%s is not what was sent", whole)
	}
}
