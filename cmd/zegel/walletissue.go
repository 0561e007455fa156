package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// issueFlags are the flags of the commands that fetch credentials.
type issueFlags struct {
	txCode, clientID, language string
	copies                     int
	patience                   time.Duration
}

func (i *issueFlags) on(c *cobra.Command) {
	c.Flags().IntVar(&i.copies, "copies", 4, "copies of each credential, for presentations that cannot be linked")
	c.Flags().StringVar(&i.clientID, "client-id", defaultClientID, "client_id of this wallet at the issuer's authorization server")
	patienceFlag(c, &i.patience)
}

// defaultClientID is the name by which the command line wallet asks where
// nobody registered it.
const defaultClientID = "zegel-wallet"

func patienceFlag(c *cobra.Command, d *time.Duration) {
	c.Flags().DurationVar(d, "patience", 2*time.Minute, "how long to wait for what the issuer puts off; 0 does not wait")
}

func (f *walletFlags) accept() *cobra.Command {
	var i issueFlags
	c := &cobra.Command{
		Use:   "accept OFFER",
		Short: "Accept a credential offer (openid-credential-offer://...)",
		Long: `Reads an offer, looks up who makes it, and takes the credentials into the vault
after checking them: seal, provider, type, keys and status. An offer with a
pre-authorized code may need a transaction code, which comes another way; one
with an authorization code leads to the issuer's sign-in in your browser.

What the issuer puts off stays waiting in the vault: see zegel wallet waiting.`,
		Args: cobra.ExactArgs(1),
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, args []string) error {
			i.language = f.language
			return w.take(ctx, out, v, args[0], i)
		}),
	}
	c.Flags().StringVar(&i.txCode, "tx-code", "", "transaction code that came by another way")
	i.on(c)
	return c
}

func (f *walletFlags) request() *cobra.Command {
	var i issueFlags
	var list bool
	c := &cobra.Command{
		Use:   "request ISSUER [CONFIGURATION...]",
		Short: "Ask an issuer for credentials, and sign in there",
		Long: `Looks up what an issuer offers and asks for it: you sign in and agree at the
issuer in your browser, and the credentials come into the vault. Without a
configuration it asks for the only one that there is.`,
		Example: "  zegel wallet request https://issuer.example --list\n  zegel wallet request https://issuer.example led_diploma",
		Args:    cobra.MinimumNArgs(1),
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, args []string) error {
			i.language = f.language
			s, err := w.issuer(ctx, i)
			if err != nil {
				return err
			}
			o, err := s.Discover(ctx, args[0], args[1:]...)
			if err != nil {
				return err
			}
			if list {
				for _, id := range o.Offer.CredentialConfigurationIDs {
					fmt.Fprintf(out, "%s  %s\n", id, s.Title(o, id))
				}
				return nil
			}
			if ids := o.Offer.CredentialConfigurationIDs; len(args) == 1 && len(ids) > 1 {
				return fmt.Errorf("the issuer offers several credentials; name one of them: %s", strings.Join(ids, ", "))
			}
			return w.taken(ctx, out, s, v, o, i)
		}),
	}
	c.Flags().BoolVar(&list, "list", false, "show what the issuer offers, and ask for nothing")
	i.on(c)
	return c
}

// issuer is the unit on its way to credentials.
func (w *wallet) issuer(ctx context.Context, i issueFlags) (unit.Issuance, error) {
	t, err := w.trusted(ctx)
	if err != nil {
		return unit.Issuance{}, err
	}
	s, err := w.issuance(t, i.copies, []string{i.language, "en"})
	s.Client.ID = i.clientID
	return s, err
}

func (w *wallet) take(ctx context.Context, out io.Writer, v *unit.Vault, link string, i issueFlags) error {
	s, err := w.issuer(ctx, i)
	if err != nil {
		return err
	}
	o, err := s.Read(ctx, link)
	if err != nil {
		return err
	}
	if o.NeedsTxCode() && i.txCode == "" {
		return errors.New("this offer needs a transaction code: give it with --tx-code")
	}
	return w.taken(ctx, out, s, v, o, i)
}

// taken gets what is offered, tells what came of it, and waits for the rest.
func (w *wallet) taken(ctx context.Context, out io.Writer, s unit.Issuance, v *unit.Vault, o unit.Offered, i issueFlags) error {
	taken, err := w.obtain(ctx, s, v, o, i.txCode)
	return errors.Join(err, w.tellTaken(ctx, out, s, v, taken, i.patience))
}

// errNothing: the issuer has nothing for the citizen, and its page said why.
var errNothing = errors.New("the issuer gives nothing: it was refused at the sign-in, or there is nothing to give; the page in the browser said which")

func (w *wallet) obtain(ctx context.Context, s unit.Issuance, v *unit.Vault, o unit.Offered, txCode string) (unit.Taken, error) {
	if !o.NeedsSignIn() {
		return s.Accept(ctx, v, o, txCode)
	}
	var a *unit.Authorization
	answer, said, err := throughBrowser(ctx, w.state.SignInAs, w.transport, w.tell, func(callback string) (address, state string, err error) {
		if a, err = s.Authorize(ctx, v, o, callback); err != nil {
			return "", "", err
		}
		return a.URL, a.State, nil
	})
	if err != nil {
		return unit.Taken{}, err
	}
	if said != nil {
		for _, r := range said.Refused {
			w.tell(fmt.Sprintf("not issued: record %s (%s)", r.Record, r.Reason))
		}
		for _, p := range said.Pending {
			w.tell("comes later: record " + p)
		}
	}
	taken, err := s.Redeem(ctx, v, a, answer)
	r := (*unit.Refusal)(nil)
	if !errors.As(err, &r) || r.Code != string(oid4vci.AccessDenied) {
		return taken, err
	}
	switch {
	case said == nil:
		return taken, errNothing
	case said.NoData:
		w.tell("The supplier says that it holds no data about you.")
	case len(said.Refused) > 0:
		w.tell("The supplier has records about you, but none of them can be sealed.")
	default:
		return taken, errNothing
	}
	return taken, nil
}

func (w *wallet) tellTaken(ctx context.Context, out io.Writer, s unit.Issuance, v *unit.Vault, t unit.Taken, patience time.Duration) error {
	for _, it := range t.Items {
		tellItem(out, it)
	}
	var all []error
	for _, x := range t.Waiting {
		fmt.Fprintf(out, "put off by the issuer: %s  %s\n", x.Name, x.Title)
		all = append(all, w.await(ctx, out, s, v, x.Name, patience))
	}
	w.afterwards(ctx, out, v)
	return errors.Join(all...)
}

func tellItem(out io.Writer, it unit.Item) {
	fmt.Fprintf(out, "accepted: %s  %s (%d copies)\n", it.Name, it.Title, len(it.Copies))
}

// await waits for one credential, and leaves it waiting when patience is over.
func (w *wallet) await(ctx context.Context, out io.Writer, s unit.Issuance, v *unit.Vault, name string, patience time.Duration) error {
	item, err := s.Await(ctx, v, name, patience, func(x unit.Waiting) {
		fmt.Fprintf(out, "not ready yet: %s; asked %d times, again at %s\n", x.Title, x.Asked, x.Next.Local().Format("15:04:05"))
	})
	if errors.Is(err, unit.ErrWaiting) {
		fmt.Fprintf(out, "It stays in the vault; go on with: zegel wallet continue %s\n", name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	tellItem(out, item)
	return nil
}
