package crash_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal/trust"
)

// client is an institution, a wallet and a receiver in one, on an address of
// its own where the system has several on loopback: servers count requests per
// address.
type client struct {
	*server
	http *http.Client
}

func (s *server) client(n int) *client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if runtime.GOOS == "linux" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(n))}
	}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 4,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
		},
	}
	return &client{server: s, http: &http.Client{
		Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back, whole: it is what an acknowledgement is.
type answer struct {
	status int
	id     string // of the request
	body   []byte
}

// members are the members of a JSON object.
func (a answer) members() map[string]any {
	var m map[string]any
	_ = json.Unmarshal(a.body, &m)
	return m
}

func (a answer) text(name string) string {
	s, _ := a.members()[name].(string)
	return s
}

func (a answer) String() string { return fmt.Sprintf("%d %.300s", a.status, a.body) }

// send sends a request and waits as long as the server asks for when it asks
// too often. An error means that nobody knows what became of the request.
func (c *client) send(method, address string, header map[string]string, body string) (answer, error) {
	for {
		req, err := http.NewRequestWithContext(c.t.Context(), method, address, strings.NewReader(body))
		if err != nil {
			return answer{}, err
		}
		for name, value := range header {
			req.Header.Set(name, value)
		}
		res, err := c.http.Do(req)
		if err != nil {
			return answer{}, err
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return answer{}, err
		}
		if res.StatusCode == http.StatusTooManyRequests {
			wait, _ := strconv.Atoi(res.Header.Get("Retry-After"))
			time.Sleep(time.Duration(max(wait, 1)) * time.Second)
			continue
		}
		a := answer{status: res.StatusCode, id: res.Header.Get("X-Request-Id"), body: b}
		// A process that is killed answers nothing; 500 is a fault at any time.
		if a.status >= 500 {
			c.t.Errorf("%s %s: %v", method, address[:strings.LastIndexByte(address, '/')], a)
		}
		return a, nil
	}
}

func (c *client) as(key, method, address, idempotency, body string) (answer, error) {
	h := map[string]string{"Authorization": "Bearer " + key}
	if body != "" {
		h["Content-Type"] = "application/json"
	}
	if idempotency != "" {
		h["Idempotency-Key"] = idempotency
	}
	return c.send(method, address, h, body)
}

func (c *client) post(address string, form url.Values) (answer, error) {
	return c.send("POST", address, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode())
}

const grantType = "urn:ietf:params:oauth:grant-type:pre-authorized_code"

func (c *client) token(o *offer) (answer, error) {
	return c.post(c.issuer+"/token", url.Values{"grant_type": {grantType}, "pre-authorized_code": {o.code}, "tx_code": {o.txCode}})
}

func (c *client) nonce() (string, error) {
	a, err := c.send("POST", c.issuer+"/nonce", nil, "")
	return a.text("c_nonce"), err
}

func (c *client) credential(token, request string) (answer, error) {
	return c.as(token, "POST", c.issuer+"/credential", "", request)
}

// request is a credential request with a proof for each key.
func (c *client) request(identifier, nonce string, keys ...*ecdsa.PrivateKey) string {
	var proofs []string
	for _, key := range keys {
		jwk, err := jose.PublicJWK(key.Public())
		c.must(err)
		payload, err := jose.Marshal(map[string]any{"aud": c.issuer, "iat": time.Now().Unix(), "nonce": nonce})
		c.must(err)
		text, err := jose.SignCompact(key, map[string]any{"alg": "ES256", "typ": oid4vci.TypProof, "jwk": jwk}, payload)
		c.must(err)
		proofs = append(proofs, text)
	}
	request := map[string]any{"proofs": map[string]any{"jwt": proofs}}
	if identifier != "" {
		request["credential_identifier"] = identifier
	} else {
		request["credential_configuration_id"] = "led_diploma"
	}
	b, err := jose.Marshal(request)
	c.must(err)
	return string(b)
}

// must is for what fails only when the test is wrong. It may be called from
// any goroutine, unlike Fatal.
func (s *server) must(err error) {
	if err != nil {
		panic(err)
	}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func (c *client) change(credential, change string) (answer, error) {
	return c.as(c.schoolKey, "POST", c.issuer+"/issuance/v1/credentials/"+credential+"/"+change, "", "")
}

// state is what the issuance API knows of an offer.
type state struct {
	State       string
	Credentials map[string]string // id to status
}

func (c *client) offerState(id string) (state, error) {
	a, err := c.as(c.schoolKey, "GET", c.issuer+"/issuance/v1/offers/"+id, "", "")
	st := state{Credentials: map[string]string{}}
	if err != nil {
		return st, err
	}
	if a.status != http.StatusOK {
		return st, fmt.Errorf("the state of an offer: %v", a)
	}
	var out struct {
		State       string
		Credentials []struct {
			ID     string `json:"credential_id"`
			Status string `json:"status"`
		}
	}
	err = json.Unmarshal(a.body, &out)
	st.State = out.State
	for _, x := range out.Credentials {
		st.Credentials[x.ID] = x.Status
	}
	return st, err
}

// statusList fetches a status list and verifies who signed it.
func (c *client) statusList(uri string) (*status.List, error) {
	a, err := c.send("GET", uri, map[string]string{"Accept": "application/statuslist+jwt"}, "")
	if err != nil {
		return nil, err
	}
	t, err := status.ParseToken(string(a.body))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", err, a)
	}
	return t.List, t.JWS.Verify(c.hierarchy.Status.Certificate.PublicKey)
}

func (c *client) startTransaction(key string) (answer, error) {
	b, err := jose.Marshal(map[string]any{
		"purpose": "recruitment", "flow": "cross-device",
		"dcql_query": map[string]any{"credentials": []any{map[string]any{
			"id": "diploma", "format": "dc+sd-jwt", "meta": map[string]any{"vct_values": []string{c.issuer + "/types/led-diploma"}},
			"claims": []any{map[string]any{"path": []string{"title"}}},
		}}},
	})
	c.must(err)
	return c.as(c.employerKey, "POST", c.verifier+"/verifier/v1/transactions", key, string(b))
}

func (c *client) result(transaction string) (answer, error) {
	return c.as(c.employerKey, "GET", c.verifier+"/verifier/v1/transactions/"+transaction+"/result", "", "")
}

// anchored validates access certificates, as a wallet does.
type anchored struct{ *trust.Store }

func (a anchored) VerifyChain(_ context.Context, chain []*x509.Certificate, at time.Time) error {
	_, err := a.Certificates(chain, trust.UseAccessCertificate, at)
	return err
}

// registrars are the keys of the registrar that wallets knew before the server started.
func (c *client) registrars() []crypto.PublicKey {
	present, next := c.hierarchy.PinnedKeys(trust.UseRegistrar)
	return []crypto.PublicKey{present.Key.Public(), next.Key.Public()}
}

// read checks a request object as a wallet must, and makes the form of the
// response to it.
func (c *client) read(link, object, walletNonce string, with held) (form url.Values, responseURI string, err error) {
	in, err := oid4vp.ParseLink(link, oid4vp.InsecureLoopback)
	if err != nil {
		return nil, "", err
	}
	anchors, err := c.hierarchy.Store(time.Now())
	if err != nil {
		return nil, "", err
	}
	v, err := oid4vp.VerifyRequest(c.t.Context(), object, oid4vp.Verification{
		ClientID: in.ClientID, WalletNonce: walletNonce, Chain: anchored{anchors}, Now: time.Now(), Options: []oid4vp.Option{oid4vp.InsecureLoopback},
	})
	if err != nil {
		return nil, "", err
	}
	registration, err := v.RegistrationIn()
	if err != nil {
		return nil, "", err
	}
	if _, err := oid4vp.VerifyRegistration(registration, c.registrars(), v.Chain[0], time.Now()); err != nil {
		return nil, "", err
	}
	sd, err := sdjwt.Parse(with.text)
	if err != nil {
		return nil, "", err
	}
	selection, err := sd.Disclose([]sdjwt.Path{{"title"}})
	if err != nil {
		return nil, "", err
	}
	text, err := sd.Present(selection, &sdjwt.KeyBinding{Signer: with.key, Nonce: string(v.Nonce), Audience: v.ClientID, IssuedAt: time.Now()})
	if err != nil {
		return nil, "", err
	}
	form, err = oid4vp.Response{VPToken: oid4vp.VPToken{"diploma": oid4vp.Presentations(text)}, State: v.State}.Encrypt(v.ClientMetadata)
	return form, v.ResponseURI, err
}
