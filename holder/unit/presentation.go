package unit

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/credential"
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
	// Chain validates access certificates of receivers.
	Chain oid4vp.ChainVerifier
	// Registrar is the key that signs registration certificates.
	Registrar crypto.PublicKey
	Register  Receivers
	// Consent asks the citizen. Nothing that depends on the vault leaves the
	// unit before it returned.
	Consent func(ctx context.Context, c Consent) (bool, error)
	Words   []oid4vp.Option
	// Languages of the citizen, the preferred one first.
	Languages []string
}

// Asked is a request whose receiver is known and admitted. Only Read makes
// one that Answer takes.
type Asked struct {
	oid4vp.Verified
	Registration oid4vp.Registration
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
	Items         []ConsentItem
}

// ConsentItem is one credential and the claims of it that would be shared.
type ConsentItem struct {
	Query string
	Name  string
	Title string
	Type  string
	Paths []credential.Path
}

// Shared is what was shared.
type Shared struct {
	Consent Consent
	// RedirectURI is where the receiver wants the citizen to go on, if it does
	// (OpenID4VP 1.0, Section 8.2). It is for the citizen's browser: the unit
	// does not follow it.
	RedirectURI string
	Receipt     string // its name in the vault
}

// Read fetches the request behind a link and checks who asks: signature and
// certificate, registration certificate, the query within it, the register.
func (p Presentation) Read(ctx context.Context, link string) (Asked, error) {
	in, err := oid4vp.ParseLink(link, p.Words...)
	if err != nil {
		return Asked{}, err
	}
	object, walletNonce, err := p.object(ctx, in)
	if err != nil {
		return Asked{}, err
	}
	now := p.Now()
	v, err := oid4vp.VerifyRequest(ctx, object, oid4vp.Verification{
		ClientID: in.ClientID, WalletNonce: walletNonce, Chain: p.Chain, Now: now, Options: p.Words,
	})
	if err != nil {
		return Asked{}, err
	}
	text, err := v.RegistrationIn()
	if err != nil {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	r, err := oid4vp.VerifyRegistration(text, p.Registrar, v.Chain[0], now)
	if err != nil {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	if err := r.Covers(*v.DCQLQuery); err != nil {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	if err := p.Register.Admitted(ctx, r.Receiver); err != nil {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	return Asked{Verified: v, Registration: r, read: true}, nil
}

// object fetches the request object, with a nonce of ours when the verifier
// takes one (OpenID4VP 1.0, Section 5.10).
func (p Presentation) object(ctx context.Context, in oid4vp.Invocation) (object, walletNonce string, err error) {
	var req *http.Request
	if in.Method == "post" {
		var b [32]byte
		if _, err := io.ReadFull(p.Random, b[:]); err != nil {
			return "", "", err
		}
		walletNonce = jose.Encode(b[:])
		form, err := oid4vp.RequestURIPost{WalletNonce: oid4vp.Secret(walletNonce)}.Form()
		if err != nil {
			return "", "", err
		}
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, in.RequestURI, bytes.NewReader([]byte(form.Encode())))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	} else {
		req, err = http.NewRequestWithContext(ctx, http.MethodGet, in.RequestURI, nil)
	}
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Accept", oid4vp.MediaTypeRequest)
	b, _, err := send(p.HTTP, req)
	if err != nil {
		return "", "", fmt.Errorf("fetching the request: %w", err)
	}
	return string(b), walletNonce, nil
}
