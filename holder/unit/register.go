package unit

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// typRegister is the typ of the published register of receivers.
const typRegister = "receivers-register+jwt"

// PublishedRegister is the register of receivers as the platform publishes
// it, signed by the registrar. It implements Receivers.
type PublishedRegister struct {
	URL  string
	HTTP Doer
	// Registrars are the keys of the registrar, of which one must have signed.
	Registrars []crypto.PublicKey
	Now        func() time.Time
}

// Admitted fetches the register and looks the receiver up. A register that
// cannot be fetched, is over or is not the registrar's admits nobody.
func (r PublishedRegister) Admitted(ctx context.Context, receiver string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return err
	}
	b, _, err := send(r.HTTP, req)
	if err != nil {
		return fmt.Errorf("fetching the register of receivers: %w", err)
	}
	use := jose.Use{Typ: typRegister, Algs: []jose.Alg{jose.ES256, jose.ES384}}
	t, err := use.OpenAny(string(b), r.Registrars...)
	if err != nil {
		return fmt.Errorf("the register of receivers does not hold: %w", err)
	}
	var doc struct {
		IssuedAt  jose.NumericDate `json:"iat"`
		Expires   jose.NumericDate `json:"exp"`
		Receivers []struct {
			Registration string `json:"registration"`
			Status       string `json:"status"`
		} `json:"receivers"`
	}
	if err := jose.Unmarshal(t.Payload, &doc); err != nil {
		return fmt.Errorf("the register of receivers cannot be read: %w", err)
	}
	now := r.Now()
	if !now.Before(doc.Expires.Time()) || doc.IssuedAt.Time().After(now.Add(time.Minute)) {
		return errors.New("the register of receivers is over, or of a time that lies ahead")
	}
	listed := false
	for _, e := range doc.Receivers {
		if e.Registration != receiver || receiver == "" {
			continue
		}
		if e.Status != "admitted" {
			return fmt.Errorf("the receiver is %s in the register", shown(e.Status, 40))
		}
		listed = true
	}
	if !listed {
		return errors.New("the receiver is not in the register")
	}
	return nil
}
