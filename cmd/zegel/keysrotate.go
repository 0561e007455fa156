package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// Uses of keys that can be rotated.
const (
	useSeal      = "seal"
	useMetadata  = "metadata"
	useStatus    = "status"
	useLists     = "provider-list"
	useRegistrar = "registrar"
)

func keysRotateCommand() *cobra.Command {
	var socket, tenant, use, to string
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Replace a key of a running server",
		Long: `Has the running server sign with another key from then on. No request fails
meanwhile.

  --use seal      the key that seals credentials. With --to ID one that is ready
                  or former (zegel keys list); without it a new one of the test
                  hierarchy. The former certificate stays in the list of
                  providers and is still served, so that what it sealed stays
                  valid.
  --use status    the key that signs status lists. The new certificate stands
                  in the list of providers before it signs; the former one
                  stays there for the lists that others keep.
  --use metadata  the key that signs the issuer's metadata. The former one is
                  dropped: what it signed holds for a day.
  --use provider-list
                  the key that signs the lists of trusted entities. The next
                  one is made long before; those who follow the lists must
                  know its certificate by then.
  --use registrar the key that signs the register of receivers, their
                  registration certificates, and evidence of results. The next
                  one is made long before; wallets must know it by then. The
                  former certificate stays for the evidence that it signed.
  --use history   the key that signs the public history of keys. For 90 days
                  the former one signs beside it, so that monitors learn of the
                  new one.`,
		Example: `  zegel keys rotate --socket /var/lib/zegel/admin.sock
  zegel keys rotate --use seal --to 9f86d081884c7d65
  zegel keys rotate --use status --tenant school`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out struct {
				Certificate string `json:"certificate"`
			}
			if all := []string{useSeal, useStatus, useMetadata, useLists, useRegistrar, useHistory}; !slices.Contains(all, use) {
				return fmt.Errorf("--use: found %q, expected one of %s", use, strings.Join(all, ", "))
			}
			if pinnedBy(use) != nil && tenant != "" {
				return fmt.Errorf("--tenant: the lists have one signer for all, and so has the register; leave it out with --use %s", use)
			}
			if to != "" && use != useSeal {
				return fmt.Errorf("--to: for --use %s only; the server makes the others itself", useSeal)
			}
			if use == useHistory {
				if err := admin(cmd.Context(), socket, "POST", "/keys/rotate-history", nil, &out); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "The history of keys is now signed by %s\n", out.Certificate)
				return nil
			}
			q := url.Values{"tenant": {tenant}, "use": {use}}
			if to != "" {
				q.Set("to", to)
			}
			if err := admin(cmd.Context(), socket, "POST", "/keys/rotate?"+q.Encode(), nil, &out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The %s certificate is now %s\n", use, out.Certificate)
			return nil
		},
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&tenant, "tenant", "", "the tenant whose key it is; empty for the issuer itself")
	c.Flags().StringVar(&use, "use", useSeal, "what the key is for: seal, status, metadata, provider-list, registrar or history")
	c.Flags().StringVar(&to, "to", "", "the key to seal with, as zegel keys list names it; empty makes one of the test hierarchy")
	return c
}

func keysRetireCommand() *cobra.Command {
	var socket, key string
	c := &cobra.Command{
		Use:   "retire",
		Short: "End a key that is no longer in use",
		Long: `Has the running server say in the list of providers that the service of a former
certificate is withdrawn from now on, and removes the private key where it is still
there. The certificate is served as before.

What the key sealed is taken by verifiers no longer, unless a time-stamp proves that
it is older. Retire a key when it may be known to somebody, or when everything that
it sealed has run out. It cannot be taken back.

A key in use is refused: rotate first. So is one of status lists while others may
keep lists that it signed. A request that waits, or a key that is ready, is removed.`,
		Example: "  zegel keys retire --key 9f86d081884c7d65 --socket /var/lib/zegel/admin.sock",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if key == "" {
				return errors.New("--key is missing: the ID or the fingerprint of a key, as `zegel keys list` shows it")
			}
			var out keyInfo
			if err := admin(cmd.Context(), socket, "POST", "/keys/retire?"+url.Values{"key": {key}}.Encode(), nil, &out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The %s key %s is retired.\n", out.Use, out.ID)
			return nil
		},
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&key, "key", "", "the ID or the fingerprint of the key (required)")
	return c
}

func (a *app) rotateKey(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	tenant, use, to := q.Value("tenant"), q.Value("use"), q.Value("to")
	var rotate func(context.Context, string) (*seal.Sealer, error)
	switch {
	case use == useSeal && to != "":
		rotate = func(ctx context.Context, tenant string) (*seal.Sealer, error) {
			return a.local.UseRing(ctx, tenant, to)
		}
	case to != "":
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "No choice of this key", Field: "to", Expected: "a key for use " + useSeal, Remedy: "Leave to out: the server makes the others itself."}
	case use == useSeal:
		rotate = a.local.RotateSeal
	case use == useStatus:
		rotate = a.local.RotateStatus
	case use == useMetadata:
		rotate = a.local.RotateMetadata
	case pinnedBy(use) != nil && tenant != "":
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "No key of a tenant", Field: "tenant", Detail: "The lists of trusted entities have one signer for all, and so has the register of receivers.", Remedy: "Leave tenant out."}
	case pinnedBy(use) != nil:
		rotate = func(ctx context.Context, _ string) (*seal.Sealer, error) {
			return a.local.RotatePinned(ctx, pinnedBy(use))
		}
	default:
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Unknown use of a key", Field: "use", Expected: "seal, status, metadata, provider-list or registrar"}
	}
	sealer, err := rotate(r.Context(), tenant)
	if err != nil {
		return rest.Answer{}, keyProblem(err)
	}
	a.log.Info("key rotated", "use", use, "certificate", sealer.ID(), "tenant", tenant)
	if err := a.logKeyChange(r.Context(), r.ID, strings.TrimSpace(use+" key "+tenant)); err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, map[string]string{"certificate": sealer.ID()}), nil
}

// keyProblem tells the operator what a change of keys was refused for.
func keyProblem(err error) error {
	switch {
	case errors.Is(err, errHalfRetired):
		return &rest.Problem{Status: http.StatusInternalServerError, Title: "Key is retired in part", Field: "key", Detail: err.Error(), Remedy: "Put right what the detail says and retire the key once more: it cannot be taken back.", Cause: err}
	case errors.Is(err, errElsewhere):
		return &rest.Problem{Status: http.StatusConflict, Title: "Key is elsewhere", Field: "use", Detail: "The seal key is in a hardware module or at a provider.", Remedy: "Make a key and have it certified there, name both under seal in the configuration, and use zegel signers replace.", Cause: err}
	case errors.Is(err, errAuthority):
		return &rest.Problem{Status: http.StatusConflict, Title: "Key of an authority", Field: "to", Detail: "The seal certificate in use is of an authority, and a new one of the test hierarchy would be trusted by nobody else.", Remedy: "Make a key with zegel keys request and zegel keys install, or zegel keys import, and name it with --to.", Cause: err}
	case errors.Is(err, devca.ErrWithdrawn):
		return &rest.Problem{Status: http.StatusConflict, Title: "Services are withdrawn", Detail: err.Error(), Cause: err}
	case errors.Is(err, devca.ErrOptions):
		return &rest.Problem{Status: http.StatusNotFound, Title: "No such tenant", Field: "tenant", Detail: "This server has no keys of that tenant.", Remedy: "Make them with zegel keys tenant and start the server anew."}
	case errors.Is(err, keyring.ErrNoKey):
		return &rest.Problem{Status: http.StatusNotFound, Title: "No such key", Field: "key", Detail: "That issuer has no key of this ID.", Remedy: "See zegel keys list.", Cause: err}
	case errors.Is(err, keyring.ErrState), errors.Is(err, keyring.ErrCertificate), errors.Is(err, keyring.ErrWeak), errors.Is(err, keyring.ErrFiles):
		// The operator asked, and the files are the operator's: the fault is told.
		return &rest.Problem{Status: http.StatusConflict, Title: "The key was not taken", Field: "key", Detail: err.Error(), Remedy: "Nothing was changed.", Cause: err}
	default:
		return err
	}
}

func (a *app) retireKey(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	key, err := a.local.Retire(r.Context(), q.Value("key"), a.listsKept)
	if err != nil {
		return rest.Answer{}, keyProblem(err)
	}
	a.log.Info("key retired", "use", key.Use, "key", key.ID, "tenant", key.Tenant)
	if err := a.logKeyChange(r.Context(), r.ID, strings.TrimSpace(key.Use+" key "+key.Tenant)+" retired"); err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, key), nil
}
