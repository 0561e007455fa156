package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

// sealLift is what the command was asked.
type sealLift struct {
	level  string
	again  bool
	stamps []string
	config string
	trust  []string
	crls   []string
}

// liftLevels are the levels by the names of --level.
var liftLevels = map[string]seal.Level{"B-T": seal.BaselineT, "B-LT": seal.BaselineLT, "B-LTA": seal.BaselineLTA}

func sealLiftCommand() *cobra.Command {
	var o sealLift
	c := &cobra.Command{
		Use:   "lift FILE|- OUT|-",
		Short: "Add to a seal what lets it outlive its certificate",
		Long: `Adds time-stamps, certificates and revocation data to a sealed document, so that
the seal can be judged when its certificate has run out (JAdES B-T, B-LT, B-LTA).
Whoever holds the document may do that: no key is needed, and the time-stamp
authority learns nothing but a digest. FILE is what zegel seal verify reads: a
compact token, an SD-JWT VC, JAdES in JSON, or a file for Europass. OUT is a new
file, in the JSON form that FILE has.

What is in a vault need not be lifted: its wallet does so by itself. This is for
documents elsewhere, such as a file for Europass, which wants B-LTA.

  --timestamp URL    a time-stamp authority (RFC 3161); may be repeated, and they
                     are asked in order. Without, those of holder.timestamps in
                     the configuration.
  --trust FILE       as for zegel seal verify; authorities of time-stamps too
  --crl FILE         a revocation list to keep; what is not named is fetched from
                     the addresses in the certificates
  --config FILE      a configuration of zegel whose trust and authorities are used
  --level LEVEL      how far: B-T, B-LT or B-LTA
  --again            stamps evidence of B-LTA again, which must be done before the
                     last time-stamp can no longer be believed

The seal is judged before and after. Nothing is written unless it holds and has
the level that was asked for.

Exits with status 0 when OUT is written, 1 when the seal is not accepted, and 2
when something else kept it from being lifted.`,
		Example: `  zegel seal lift diploma.jsonld diploma-blta.jsonld --trust seal=authority.pem \
      --trust time-stamp=tsa.pem --timestamp https://tsa.example.org/
  zegel seal lift diploma.jwt evidence.json --config zegel.yaml
  zegel seal lift evidence.json evidence-2040.json --config zegel.yaml --again`,
		Args: func(cmd *cobra.Command, args []string) error {
			return notJudged(cmd, cobra.ExactArgs(2)(cmd, args))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := o.run(cmd.Context(), args[0], args[1], cmd.InOrStdin(), cmd.OutOrStdout(), time.Now)
			switch {
			case errors.Is(err, errNotAccepted):
				fmt.Fprintf(cmd.ErrOrStderr(), "zegel: %v: %s %s; see zegel seal verify\n", err, r.Indication, r.SubIndication)
				return sealNotAccepted
			case err != nil:
				return notJudged(cmd, err)
			}
			if args[1] != "-" {
				fmt.Fprintf(cmd.OutOrStdout(), "Written to %s: %s%s.\n", args[1], r.Level, until(r))
			}
			return nil
		},
	}
	c.SetFlagErrorFunc(notJudged)
	c.Flags().StringVar(&o.level, "level", "B-LTA", "how far to lift: B-T, B-LT or B-LTA")
	c.Flags().BoolVar(&o.again, "again", false, "stamp evidence of B-LTA again")
	c.Flags().StringArrayVar(&o.stamps, "timestamp", nil, "URL of a time-stamp authority; may be repeated")
	c.Flags().StringArrayVar(&o.trust, "trust", nil, "FILE, seal=FILE or time-stamp=FILE with certificates in PEM; may be repeated")
	c.Flags().StringArrayVar(&o.crls, "crl", nil, "FILE with a revocation list in PEM or DER; may be repeated")
	c.Flags().StringVar(&o.config, "config", "", "configuration whose trust and time-stamp authorities are used")
	return c
}

// errNotAccepted: the seal on the document does not hold as it is.
var errNotAccepted = errors.New("the seal is not accepted as it is")

func until(r report.Report) string {
	if r.StampBefore.IsZero() {
		return ""
	}
	return ", to be stamped again before " + r.StampBefore.UTC().Format(time.DateOnly)
}

// run lifts the seal on a file into another, and reports on what was written.
func (o sealLift) run(ctx context.Context, file, out string, stdin io.Reader, stdout io.Writer, now func() time.Time) (report.Report, error) {
	level, known := liftLevels[o.level]
	if !known {
		return report.Report{}, fmt.Errorf("--level: found %q, expected B-T, B-LT or B-LTA", o.level)
	}
	document, err := readDocument(file, stdin)
	if err != nil {
		return report.Report{}, err
	}
	l, err := o.lifter(ctx, now)
	if err != nil {
		return report.Report{}, err
	}
	defer l.client.Close()
	before, err := report.Judge(ctx, l.seals, document, now())
	if err != nil {
		return before, fmt.Errorf("%s: %w", file, err)
	}
	f, err := liftable(document)
	if err != nil || !before.Accepted {
		return before, errors.Join(errNotAccepted, err)
	}
	if err := l.lift(ctx, f, before, level, o.again); err != nil {
		return before, err
	}
	form := evidence.Flattened
	if f.General() {
		form = evidence.General
	}
	b, err := f.Marshal(form)
	if err != nil {
		return before, err
	}
	after, err := report.Judge(ctx, l.seals, b, now())
	switch {
	case err != nil:
		return after, err
	case !after.Accepted || !after.Level.Includes(level):
		return after, fmt.Errorf("what was made is %s %s of level %s, and is not written", after.Indication, after.SubIndication, after.Level)
	case o.again && !after.StampBefore.After(before.StampBefore):
		return after, fmt.Errorf("the certificates of the time-stamp authority run out no later than %s, which the evidence had already: nothing is written; name another authority", before.StampBefore.UTC().Format(time.DateOnly))
	}
	if out == "-" {
		_, err = fmt.Fprintf(stdout, "%s\n", b)
		return after, err
	}
	err = writeNew(out, append(b, '\n'))
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%s is there already; choose another OUT, or remove it first", out)
	}
	return after, err
}

// liftable is the evidence that a document is, or the first there is of it. A proof of
// the holder is left out: it is for one receiver.
func liftable(document []byte) (*evidence.File, error) {
	text := bytes.TrimSpace(document)
	if len(text) > 0 && text[0] == '{' {
		return evidence.Parse(text)
	}
	token, rest, _ := strings.Cut(string(text), "~")
	parts := strings.Split(rest, "~")
	return evidence.Lift(token, parts[:len(parts)-1]...) // after the last tilde is the proof, or nothing
}

// lifter is who judges and lifts.
type lifter struct {
	seals     *seal.Validator
	archivist *seal.Archivist
	client    *fetch.Client
}

func (o sealLift) lifter(ctx context.Context, now func() time.Time) (*lifter, error) {
	profile, more, authorities := ProfileProduction, o.trust, []tsp.Authority(nil)
	if o.config != "" {
		c, err := LoadConfig(o.config)
		if err != nil {
			return nil, err
		}
		profile = c.Profile
		if h := c.Holder; h != nil && h.TimeStamps != nil {
			if h.TimeStamps.Anchors != "" {
				more = append(slices.Clone(more), "time-stamp="+h.TimeStamps.Anchors)
			}
			for _, a := range h.TimeStamps.Authorities {
				authorities = append(authorities, tsp.Authority{URL: a.URL, Policy: a.policy})
			}
		}
	}
	if len(o.stamps) > 0 {
		authorities = nil
	}
	for _, text := range o.stamps {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
			return nil, fmt.Errorf("--timestamp: found %q, expected an https address (RFC 3161, Section 3.4)", text)
		}
		authorities = append(authorities, tsp.Authority{URL: text})
	}
	if len(authorities) == 0 {
		return nil, errors.New("--timestamp is missing: name a time-stamp authority, or a configuration with holder.timestamps")
	}
	v, err := sealVerify{config: o.config, trust: more}.validator(ctx, now())
	if err != nil {
		return nil, err
	}
	published, ok := v.Revocation.(trust.ValueSource)
	if !ok { // no configuration says where to ask
		published = (&RevocationConfig{}).source(trust.NewCRLs(fetch.Aged{Fetcher: revocationClient(profile, now)}, now), responderClient(profile, now), now)
	}
	named, err := o.named(v.Trust, now)
	if err != nil {
		return nil, err
	}
	lists := trust.Preferred{named, published}
	v.Revocation = lists
	client := fetch.Operator(fetch.Options{PlainLoopback: true, Timeout: 15 * time.Second, HeaderTimeout: 10 * time.Second, Now: now})
	stamper := &tsp.Client{HTTP: client, Trust: v.Trust, Random: rand.Reader, Now: now, Authorities: authorities}
	return &lifter{v, &seal.Archivist{Stamper: stamper, Lists: lists, Trust: v.Trust, Now: now}, client}, nil
}

// named are the lists of --crl, each of an authority that is trusted.
func (o sealLift) named(store *trust.Store, now func() time.Time) (*trust.CRLs, error) {
	out := trust.NewCRLs(nil, now)
	lists, err := readCRLs(o.crls)
	if err != nil {
		return nil, err
	}
	authorities := slices.Concat(store.Configured(trust.UseSeal), store.Configured(trust.UseTimeStamp))
	for i, list := range lists {
		if !slices.ContainsFunc(authorities, func(c *x509.Certificate) bool { return out.Add(list, c) == nil }) {
			return nil, fmt.Errorf("--crl: %s is of none of the authorities that are trusted", o.crls[i])
		}
	}
	return out, nil
}

// lift adds what is missing.
func (l *lifter) lift(ctx context.Context, f *evidence.File, have report.Report, level seal.Level, again bool) error {
	switch {
	case again && !have.Level.Includes(seal.BaselineLTA):
		return fmt.Errorf("--again: the evidence is %s, and only evidence of B-LTA is stamped again; leave it out", have.Level)
	case again:
		return l.archivist.Renew(ctx, f)
	case have.Level.Includes(level):
		return fmt.Errorf("the evidence is %s already%s; --again stamps evidence of B-LTA again", have.Level, until(have))
	}
	return l.archivist.Lift(ctx, f, level)
}
