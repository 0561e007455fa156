package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/seal/pkcs11"
)

// openToken opens a key in a hardware module; with seals.opening. A token is
// opened once, however many tenants have a key in it.
func (a *app) openToken(ctx context.Context, s *SealConfig) (*signerKey, error) {
	c := s.PKCS11
	chain, err := readChain(c.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf(".pkcs11.certificate_file: %w", err)
	}
	name, terms := s.signer()
	token, end := a.seals.tokens[name], func() error { return nil }
	if token == nil {
		token, err = c.open(ctx, a.now)
		if err != nil {
			return nil, tokenFault(err)
		}
		a.seals.tokens[name], a.seals.terms[name] = token, terms
		end = func() error { return a.seals.forget(name) }
	}
	key, err := token.Key(ctx, pkcs11.Selector{Label: c.KeyLabel, ID: c.keyID, Public: chain[0].PublicKey})
	if err != nil {
		return nil, errors.Join(tokenFault(err), end())
	}
	return &signerKey{
		Signer: key, chain: chain, field: ".pkcs11.certificate_file", check: token.Ping, every: 10 * time.Second,
		where: "token " + c.TokenLabel, atOnce: max(1, token.Status().Sessions), close: end,
	}, nil
}

// forget closes a token, and nothing is held against how it was used; with opening.
// Whoever opened it does so: where no key of it was taken into use others may try it
// in another way.
func (s *sealKeys) forget(name string) error {
	token := s.tokens[name]
	delete(s.tokens, name)
	delete(s.terms, name)
	delete(s.queues, name)
	if token == nil {
		return nil
	}
	return token.Close()
}

func (c *PKCS11Config) open(ctx context.Context, now func() time.Time) (*pkcs11.Token, error) {
	return pkcs11.Open(ctx, pkcs11.Config{
		Module: c.Module, Token: c.TokenLabel, Serial: c.TokenSerial, PIN: pkcs11.PINFile(c.PINFile), Sessions: c.Sessions, Timeout: c.timeout, Now: now,
	})
}

// tokenFault names the field that an error is about, and what to do.
func tokenFault(err error) error {
	for _, f := range []struct {
		is            error
		field, remedy string
	}{
		{pkcs11.ErrUnavailable, "", ""},
		{pkcs11.ErrConfig, ".module", "name the library of the module's maker, for this machine's architecture"},
		{pkcs11.ErrToken, ".token_label", "see the labels with pkcs11-tool --module MODULE --list-token-slots"},
		{pkcs11.ErrPINLocked, ".pin_file", "have the security officer set the PIN anew"},
		{pkcs11.ErrPIN, ".pin_file", "put the user's PIN there, in one line, readable by this process alone; a few wrong ones lock the token"},
		{pkcs11.ErrKey, ".key_label", "see the keys with pkcs11-tool --module MODULE --login --list-objects; certificate_file must be the certificate of the key"},
		{pkcs11.ErrAway, ".module", "the module must be reachable at the start"},
	} {
		if errors.Is(err, f.is) {
			if f.remedy == "" {
				return fmt.Errorf(".pkcs11%s: %w", f.field, err)
			}
			return fmt.Errorf(".pkcs11%s: %w; %s", f.field, err, f.remedy)
		}
	}
	return fmt.Errorf(".pkcs11: %w", err)
}
