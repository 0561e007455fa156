package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
)

func demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole job on this machine, then keep serving",
		Long: `Runs issuer, vault platform and verifier in one process, with an embedded store,
local pods, software seal keys and a local list of providers, beside a
development identity provider and a development MAGDA platform. Nothing leaves
the machine.

A fictitious citizen activates a vault, collects her diplomas, and shares part
of one with an employer, who verifies it. Each step says what was really made.
Then everything keeps serving, so that you can go on with curl.

With --mongodb-uri-file and --mongodb-database a MongoDB database keeps the
records, with --solid a Community Solid Server keeps the pods, as with the
settings store and holder.pods of zegel serve. The Solid server reads the WebID
documents from here, so it must run on this machine.
Neither is cleared at the start, as --data is.`,
		Example: "  zegel demo --once\n  zegel demo --solid http://localhost:3055/",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o)
		},
	}
	c.Flags().BoolVar(&o.once, "once", false, "end after the steps: status 0 when all held")
	c.Flags().BoolVar(&o.trace, "trace", false, "show every HTTP message of wallet, browser and receiver")
	c.Flags().StringVar(&o.data, "data", "var/demo", "directory of the demonstration, cleared at each start")
	c.Flags().IntVar(&o.port, "port", 8081, "first of six ports on loopback; 0 takes free ones")
	c.Flags().StringVar(&o.store.URIFile, "mongodb-uri-file", "", "keep records in MongoDB: file with the connection string")
	c.Flags().StringVar(&o.store.Database, "mongodb-database", "", "database of --mongodb-uri-file")
	c.Flags().StringVar(&o.solid, "solid", "", "keep pods on the Solid server with this base URL")
	c.MarkFlagsRequiredTogether("mongodb-uri-file", "mongodb-database")
	return c
}

type demoOptions struct {
	once, trace bool
	data        string
	port        int
	// store is MongoDB when it names a file, or else the embedded store.
	store StoreConfig
	// solid is the base URL of a Solid server; empty keeps pods in data.
	solid string
}

func demo(ctx context.Context, out, errOut io.Writer, o demoOptions) error {
	level := slog.LevelWarn
	log := slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(log)
	env, err := openDemo(ctx, o, log, time.Now)
	if err != nil {
		return err
	}
	defer env.app.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- env.app.serve(ctx) }()
	story := &story{out: out, env: env, now: time.Now}
	if o.trace {
		story.transport = &tracer{out: out, next: http.DefaultTransport}
	}
	told := make(chan error, 1)
	go func() { told <- story.tell(ctx) }()
	select {
	case err := <-served:
		stop()
		<-told
		return errors.Join(errors.New("a server ended before the demonstration did"), err)
	case err = <-told:
	}
	if err != nil || o.once {
		stop()
		return errors.Join(err, <-served)
	}
	if err := story.leave(); err != nil {
		return err
	}
	return <-served
}

// story tells the main job step by step and stops at the first thing that does
// not hold.
type story struct {
	out       io.Writer
	env       *demoEnvironment
	now       func() time.Time
	transport http.RoundTripper
	step      int
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *story) begin(title string) {
	s.step++
	s.say("\n%d. %s", s.step, title)
}

func (s *story) report(r credential.Report) error {
	for _, c := range r {
		mark := map[credential.Outcome]string{credential.Passed: "ok", credential.Failed: "FAILED", credential.Skipped: "--"}[c.Outcome]
		s.say("     %-6s %-26s %s", mark, c.Name, c.Detail)
	}
	if !r.OK() {
		return errors.New("not every check holds")
	}
	return nil
}

func (s *story) tell(ctx context.Context) error {
	u := s.env.urls
	c := s.env.app.c
	s.say("Zegel demonstration. Everything runs in this process, on loopback, with fictitious people.")
	if c.Store.Kind == "mongodb" {
		s.say("But the records: they are kept in the MongoDB database %s.", c.Store.Database)
	}
	if c.Holder.Pods.Kind == "solid" {
		s.say("But the pods: they are kept by the Solid server %s.", c.Holder.Pods.URL)
	}
	s.say("issuer %s   vault platform %s   verifier %s", u["issuer"], u["holder"], u["verifier"])
	w := &wallet{home: filepath.Join(s.env.app.c.Data, "wallet"), now: s.now, transport: s.transport, tell: func(string) {}}
	w.state.SignInAs = "lotte"
	var err error
	if w.state.Environment, err = s.env.app.environment(); err != nil {
		return err
	}

	s.begin("Lotte signs in and asks for a personal data vault")
	info, err := w.create(ctx)
	if err != nil {
		return err
	}
	s.say("   WebID  %s\n   DID    %s\n   pod    %s", info.WebID, info.DID, info.Storage)
	s.say("   The link between WebID and DID, checked from outside:")
	link, err := did.VerifyLink(ctx, info.WebID, fetch.Typed{Fetcher: s.env.app.public}, did.InsecureLoopback())
	if err != nil {
		return err
	}
	if err := s.report(link.Checks); err != nil {
		return err
	}

	s.begin("She asks for her diplomas over OpenID4VCI: she signs in and agrees, the issuer asks LED through MAGDA, signed SOAP; four copies of each credential")
	v, err := w.vault(ctx)
	if err != nil {
		return err
	}
	w.tell = func(text string) { s.say("   %s", text) }
	if err := w.fetch(ctx, indent{s.out}, v, "led", "", issueFlags{clientID: defaultClientID, copies: 4, language: "en"}); err != nil {
		return err
	}
	credentials, err := s.credentials(ctx, v)
	if err != nil {
		return err
	}

	s.begin("What the pod holds: ciphertext under opaque names")
	if err := s.pod(ctx, v); err != nil {
		return err
	}

	s.begin("An employer asks for title and level of a diploma, and nothing else")
	first, err := s.present(ctx, w, credentials)
	if err != nil {
		return err
	}
	if err := s.verified(first); err != nil {
		return err
	}

	s.begin("The same records as mobile documents (ISO mdoc), over the same endpoints")
	if err := s.dressed(ctx, w, v, "led_diploma_mdoc", map[string]any{
		"format": credential.FormatMdoc, "meta": map[string]any{"doctype_value": demoDoctype},
		"claims": []any{map[string]any{"path": []string{demoDoctype, "title"}}, map[string]any{"path": []string{demoDoctype, "level"}}},
	}); err != nil {
		return err
	}

	s.begin("And as European Digital Credentials (W3C data model 2.0, European Learning Model), which are shown whole")
	if err := s.dressed(ctx, w, v, "led_diploma_elm", map[string]any{
		"format": credential.FormatJWT, "meta": map[string]any{"type_values": []any{[]string{demoELM}}},
		"claims": []any{map[string]any{"path": []string{"credentialSubject", "hasClaim", "title", "nl"}}},
	}); err != nil {
		return err
	}

	s.begin("And with Data Integrity proofs (ecdsa-sd-2023), of which she shows a part: the wallet derives a proof of what is asked")
	if err := s.dressed(ctx, w, v, "led_diploma_elm_ldp", map[string]any{
		"format": credential.FormatLDP, "meta": map[string]any{"type_values": []any{[]string{demoELM}}},
		"claims": []any{map[string]any{"path": []string{"credentialSubject", "hasClaim", "title", "nl"}}},
	}); err != nil {
		return err
	}

	s.begin("The issuer revokes; the next presentation does not verify")
	if err := s.revoke(ctx, w, v); err != nil {
		return err
	}

	s.begin("The use log: chained, signed, without a name or a number in it")
	r, err := s.env.app.uses.Verify()
	if err != nil {
		return err
	}
	if err := printReport(indent{s.out}, r); err != nil {
		return err
	}
	s.say("\nAll of it held.")
	return nil
}

// credentials shows what a credential looks like and returns the items.
func (s *story) credentials(ctx context.Context, v *unit.Vault) ([]unit.Item, error) {
	entries, err := v.Entries(ctx)
	if err != nil {
		return nil, err
	}
	var items []unit.Item
	for _, e := range entries {
		if e.Kind != unit.KindCredential {
			continue
		}
		it, _, err := v.Item(ctx, e.Name)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		return nil, errors.New("the vault is empty")
	}
	var text string
	if err := json.Unmarshal(items[0].Copies[0].Credential, &text); err != nil {
		return nil, err
	}
	sd, err := sdjwt.Parse(text)
	if err != nil {
		return nil, err
	}
	h := sd.Token().Header
	chain, err := h.Certificates()
	if err != nil {
		return nil, err
	}
	s.say("   One of them: %s, %d bytes, %d claims that can be shown one by one", h.Typ, len(text), len(sd.Disclosable()))
	s.say("   sealed by    %s", chain[0].Subject)
	s.say("   header       alg %s, x5t#S256 %s, x5u %s", h.Alg, h.X5TS256, h.X5U)
	return items, nil
}

func (s *story) pod(ctx context.Context, v *unit.Vault) error {
	names, err := v.Platform.Items(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		data, _, err := v.Platform.Item(ctx, name)
		if err != nil {
			return err
		}
		s.say("   %-40s %5d bytes  %.60s...", name, len(data), data)
	}
	return nil
}

// dressed has the records issued in another format too, and shows one.
func (s *story) dressed(ctx context.Context, w *wallet, v *unit.Vault, configuration string, query map[string]any) error {
	if err := w.fetch(ctx, indent{s.out}, v, "led", configuration, issueFlags{clientID: defaultClientID, copies: 2, language: "en"}); err != nil {
		return err
	}
	query["id"] = "diploma"
	t, err := s.asks(ctx, query)
	if err != nil {
		return err
	}
	r, err := s.share(ctx, w, t)
	if err != nil {
		return err
	}
	return s.verified(r)
}

// revoke has the issuing side revoke everything it offered to her, then
// presents once more.
func (s *story) revoke(ctx context.Context, w *wallet, v *unit.Vault) error {
	// An institution offers a credential of its own, so that there is one whose
	// identifier it knows.
	var o struct {
		OfferID string `json:"offer_id"`
		Link    string `json:"credential_offer_link"`
		TxCode  string `json:"tx_code"`
	}
	err := s.api(ctx, "POST", s.env.urls["issuer"]+"/issuance/v1/offers", s.env.schoolKey, map[string]any{
		"credential_configuration_id": "led_diploma", "supplier": "led", "subject": map[string]string{"insz": fixtures.WithDiplomas},
	}, &o)
	if err != nil {
		return err
	}
	entries, err := v.Entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Kind == unit.KindCredential {
			if err := v.Remove(ctx, e.Name); err != nil {
				return err
			}
		}
	}
	if err := w.take(ctx, io.Discard, v, o.Link, issueFlags{txCode: o.TxCode, copies: 1, language: "en"}); err != nil {
		return err
	}
	var st struct {
		Credentials []struct {
			ID string `json:"credential_id"`
		} `json:"credentials"`
	}
	if err := s.api(ctx, "GET", s.env.urls["issuer"]+"/issuance/v1/offers/"+o.OfferID, s.env.schoolKey, nil, &st); err != nil {
		return err
	}
	for _, c := range st.Credentials {
		if err := s.api(ctx, "POST", s.env.urls["issuer"]+"/issuance/v1/credentials/"+c.ID+"/revoke", s.env.schoolKey, nil, nil); err != nil {
			return err
		}
	}
	s.say("   %d credentials revoked over the issuance API; others may keep the status list for %s", len(st.Credentials), s.env.app.c.Issuer.StatusTTL)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.env.app.c.Issuer.statusTTL + time.Second):
	}
	t, err := s.ask(ctx)
	if err != nil {
		return err
	}
	if _, err := s.share(ctx, w, t); !errors.Is(err, unit.ErrRefused) {
		return fmt.Errorf("a revoked credential was offered: %w", err)
	}
	s.say("   Her wallet offers it to nobody any more. One that does not ask for the status would be found out:")
	if t, err = s.ask(ctx); err != nil {
		return err
	}
	w.blind = true
	defer func() { w.blind = false }()
	r, err := s.share(ctx, w, t)
	if err != nil {
		return err
	}
	for _, p := range r.Presentations {
		_ = s.report(p.Checks)
		if p.Claims != nil {
			return errors.New("a revoked credential's claims were handed over")
		}
	}
	if r.Verified {
		return errors.New("a revoked credential verified")
	}
	s.say("   verified: false, and no claims are handed over")
	return nil
}

// leave tells how to go on, people on the screen and scripts by a file.
func (s *story) leave() error {
	u, data := s.env.urls, s.env.app.c.Data
	s.say("\nStill serving; stop with Ctrl-C. In another terminal:")
	s.say("  export ISSUER=%s HOLDER=%s VERIFIER=%s", u["issuer"], u["holder"], u["verifier"])
	s.say("  export SCHOOL_KEY=%s", s.env.schoolKey)
	s.say("  export EMPLOYER_KEY=%s", s.env.employerKey)
	s.say("  export ZEGEL_SOCKET=%s ZEGEL_WALLET=%s", s.env.app.c.Socket, filepath.Join(data, "wallet"))
	s.say("  curl $ISSUER/.well-known/openid-credential-issuer")
	s.say("  go run ./cmd/zegel wallet list")
	s.say("The README goes on from here, for issuers, citizens and verifiers.")
	return writeNew(filepath.Join(data, "ready"), nil)
}

func compact(b json.RawMessage) string {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return string(b)
	}
	return out.String()
}

// indent moves lines in.
type indent struct{ w io.Writer }

// Write implements io.Writer.
func (i indent) Write(p []byte) (int, error) {
	text := "   " + strings.ReplaceAll(strings.TrimSuffix(string(p), "\n"), "\n", "\n   ") + "\n"
	if _, err := io.WriteString(i.w, text); err != nil {
		return 0, err
	}
	return len(p), nil
}
