package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/holder/unit"
)

func (f *walletFlags) collect() *cobra.Command {
	var copies int
	var patience time.Duration
	c := &cobra.Command{
		Use:     "collect SUPPLIER",
		Short:   "Ask a supplier for your data and take them into the vault",
		Example: "  zegel wallet collect led",
		Args:    cobra.ExactArgs(1),
		RunE: f.opened(func(ctx context.Context, out io.Writer, w *wallet, v *unit.Vault, args []string) error {
			o, err := w.ask(ctx, v, args[0])
			if err != nil {
				return err
			}
			for _, r := range o.Refused {
				fmt.Fprintf(out, "not issued: record %s (%s)\n", r.Record, r.Reason)
			}
			for _, p := range o.Pending {
				fmt.Fprintf(out, "comes later: record %s\n", p.Record)
			}
			if len(o.Accepted)+len(o.Pending) == 0 {
				if o.NoData {
					fmt.Fprintln(out, "The supplier says that it holds no data about you.")
				} else {
					fmt.Fprintln(out, "The supplier has records about you, but none of them can be sealed.")
				}
				return nil
			}
			return w.take(ctx, out, v, o.Link, issueFlags{txCode: o.TxCode, copies: copies, patience: patience, language: f.language})
		}),
	}
	c.Flags().IntVar(&copies, "copies", 4, "copies of each credential, for presentations that cannot be linked")
	patienceFlag(c, &patience)
	return c
}

// collected is the issuer's answer to a citizen who asked for data.
type collected struct {
	Link     string `json:"credential_offer_link"`
	TxCode   string `json:"tx_code"`
	Accepted []struct {
		Record string `json:"record"`
	} `json:"accepted"`
	Pending []struct {
		Record string `json:"record"`
	} `json:"pending"`
	Refused []struct {
		Record string `json:"record"`
		Reason string `json:"reason"`
	} `json:"refused"`
	NoData bool `json:"no_data"`
}

// ask signs in at the issuer with a vault handle and has the supplier asked.
func (w *wallet) ask(ctx context.Context, v *unit.Vault, supplier string) (collected, error) {
	var o collected
	if w.state.SignInAs == "" {
		return o, errors.New("collecting needs a browser: open " + w.state.Environment.Issuer + "/collect/" + url.PathEscape(supplier) + " from your vault's pages and give the link to `zegel wallet accept`")
	}
	handle, err := v.Platform.Handle(ctx, w.state.Environment.Issuer)
	if err != nil {
		return o, fmt.Errorf("getting a vault handle: %w", err)
	}
	address := w.state.Environment.Issuer + "/collect/" + url.PathEscape(supplier) + "?vault_handle=" + url.QueryEscape(handle)
	_, body, err := newBrowser(w.state.SignInAs, w.transport, w.tell).visit(ctx, address, "application/json", func(*url.URL) bool { return false })
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(body, &o)
}
