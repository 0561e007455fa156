package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/trust"
)

// adminHandler is what the commands `audit`, `keys`, `trust` and `wallet` ask of a
// running server. Nothing here reads or changes a vault: that is its
// citizen's alone.
func (a *app) adminHandler() http.Handler {
	e := rest.New(rest.Options{Log: a.log, Now: a.now})
	e.Mount(
		rest.Route{Method: "GET", Path: "/audit/verify", Handler: a.auditVerify, Spec: "admin", Timeout: 10 * time.Minute},
		rest.Route{Method: "GET", Path: "/audit/entries", Handler: a.auditEntries, Spec: "admin", Timeout: 10 * time.Minute},
		rest.Route{Method: "POST", Path: "/audit/checkpoint", Handler: a.auditCheckpoint, Spec: "admin"},
		rest.Route{Method: "POST", Path: "/audit/purge", Handler: a.auditPurge, Spec: "admin", Timeout: 10 * time.Minute},
		rest.Route{Method: "GET", Path: "/keys", Handler: a.listKeys, Spec: "admin"},
		rest.Route{Method: "POST", Path: "/keys/changed", Handler: a.keysChanged, Spec: "admin"},
		rest.Route{Method: "POST", Path: "/keys/rotate", Handler: a.rotateKey, Spec: "admin"},
		rest.Route{Method: "POST", Path: "/keys/retire", Handler: a.retireKey, Spec: "admin"},
		rest.Route{Method: "POST", Path: "/keys/rotate-history", Handler: a.rotateHistoryKey, Spec: "admin"},
		rest.Route{Method: "POST", Path: "/receivers/reload", Handler: a.receiversReload, Spec: "admin"},
		rest.Route{Method: "GET", Path: "/vaults/due", Handler: a.vaultsDue, Spec: "admin"},
		rest.Route{Method: "GET", Path: "/wallet/environment", Handler: a.walletEnvironment, Spec: "admin"},
	)
	e.Mount(a.trustRoutes()...)
	e.Mount(a.entityRoutes()...)
	e.Mount(a.sealRoutes()...)
	return e
}

func (a *app) auditVerify(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query("known")
	if err != nil {
		return rest.Answer{}, err
	}
	report, err := a.uses.Verify(q.All("known")...)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, report), nil
}

func (a *app) auditEntries(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query("kind")
	if err != nil {
		return rest.Answer{}, err
	}
	var f audit.Filter
	for _, k := range q.All("kind") {
		f.Kinds = append(f.Kinds, audit.Kind(k))
	}
	f.Organisation = q.Value("organisation")
	entries := a.uses.List(f)
	switch q.Value("format") {
	case "", "json":
		return rest.Stream("application/jsonl", func(w io.Writer) error { return audit.ExportJSON(w, entries) }), nil
	case "syslog":
		return rest.Stream("text/plain", func(w io.Writer) error {
			return audit.ExportSyslog(w, entries, audit.Syslog{Hostname: hostOf(a.firstURL())})
		}), nil
	default:
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Unknown format", Field: "format", Expected: "json or syslog"}
	}
}

func (a *app) auditCheckpoint(*rest.Request) (rest.Answer, error) {
	if err := a.uses.Checkpoint(); err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "text/plain", []byte(a.uses.Latest()+"\n")), nil
}

func (a *app) auditPurge(r *rest.Request) (rest.Answer, error) {
	purged, err := a.uses.Purge(r.Context())
	if err != nil {
		return rest.Answer{}, err
	}
	if purged == nil {
		purged = []audit.Purged{}
	}
	return rest.JSON(http.StatusOK, purged), nil
}

func (a *app) receiversReload(r *rest.Request) (rest.Answer, error) {
	if a.reloadReceivers == nil {
		return rest.Answer{}, &rest.Problem{Status: http.StatusConflict, Title: "No verifier", Detail: "This server does not run the verifier."}
	}
	if err := a.reloadReceivers(r.Context()); err != nil {
		// The operator asked, and the file is the operator's: the fault is told.
		return rest.Answer{}, &rest.Problem{Status: http.StatusUnprocessableEntity, Title: "The register was not taken", Detail: err.Error(), Remedy: "The one before stays in use.", Cause: err}
	}
	return rest.NoContent(), nil
}

// environment is what a wallet on this machine has to know of the platform:
// addresses, and whom to trust.
type environment struct {
	Holder   string `json:"holder"`
	Issuer   string `json:"issuer"`
	Verifier string `json:"verifier"`
	// HandlesFor are the issuers that the vault platform gives handles for.
	HandlesFor []string `json:"handles_for"`
	// Suppliers that can be asked, with the credential configuration of their
	// records.
	Suppliers map[string]string `json:"suppliers"`
	// SealAnchors and ListAnchors are PEM certificates: of the authority of seals,
	// and of the signer of the list of providers.
	SealAnchors  string `json:"seal_anchors"`
	ListAnchors  string `json:"list_anchors"`
	ProviderList string `json:"provider_list"`
	// AccessList is the list of those who issue access certificates to receivers.
	// Without it, AccessAnchors are their PEM certificates.
	AccessList    *walletEntities `json:"access_list,omitempty"`
	AccessAnchors string          `json:"access_anchors,omitempty"`
	CRLs          []crl           `json:"crls"`
	// Registrar signs registration certificates and the register of receivers;
	// NextRegistrar takes over from it. An environment of before has none.
	Registrar     jose.JWK  `json:"registrar"`
	NextRegistrar *jose.JWK `json:"next_registrar,omitempty"`
	Receivers     string    `json:"receivers"`
	// StampAnchors are roots of time-stamp authorities; empty when there are none.
	StampAnchors string `json:"stamp_anchors,omitempty"`
	// ListedStamps: the platform's time-stamp authorities are services of the trusted
	// lists, so that these are their anchors.
	ListedStamps bool `json:"listed_stamps,omitempty"`
	// Revocation is how the platform's verifier asks about certificates, for the wallet
	// to ask likewise; nil for revocation lists alone.
	Revocation *walletRevocation `json:"revocation,omitempty"`
	// TrustedLists are those of the Union, for the wallet to fetch and verify itself;
	// nil for a platform that asks none.
	TrustedLists *walletLists `json:"trusted_lists,omitempty"`
	// Development lets addresses be plain http on loopback.
	Development bool `json:"development"`
}

type crl struct {
	URL    string `json:"url"`
	Issuer string `json:"issuer"` // PEM
}

func (a *app) walletEnvironment(*rest.Request) (rest.Answer, error) {
	e, err := a.environment()
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, e), nil
}

func (a *app) environment() (environment, error) {
	var e environment
	if a.c.Holder == nil || a.c.Issuer == nil || a.c.Verifier == nil {
		return e, &rest.Problem{Status: http.StatusConflict, Title: "Not all roles", Detail: "This server does not run issuer, holder and verifier.", Remedy: "Give the wallet a file with --environment instead."}
	}
	anchors := a.local.Anchors()
	pem := func(use trust.Use) string { return string(trust.EncodePEM(anchors[use]...)) }
	e = environment{
		Holder: a.c.Holder.URL, Issuer: a.c.Issuer.URL, Verifier: a.c.Verifier.URL,
		SealAnchors: pem(trust.UseSeal), ListAnchors: pem(trust.UseListSigner),
		AccessList:   &walletEntities{Location: a.c.Issuer.URL + "/trust/access-providers.jwt", Certificates: pem(trust.UseListSigner)},
		ProviderList: a.c.Issuer.URL + "/trust/pub-eaa.jwt", Receivers: a.c.Verifier.URL + "/receivers.jwt",
		Development: a.c.Profile == ProfileDevelopment,
		CRLs: []crl{
			{URL: a.c.Issuer.URL + "/crl/" + sealCRL, Issuer: string(trust.EncodePEM(a.local.hierarchy.SealCA.Certificate))},
			{URL: a.c.Issuer.URL + "/crl/" + accessCRL, Issuer: string(trust.EncodePEM(a.local.hierarchy.AccessCA.Certificate))},
		},
	}
	e.Suppliers = a.c.Issuer.collectable()
	for _, i := range a.c.Holder.Issuers {
		e.HandlesFor = append(e.HandlesFor, i.URL)
	}
	var err error
	if e.StampAnchors, err = a.c.Holder.stampAnchors(); err != nil {
		return e, err
	}
	e.ListedStamps = a.c.Holder.TimeStamps != nil && a.c.Holder.TimeStamps.Anchors == ""
	if e.Revocation, err = a.c.Verifier.Trust.Revocation.forWallets(); err != nil {
		return e, err
	}
	if e.TrustedLists, err = a.c.Verifier.Trust.Lists.forWallets(); err != nil {
		return e, err
	}
	registrar, next := a.local.Registrars()
	if e.Registrar, err = jose.PublicJWK(registrar.Key.Public()); err != nil {
		return e, fmt.Errorf("registrar: %w", err)
	}
	after, err := jose.PublicJWK(next.Key.Public())
	if err != nil {
		return e, fmt.Errorf("next registrar: %w", err)
	}
	e.NextRegistrar = &after
	return e, nil
}

func (a *app) firstURL() string {
	switch {
	case a.c.Issuer != nil:
		return a.c.Issuer.URL
	case a.c.Holder != nil:
		return a.c.Holder.URL
	case a.c.Verifier != nil:
		return a.c.Verifier.URL
	default:
		return a.c.VCAPI.URL
	}
}
