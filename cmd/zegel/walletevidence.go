package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

func (f *walletFlags) evidence() *cobra.Command {
	c := &cobra.Command{
		Use:   "evidence",
		Short: "Make, show and export what proves seals when their certificates have run out",
		Long: `For each sealed credential the vault keeps evidence: the seal with time-stamps,
certificates and revocation data (JAdES B-LTA). The wallet makes it when a
credential comes, and stamps it again before it ends; for that the vault must be
opened from time to time. What leaves the wallet are digests.`,
	}
	c.AddCommand(f.evidenceTend(), f.evidenceExport())
	return c
}

func (f *walletFlags) evidenceTend() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "tend", Short: "Make the evidence that is missing, and stamp again what nears its end", Args: cobra.NoArgs,
		Long: `Makes the evidence that is missing and stamps again what nears its end, as the
wallet does by itself when credentials come and when the vault is listed. Exits
with status 1 when something could not be done; it is tried again the next time.`,
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, _ []string) error {
			if !w.state.Environment.stamped() {
				return errNoStamps
			}
			all, err := w.tendEvidence(ctx, v)
			if err != nil {
				return err
			}
			if asJSON {
				if err := printJSON(out, evidenceLines(all)); err != nil {
					return err
				}
			} else {
				printTended(out, all)
			}
			for _, t := range all {
				if t.Err != nil {
					return exitStatus(1)
				}
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

// errNoStamps: nobody gives this wallet time-stamps.
var errNoStamps = errors.New("the platform of this vault knows no time-stamp authority, so there is no evidence; its operator names one in holder.timestamps, and `zegel wallet trust update` takes it over")

func (f *walletFlags) evidenceExport() *cobra.Command {
	return &cobra.Command{
		Use: "export NAME FILE", Short: "Write the evidence of a credential to a file", Args: cobra.ExactArgs(2),
		Long: `Writes the evidence of a credential to a file: JAdES in JSON, with all that the
credential says. Whoever gets it can judge it with zegel seal verify, or with
other software for JAdES, long after the certificate has run out. - is the
standard output.`,
		Example: "  zegel wallet evidence export 0f1c… diploma.json\n  zegel seal verify diploma.json --trust authority.pem",
		RunE: f.opened(func(ctx context.Context, out io.Writer, _ *wallet, v *unit.Vault, args []string) error {
			b, e, err := v.Evidence(ctx, args[0])
			if errors.Is(err, unit.ErrNotFound) {
				return fmt.Errorf("%s: %w; see `zegel wallet list` for the credentials, and `zegel wallet evidence tend` for those without", args[0], err)
			}
			if err != nil {
				return err
			}
			if args[1] == "-" {
				_, err := fmt.Fprintf(out, "%s\n", b)
				return err
			}
			err = writeNew(args[1], append(b, '\n'))
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s is there already; choose another FILE, or remove it first", args[1])
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "Written to %s: %s, good until %s.\n", args[1], e.Level, e.StampBefore.Local().Format(time.DateOnly))
			return nil
		}),
	}
}

// evidenceLine is how it stands with one credential.
type evidenceLine struct {
	Credential  string     `json:"credential"`
	Title       string     `json:"title"`
	Done        unit.Done  `json:"done"`
	Level       seal.Level `json:"level,omitempty"`
	StampBefore time.Time  `json:"stamp_before,omitzero"`
	Error       string     `json:"error,omitempty"`
}

func evidenceLines(all []unit.Tended) []evidenceLine {
	out := []evidenceLine{}
	for _, t := range all {
		line := evidenceLine{Credential: t.Credential, Title: t.Title, Done: t.Done, Level: t.Level, StampBefore: t.StampBefore}
		if t.Err != nil {
			line.Error = t.Err.Error()
		}
		out = append(out, line)
	}
	return out
}

func printTended(out io.Writer, all []unit.Tended) {
	if len(all) == 0 {
		fmt.Fprintln(out, "There is no credential with a seal that evidence can be made of.")
	}
	for _, t := range all {
		fmt.Fprintf(out, "%s  evidence %-7s", t.Credential, t.Done)
		if t.Level != "" {
			fmt.Fprintf(out, "  %s until %s", t.Level, t.StampBefore.Local().Format(time.DateOnly))
		}
		fmt.Fprintf(out, "  %s\n", printable(t.Title))
		if t.Err != nil {
			fmt.Fprintf(out, "    owed: %s\n", printable(t.Err.Error()))
		}
	}
}

// revocation asks, beside what the wallet asks about seals, the lists and responders
// that certificates name: the authorities of time-stamps are strangers.
func (w *wallet) revocation(t trusted) trust.ValueSource {
	lists := trust.NewCRLs(fetch.Aged{Fetcher: revocationClient(w.profile(), w.now)}, w.now)
	lists.Suite = t.suite
	c := w.state.Environment.Revocation
	if c == nil {
		c = &walletRevocation{Prefer: "crl", Nonce: true}
	}
	return trust.Preferred{t.crls, c.source(lists, responderClient(w.profile(), w.now), w.now)}
}

// stamped reports whether somebody gives this wallet time-stamps.
func (e environment) stamped() bool {
	return e.StampAnchors != "" || e.ListedStamps && e.TrustedLists != nil
}

// archive is the unit's keeper of evidence. The authorities that the trusted lists
// name are trusted too: those of time-stamps, and those who say whether a seal
// certificate was revoked, which evidence must hold.
func (w *wallet) archive(ctx context.Context, v *unit.Vault) (unit.Archive, error) {
	t, err := w.trusted(ctx)
	if err != nil {
		return unit.Archive{}, err
	}
	// What cannot be fetched now is no fault: the lists that are kept hold until they
	// run out, and without any nothing is stamped.
	if _, _, err := w.trustedLists(ctx, t.store); err != nil {
		return unit.Archive{}, err
	}
	lists, seals := w.revocation(t), t.validator()
	seals.Revocation = lists
	return unit.Archive{Stamper: v.Platform.Stamper(t.store, rand.Reader), Lists: lists, Now: w.now, Seals: seals}, nil
}

func (w *wallet) tendEvidence(ctx context.Context, v *unit.Vault) ([]unit.Tended, error) {
	a, err := w.archive(ctx, v)
	if err != nil {
		return nil, err
	}
	return a.Tend(ctx, v)
}

// afterwards makes the evidence of what came. That it cannot be made now is no
// fault of what was done: it is owed, and told.
func (w *wallet) afterwards(ctx context.Context, out io.Writer, v *unit.Vault) {
	if !w.state.Environment.stamped() {
		return
	}
	all, err := w.tendEvidence(ctx, v)
	if err != nil {
		fmt.Fprintf(out, "Evidence of seals could not be tended to now: %s. It is tried again the next time.\n", printable(err.Error()))
	}
	for _, t := range all {
		if t.Done != unit.DoneKept || t.Err != nil {
			printTended(out, []unit.Tended{t})
		}
	}
}
