package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// warnDays is how many days before its end a certificate is warned of.
const warnDays = 60

// keyInfo is a key of an installation, as it is shown.
type keyInfo struct {
	ID     string        `json:"id,omitempty"`
	Use    string        `json:"use"`
	Tenant string        `json:"tenant,omitempty"`
	State  keyring.State `json:"state"`
	Since  time.Time     `json:"since,omitzero"`
	// Algorithm is the kind of key, such as P-256.
	Algorithm   string `json:"algorithm"`
	Serial      string `json:"serial,omitempty"`      // of the certificate, hexadecimal
	Fingerprint string `json:"fingerprint,omitempty"` // SHA-256 of the certificate, hexadecimal
	Subject     string `json:"subject,omitempty"`

	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"` // of the chain: the first that ends
	DaysLeft  *int      `json:"days_left,omitempty"`
	Warning   string    `json:"warning,omitempty"`
	// Where is a file below the key directory, a label in a module, or the id of a
	// credential at a provider; empty where the private key is gone.
	Where string `json:"where,omitempty"`

	chain  []*x509.Certificate
	listed bool // in the list of providers
	inRing bool
	unused bool // of the hierarchy, while a key elsewhere seals
}

// describe fills in what the key and its certificate say.
func (k keyInfo) describe(pub crypto.PublicKey, chain []*x509.Certificate, now time.Time) keyInfo {
	k.chain, k.Algorithm = chain, algorithmOf(pub)
	if id, err := keyring.ID(pub); err == nil {
		k.ID = id
	}
	if len(chain) == 0 {
		return k
	}
	leaf := chain[0]
	sum := sha256.Sum256(leaf.Raw)
	k.Serial, k.Fingerprint, k.Subject = leaf.SerialNumber.Text(16), hex.EncodeToString(sum[:]), leaf.Subject.CommonName
	k.NotBefore, k.NotAfter = leaf.NotBefore.UTC(), leaf.NotAfter.UTC()
	for _, c := range chain {
		if c.NotAfter.Before(k.NotAfter) {
			k.NotAfter = c.NotAfter.UTC()
		}
	}
	days := int(k.NotAfter.Sub(now).Hours() / 24)
	k.DaysLeft = &days
	if k.State != keyring.Active && k.State != keyring.Ready {
		return k
	}
	switch {
	case now.After(k.NotAfter) && k.Use == useSeal:
		k.Warning = "its certificate has ended: nothing is issued; take another into use with `zegel keys rotate`"
	case now.After(k.NotAfter):
		k.Warning = "its certificate has ended"
	case days < warnDays:
		k.Warning = fmt.Sprintf("its certificate ends in %d days; replace it", days)
	}
	return k
}

func algorithmOf(pub crypto.PublicKey) string {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return k.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	default:
		return "unknown"
	}
}

// inventory are the keys that signatures are made with; with mu.
func (t *localTrust) inventory() ([]keyInfo, error) {
	now := t.now()
	var out []keyInfo
	for _, tenant := range slices.Sorted(slices.Values(t.tenants())) {
		b, err := t.hierarchy.Tenant(tenant)
		if err != nil {
			return nil, err
		}
		seals, err := t.sealInventory(tenant, b)
		if err != nil {
			return nil, err
		}
		out = append(out, seals...)
		out = append(out, t.statusInventory(tenant, b)...)
		out = append(out, keyInfo{Use: useMetadata, Tenant: tenant, State: keyring.Active, Where: t.file("metadata-" + serialText(b.Metadata.Certificate) + ".key")}.describe(b.Metadata.Key.Public(), chainOf(b.Metadata), now))
	}
	h := t.hierarchy
	out = append(out, t.pinnedInventory()...)
	for _, one := range []struct {
		use, file string
		pair      devca.Pair
	}{
		{"seal-authority", "seal-ca.key", h.SealCA}, {"access-authority", "access-ca.key", h.AccessCA}, {"scheme-authority", "scheme-ca.key", h.SchemeCA},
	} {
		out = append(out, keyInfo{Use: one.use, State: keyring.Active, Where: t.file(one.file)}.describe(one.pair.Key.Public(), chainOf(one.pair), now))
	}
	return out, nil
}

func (t *localTrust) file(name string) string { return filepath.Join(hierarchyDir, name) }

func serialText(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

func chainOf(p devca.Pair) []*x509.Certificate { return []*x509.Certificate{p.Certificate} }

// sealInventory are the seal keys of a body: of its ring, of the hierarchy, and
// those of which only the certificate is here.
func (t *localTrust) sealInventory(tenant string, b *devca.Body) ([]keyInfo, error) {
	now := t.now()
	ring, err := t.ring(tenant).Keys()
	if err != nil {
		return nil, err
	}
	var current *x509.Certificate
	if s := t.keys[tenant].Current(); s != nil {
		current = s.Certificate()
	}
	listed := slices.Clone(b.FormerSeal)
	var out []keyInfo
	for _, k := range ring {
		info := keyInfo{Use: useSeal, Tenant: tenant, State: k.State, Since: k.Since, inRing: true, Where: k.Elsewhere}
		if t.ring(tenant).Has(k.ID) {
			info.Where = filepath.Join(sealDir, cmp.Or(tenant, "_"), k.ID+".key")
		}
		if k.State != keyring.Requested {
			info.listed = slices.ContainsFunc(listed, k.Chain[0].Equal)
			info.settle(b, k.Chain[0], current)
			listed = slices.DeleteFunc(listed, k.Chain[0].Equal)
		}
		out = append(out, info.describe(k.Public, k.Chain, now))
	}
	if c := b.Seal.Certificate; c != nil {
		info := keyInfo{Use: useSeal, Tenant: tenant, State: keyring.Ready, Where: t.file("seal-" + serialText(c) + ".key")}
		info.settle(b, c, current)
		if info.State == keyring.Ready { // it was listed from the beginning
			info.State, info.unused = keyring.Former, true
		}
		out = append(out, info.describe(c.PublicKey, []*x509.Certificate{c}, now))
	}
	for _, c := range listed {
		info := keyInfo{Use: useSeal, Tenant: tenant, State: keyring.Former, listed: true}
		chain, err := readChain(t.chainFile(c))
		if err != nil {
			chain = []*x509.Certificate{c}
		}
		info.settle(b, c, current)
		out = append(out, info.describe(c.PublicKey, chain, now))
	}
	return out, nil
}

// settle says in which state a certificate really is: what seals now is active, what
// the hierarchy retired is retired.
func (k *keyInfo) settle(b *devca.Body, c, current *x509.Certificate) {
	since, retired := b.Retired(c)
	switch {
	case retired:
		k.State, k.Since = keyring.Retired, since
	case current != nil && c.Equal(current):
		k.State = keyring.Active
	case k.State == keyring.Active:
		k.State = keyring.Former // one elsewhere has taken over
	}
}

func (t *localTrust) statusInventory(tenant string, b *devca.Body) []keyInfo {
	now := t.now()
	file := "status-list-" + serialText(b.Status.Certificate) + ".key"
	if len(b.FormerStatus) == 0 {
		file = strings.TrimSuffix("status-"+tenant, "-") + ".key"
	}
	out := []keyInfo{keyInfo{Use: useStatus, Tenant: tenant, State: keyring.Active, Where: t.file(file)}.describe(b.Status.Key.Public(), chainOf(b.Status), now)}
	for i, c := range b.FormerStatus {
		next := b.Status.Certificate
		if i+1 < len(b.FormerStatus) {
			next = b.FormerStatus[i+1]
		}
		info := keyInfo{Use: useStatus, Tenant: tenant, State: keyring.Former, Since: next.NotBefore.Add(time.Minute), listed: true}
		if since, ok := b.Retired(c); ok {
			info.State, info.Since = keyring.Retired, since
		}
		out = append(out, info.describe(c.PublicKey, []*x509.Certificate{c}, now))
	}
	return out
}

// Inventory are all keys in a key directory, and which of them are in use.
func (t *localTrust) Inventory(s secrets) ([]keyInfo, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out, err := t.inventory()
	if err != nil {
		return nil, err
	}
	keys := filepath.Dir(t.dir)
	receivers, err := filepath.Glob(filepath.Join(keys, "receivers", "*.crt.pem"))
	if err != nil {
		return nil, err
	}
	for _, path := range receivers {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		chain, err := trust.ParsePEM(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".crt.pem")
		out = append(out, keyInfo{Use: "receiver", State: keyring.Active, Where: filepath.Join("receivers", name+".pem")}.describe(chain[0].PublicKey, chain, t.now()))
	}
	for _, name := range signingNames {
		out = append(out, keyInfo{Use: name, State: keyring.Active, Where: filepath.Join(secretsDir, name+".pem")}.describe(s.signing[name].Public(), nil, t.now()))
	}
	instances, err := filepath.Glob(filepath.Join(keys, "vc-api", "*.pem"))
	if err != nil {
		return nil, err
	}
	for _, path := range append(instances, filepath.Join(keys, secretsDir, historySecret), filepath.Join(keys, secretsDir, formerHistorySecret)) {
		key, err := signingKey(path)
		if missing(path) {
			continue
		}
		info := keyInfo{Use: "vc-api", State: keyring.Active, Algorithm: "other", Where: filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path))}
		switch filepath.Base(path) {
		case historySecret:
			info.Use = "key-history"
		case formerHistorySecret:
			info.Use, info.State = "key-history", keyring.Former
		}
		if err == nil {
			info = info.describe(key.Public(), nil, t.now())
		}
		out = append(out, info)
	}
	for _, tenant := range slices.Sorted(slices.Values(t.tenants())) {
		names, dir := secretNames, secretsDir
		if tenant != "" {
			names, dir = tenantSecretNames, filepath.Join(secretsDir, "tenants", tenant)
		}
		for _, name := range names {
			out = append(out, keyInfo{Use: "secret-" + name, Tenant: tenant, State: keyring.Active, Algorithm: "256 bits", Where: filepath.Join(dir, name+".key")})
		}
	}
	return out, nil
}

func (a *app) listKeys(*rest.Request) (rest.Answer, error) {
	keys, err := a.local.Inventory(a.secrets)
	if err != nil {
		return rest.Answer{}, err
	}
	for i := range keys {
		k := &keys[i]
		if own := a.seals.of(k.Tenant); own != nil && k.Use == useSeal && k.State == keyring.Active {
			k.Where = own.key.where
		}
	}
	return rest.JSON(http.StatusOK, keys), nil
}

func keysListCommand() *cobra.Command {
	var dir, socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Show every key of an installation",
		Long: `Shows each key with what it is for, its tenant, its state, its certificate, how many
days that is still valid, and where the private key is:

  requested  waits for its certificate     former   seals no longer; what it
  ready      can be taken into use                  sealed stays valid
  active     in use                        retired  withdrawn, private key gone

The running server is asked. Where none listens the key directory is read, which does
not tell of a key in a module or at a provider whether it is in use. Certificates that
end within 60 days are warned of.`,
		Example: `  zegel keys list
  zegel keys list --json --dir /var/lib/zegel/keys`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := listedKeys(cmd, socket, dir)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(keys)
			}
			return showKeys(cmd.OutOrStdout(), keys)
		},
	}
	socketFlag(c, &socket)
	c.Flags().StringVar(&dir, "dir", "", "the key directory to read instead of asking a server; without it keys, where no server listens")
	c.Flags().BoolVar(&asJSON, "json", false, "in JSON")
	return c
}

// listedKeys asks the server, or reads the directory where there is none.
func listedKeys(cmd *cobra.Command, socket, dir string) (keys []keyInfo, err error) {
	if dir == "" {
		if listens(cmd.Context(), socket) {
			return keys, admin(cmd.Context(), socket, "GET", "/keys", nil, &keys)
		}
		dir = "keys"
		fmt.Fprintf(cmd.ErrOrStderr(), "No server listens on %s; reading %s.\n", socket, dir)
	}
	t, err := readLocalTrust(dir, time.Now)
	if err != nil {
		return nil, err
	}
	s, err := loadSecrets(dir)
	if err != nil {
		return nil, err
	}
	return t.Inventory(s)
}

// listens reports whether a server answers on a socket, or may: of one that does not
// within two seconds that is not known.
func listens(ctx context.Context, socket string) bool {
	d := net.Dialer{Timeout: 2 * time.Second}
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED)
	}
	return c.Close() == nil
}

func showKeys(out io.Writer, keys []keyInfo) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tUSE\tTENANT\tSTATE\tALGORITHM\tSERIAL\tVALID\tDAYS LEFT\tWHERE")
	for _, k := range keys {
		valid, days := "-", "-"
		if k.DaysLeft != nil {
			valid = k.NotBefore.Format(time.DateOnly) + " to " + k.NotAfter.Format(time.DateOnly)
			days = fmt.Sprint(*k.DaysLeft)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cmp.Or(k.ID, "-"), k.Use, cmp.Or(k.Tenant, "-"), k.State, k.Algorithm, cmp.Or(k.Serial, "-"), valid, days, cmp.Or(k.Where, "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, k := range keys {
		if k.Warning != "" {
			fmt.Fprintf(out, "warning: the %s key %s: %s\n", k.Use, k.ID, k.Warning)
		}
	}
	return nil
}
