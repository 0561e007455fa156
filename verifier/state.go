package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/verifier/policy"
)

// State of a transaction, as a receiver sees it.
type State string

const (
	StateRequested State = "requested" // the wallet has not fetched the request
	StateFetched   State = "fetched"   // it has, and has not answered
	StateAnswered  State = "answered"  // a result waits
	StateRefused   State = "refused"   // the wallet answered with an error; a result says so
	StateDone      State = "done"      // the result was fetched
	StateExpired   State = "expired"   // nobody answered in time
)

// The records of a transaction. The first three hold ciphertext only, each
// under its own secret, and are written before anybody knows of them. The
// others are marks: that one of them could be created is what makes a step
// happen once, on every store. All of them outlive what they mark.
const (
	kindTransaction store.Kind = "vp-transaction" // under the transaction id
	kindRequest     store.Kind = "vp-request"     // under the request secret
	kindResponse    store.Kind = "vp-response"    // under the response secret
	kindFetched     store.Kind = "vp-fetched"
	kindAnswer      store.Kind = "vp-answer"  // holds the result, under the transaction id
	kindTry         store.Kind = "vp-try"     // of a response code
	kindPage        store.Kind = "vp-page"    // under the secret of our page
	kindVisit       store.Kind = "vp-visit"   // the one browser that opened it
	kindDigital     store.Kind = "vp-digital" // under the transaction id
)

// Purposes of secrets.
const (
	purposeTransaction = "vp transaction"
	purposeRequest     = "vp request"
	purposeResponse    = "vp response"
	purposeResult      = "vp result"
	purposeCode        = "vp response code"
	purposePage        = "vp page"
	purposeNote        = "vp page note"
	purposeVisit       = "vp page visit"
	purposeDigital     = "vp digital credentials"
)

// exchange is what request and response must agree on.
type exchange struct {
	// Transaction is the id of the transaction's records, not its secret.
	Transaction string        `json:"transaction"`
	Receiver    string        `json:"receiver"`
	Use         string        `json:"use"`
	Policy      policy.Ref    `json:"policy"`
	ClientID    string        `json:"client_id"`
	Query       oid4vp.Query  `json:"query"`
	Nonce       oid4vp.Secret `json:"nonce"`
	State       oid4vp.Secret `json:"state"`
	Expires     time.Time     `json:"expires"`
	// Evidence: the receiver wants to keep what the result comes from.
	Evidence bool `json:"evidence,omitempty"`
	// Transactions are the transaction_data as they are sent.
	Transactions []string `json:"transactions,omitempty"`
	// InClear: the answer is not to be encrypted.
	InClear bool `json:"in_clear,omitzero"`
	// Way tells the requests of one transaction apart, when there are several.
	Way Flow `json:"way,omitempty"`

	policy *policy.Policy // the one that Policy names, once it was looked up
}

// fetchMark is the id of the mark that the request object was handed out.
func (x exchange) fetchMark() string {
	if x.Way == "" {
		return x.Transaction
	}
	return x.Transaction + "." + string(x.Way)
}

// requested is a transaction whose request object was not fetched.
type requested struct {
	exchange
	// ResponseURI holds the response secret.
	ResponseURI string   `json:"response_uri"`
	Key         jose.JWK `json:"key"` // public, for the response
}

// fetched is a transaction whose request object was handed out once.
type fetched struct {
	exchange
	Flow        Flow     `json:"flow"`
	RedirectURI string   `json:"redirect_uri,omitempty"`
	Box         []byte   `json:"box"` // of the transaction id, for the result
	Key         jose.JWK `json:"key"` // private, for this response only
	// Page is the box of our page's secret, when the transaction has a page.
	Page []byte `json:"page,omitempty"`
	// Origin from which the request went over the Digital Credentials API.
	Origin string `json:"origin,omitempty"`

	// Object is the request object, where it was handed out at the start.
	Object string `json:"-"`

	secret capsule.Secret // of the response
	// responseURI and encryption are what the response came to and was encrypted
	// to, as the request said.
	responseURI string
	encryption  *jose.JWK
	keep        *gathering // nil without evidence
}

// audience of the presentations (OpenID4VP 1.0, Section 14.10, Appendix A.4).
func (f fetched) audience() string {
	if f.Origin != "" {
		return oid4vp.OriginAudience(f.Origin)
	}
	return f.ClientID
}

// session is what presentations must be bound to.
func (f fetched) session() format.Session {
	return format.Session{Nonce: string(f.Nonce), Audience: f.audience(), ResponseURI: f.responseURI, Encryption: f.encryption}
}

// coded says that a result is withheld until its response code comes back: a
// browser is to bring it that was there when the transaction started.
func (f fetched) coded() bool { return f.Flow == SameDevice || f.Page != nil }

// transaction is what the bearer of the transaction id may know before there
// is an answer.
type transaction struct {
	id       string    // of the records
	Receiver string    `json:"receiver"`
	Use      string    `json:"use"`
	Flow     Flow      `json:"flow"`
	Expires  time.Time `json:"expires"`
	Box      []byte    `json:"box"`
}

// answered is a transaction whose one answer was taken.
type answered struct {
	transaction
	record store.Record
	stored answer
}

// answer is the data of an answer record.
type answer struct {
	// Sealed opens with the transaction id only; nil once it was delivered.
	Sealed    []byte    `json:"sealed,omitempty"`
	Delivered time.Time `json:"delivered,omitzero"`
	// Note is for our page, and opens with its secret only.
	Note []byte `json:"note,omitempty"`
	told
}

// put seals v under a secret and creates its record.
func (v *Verifier) put(ctx context.Context, kind store.Kind, s capsule.Secret, purpose string, content any, expires time.Time) error {
	plain, err := jose.Marshal(content)
	if err != nil {
		return err
	}
	sealed, err := capsule.Seal(s, purpose, plain, nil)
	if err != nil {
		return err
	}
	if _, err := v.c.Store.Create(ctx, store.Record{Kind: kind, ID: s.ID(purpose), Expiry: expires, Data: sealed}); err != nil {
		return fmt.Errorf("keeping a %s: %w", kind, err)
	}
	return nil
}

// open finds the record of a secret and opens it. Text that is no secret names
// nothing, as does a secret of something else.
func (v *Verifier) open(ctx context.Context, kind store.Kind, text, purpose string, content any) (capsule.Secret, error) {
	s, err := capsule.ParseSecret(text)
	if err != nil {
		return s, notFound()
	}
	rec, err := v.c.Store.Get(ctx, kind, s.ID(purpose))
	if errors.Is(err, store.ErrNotFound) {
		return s, notFound()
	}
	if err != nil {
		return s, fmt.Errorf("reading a %s: %w", kind, err)
	}
	plain, err := capsule.Open(s, purpose, rec.Data, nil)
	if err != nil {
		return s, fmt.Errorf("opening a %s: %w", kind, err)
	}
	return s, jose.Unmarshal(plain, content)
}

func notFound() error {
	return &Error{Err: ErrNotFound, Detail: "it is unknown or over", Remedy: "Start a new transaction."}
}

func (v *Verifier) exists(ctx context.Context, kind store.Kind, id string) (bool, error) {
	_, err := v.c.Store.Get(ctx, kind, id)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	default:
		return false, fmt.Errorf("reading a %s: %w", kind, err)
	}
}

// mark creates the record that makes a step happen once.
func (v *Verifier) mark(ctx context.Context, kind store.Kind, id string, data []byte, expires time.Time) error {
	_, err := v.c.Store.Create(ctx, store.Record{Kind: kind, ID: id, Expiry: expires, Data: data})
	if errors.Is(err, store.ErrExists) {
		return &Error{Err: ErrSpent, Detail: "this was done before", Remedy: "Start a new transaction."}
	}
	if err != nil {
		return fmt.Errorf("marking a %s: %w", kind, err)
	}
	return nil
}

// until is how long the result of an exchange waits.
func (v *Verifier) until(expires time.Time) time.Time { return expires.Add(v.c.ResultLife) }

// margin is how much longer marks are kept than what they mark.
const margin = time.Hour

// end is until when the records of an exchange are kept.
func (v *Verifier) end(expires time.Time) time.Time {
	return v.until(expires).Add(v.c.ResultGrace + margin)
}

// markEnd is until when the marks of its steps are kept: as long as anybody may
// have to be told of them.
func (v *Verifier) markEnd(expires time.Time) time.Time {
	return v.end(expires).Add(v.hooks.RetryFor())
}

func (v *Verifier) over(expires time.Time) bool { return !v.c.Now().Before(expires) }
