package api

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const statusError = "https://www.w3.org/ns/credentials/status-list#STATUS_VERIFICATION_ERROR"

func (w *world) setStatus(issuer, id, purpose string, set bool) (int, doc) {
	return w.post("/issuers/"+issuer+"/credentials/status", doc{
		"credentialId": id, "credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": purpose}, "status": set,
	})
}

// A credential is suspended, reinstated and revoked, and a verifier sees each at
// once; and after the server was started anew.
func TestStatus(t *testing.T) {
	for _, name := range []string{"eddsa-status", "p256-sd-status", "p256-jwt-status"} {
		t.Run(name, func(t *testing.T) {
			w := start(t, nil)
			c := w.credential(name)
			id := c["id"].(string)
			vc := w.issue(name, c, nil)
			if instances[name].Selective() {
				vc = w.derive(vc, "/credentialSubject/degree")
				if vc["credentialStatus"] == nil {
					t.Fatal("the status is not the holder's to leave out")
				}
			}
			for _, step := range []struct {
				purpose  string
				set      bool
				status   int
				verified bool
			}{
				{"suspension", false, 200, true},
				{"revocation", false, 200, true},
				{"suspension", true, 200, false},
				{"revocation", false, 200, false}, // does not end the suspension
				{"suspension", false, 200, true},
				{"revocation", true, 200, false},
				{"revocation", true, 200, false},
				{"revocation", false, 409, false},
				{"suspension", true, 409, false},
				{"suspension", false, 409, false},
			} {
				if status, answer := w.setStatus(name, id, step.purpose, step.set); status != step.status {
					t.Fatalf("%+v: %d %v", step, status, answer)
				}
				r := w.verify(vc, doc{"returnResults": true})
				if r["verified"] != step.verified || !step.verified && problems(r) != statusError {
					t.Errorf("%+v: %v", step, r)
				}
				if entries := r["results"].(doc)["credentialStatus"].([]any); len(entries) != 2 || entries[0].(doc)["verified"] != (step.verified || step.purpose == "suspension" && step.status == 200 || step.status == 200 && step.purpose == "revocation" && !step.set) {
					t.Errorf("%+v: %v", step, entries)
				}
			}
			w.close()
			w.open()
			if r := w.verify(vc, nil); r["verified"] != false {
				t.Errorf("after a new start: %v", r)
			}
			if r := w.verify(vc, doc{"checks": []string{"proof"}}); r["verified"] != true {
				t.Errorf("only the proof: %v", r)
			}
			if r := w.verify(vc, doc{"checks": []string{}}); r["verified"] != false {
				t.Errorf("no checks are named, so all are made: %v", r)
			}
			if status, answer := w.post("/issuers/"+name+"/credentials/issue", doc{"credential": c}); status != http.StatusConflict {
				t.Errorf("issued twice: %d %v", status, answer)
			}
		})
	}
}

// The status of one credential is not that of another, and not another issuer's to
// change.
func TestStatusOfOne(t *testing.T) {
	w := start(t, nil)
	c := w.credential("eddsa-status")
	delete(c, "id")
	one, other := w.issue("eddsa-status", c, doc{"credentialId": "one"}), w.issue("eddsa-status", w.credential("eddsa-status"), nil)
	entry := one["credentialStatus"].([]any)[0].(doc)
	for name, body := range map[string]doc{
		"unknown credential": {"credentialId": "two", "credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}, "status": true},
		"other index":        {"credentialId": "one", "credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "x"}, "status": true},
		"other list":         {"credentialId": "one", "credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListCredential": "https://vc.example/other"}, "status": true},
		"message":            {"credentialId": "one", "credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": "message"}, "status": true},
		"other type":         {"credentialId": "one", "credentialStatus": doc{"type": "StatusList2021Entry", "statusPurpose": "revocation"}, "status": true},
		"no status":          {"credentialId": "one", "credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}},
		"no entry":           {"credentialId": "one", "status": true},
		"no id":              {"credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}, "status": true},
		"misspelt":           {"credentialId": "one", "credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}, "status": true, "revoke": true},
	} {
		want := http.StatusBadRequest
		if name == "unknown credential" {
			want = http.StatusNotFound
		}
		if status, answer := w.post("/issuers/eddsa-status/credentials/status", body); status != want {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	for _, issuer := range []string{"p256-sd-status", "eddsa-rdfc"} {
		if status, _ := w.setStatus(issuer, "one", "revocation", true); status != http.StatusNotFound {
			t.Errorf("%s changes the status of another issuer's credential: %d", issuer, status)
		}
	}
	if status, answer := w.post("/issuers/eddsa-status/credentials/status", doc{
		"credentialId": "one", "status": true, "indexAllocator": "https://vc.example/allocator",
		"credentialStatus": doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": entry["statusListIndex"], "statusListCredential": entry["statusListCredential"]},
	}); status != http.StatusOK {
		t.Errorf("%d %v", status, answer)
	}
	if a, b := w.verify(one, nil), w.verify(other, nil); a["verified"] != false || b["verified"] != true {
		t.Errorf("%v %v", a, b)
	}
}

// Anybody gets the list, as the kind of JSON that is asked for, and as nothing else
// than what the credential names.
func TestStatusList(t *testing.T) {
	w := start(t, nil)
	vc := w.issue("eddsa-status", w.credential("eddsa-status"), nil)
	address := vc["credentialStatus"].([]any)[0].(doc)["statusListCredential"].(string)
	path, ok := strings.CutPrefix(address, "https://vc.example")
	if !ok || !strings.HasPrefix(path, "/issuers/eddsa-status/status/") || !strings.HasSuffix(path, "/revocation") {
		t.Fatal(address)
	}
	get := func(path, accept string) (*http.Response, string) {
		req, err := http.NewRequest("GET", w.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(b)
	}
	for accept, want := range map[string]string{"": "application/vc", "application/vc, application/ld+json": "application/vc", "application/ld+json, application/json": "application/ld+json"} {
		res, body := get(path, accept)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != want || !strings.Contains(body, `"`+address+`"`) || !strings.Contains(body, "BitstringStatusListCredential") || res.Header.Get("ETag") == "" {
			t.Errorf("%q: %d %s %s", accept, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
	}
	for _, bad := range []string{
		strings.Replace(path, "/revocation", "/refresh", 1), strings.Replace(path, "/revocation", "/%20", 1), "/issuers/eddsa-status/status/x/revocation", "/issuers/eddsa-status/status/AAAAAAAAAAAAAAAAAAAAAA/revocation",
		"/issuers/eddsa-status/status/%2e%2e%2f/revocation", "/issuers/eddsa-status/status/" + strings.Repeat("a", 300) + "/revocation", "/issuers/eddsa-status/status/%C3%A9/revocation", strings.Replace(path, "eddsa-status", "p256-sd-status", 1), strings.Replace(path, "eddsa-status", "eddsa-rdfc", 1), strings.Replace(path, "eddsa-status", "nobody", 1),
	} {
		if res, body := get(bad, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", bad, res.StatusCode, body)
		}
	}
}

// A status that cannot be looked up is not passed over.
func TestStatusOfOthers(t *testing.T) {
	w := start(t, nil)
	for name, x := range map[string]struct {
		entry any
		want  string
	}{
		"no network":     {doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "1", "statusListCredential": "https://other.example/list"}, "https://www.w3.org/ns/credentials/status-list#STATUS_RETRIEVAL_ERROR"},
		"another kind":   {doc{"type": "ExampleStatus"}, "https://www.w3.org/ns/credentials/status-list#MALFORMED_VALUE_ERROR"},
		"no such list":   {doc{"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "1", "statusListCredential": "https://vc.example/issuers/eddsa-status/status/x/revocation"}, "https://www.w3.org/ns/credentials/status-list#STATUS_RETRIEVAL_ERROR"},
		"another's list": {nil, statusError},
	} {
		c := w.credential("eddsa-rdfc")
		if c["credentialStatus"] = x.entry; x.entry == nil {
			c["credentialStatus"] = w.issue("eddsa-status", w.credential("eddsa-status"), nil)["credentialStatus"]
		}
		if r := w.verify(w.issue("eddsa-rdfc", c, nil), nil); r["verified"] != false || problems(r) != x.want {
			t.Errorf("%s: %v", name, r)
		}
	}
}
