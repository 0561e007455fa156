package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
)

func (f *walletFlags) collect() *cobra.Command {
	var i issueFlags
	var configuration string
	c := &cobra.Command{
		Use:   "collect SUPPLIER",
		Short: "Ask a supplier for your data and take them into the vault",
		Long: `Sends you to the issuer's sign-in with a handle of your vault. When you agree
there, the issuer asks the supplier for your records and seals them, and they
come into the vault after they were checked. --configuration asks for them in
another format of the issuer's, such as an mdoc.`,
		Example: "  zegel wallet collect led\n  zegel wallet collect led --configuration led_diploma_mdoc",
		Args:    cobra.ExactArgs(1),
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, args []string) error {
			i.language = f.language
			return w.fetch(ctx, out, v, args[0], configuration, i)
		}),
	}
	i.on(c)
	c.Flags().StringVar(&configuration, "configuration", "", "credential configuration of the issuer; without it the one that the supplier's records come in")
	return c
}

// fetch has the issuer ask a supplier.
func (w *wallet) fetch(ctx context.Context, out io.Writer, v *unit.Vault, supplier, other string, i issueFlags) error {
	e := w.state.Environment
	configuration, ok := e.Suppliers[supplier]
	if !ok {
		return fmt.Errorf("supplier: %q cannot be asked; the issuer asks %s", supplier, strings.Join(slices.Sorted(maps.Keys(e.Suppliers)), ", "))
	}
	configuration = cmp.Or(other, configuration)
	s, err := w.issuer(ctx, i)
	if err != nil {
		return err
	}
	o, err := s.Discover(ctx, e.Issuer, configuration)
	if err != nil {
		return err
	}
	return w.taken(ctx, out, s, v, o, i)
}
