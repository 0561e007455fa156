package openid4vc_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/holder/unit"
)

// Our wallet unit receives from an issuer of others.
func TestOurWalletReceives(t *testing.T) {
	s := meet(t)
	for name, order := range map[string]map[string]any{
		"by reference":                {},
		"by value, with a code":       {"byValue": true, "txCode": "493536"},
		"a dataset by its identifier": {"identifiers": true},
		"encrypted":                   {"encryption": "required"},
		"bound to a key":              {"dpop": "nonces"},
		"put off":                     {"deferral": 2, "dpop": "nonces"},
		"put off and encrypted":       {"deferral": 2, "encryption": "required"},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.seen(t)
			item, err := s.receive(t, 3, order)
			if err != nil {
				t.Fatal(err)
			}
			if item.Title != "Master" || item.Issuer != s.base || item.Type != s.base+"/types/diploma" {
				t.Errorf("%s of %s", item.Title, item.Issuer)
			}
			after := s.seen(t)
			if n := len(after.Notifications); n != len(before.Notifications)+1 || after.Notifications[n-1] != "credential_accepted" {
				t.Errorf("notified: %v", after.Notifications)
			}
			if (order["encryption"] != nil) != (after.Encrypted > before.Encrypted) {
				t.Errorf("%d encrypted requests", after.Encrypted-before.Encrypted)
			}
			if (order["deferral"] != nil) != (after.Deferred > before.Deferred) {
				t.Errorf("put off %d times", after.Deferred-before.Deferred)
			}
		})
	}
}

// outcome is what the verifier of others found.
type outcome struct {
	peer.Refusal
	Presentations    map[string][]map[string]any `json:"presentations"`
	Transactions     int                         `json:"transactions"`
	WalletError      string                      `json:"walletError"`
	Enc              string                      `json:"enc"`
	Fetched          string                      `json:"fetched"`
	RequestEncrypted bool                        `json:"requestEncrypted"`
}

// share has our wallet answer a request of the verifier, and tells what the
// verifier found and the citizen was shown.
func (s strangers) share(t *testing.T, order map[string]any, agree bool) (outcome, unit.Consent, error) {
	t.Helper()
	var asked struct {
		peer.Refusal
		ID   string `json:"id"`
		Link string `json:"link"`
	}
	s.verifier.Ask(t, "ask", order, &asked)
	asked.Accepts(t)
	var shown unit.Consent
	p := s.wallet.Presentation(func(c unit.Consent) bool { shown = c; return agree })
	request, err := p.Read(t.Context(), asked.Link)
	if err == nil {
		_, err = p.Answer(t.Context(), s.wallet.Vault, request)
	}
	var out outcome
	s.verifier.Ask(t, "result", map[string]any{"id": asked.ID}, &out)
	return out, shown, err
}

// query for the issuer's type; sets stand beside the claims.
func (s strangers) query(id string, claims any, more ...map[string]any) map[string]any {
	q := map[string]any{"id": id, "format": "dc+sd-jwt", "meta": map[string]any{"vct_values": []any{s.base + "/types/diploma"}}, "claims": claims}
	for _, m := range more {
		for k, v := range m {
			q[k] = v
		}
	}
	return q
}

func path(elements ...any) map[string]any { return map[string]any{"path": elements} }

func credentials(queries ...any) map[string]any { return map[string]any{"credentials": queries} }

// Our wallet unit presents to a verifier of others, what it received from an
// issuer of others.
func TestOurWalletPresents(t *testing.T) {
	s := meet(t)
	if _, err := s.receive(t, 10, map[string]any{}); err != nil {
		t.Fatal(err)
	}
	title := []any{path("title")}
	payment := map[string]any{"type": "urn:zegel:transaction-data:payment:1", "credential_ids": []any{"d"}, "payee": "Winkel", "amount": "12.50", "currency": "EUR", "transaction_data_hashes_alg": []any{"sha-256"}}
	sets := credentials(s.query("d", title), s.query("e", []any{path("award_date")}), s.query("f", []any{path("nothing")}))
	sets["credential_sets"] = []any{map[string]any{"options": []any{[]any{"f"}, []any{"e"}}}}
	for name, c := range map[string]struct {
		order  map[string]any
		want   []string // claims by query id
		method string
	}{
		"x509_hash":               {map[string]any{"query": credentials(s.query("d", title))}, []string{"d.title"}, "POST"},
		"x509_hash, by GET":       {map[string]any{"query": credentials(s.query("d", title)), "method": "get"}, []string{"d.title"}, "GET"},
		"x509_san_dns":            {map[string]any{"prefix": "x509_san_dns", "query": credentials(s.query("d", title))}, []string{"d.title"}, "POST"},
		"an encrypted request":    {map[string]any{"encryptRequest": true, "query": credentials(s.query("d", title))}, []string{"d.title"}, "POST"},
		"direct_post in clear":    {map[string]any{"mode": "direct_post", "query": credentials(s.query("d", title))}, []string{"d.title"}, "POST"},
		"redirect_uri":            {map[string]any{"prefix": "redirect_uri", "query": credentials(s.query("d", title))}, []string{"d.title"}, ""},
		"nested claims":           {map[string]any{"query": credentials(s.query("d", []any{path("title"), path("level", "eqf")}))}, []string{"d.level", "d.title"}, "POST"},
		"the first set of claims": {map[string]any{"query": credentials(s.query("d", []any{map[string]any{"id": "a", "path": []any{"nothing"}}, map[string]any{"id": "b", "path": []any{"award_date"}}}, map[string]any{"claim_sets": []any{[]any{"a"}, []any{"b"}}}))}, []string{"d.award_date"}, "POST"},
		"a set of credentials":    {map[string]any{"query": sets}, []string{"e.award_date"}, "POST"},
		"transaction data":        {map[string]any{"query": credentials(s.query("d", title)), "transactionData": []any{payment}}, []string{"d.title"}, "POST"},
	} {
		t.Run(name, func(t *testing.T) {
			out, shown, err := s.share(t, c.order, true)
			if err != nil {
				t.Fatalf("%v; the verifier says: %s", err, out.Message)
			}
			out.Accepts(t)
			if got := disclosed(out); !slices.Equal(got, c.want) {
				t.Errorf("disclosed %v, expected %v", got, c.want)
			}
			if mode, _ := c.order["mode"].(string); mode == "" && out.Enc != "A256GCM" || mode == "direct_post" && out.Enc != "" {
				t.Errorf("answered with %q", out.Enc)
			}
			if want, _ := c.order["encryptRequest"].(bool); out.Fetched != c.method || out.RequestEncrypted != want {
				t.Errorf("fetched by %s, encrypted %v", out.Fetched, out.RequestEncrypted)
			}
			if want := c.order["transactionData"] != nil; (out.Transactions == 1) != want || (len(shown.Transactions) == 1) != want {
				t.Errorf("%d transactions verified, %d shown", out.Transactions, len(shown.Transactions))
			}
			if len(shown.Warnings) == 0 {
				t.Error("the citizen is not warned that nobody vouches for the verifier")
			}
		})
	}
	t.Run("declined", func(t *testing.T) {
		out, _, err := s.share(t, map[string]any{"query": credentials(s.query("d", title))}, false)
		if !errors.Is(err, unit.ErrRefused) || out.WalletError == "" && out.Message == "" || len(out.Presentations) != 0 {
			t.Errorf("%v: %+v", err, out)
		}
	})
	t.Run("nothing that fits", func(t *testing.T) {
		out, _, err := s.share(t, map[string]any{"query": credentials(s.query("d", []any{path("nothing")}))}, true)
		if !errors.Is(err, unit.ErrRefused) || len(out.Presentations) != 0 {
			t.Errorf("%v: %+v", err, out)
		}
	})
	t.Run("transaction data of another type", func(t *testing.T) {
		other := map[string]any{"type": "another", "credential_ids": []any{"d"}}
		out, _, err := s.share(t, map[string]any{"query": credentials(s.query("d", title)), "transactionData": []any{other}}, true)
		if err == nil || len(out.Presentations) != 0 {
			t.Errorf("%v: %+v", err, out)
		}
	})
}

// disclosed are the claims that a verifier got to see beyond those that always
// show, by query.
func disclosed(o outcome) []string {
	always := []string{"iss", "vct", "iat", "nbf", "exp", "cnf", "sub", "status"}
	var out []string
	for id, presentations := range o.Presentations {
		for _, p := range presentations {
			for name := range p {
				if !slices.Contains(always, name) && !strings.HasPrefix(name, "_") {
					out = append(out, id+"."+name)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}
