package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
)

func (f *walletFlags) open() *cobra.Command {
	var socket, file, as string
	c := &cobra.Command{
		Use:   "open",
		Short: "Open a vault that is there on this machine too, with its recovery code",
		Long: `Opens the vault of the citizen who signs in on a further machine, or on a new one
when the old one is lost. The recovery code is read from the standard input, so
that no other user of the machine sees it; it is kept when it opens the vault.
Evidence of seals that is missing or nears its end is made then.`,
		Example: "  zegel wallet open < recovery-code",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := f.wallet(cmd)
			if err := w.load(); err == nil && (w.state.Active || w.state.RecoveryCode != "") {
				return fmt.Errorf("%s holds a vault already; choose another --home", f.home)
			}
			text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<10))
			if err != nil {
				return err
			}
			code, err := unit.ParseRecoveryCode(string(text))
			if err != nil {
				return fmt.Errorf("the standard input: %w; give the code that was shown when the vault was activated", err)
			}
			w.state = walletState{SignInAs: as}
			ctx := cmd.Context()
			if err := w.environmentFrom(ctx, file, socket); err != nil {
				return err
			}
			s, err := w.setup(ctx)
			if err != nil {
				return err
			}
			v, err := unit.Open(ctx, s, code)
			if errors.Is(err, unit.ErrNotFound) {
				return fmt.Errorf("%w; there is no vault of yours on this platform: zegel wallet activate asks for one", err)
			}
			if err != nil {
				return err
			}
			w.state.RecoveryCode, w.state.Active = code.Reveal(), true
			if err := w.save(); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Your vault is open here too.\n  WebID  %s\n  pod    %s\n", v.Info.WebID, v.Info.Storage)
			w.afterwards(ctx, cmd.OutOrStdout(), v)
			return nil
		},
	}
	environmentFlags(c, &socket, &file, &as)
	return c
}
