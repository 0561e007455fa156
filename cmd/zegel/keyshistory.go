package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/history"
)

func keysHistoryCommand() *cobra.Command {
	var o watch
	c := &cobra.Command{
		Use:   "history URL",
		Short: "Watch the public history of keys of an issuer",
		Long: `Fetches the history of keys that is served below URL, such as that of an issuer,
and holds it against what was seen before: the checkpoint must be signed by the
same key and go on from the one before, and the new entries must hash to its root.
Then it shows the new entries.

--state FILE keeps what was seen, so that a later run notices when an entry was
altered or taken out, or when others are shown another history. Without --key the
first run takes the key from the server, and says so: hold it against what the
institution publishes elsewhere.

At most 4096 new entries are read in one run. Where there are more it says so, and
the next run goes on after them; --certificate waits, with status 1, until all are
read.

--certificate FILE proves that a seal certificate, in PEM, stands in the history.

Exits with status 0 when all of it holds, and with 1 when it does not, or could not
be seen. Then the state stays as it was, unless there is more to read. With --state
the checkpoint that was served is kept when the history

  contradicts itself    in FILE.fork: with FILE the proof
  is not shown to be    in FILE.unshown: no proof, for the answer of the server
  the one seen before   may be wrong and the history right; whoever holds it can
                        show it, so ask with both files

Fewer entries than were seen are an older state, which a cache or a server that lags
shows, too: nothing is kept, so look again.`,
		Example: "  zegel keys history https://issuer.example.org --state issuer.history",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := fetch.Operator(fetch.Options{PlainLoopback: true, MaxBody: 8 << 20})
			defer f.Close()
			o.monitor = history.Monitor{URL: args[0], Fetch: fetch.Typed{Fetcher: f}}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&o.state, "state", "", "file with what was seen before, written anew")
	c.Flags().StringVar(&o.key, "key", "", "key of the history, <origin>+<hash>+<base64>; it must be the one in the state")
	c.Flags().StringVar(&o.certificate, "certificate", "", "PEM file with a certificate that must stand in the history")
	c.Flags().BoolVar(&o.asJSON, "json", false, "answer in JSON")
	return c
}

// watch is one look at a history.
type watch struct {
	monitor                 history.Monitor
	state, key, certificate string
	asJSON                  bool
}

// watchedHistory is what it tells in JSON.
type watchedHistory struct {
	Checkpoint string          `json:"checkpoint"`
	Keys       []string        `json:"keys"`
	Pinned     bool            `json:"pinned,omitempty"` // the key was taken from the server, now
	Entries    []history.Entry `json:"entries"`          // new ones
	Behind     int64           `json:"behind,omitempty"` // how many were not read yet
	// Certificate are the entries about the certificate that was asked for.
	Certificate []history.Entry `json:"certificate,omitempty"`
}

func (o watch) run(ctx context.Context, out, errOut io.Writer) error {
	before, pinned, err := o.before(ctx)
	if err != nil {
		return err
	}
	now, entries, err := o.monitor.Update(ctx, before)
	if err != nil {
		return o.contradicted(err)
	}
	if now.Behind > 0 && o.state == "" {
		return fmt.Errorf("the history has %d more entries than are read at once; name a file with --state, and run it until all are read", now.Behind)
	}
	told := watchedHistory{Checkpoint: now.Checkpoint, Keys: now.Keys, Pinned: pinned, Entries: entries, Behind: now.Behind}
	if o.certificate != "" && now.Behind == 0 {
		c, err := readCertificate(o.certificate)
		if err != nil {
			return fmt.Errorf("--certificate: %s: %w", o.certificate, err)
		}
		if told.Certificate, err = o.monitor.Prove(ctx, now, c); err != nil {
			return err
		}
	}
	if o.state != "" {
		b, err := jose.Marshal(now)
		if err == nil {
			err = writeOver(o.state, append(b, '\n'))
		}
		if err != nil {
			return fmt.Errorf("--state: %w", err)
		}
	}
	if pinned {
		fmt.Fprintf(errOut, "The key of the history was taken from the server, as none was known: hold it against what the institution publishes elsewhere.\n  %s\n", strings.Join(now.Keys, "\n  "))
	}
	if told.Entries == nil {
		told.Entries = []history.Entry{}
	}
	if !o.asJSON {
		o.print(out, told)
	} else if err := printJSON(out, told); err != nil {
		return err
	}
	if now.Behind > 0 && o.certificate != "" {
		return fmt.Errorf("--certificate: %d entries were not read yet; run it again", now.Behind)
	}
	return nil
}

// before is what was seen before, or a beginning.
func (o watch) before(ctx context.Context) (w history.Watched, pinned bool, err error) {
	if o.state != "" {
		b, err := os.ReadFile(o.state)
		if err == nil {
			if w, err = history.ParseWatched(b); err != nil {
				return w, false, fmt.Errorf("--state: %s: %w", o.state, err)
			}
			if w.URL != strings.TrimSuffix(o.monitor.URL, "/") {
				return w, false, fmt.Errorf("--state: %s is about %s; take another file for each history", o.state, w.URL)
			}
			if o.key != "" && !slices.Contains(w.Keys, o.key) {
				return w, false, fmt.Errorf("--key: %s was begun with %s", o.state, strings.Join(w.Keys, ", "))
			}
			return w, false, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return w, false, fmt.Errorf("--state: %w", err)
		}
	}
	if o.key != "" {
		if w, err = history.NewWatched(o.monitor.URL, o.key); err != nil {
			return w, false, fmt.Errorf("--key: %w", err)
		}
		return w, false, nil
	}
	w, err = o.monitor.Pin(ctx)
	return w, true, err
}

// contradicted keeps the proof of a fork, and what to ask with where there is none.
func (o watch) contradicted(err error) error {
	var fork *history.Fork
	var unshown *history.Unshown
	var path, remedy string
	var served []byte
	switch {
	case o.state == "":
		return err
	case errors.As(err, &fork):
		path, served, remedy = o.state+".fork", fork.Served, "together with %s it is the proof, so keep both and tell others"
	case errors.As(err, &unshown):
		path, served, remedy = o.state+".unshown", unshown.Served, "it is no proof; look again, and if it stays so keep it with %s and ask who holds the history to show that it goes on"
	case errors.Is(err, history.ErrOlder):
		return fmt.Errorf("%w; the state stays as it was: look again, and if it stays so ask whether the store was put back", err)
	default:
		return err
	}
	if kept := writeOver(path, served); kept != nil {
		return errors.Join(err, kept)
	}
	return fmt.Errorf("%w; the checkpoint is kept in %s: "+remedy, err, path, o.state)
}

func (o watch) print(out io.Writer, w watchedHistory) {
	show := func(e history.Entry) {
		fmt.Fprintf(out, "%6d  %s  %-8s %-11s %s\n        key %s", e.Sequence, e.Time, e.Event, e.Use, printable(e.Subject), e.Key)
		if e.CertificateSHA256 != "" {
			fmt.Fprintf(out, "  certificate %s", e.CertificateSHA256)
		}
		fmt.Fprintln(out)
	}
	for _, e := range w.Entries {
		show(e)
	}
	if len(w.Certificate) > 0 {
		fmt.Fprintln(out, "The certificate stands in the history, proven:")
		for _, e := range w.Certificate {
			show(e)
		}
	}
	lines := strings.SplitN(w.Checkpoint, "\n", 4)
	fmt.Fprintf(out, "The history %s holds: %s entries, %d of them new.\n", printable(lines[0]), lines[1], len(w.Entries))
	if w.Behind > 0 {
		fmt.Fprintf(out, "%d entries were not read yet: run it again.\n", w.Behind)
	}
}
