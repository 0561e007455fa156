package crossfeed_test

import (
	"crypto/ecdsa"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"time"

	"github.com/zegel-id/zegel/protocol/oauth"
)

// The wallet that the demonstration knows.
const (
	walletID       = "zegel-wallet"
	walletCallback = "http://127.0.0.1:1/callback"
)

// issuerProof is a DPoP proof for one request to the issuer.
func (w *world) issuerProof(key *ecdsa.PrivateKey, path, token string) string {
	w.t.Helper()
	res, err := w.http.Post(w.issuer+"/nonce", "", nil)
	w.check(err)
	w.check(res.Body.Close())
	text, err := oauth.NewProof(key, "POST", w.issuer+path, token, res.Header.Get(oauth.NonceHeader), time.Now())
	w.check(err)
	return text
}

// push gives the request_uri of a request for the citizen's diplomas.
func (w *world) push(verifier, handle string) answer {
	return w.form(w.issuer+"/par", url.Values{
		"client_id": {walletID}, "response_type": {"code"}, "redirect_uri": {walletCallback}, "scope": {"led_diploma"}, "state": {"s"},
		"code_challenge": {oauth.Challenge(verifier)}, "code_challenge_method": {"S256"}, "vault_handle": {handle},
	})
}

var (
	formValue = regexp.MustCompile(`name="form" value="([^"]+)"`)
	codeValue = regexp.MustCompile(`[?&]code=([A-Za-z0-9_-]+)`)
)

// agree plays the browser of a citizen who signs in and agrees: the value of the
// consent form, and the code.
func (w *world) agree(citizen, requestURI string) (form, code string) {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.check(err)
	browser := *w.http
	browser.Jar = jar
	at := w.issuer + "/authorize?" + url.Values{"client_id": {walletID}, "request_uri": {requestURI}}.Encode()
	for range 20 {
		res, err := browser.Get(at)
		w.check(err)
		body := read(w, res)
		if m := formValue.FindStringSubmatch(body); m != nil {
			res, err = browser.PostForm(w.issuer+"/consent", url.Values{"form": {m[1]}, "decision": {"allow"}})
			w.check(err)
			body = read(w, res) + res.Header.Get("Location")
			found := codeValue.FindStringSubmatch(body)
			if found == nil {
				w.t.Fatalf("no code: %d %s", res.StatusCode, body)
			}
			return m[1], found[1]
		}
		if page := res.Request.URL; res.StatusCode == http.StatusOK && page.Path == "/login" {
			res, err = browser.PostForm(page.Scheme+"://"+page.Host+"/login", url.Values{"id": page.Query()["id"], "citizen": {citizen}})
			w.check(err)
			w.check(res.Body.Close())
		}
		next, err := res.Location()
		if err != nil {
			w.t.Fatalf("%s: %d %.300s", at, res.StatusCode, body)
		}
		at = next.String()
	}
	w.t.Fatal("the sign-in does not end")
	return "", ""
}

// codeFlow makes what the authorization server takes and gives.
func (w *world) codeFlow() {
	verifier, key := oauth.NewVerifier(), newKey()
	redeem := func(code string) answer {
		return w.form(w.issuer+"/token", url.Values{
			"grant_type": {"authorization_code"}, "client_id": {walletID}, "redirect_uri": {walletCallback}, "code": {code}, "code_verifier": {verifier},
		}, "DPoP", w.issuerProof(key, "/token", ""))
	}
	form, code := w.agree("lotte", w.push(verifier, w.handle()).text("request_uri"))
	granted := redeem(code)
	token := granted.text("access_token")
	_, w.things["authorization code"] = w.agree("lotte", w.push(verifier, w.handle()).text("request_uri"))
	w.things["consent form"] = form
	w.things["bound access token"], w.things["refresh token"] = token, granted.text("refresh_token")
	w.things["request_uri"] = w.push(verifier, w.handle()).text("request_uri")
	w.things["issuer's DPoP proof"] = w.issuerProof(key, "/credential", token)
	signIn := w.json("POST", w.issuer+"/issuance/v1/offers", m{
		"credential_configuration_id": "led_diploma", "supplier": "led", "sign_in": true, "subject": m{"insz": "85671420280"},
	}, "Authorization", "Bearer "+w.schoolKey)
	w.things["issuer_state"] = signIn.text("credential_offer", "grants", "authorization_code", "issuer_state")

	w.doors["GET /authorize request_uri"] = door{own: "request_uri", knock: func(x string) answer {
		return w.send("GET", w.issuer+"/authorize?"+url.Values{"client_id": {walletID}, "request_uri": {x}}.Encode(), "")
	}}
	fetch := func(token, n, proof string) answer {
		return w.json("POST", w.issuer+"/credential", m{"credential_identifier": identifier(granted, n), "proofs": m{"jwt": []string{w.keyProof(newKey(), w.nonce())}}},
			"Authorization", "DPoP "+token, "DPoP", proof)
	}
	w.doors["POST /credential DPoP Authorization"] = door{own: "bound access token", once: true, knock: func(x string) answer {
		return fetch(x, "0", w.issuerProof(key, "/credential", x))
	}}
	w.doors["POST /credential DPoP"] = door{own: "issuer's DPoP proof", once: true, knock: func(x string) answer { return fetch(token, "1", x) }}
	w.doors["POST /token refresh"] = door{own: "refresh token", knock: func(x string) answer {
		return w.form(w.issuer+"/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {walletID}, "refresh_token": {x}}, "DPoP", w.issuerProof(key, "/token", ""))
	}}
	// A code lives a minute, so when all others were tried another of its kind
	// stands for it.
	w.doors["POST /token authorization code"] = door{own: "authorization code", knock: func(x string) answer {
		if x == w.things["authorization code"] {
			_, x = w.agree("lotte", w.push(verifier, w.handle()).text("request_uri"))
		}
		return redeem(x)
	}}
}

func read(w *world, res *http.Response) string {
	b, err := io.ReadAll(res.Body)
	w.check(err)
	w.check(res.Body.Close())
	return string(b)
}
