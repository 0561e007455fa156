package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/statement"
)

func sealCommand() *cobra.Command {
	c := &cobra.Command{Use: "seal", Short: "Judge electronic seals, and let them last"}
	c.AddCommand(sealVerifyCommand(), sealLiftCommand())
	return c
}

// Exit statuses of seal verify.
const (
	sealNotAccepted exitStatus = 1
	sealNotJudged   exitStatus = 2
)

// sealVerify is what the command was asked.
type sealVerify struct {
	at     string
	config string
	trust  []string
	crls   []string
	lang   string
	json   bool
}

func sealVerifyCommand() *cobra.Command {
	var o sealVerify
	c := &cobra.Command{
		Use:   "verify FILE|-",
		Short: "Judge the seal on a credential or on its evidence",
		Long: `Judges the electronic seal on a document and says what was found, check by
check: the indication of ETSI EN 319 102-1, what the seal is worth, who sealed,
for which authentic source and by which law, and since when it is proven to
exist. FILE is what people have, - is the standard input:

  a compact JWS, such as a vc+jwt or the issuer's part of an SD-JWT VC
  an SD-JWT VC, with or without disclosures and a proof of the holder
  JAdES in JSON, flattened or general, with the evidence that outlives the
  certificate (B-T, B-LT, B-LTA), and the layout of Europass

Whom to trust is for you to say, and nothing is fetched unless --config is given:

  --trust FILE       certificates in PEM that are trusted, for seals and for
                     time-stamps; seal=FILE or time-stamp=FILE for one of them
  --crl FILE         a revocation list in PEM or DER. Lists and OCSP answers in
                     the evidence are used as they are.
  --config FILE      a configuration of zegel: its verifier's trust with its
                     time-stamp anchors, or that of its key directory. The
                     creator must then be on the list of PuB-EAA providers, and
                     revocation lists are fetched or responders asked, as
                     verifier.trust.revocation says.

The report is for people: the verdict, what it means and what to do, who sealed
and when, what it was held against, and every check. What the seal is worth stands
in a sentence there, in the language of --lang. --json writes it for machines and
for keeping, with that sentence in four languages. What a credential says is not shown; its status and its
holder are not judged.

Exits with status 0 when the seal is accepted, 1 when it is not, and 2 when
nothing was judged, for a file that is not there or an unknown flag.`,
		Example: `  zegel seal verify diploma.jwt --trust authority.pem --crl authority.crl
  zegel seal verify evidence.json --trust seal=authority.pem --trust time-stamp=tsa.pem
  zegel seal verify diploma.sdjwt --config zegel.yaml --json > report.json
  zegel seal verify - --trust authority.pem --at 2026-11-23T14:00:00Z < diploma.jwt`,
		Args: func(cmd *cobra.Command, args []string) error {
			return notJudged(cmd, cobra.ExactArgs(1)(cmd, args))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := o.judge(cmd.Context(), args[0], cmd.InOrStdin(), time.Now())
			if err == nil {
				err = o.write(cmd.OutOrStdout(), r)
			}
			switch {
			case err != nil:
				return notJudged(cmd, err)
			case !r.Accepted:
				return sealNotAccepted
			default:
				return nil
			}
		},
	}
	c.SetFlagErrorFunc(notJudged)
	c.Flags().StringVar(&o.at, "at", "", "the time as of which to judge, such as 2026-11-23T14:00:00Z or 2026-11-23; default now")
	c.Flags().StringArrayVar(&o.trust, "trust", nil, "FILE, seal=FILE or time-stamp=FILE with certificates in PEM; may be repeated")
	c.Flags().StringArrayVar(&o.crls, "crl", nil, "FILE with a revocation list in PEM or DER; may be repeated")
	c.Flags().StringVar(&o.config, "config", "", "configuration whose trust is used, with its sources on the network")
	c.Flags().StringVar(&o.lang, "lang", "en", "language of the sentence that says what the seal is worth: nl, fr, de or en")
	c.Flags().BoolVar(&o.json, "json", false, "write the report in JSON (seal/report/schema.json)")
	return c
}

// notJudged tells an error and ends with its own status, so that a script tells a
// bad seal from a bad command.
func notJudged(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "zegel:", err)
	return sealNotJudged
}

func (o sealVerify) judge(ctx context.Context, file string, stdin io.Reader, now time.Time) (report.Report, error) {
	at, err := o.time(now)
	if err != nil {
		return report.Report{}, err
	}
	if o.lang != "" && !slices.Contains(statement.Languages(), o.lang) {
		return report.Report{}, fmt.Errorf("--lang: found %q, expected nl, fr, de or en", o.lang)
	}
	v, err := o.validator(ctx, now)
	if err != nil {
		return report.Report{}, err
	}
	document, err := readDocument(file, stdin)
	if err != nil {
		return report.Report{}, err
	}
	r, err := report.Judge(ctx, v, document, at)
	if err != nil {
		return r, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

func (o sealVerify) time(now time.Time) (time.Time, error) {
	if o.at == "" {
		return now, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, o.at); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--at: found %q, expected a time such as 2026-11-23T14:00:00Z or a date", o.at)
}

// readDocument reads no more than would be judged, and one byte to tell.
func readDocument(file string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, report.MaxFile+1))
}

func (o sealVerify) write(w io.Writer, r report.Report) error {
	if !o.json {
		return r.WriteTextIn(w, cmp.Or(o.lang, "en"))
	}
	b, err := r.JSON()
	if err != nil {
		return err
	}
	text := jsontext.Value(b)
	if err := text.Indent(jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
