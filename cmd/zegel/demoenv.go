package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/devidp"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/provider/magda/magdadev"
	"github.com/zegel-id/zegel/internal/provider/magda/wssecurity"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/rest"
	issuerapi "github.com/zegel-id/zegel/issuer/api"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
	verifierapi "github.com/zegel-id/zegel/verifier/api"
)

//go:embed demo/receivers.yaml
var demoReceivers string

// demoCitizens are fictitious; their numbers have months from 61 to 72.
var demoCitizens = []devidp.Citizen{
	{ID: "lotte", GivenName: "Lotte", FamilyName: "Test", RRN: fixtures.WithDiplomas},
	{ID: "noor", GivenName: "Noor", FamilyName: "Test", RRN: fixtures.WithTraps},
	{ID: "yara", GivenName: "Yara", FamilyName: "Test", RRN: fixtures.WithPromise},
	{ID: "wout", GivenName: "Wout", FamilyName: "Test", RRN: fixtures.WithoutData},
}

// environmentOf a demonstration: everything on loopback, in one process.
type demoEnvironment struct {
	app  *app
	urls map[string]string
	// keys of institutions, shown so that a reader can go on with curl.
	schoolKey, employerKey, shopKey string
	stamps                          *devtsa.Authority
}

// demoMarker tells a directory that a demonstration made and may clear.
const demoMarker = ".zegel-demo"

// demoServers are the servers of a demonstration, in the order of their ports.
var demoServers = []string{"issuer", "holder", "verifier", "identity provider", "magda", "time-stamp authority"}

// openDemo prepares data, keys and configuration and builds every role and
// stand-in. Port 0 takes free ports.
func openDemo(ctx context.Context, o demoOptions, log *slog.Logger, now func() time.Time) (*demoEnvironment, error) {
	if err := clearDemo(o.data); err != nil {
		return nil, err
	}
	listeners, urls, err := demoListeners(o.port)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*demoEnvironment, error) {
		for _, l := range listeners {
			l.Close()
		}
		return nil, err
	}
	d := &demoEnvironment{urls: urls}
	c, err := d.configure(o, now)
	if err != nil {
		return fail(err)
	}
	if d.app, err = open(ctx, c, log, now); err != nil {
		return fail(err)
	}
	if err = d.app.roles(ctx); err == nil {
		err = d.standIns(o.data, now)
	}
	if err != nil {
		return fail(errors.Join(err, d.app.Close()))
	}
	for i := range d.app.servers {
		s := &d.app.servers[i]
		s.listener = listeners[s.name]
	}
	return d, d.describe(o.data)
}

// describe leaves addresses and keys in a file, for scripts that go on from
// the demonstration.
func (d *demoEnvironment) describe(data string) error {
	b, err := json.MarshalIndent(map[string]string{
		"issuer": d.urls["issuer"], "holder": d.urls["holder"], "verifier": d.urls["verifier"],
		"school_key": d.schoolKey, "employer_key": d.employerKey, "suspended_shop_key": d.shopKey,
		"socket": d.app.c.Socket, "citizen_with_diplomas": fixtures.WithDiplomas,
	}, "", "  ")
	if err != nil {
		return err
	}
	return writeNew(filepath.Join(data, "demo.json"), append(b, '\n'))
}

func clearDemo(data string) error {
	entries, err := os.ReadDir(data)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		err = nil
	} else if err == nil {
		if _, marked := os.Stat(filepath.Join(data, demoMarker)); marked != nil {
			return fmt.Errorf("%s is not empty and no demonstration made it; choose another --data", data)
		}
		if _, running := rest.UnixClient(filepath.Join(data, "admin.sock")).Get("http://admin/health/live"); running == nil {
			return fmt.Errorf("a demonstration runs in %s already; stop it or choose another --data", data)
		}
		err = os.RemoveAll(data)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, demoMarker), nil, 0o600)
}

func demoListeners(port int) (map[string]net.Listener, map[string]string, error) {
	listeners, urls := map[string]net.Listener{}, map[string]string{}
	for i, name := range demoServers {
		address := "127.0.0.1:0"
		if port > 0 {
			address = fmt.Sprintf("127.0.0.1:%d", port+i)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil, nil, fmt.Errorf("%s: %w; choose other ports with --port", name, err)
		}
		listeners[name] = l
		urls[name] = fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	}
	return listeners, urls, nil
}

// configure writes the files a configuration names and makes the
// configuration.
func (d *demoEnvironment) configure(o demoOptions, now func() time.Time) (*Config, error) {
	data := o.data
	keys := filepath.Join(data, "keys")
	if err := initKeys(keys, devca.Options{Now: now(), Issuer: d.urls["issuer"]}); err != nil {
		return nil, err
	}
	file := func(name string, content []byte) (string, error) {
		path := filepath.Join(data, name)
		return path, writeNew(path, content)
	}
	register, err := file("suppliers.yaml", fixtures.Register())
	if err != nil {
		return nil, err
	}
	// The development supplier promises a record, which the real one does not.
	led, err := file("led.yaml", bytes.Replace(mapping.LEDDeclaration(), []byte("\nrefuse:\n"), []byte("\n"+fixtures.Later+"\nrefuse:\n"), 1))
	if err != nil {
		return nil, err
	}
	vct := d.urls["issuer"] + "/types/led-diploma"
	receivers, err := file("receivers.yaml", []byte(strings.ReplaceAll(demoReceivers, "{vct}", vct)))
	if err != nil {
		return nil, err
	}
	secret, err := file("sign-in.secret", []byte(rand.Text()))
	if err != nil {
		return nil, err
	}
	platformKey, platformDigest := rest.NewKey()
	platformFile, err := file("issuer-api.key", []byte(platformKey))
	if err != nil {
		return nil, err
	}
	certificate, key, err := magdaCertificate(data, now())
	if err != nil {
		return nil, err
	}
	h, err := loadHierarchy(keys)
	if err != nil {
		return nil, err
	}
	stampAnchors := filepath.Join(data, "time-stamps.pem")
	if d.stamps, err = demoStamps(d.urls["time-stamp authority"], stampAnchors, now); err != nil {
		return nil, err
	}
	var schoolDigest, employerDigest, shopDigest string
	d.schoolKey, schoolDigest = rest.NewKey()
	d.employerKey, employerDigest = rest.NewKey()
	d.shopKey, shopDigest = rest.NewKey()
	signIn := &SignInConfig{Issuer: d.urls["identity provider"], ClientID: "zegel", ClientSecretFile: secret, ACR: []string{devidp.ACR}}
	issuerSignIn := *signIn
	issuerSignIn.ClientID = "zegel-issuer"
	c := &Config{
		Profile: ProfileDevelopment, Data: data,
		Issuer: &IssuerConfig{
			ListenConfig: ListenConfig{URL: d.urls["issuer"]}, SignIn: &issuerSignIn, Register: register, BatchSize: 8, StatusTTL: "1s",
			VaultPlatforms: []string{d.urls["holder"]},
			Wallets:        []WalletConfig{{ID: defaultClientID, Name: "Zegel", RedirectURIs: []string{"http://127.0.0.1/callback"}}},
			Connectors: []ConnectorConfig{{
				Supplier: "led", DataType: "led-diploma", Configuration: "led_diploma", Configurations: []string{"led_diploma_mdoc", "led_diploma_elm", "led_diploma_oslo", "led_diploma_elm_ldp", "led_diploma_oslo_ldp"}, Kind: "magda", Mapping: led,
				URL: d.urls["magda"] + magdadev.Path, Sender: "kbo0999999922.be/ipdc0000-demo", Certificate: certificate, Key: key,
			}},
			Clients: []ClientConfig{
				{ID: "school", KeySHA256: []string{schoolDigest}, Permissions: []string{issuerapi.PermissionOffer, issuerapi.PermissionCollect, issuerapi.PermissionClaims + ":led_diploma", issuerapi.PermissionAll}},
				{ID: "vault-platform", KeySHA256: []string{platformDigest}, Permissions: []string{issuerapi.PermissionVaults}},
			},
		},
		Holder: &HolderConfig{
			ListenConfig: ListenConfig{URL: d.urls["holder"]}, SignIn: signIn,
			Issuers:    []RemoteIssuer{{URL: d.urls["issuer"], KeyFile: platformFile}},
			TimeStamps: &TimeStampsConfig{Authorities: []TimeStampAuthority{{URL: d.urls["time-stamp authority"]}}, Anchors: stampAnchors},
		},
		Verifier: &VerifierConfig{
			ListenConfig: ListenConfig{URL: d.urls["verifier"]}, Receivers: receivers, Trust: TrustConfig{TimestampAnchors: stampAnchors},
			Accept: []AcceptConfig{ // there are no trusted lists, so no seal is a qualified one
				{Type: vct, Issuers: []string{d.urls["issuer"]}, Registrations: []string{h.Registration()}, SealNeedConfig: SealNeedConfig{Qualification: seal.AdESeal}},
				{Type: demoELM, Issuers: []string{d.urls["issuer"]}, Registrations: []string{h.Registration()}},
				{Type: demoDoctype, Issuers: []string{d.urls["issuer"]}, Registrations: []string{h.Registration()}, SealNeedConfig: SealNeedConfig{Qualification: seal.AdESeal}},
			},
			Clients: []ClientConfig{
				{ID: "employer", KeySHA256: []string{employerDigest}, Permissions: []string{verifierapi.Permission}},
				{ID: "suspended-shop", KeySHA256: []string{shopDigest}, Permissions: []string{verifierapi.Permission}},
			},
		},
	}
	if o.store.URIFile != "" {
		c.Store = o.store
		c.Store.Kind = "mongodb"
		c.historyIn = "demo" + strings.ToLower(rand.Text())[:20]
	}
	if o.solid != "" {
		c.Holder.Pods = PodConfig{Kind: "solid", URL: o.solid}
	}
	return c, c.Check()
}

// magdaCertificate makes the RSA key and certificate with which the
// demonstration signs what it asks of the development MAGDA platform.
func magdaCertificate(data string, now time.Time) (certificate, key string, err error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "kbo0999999922 (TEST)"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(365 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	certificate, key = filepath.Join(data, "magda.crt.pem"), filepath.Join(data, "magda.key.pem")
	if err := writeNew(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		return "", "", err
	}
	return certificate, key, writeNew(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// demoWait is how long after the first question a promised record is ready.
const demoWait = 15 * time.Second

// readyAfter keeps everybody waiting for a time after they were first asked
// about.
func readyAfter(wait time.Duration, now func() time.Time) func(insz string) bool {
	var mu sync.Mutex
	first := map[string]time.Time{}
	return func(insz string) bool {
		mu.Lock()
		defer mu.Unlock()
		at, asked := first[insz]
		if !asked {
			at = now()
			first[insz] = at
		}
		return now().Sub(at) >= wait
	}
}

// standIns adds the services around the product: an identity provider and a
// MAGDA platform that verifies the signature of each question.
func (d *demoEnvironment) standIns(data string, now func() time.Time) error {
	secret, err := readToken(filepath.Join(data, "sign-in.secret"))
	if err != nil {
		return err
	}
	idp, err := devidp.New(devidp.Config{
		Issuer: d.urls["identity provider"], Citizens: demoCitizens, Now: now,
		Clients: []devidp.Client{
			{ID: "zegel", Secret: secret, RedirectURI: d.urls["holder"] + "/session/callback"},
			{ID: "zegel-issuer", Secret: secret, RedirectURI: d.urls["issuer"] + issuerapi.CallbackPath},
		},
	})
	if err != nil {
		return err
	}
	signer, err := readCertificate(filepath.Join(data, "magda.crt.pem"))
	if err != nil {
		return err
	}
	platform := magdadev.Handler(magdadev.Config{
		Services: []magdadev.Service{{Declared: magda.LEDGeefBewijs(), Answers: fixtures.Answers(), Ready: readyAfter(demoWait, now)}},
		Verify:   &wssecurity.Verification{Certificates: []*x509.Certificate{signer}, Now: now}, Now: now,
	})
	for name, handler := range map[string]http.Handler{"identity provider": idp, "magda": platform, "time-stamp authority": demoStampServer(d.stamps, now)} {
		d.app.servers = append(d.app.servers, server{name: name, listen: ListenConfig{URL: d.urls[name]}, handler: handler})
	}
	return nil
}
