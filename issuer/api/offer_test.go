package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// An offer by value and by reference is one offer (OpenID4VCI 1.0, Sections
// 4.1.1 to 4.1.3).
func TestOfferByReference(t *testing.T) {
	w := start(t)
	offer, other := w.offer("OVO000001"), w.offer("OVO000001")
	if offer.text("credential_offer_uri") == other.text("credential_offer_uri") || codeOf(offer) == codeOf(other) {
		t.Error("two offers share an address or a code")
	}
	uri := offer.text("credential_offer_uri")
	in, err := oid4vci.ParseLink(offer.text("credential_offer_link"), oid4vci.InsecureLoopback)
	if err != nil || in.OfferURI != uri {
		t.Fatalf("%v %v", in, err)
	}
	a := w.send("GET", uri, map[string]string{"Accept": "application/json"}, "")
	if a.status != 200 || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	got, err := oid4vci.ParseCredentialOffer(a.body, oid4vci.InsecureLoopback)
	if err != nil || string(got.Grants.PreAuthorizedCode.Code) != codeOf(offer) || got.Grants.PreAuthorizedCode.TxCode == nil {
		t.Errorf("%v %v", got, err)
	}
	w.redeem(offer)
	for _, address := range []string{uri, w.base + "/offers/" + strings.Repeat("A", 43), w.base + "/offers/x"} {
		if a := w.send("GET", address, nil, ""); a.status != http.StatusNotFound || a.text("error") == "" {
			t.Errorf("%s: %d %s", address, a.status, a.body)
		}
	}
}

// Each institution sees its own offers only.
func TestOfferOfOthers(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	path := "/issuance/v1/offers/" + offer.text("offer_id")
	for _, method := range []string{"GET", "DELETE"} {
		w.problem(w.as("OVO000002", method, path, nil), http.StatusNotFound, "Not found")
		w.problem(w.as("OVO002067", method, path, nil), http.StatusNotFound, "Not found")
		w.problem(w.as("vaults", method, path, nil), http.StatusForbidden, "Permission is missing")
		w.problem(w.send(method, path, nil, ""), http.StatusUnauthorized, "Authentication is required")
		w.problem(w.send(method, path, map[string]string{"Authorization": "Bearer zk_wrong"}, ""), http.StatusUnauthorized, "Authentication is required")
		for _, id := range []string{"5f0f4a4e-7a3c-4c6e-8d57-3a1f7b2d9c10", "x", strings.ToUpper(offer.text("offer_id"))} {
			w.problem(w.as("OVO000001", method, "/issuance/v1/offers/"+id, nil), http.StatusNotFound, "Not found")
		}
	}
	if a := w.as("OVO000001", "GET", path, nil); a.text("state") != "offered" {
		t.Errorf("%s", a.body)
	}
	w.redeem(offer)
}

func TestCancel(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	path := "/issuance/v1/offers/" + offer.text("offer_id")
	for range 2 {
		if a := w.as("OVO000001", "DELETE", path, nil); a.status != http.StatusNoContent {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := w.as("OVO000001", "GET", path, nil); a.text("state") != "cancelled" {
		t.Errorf("%s", a.body)
	}
	w.refused(w.token(tokenForm(offer)), 400, "invalid_grant")
	if a := w.send("GET", offer.text("credential_offer_uri"), nil, ""); a.status != http.StatusNotFound {
		t.Errorf("the offer is still at its address: %d", a.status)
	}
	// Too late: a wallet was faster.
	offer = w.offer("OVO000001")
	path = "/issuance/v1/offers/" + offer.text("offer_id")
	token, ids := w.redeem(offer)
	w.problem(w.as("OVO000001", "DELETE", path, nil), http.StatusConflict, "Redeemed already")
	if a := w.as("OVO000001", "GET", path, nil); a.text("state") != "redeemed" {
		t.Errorf("%s", a.body)
	}
	w.obtain(token, ids[0], 1)
	w.problem(w.as("OVO000001", "DELETE", path, nil), http.StatusConflict, "Redeemed already")
}

func TestOfferExpires(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	w.clock.advance(24*time.Hour + time.Second)
	w.refused(w.token(tokenForm(offer)), 400, "invalid_grant")
	if a := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil); a.text("state") != "expired" {
		t.Errorf("%s", a.body)
	}
	if a := w.send("GET", offer.text("credential_offer_uri"), nil, ""); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
}

// One code, one winner (OpenID4VCI 1.0, Section 4.1.1).
func TestParallelRedemption(t *testing.T) {
	w := start(t)
	for range 3 {
		form := tokenForm(w.offer("OVO000001"))
		var won atomic.Int32
		var all sync.WaitGroup
		for range 5 { // as many as there are tries of the transaction code
			all.Go(func() {
				switch a := w.token(form); a.status {
				case http.StatusOK:
					won.Add(1)
				default:
					w.refused(a, 400, "invalid_grant")
				}
			})
		}
		all.Wait()
		if n := won.Load(); n != 1 {
			t.Errorf("%d redeemed one code", n)
		}
		w.refused(w.token(form), 400, "invalid_grant")
	}
}

// One dataset, one issuance: whoever asks at the same time, with fresh keys
// and nonces of their own.
func TestParallelIssuance(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	token, ids := w.redeem(offer)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		req := w.request(ids[0], w.nonce(), newKey(t))
		all.Go(func() {
			switch a := w.credential(token, req); a.status {
			case http.StatusOK:
				won.Add(1)
			default:
				w.refused(a, 400, "credential_request_denied")
			}
		})
	}
	all.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d credentials of one dataset", n)
	}
	w.refused(w.credential(token, w.request(ids[0], w.nonce(), newKey(t))), 400, "credential_request_denied")
	state := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
	if len(state.list("credentials")) != 1 {
		t.Errorf("%s", state.body)
	}
	w.obtain(token, ids[1], 1)
}

// One nonce is used once, by whoever is first (OpenID4VCI 1.0, Section 7).
func TestParallelNonce(t *testing.T) {
	w := start(t)
	token, ids := w.redeem(w.offer("OVO000001"))
	nonce := w.nonce()
	var won atomic.Int32
	var all sync.WaitGroup
	for n := range 8 {
		req := w.request(ids[n%2], nonce, newKey(t))
		all.Go(func() {
			switch a := w.credential(token, req); a.status {
			case http.StatusOK:
				won.Add(1)
			default:
				w.refused(a, 400, "invalid_nonce")
			}
		})
	}
	all.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d used one nonce", n)
	}
}

// Wrong transaction codes are counted before they are compared, and the code
// is dead after five (OpenID4VCI 1.0, Section 13.6.3).
func TestTxCodeTries(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	form := tokenForm(offer)
	wrong := url.Values{"grant_type": form["grant_type"], "pre-authorized_code": form["pre-authorized_code"], "tx_code": {"000000"}}
	if form.Get("tx_code") == "000000" {
		wrong.Set("tx_code", "000001")
	}
	var texts []string
	for range 4 {
		a := w.token(wrong)
		w.refused(a, 400, "invalid_grant")
		texts = append(texts, a.text("error_description"))
	}
	if a := w.token(form); a.status != http.StatusOK {
		t.Fatalf("the fifth try, a right one: %d %s", a.status, a.body)
	}

	offer = w.offer("OVO000001")
	form = tokenForm(offer)
	wrong.Set("pre-authorized_code", codeOf(offer))
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { w.refused(w.token(wrong), 400, "invalid_grant") })
	}
	all.Wait()
	w.restart() // the count does not live in memory
	a := w.token(form)
	w.refused(a, 400, "invalid_grant")
	// A guesser cannot tell a wrong code, a dead code and no code apart.
	unknown := url.Values{"grant_type": form["grant_type"], "pre-authorized_code": {strings.Repeat("A", 43)}, "tx_code": {"123456"}}
	texts = append(texts, a.text("error_description"), w.token(unknown).text("error_description"))
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("%q and %q", texts[0], text)
		}
	}
}

// Whose notification it is (OpenID4VCI 1.0, Section 11).
func TestNotification(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	token, ids := w.redeem(offer)
	res, _ := w.obtain(token, ids[0], 1)
	otherToken, otherIDs := w.redeem(w.offer("OVO000002"))
	w.obtain(otherToken, otherIDs[0], 1)
	id := res.text("notification_id")
	for range 2 {
		if a := w.notify(token, id, "credential_failure"); a.status != http.StatusNoContent {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if a := w.notify(token, id, "credential_accepted"); a.status != http.StatusNoContent {
		t.Errorf("%d", a.status)
	}
	w.refused(w.notify(otherToken, id, "credential_deleted"), 400, "invalid_notification_id")
	w.refused(w.notify(token, "unknown", "credential_deleted"), 400, "invalid_notification_id")
	w.refused(w.notify(token, id+"x", "credential_deleted"), 400, "invalid_notification_id")
	w.refused(w.notify(token, strings.Repeat("a", 300), "credential_deleted"), 400, "invalid_notification_id")
	w.refused(w.notify(token, "é\n", "credential_deleted"), 400, "invalid_notification_id")
	w.refused(w.notify("\xff"+token[1:], id, "credential_deleted"), 401, "invalid_token")
	w.refused(w.notify(token, id, "credential_eaten"), 400, "invalid_notification_request")
	w.refused(w.notify("x", id, "credential_deleted"), 401, "invalid_token")
	header := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
	if a := w.send("POST", "/notification", header, fmt.Sprintf(`{"notification_id":%q,"event":"credential_accepted","unknown":1}`, id)); a.status != http.StatusNoContent {
		t.Errorf("unknown members must be ignored: %d", a.status)
	}
	state := w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
	if c := state.list("credentials")[0].(map[string]any); c["notification"] != "credential_accepted" {
		t.Errorf("%v", c)
	}
	// An older one that comes late changes nothing.
	for _, event := range []string{"credential_deleted", "credential_accepted"} {
		if a := w.notify(token, id, event); a.status != http.StatusNoContent {
			t.Errorf("%s: %d %s", event, a.status, a.body)
		}
	}
	state = w.as("OVO000001", "GET", "/issuance/v1/offers/"+offer.text("offer_id"), nil)
	if c := state.list("credentials")[0].(map[string]any); c["notification"] != "credential_deleted" {
		t.Errorf("%v", c)
	}
}

// A wallet that sends authorization details is told the identifier of a single
// dataset, which no other wallet may use with another token.
func TestSingleDataset(t *testing.T) {
	w := start(t)
	redeem := func() (string, []string) {
		form := tokenForm(w.as("OVO000001", "POST", "/issuance/v1/offers", map[string]any{"credential_configuration_id": "led_diploma", "claims": []any{map[string]any{"title": "x", "award_date": "2020"}}}))
		form.Set("authorization_details", `[{"type":"openid_credential","credential_configuration_id":"led_diploma"}]`)
		a := w.token(form)
		if a.status != http.StatusOK {
			t.Fatalf("token: %d %s", a.status, a.body)
		}
		return a.text("access_token"), identifiersOf(a)
	}
	token, ids := redeem()
	_, others := redeem()
	if len(ids) != 1 || len(others) != 1 {
		t.Fatalf("identifiers %v %v", ids, others)
	}
	if a := w.credential(token, w.request(others[0], w.nonce(), keys(w, 1)...)); a.text("error") != "unknown_credential_identifier" {
		t.Errorf("another token's identifier: %d %s", a.status, a.body)
	}
	w.obtain(token, ids[0], 1)
	if a := w.credential(token, w.request("", w.nonce(), keys(w, 1)...)); a.text("error") != "credential_request_denied" {
		t.Errorf("once by identifier, once by configuration: %d %s", a.status, a.body)
	}
}

// An institution's own claims, sealed as it may.
func TestDirectOffer(t *testing.T) {
	w := start(t)
	post := func(client string, body any) answer { return w.as(client, "POST", "/issuance/v1/offers", body) }
	own := map[string]any{"credential_configuration_id": "led_diploma", "claims": []any{map[string]any{"title": "Kanarie eigen", "award_date": "2020"}}}
	a := post("OVO000001", own)
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// A single dataset needs no identifier, and the token response names none.
	token, ids := w.redeem(a)
	if ids != nil {
		t.Errorf("identifiers %v", ids)
	}
	_, copies := w.obtain(token, "", 2)
	if claimsOf(t, copies[1])["title"] != "Kanarie eigen" {
		t.Error("another title")
	}
	if a := w.credential(token, w.request("", w.nonce(), keys(w, 1)...)); a.text("error") != "credential_request_denied" {
		t.Errorf("a second time: %d %s", a.status, a.body)
	}
	w.nowhere("direct offer")
	collect := func(name string, value any) map[string]any {
		return with(map[string]any{"credential_configuration_id": "led_diploma", "supplier": "led", "subject": map[string]string{"insz": insz}}, name, value)
	}
	long := make([]any, 257)
	for i := range long {
		long[i] = map[string]string{"title": "x"}
	}
	for name, c := range map[string]struct {
		client string
		body   any
		status int
		title  string
		field  string
	}{
		"no permission for claims":  {"OVO000002", own, 403, "Permission is missing", ""},
		"no permission for offers":  {"vaults", own, 403, "Permission is missing", ""},
		"no permission to collect":  {"OVO002067", collect("supplier", "led"), 403, "Permission is missing", ""},
		"unknown configuration":     {"OVO000001", with(own, "credential_configuration_id", "passport"), 400, "Unknown configuration", "credential_configuration_id"},
		"unknown configuration 2":   {"OVO000001", collect("credential_configuration_id", "passport"), 400, "Another configuration", "credential_configuration_id"},
		"no configuration":          {"OVO000001", map[string]any{"supplier": "led"}, 400, "Missing member", "credential_configuration_id"},
		"both sources":              {"OVO000001", with(own, "supplier", "led"), 400, "Two sources", "claims"},
		"no source":                 {"OVO000001", map[string]any{"credential_configuration_id": "led_diploma"}, 400, "No source", "supplier"},
		"no subject":                {"OVO000001", collect("subject", nil), 400, "Missing member", "subject.insz"},
		"wrong national number":     {"OVO000001", collect("subject", map[string]string{"insz": "80610100138"}), 400, "Not a national number", "subject.insz"},
		"unknown supplier":          {"OVO000001", collect("supplier", "nobody"), 404, "Unknown supplier", "supplier"},
		"unknown member":            {"OVO000001", collect("suplier", "led"), 400, "Unknown member", "suplier"},
		"claims are no objects":     {"OVO000001", with(own, "claims", []any{map[string]any{}, "x"}), 400, "Not an object", "claims[1]"},
		"no claims":                 {"OVO000001", with(own, "claims", []any{}), 422, "Nothing to offer", "claims"},
		"too many":                  {"OVO000001", with(own, "claims", long), 422, "Too many credentials", ""},
		"undescribed claim":         {"OVO000001", with(own, "claims", []any{map[string]any{"title": "x"}, map[string]any{"national_number": "x"}}), 422, "Claims cannot be sealed", "claims[1]"},
		"reserved claim":            {"OVO000001", with(own, "claims", []any{map[string]any{"iss": "https://evil.example"}}), 422, "Claims cannot be sealed", "claims[0]"},
		"hidden digests":            {"OVO000001", with(own, "claims", []any{map[string]any{"level": map[string]any{"_sd": []string{"x"}}}}), 422, "Claims cannot be sealed", "claims[0]"},
		"nothing about the subject": {"OVO000001", collect("subject", map[string]string{"insz": "85073003328"}), 422, "Nothing to offer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := post(c.client, c.body)
			w := &world{TB: t}
			w.problem(a, c.status, c.title)
			if a.text("field") != c.field {
				t.Errorf("field %q, want %q", a.text("field"), c.field)
			}
			if a.text("detail")+a.text("expected") == "" {
				t.Errorf("neither detail nor expected: %s", a.body)
			}
			if strings.Contains(string(a.body), insz) || strings.Contains(string(a.body), canary) {
				t.Errorf("the refusal tells who or what: %s", a.body)
			}
		})
	}
	a = post("OVO000001", collect("subject", map[string]string{"insz": "85073003328"}))
	if a.json["no_data"] != true {
		t.Errorf("%s", a.body)
	}
	w.source.set(diplomasAllRefused(), nil)
	a = post("OVO000001", collect("supplier", "led"))
	if a.status != 422 || a.json["no_data"] != false || len(a.list("refused")) != 1 {
		t.Errorf("%s", a.body)
	}
	header := map[string]string{"Authorization": "Bearer " + w.keys["OVO000001"], "Content-Type": "application/json"}
	w.problem(w.send("POST", "/issuance/v1/offers", header, `{"credential_configuration_id":"led_diploma","supplier":"led","supplier":"x"}`), 400, "Malformed request body")
	w.problem(w.send("POST", "/issuance/v1/offers", header, `{"credential_configuration_id":"led_diploma","claims":[{"title":"a","title":"b"}]}`), 400, "Malformed request body")
	header["Content-Type"] = "text/plain"
	w.problem(w.send("POST", "/issuance/v1/offers", header, `{}`), 415, "Media type not supported")
}

// A repeated request with one Idempotency-Key makes one offer.
func TestIdempotentOffer(t *testing.T) {
	w := start(t)
	body := `{"credential_configuration_id":"led_diploma","supplier":"led","subject":{"insz":"` + insz + `"}}`
	header := map[string]string{"Authorization": "Bearer " + w.keys["OVO000001"], "Content-Type": "application/json", "Idempotency-Key": "2f0c"}
	first := w.send("POST", "/issuance/v1/offers", header, body)
	w.restart()
	again := w.send("POST", "/issuance/v1/offers", header, body)
	if first.status != 201 || string(first.body) != string(again.body) || w.source.asked != 1 {
		t.Errorf("%s\n%s\nasked %d", first.body, again.body, w.source.asked)
	}
	if a := w.send("POST", "/issuance/v1/offers", header, strings.Replace(body, "led_", "lod_", 1)); a.status != 422 {
		t.Errorf("another request with the same key: %d", a.status)
	}
	header["Authorization"] = "Bearer " + w.keys["OVO000002"]
	if a := w.send("POST", "/issuance/v1/offers", header, body); a.status != 201 || a.text("offer_id") == first.text("offer_id") {
		t.Errorf("another client with the same key: %d %s", a.status, a.body)
	}
	w.nowhere("kept answers", codeOf(first), first.text("credential_offer_uri"))
}
