// Package crossfeed_test brings every token, code, handle and address that the
// running system makes to every place where it takes one: each opens its own
// door and no other, being tried at the wrong ones does not spend it, and what
// may be used once opens its own once.
//
// The types of JWT alone are tried in e2e/typs; here are the real ones, signed
// with the real keys, together with all that is no JWT.
package crossfeed_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// door is a place where the system takes something from outside.
type door struct {
	own   string // the name of what opens it
	once  bool   // it opens once
	knock func(thing string) answer
}

// world is everything that was made and nothing of which was used yet.
type world struct {
	*system
	things map[string]string
	doors  map[string]door
	handle func() string // a fresh vault handle
}

const (
	grantType = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	purpose   = "recruitment"
)

func TestEachOpensItsOwnDoor(t *testing.T) {
	w := &world{system: start(t), things: map[string]string{}, doors: map[string]door{}}
	w.holderSide()
	w.issuerSide()
	w.codeFlow()
	w.verifierSide()
	for name, thing := range w.things {
		if thing == "" {
			t.Fatalf("there is no %s", name)
		}
	}
	names := slices.Sorted(maps.Keys(w.things))
	for at, d := range w.doors {
		for _, name := range names {
			if name == d.own {
				continue
			}
			a := d.knock(w.things[name])
			if a.status < 400 || a.status > 499 {
				t.Errorf("%s at %s: %d %.200s", name, at, a.status, a.body)
			}
			if len(w.things[name]) > 20 && strings.Contains(string(a.body), w.things[name]) {
				t.Errorf("%s at %s: it is repeated in the answer", name, at)
			}
		}
	}
	// Nothing was spent, and every door is one.
	for _, at := range slices.Sorted(maps.Keys(w.doors)) {
		d := w.doors[at]
		if a := d.knock(w.things[d.own]); a.status < 200 || a.status > 399 {
			t.Errorf("%s does not open %s: %d %.300s", d.own, at, a.status, a.body)
		}
		if !d.once {
			continue
		}
		if a := d.knock(w.things[d.own]); a.status < 400 || a.status > 499 {
			t.Errorf("%s opens %s twice: %d %.300s", d.own, at, a.status, a.body)
		}
	}
	t.Logf("%d things at %d doors", len(names), len(w.doors))
}

// holderSide makes what the vault platform takes and gives.
func (w *world) holderSide() {
	t := w.t
	session := func(citizen string) (key *ecdsa.PrivateKey, token string) {
		key, verifier := newKey(), oauth.NewVerifier()
		target := w.holder + "/session/token"
		a := w.form(target, url.Values{"grant_type": {"authorization_code"}, "code": {w.signIn(citizen, verifier)}, "code_verifier": {verifier}}, "DPoP", w.proof(key, "POST", target, ""))
		if a.status != http.StatusOK {
			t.Fatalf("session: %d %s", a.status, a.body)
		}
		return key, a.text("access_token")
	}
	key, token := session("lotte")
	vault := w.holder + "/vault/v1"
	call := func(method, path string, body any) answer {
		return w.json(method, vault+path, body, "Authorization", "DPoP "+token, "DPoP", w.proof(key, method, vault+path, token))
	}
	info := call("GET", "", nil)
	w.things["holder access token"] = token
	w.handle = func() string { return call("POST", "/handles", m{"issuer": w.issuer}).text("vault_handle") }
	w.things["vault handle"] = w.handle()
	w.things["link proof"] = string(w.send("GET", info.text("webid")+"/link.jwt", "").body)
	w.things["vault name"] = info.text("vault")
	w.things["DPoP proof"] = w.proof(key, "GET", vault+"/items", token)

	verifier := oauth.NewVerifier()
	w.things["sign-in code"], w.things["PKCE verifier"] = w.signIn("lotte", verifier), verifier
	target := w.holder + "/session/token"
	w.doors["POST /session/token code"] = door{own: "sign-in code", once: true, knock: func(x string) answer {
		return w.form(target, url.Values{"grant_type": {"authorization_code"}, "code": {x}, "code_verifier": {verifier}}, "DPoP", w.proof(newKey(), "POST", target, ""))
	}}
	w.doors["GET /vault/v1 Authorization"] = door{own: "holder access token", knock: func(x string) answer {
		return w.send("GET", vault, "", "Authorization", "DPoP "+x, "DPoP", w.proof(key, "GET", vault, x))
	}}
	w.doors["GET /vault/v1/items DPoP"] = door{own: "DPoP proof", once: true, knock: func(x string) answer {
		return w.send("GET", vault+"/items", "", "Authorization", "DPoP "+token, "DPoP", x)
	}}
	w.doors["PUT /vault/v1/link"] = door{own: "link proof", knock: func(x string) answer { return call("PUT", "/link", m{"link_proof": x}) }}
	w.doors["POST /par"] = door{own: "vault handle", once: true, knock: func(x string) answer {
		return w.form(w.issuer+"/par", url.Values{
			"client_id": {"zegel-wallet"}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1:1/callback"}, "scope": {"led_diploma"}, "vault_handle": {x},
			"code_challenge": {oauth.Challenge(verifier)}, "code_challenge_method": {"S256"},
		})
	}}
}

// offer is what an institution offers: three diplomas.
func (w *world) offer() answer {
	w.t.Helper()
	return w.offerOf("85671420280")
}

func (w *world) offerOf(citizen string) answer {
	w.t.Helper()
	a := w.json("POST", w.issuer+"/issuance/v1/offers", m{"credential_configuration_id": "led_diploma", "supplier": "led", "subject": m{"insz": citizen}}, "Authorization", "Bearer "+w.schoolKey)
	if a.status != http.StatusCreated {
		w.t.Fatalf("offer: %d %s", a.status, a.body)
	}
	return a
}

func (w *world) redeem(offer answer) answer {
	return w.form(w.issuer+"/token", url.Values{"grant_type": {grantType}, "pre-authorized_code": {offer.text("credential_offer", "grants", grantType, "pre-authorized_code")}, "tx_code": {offer.text("tx_code")}})
}

func (w *world) nonce() string { return w.send("POST", w.issuer+"/nonce", "").text("c_nonce") }

func (w *world) keyProof(key *ecdsa.PrivateKey, nonce string) string {
	return w.sign(key, m{"typ": oid4vci.TypProof, "jwk": w.jwk(key)}, m{"aud": w.issuer, "iat": time.Now().Unix(), "nonce": nonce})
}

// identifier is that of the nth dataset of a token.
func identifier(token answer, n string) string {
	return token.text("authorization_details", "0", "credential_identifiers", n)
}

func (w *world) fetch(token, identifier, proof string) answer {
	return w.json("POST", w.issuer+"/credential", m{"credential_identifier": identifier, "proofs": m{"jwt": []string{proof}}}, "Authorization", "Bearer "+token)
}

// promised makes a deferred transaction, which only its own token goes on with.
func (w *world) promised() {
	granted := w.redeem(w.offerOf("79720311419"))
	token := granted.text("access_token")
	later := w.json("POST", w.issuer+"/credential", m{"credential_configuration_id": "led_diploma", "proofs": m{"jwt": []string{w.keyProof(newKey(), w.nonce())}}}, "Authorization", "Bearer "+token)
	w.things["token of what comes later"], w.things["deferred transaction id"] = token, later.text("transaction_id")
	on := func(token, id string) answer {
		return w.json("POST", w.issuer+"/deferred_credential", m{"transaction_id": id}, "Authorization", "Bearer "+token)
	}
	// At either of the doors it may be delivered; then it is over at the other.
	right := func(a answer) answer {
		if a.status == http.StatusBadRequest && a.text("error") == "invalid_transaction_id" {
			a.status = http.StatusOK
		}
		return a
	}
	w.doors["POST /deferred_credential transaction"] = door{own: "deferred transaction id", knock: func(x string) answer {
		a := on(token, x)
		if x == w.things["deferred transaction id"] {
			return right(a)
		}
		return a
	}}
	w.doors["POST /deferred_credential Authorization"] = door{own: "token of what comes later", knock: func(x string) answer {
		a := on(x, w.things["deferred transaction id"])
		if x == token {
			return right(a)
		}
		return a
	}}
}

// issuerSide makes what the issuer takes and gives.
func (w *world) issuerSide() {
	waiting := w.offer()
	w.things["pre-authorized code"], w.things["offer id"] = waiting.text("credential_offer", "grants", grantType, "pre-authorized_code"), waiting.text("offer_id")
	w.things["transaction code"], w.things["offer address"] = waiting.text("tx_code"), path.Base(waiting.text("credential_offer_uri"))
	granted := w.redeem(w.offer())
	token := granted.text("access_token")
	key := newKey()
	first := w.fetch(token, identifier(granted, "0"), w.keyProof(key, w.nonce()))
	w.things["issuer access token"], w.things["credential"], w.things["notification id"] = token, first.text("credentials", "0", "credential"), first.text("notification_id")
	w.things["issuer-signed JWT"], _, _ = strings.Cut(w.things["credential"], "~")
	w.things["nonce"] = w.nonce()
	w.things["key proof"] = w.keyProof(newKey(), w.nonce())
	w.things["dataset"] = identifier(granted, "1")
	w.things["provider list"] = string(w.send("GET", w.issuer+"/trust/pub-eaa.jwt", "").body)
	w.things["status list"] = string(w.send("GET", w.statusList(), "").body)
	w.things["school's API key"], w.things["vault platform's API key"] = w.schoolKey, w.vaultKey

	w.things["signed metadata"] = string(w.send("GET", w.issuer+"/.well-known/openid-credential-issuer", "", "Accept", "application/jwt").body)
	w.promised()

	w.doors["POST /token code"] = door{own: "pre-authorized code", once: true, knock: func(x string) answer {
		return w.form(w.issuer+"/token", url.Values{"grant_type": {grantType}, "pre-authorized_code": {x}, "tx_code": {w.things["transaction code"]}})
	}}
	w.doors["GET /offers"] = door{own: "offer address", knock: func(x string) answer { return w.send("GET", w.issuer+"/offers/"+url.PathEscape(x), "") }}
	w.doors["POST /credential Authorization"] = door{own: "issuer access token", knock: func(x string) answer {
		return w.fetch(x, identifier(granted, "2"), w.keyProof(newKey(), w.nonce()))
	}}
	other := w.redeem(w.offer())
	for i := range 3 {
		w.things["dataset of another token "+strconv.Itoa(i)] = identifier(other, strconv.Itoa(i))
	}
	w.doors["POST /credential proof"] = door{own: "key proof", once: true, knock: func(x string) answer { return w.fetch(other.text("access_token"), identifier(other, "0"), x) }}
	w.doors["POST /credential nonce"] = door{own: "nonce", once: true, knock: func(x string) answer {
		return w.fetch(other.text("access_token"), identifier(other, "1"), w.keyProof(newKey(), x))
	}}
	w.doors["POST /credential dataset"] = door{own: "dataset", once: true, knock: func(x string) answer {
		return w.fetch(token, x, w.keyProof(newKey(), w.nonce()))
	}}
	notify := func(token, id string) answer {
		return w.json("POST", w.issuer+"/notification", m{"notification_id": id, "event": "credential_accepted"}, "Authorization", "Bearer "+token)
	}
	w.doors["POST /notification Authorization"] = door{own: "issuer access token", knock: func(x string) answer { return notify(x, w.things["notification id"]) }}
	w.doors["POST /notification id"] = door{own: "notification id", knock: func(x string) answer { return notify(token, x) }}
	w.doors["GET /issuance/v1/offers Authorization"] = door{own: "school's API key", knock: func(x string) answer {
		return w.send("GET", w.issuer+"/issuance/v1/offers/"+w.things["offer id"], "", "Authorization", "Bearer "+x)
	}}
	w.doors["GET /issuance/v1/offers id"] = door{own: "offer id", knock: func(x string) answer {
		return w.send("GET", w.issuer+"/issuance/v1/offers/"+url.PathEscape(x), "", "Authorization", "Bearer "+w.schoolKey)
	}}
	w.doors["POST /issuance/v1/credentials id"] = door{own: "notification id", knock: func(x string) answer {
		return w.send("POST", w.issuer+"/issuance/v1/credentials/"+url.PathEscape(x)+"/suspend", "", "Authorization", "Bearer "+w.schoolKey)
	}}
	w.doors["POST /issuance/v1/vault-deletions Authorization"] = door{own: "vault platform's API key", knock: func(x string) answer {
		return w.json("POST", w.issuer+"/issuance/v1/vault-deletions", m{"vault": "nobody"}, "Authorization", "Bearer "+x)
	}}
}

// statusList is the address of the list that the credential names.
func (w *world) statusList() string {
	sd, err := sdjwt.Parse(w.things["credential"])
	w.check(err)
	var claims struct {
		Status struct {
			List struct {
				URI string `json:"uri"`
			} `json:"status_list"`
		} `json:"status"`
	}
	w.check(json.Unmarshal(sd.Claims().Raw(), &claims))
	return claims.Status.List.URI
}

// asked is a presentation that was asked for and read.
type asked struct {
	transaction, request, response, object string
	content                                oid4vp.Request
}

func (w *world) ask() asked {
	w.t.Helper()
	a := w.json("POST", w.verifier+"/verifier/v1/transactions", m{"purpose": purpose, "flow": "cross-device", "dcql_query": m{"credentials": []any{m{
		"id": "diploma", "format": "dc+sd-jwt", "meta": m{"vct_values": []string{w.issuer + "/types/led-diploma"}}, "claims": []any{m{"path": []string{"title"}}},
	}}}}, "Authorization", "Bearer "+w.employerKey)
	if a.status != http.StatusCreated {
		w.t.Fatalf("transaction: %d %s", a.status, a.body)
	}
	return asked{transaction: a.text("transaction_id"), request: path.Base(a.text("request_uri"))}
}

func (w *world) read(x *asked) {
	w.t.Helper()
	x.object = string(w.send("GET", w.verifier+"/request/"+x.request, "").body)
	token, err := jose.Parse(x.object)
	w.check(err)
	w.check(jose.Unmarshal(token.Payload, &x.content))
	x.response = path.Base(x.content.ResponseURI)
}

func (w *world) answer(x asked, presentation string) url.Values {
	form, err := oid4vp.Response{VPToken: oid4vp.VPToken{"diploma": oid4vp.Presentations(presentation)}, State: x.content.State}.Encrypt(x.content.ClientMetadata)
	w.check(err)
	return form
}

// present shows a credential to who asked.
func (w *world) present(key *ecdsa.PrivateKey, credential string, x asked) string {
	sd, err := sdjwt.Parse(credential)
	w.check(err)
	selection, err := sd.Disclose([]sdjwt.Path{{"title"}})
	w.check(err)
	text, err := sd.Present(selection, &sdjwt.KeyBinding{Signer: key, Nonce: string(x.content.Nonce), Audience: x.content.ClientID, IssuedAt: time.Now()})
	w.check(err)
	return text
}

// verifierSide makes what the verifier takes and gives.
func (w *world) verifierSide() {
	granted := w.redeem(w.offer())
	key := newKey()
	credential := w.fetch(granted.text("access_token"), identifier(granted, "0"), w.keyProof(key, w.nonce())).text("credentials", "0", "credential")

	fresh, open := w.ask(), w.ask()
	w.read(&open)
	w.things["transaction id"], w.things["request address"] = fresh.transaction, fresh.request
	w.things["request object"], w.things["response address"] = open.object, open.response
	w.things["request nonce"], w.things["request state"] = string(open.content.Nonce), string(open.content.State)
	w.things["registration certificate"] = text(open.content.VerifierInfo[0].Data)
	w.things["register"] = string(w.send("GET", w.verifier+"/receivers.jwt", "").body)
	w.things["employer's API key"] = w.employerKey
	w.things["presentation"] = w.present(key, credential, open)
	w.things["key binding"] = w.things["presentation"][strings.LastIndex(w.things["presentation"], "~")+1:]
	form := w.answer(open, w.things["presentation"])
	w.things["encrypted response"] = form.Get("response")

	w.doors["GET /verifier/v1/transactions Authorization"] = door{own: "employer's API key", knock: func(x string) answer {
		return w.send("GET", w.verifier+"/verifier/v1/transactions/"+fresh.transaction, "", "Authorization", "Bearer "+x)
	}}
	w.doors["GET /verifier/v1/transactions id"] = door{own: "transaction id", knock: func(x string) answer {
		return w.send("GET", w.verifier+"/verifier/v1/transactions/"+url.PathEscape(x), "", "Authorization", "Bearer "+w.employerKey)
	}}
	w.doors["GET /request"] = door{own: "request address", once: true, knock: func(x string) answer { return w.send("GET", w.verifier+"/request/"+url.PathEscape(x), "") }}
	w.doors["POST /response address"] = door{own: "response address", knock: func(x string) answer {
		if x == w.things["response address"] { // its own response is another door's
			x, form = w.again(key, credential)
		}
		return w.form(w.verifier+"/response/"+url.PathEscape(x), form)
	}}
	w.doors["POST /response response"] = door{own: "encrypted response", once: true, knock: func(x string) answer {
		return w.form(w.verifier+"/response/"+open.response, url.Values{"response": {x}})
	}}
	// A response counts once, so that each thing gets a request of its own.
	w.doors["POST /response vp_token"] = door{own: "presentation", knock: func(x string) answer {
		one := w.ask()
		w.read(&one)
		if x == w.things["presentation"] {
			x = w.present(key, credential, one)
		}
		return w.form(one.content.ResponseURI, w.answer(one, x))
	}}
}

// again is the address of another request, and a response to it.
func (w *world) again(key *ecdsa.PrivateKey, credential string) (string, url.Values) {
	x := w.ask()
	w.read(&x)
	return x.response, w.answer(x, w.present(key, credential, x))
}

func text(v []byte) string {
	var s string
	_ = json.Unmarshal(v, &s)
	return s
}
