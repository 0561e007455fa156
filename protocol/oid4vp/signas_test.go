package oid4vp

import (
	"crypto"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// A DID signs with a key of its document, and only under its own name.
func TestSignDID(t *testing.T) {
	const id = "did:web:receiver.example"
	ca, key := newAuthority(t), newKey(t)
	make := func(change func(*Request)) Request {
		r := toSign(t, ca.leaf(t, key.Public(), "receiver.example"))
		r.ClientID, r.VerifierInfo = "decentralized_identifier:"+id, nil
		if change != nil {
			change(&r)
		}
		return r
	}
	text, err := make(nil).SignDID(key, id+"#k")
	if err != nil {
		t.Fatal(err)
	}
	v := Verification{ClientID: "decentralized_identifier:" + id, Prefixes: []Prefix{PrefixDecentralized}, Chain: ca, Now: now,
		DIDs: dids{asked: new(int), known: map[string]*did.Document{id: document(t, id, key.Public(), "authentication")}}}
	if got, err := VerifyRequest(t.Context(), text, v); err != nil || got.Prefix != PrefixDecentralized {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kid    string
		change func(*Request)
	}{
		"no kid": {"", nil}, "no fragment": {id, nil}, "empty fragment": {id + "#", nil}, "another DID": {"did:web:other.example#k", nil},
		"not a DID":            {"receiver.example#k", func(r *Request) { r.ClientID = "decentralized_identifier:receiver.example" }},
		"another prefix":       {id + "#k", func(r *Request) { r.ClientID = "verifier_attestation:" + id }},
		"weak nonce":           {id + "#k", func(r *Request) { r.Nonce = "abc" }},
		"answer in clear":      {id + "#k", func(r *Request) { r.ResponseMode = ModeDirectPost }},
		"client without a DID": {id + "#k", func(r *Request) { r.ClientID = "decentralized_identifier:" }},
	} {
		if text, err := make(c.change).SignDID(key, c.kid); err == nil || text != "" {
			t.Errorf("%s: signed", name)
		}
	}
}

// Who is vouched for signs with the key that the attestation is bound to.
func TestSignAttested(t *testing.T) {
	ca, key, attester := newAuthority(t), newKey(t), newKey(t)
	public := func(k crypto.PublicKey) jose.JWK {
		j, err := jose.PublicJWK(k)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	attest := func(typ string, change func(m)) string {
		a := m{"iss": "https://attester.example", "sub": "receiver.example", "exp": now.Add(time.Hour).Unix(), "cnf": m{"jwk": public(key.Public())}}
		if change != nil {
			change(a)
		}
		payload, err := jose.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jose.SignCompact(attester, jose.Header{Alg: jose.ES256, Typ: typ}, payload)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	r := toSign(t, ca.leaf(t, key.Public(), "receiver.example"))
	r.ClientID, r.VerifierInfo = "verifier_attestation:receiver.example", nil
	good := attest(TypAttestation, nil)
	text, err := r.SignAttested(key, good)
	if err != nil {
		t.Fatal(err)
	}
	v := Verification{ClientID: r.ClientID, Prefixes: []Prefix{PrefixAttestation}, Chain: ca, Now: now, Attesters: map[string][]jose.JWK{"https://attester.example": {public(attester.Public())}}}
	if got, err := VerifyRequest(t.Context(), text, v); err != nil || got.Attester != "https://attester.example" {
		t.Fatal(err)
	}
	if a, err := ReadAttestation(good); err != nil || a.Subject != "receiver.example" {
		t.Error(err)
	}
	for name, c := range map[string]string{
		"no JWT": "x", "another typ": attest("JWT", nil), "over": attest(TypAttestation, func(a m) { a["exp"] = now.Unix() }), "no exp": attest(TypAttestation, func(a m) { delete(a, "exp") }),
		"about another": attest(TypAttestation, func(a m) { a["sub"] = "other.example" }), "bound to another key": attest(TypAttestation, func(a m) { a["cnf"] = m{"jwk": public(attester.Public())} }),
		"bound to none": attest(TypAttestation, func(a m) { delete(a, "cnf") }), "of nobody": attest(TypAttestation, func(a m) { delete(a, "iss") }),
		"for other addresses": attest(TypAttestation, func(a m) { a["redirect_uris"] = []any{"https://receiver.example/other"} }),
		"yet to come":         attest(TypAttestation, func(a m) { a["nbf"] = now.Add(time.Hour).Unix() }),
	} {
		if text, err := r.SignAttested(key, c); err == nil || text != "" {
			t.Errorf("%s: signed", name)
		}
	}
}

func FuzzReadAttestation(f *testing.F) {
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := ReadAttestation(text); err == nil && (a.Subject == "" || a.Expires == 0) {
			t.Fatal("taken without what it must have")
		}
	})
}
