package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
)

func walletCommand() *cobra.Command {
	var w walletFlags
	c := &cobra.Command{
		Use:   "wallet",
		Short: "Hold a vault and its credentials from the command line",
		Long: `The wallet unit on the command line: it makes and opens a vault, accepts
credentials, and presents what the citizen agrees to. It alone can read the
vault; the platform keeps ciphertext.

Addresses and trust come from a running server's admin socket when the vault is
activated, or from a file with --environment.`,
	}
	c.PersistentFlags().StringVar(&w.home, "home", envOr("ZEGEL_WALLET", "var/wallet"), "directory of the wallet (ZEGEL_WALLET)")
	c.PersistentFlags().StringVar(&w.language, "language", "en", "language of the citizen: nl, fr, de or en")
	c.AddCommand(w.activate(), w.open(), w.collect(), w.accept(), w.request(), w.waiting(), w.proceed(), w.renew(), w.list(), w.seals(), w.evidence(), w.trust(), w.show(), w.present(), w.remove(), w.status(), w.rotate(), w.deactivate(), w.reactivate(), w.delete())
	return c
}

type walletFlags struct{ home, language string }

func envOr(name, value string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return value
}

func (f *walletFlags) wallet(cmd *cobra.Command) *wallet {
	return &wallet{
		home: f.home, now: time.Now,
		tell: func(s string) { fmt.Fprintln(cmd.OutOrStdout(), s) },
		warn: func(s string) { fmt.Fprintln(cmd.ErrOrStderr(), "zegel:", s) },
	}
}

// run wraps a command that needs an existing wallet.
func (f *walletFlags) run(do func(cmd *cobra.Command, w *wallet, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		w := f.wallet(cmd)
		if err := w.load(); err != nil {
			return err
		}
		return do(cmd, w, args)
	}
}

// opened wraps a command that needs the vault open.
func (f *walletFlags) opened(do func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, args []string) error) func(*cobra.Command, []string) error {
	return f.run(func(cmd *cobra.Command, w *wallet, args []string) error {
		v, err := w.vault(cmd.Context())
		if err != nil {
			return err
		}
		return do(cmd.Context(), cmd.OutOrStdout(), w, v, args)
	})
}

func (f *walletFlags) activate() *cobra.Command {
	var socket, file, as string
	c := &cobra.Command{
		Use:   "activate",
		Short: "Ask for a vault: WebID, DID and an encrypted pod",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := f.wallet(cmd)
			if err := w.load(); err == nil && w.state.Active {
				return fmt.Errorf("%s holds a vault already; choose another --home", f.home)
			}
			w.state = walletState{SignInAs: as, RecoveryCode: w.state.RecoveryCode}
			if err := w.environmentFrom(cmd.Context(), file, socket); err != nil {
				return err
			}
			info, err := w.create(cmd.Context())
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Your vault is active.\n  WebID          %s\n  DID            %s\n  pod            %s\n  recovery code  %s\n", info.WebID, info.DID, info.Storage, w.state.RecoveryCode)
			fmt.Fprintf(out, "Write the recovery code down: nobody else has it, and without it the vault cannot be opened. It also stands in %s.\n", w.file())
			return nil
		},
	}
	environmentFlags(c, &socket, &file, &as)
	return c
}

// environmentFlags say where addresses and trust come from, and who signs in.
func environmentFlags(c *cobra.Command, socket, file, as *string) {
	socketFlag(c, socket)
	c.Flags().StringVar(file, "environment", "", "file with addresses and trust, instead of the admin socket")
	c.Flags().StringVar(as, "sign-in-as", "", "citizen of the development identity provider; without it a browser is asked for")
}

// environmentFrom reads addresses and trust from a file, or from a running server.
func (w *wallet) environmentFrom(ctx context.Context, file, socket string) (err error) {
	if file != "" {
		err = readJSON(file, &w.state.Environment)
	} else {
		err = admin(ctx, socket, "GET", "/wallet/environment", nil, &w.state.Environment)
	}
	if err != nil {
		return err
	}
	if _, err := w.state.Environment.facts(); err != nil {
		return fmt.Errorf("the environment that was given: %w", err)
	}
	return nil
}

// create activates the vault. The recovery code is kept whatever happens, so
// that an activation that broke off can be taken up again with it.
func (w *wallet) create(ctx context.Context) (unit.VaultInfo, error) {
	s, err := w.setup(ctx)
	if err != nil {
		return unit.VaultInfo{}, err
	}
	if w.state.RecoveryCode != "" {
		if s.Code, err = unit.ParseRecoveryCode(w.state.RecoveryCode); err != nil {
			return unit.VaultInfo{}, err
		}
	}
	v, code, err := unit.Create(ctx, s)
	w.state.RecoveryCode, w.state.Active = code.Reveal(), err == nil
	if err := errors.Join(err, w.save()); err != nil {
		return unit.VaultInfo{}, err
	}
	return v.Info, nil
}

func (f *walletFlags) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the vault's state and addresses", Args: cobra.NoArgs,
		RunE: f.run(func(cmd *cobra.Command, w *wallet, _ []string) error {
			p, err := w.platform(cmd.Context())
			if err != nil {
				return err
			}
			info, err := p.Vault(cmd.Context())
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), info)
		}),
	}
}

func (f *walletFlags) deactivate() *cobra.Command {
	return f.change("deactivate", "Close the vault; what is in it stays", "The vault is deactivated.", func(ctx context.Context, w *wallet) error {
		p, err := w.platform(ctx)
		if err != nil {
			return err
		}
		return p.Deactivate(ctx)
	})
}

func (f *walletFlags) reactivate() *cobra.Command {
	return f.change("reactivate", "Open a deactivated vault again", "The vault is active.", func(ctx context.Context, w *wallet) error {
		v, err := w.vault(ctx)
		if err != nil {
			return err
		}
		s, err := w.setup(ctx)
		if err != nil {
			return err
		}
		return s.Reactivate(ctx, v)
	})
}

func (f *walletFlags) rotate() *cobra.Command {
	return f.change("rotate", "Replace the key behind WebID and DID", "The key was replaced; the old one signed that the new one follows.", func(ctx context.Context, w *wallet) error {
		v, err := w.vault(ctx)
		if err != nil {
			return err
		}
		s, err := w.setup(ctx)
		if err != nil {
			return err
		}
		return s.Rotate(ctx, v)
	})
}

func (f *walletFlags) delete() *cobra.Command {
	var sure bool
	c := f.change("delete", "Delete the vault, its WebID and all data, for ever", "The vault is deleted; what was collected into it is revoked.", func(ctx context.Context, w *wallet) error {
		if !sure {
			return errors.New("deleting cannot be undone; repeat the command with --for-ever")
		}
		p, err := w.platform(ctx)
		if err != nil {
			return err
		}
		if err := p.Delete(ctx); err != nil {
			return err
		}
		return os.Remove(w.file())
	})
	c.Flags().BoolVar(&sure, "for-ever", false, "yes, delete it")
	return c
}

func (f *walletFlags) change(use, short, done string, do func(context.Context, *wallet) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: f.run(func(cmd *cobra.Command, w *wallet, _ []string) error {
			if err := do(cmd.Context(), w); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), done)
			return nil
		}),
	}
}

func printJSON(out io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", b)
	return err
}
