package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
)

func (f *walletFlags) waiting() *cobra.Command {
	return &cobra.Command{
		Use: "waiting", Short: "List what issuers have put off", Args: cobra.NoArgs,
		RunE: f.opened(func(ctx context.Context, out io.Writer, _ *wallet, v *unit.Vault, _ []string) error {
			names, err := waitingNames(ctx, v)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				fmt.Fprintln(out, "Nothing waits.")
			}
			for _, name := range names {
				x, err := v.Waiting(ctx, name)
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "%s  since %s, asked %d times, again from %s  %s (%s)\n", name, x.Since.Local().Format(time.DateTime), x.Asked, x.Next.Local().Format(time.DateTime), x.Title, x.Issuer)
			}
			return nil
		}),
	}
}

func waitingNames(ctx context.Context, v *unit.Vault) ([]string, error) {
	entries, err := v.Entries(ctx)
	var names []string
	for _, e := range entries {
		if e.Kind == unit.KindWaiting {
			names = append(names, e.Name)
		}
	}
	return names, err
}

func (f *walletFlags) proceed() *cobra.Command {
	i := issueFlags{copies: 1}
	c := &cobra.Command{
		Use:   "continue [NAME...]",
		Short: "Ask again for what issuers have put off",
		Long: `Asks the issuer again for what zegel wallet waiting lists, or for the named ones
of it, as often as the issuer allows and until your patience is over.`,
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, names []string) error {
			i.language = f.language
			s, err := w.issuer(ctx, i)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				if names, err = waitingNames(ctx, v); err != nil {
					return err
				}
			}
			if len(names) == 0 {
				fmt.Fprintln(out, "Nothing waits.")
			}
			var all []error
			for _, name := range names {
				all = append(all, w.await(ctx, out, s, v, name, i.patience))
			}
			w.afterwards(ctx, out, v)
			return errors.Join(all...)
		}),
	}
	c.Flags().StringVar(&i.clientID, "client-id", defaultClientID, "client_id of this wallet at the issuer's authorization server")
	patienceFlag(c, &i.patience)
	return c
}

func (f *walletFlags) renew() *cobra.Command {
	var i issueFlags
	var within time.Duration
	c := &cobra.Command{
		Use:   "renew",
		Short: "Get credentials anew before they are over",
		Long: `Asks the issuers again for what is over soon, and puts it in the place of what
the vault holds. Where the issuer left a refresh token nobody has to sign in;
elsewhere you sign in at the issuer in your browser.`,
		Args: cobra.NoArgs,
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, _ []string) error {
			i.language = f.language
			due, err := v.Due(ctx, w.now(), within)
			if err != nil {
				return err
			}
			if len(due) == 0 {
				fmt.Fprintf(out, "Nothing in the vault is over within %s.\n", within)
				return nil
			}
			s, err := w.issuer(ctx, i)
			if err != nil {
				return err
			}
			var all []error
			for _, d := range due {
				all = append(all, w.renewDue(ctx, out, s, v, d, i))
			}
			return errors.Join(all...)
		}),
	}
	c.Flags().DurationVar(&within, "within", 30*24*time.Hour, "how near its end a credential has to be")
	i.on(c)
	return c
}

func (w *wallet) renewDue(ctx context.Context, out io.Writer, s unit.Issuance, v *unit.Vault, d unit.Due, i issueFlags) error {
	for _, e := range d.Items {
		fmt.Fprintf(out, "over on %s: %s  %s\n", e.Expires.Local().Format(time.DateTime), e.Name, e.Title)
	}
	if d.Grant != "" {
		taken, err := s.Renew(ctx, v, d.Grant)
		if !errors.Is(err, unit.ErrGrantOver) {
			return errors.Join(err, w.tellTaken(ctx, out, s, v, taken, i.patience))
		}
	}
	// One at a time: not every issuer takes several in one request.
	var all []error
	for _, c := range d.Configurations {
		fmt.Fprintf(out, "%s wants you to sign in for %s.\n", d.Issuer, c)
		o, err := s.Discover(ctx, d.Issuer, c)
		if err == nil {
			o.Renewing = true
			err = w.taken(ctx, out, s, v, o, i)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// removeItem removes what has a name, and tells the issuer of a credential.
func (w *wallet) removeItem(ctx context.Context, v *unit.Vault, name string) error {
	s, err := w.issuer(ctx, issueFlags{clientID: defaultClientID})
	if err != nil {
		return v.Remove(ctx, name) // nobody can be told
	}
	return s.Remove(ctx, v, name)
}
