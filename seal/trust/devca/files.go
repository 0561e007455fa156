package devca

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

var (
	// ErrExists is returned instead of writing over a hierarchy.
	ErrExists = errors.New("there is something in that directory already")
	// ErrFiles is returned for a directory that does not hold a whole hierarchy.
	ErrFiles = errors.New("not a development hierarchy")
)

// The files of a hierarchy. Keys are PKCS#8 in PEM, readable by the owner only.
const (
	manifestFile  = "hierarchy.json"
	listFile      = "provider-list.jwt"
	accessFile    = "access-list.jwt"
	sealCRLFile   = "seal-ca.crl"
	accessCRLFile = "access-ca.crl"
)

// manifest is what the certificates do not say. The file is the commit point:
// a seal certificate that it does not name does not belong to the hierarchy.
type manifest struct {
	Version int `json:"version"`
	bodyManifest
	CRLURL        string                  `json:"crl_url,omitempty"`
	IssuerURL     string                  `json:"issuer_url,omitempty"`
	Validity      Validity                `json:"-"`
	Seconds       [4]int64                `json:"validity_seconds"`
	RevokedSeal   []revoked               `json:"revoked_seal"`
	RevokedAccess []revoked               `json:"revoked_access"`
	Tenants       map[string]bodyManifest `json:"tenants,omitempty"`
	// ListSigner is the file of who signs the lists, without its ending; empty for
	// the first one. NextListSigner is that of the next. So for the registrar; of those
	// before it there are the serial numbers, hexadecimal.
	ListSigner       string   `json:"list_signer,omitempty"`
	NextListSigner   string   `json:"next_list_signer,omitempty"`
	Registrar        string   `json:"registrar,omitempty"`
	NextRegistrar    string   `json:"next_registrar,omitempty"`
	FormerRegistrars []string `json:"former_registrars,omitempty"`
}

// bodyManifest is what is said of one public body.
type bodyManifest struct {
	Issuer       string        `json:"issuer"`
	Organization string        `json:"organization"`
	Registration string        `json:"registration"`
	Source       qc.PublicBody `json:"source"`
	Seal         string        `json:"seal"` // serial number, hexadecimal; empty for a key of the body's own
	FormerSeal   []string      `json:"former_seal"`
	Metadata     string        `json:"metadata"`         // serial number, hexadecimal
	Status       string        `json:"status,omitempty"` // likewise; empty for the first one
	FormerStatus []string      `json:"former_status,omitempty"`
	// States are the changes of listed services, oldest first, by the SHA-256 of
	// their certificate in hexadecimal.
	States map[string][]change `json:"states,omitempty"`
	// Retired are former certificates whose service is withdrawn for good, likewise,
	// and since when.
	Retired map[string]time.Time `json:"retired,omitempty"`
}

func bodyOf(o Options) bodyManifest {
	return bodyManifest{Issuer: o.Issuer, Organization: o.Organization, Registration: o.Registration, Source: o.Source}
}

type revoked struct {
	Serial string    `json:"serial"`
	Since  time.Time `json:"since"`
	Reason int       `json:"reason"`
}

func manifestOf(o Options) manifest {
	v := o.Validity
	return manifest{
		Version: 1,
		CRLURL:  o.CRLURL, IssuerURL: o.IssuerURL, Validity: v,
		Seconds: [4]int64{int64(v.Authority / time.Second), int64(v.Leaf / time.Second), int64(v.List / time.Second), int64(v.CRL / time.Second)},
	}
}

// Save writes a new hierarchy into a directory, which must not exist or be
// empty. The directory appears whole or not at all.
func (h *Hierarchy) Save(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%w: %s; choose another or move it away", ErrExists, dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, ".keys-*") // 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := h.write(tmp); err != nil {
		return err
	}
	// Removing a directory fails unless it is empty, renaming onto one fails
	// always: nothing that came meanwhile is lost.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s: %w", ErrExists, dir, err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return syncDir(parent)
}

// Update writes a changed hierarchy over the directory it was loaded from or
// saved to: first what is new, then the manifest, then former keys are removed.
// A crash leaves the hierarchy as it was before or as it is after.
func (h *Hierarchy) Update(dir string) error {
	if _, err := readManifest(dir); err != nil {
		return err
	}
	if err := h.write(dir); err != nil {
		return err
	}
	for _, b := range h.bodies() {
		for _, c := range b.FormerSeal {
			if err := remove(dir, sealFile(serialOf(c), ".key")); err != nil {
				return err
			}
		}
	}
	if err := h.removeUnnamed(dir); err != nil {
		return err
	}
	return syncDir(dir)
}

func remove(dir, file string) error {
	if err := os.Remove(filepath.Join(dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeUnnamed removes pinned keys, and those of signers of metadata and status
// lists, with their certificates, that the manifest does not name.
func (h *Hierarchy) removeUnnamed(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		name := file.Name()
		named := func(b *Body) bool {
			if strings.HasPrefix(name, statusFile("", "")) {
				return strings.HasPrefix(name, b.body.Status+".") || slices.ContainsFunc(b.FormerStatus, func(c *x509.Certificate) bool { return name == statusFile(serialOf(c), ".pem") })
			}
			return strings.HasPrefix(name, metadataFile(serialOf(b.Metadata.Certificate), "."))
		}
		if slices.ContainsFunc(Pinned(), func(use trust.Use) bool { return h.pinned(use).unnamed(name) }) {
			if err := remove(dir, name); err != nil {
				return err
			}
			continue
		}
		if !strings.HasPrefix(name, metadataFile("", "")) && !strings.HasPrefix(name, statusFile("", "")) || slices.ContainsFunc(h.bodies(), named) {
			continue
		}
		if err := remove(dir, name); err != nil {
			return err
		}
	}
	replaced := []string{}
	for first, b := range h.firstStatus() {
		if b.body.Status != "" {
			replaced = append(replaced, first)
		}
	}
	for _, first := range replaced {
		if err := errors.Join(remove(dir, first+".key"), remove(dir, first+".pem")); err != nil {
			return err
		}
	}
	return nil
}

// firstStatus are the bodies by the file of their first status list signer.
func (h *Hierarchy) firstStatus() map[string]*Body {
	out := map[string]*Body{"status": &h.Body}
	for name, b := range h.Tenants {
		out["status-"+name] = b
	}
	return out
}

func (h *Hierarchy) pairs() map[string]*Pair {
	pairs := map[string]*Pair{"seal-ca": &h.SealCA, "access-ca": &h.AccessCA, "scheme-ca": &h.SchemeCA}
	for _, use := range Pinned() {
		p := h.pinned(use)
		pairs[p.present()] = p.now
		if *p.nextFile != "" {
			pairs[*p.nextFile] = p.next
		}
	}
	for first, b := range h.firstStatus() {
		pairs[cmp.Or(b.body.Status, first)] = &b.Status
	}
	return pairs
}

func serialOf(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

func sealFile(serial, ext string) string { return "seal-" + serial + ext }

func metadataFile(serial, ext string) string { return "metadata-" + serial + ext }

// statusFile is that of a status list signer after the first; no tenant has a
// name with a hyphen.
func statusFile(serial, ext string) string { return "status-list-" + serial + ext }

func (h *Hierarchy) write(dir string) error {
	files := map[string][]byte{listFile: []byte(h.List), accessFile: []byte(h.AccessList), sealCRLFile: h.SealCRL, accessCRLFile: h.AccessCRL}
	pair := func(base string, p Pair) error {
		key, err := x509.MarshalPKCS8PrivateKey(p.Key)
		if err != nil {
			return fmt.Errorf("writing the key of %s: %w", base, err)
		}
		files[base+".key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
		files[base+".pem"] = trust.EncodePEM(p.Certificate)
		return nil
	}
	for base, p := range h.pairs() {
		if err := pair(base, *p); err != nil {
			return err
		}
	}
	m := h.info
	m.Tenants, m.FormerRegistrars = map[string]bodyManifest{}, nil
	for _, c := range h.FormerRegistrars {
		m.FormerRegistrars = append(m.FormerRegistrars, serialOf(c))
		files[h.pinned(trust.UseRegistrar).file(serialOf(c))+".pem"] = trust.EncodePEM(c)
	}
	describe := func(b *Body) (bodyManifest, error) {
		d := b.body
		d.FormerSeal, d.FormerStatus = []string{}, nil
		for _, c := range b.FormerSeal {
			d.FormerSeal = append(d.FormerSeal, serialOf(c))
			files[sealFile(serialOf(c), ".pem")] = trust.EncodePEM(c)
		}
		for _, c := range b.FormerStatus {
			d.FormerStatus = append(d.FormerStatus, serialOf(c))
			files[statusFile(serialOf(c), ".pem")] = trust.EncodePEM(c)
		}
		d.Metadata, d.Seal = serialOf(b.Metadata.Certificate), ""
		if err := pair(metadataFile(d.Metadata, ""), b.Metadata); err != nil || b.Seal.Key == nil {
			return d, err
		}
		d.Seal = serialOf(b.Seal.Certificate)
		return d, pair(sealFile(d.Seal, ""), b.Seal)
	}
	var err error
	if m.bodyManifest, err = describe(&h.Body); err != nil {
		return err
	}
	for name, b := range h.Tenants {
		if m.Tenants[name], err = describe(b); err != nil {
			return err
		}
	}
	for file, content := range files {
		if err := writeFile(dir, file, content); err != nil {
			return err
		}
	}
	b, err := jose.Marshal(m)
	if err != nil {
		return err
	}
	return writeFile(dir, manifestFile, append(b, '\n'))
}

// writeFile replaces a file at once and leaves an equal one alone.
func writeFile(dir, file string, content []byte) error {
	path := filepath.Join(dir, file)
	if old, err := os.ReadFile(path); err == nil && string(old) == string(content) {
		return nil
	}
	mode := os.FileMode(0o644)
	if strings.HasSuffix(file, ".key") {
		mode = 0o600
	}
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readManifest(dir string) (manifest, error) {
	var m manifest
	b, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	if err := jose.UnmarshalClosed(b, &m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", ErrFiles, manifestFile, err)
	}
	if m.Version != 1 {
		return m, fmt.Errorf("%w: %s is of version %d, expected 1", ErrFiles, manifestFile, m.Version)
	}
	d := func(i int) time.Duration { return time.Duration(m.Seconds[i]) * time.Second }
	m.Validity = Validity{Authority: d(0), Leaf: d(1), List: d(2), CRL: d(3)}
	return m, nil
}

// Load reads a hierarchy back. It refuses keys that others may read and keys
// that do not belong to their certificate.
func Load(dir string) (*Hierarchy, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	h := &Hierarchy{info: m, Tenants: map[string]*Body{}, Body: Body{body: m.bodyManifest}}
	for name, b := range m.Tenants {
		if !tenantName(name) {
			return nil, fmt.Errorf("%w: %s has a tenant %q", ErrFiles, manifestFile, name)
		}
		h.Tenants[name] = &Body{body: b}
	}
	for base, p := range h.pairs() {
		if *p, err = readPair(dir, base); err != nil {
			return nil, err
		}
	}
	for _, serial := range m.FormerRegistrars {
		c, err := readCertificate(dir, h.pinned(trust.UseRegistrar).file(serial)+".pem")
		if err != nil {
			return nil, err
		}
		h.FormerRegistrars = append(h.FormerRegistrars, c)
	}
	for _, b := range h.bodies() {
		if b.body.Seal != "" {
			if b.Seal, err = readPair(dir, sealFile(b.body.Seal, "")); err != nil {
				return nil, err
			}
		}
		if b.Metadata, err = readPair(dir, metadataFile(b.body.Metadata, "")); err != nil {
			return nil, err
		}
		for _, serial := range b.body.FormerSeal {
			c, err := readCertificate(dir, sealFile(serial, ".pem"))
			if err != nil {
				return nil, err
			}
			b.FormerSeal = append(b.FormerSeal, c)
		}
		for _, serial := range b.body.FormerStatus {
			c, err := readCertificate(dir, statusFile(serial, ".pem"))
			if err != nil {
				return nil, err
			}
			b.FormerStatus = append(b.FormerStatus, c)
		}
	}
	list, err := os.ReadFile(filepath.Join(dir, listFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	h.List = string(list)
	// Directories of before the list of access providers have none: Refresh makes it.
	access, err := os.ReadFile(filepath.Join(dir, accessFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	h.AccessList = string(access)
	if h.SealCRL, err = os.ReadFile(filepath.Join(dir, sealCRLFile)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	if h.AccessCRL, err = os.ReadFile(filepath.Join(dir, accessCRLFile)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	return h, nil
}

func readPair(dir, base string) (Pair, error) {
	c, err := readCertificate(dir, base+".pem")
	if err != nil {
		return Pair{}, err
	}
	path := filepath.Join(dir, base+".key")
	info, err := os.Stat(path)
	if err != nil {
		return Pair{}, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Pair{}, fmt.Errorf("%w: %s can be read by others (mode %o); run chmod 600 on it", ErrFiles, path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Pair{}, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		return Pair{}, fmt.Errorf("%w: %s is no PKCS#8 key in PEM", ErrFiles, path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return Pair{}, fmt.Errorf("%w: %s is no signing key", ErrFiles, path)
	}
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(c.PublicKey) {
		return Pair{}, fmt.Errorf("%w: %s is not the key of %s.pem", ErrFiles, path, base)
	}
	return Pair{Key: key, Certificate: c}, nil
}

func readCertificate(dir, file string) (*x509.Certificate, error) {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	certs, err := trust.ParsePEM(b)
	if err != nil || len(certs) != 1 {
		return nil, fmt.Errorf("%w: %s must hold one certificate", ErrFiles, file)
	}
	return certs[0], nil
}

func asn1Name(n pkix.Name) ([]byte, error) { return asn1.Marshal(n.ToRDNSequence()) }
