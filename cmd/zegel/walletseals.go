package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/text/language"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/statement"
)

// held is what the wallet itself found of the seal on a credential.
type held struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Type  string `json:"type"`
	// Holds: the seal does, and Statement says what it is worth. Without, Text says
	// in each language what is wrong, and Fault names it.
	Holds     bool                 `json:"holds"`
	Statement *statement.Statement `json:"statement,omitempty"`
	Fault     string               `json:"fault,omitempty"`
	Texts     map[string]string    `json:"text"`
}

// judgement is that of all credentials in a vault, with who made it and when. It
// never is what a server said.
type judgement struct {
	JudgedBy string    `json:"judged_by"`
	At       time.Time `json:"judged_at"`
	// Lists: trusted lists were asked, which the wallet fetched and verified itself.
	Lists bool `json:"trusted_lists"`
	// ListsFault is why the lists are older than they should be; empty when not.
	ListsFault  string            `json:"trusted_lists_fault,omitempty"`
	Texts       map[string]string `json:"text"`
	Credentials []held            `json:"credentials"`
}

func (f *walletFlags) seals() *cobra.Command {
	var page string
	var asJSON bool
	c := &cobra.Command{
		Use: "seals [NAME]", Short: "Say who sealed the credentials in the vault, and what the seals are worth", Args: cobra.MaximumNArgs(1),
		Long: `Judges the seal on each credential in the vault, or on one, and says in a sentence
who sealed it, for which source by which law, and whether the seal is a qualified
one. The wallet judges by its own trust: where the platform follows the trusted
lists of the Union, the wallet fetches and verifies them itself.`,
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			j, err := w.judge(ctx, v, name)
			if err != nil {
				return err
			}
			switch {
			case page != "":
				b, err := j.page(f.language)
				if err != nil {
					return err
				}
				if err := writeOver(page, b); err != nil {
					return err
				}
				fmt.Fprintf(out, "Written to %s.\n", page)
				return nil
			case asJSON:
				return printJSON(out, j)
			default:
				j.print(out, f.language)
				return nil
			}
		}),
	}
	c.Flags().StringVar(&page, "page", "", "write a page in HTML to this file instead, in all languages")
	c.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	c.MarkFlagsMutuallyExclusive("page", "json")
	return c
}

// judge judges the credentials of a vault, or the one with a name.
func (w *wallet) judge(ctx context.Context, v *unit.Vault, name string) (judgement, error) {
	t, err := w.trusted(ctx)
	if err != nil {
		return judgement{}, err
	}
	issuance, err := w.issuance(t, 1, nil)
	if err != nil {
		return judgement{}, err
	}
	j := judgement{JudgedBy: "wallet", At: w.now().UTC().Truncate(time.Second)}
	lists, fault, err := w.trustedLists(ctx, t.store)
	if err != nil {
		return judgement{}, err
	}
	if lists != nil {
		issuance.Seals.Lists, j.Lists = lists.source, true
	}
	if fault != nil {
		j.ListsFault = statement.Clean(fault.Error())
	}
	j.Texts = sealWords.judged(j)
	entries, err := v.Entries(ctx)
	if err != nil {
		return judgement{}, err
	}
	for _, e := range entries {
		if e.Kind != unit.KindCredential || name != "" && e.Name != name {
			continue
		}
		it, _, err := v.Item(ctx, e.Name)
		if err != nil {
			return judgement{}, err
		}
		found, err := issuance.Sealed(ctx, it)
		if proven, ok := w.proven(ctx, t, issuance, v, it, found); ok {
			found, err = proven, nil
		}
		if ctx.Err() != nil {
			return judgement{}, ctx.Err()
		}
		j.Credentials = append(j.Credentials, heldOf(it, found, err, j.At))
	}
	if name != "" && len(j.Credentials) == 0 {
		return judgement{}, fmt.Errorf("there is no credential %s in the vault; see `zegel wallet list`", name)
	}
	return j, nil
}

// proven is what the evidence of a seal proves, where that is more than the seal
// without it is worth now: its certificate ran out, or its service was withdrawn.
func (w *wallet) proven(ctx context.Context, t trusted, issuance unit.Issuance, v *unit.Vault, it unit.Item, found seal.Validation) (seal.Validation, bool) {
	if !w.state.Environment.stamped() || found.Err() == nil && found.Qualification == seal.QESeal {
		return seal.Validation{}, false
	}
	text, _, err := v.Evidence(ctx, it.Name)
	if err != nil {
		return seal.Validation{}, false // there is none, or none that can be read
	}
	seals := *issuance.Seals
	seals.Revocation, issuance.Seals = w.revocation(t), &seals
	proven, err := issuance.Proven(ctx, it, text)
	if err != nil || proven.Err() != nil || found.Err() == nil && !worthMore(proven.Qualification, found.Qualification) {
		return seal.Validation{}, false
	}
	return proven, true
}

func worthMore(a, b seal.Qualification) bool {
	worths := []seal.Qualification{seal.NotApplicable, seal.AdESeal, seal.AdESealQC, seal.QESeal}
	return slices.Index(worths, a) > slices.Index(worths, b)
}

func heldOf(it unit.Item, found seal.Validation, fault error, at time.Time) held {
	h := held{Name: it.Name, Title: statement.Clean(it.Title), Type: statement.Clean(it.Type)}
	if fault == nil {
		if s, ok := statement.Of(found, at); ok {
			h.Holds, h.Statement, h.Texts = true, &s, s.Texts
			return h
		}
		fault = found.Err()
	}
	h.Texts = sealWords.fault()
	if fault != nil {
		h.Fault = statement.Clean(fault.Error())
	}
	return h
}

// print writes the sentences for a terminal. Every text is clean already.
func (j judgement) print(out io.Writer, asked string) {
	lang := sealLanguage(asked)
	if len(j.Credentials) == 0 {
		fmt.Fprintln(out, sealWords[lang].Empty)
		return
	}
	for _, h := range j.Credentials {
		fmt.Fprintf(out, "%s  %s\n  %s: %s\n", h.Name, h.Title, sealWords[lang].mark(h), h.Texts[lang])
		if h.Fault != "" {
			fmt.Fprintf(out, "  %s\n", h.Fault)
		}
	}
	fmt.Fprintln(out, j.Texts[lang])
	if j.ListsFault != "" {
		fmt.Fprintf(out, "%s\n", j.ListsFault)
	}
}

var sealMatcher = language.NewMatcher([]language.Tag{language.English, language.Dutch, language.French, language.German})

// sealLanguage is the one of the texts that fits what was asked for (BCP 47).
func sealLanguage(asked string) string {
	_, i := language.MatchStrings(sealMatcher, asked)
	return []string{"en", "nl", "fr", "de"}[i]
}
