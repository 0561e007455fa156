package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/lote"
)

func entitiesCommand() *cobra.Command {
	c := &cobra.Command{Use: "entities", Short: "Show, fetch, explain and change lists of trusted entities (ETSI TS 119 602)"}
	c.AddCommand(entitiesShowCommand(), entitiesFetchCommand(), entitiesExplainCommand(), entitiesChangeCommand("withdraw"), entitiesChangeCommand("notify"))
	return c
}

func entitiesShowCommand() *cobra.Command {
	var from trustFrom
	var asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the lists of trusted entities that the running server follows and publishes",
		Long: `Shows each list with its number, its next update, and its entities with their
services: what they are, since when, and what they were before. A list that could
not be had says why; the last good one is used until its next update.

With --config it needs no server and shows what an installation has kept and what
its keys publish.

Exits with status 0, and with 2 when nothing was asked, such as without a server.`,
		Args: notAskedArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lists, err := from.entityLists(cmd)
			if err == nil {
				err = showEntities(cmd.OutOrStdout(), lists, asJSON)
			}
			return notAsked(cmd, err)
		},
	}
	c.SetFlagErrorFunc(notAsked)
	from.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

func (f trustFrom) entityLists(cmd *cobra.Command) (lists []entityList, err error) {
	if f.config == "" {
		return lists, admin(cmd.Context(), f.socket, "GET", "/trust/entities", nil, &lists)
	}
	e, err := f.keptEntities(cmd)
	if err != nil {
		return nil, err
	}
	return e.lists()
}

// keptEntities are the lists of a configuration: those that were kept, and those of
// its own hierarchy.
func (f trustFrom) keptEntities(cmd *cobra.Command) (entityTrust, error) {
	c, err := LoadConfig(f.config)
	if err != nil {
		return entityTrust{}, err
	}
	e := entityTrust{now: time.Now}
	if c.Verifier != nil && c.Verifier.Trust.PubEAAList != "" {
		store, err := c.Verifier.Trust.listStore(nil)
		if err != nil {
			return e, fmt.Errorf("verifier.trust: %w", err)
		}
		log := faultLogger(cmd)
		source, err := lote.NewSource(cmd.Context(), lote.Config{
			Location: c.Verifier.Trust.PubEAAList, Profile: trust.PubEAAProviders, Store: store, Fetcher: noFetcher{}, Keeper: readOnly{entityLists(entityListsDir(c))},
			Report: func(err error) { log.Warn("list of trusted entities", "error", err) },
		})
		if err != nil {
			return e, err
		}
		e.sources = append(e.sources, source)
	}
	if c.Issuer != nil {
		h, err := loadHierarchy(c.Keys)
		if err != nil {
			return e, err
		}
		if e.local, err = h.Store(time.Now()); err != nil {
			return e, err
		}
		e.issuer = c.Issuer.URL
	}
	if e.sources == nil && e.local == nil {
		return e, fmt.Errorf("%s: the configuration neither follows nor publishes a list of trusted entities; name one in verifier.trust.pub_eaa_list", f.config)
	}
	return e, nil
}

// FetchUnless implements lote.Fetcher.
func (noFetcher) FetchUnless(context.Context, string, string, string) ([]byte, string, time.Duration, error) {
	return nil, "", 0, errors.New("nothing is fetched without a server")
}

func showEntities(w io.Writer, lists []entityList, asJSON bool) error {
	if asJSON {
		return printJSON(w, lists)
	}
	if len(lists) == 0 {
		fmt.Fprintln(w, "This server neither follows nor publishes a list of trusted entities.")
	}
	for _, l := range lists {
		printEntities(w, l)
	}
	return nil
}

func printEntities(w io.Writer, l entityList) {
	fmt.Fprintf(w, "%s: ", l.Lists)
	switch {
	case l.Sequence == 0:
		fmt.Fprint(w, "none yet")
	default:
		fmt.Fprintf(w, "number %d of %s, %s, next update %s", l.Sequence, printable(l.Operator), printable(l.Territory), l.NextUpdate.Format(time.RFC3339))
	}
	if l.Expired {
		fmt.Fprint(w, ", EXPIRED")
	}
	switch {
	case l.Published:
		fmt.Fprint(w, ", published here")
	case l.Sequence > 0 && l.Fetched.IsZero():
		fmt.Fprint(w, ", kept from before the start")
	}
	fmt.Fprintln(w)
	if l.Address != "" {
		fmt.Fprintf(w, "    %s\n", printable(l.Address))
	}
	if l.Error != "" {
		fmt.Fprintf(w, "    %s\n", printable(l.Error))
	}
	for _, e := range l.Entities {
		fmt.Fprintf(w, "  %s", printable(e.Name))
		if len(e.Names) > 0 {
			fmt.Fprintf(w, " (%s)", printable(strings.Join(e.Names, ", ")))
		}
		fmt.Fprintln(w)
		for _, s := range e.Services {
			fmt.Fprintf(w, "    %s, %s", shortService(s.Type), standingWord(s.Status, s.Since))
			for _, former := range s.Former {
				fmt.Fprintf(w, ", before that %s", standingWord(former.Status, former.Since))
			}
			fmt.Fprintf(w, ": certificate %s\n", printable(strings.Join(s.Certificates, ", ")))
		}
	}
}

// shortService is the end of a type, such as PubEAA/Issuance.
func shortService(t string) string {
	_, short, found := strings.Cut(t, "SvcType/")
	if !found {
		short = t
	}
	return printable(short)
}

func standingWord(status string, since time.Time) string {
	if status == "" {
		return "listed"
	}
	return printable(status[strings.LastIndexByte(status, '/')+1:]) + " since " + since.UTC().Format(time.RFC3339)
}

func entitiesFetchCommand() *cobra.Command {
	var signers, territory string
	var asJSON bool
	c := &cobra.Command{
		Use:   "fetch URL --signer FILE",
		Short: "Fetch a list of trusted entities from anywhere and verify it",
		Long: `Fetches a list of PuB-EAA providers (ETSI TS 119 602, Annex H) or of providers of
access certificates (Annex F), verifies it against the certificates that may sign
it, and shows its entities. Which of both it is stands in the list. URL may be a
file, too. Nothing is kept, and no server is asked or changed.

--territory asks for a list of another territory than EU, such as BE.

Exits with status 0 when the list is good, 1 when it is not acceptable, and 2 when
it could not be had.`,
		Example: "  zegel trust entities fetch https://lists.example.org/pub-eaa.jwt --signer list-signer.pem",
		Args:    notAskedArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			compact, err := fetchEntityList(cmd.Context(), args[0])
			if err != nil {
				return notAsked(cmd, err)
			}
			certs, err := readCertificates(signers)
			if err != nil {
				return notAsked(cmd, fmt.Errorf("--signer: %w", err))
			}
			l, err := verifyEntityList(compact, trust.Anchors{trust.UseListSigner: certs}, territory)
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "zegel:", err)
				return exitStatus(1)
			}
			list, err := entityListOf(l, time.Now())
			if err != nil {
				return notAsked(cmd, err)
			}
			list.Address, list.Fetched = args[0], time.Now()
			return notAsked(cmd, showEntities(cmd.OutOrStdout(), []entityList{list}, asJSON))
		},
	}
	c.SetFlagErrorFunc(notAsked)
	c.Flags().StringVar(&signers, "signer", "", "PEM file with the certificates that may sign the list; required")
	c.Flags().StringVar(&territory, "territory", "", "territory of the list; EU if left out")
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

func fetchEntityList(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err == nil && u.Host != "" {
		client := entityClient(ProfileDevelopment, time.Now) // plain http to this machine only
		defer client.Close()
		doc, err := client.Fetch(ctx, address, lote.MediaType+", */*;q=0.1")
		return string(doc.Body), err
	}
	f, err := os.Open(address)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, trust.MaxList+1))
	return string(b), err
}

// verifyEntityList verifies a list against the profile of the type that it has.
func verifyEntityList(compact string, signers trust.Anchors, territory string) (*trust.List, error) {
	store, err := trust.NewStore(signers, 0)
	if err != nil {
		return nil, err
	}
	d, err := trust.ReadList(compact)
	if err != nil {
		return nil, err
	}
	p, known := trust.ProfileOf(d.LoTE.Scheme.Type)
	if !known {
		return nil, fmt.Errorf("LoTEType is %q, expected %q or %q", printable(d.LoTE.Scheme.Type), trust.PubEAAListType, trust.AccessListType)
	}
	if territory != "" {
		p.Territory = territory
	}
	return store.Verify(compact, p, time.Now())
}

func entitiesExplainCommand() *cobra.Command {
	var from trustFrom
	var at string
	var asJSON bool
	c := &cobra.Command{
		Use:   explainName + " CERT",
		Short: "Explain how a certificate stands in the lists of trusted entities",
		Long: `Reads a PEM file with a certificate, and its issuers after it where the listed
authority did not issue it itself, and says under which entry and service it
stands in the lists that the server follows and publishes, with which status since
when, and what that means now and at the time of --at. Whether the certificate is
valid or revoked is another question.

With --config it needs no server and asks the lists of an installation.

Exits with status 0 when it may be relied on at that time, 1 when it may not, 2
when no list holds it, and 3 when nothing was asked, such as without a server.`,
		Example: "  zegel trust entities explain seal.pem --at 2026-11-25T12:00:00Z",
		Args:    notAskedArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			standings, err := from.standings(cmd, args[0], at)
			switch {
			case err != nil:
			case asJSON:
				err = printJSON(cmd.OutOrStdout(), standings)
			default:
				printStandings(cmd.OutOrStdout(), standings, at != "")
			}
			if err != nil {
				return notAsked(cmd, err)
			}
			if len(standings) == 0 {
				return exitStatus(2)
			}
			for _, s := range standings {
				if s.At.Granted {
					return nil
				}
			}
			return exitStatus(1)
		},
	}
	c.SetFlagErrorFunc(notAsked)
	from.flags(c)
	c.Flags().StringVar(&at, "at", "", "time that is asked about, such as 2026-11-25T12:00:00Z; now if left out")
	c.Flags().BoolVar(&asJSON, "json", false, "answer in JSON")
	return c
}

func (f trustFrom) standings(cmd *cobra.Command, file, at string) (out []entityStanding, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	chain, err := trust.ParsePEM(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var then time.Time
	if at != "" {
		if then, err = time.Parse(time.RFC3339, at); err != nil {
			return nil, fmt.Errorf("--at: found %q, expected a time such as 2026-11-25T12:00:00Z (RFC 3339)", at)
		}
	}
	if f.config == "" {
		path := "/trust/entities/explain"
		if at != "" {
			path += "?at=" + url.QueryEscape(then.Format(time.RFC3339))
		}
		return out, admin(cmd.Context(), f.socket, "POST", path, explainRequest{Chain: string(trust.EncodePEM(chain...))}, &out)
	}
	e, err := f.keptEntities(cmd)
	if err != nil {
		return nil, err
	}
	return e.explain(chain, then)
}

func printStandings(w io.Writer, standings []entityStanding, then bool) {
	if len(standings) == 0 {
		fmt.Fprintln(w, "No list of trusted entities holds the certificate, or an authority that issued it.")
	}
	for _, s := range standings {
		fmt.Fprintf(w, "List of %s, number %d", s.Lists, s.Sequence)
		if s.Expired {
			fmt.Fprint(w, ", EXPIRED")
		}
		fmt.Fprintln(w)
		fmt.Fprintf(w, "  Entity: %s", printable(s.Entity))
		if len(s.Registrations) > 0 {
			fmt.Fprintf(w, " (%s)", printable(strings.Join(s.Registrations, ", ")))
		}
		if s.Country != "" {
			fmt.Fprintf(w, ", of %s", s.Country)
		}
		fmt.Fprintln(w)
		how := "it issued the certificate"
		if s.Direct {
			how = "the list holds the certificate itself"
		}
		fmt.Fprintf(w, "  Service: %s, %s; %s\n", printable(s.Service), shortService(s.Type), how)
		means := "anchors nothing"
		if s.Use != "" {
			means = "trusted for the use " + s.Use
		}
		moments := []moment{s.Now}
		if then {
			moments = append(moments, s.At)
		}
		for i, m := range moments {
			when := "Now"
			if i > 0 {
				when = "At " + m.Time.UTC().Format(time.RFC3339)
			}
			if !m.Granted {
				fmt.Fprintf(w, "  %s: not to be relied on: %s\n", when, printable(m.Reason))
				continue
			}
			fmt.Fprintf(w, "  %s: %s", when, standingWord(m.Status, m.Since))
			if !m.Until.IsZero() {
				fmt.Fprintf(w, " until %s", m.Until.UTC().Format(time.RFC3339))
			}
			fmt.Fprintf(w, "; %s\n", means)
		}
	}
}

func entitiesChangeCommand(word string) *cobra.Command {
	var socket, file string
	var in serviceChange
	texts := map[string]struct{ short, long string }{
		"withdraw": {"Withdraw services of a public body in the published list of providers", `Signs and publishes a list in which services of the issuer, or of a tenant, are
withdrawn from now on. What was sealed before stays as it was, where its time is
proven; what is sealed after, or has no such proof, is refused by everybody who
follows the list, within an hour or so. To replace a key that was lost, first
rotate it, then withdraw its certificate with --certificate: a body that has no
notified certificate gets no new one.`},
		"notify": {"Notify withdrawn services of a public body again", `Signs and publishes a list in which withdrawn services of the issuer, or of a
tenant, are notified again from now on. What was sealed meanwhile stays refused.`},
	}[word]
	c := &cobra.Command{
		Use: word, Short: texts.short, Long: texts.long + "\n\nThe use log records it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file != "" {
				b, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				certs, err := trust.ParsePEM(b)
				if err != nil || len(certs) != 1 {
					return fmt.Errorf("--certificate: %s must hold one certificate in PEM", file)
				}
				in.Certificate = string(trust.EncodePEM(certs[0]))
			}
			var changed []changedService
			if err := admin(cmd.Context(), socket, "POST", "/trust/entities/"+word, in, &changed); err != nil {
				return err
			}
			done := map[string]string{"withdraw": "withdrawn", "notify": "notified"}[word]
			for _, s := range changed {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, certificate %s\n", done, shortService(s.Type), printable(s.Certificate))
			}
			return nil
		},
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&in.Tenant, "tenant", "", "tenant whose services these are; the issuer itself if left out")
	c.Flags().StringVar(&in.Service, "service", "issuance", "services: issuance, revocation or all")
	c.Flags().StringVar(&file, "certificate", "", "PEM file with the certificate of the one service")
	return c
}
