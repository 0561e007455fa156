package unit

import (
	"context"
	"crypto"
	"errors"
	"io"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Errors of presenting that callers branch on.
var (
	// ErrReceiver: who asks is not an admitted receiver, or asks for more than
	// it is registered for.
	ErrReceiver = errors.New("the receiver may not ask for this")
	// ErrRefused: the citizen did not agree, or has nothing that was asked for.
	// The receiver cannot tell which.
	ErrRefused = errors.New("nothing was shared")
)

// Receivers tells whether an organisation is admitted now.
type Receivers interface {
	// Admitted returns nil when the published register lists the receiver as
	// admitted.
	Admitted(ctx context.Context, receiver string) error
}

// Presentation is a wallet unit on its way to sharing (OpenID4VP 1.0).
type Presentation struct {
	// HTTP reaches verifiers; their addresses come from a link, so it must be
	// the client for public addresses.
	HTTP   Doer
	Now    func() time.Time
	Random io.Reader
	// Trust says who may ask; the zero value is TrustRegister.
	Trust Trust
	// Chain validates access certificates of receivers.
	Chain oid4vp.ChainVerifier
	// Registrars are the keys of who signs registration certificates: the present one,
	// and the next.
	Registrars []crypto.PublicKey
	Register   Receivers
	// DIDs, Attesters and Clients are who can be known with TrustOpen beside
	// receivers with a certificate; see oid4vp.Verification. Any may be nil.
	DIDs      did.Resolver
	Attesters map[string][]jose.JWK
	Clients   map[string]oid4vp.Client
	// Status asks for the status of a copy, so that a revoked one is not
	// offered. Without it, or when there is no answer, the copy is offered with
	// a warning, and the receiver finds out.
	Status      *status.Checker
	StatusTrust status.Trust
	// Bitstrings does the same for W3C credentials.
	Bitstrings *status.BitstringChecker
	// Choose lets the citizen choose when there are several ways to answer. Nil
	// takes what the receiver prefers, and nothing that is optional.
	Choose func(ctx context.Context, c Choice) (Chosen, error)
	// Consent asks the citizen. Nothing that depends on the vault leaves the
	// unit before it returned.
	Consent func(ctx context.Context, c Consent) (bool, error)
	Words   []oid4vp.Option
	// Languages of the citizen, the preferred one first.
	Languages []string
}

// Asked is a request whose receiver is known and may ask. Only Read and ReadDC
// make one that Answer takes.
type Asked struct {
	oid4vp.Verified
	// Registration of the receiver; its Receiver is empty when nothing vouches
	// for it, which only TrustOpen lets through.
	Registration oid4vp.Registration
	// Transactions that the citizen is asked to authorise.
	Transactions []oid4vp.TransactionData
	read         bool
}

// Consent is what the citizen is shown: who asks, why, on which basis, and
// what would be shared. Items is empty when the vault holds nothing that fits.
type Consent struct {
	Receiver      string
	Organisation  string
	Purpose       string
	LegalBasis    string
	PrivacyPolicy string
	// ClientID is how the receiver is known, and Origin the site or app that
	// the request came from over the Digital Credentials API.
	ClientID string
	Origin   string
	// Warnings say what the citizen should know before agreeing, in words of
	// the citizen's language.
	Warnings []string
	// Transactions would be authorised by sharing.
	Transactions []ConsentTransaction
	// Info is what the receiver sent along about itself.
	Info  []ConsentInfo
	Items []ConsentItem
}

// ConsentItem is one credential and the claims of it that would be shared.
type ConsentItem struct {
	Query string
	Name  string
	Title string
	Type  string
	Paths []credential.Path
	// Unchecked: whether the credential was revoked could not be asked for now.
	Unchecked bool
	// Whole: the format cannot disclose a part, so that the receiver would see all
	// of it, whatever the paths say.
	Whole bool
}

// ConsentTransaction is a transaction in words of the citizen's language.
type ConsentTransaction struct {
	Title  string
	Fields []ConsentField
}

// ConsentField is one line of a transaction.
type ConsentField struct{ Label, Value string }

// ConsentInfo is one statement about the receiver (OpenID4VP 1.0, Section
// 5.11). What was not checked is only a claim of the receiver's own.
type ConsentInfo struct {
	Format  string
	Checked bool
}

// Shared is what was shared.
type Shared struct {
	Consent Consent
	// RedirectURI is where the receiver wants the citizen to go on, if it does
	// (OpenID4VP 1.0, Section 8.2). In the modes fragment and query it holds the
	// whole response and is a secret. It is for the citizen's browser: the unit
	// does not follow it.
	RedirectURI string
	// Data goes back over the Digital Credentials API.
	Data    []byte
	Receipt string // its name in the vault
}
