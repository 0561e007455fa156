package typs

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

// place is an endpoint and where in a request to it a JWT stands.
type place struct {
	// own are the kinds that it takes.
	own  []string
	send func(t *testing.T, compact string) answer
	// taken reports whether the JWT was taken, whatever became of the rest.
	taken func(answer) bool
}

type answer struct {
	status int
	code   string
}

func created(a answer) bool { return a.status == http.StatusCreated }

func issued(a answer) bool { return a.status == http.StatusOK }

// system is a running issuer that trusts the world's key to attest wallets and
// keys.
type system struct {
	peer.Demo
	w world
}

func serve(t *testing.T) system {
	t.Helper()
	s := system{Demo: peer.Serve(t, nil, "encryption: off")}
	s.w = world{
		issuer: s.Issuer, server: s.Issuer, client: peer.AttestedWalletID, par: s.Issuer + "/par", now: time.Now(),
		key: must(s.WalletProvider.Private())(t).(*ecdsa.PrivateKey), challenge: s.text(t, "/challenge", "attestation_challenge"), nonce: s.text(t, "/nonce", "c_nonce"),
	}.fill(t)
	return s
}

// post sends a request, again when it came too soon.
func (s system) post(t *testing.T, address string, header http.Header, body string) (answer, []byte) {
	t.Helper()
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range header {
			req.Header[name] = values
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode == http.StatusTooManyRequests {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		var refused struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(b, &refused)
		return answer{res.StatusCode, refused.Error}, b
	}
}

// text is a member of what an endpoint answers.
func (s system) text(t *testing.T, path, member string) string {
	t.Helper()
	_, b := s.post(t, s.Issuer+path, nil, "")
	var o map[string]any
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	text, _ := o[member].(string)
	return text
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const formType = "application/x-www-form-urlencoded"

// proofOf is a fresh proof of the attested wallet.
func (s system) proofOf(t *testing.T) string {
	return s.w.signed(t, oauth.TypClientAttestationPoP, nil, m{"iss": s.w.client, "aud": s.w.server, "jti": rand.Text(), "iat": s.w.iat, "challenge": s.w.challenge})
}

// request is one that a wallet pushes.
func (s system) request(more ...string) string {
	f := url.Values{
		"response_type": {"code"}, "client_id": {s.w.client}, "redirect_uri": {peer.Callback}, "scope": {"led_diploma"},
		"code_challenge": {oauth.Challenge(oauth.NewVerifier())}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	return f.Encode()
}

// places are all of them: a new one is one entry.
func (s system) places(t *testing.T, kinds map[string]kind) map[string]place {
	attestation := func(t *testing.T) string { k := kinds["client attestation"]; return k.sign(t, s.w.key, k.typ) }
	access, responseURI := s.access(t), s.responseURI(t)
	at := func(path string, header http.Header, body string) func(*testing.T) answer {
		return func(t *testing.T) answer { a, _ := s.post(t, s.Issuer+path, header, body); return a }
	}
	const attested, proof = oauth.HeaderClientAttestation, oauth.HeaderClientAttestationPoP
	bearer := func(path, scheme string) place {
		return place{nil, func(t *testing.T, x string) answer {
			return at(path, header("Authorization", scheme+" "+x, "Content-Type", "application/json", "DPoP", x), "{}")(t)
		}, issued}
	}
	credential := func(kind string) func(*testing.T, string) answer {
		access := s.access(t) // what was offered is issued once
		return func(t *testing.T, x string) answer {
			body := must(jose.Marshal(m{"credential_configuration_id": "led_diploma", "proofs": m{kind: []any{x}}}))(t)
			return at("/credential", header("Authorization", "Bearer "+access, "Content-Type", "application/json"), string(body))(t)
		}
	}
	return map[string]place{
		"PAR: client attestation": {[]string{"client attestation"}, func(t *testing.T, x string) answer {
			return at("/par", header(attested, x, proof, s.proofOf(t), "Content-Type", formType), s.request())(t)
		}, created},
		"PAR: proof of the client attestation": {[]string{"client attestation's proof"}, func(t *testing.T, x string) answer {
			return at("/par", header(attested, attestation(t), proof, x, "Content-Type", formType), s.request())(t)
		}, created},
		"PAR: DPoP": {[]string{"DPoP proof"}, func(t *testing.T, x string) answer {
			return at("/par", header(attested, attestation(t), proof, s.proofOf(t), "DPoP", x, "Content-Type", formType), s.request())(t)
		}, func(a answer) bool { return created(a) || a.code == "use_dpop_nonce" }},
		"PAR: client assertion": {nil, func(t *testing.T, x string) answer {
			return at("/par", header("Content-Type", formType), s.request("client_assertion", x, "client_assertion_type", oauth.AssertionJWT))(t)
		}, created},
		"PAR: request object": {nil, func(t *testing.T, x string) answer {
			return at("/par", header(attested, attestation(t), proof, s.proofOf(t), "Content-Type", formType), s.request("request", x))(t)
		}, created},
		"token: client attestation": {[]string{"client attestation"}, func(t *testing.T, x string) answer {
			form := url.Values{"grant_type": {"authorization_code"}, "code": {"c"}, "code_verifier": {oauth.NewVerifier()}, "redirect_uri": {peer.Callback}, "client_id": {s.w.client}}
			return at("/token", header(attested, x, proof, s.proofOf(t), "Content-Type", formType), form.Encode())(t)
		}, func(a answer) bool { return a.code == "invalid_grant" }},
		"token: code": {nil, func(t *testing.T, x string) answer {
			form := url.Values{"grant_type": {"authorization_code"}, "code": {x}, "code_verifier": {oauth.NewVerifier()}, "redirect_uri": {peer.Callback}, "client_id": {s.w.client}}
			return at("/token", header(attested, attestation(t), proof, s.proofOf(t), "Content-Type", formType), form.Encode())(t)
		}, issued},
		"token: refresh token": {nil, func(t *testing.T, x string) answer {
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {x}, "client_id": {s.w.client}}
			return at("/token", header(attested, attestation(t), proof, s.proofOf(t), "Content-Type", formType), form.Encode())(t)
		}, issued},
		"credential: jwt proof":         {[]string{"key proof"}, credential("jwt"), issued},
		"credential: attestation proof": {[]string{"key attestation", "key attestation in a proof"}, credential("attestation"), issued},
		"credential: body": {nil, func(t *testing.T, x string) answer {
			return at("/credential", header("Authorization", "Bearer "+access, "Content-Type", "application/jwt"), x)(t)
		}, issued},
		"credential: bearer token": bearer("/credential", "Bearer"),
		"credential: bound token":  bearer("/credential", "DPoP"),
		"deferred: bearer token":   bearer("/deferred_credential", "Bearer"),
		"deferred: bound token":    bearer("/deferred_credential", "DPoP"),
		"notification: token":      bearer("/notification", "Bearer"),
		"verifier: response": {nil, func(t *testing.T, x string) answer {
			a, _ := s.post(t, responseURI, header("Content-Type", formType), url.Values{"response": {x}}.Encode())
			return a
		}, issued},
	}
}

// access is the access token of an institution's offer.
func (s system) access(t *testing.T) string {
	t.Helper()
	o := s.Own(t, `{"title":"Getuigschrift"}`)
	var object struct {
		Grants map[string]struct {
			Code string `json:"pre-authorized_code"`
		} `json:"grants"`
	}
	if err := json.Unmarshal(o.Object, &object); err != nil {
		t.Fatal(err)
	}
	const grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	_, b := s.post(t, s.Issuer+"/token", header("Content-Type", formType), url.Values{"grant_type": {grant}, "pre-authorized_code": {object.Grants[grant].Code}, "tx_code": {o.TxCode}}.Encode())
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(b, &token); err != nil || token.AccessToken == "" {
		t.Fatalf("%v: %s", err, b)
	}
	return token.AccessToken
}

// responseURI is where a request wants its answer.
func (s system) responseURI(t *testing.T) string {
	t.Helper()
	in := must(oid4vp.ParseLink(s.Ask(t, "", `[{"path":["title"]}]`).Link, oid4vp.InsecureLoopback))(t)
	_, b := s.post(t, in.RequestURI, header("Content-Type", formType), "")
	var r struct {
		ResponseURI string `json:"response_uri"`
	}
	if err := jose.Unmarshal(must(jose.Parse(strings.TrimSpace(string(b))))(t).Payload, &r); err != nil || r.ResponseURI == "" {
		t.Fatalf("%v: %s", err, b)
	}
	return r.ResponseURI
}

// Every kind of JWT, signed by who may attest wallets and keys, at every place
// of a running issuer and verifier: each place takes its own.
func TestPlaces(t *testing.T) {
	s := serve(t)
	kinds := s.w.kinds(t)
	for name, p := range s.places(t, kinds) {
		t.Run(name, func(t *testing.T) {
			for kind, k := range kinds {
				if slices.Contains(p.own, kind) {
					continue
				}
				if a := p.send(t, k.sign(t, s.w.key, k.typ)); p.taken(a) || a.status < 400 || a.status >= 500 {
					t.Errorf("a %s: %d %s", kind, a.status, a.code)
				}
			}
			if len(p.own) == 0 {
				return
			}
			w := s.w
			w.nonce = s.text(t, "/nonce", "c_nonce") // the one before may be used up
			k := w.kinds(t)[p.own[0]]
			if a := p.send(t, k.sign(t, s.w.key, k.typ)); !p.taken(a) {
				t.Errorf("its own: %d %s", a.status, a.code)
			}
		})
	}
}
