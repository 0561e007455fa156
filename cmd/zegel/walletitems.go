package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
)

func (f *walletFlags) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what is in the vault", Args: cobra.NoArgs,
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, _ []string) error {
			w.afterwards(ctx, out, v)
			entries, err := v.Entries(ctx)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				fmt.Fprintln(out, "The vault is empty.")
			}
			for _, e := range entries {
				until := ""
				if !e.Expires.IsZero() {
					until = "  until " + e.Expires.Local().Format(time.DateTime)
				}
				fmt.Fprintf(out, "%s  %-10s  %s  %s%s\n", e.Name, e.Kind, e.Added.UTC().Format("2006-01-02"), e.Title, until)
			}
			return nil
		}),
	}
}

func (f *walletFlags) show() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a credential or a receipt", Args: cobra.ExactArgs(1),
		RunE: f.opened(func(ctx context.Context, out io.Writer, _ *wallet, v *unit.Vault, args []string) error {
			entries, err := v.Entries(ctx)
			if err != nil {
				return err
			}
			for _, e := range entries {
				if e.Name == args[0] {
					return show(ctx, out, v, e)
				}
			}
			return fmt.Errorf("there is no %s in the vault; see `zegel wallet list`", args[0])
		}),
	}
}

func show(ctx context.Context, out io.Writer, v *unit.Vault, e unit.Entry) error {
	if e.Kind == unit.KindEvidence {
		return fmt.Errorf("%s is evidence of a seal; write it to a file with `zegel wallet evidence export %s FILE`", e.Name, e.Of)
	}
	if e.Kind == unit.KindReceipt {
		r, err := v.Receipt(ctx, e.Name)
		if err != nil {
			return err
		}
		return printJSON(out, r)
	}
	it, _, err := v.Item(ctx, e.Name)
	if err != nil {
		return err
	}
	for i, c := range it.Copies {
		fmt.Fprintf(out, "copy %d, shown %d times\n", i+1, c.Shown)
	}
	held, err := it.Open(0)
	if err != nil {
		return err
	}
	var claims any
	if err := json.Unmarshal(held.Claims(), &claims); err != nil {
		return err
	}
	return printJSON(out, claims)
}

func (f *walletFlags) remove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a credential or receipt from the vault", Args: cobra.ExactArgs(1),
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, args []string) error {
			if err := w.removeItem(ctx, v, args[0]); err != nil {
				return err
			}
			fmt.Fprintln(out, "Removed.")
			return nil
		}),
	}
}
