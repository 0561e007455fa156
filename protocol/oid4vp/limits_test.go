package oid4vp

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// many is a list of n elements.
func many(n int, element func(i int) any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = element(i)
	}
	return list
}

// Counts and lengths of a query have an end, on each list by itself: what is at
// the limit is read, and one more is refused (OpenID4VP 1.1 draft, Section 14:
// requests are untrusted input).
func TestQueryLimits(t *testing.T) {
	id := func(i int) string { return fmt.Sprintf("c%d", i) }
	cred := func(name string, change func(c m)) m {
		c := m{"id": name, "format": "dc+sd-jwt", "meta": m{"vct_values": []any{"https://issuer.example/led"}}}
		if change != nil {
			change(c)
		}
		return c
	}
	one := func(change func(c m)) m { return m{"credentials": []any{cred("a", change)}} }
	text := func(int) any { return "x" }
	claims := func(n int) []any { return many(n, func(i int) any { return m{"id": id(i), "path": []any{id(i)}} }) }
	for field, query := range map[string]func(n int) m{
		"credentials": func(n int) m { return m{"credentials": many(n, func(i int) any { return cred(id(i), nil) })} },
		"credential_sets": func(n int) m {
			return m{"credentials": []any{cred("a", nil)}, "credential_sets": many(n, func(int) any { return m{"options": []any{[]any{"a"}}} })}
		},
		"credential_sets[0].options": func(n int) m {
			return m{"credentials": []any{cred("a", nil)}, "credential_sets": []any{m{"options": many(n, func(int) any { return []any{"a"} })}}}
		},
		"options, one": func(n int) m {
			return m{"credentials": []any{cred("a", nil)}, "credential_sets": []any{m{"options": []any{many(n, func(int) any { return "a" })}}}}
		},
		"vct_values": func(n int) m { return one(func(c m) { c["meta"] = m{"vct_values": many(n, text)} }) },
		"type_values": func(n int) m {
			return one(func(c m) {
				c["format"], c["meta"] = "ldp_vc", m{"type_values": many(n, func(int) any { return []any{"x"} })}
			})
		},
		"type_values, one": func(n int) m {
			return one(func(c m) { c["format"], c["meta"] = "ldp_vc", m{"type_values": []any{many(n, text)}} })
		},
		"trusted_authorities": func(n int) m {
			return one(func(c m) {
				c["trusted_authorities"] = many(n, func(int) any { return m{"type": "aki", "values": []any{"AAAA"}} })
			})
		},
		"trusted_authorities[0]": func(n int) m {
			return one(func(c m) { c["trusted_authorities"] = []any{m{"type": "aki", "values": many(n, text)}} })
		},
		"claims": func(n int) m { return one(func(c m) { c["claims"] = claims(n) }) },
		"claim_sets": func(n int) m {
			return one(func(c m) {
				c["claims"], c["claim_sets"] = claims(1), many(n, func(int) any { return []any{id(0)} })
			})
		},
		"claim_sets, one": func(n int) m {
			return one(func(c m) {
				c["claims"], c["claim_sets"] = claims(1), []any{many(n, func(int) any { return id(0) })}
			})
		},
		"values": func(n int) m {
			return one(func(c m) { c["claims"] = []any{m{"path": []any{"a"}, "values": many(n, func(i int) any { return i })}} })
		},
	} {
		for n, ok := range map[int]bool{MaxList: true, MaxList + 1: false} {
			b, err := jose.Marshal(query(n))
			if err != nil {
				t.Fatal(err)
			}
			q, err := ParseQuery(b)
			if ok && err != nil {
				t.Errorf("%s of %d: %v", field, n, err)
			}
			if !ok {
				where, _, _ := strings.Cut(field, ",")
				wantField(t, err, where, InvalidRequest)
				if q.Credentials != nil {
					t.Errorf("%s: a failed parse returned a query", field)
				}
			}
		}
	}
	long := strings.Repeat("x", MaxText+1)
	for field, q := range map[string]m{
		"vct_values":    one(func(c m) { c["meta"] = m{"vct_values": []any{long}} }),
		"doctype_value": one(func(c m) { c["format"], c["meta"] = "mso_mdoc", m{"doctype_value": long} }),
		"values":        one(func(c m) { c["claims"] = []any{m{"path": []any{"a"}, "values": []any{long}}} }),
		"id":            {"credentials": []any{cred(strings.Repeat("a", 257), nil)}},
	} {
		b, err := jose.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseQuery(b)
		wantField(t, err, field, InvalidRequest)
	}
}

// ParseRequest alone holds to the same words (Sections 5 and 5.3).
func TestParseRequest(t *testing.T) {
	unbound := func(p m) {
		p["dcql_query"].(m)["credentials"].([]any)[0].(m)["require_cryptographic_holder_binding"] = false
	}
	for name, c := range map[string]struct {
		change func(p m)
		field  string
	}{
		"good": {func(m) {}, ""},
		"info that is an object, of this query": {func(p m) {
			p["verifier_info"] = []any{m{"format": "x", "data": m{}, "credential_ids": []any{"led"}}}
		}, ""},
		"no holder binding and a state": {unbound, ""},
		"no holder binding, no state":   {func(p m) { unbound(p); delete(p, "state") }, "state"},
		"no client_id":                  {func(p m) { delete(p, "client_id") }, "client_id"},
		"client_id overlong":            {func(p m) { p["client_id"] = strings.Repeat("a", MaxText+1) }, "client_id"},
		"no client_id in a browser":     {func(p m) { delete(p, "client_id"); p["response_mode"] = ModeDCAPIJWT }, ""},
		"client_id overlong, in one":    {func(p m) { p["client_id"], p["response_mode"] = strings.Repeat("a", MaxText+1), ModeDCAPIJWT }, "client_id"},
		"no state in a browser":         {func(p m) { unbound(p); delete(p, "state"); p["response_mode"] = ModeDCAPI }, ""},
	} {
		p := request(t, "x509_hash:a")
		c.change(p)
		b, _ := jose.Marshal(p)
		r, err := ParseRequest(b, now)
		if c.field == "" {
			if err != nil || r.DCQLQuery == nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantField(t, err, c.field, InvalidRequest)
	}
}

// anyChain takes every chain.
type anyChain struct{}

func (anyChain) VerifyChain(context.Context, []*x509.Certificate, time.Time) error { return nil }

// The same for the rest of a request object.
func TestRequestLimits(t *testing.T) {
	ca, key := newAuthority(t), newKey(t)
	leaf := ca.leaf(t, key.Public(), "receiver.example")
	long := strings.Repeat("a", MaxText+1)
	verify := func(change func(p m), v func(*Verification)) error {
		p := maps.Clone(request(t, HashClientID(leaf)))
		change(p)
		text := signObject(t, key, m{"alg": "ES256", "typ": TypRequest, "x5c": jose.EncodeX5C([]*x509.Certificate{leaf})}, p)
		with := Verification{ClientID: HashClientID(leaf), WalletNonce: "w1", Chain: ca, Now: now}
		if v != nil {
			v(&with)
		}
		_, err := VerifyRequest(t.Context(), text, with)
		return err
	}
	if err := verify(func(m) {}, nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(p m)
		field  string
	}{
		"state":        {func(p m) { p["state"] = long }, "state"},
		"response_uri": {func(p m) { p["response_uri"] = "https://receiver.example/" + long }, "response_uri"},
		"verifier_info": {func(p m) {
			p["verifier_info"] = many(MaxList+1, func(int) any { return m{"format": "x", "data": "y"} })
		}, "verifier_info"},
		"a number of it": {func(p m) { p["verifier_info"] = []any{m{"format": "x", "data": 1}} }, "verifier_info[0]"},
		"no ids of it":   {func(p m) { p["verifier_info"] = []any{m{"format": "x", "data": "y", "credential_ids": []any{}}} }, "credential_ids"},
		"keys": {func(p m) {
			key := p["client_metadata"].(m)["jwks"].(m)["keys"].([]any)[0].(jose.JWK)
			p["client_metadata"].(m)["jwks"] = m{"keys": many(33, func(i int) any { key.Kid = fmt.Sprint(i); return key })}
		}, "client_metadata.jwks"},
		"depth": {func(p m) {
			var v any
			for range jose.MaxDepth {
				v = []any{v}
			}
			p["unknown"] = v
		}, "request object"},
	} {
		t.Run(name, func(t *testing.T) { wantField(t, verify(c.change, nil), c.field, InvalidRequest) })
	}
	// A client_id has an end also where the link has the same.
	wantField(t, verify(func(p m) { p["client_id"] = "x509_hash:" + long }, func(v *Verification) { v.ClientID = "x509_hash:" + long }), "client_id", InvalidRequest)
	if err := verify(func(m) {}, func(v *Verification) { v.Now, v.Chain = time.Time{}, anyChain{} }); err == nil || ofTheSender(err) {
		t.Errorf("at no time: %v", err)
	}
	// A wallet that has an issuer identifier of its own takes requests for it,
	// and for any wallet, and for no other (Section 5.8).
	const mine = "https://wallet.example"
	with := func(v *Verification) { v.Audience = mine }
	for aud, ok := range map[string]bool{mine: true, AudienceSelfIssued: true, "https://other.example": false, mine + "/": false, "": false} {
		if err := verify(func(p m) { p["aud"] = aud }, with); (err == nil) != ok {
			t.Errorf("aud %q: %v", aud, err)
		}
	}
}
