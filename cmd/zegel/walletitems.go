package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/holder/unit"
)

func (f *walletFlags) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what is in the vault", Args: cobra.NoArgs,
		RunE: f.opened(func(ctx context.Context, out io.Writer, _ *wallet, v *unit.Vault, _ []string) error {
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
	sd, err := sdjwt.Parse(it.Copies[0].Credential)
	if err != nil {
		return err
	}
	var claims any
	if err := json.Unmarshal(sd.Claims().Raw(), &claims); err != nil {
		return err
	}
	return printJSON(out, claims)
}

func (f *walletFlags) present() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "present LINK",
		Short: "Answer a receiver's request (openid4vp://...)",
		Long: `Checks who asks: the request's signature, the receiver's certificate and its
registration, and that the register lists it as admitted. Then it shows what
would be shared, with whom, why and on which legal basis, and shares it only
after you agree. --yes agrees beforehand, for scripts.`,
		Args: cobra.ExactArgs(1),
		RunE: f.run(func(cmd *cobra.Command, w *wallet, args []string) error {
			in := bufio.NewReader(cmd.InOrStdin())
			out := cmd.OutOrStdout()
			shared, err := w.share(cmd.Context(), args[0], f.language, func(_ context.Context, c unit.Consent) (bool, error) {
				printConsent(out, c)
				if yes {
					return true, nil
				}
				fmt.Fprint(out, "Share this? Type yes: ")
				line, err := in.ReadString('\n')
				if err != nil && !errors.Is(err, io.EOF) {
					return false, err
				}
				return strings.TrimSpace(strings.ToLower(line)) == "yes", nil
			})
			if errors.Is(err, unit.ErrRefused) {
				fmt.Fprintln(out, "Nothing was shared.")
				if shared.RedirectURI != "" {
					fmt.Fprintf(out, "Go on at: %s\n", shared.RedirectURI)
				}
				return exitStatus(3)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "Shared with %s. Receipt: %s\n", shared.Consent.Organisation, shared.Receipt)
			if shared.RedirectURI != "" {
				fmt.Fprintf(out, "Go on at: %s\n", shared.RedirectURI)
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, "agree without being asked")
	return c
}

func (w *wallet) share(ctx context.Context, link, language string, consent func(context.Context, unit.Consent) (bool, error)) (unit.Shared, error) {
	t, err := w.trusted(ctx)
	if err != nil {
		return unit.Shared{}, err
	}
	p, err := w.presentation(t, []string{language, "en"}, consent)
	if err != nil {
		return unit.Shared{}, err
	}
	asked, err := p.Read(ctx, link)
	if err != nil {
		return unit.Shared{}, err
	}
	v, err := w.vault(ctx)
	if err != nil {
		return unit.Shared{}, err
	}
	return p.Answer(ctx, v, asked)
}

// printConsent shows all that agreeing would mean: a transaction or a warning
// that is not shown must not be agreed to.
func printConsent(out io.Writer, c unit.Consent) {
	fmt.Fprintf(out, "%s (%s) asks you to share.\n  purpose      %s\n  legal basis  %s\n  privacy      %s\n", c.Organisation, c.Receiver, c.Purpose, c.LegalBasis, c.PrivacyPolicy)
	if c.Origin != "" {
		fmt.Fprintf(out, "  from site    %s\n", c.Origin)
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(out, "  warning      %s\n", w)
	}
	for _, t := range c.Transactions {
		fmt.Fprintf(out, "  by sharing   %s\n", t.Title)
		for _, f := range t.Fields {
			fmt.Fprintf(out, "               %s: %s\n", f.Label, f.Value)
		}
	}
	if len(c.Items) == 0 {
		fmt.Fprintln(out, "  Your vault holds nothing that fits.")
	}
	for _, it := range c.Items {
		var paths []string
		for _, p := range it.Paths {
			paths = append(paths, p.String())
		}
		fmt.Fprintf(out, "  from         %s\n  claims       %s\n", it.Title, strings.Join(paths, " "))
	}
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
