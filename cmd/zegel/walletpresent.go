package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
)

// presentFlags are what `zegel wallet present` is told.
type presentFlags struct {
	openTrust
	yes, tell bool
	// digital is the file with a request over the Digital Credentials API, and
	// response the one that its answer is written to.
	digital, response string
	// items are those of the vault that may be shared, all when there are none;
	// optional takes what the receiver asks for without needing it, too.
	items    []string
	optional bool
}

func (f *walletFlags) present() *cobra.Command {
	var p presentFlags
	c := &cobra.Command{
		Use:   "present LINK | present --digital-credential FILE",
		Short: "Answer a receiver's request (openid4vp://...)",
		Long: `Checks who asks: the request's signature, the receiver's certificate and its
registration, and that the register lists it as admitted. Then it shows what
would be shared, with whom, why and on which legal basis, and shares it only
after you agree. --yes agrees beforehand, for scripts.

With --trust open everybody may ask whose client identifier checks out, also by
DID, and the consent warns when nobody vouches for them: for certification
suites and tests. --anchors, --verifier-attesters and --clients then say who
else is known.

--digital-credential answers a request of the W3C Digital Credentials API. FILE
holds it as JSON: its protocol, its data, and the origin that it came from. The
answer's data go to --response, or to the output.

Of several credentials that would do the first is shown, and all where the
receiver takes several; --item shares those that it names, and nothing else.
What the receiver asks for without needing it stays, unless --optional is there.

A refused request is told to nobody unless --tell is there; then to a sender
who is known, and with --trust register admitted.`,
		Example: `  zegel wallet present "$LINK"
  zegel wallet present --digital-credential request.json --response answer.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if (p.digital != "") == (len(args) == 1) || len(args) > 1 {
				return errors.New("give either one LINK or --digital-credential FILE")
			}
			return nil
		},
		RunE: f.run(func(cmd *cobra.Command, w *wallet, args []string) error {
			request, err := p.request(args)
			if err != nil {
				return err
			}
			consent := p.only(askConsent(bufio.NewReader(cmd.InOrStdin()), cmd.OutOrStdout(), p.yes))
			shared, err := w.share(cmd.Context(), request, f.language, p, consent)
			return p.report(cmd.OutOrStdout(), shared, err)
		}),
	}
	c.Flags().BoolVar(&p.yes, "yes", false, "agree without being asked")
	c.Flags().BoolVar(&p.tell, "tell", false, "tell the sender of a request that is refused what is wrong with it")
	c.Flags().StringVar(&p.digital, "digital-credential", "", `file with a request of the Digital Credentials API: {"protocol":...,"data":...,"origin":...}`)
	c.Flags().StringVar(&p.response, "response", "", "file for the data of its answer, made anew; without it they are printed")
	c.Flags().StringArrayVar(&p.items, "item", nil, "share this item of the vault where it fits, and none that is not named; may be repeated")
	c.Flags().BoolVar(&p.optional, "optional", false, "share also what the receiver asks for without needing it")
	p.register(c.Flags())
	return c
}

// choose takes the items that were named where they fit.
func (p presentFlags) choose(_ context.Context, c unit.Choice) (unit.Chosen, error) {
	chosen := unit.Chosen{Options: map[int]int{}, Items: map[string][]string{}}
	for query, items := range c.Items {
		for _, it := range items {
			if slices.Contains(p.items, it.Name) {
				chosen.Items[query] = append(chosen.Items[query], it.Name)
			}
		}
	}
	for i, s := range c.Sets {
		if p.optional && !s.Required {
			chosen.Options[i] = 0
		}
	}
	return chosen, nil
}

// only shares nothing but the items that were named.
func (p presentFlags) only(consent consentFunc) consentFunc {
	return func(ctx context.Context, c unit.Consent) (bool, error) {
		for _, it := range c.Items {
			if len(p.items) > 0 && !slices.Contains(p.items, it.Name) {
				return false, fmt.Errorf("%s (%s) would be shared too, and --item does not name it", it.Name, it.Title)
			}
		}
		return consent(ctx, c)
	}
}

// consentFunc asks the citizen.
type consentFunc = func(context.Context, unit.Consent) (bool, error)

// asking is a request that a wallet was called with: a link, or one over the
// Digital Credentials API.
type asking struct {
	link    string
	digital *digitalRequest
}

func (p presentFlags) request(args []string) (asking, error) {
	if p.digital == "" {
		if p.response != "" {
			return asking{}, errors.New("--response is for --digital-credential only")
		}
		return asking{link: args[0]}, nil
	}
	if _, err := os.Lstat(p.response); p.response != "" && !errors.Is(err, os.ErrNotExist) {
		return asking{}, fmt.Errorf("--response: %s is there already; nothing was shared", p.response)
	}
	d, err := readDigital(p.digital)
	return asking{digital: d}, err
}

func (a asking) read(ctx context.Context, p unit.Presentation) (unit.Asked, error) {
	if a.digital != nil {
		return p.ReadDC(ctx, a.digital.Protocol, a.digital.Data, a.digital.Origin)
	}
	return p.Read(ctx, a.link)
}

// report says what came of it, and hands on what the citizen's browser takes.
func (p presentFlags) report(out io.Writer, s unit.Shared, err error) error {
	if s.Data != nil {
		if e := p.write(out, s.Data); e != nil {
			return errors.Join(err, e)
		}
	}
	switch {
	case errors.Is(err, unit.ErrRefused):
		fmt.Fprintln(out, "Nothing was shared.")
	case err != nil:
	default:
		fmt.Fprintf(out, "Shared with %s. Receipt: %s\n", s.Consent.Organisation, s.Receipt)
	}
	if s.RedirectURI != "" {
		fmt.Fprintf(out, "Go on at: %s\n", s.RedirectURI)
	}
	if errors.Is(err, unit.ErrRefused) {
		return exitStatus(3)
	}
	return err
}

func (p presentFlags) write(out io.Writer, data []byte) error {
	if p.response == "" {
		_, err := fmt.Fprintf(out, "%s\n", data)
		return err
	}
	f, err := os.OpenFile(p.response, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keeping the answer's data: %w", err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func askConsent(in *bufio.Reader, out io.Writer, yes bool) consentFunc {
	return func(_ context.Context, c unit.Consent) (bool, error) {
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
	}
}

// share reads a request and answers it. A request that is refused is told to
// its sender when the flags say so.
func (w *wallet) share(ctx context.Context, request asking, language string, flags presentFlags, consent consentFunc) (unit.Shared, error) {
	t, err := w.trusted(ctx)
	if err != nil {
		return unit.Shared{}, err
	}
	p, err := w.presentation(t, flags.openTrust, []string{language, "en"}, consent)
	if err != nil {
		return unit.Shared{}, err
	}
	p.Choose = flags.choose
	asked, err := request.read(ctx, p)
	if err != nil && flags.tell {
		return told(ctx, p, err)
	}
	if err != nil {
		return unit.Shared{}, err
	}
	v, err := w.vault(ctx)
	if err != nil {
		return unit.Shared{}, err
	}
	return p.Answer(ctx, v, asked)
}

// told tells a refusal and returns it, with what goes back by the browser.
func told(ctx context.Context, p unit.Presentation, refusal error) (unit.Shared, error) {
	shared, err := p.Tell(ctx, refusal)
	if err != nil {
		return shared, fmt.Errorf("%w (not told to the sender: %w)", refusal, err)
	}
	return shared, fmt.Errorf("%w (the sender was told)", refusal)
}

// printConsent shows all that agreeing would mean: a transaction or a warning
// that is not shown must not be agreed to.
func printConsent(out io.Writer, c unit.Consent) {
	fmt.Fprintf(out, "%s (%s) asks you to share.\n  purpose      %s\n  legal basis  %s\n  privacy      %s\n", c.Organisation, c.Receiver, stated(c.Purpose), stated(c.LegalBasis), stated(c.PrivacyPolicy))
	if c.Origin != "" {
		fmt.Fprintf(out, "  from site    %s\n", c.Origin)
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(out, "  warning      %s\n", w)
	}
	for _, i := range c.Info {
		if !i.Checked {
			fmt.Fprintf(out, "  says itself  %s, which was not checked\n", i.Format)
		}
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
		title := it.Title
		if it.Unchecked {
			title += " (not known whether it is still valid)"
		}
		if it.Whole {
			title += " (all of it is shown)"
		}
		fmt.Fprintf(out, "  from         %s\n  claims       %s\n", title, strings.Join(paths, " "))
	}
}

func stated(s string) string {
	if s == "" {
		return "not stated"
	}
	return s
}
