package oid4vp

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// dids are DID documents by their DID, and count what is asked for.
type dids struct {
	known map[string]*did.Document
	asked *int
}

var errNoDID = errors.New("no such DID")

func (d dids) Resolve(_ context.Context, id string) (*did.Document, error) {
	*d.asked++
	if doc, ok := d.known[id]; ok {
		return doc, nil
	}
	return nil, errNoDID
}

// document of a DID with one key under one relationship.
func document(t testing.TB, id string, pub crypto.PublicKey, relationship string) *did.Document {
	t.Helper()
	key, err := did.EncodeMultikey(pub)
	if err != nil {
		t.Fatal(err)
	}
	b, err := jose.Marshal(m{
		"@context": []any{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"}, "id": id,
		"verificationMethod": []any{m{"id": id + "#k", "type": "Multikey", "controller": id, "publicKeyMultibase": key}},
		relationship:         []any{id + "#k"},
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := did.ParseDocument(b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// clientCase is a request of a client, changed, and what is to be refused of
// it; no field when it is to be accepted.
type clientCase struct {
	name   string
	change func(h, p m)
	tune   func(*Verification)
	field  string
	code   ErrorCode
}

// run signs the request with key and holds it against v.
func (tt clientCase) run(t *testing.T, key crypto.Signer, client string, header m, v Verification) (Verified, error) {
	t.Helper()
	h, p := m{"alg": "ES256", "typ": TypRequest}, request(t, client)
	for name, value := range header {
		h[name] = value
	}
	if tt.change != nil {
		tt.change(h, p)
	}
	v.ClientID, v.WalletNonce, v.Now, v.Chain = client, "w1", now, newAuthority(t)
	if tt.tune != nil {
		tt.tune(&v)
	}
	got, err := VerifyRequest(t.Context(), signObject(t, key, h, p), v)
	switch {
	case tt.field == "" && (err != nil || got.ClientID != client || !got.Signed || got.PresentTo() != client):
		t.Errorf("%+v, %v", got, err)
	case tt.field != "":
		wantField(t, err, tt.field, tt.code)
		if got.ClientID != "" || rejected(err) {
			t.Error("a client that is not known was returned, or may be told")
		}
	}
	return got, err
}

// OpenID4VP 1.0, Section 5.9.3, decentralized_identifier: signed by the method
// that kid names, of the document of that very DID.
func TestDecentralizedIdentifier(t *testing.T) {
	key, other := newKey(t), newKey(t)
	const id = "did:web:receiver.example"
	const client = "decentralized_identifier:" + id
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	known := dids{asked: new(int), known: map[string]*did.Document{
		"did:web:nothing.example":      nil,
		id:                             document(t, id, key.Public(), "assertionMethod"),
		"did:web:other.example":        document(t, "did:web:other.example", other.Public(), "authentication"),
		"did:web:agreement.example":    document(t, "did:web:agreement.example", key.Public(), "capabilityDelegation"),
		"did:web:liar.example":         document(t, id, key.Public(), "authentication"),
		"did:web:ed.example":           document(t, "did:web:ed.example", ed.Public(), "authentication"),
		"did:web:authenticate.example": document(t, "did:web:authenticate.example", key.Public(), "authentication"),
	}}
	v := Verification{Prefixes: []Prefix{PrefixDecentralized}, DIDs: known}
	kid := func(s string) func(h, p m) { return func(h, _ m) { h["kid"] = s } }
	as := func(id, kid string) func(h, p m) {
		return func(h, p m) { h["kid"], p["client_id"] = kid, "decentralized_identifier:"+id }
	}
	named := func(id string) func(*Verification) {
		return func(v *Verification) { v.ClientID = "decentralized_identifier:" + id }
	}
	for _, tt := range []clientCase{
		{name: "good"},
		{name: "kid with its fragment only", change: kid("#k")},
		{name: "no kid", change: func(h, _ m) { delete(h, "kid") }, field: "kid", code: InvalidClient},
		{name: "kid without a fragment", change: kid(id), field: "kid", code: InvalidClient},
		{name: "kid with an empty fragment", change: kid(id + "#"), field: "kid", code: InvalidClient},
		{name: "kid of another DID", change: kid("did:web:other.example#k"), field: "kid", code: InvalidClient},
		{name: "kid of a DID below", change: kid(id + ":below#k"), field: "kid", code: InvalidClient},
		{name: "unknown fragment", change: kid(id + "#z"), field: "kid", code: InvalidClient},
		{name: "key in the header instead", change: func(h, _ m) {
			delete(h, "kid")
			h["jwk"], _ = jose.PublicJWK(key.Public())
		}, field: "kid", code: InvalidClient},
		{name: "no resolver", tune: func(v *Verification) { v.DIDs = nil }, field: "client_id", code: InvalidClient},
		{name: "prefix not accepted", tune: func(v *Verification) { v.Prefixes = nil }, field: "client_id", code: InvalidClient},
		{name: "cannot be resolved", change: as("did:web:gone.example", "did:web:gone.example#k"), tune: named("did:web:gone.example"), field: "client_id", code: InvalidClient},
		{name: "resolves to nothing", change: as("did:web:nothing.example", "did:web:nothing.example#k"), tune: named("did:web:nothing.example"), field: "client_id", code: InvalidClient},
		{name: "document of another DID", change: as("did:web:liar.example", "did:web:liar.example#k"), tune: named("did:web:liar.example"), field: "client_id", code: InvalidClient},
		{name: "key of another use", change: as("did:web:agreement.example", "did:web:agreement.example#k"), tune: named("did:web:agreement.example"), field: "kid", code: InvalidClient},
		{name: "signed by another key", change: as("did:web:other.example", "did:web:other.example#k"), tune: named("did:web:other.example"), field: "request object", code: InvalidClient},
		{name: "key of another algorithm", change: as("did:web:ed.example", "did:web:ed.example#k"), tune: named("did:web:ed.example"), field: "request object", code: InvalidClient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			*known.asked = 0
			_, err := tt.run(t, key, client, m{"kid": id + "#k"}, v)
			if gone := strings.Contains(tt.name, "cannot be resolved"); gone != errors.Is(err, errNoDID) {
				t.Error(err)
			}
			// A kid that cannot be right makes this wallet fetch nothing.
			if strings.HasPrefix(tt.name, "kid of") || strings.Contains(tt.name, "fragment") && tt.name != "unknown fragment" && tt.field != "" {
				if *known.asked != 0 {
					t.Error("a document was fetched for it")
				}
			}
		})
	}
	for name, signer := range map[string]crypto.Signer{"did:web:authenticate.example": key, "did:web:ed.example": ed} {
		alg, _ := jose.AlgFor(signer.Public())
		clientCase{name: name}.run(t, signer, "decentralized_identifier:"+name, m{"alg": alg, "kid": name + "#k"}, v)
	}
}

// OpenID4VP 1.0, Sections 5.9.3 and 12: a verifier attestation of somebody who
// is trusted to make them, about this client and bound to the signing key.
func TestVerifierAttestation(t *testing.T) {
	attester, key, other := newKey(t), newKey(t), newKey(t)
	jwk := func(k crypto.Signer) jose.JWK {
		j, err := jose.PublicJWK(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	const client = "verifier_attestation:receiver.example"
	trusted := map[string][]jose.JWK{
		"https://attester.example": {{Kty: "EC"}, jwk(other), jwk(attester)}, // one that is no key, one of another
		"https://second.example":   {jwk(other)},
	}
	v := Verification{Prefixes: []Prefix{PrefixAttestation}, Attesters: trusted}
	private, err := jose.PrivateJWK(key)
	if err != nil {
		t.Fatal(err)
	}
	// attest puts a changed attestation into the header.
	attest := func(by crypto.Signer, change func(h, a m)) func(h, p m) {
		return func(h, _ m) {
			ah := m{"alg": "ES256", "typ": TypAttestation}
			a := m{"iss": "https://attester.example", "sub": "receiver.example", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "cnf": m{"jwk": jwk(key)}, "more": 1}
			if change != nil {
				change(ah, a)
			}
			h["jwt"] = signObject(t, by, ah, a)
		}
	}
	changed := func(change func(h, a m)) func(h, p m) { return attest(attester, change) }
	claim := func(name string, value any) func(h, p m) { return changed(func(_, a m) { a[name] = value }) }
	for _, tt := range []clientCase{
		{name: "good", change: changed(nil)},
		{name: "address of its own", change: claim("redirect_uris", []any{"https://x.example", "https://receiver.example/response/1"})},
		{name: "no attestation", field: "jwt", code: InvalidClient},
		{name: "attestation that is no text", change: func(h, _ m) { h["jwt"] = 1 }, field: "jwt", code: InvalidClient},
		{name: "attestation that is no JWT", change: func(h, _ m) { h["jwt"] = "a.b" }, field: "jwt", code: InvalidClient},
		{name: "typ JWT", change: changed(func(h, _ m) { h["typ"] = "JWT" }), field: "jwt", code: InvalidClient},
		{name: "typ of a request", change: changed(func(h, _ m) { h["typ"] = TypRequest }), field: "jwt", code: InvalidClient},
		{name: "no typ", change: changed(func(h, _ m) { delete(h, "typ") }), field: "jwt", code: InvalidClient},
		{name: "crit", change: changed(func(h, _ m) { h["crit"] = []any{"x"} }), field: "jwt", code: InvalidClient},
		{name: "iss not trusted", change: claim("iss", "https://nobody.example"), field: "jwt", code: InvalidClient},
		{name: "no iss", change: changed(func(_, a m) { delete(a, "iss") }), field: "jwt", code: InvalidClient},
		{name: "signed by the verifier itself", change: attest(key, nil), field: "jwt", code: InvalidClient},
		{name: "signed by another attester", change: claim("iss", "https://second.example"), field: "jwt", code: InvalidClient},
		{name: "no attester is trusted", change: changed(nil), tune: func(v *Verification) { v.Attesters = nil }, field: "jwt", code: InvalidClient},
		{name: "claim of another type", change: claim("exp", "soon"), field: "jwt", code: InvalidClient},
		{name: "about another client", change: claim("sub", "other.example"), field: "client_id", code: InvalidClient},
		{name: "about the client with its prefix", change: claim("sub", client), field: "client_id", code: InvalidClient},
		{name: "about nobody", change: changed(func(_, a m) { delete(a, "sub") }), field: "client_id", code: InvalidClient},
		{name: "over", change: claim("exp", now.Unix()), field: "jwt", code: InvalidClient},
		{name: "without end", change: changed(func(_, a m) { delete(a, "exp") }), field: "jwt", code: InvalidClient},
		{name: "issued ahead", change: claim("iat", now.Add(time.Hour).Unix()), field: "jwt", code: InvalidClient},
		{name: "not before", change: claim("nbf", now.Add(time.Hour).Unix()), field: "jwt", code: InvalidClient},
		{name: "no iat is right", change: changed(func(_, a m) { delete(a, "iat") })},
		{name: "another's address", change: claim("redirect_uris", []any{"https://receiver.example/response"}), field: "response_uri", code: InvalidClient},
		{name: "no address", change: claim("redirect_uris", []any{}), field: "response_uri", code: InvalidClient},
		{name: "bound to another key", change: claim("cnf", m{"jwk": jwk(other)}), field: "request object", code: InvalidClient},
		{name: "bound to no key", change: claim("cnf", m{}), field: "jwt", code: InvalidClient},
		{name: "bound by name alone", change: claim("cnf", m{"kid": "k"}), field: "jwt", code: InvalidClient},
		{name: "bound to a private key", change: claim("cnf", m{"jwk": private}), field: "jwt", code: InvalidClient},
		{name: "prefix not accepted", change: changed(nil), tune: func(v *Verification) { v.Prefixes = nil }, field: "client_id", code: InvalidClient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.run(t, key, client, nil, v)
			if err == nil && (got.Attester != "https://attester.example" || got.Chain != nil) {
				t.Errorf("%+v", got)
			}
		})
	}
	// Nobody is no client, and over the Digital Credentials API there is no
	// address to hold against the attestation.
	clientCase{change: func(h, p m) {
		changed(func(_, a m) { a["sub"] = "" })(h, p)
		p["client_id"] = "verifier_attestation:"
	}, tune: func(v *Verification) { v.ClientID = "verifier_attestation:" }, field: "client_id", code: InvalidClient}.run(t, key, client, nil, v)
	h := m{"alg": "ES256", "typ": TypRequest}
	claim("redirect_uris", []any{"https://receiver.example/cb"})(h, nil)
	b, _ := jose.Marshal(m{"request": signObject(t, key, h, browserRequest(t, client))})
	browser := v
	browser.Origin, browser.Now, browser.Chain = site, now, newAuthority(t)
	if got, err := VerifyDC(t.Context(), ProtocolSigned, b, browser); err != nil || got.Attester != "https://attester.example" {
		t.Errorf("%+v, %v", got, err)
	}
	// alg none in the attestation.
	none := func(h, p m) {
		changed(nil)(h, p)
		parts := strings.Split(h["jwt"].(string), ".")
		h["jwt"] = jose.Encode([]byte(`{"alg":"none","typ":"verifier-attestation+jwt"}`)) + "." + parts[1] + "."
	}
	clientCase{change: none, field: "jwt", code: InvalidClient}.run(t, key, client, nil, v)
}

// OpenID4VP 1.0, Section 5.9.1: a client that was registered before, by its
// keys and addresses.
func TestPreRegistered(t *testing.T) {
	key, other := newKey(t), newKey(t)
	jwk := func(k crypto.Signer) jose.JWK { j, _ := jose.PublicJWK(k.Public()); return j }
	registered := request(t, "")["client_metadata"]
	var own ClientMetadata
	if b, err := jose.Marshal(registered); err != nil || jose.Unmarshal(b, &own) != nil {
		t.Fatal(err)
	}
	c := Client{Name: "Receiver", Keys: []jose.JWK{jwk(other), jwk(key)}, Addresses: []string{"https://receiver.example/response/1"}}
	v := Verification{Prefixes: []Prefix{PrefixNone}, Clients: map[string]Client{"receiver": c, "x509_new:receiver": c}}
	with := func(change func(*Client)) func(*Verification) {
		return func(v *Verification) {
			c := c
			change(&c)
			v.Clients = map[string]Client{"receiver": c}
		}
	}
	for _, tt := range []clientCase{
		{name: "good"},
		{name: "unknown", change: func(_, p m) { p["client_id"] = "other" }, tune: func(v *Verification) { v.ClientID = "other" }, field: "client_id", code: InvalidClient},
		{name: "a name that looks like a prefix", change: func(_, p m) { p["client_id"] = "x509_new:receiver" }, tune: func(v *Verification) { v.ClientID = "x509_new:receiver" }, field: "client_id", code: InvalidClient},
		{name: "signed by a key that is not registered", tune: with(func(c *Client) { c.Keys = []jose.JWK{jwk(other)} }), field: "request object", code: InvalidClient},
		{name: "no key registered", tune: with(func(c *Client) { c.Keys = nil }), field: "client_id", code: InvalidClient},
		{name: "a key that is none", tune: with(func(c *Client) { c.Keys = []jose.JWK{{Kty: "EC"}} }), field: "client_id", code: InvalidClient},
		{name: "address not registered", change: func(_, p m) { p["response_uri"] = "https://receiver.example/response/2" }, field: "response_uri", code: InvalidClient},
		{name: "address with a query", change: func(_, p m) { p["response_uri"] = "https://receiver.example/response/1?x" }, field: "response_uri", code: InvalidClient},
		{name: "no address registered", tune: with(func(c *Client) { c.Addresses = nil }), field: "response_uri", code: InvalidClient},
		{name: "not accepted", tune: func(v *Verification) { v.Prefixes = nil }, field: "client_id", code: InvalidClient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.run(t, key, "receiver", nil, v)
			if err == nil && (got.Client.Name != "Receiver" || got.Prefix != PrefixNone) {
				t.Errorf("%+v", got.Client)
			}
		})
	}
	// Over the Digital Credentials API there is no address to register.
	p := browserRequest(t, "receiver")
	b, _ := jose.Marshal(m{"request": signObject(t, key, m{"alg": "ES256", "typ": TypRequest}, p)})
	v.Origin, v.Now, v.Chain = site, now, newAuthority(t)
	if got, err := VerifyDC(t.Context(), ProtocolSigned, b, v); err != nil || got.Client.Name != "Receiver" || got.PresentTo() != "origin:"+site {
		t.Errorf("%+v, %v", got, err)
	}
	v.Origin = ""
	// What is registered takes precedence over what the request says (Section
	// 5.1): the answer is encrypted to the registered key.
	tt := clientCase{tune: with(func(c *Client) { c.Metadata = &own })}
	got, err := tt.run(t, key, "receiver", nil, v)
	if err != nil || got.ClientMetadata.JWKS.Keys[0].X != own.JWKS.Keys[0].X {
		t.Errorf("the request's metadata were taken: %v", err)
	}
}

// Prefixes that this wallet knows of and never takes, whatever it accepts
// (Section 5.9.3).
func TestPrefixesNeverAccepted(t *testing.T) {
	key := newKey(t)
	v := Verification{Prefixes: append([]Prefix{PrefixNone, "x509_new"}, prefixes...)}
	for client, want := range map[string]string{
		"origin:https://receiver.example":                          "prefix origin",
		"openid_federation:https://receiver.example":               "in no federation",
		"redirect_uri:https://receiver.example/response/1":         "cannot be signed",
		"x509_new:receiver.example":                                "no registered client",
		"decentralized_identifier:did:web:receiver.example":        "resolves none",
		"verifier_attestation:receiver.example":                    "attestation is missing",
		"X509_SAN_DNS:receiver.example":                            "no registered client",
		" x509_san_dns:receiver.example":                           "no registered client",
		"x509_san_dns":                                             "no registered client",
		"x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk":    "must hold",
		"x509_san_dns:receiver.example":                            "must hold",
		"origin:https://receiver.example x509_san_dns:receiver.ex": "prefix origin",
	} {
		_, err := VerifyRequest(t.Context(), signObject(t, key, m{"alg": "ES256", "typ": TypRequest}, request(t, client)), Verification{
			ClientID: client, WalletNonce: "w1", Now: now, Chain: newAuthority(t), Prefixes: v.Prefixes,
		})
		if err == nil || !strings.Contains(err.Error(), want) || rejected(err) {
			t.Errorf("%s: %v, expected %q", client, err, want)
		}
	}
	// The remedy names what would do, and not the lack of a prefix.
	if err := (Verification{Prefixes: []Prefix{PrefixNone, PrefixX509Hash, PrefixRedirectURI}}).accepts(PrefixX509SANDNS); err == nil || !strings.Contains(err.Error(), "must have the prefix x509_hash or redirect_uri (") {
		t.Error(err)
	}
}
