// Package openid4vc_test has wallets receive from our issuer and present to our
// verifier, over the wire only: the `zegel demo` command runs as a child, and
// what became of each offer and transaction is read from the APIs.
//
// The wallets are our own command, and one made of @openid4vc/openid4vci,
// @openid4vc/openid4vp, dcql and @sd-jwt/sd-jwt-vc from npm, which shares no
// code with us.
package openid4vc_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/e2e/peer"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

func TestWallets(t *testing.T) {
	s := peer.StartDemo(t)
	t.Run("ours", func(t *testing.T) { testOurs(t, s) })
	t.Run("independent", func(t *testing.T) {
		peer.Install(t, ".", "the wallet of @openid4vc")
		testIndependent(t, s)
	})
}

// testOurs has the command line wallet of a citizen accept what an institution
// offers, and present it. She is not the demonstration's citizen, whose vault
// holds a revoked credential by now.
func testOurs(t *testing.T, s peer.Demo) {
	s.Zegel(t, "wallet", "activate", "--sign-in-as", "noor")
	for name, link := range map[string]func(peer.Offer) string{"by reference": peer.Offer.Reference, "by value": peer.Offer.Value} {
		t.Run(name, func(t *testing.T) {
			o := s.Offer(t)
			out := s.Zegel(t, "wallet", "accept", link(o), "--tx-code", o.TxCode)
			if n := strings.Count(out, "accepted: "); n != len(o.Accepted) {
				t.Errorf("%d of %d credentials accepted: %s", n, len(o.Accepted), out)
			}
			s.Issued(t, o, 4, "credential_accepted")
		})
	}
	tx := s.Ask(t, "", `[{"path":["title"]},{"path":["level","eqf"]}]`)
	s.Zegel(t, "wallet", "present", tx.Link, "--yes")
	s.Verified(t, tx, "", "title", "level.eqf")
}

// received is what receive.mjs answers.
type received struct {
	peer.Refusal
	Version     string `json:"version"`
	Credentials []struct {
		Identifier string `json:"identifier"`
		Copies     []held `json:"copies"`
	} `json:"credentials"`
	Again string `json:"again"`
}

// held is a copy of a credential with its key, as the independent wallet keeps
// it.
type held struct {
	Credential string         `json:"credential"`
	Key        map[string]any `json:"key"`
	Claims     map[string]any `json:"claims"`
}

func (r received) copies() []held {
	var out []held
	for _, c := range r.Credentials {
		out = append(out, c.Copies...)
	}
	return out
}

// presented is what present.mjs answers.
type presented struct {
	peer.Refusal
	Prefix       string         `json:"prefix"`
	ResponseMode string         `json:"responseMode"`
	Enc          string         `json:"enc"`
	Selected     map[string]any `json:"selected"`
	Status       int            `json:"status"`
	Body         struct {
		RedirectURI string `json:"redirect_uri"`
	} `json:"body"`
}

func testIndependent(t *testing.T, s peer.Demo) {
	receive := func(t *testing.T, link, txCode string, more map[string]any) (r received) {
		order := map[string]any{"offer": link, "txCode": txCode, "anchor": s.Anchor(t, "seal-ca.pem")}
		for k, v := range more {
			order[k] = v
		}
		peer.Run(t, ".", "receive.mjs", order, &r)
		return r
	}
	var wallet []held

	t.Run("receives the whole batch, by reference", func(t *testing.T) {
		o := s.Offer(t)
		r := receive(t, o.Reference(), o.TxCode, map[string]any{"event": "credential_accepted", "again": true})
		r.Accepts(t)
		if r.Version != "V1" {
			t.Errorf("the library takes the metadata for those of %s", r.Version)
		}
		if len(r.Credentials) != len(o.Accepted) {
			t.Errorf("%d credentials of %d records", len(r.Credentials), len(o.Accepted))
		}
		seen := map[any]bool{}
		for _, c := range r.copies() {
			if c.Claims["title"] == nil {
				t.Error("a credential without its claims")
			}
			for _, id := range []any{c.Key["x"], c.Claims["jti"], c.Claims["sub"], fmt.Sprint(c.Claims["status"])} {
				if id == nil || seen[id] {
					t.Errorf("%v stands in two copies", id)
				}
				seen[id] = true
			}
		}
		s.Issued(t, o, 8, "credential_accepted")
		if r.Again != "credential_request_denied" {
			t.Errorf("the same dataset again: %s", r.Again)
		}
		wallet = r.copies()
	})
	t.Run("receives some copies, by value", func(t *testing.T) {
		o := s.Offer(t)
		receive(t, o.Value(), o.TxCode, map[string]any{"copies": 3, "event": "credential_failure"}).Accepts(t)
		s.Issued(t, o, 3, "credential_failure")
	})
	t.Run("receives an institution's own credential", func(t *testing.T) {
		o := s.Own(t, `{"title":"Getuigschrift","award_date":"2020"}`)
		r := receive(t, o.Reference(), o.TxCode, nil)
		r.Accepts(t)
		if len(r.Credentials) != 1 || len(r.copies()) != 8 || r.copies()[0].Claims["title"] != "Getuigschrift" {
			t.Errorf("%d credentials, %d copies", len(r.Credentials), len(r.copies()))
		}
	})
	t.Run("is refused", func(t *testing.T) {
		o := s.Offer(t)
		wrong := "000000"
		if o.TxCode == wrong {
			wrong = "000001"
		}
		receive(t, o.Reference(), wrong, nil).Refuses(t, "invalid_grant")
		receive(t, o.Value(), o.TxCode, map[string]any{"copies": 1}).Accepts(t)
		receive(t, o.Value(), o.TxCode, nil).Refuses(t, "invalid_grant")
		// What the offer's address held has served.
		if r := receive(t, o.Reference(), o.TxCode, nil); !strings.Contains(r.Message, "status '404'") {
			t.Errorf("the address of a redeemed offer: %q", r.Message)
		}
	})

	present := func(t *testing.T, tx peer.Transaction, more map[string]any) (p presented) {
		order := map[string]any{"request": tx.Link, "held": wallet, "anchor": s.Anchor(t, "access-ca.pem")}
		for k, v := range more {
			order[k] = v
		}
		peer.Run(t, ".", "present.mjs", order, &p)
		return p
	}
	t.Run("presents", func(t *testing.T) {
		for name, claims := range map[string]struct {
			claims string
			want   []string
		}{
			"some claims":           {`[{"path":["title"]},{"path":["level","eqf"]}]`, []string{"title", "level.eqf"}},
			"a claim of an object":  {`[{"path":["awarding_institution","name"]}]`, []string{"awarding_institution.name"}},
			"the first set it has":  {`[{"id":"a","path":["title"]},{"id":"b","path":["award_type"]}],"claim_sets":[["b"],["a","b"]]`, []string{"award_type"}},
			"one value of a choice": {`[{"path":["level","eqf"],"values":["4","5"]}]`, []string{"level.eqf"}},
		} {
			t.Run(name, func(t *testing.T) {
				tx := s.Ask(t, "", claims.claims)
				p := present(t, tx, nil)
				p.Accepts(t)
				if p.Prefix != "x509_hash" || p.ResponseMode != "direct_post.jwt" || p.Enc != "A256GCM" || p.Status != http.StatusOK {
					t.Errorf("%s, %s with %s: %d", p.Prefix, p.ResponseMode, p.Enc, p.Status)
				}
				if got := s.Verified(t, tx, "", claims.want...); !reflect.DeepEqual(got, p.Selected["diploma"]) {
					t.Errorf("the verifier tells %v, the wallet shared %v", got, p.Selected["diploma"])
				}
				if p := present(t, tx, nil); !strings.Contains(p.Message, "failed with status code '4") {
					t.Errorf("the request object a second time: %q", p.Message)
				}
			})
		}
	})
	t.Run("presents on the same device", func(t *testing.T) {
		tx := s.Ask(t, "http://localhost/done", `[{"path":["title"]}]`)
		p := present(t, tx, nil)
		p.Accepts(t)
		back, err := url.Parse(p.Body.RedirectURI)
		if err != nil || !strings.HasPrefix(p.Body.RedirectURI, "http://localhost/done") || back.Query().Get("response_code") == "" {
			t.Fatalf("sent on to %q", p.Body.RedirectURI)
		}
		if code, r := s.Result(t, tx, "another"); code == http.StatusOK || r.Verified || len(r.Presentations) != 0 {
			t.Errorf("another response code: %d", code)
		}
		s.Verified(t, tx, back.Query().Get("response_code"), "title")
	})
	t.Run("declines", func(t *testing.T) {
		for name, encrypted := range map[string]bool{"encrypted": true, "in clear": false} {
			t.Run(name, func(t *testing.T) {
				tx := s.Ask(t, "", `[{"path":["title"]}]`)
				p := present(t, tx, map[string]any{"refuse": "access_denied", "encrypted": encrypted})
				p.Accepts(t)
				if p.Status != http.StatusOK {
					t.Errorf("the verifier answers %d", p.Status)
				}
				code, r := s.Result(t, tx, "")
				if code != http.StatusOK || r.Verified || len(r.Presentations) != 0 || r.State != "refused" || r.WalletError != "access_denied" {
					t.Errorf("%d %+v", code, r)
				}
			})
		}
	})
	t.Run("has nothing that fits", func(t *testing.T) {
		tx := s.Ask(t, "", `[{"path":["level","eqf"],"values":["nothing"]}]`)
		if p := present(t, tx, nil); !strings.Contains(p.Message, "nothing that the wallet holds") {
			t.Errorf("presented all the same: %d %s", p.Status, p.Message)
		}
	})
}
