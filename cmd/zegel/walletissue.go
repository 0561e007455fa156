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
