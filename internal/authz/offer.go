package authz

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// TxCode is a transaction code, sent to the citizen by another channel
// (OpenID4VCI 1.0, Section 3.5). It prints nothing; the empty code means that
// the offer has none.
type TxCode struct{ text string }

// NewTxCode draws a numeric code of n digits.
func NewTxCode(n int) TxCode {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, most)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return TxCode{fmt.Sprintf("%0*d", n, v)}
}

// Reveal is the code as text, for the citizen.
func (c TxCode) Reveal() string { return c.text }

// String hides the code.
func (TxCode) String() string { return "[transaction code]" }

// GoString hides the code.
func (TxCode) GoString() string { return "[transaction code]" }

// Offer is what waits to be fetched.
type Offer struct {
	// Code is the pre-authorized code, or the issuer_state if SignIn is set.
	Code   capsule.Secret
	TxCode TxCode
	// SignIn: the citizen must sign in for it, so that no wallet can redeem it
	// (OpenID4VCI 1.0, Section 4.1.1, authorization_code).
	SignIn bool
	// Payload is what the token will open. It is stored only encrypted under
	// the code.
	Payload []byte
	Expires time.Time
	// Tags find the offer's records again; they must tell nothing of the
	// citizen.
	Tags []string
}

// Handle names the records of an offer without its code, so that its state
// can be asked for and it can be cancelled.
type Handle struct {
	Offer string `json:"offer,omitempty"`
	Code  string `json:"code,omitempty"`
	Grant string `json:"grant"`
}

type waiting struct {
	TxCode  string `json:"tx_code,omitempty"`
	Payload []byte `json:"payload"`
}

type storedOffer struct {
	TxCode bool   `json:"tx_code"`
	SignIn bool   `json:"sign_in,omitempty"`
	Sealed []byte `json:"sealed"`
}

// Create stores an offer.
func (s *Server) Create(ctx context.Context, o Offer) (Handle, error) {
	h := Handle{Offer: o.Code.ID(purposeOffer), Grant: o.Code.ID(purposeGrant)}
	plain, err := jose.Marshal(waiting{TxCode: o.TxCode.text, Payload: o.Payload})
	if err != nil {
		return h, err
	}
	sealed, err := capsule.Seal(o.Code, purposeOffer, plain, []byte(h.Offer))
	if err != nil {
		return h, err
	}
	data, err := jose.Marshal(storedOffer{TxCode: o.TxCode.text != "", SignIn: o.SignIn, Sealed: sealed})
	if err != nil {
		return h, err
	}
	_, err = s.Store.Create(ctx, store.Record{Kind: kindOffer, ID: h.Offer, Expiry: o.Expires, Tags: o.Tags, Data: data})
	return h, err
}

// Cancel withdraws what waits, and ends the refresh token that was given for it.
// An access token still opens the grant for its last minutes; what it is good
// for is for the caller to say. It may be called again.
func (s *Server) Cancel(ctx context.Context, h Handle) error {
	for _, rec := range []store.Record{{Kind: kindOffer, ID: h.Offer}, {Kind: kindCode, ID: h.Code}} {
		if rec.ID == "" {
			continue
		}
		if err := s.Store.Delete(ctx, rec); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return s.change(ctx, h.Grant, func(g *storedGrant) bool {
		had := g.Refresh != nil
		g.Refresh = nil
		return had
	})
}

// SignedIn opens an offer by its issuer_state: what waits, and the grant that
// its code must become, so that of all codes for it one is redeemed. ok is false
// for a state that nobody gave, or that is over.
func (s *Server) SignedIn(ctx context.Context, state string) (payload []byte, grant string, ok bool, err error) {
	secret, err := capsule.ParseSecret(state)
	if err != nil {
		return nil, "", false, nil
	}
	id := secret.ID(purposeOffer)
	rec, err := s.Store.Get(ctx, kindOffer, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", false, nil
	}
	if err != nil {
		return nil, "", false, err
	}
	var stored storedOffer
	if err := jose.Unmarshal(rec.Data, &stored); err != nil {
		return nil, "", false, err
	}
	if !stored.SignIn {
		return nil, "", false, nil
	}
	plain, err := capsule.Open(secret, purposeOffer, stored.Sealed, []byte(id))
	if err != nil {
		return nil, "", false, err
	}
	var w waiting
	if err := jose.Unmarshal(plain, &w); err != nil {
		return nil, "", false, err
	}
	return w.Payload, secret.ID(purposeGrant), true, nil
}

// State of an offer.
type State string

const (
	StateOffered  State = "offered"
	StateRedeemed State = "redeemed"
	// StateGone: expired, cancelled, or redeemed so long ago that the mark
	// expired too.
	StateGone State = "gone"
)

// State tells where an offer is.
func (s *Server) State(ctx context.Context, h Handle) (State, error) {
	_, err := s.Store.Get(ctx, kindGrant, h.Grant)
	if err == nil {
		return StateRedeemed, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	if h.Code != "" {
		_, err = s.Store.Get(ctx, kindCode, h.Code)
	} else {
		_, err = s.Store.Get(ctx, kindOffer, h.Offer)
	}
	switch {
	case err == nil:
		return StateOffered, nil
	case errors.Is(err, store.ErrNotFound):
		return StateGone, nil
	default:
		return "", err
	}
}

// Redemption is a token request of the pre-authorized code grant (OpenID4VCI
// 1.0, Section 6.1).
type Redemption struct {
	Code string
	// TxCode as sent; HasTxCode tells an absent one from an empty one.
	TxCode    string
	HasTxCode bool
	// To is who redeems.
	To Party
	// Check, if set, is asked before the code is spent, with what it opens.
	Check func(payload []byte) error
}

// errCode is one text for unknown, expired, spent and exhausted codes and for
// wrong transaction codes, so that a guesser learns nothing.
func errCode() error {
	return refuse(CodeInvalidGrant, "the pre-authorized code is unknown, expired, used or was tried too often, or the transaction code is wrong (OpenID4VCI 1.0, Section 6.3); ask for a new offer")
}

// Redeem exchanges a code for an access token, once. Parallel redemptions have
// exactly one winner on every store, because creating the grant is the mark
// that the code was spent.
func (s *Server) Redeem(ctx context.Context, r Redemption) (Granted, error) {
	// Step 1. The code names a live offer.
	code, err := capsule.ParseSecret(r.Code)
	if err != nil {
		return Granted{}, errCode()
	}
	id := code.ID(purposeOffer)
	rec, err := s.Store.Get(ctx, kindOffer, id)
	if errors.Is(err, store.ErrNotFound) {
		return Granted{}, errCode()
	}
	if err != nil {
		return Granted{}, err
	}
	var stored storedOffer
	if err := jose.Unmarshal(rec.Data, &stored); err != nil {
		return Granted{}, err
	}
	if stored.SignIn {
		return Granted{}, errCode()
	}
	// Step 2. A transaction code is there if and only if it is expected.
	if stored.TxCode && !r.HasTxCode {
		return Granted{}, refuse(CodeInvalidRequest, "tx_code is missing; the offer asks for it (OpenID4VCI 1.0, Section 6.3)")
	}
	if !stored.TxCode && r.HasTxCode {
		return Granted{}, refuse(CodeInvalidRequest, "tx_code was sent but the offer has none (OpenID4VCI 1.0, Section 6.3)")
	}
	// Step 3. Count the try before anything is compared.
	if stored.TxCode {
		if err := s.count(ctx, id, rec.Expiry); err != nil {
			return Granted{}, err
		}
	}
	// Step 4. Open the offer and compare the transaction code.
	plain, err := capsule.Open(code, purposeOffer, stored.Sealed, []byte(id))
	if err != nil {
		return Granted{}, err
	}
	var w waiting
	if err := jose.Unmarshal(plain, &w); err != nil {
		return Granted{}, err
	}
	if subtle.ConstantTimeCompare([]byte(w.TxCode), []byte(r.TxCode)) != 1 {
		return Granted{}, errCode()
	}
	if r.Check != nil {
		if err := r.Check(w.Payload); err != nil {
			return Granted{}, err
		}
	}
	// Step 5. Spend the code.
	granted, err := s.grant(ctx, code.ID(purposeGrant), w.Payload, rec, r.To)
	if errors.Is(err, store.ErrExists) {
		return Granted{}, errCode()
	}
	if err != nil {
		return Granted{}, err
	}
	// Step 6. The offer is spent; nothing of it need stay. A failure here is
	// harmless: without the code the record is noise, and the code is spent.
	_ = s.Store.Delete(ctx, store.Record{Kind: kindOffer, ID: id})
	return granted, nil
}

// count marks one more try of a transaction code. The marks are numbered, so
// that tries at the same time count one each.
func (s *Server) count(ctx context.Context, offer string, expiry time.Time) error {
	for n := 1; n <= s.tries(); n++ {
		_, err := s.Store.Create(ctx, store.Record{Kind: kindTry, ID: offer + "." + strconv.Itoa(n), Expiry: expiry})
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return errCode()
}
