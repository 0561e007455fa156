package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Token requests that must be refused (OpenID4VCI 1.0, Section 6; RFC 6749,
// Section 5.2). The code of the offer lives on unless a try was counted.
func TestTokenRefused(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	good := tokenForm(offer)
	set := func(pairs ...string) url.Values {
		f := maps.Clone(good)
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == "" {
				f.Del(pairs[i])
			} else {
				f[pairs[i]] = []string{pairs[i+1]}
			}
		}
		return f
	}
	for name, c := range map[string]struct {
		form url.Values
		code string
	}{
		"no grant type":                    {set("grant_type", ""), "invalid_request"},
		"authorization code without one":   {set("grant_type", "authorization_code"), "invalid_request"},
		"client credentials":               {set("grant_type", "client_credentials"), "unsupported_grant_type"},
		"no code":                          {set("pre-authorized_code", ""), "invalid_request"},
		"the name of the old drafts":       {set("pre-authorized_code", "", "pre_authorized_code", codeOf(offer)), "invalid_request"},
		"unknown code":                     {set("pre-authorized_code", strings.Repeat("A", 43)), "invalid_grant"},
		"code with padding":                {set("pre-authorized_code", codeOf(offer)+"="), "invalid_grant"},
		"no tx_code":                       {set("tx_code", ""), "invalid_request"},
		"another issuer as resource":       {set("resource", "https://other.example"), "invalid_target"},
		"a configuration that is not here": {set("authorization_details", `[{"type":"openid_credential","credential_configuration_id":"passport"}]`), "invalid_authorization_details"},
		"details of another type":          {set("authorization_details", `[{"type":"payment"}]`), "invalid_authorization_details"},
		"details for another issuer":       {set("authorization_details", `[{"type":"openid_credential","credential_configuration_id":"led_diploma","locations":["https://other.example"]}]`), "invalid_authorization_details"},
		"details with a duplicate member":  {set("authorization_details", `[{"type":"openid_credential","type":"x","credential_configuration_id":"led_diploma"}]`), "invalid_authorization_details"},
		"details that are no JSON":         {set("authorization_details", `[`), "invalid_authorization_details"},
		"code twice":                       {url.Values{"grant_type": good["grant_type"], "pre-authorized_code": {codeOf(offer), codeOf(offer)}, "tx_code": good["tx_code"]}, "invalid_request"},
		"tx_code twice":                    {url.Values{"grant_type": good["grant_type"], "pre-authorized_code": good["pre-authorized_code"], "tx_code": {"000000", offer.text("tx_code")}}, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{TB: t, base: w.base}
			w.refused(w.token(c.form), 400, c.code)
		})
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	w.refused(w.send("POST", "/token?"+good.Encode(), form, ""), 400, "invalid_request")
	w.refused(w.send("POST", "/token", map[string]string{"Content-Type": "application/json"}, `{}`), 415, "invalid_request")
	w.refused(w.send("POST", "/token", nil, good.Encode()), 415, "invalid_request")
	w.refused(w.send("POST", "/token", form, "a="+strings.Repeat("x", 17<<10)), 413, "invalid_request")
	w.refused(w.send("POST", "/token", form, "grant_type=%zz"), 400, "invalid_request")
	if a := w.send("GET", "/token", nil, ""); a.status != 405 {
		t.Errorf("GET /token: %d", a.status)
	}
	// What wallets may send beside it, and the code still works.
	more := set("resource", w.base, "client_id", "wallet", "unknown", "x", "authorization_details", `[{"type":"openid_credential","credential_configuration_id":"led_diploma"}]`)
	if a := w.token(more); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.refused(w.token(good), 400, "invalid_grant")
}

// Access tokens that must be refused (RFC 6750, Section 3).
func TestAccessTokenRefused(t *testing.T) {
	w := start(t)
	token, ids := w.redeem(w.offer("OVO000001"))
	other, otherIDs := w.redeem(w.offer("OVO000002"))
	req := func(id string) map[string]any { return w.request(id, w.nonce(), newKey(t)) }
	id, secret, _ := strings.Cut(token, ".")
	_, otherSecret, _ := strings.Cut(other, ".")
	for name, text := range map[string]string{
		"unknown": strings.Repeat("A", 43) + "." + secret, "no secret": id, "half": id + ".", "another's secret": id + "." + otherSecret,
		"an API key": w.keys["OVO000001"], "changed": token[:len(token)-1] + "_", "long": token + strings.Repeat("A", 9000),
	} {
		if a := w.credential(text, req(ids[0])); a.status != 401 || a.text("error") != "invalid_token" || !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: %d %s %s", name, a.status, a.header.Get("WWW-Authenticate"), a.body)
		}
	}
	body, _ := json.Marshal(req(ids[0]))
	for name, header := range map[string]map[string]string{
		"none": {}, "Basic": {"Authorization": "Basic eDp5"}, "DPoP": {"Authorization": "DPoP " + token},
	} {
		header["Content-Type"] = "application/json"
		a := w.send("POST", "/credential", header, string(body))
		if a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	w.refused(w.send("POST", "/credential?access_token="+token, map[string]string{"Content-Type": "application/json"}, string(body)), 401, "invalid_token")
	// Another's dataset: that it exists is not enough.
	w.refused(w.credential(token, req(otherIDs[0])), 400, "unknown_credential_identifier")
	w.refused(w.credential(other, req(ids[0])), 400, "unknown_credential_identifier")
	// A token lives five minutes; a restart and the sweep change nothing of that.
	w.restart()
	w.clock.advance(4*time.Minute + 50*time.Second)
	w.obtain(token, ids[0], 1)
	w.clock.advance(15 * time.Second)
	w.refused(w.credential(token, req(ids[1])), 401, "invalid_token")
	w.refused(w.notify(token, "x", "credential_accepted"), 401, "invalid_token")
	if err := w.issuer.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.refused(w.credential(other, req(otherIDs[0])), 401, "invalid_token")
}

// Credential requests that must be refused (OpenID4VCI 1.0, Sections 8.2, 8.3.1).
func TestCredentialRequestRefused(t *testing.T) {
	w := start(t)
	token, ids := w.redeem(w.offer("OVO000001"))
	key, nonce := newKey(t), w.nonce()
	good := w.request(ids[0], nonce, key)
	without := func(name string) map[string]any { m := maps.Clone(good); delete(m, name); return m }
	proofs := func(m map[string]any) map[string]any { return with(good, "proofs", m) }
	one := w.proof(key, nonce, nil)
	many := []string{}
	for range 9 {
		many = append(many, w.proof(newKey(t), nonce, nil))
	}
	jwk, _ := jose.PublicJWK(newKey(t).Public())
	for name, c := range map[string]struct {
		body any
		code string
	}{
		"no identifier":                  {without("credential_identifier"), "invalid_credential_request"},
		"configuration and identifier":   {with(good, "credential_configuration_id", "led_diploma"), "invalid_credential_request"},
		"configuration instead":          {with(without("credential_identifier"), "credential_configuration_id", "led_diploma"), "invalid_credential_request"},
		"unknown identifier":             {with(good, "credential_identifier", "led_diploma.x"), "unknown_credential_identifier"},
		"empty identifier":               {with(good, "credential_identifier", ""), "invalid_credential_request"},
		"identifier is a number":         {with(good, "credential_identifier", 1), "invalid_credential_request"},
		"no proofs":                      {without("proofs"), "invalid_proof"},
		"the proof of old drafts":        {with(without("proofs"), "proof", map[string]string{"proof_type": "jwt", "jwt": one}), "invalid_proof"},
		"no proof type":                  {proofs(map[string]any{}), "invalid_proof"},
		"two proof types":                {proofs(map[string]any{"jwt": []string{one}, "attestation": []string{one}}), "invalid_proof"},
		"empty list":                     {proofs(map[string]any{"jwt": []string{}}), "invalid_proof"},
		"no list":                        {proofs(map[string]any{"jwt": one}), "invalid_proof"},
		"unknown proof type":             {proofs(map[string]any{"cwt": []string{one}}), "invalid_proof"},
		"attestation without possession": {proofs(map[string]any{"attestation": []string{one}}), "invalid_proof"},
		"data integrity proof":           {proofs(map[string]any{"di_vp": []any{map[string]any{}}}), "invalid_proof"},
		"more than the batch size":       {proofs(map[string]any{"jwt": many}), "invalid_credential_request"},
		"one key twice":                  {proofs(map[string]any{"jwt": []string{one, w.proof(key, nonce, nil)}}), "invalid_proof"},
		"one good, one bad":              {proofs(map[string]any{"jwt": []string{one, "a.b.c"}}), "invalid_proof"},
		"response encryption in clear":   {with(good, "credential_response_encryption", map[string]any{"jwk": with(toMap(t, jwk), "alg", "ECDH-ES"), "enc": "A256GCM"}), "invalid_encryption_parameters"},
		"response encryption, no alg":    {with(good, "credential_response_encryption", map[string]any{"jwk": jwk, "enc": "A256GCM"}), "invalid_encryption_parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{TB: t, base: w.base}
			w.refused(w.credential(token, c.body), 400, c.code)
		})
	}
	text, _ := json.Marshal(good)
	header := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
	for name, body := range map[string]string{
		"duplicate member": strings.Replace(string(text), `{`, `{"credential_identifier":"x",`, 1), "trailing data": string(text) + "{}", "invalid UTF-8": strings.Replace(string(text), ids[0], ids[0]+"\xff", 1),
		"an array": "[]", "nothing": "", "no JSON": "x", "duplicate member in proofs": strings.Replace(string(text), `{"jwt":`, `{"jwt":[],"jwt":`, 1), "deep": strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000),
	} {
		a := w.send("POST", "/credential", header, body)
		if a.status != 400 || a.text("error") != "invalid_credential_request" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	header["Content-Type"] = "text/plain"
	w.refused(w.send("POST", "/credential", header, string(text)), 415, "invalid_credential_request")
	header["Content-Type"] = "application/json"
	w.refused(w.send("POST", "/credential", header, strings.Repeat(" ", 257<<10)), 413, "invalid_request")
	// Nothing of all this used anything up.
	if a := w.credential(token, good); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func toMap(t testing.TB, v any) (m map[string]any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// typs are the media types of every JWT of the protocols; a proof has one of
// its own (RFC 8725, Section 3.11).
var typs = []string{
	"key-attestation+jwt", "openidvci-issuer-metadata+jwt", "oauth-client-attestation+jwt", "oauth-client-attestation-pop+jwt", "dpop+jwt",
	"oauth-authz-req+jwt", "verifier-attestation+jwt", "kb+jwt", "dc+sd-jwt", "vc+sd-jwt", "vc+jwt", "vp+jwt", "statuslist+jwt",
	"vault-handle+jwt", "rc-wrp+jwt", "JWT", "jwt", "openid4vci-proof", "application/openid4vci-proof+jwt ", "",
}

// Proofs of possession that must be refused (OpenID4VCI 1.0, Appendix F).
func TestProofRefused(t *testing.T) {
	w := start(t)
	token, ids := w.redeem(w.offer("OVO000001"))
	key := newKey(t)
	header := func(name string, value any) func(h, c map[string]any) {
		return func(h, _ map[string]any) {
			if value == nil {
				delete(h, name)
			} else {
				h[name] = value
			}
		}
	}
	claim := func(name string, value any) func(h, c map[string]any) {
		return func(_, c map[string]any) {
			if value == nil {
				delete(c, name)
			} else {
				c[name] = value
			}
		}
	}
	private, _ := jose.PrivateJWK(key)
	otherJWK, _ := jose.PublicJWK(newKey(t).Public())
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p384JWK, _ := jose.PublicJWK(p384.Public())
	now := w.clock.now()
	cases := map[string]struct {
		change func(h, c map[string]any)
		code   string
	}{
		"alg none":                 {header("alg", "none"), "invalid_proof"},
		"alg HS256":                {header("alg", "HS256"), "invalid_proof"},
		"alg ES384":                {header("alg", "ES384"), "invalid_proof"},
		"alg ES256K":               {header("alg", "ES256K"), "invalid_proof"},
		"no alg":                   {header("alg", nil), "invalid_proof"},
		"no typ":                   {header("typ", nil), "invalid_proof"},
		"no key":                   {header("jwk", nil), "invalid_proof"},
		"another's key":            {header("jwk", otherJWK), "invalid_proof"},
		"a private key":            {header("jwk", private), "invalid_proof"},
		"a symmetric key":          {header("jwk", map[string]string{"kty": "oct", "k": "AAAA"}), "invalid_proof"},
		"a key of another curve":   {header("jwk", p384JWK), "invalid_proof"},
		"a point off the curve":    {func(h, _ map[string]any) { h["jwk"] = with(toMap(t, h["jwk"]), "x", otherJWK.X) }, "invalid_proof"},
		"jwk and kid":              {header("kid", "did:key:z6Mk"), "invalid_proof"},
		"kid alone":                {func(h, _ map[string]any) { delete(h, "jwk"); h["kid"] = "did:key:z6Mk#z6Mk" }, "invalid_proof"},
		"x5c":                      {func(h, _ map[string]any) { delete(h, "jwk"); h["x5c"] = jose.EncodeX5C(w.seals.Current().Chain()) }, "invalid_proof"},
		"trust chain without kid":  {header("trust_chain", []string{"x"}), "invalid_proof"},
		"jku":                      {func(h, _ map[string]any) { delete(h, "jwk"); h["jku"] = "https://evil.example/jwks" }, "invalid_proof"},
		"unknown critical header":  {func(h, _ map[string]any) { h["crit"] = []string{"x"}; h["x"] = 1 }, "invalid_proof"},
		"b64 false":                {func(h, _ map[string]any) { h["crit"] = []string{"b64"}; h["b64"] = false }, "invalid_proof"},
		"bad key attestation":      {header("key_attestation", "a.b.c"), "invalid_proof"},
		"a proof as attestation":   {func(h, _ map[string]any) { h["key_attestation"] = w.proof(newKey(t), "x", nil) }, "invalid_proof"},
		"no audience":              {claim("aud", nil), "invalid_proof"},
		"another audience":         {claim("aud", "https://other.example"), "invalid_proof"},
		"audience with a slash":    {claim("aud", w.base+"/"), "invalid_proof"},
		"the endpoint as audience": {claim("aud", w.base+"/credential"), "invalid_proof"},
		"audience as a list":       {claim("aud", []string{w.base}), "invalid_proof"},
		"issuer of nobody":         {claim("iss", "wallet"), "invalid_proof"},
		"no time":                  {claim("iat", nil), "invalid_proof"},
		"time as text":             {claim("iat", "now"), "invalid_proof"},
		"too old":                  {claim("iat", now.Add(-7*time.Minute).Unix()), "invalid_proof"},
		"from the future":          {claim("iat", now.Add(2*time.Minute).Unix()), "invalid_proof"},
		"no nonce":                 {claim("nonce", nil), "invalid_proof"},
		"empty nonce":              {claim("nonce", ""), "invalid_proof"},
		"a nonce of somebody":      {claim("nonce", "bm9uY2U"), "invalid_nonce"},
		"a changed nonce":          {func(_, c map[string]any) { n := c["nonce"].(string); c["nonce"] = n[:20] + "AAAA" + n[24:] }, "invalid_nonce"},
		"a prolonged nonce": {func(_, c map[string]any) {
			b, _ := base64.RawURLEncoding.DecodeString(c["nonce"].(string))
			b[7]++ // its last second
			c["nonce"] = base64.RawURLEncoding.EncodeToString(b)
		}, "invalid_nonce"},
		"a nonce with padding":      {func(_, c map[string]any) { c["nonce"] = c["nonce"].(string) + "=" }, "invalid_nonce"},
		"the access token as nonce": {claim("nonce", token), "invalid_nonce"},
	}
	for _, typ := range typs {
		cases["typ "+typ] = struct {
			change func(h, c map[string]any)
			code   string
		}{header("typ", typ), "invalid_proof"}
	}
	send := func(t *testing.T, proof, code string) {
		t.Helper()
		w := &world{TB: t, base: w.base}
		w.refused(w.credential(token, map[string]any{"credential_identifier": ids[0], "proofs": map[string]any{"jwt": []string{proof}}}), 400, code)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { send(t, w.rawProof(key, w.nonce(), c.change), c.code) })
	}
	good := w.proof(key, w.nonce(), nil)
	parts := strings.Split(good, ".")
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	join := func(s []byte) string {
		return parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(s)
	}
	der, _ := ecdsa.SignASN1(rand.Reader, key, digest(parts[0]+"."+parts[1]))
	dup := base64.RawURLEncoding.EncodeToString([]byte(`{"aud":"` + w.base + `","aud":"x","iat":1,"nonce":"x"}`))
	for name, proof := range map[string]string{
		"no signature": parts[0] + "." + parts[1] + ".", "signature of zeros": join(make([]byte, 64)), "short signature": join(sig[:63]), "long signature": join(append(sig, 0)), "DER signature": join(der),
		"changed payload": parts[0] + "." + parts[1][:len(parts[1])-2] + "AA." + parts[2], "padding": good + "=", "four parts": good + ".x", "two parts": parts[0] + "." + parts[1], "stray bits": good[:len(good)-1] + "_",
		"standard alphabet": strings.ReplaceAll(strings.ReplaceAll(good, "-", "+"), "_", "/") + "+", "duplicate claim": signed(key, parts[0]+"."+dup), "JSON serialisation": `{"payload":"x"}`, "spaces": " " + good, "nothing": "",
		"a JWE": "a.b.c.d.e",
	} {
		t.Run(name, func(t *testing.T) { send(t, proof, "invalid_proof") })
	}
	t.Run("old nonce", func(t *testing.T) {
		nonce := w.nonce()
		w.clock.advance(5*time.Minute - 10*time.Second)
		late, lateIDs := w.redeem(w.offer("OVO000001"))
		w.clock.advance(20 * time.Second)
		w.refused(w.credential(late, w.request(lateIDs[0], nonce, newKey(t))), 400, "invalid_nonce")
		w.obtain(late, lateIDs[0], 1)
	})
	t.Run("used nonce", func(t *testing.T) {
		late, lateIDs := w.redeem(w.offer("OVO000001"))
		nonce := w.nonce()
		if a := w.credential(late, w.request(lateIDs[0], nonce, newKey(t))); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		w.restart()
		w.refused(w.credential(late, w.request(lateIDs[1], nonce, newKey(t))), 400, "invalid_nonce")
	})
}

// A wallet that named itself may say so in its proofs, and nobody else
// (OpenID4VCI 1.0, Appendix F.1).
func TestProofIssuer(t *testing.T) {
	w := start(t)
	form := tokenForm(w.offer("OVO000001"))
	form.Set("client_id", "wallet-7")
	a := w.token(form)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.restart()
	ids := identifiersOf(a)
	from := func(iss any) map[string]any {
		proof := w.proof(newKey(t), w.nonce(), func(_, c map[string]any) {
			if iss != nil {
				c["iss"] = iss
			}
		})
		return map[string]any{"credential_identifier": ids[0], "proofs": map[string]any{"jwt": []string{proof}}}
	}
	w.refused(w.credential(a.text("access_token"), from("wallet-8")), 400, "invalid_proof")
	w.refused(w.credential(a.text("access_token"), from("")), 400, "invalid_proof")
	if got := w.credential(a.text("access_token"), from("wallet-7")); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	got := from(nil)
	got["credential_identifier"] = ids[1]
	if got := w.credential(a.text("access_token"), got); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func digest(text string) []byte { d := sha256.Sum256([]byte(text)); return d[:] }

// signed is a compact JWS, whatever its header says.
func signed(key *ecdsa.PrivateKey, input string) string {
	r, s, err := ecdsa.Sign(rand.Reader, key, digest(input))
	if err != nil {
		panic(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// rawProof is a proof that our own signer would refuse to make.
func (w *world) rawProof(key *ecdsa.PrivateKey, nonce string, change func(h, c map[string]any)) string {
	w.Helper()
	parts := strings.Split(w.proof(key, nonce, nil), ".")
	decode := func(s string) (m map[string]any) {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || json.Unmarshal(b, &m) != nil {
			w.Fatal("not a proof")
		}
		return m
	}
	h, c := decode(parts[0]), decode(parts[1])
	change(h, c)
	hb, _ := json.Marshal(h)
	cb, _ := json.Marshal(c)
	return signed(key, base64.RawURLEncoding.EncodeToString(hb)+"."+base64.RawURLEncoding.EncodeToString(cb))
}
