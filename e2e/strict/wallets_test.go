package strict_test

import (
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/e2e/strict"
	"github.com/zegel-id/zegel/holder/unit"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

const claims = `{"title":"Getuigschrift","award_date":"2020"}`

// behindFronts runs issuer and verifier behind fronts with some habits.
// Credentials are put off only where nothing is encrypted: the front must read
// them.
func behindFronts(t *testing.T, habits ...strict.Habit) (peer.Demo, map[string]*strict.Front) {
	t.Helper()
	seed, fronts := strict.Seed(t), map[string]*strict.Front{}
	var settings []string
	if slices.Contains(habits, strict.Deferral) {
		settings = append(settings, "encryption: off")
	}
	s := peer.Serve(t, func(role, base string, next http.Handler) http.Handler {
		fronts[role] = strict.New(next, base, seed, habits...)
		return fronts[role]
	}, settings...)
	return s, fronts
}

// showed makes sure that the wallet did not get through because nothing
// happened.
func showed(t *testing.T, front *strict.Front, habits ...strict.Habit) {
	t.Helper()
	for _, h := range habits {
		if front.Count(h) == 0 {
			t.Errorf("%s: never", h)
		}
	}
}

// The wallet unit lives with everything that the specifications allow.
func TestOurWallet(t *testing.T) {
	t.Run("encrypted", func(t *testing.T) {
		testOurWallet(t, append([]strict.Habit{strict.StaleNonce, strict.DPoPNonce}, strict.Harmless...))
	})
	t.Run("put off", func(t *testing.T) { testOurWallet(t, strict.All) })
}

func testOurWallet(t *testing.T, habits []strict.Habit) {
	s, fronts := behindFronts(t, habits...)
	w := peer.NewWallet(t, s.Hierarchy(t))
	for name, link := range map[string]func(peer.Offer) string{"by reference": peer.Offer.Reference, "by value": peer.Offer.Value} {
		t.Run("receives "+name, func(t *testing.T) {
			o, in := s.Own(t, claims), w.Issuance(t, 3)
			offered, err := in.Read(t.Context(), link(o))
			if err != nil {
				t.Fatal(err)
			}
			taken, err := in.Accept(t.Context(), w.Vault, offered, o.TxCode)
			if err != nil {
				t.Fatal(err)
			}
			if item := w.One(t, in, taken); len(item.Copies) != 3 {
				t.Errorf("%d copies", len(item.Copies))
			}
			s.Issued(t, o, 3, "credential_accepted")
		})
	}
	t.Run("asks with a code", func(t *testing.T) {
		in := w.Issuance(t, 2)
		in.Client = unit.Client{ID: peer.WalletID}
		offered, err := in.Read(t.Context(), s.CodeOffer())
		if err != nil {
			t.Fatal(err)
		}
		a, err := in.Authorize(t.Context(), w.Vault, offered, peer.Callback)
		if err != nil {
			t.Fatal(err)
		}
		back, err := url.Parse(peer.Browse(t, a.URL, "allow"))
		if err != nil {
			t.Fatal(err)
		}
		taken, err := in.Redeem(t.Context(), w.Vault, a, back.Query())
		if err != nil {
			t.Fatal(err)
		}
		item := w.One(t, in, taken)
		if len(item.Copies) != 2 || item.Title != "Getuigschrift" {
			t.Errorf("%d copies of %s", len(item.Copies), item.Title)
		}
		if taken, err = in.Renew(t.Context(), w.Vault, item.Source.Grant); err != nil {
			t.Fatal("renewing:", err)
		}
		w.One(t, in, taken)
	})
	showed(t, fronts["issuer"], habits...)

	t.Run("presents", func(t *testing.T) {
		tx := s.Ask(t, "http://localhost/done", `[{"path":["title"]}]`)
		p := w.Presentation(func(unit.Consent) bool { return true })
		asked, err := p.Read(t.Context(), tx.Link)
		if err != nil {
			t.Fatal(err)
		}
		shared, err := p.Answer(t.Context(), w.Vault, asked)
		if err != nil {
			t.Fatal(err)
		}
		back, err := url.Parse(shared.RedirectURI)
		if err != nil {
			t.Fatal(err)
		}
		s.Verified(t, tx, back.Query().Get("response_code"), "title")
	})
	showed(t, fronts["verifier"], strict.UnknownMembers, strict.OtherOrder, strict.Pieces)
}
