package devca_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newHierarchy(t testing.TB, o devca.Options) *devca.Hierarchy {
	o.Now = now
	if o.Issuer == "" {
		o.Issuer = "http://localhost:8081"
	}
	h, err := devca.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSealCertificate(t *testing.T) {
	for iss, want := range map[string]struct{ dns, ip string }{
		"http://localhost:8081":         {dns: "localhost"},
		"http://127.0.0.1:8081":         {ip: "127.0.0.1"},
		"https://[::1]:8443":            {ip: "::1"},
		"https://led.example.org":       {dns: "led.example.org"},
		"https://led.example.org/t/one": {dns: "led.example.org"},
	} {
		c := newHierarchy(t, devca.Options{Issuer: iss}).Seal.Certificate
		if len(c.URIs) != 1 || c.URIs[0].String() != iss || seal.CertifiesIssuer(c, iss) != nil {
			t.Errorf("%s: URIs %v", iss, c.URIs)
		}
		if want.dns != "" && (len(c.DNSNames) != 1 || c.DNSNames[0] != want.dns || len(c.IPAddresses) != 0) {
			t.Errorf("%s: names %v", iss, c.DNSNames)
		}
		if want.ip != "" && (len(c.IPAddresses) != 1 || c.IPAddresses[0].String() != want.ip || len(c.DNSNames) != 0) {
			t.Errorf("%s: addresses %v", iss, c.IPAddresses)
		}
	}
	c := newHierarchy(t, devca.Options{CRLURL: "https://ca.example.org/crl", IssuerURL: "https://ca.example.org/crt"}).Seal.Certificate
	s, _, err := qc.Of(c, nil)
	if err != nil || !s.Compliance || !s.SSCD || !s.Seal() || s.Legislation != nil || len(s.Disclosures) != 1 {
		t.Errorf("statements %+v, %v", s, err)
	}
	if p := s.PublicBody; p == nil || p.Country != "BE" || !strings.HasPrefix(p.Source, "LED") {
		t.Errorf("QcPSB %+v", s.PublicBody)
	}
	if c.KeyUsage != x509.KeyUsageContentCommitment || c.CRLDistributionPoints[0] != "https://ca.example.org/crl" || c.IssuingCertificateURL[0] != "https://ca.example.org/crt" {
		t.Errorf("usage %d, %v, %v", c.KeyUsage, c.CRLDistributionPoints, c.IssuingCertificateURL)
	}
	if !strings.Contains(c.Subject.CommonName, "TEST") {
		t.Errorf("subject %s", c.Subject)
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]devca.Options{
		"no time":            {Issuer: "https://a.example"},
		"no issuer":          {Now: now},
		"issuer of a file":   {Now: now, Issuer: "file:///tmp"},
		"issuer with a user": {Now: now, Issuer: "https://u@a.example"},
		"wrong number":       {Now: now, Issuer: "https://a.example", Registration: "NTRBE-0999999923"},
		"long country":       {Now: now, Issuer: "https://a.example", Source: qc.PublicBody{Country: "BEL"}},
		"short validity":     {Now: now, Issuer: "https://a.example", Validity: devca.Validity{Leaf: time.Second}},
		"list over 6 months": {Now: now, Issuer: "https://a.example", Validity: devca.Validity{List: 200 * 24 * time.Hour}},
	} {
		if h, err := devca.New(o); err == nil || h != nil {
			t.Errorf("%s: made", name)
		}
	}
}

// Every key signs what it is for and nothing else.
func TestSeparation(t *testing.T) {
	h := newHierarchy(t, devca.Options{})
	store, err := h.Store(now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := h.IssueAccess(key.Public(), devca.AccessRequest{Organization: "Ontvanger (TEST)", Registration: "NTRBE-0316380841", DNSNames: []string{"rp.example.org"}, URI: "https://rp.example.org"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.VerifyHostname("rp.example.org"); err != nil {
		t.Error(err)
	}
	certs := map[string]*x509.Certificate{"seal": h.Seal.Certificate, "status": h.Status.Certificate, "list": h.ListSigner.Certificate, "registrar": h.Registrar.Certificate, "receiver": receiver, "metadata": h.Metadata.Certificate}
	allowed := map[trust.Use][]string{
		trust.UseSeal:              {"seal", "status"}, // the list of providers tells them apart
		trust.UseStatus:            {"status"},
		trust.UseListSigner:        {"list"},
		trust.UseRegistrar:         {"registrar"},
		trust.UseAccessCertificate: {"receiver", "metadata"},
	}
	for use, names := range allowed {
		for name, c := range certs {
			_, err := store.Certificates([]*x509.Certificate{c}, use, now)
			if want := strings.Contains(strings.Join(names, " "), name); (err == nil) != want {
				t.Errorf("%s as %s: %v", name, use, err)
			}
		}
	}
	for name, r := range map[string]devca.AccessRequest{
		"no name":      {Registration: "NTRBE-0316380841"},
		"wrong number": {Organization: "O", Registration: "NTRBE-0316380842"},
		"no number":    {Organization: "O"},
		"wrong URI":    {Organization: "O", Registration: "NTRBE-0316380841", URI: "rp"},
	} {
		if _, err := h.IssueAccess(key.Public(), r, now); !errors.Is(err, devca.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, sealer := range []func(func() time.Time) (*seal.Sealer, error){h.StatusSealer, h.RegistrarSealer, h.MetadataSealer} {
		if _, err := sealer(func() time.Time { return now }); err != nil {
			t.Error(err)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "keys")
	h := newHierarchy(t, devca.Options{})
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := h.Save(dir); !errors.Is(err, devca.ErrExists) {
		t.Errorf("saved over a hierarchy: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		want := os.FileMode(0o644)
		if strings.HasSuffix(f.Name(), ".key") {
			want = 0o600
			keys++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", f.Name(), info.Mode().Perm())
		}
	}
	if keys != 10 {
		t.Errorf("%d key files, expected 10", keys)
	}
	got, err := devca.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Seal.Certificate.Equal(h.Seal.Certificate) || got.List != h.List || got.Issuer() != h.Issuer() || got.Registration() != h.Registration() || got.Organization() != h.Organization() {
		t.Error("not what was saved")
	}
	if _, err := got.Store(now); err != nil {
		t.Error(err)
	}
}

func TestSaveRefuses(t *testing.T) {
	h := newHierarchy(t, devca.Options{})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Save(dir); !errors.Is(err, devca.ErrExists) {
		t.Errorf("saved among other files: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "mine")); err != nil || string(b) != "x" {
		t.Error("another's file was touched")
	}
	if err := h.Save(t.TempDir()); err != nil {
		t.Errorf("an empty directory: %v", err)
	}
	if err := h.Update(t.TempDir()); !errors.Is(err, devca.ErrFiles) {
		t.Errorf("updated nothing: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	h := newHierarchy(t, devca.Options{})
	for name, bend := range map[string]func(dir string) error{
		"no manifest":  func(dir string) error { return os.Remove(filepath.Join(dir, "hierarchy.json")) },
		"bad manifest": func(dir string) error { return os.WriteFile(filepath.Join(dir, "hierarchy.json"), []byte("{"), 0o600) },
		"other version": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "hierarchy.json"), []byte(`{"version":2}`), 0o600)
		},
		"open key":    func(dir string) error { return os.Chmod(filepath.Join(dir, "status.key"), 0o640) },
		"missing key": func(dir string) error { return os.Remove(filepath.Join(dir, "status.key")) },
		"exchanged key": func(dir string) error {
			return os.Rename(filepath.Join(dir, "seal-ca.key"), filepath.Join(dir, "status.key"))
		},
		"no key":         func(dir string) error { return os.WriteFile(filepath.Join(dir, "status.key"), []byte("x"), 0o600) },
		"no certificate": func(dir string) error { return os.WriteFile(filepath.Join(dir, "status.pem"), []byte("x"), 0o600) },
		"no list":        func(dir string) error { return os.Remove(filepath.Join(dir, "provider-list.jwt")) },
		"no CRL":         func(dir string) error { return os.Remove(filepath.Join(dir, "seal-ca.crl")) },
		"no access CRL":  func(dir string) error { return os.Remove(filepath.Join(dir, "access-ca.crl")) },
	} {
		dir := filepath.Join(t.TempDir(), "keys")
		if err := h.Save(dir); err != nil {
			t.Fatal(err)
		}
		if err := bend(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := devca.Load(dir); !errors.Is(err, devca.ErrFiles) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The certificate of a key that is elsewhere is in the list of providers, also
// after a restart, and beside the one of the hierarchy.
func TestListSeal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	h := newHierarchy(t, devca.Options{})
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	other := newHierarchy(t, devca.Options{}).Seal.Certificate
	for range 2 { // the second time nothing changes
		if err := h.ListSeal("", other, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.ListSeal("nobody", other, now); err == nil {
		t.Error("listed for nobody")
	}
	if err := h.Update(dir); err != nil {
		t.Fatal(err)
	}
	got, err := devca.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.FormerSeal) != 1 || !got.FormerSeal[0].Equal(other) || !got.Seal.Certificate.Equal(h.Seal.Certificate) {
		t.Errorf("%d former certificates", len(got.FormerSeal))
	}
	store, err := got.Store(now)
	if err != nil {
		t.Fatal(err)
	}
	if store.List().Sequence != 2 {
		t.Errorf("sequence %d", store.List().Sequence)
	}
}

func TestRotateOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	h := newHierarchy(t, devca.Options{})
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	first := h.Seal.Certificate
	serial := func(c *x509.Certificate) string { return c.SerialNumber.Text(16) }
	later := now.Add(24 * time.Hour)
	if err := h.RotateSeal("", later); err != nil {
		t.Fatal(err)
	}
	if err := h.Update(dir); err != nil {
		t.Fatal(err)
	}
	got, err := devca.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.FormerSeal) != 1 || !got.FormerSeal[0].Equal(first) || got.Seal.Certificate.Equal(first) {
		t.Error("the former certificate is not kept")
	}
	if _, err := os.Stat(filepath.Join(dir, "seal-"+serial(first)+".key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the former key is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "seal-"+serial(got.Seal.Certificate)+".key")); err != nil {
		t.Error(err)
	}
	// The list of after the rotation has both and a higher number.
	store, err := h.Store(later)
	if err != nil {
		t.Fatal(err)
	}
	if store.List().Sequence != 2 {
		t.Errorf("sequence %d", store.List().Sequence)
	}
	for _, c := range []*x509.Certificate{first, got.Seal.Certificate} {
		p, err := store.Certificates([]*x509.Certificate{c}, trust.UseSeal, later)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Provider(p, trust.Issuance, &qc.PublicBody{Country: "BE", Legislation: "OJ:BETEST-LED"}, later); err != nil {
			t.Errorf("%s: %v", serial(c), err)
		}
	}
	// Revocations survive, too.
	if err := got.Revoke(first, 1, later); err != nil {
		t.Fatal(err)
	}
	if err := got.Revoke(first, 4, later); err != nil {
		t.Fatal(err)
	}
	if err := got.Revoke(got.Registrar.Certificate, 1, later); !errors.Is(err, devca.ErrOptions) {
		t.Errorf("revoked a certificate of the scheme: %v", err)
	}
	if err := got.Update(dir); err != nil {
		t.Fatal(err)
	}
	if got, err = devca.Load(dir); err != nil {
		t.Fatal(err)
	}
	if err := got.Refresh(later.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(got.SealCRL)
	if err != nil || len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].ReasonCode != 1 || list.Number.Int64() != 4 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A status key is replaced: the list names both certificates, also after it was kept
// and read back, and the former key is gone. Then the former one is withdrawn.
func TestRotateStatus(t *testing.T) {
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	later := now.Add(time.Hour)
	first := h.Status.Certificate
	for range 2 {
		if err := h.RotateStatus("", later); err != nil {
			t.Fatal(err)
		}
		if err := h.Update(dir); err != nil {
			t.Fatal(err)
		}
		if h, err = devca.Load(dir); err != nil {
			t.Fatal(err)
		}
	}
	listed := func(c *x509.Certificate) error {
		s, err := h.Store(later)
		if err != nil {
			t.Fatal(err)
		}
		path, err := s.Certificates([]*x509.Certificate{c}, trust.UseStatus, later)
		if err == nil {
			_, err = s.Provider(path, trust.Revocation, nil, later)
		}
		return err
	}
	if len(h.FormerStatus) != 2 || !h.FormerStatus[0].Equal(first) {
		t.Fatal(h.FormerStatus)
	}
	for _, c := range append(h.FormerStatus, h.Status.Certificate) {
		if err := listed(c); err != nil {
			t.Error(err)
		}
	}
	keys, err := filepath.Glob(filepath.Join(dir, "status*.key"))
	if err != nil || len(keys) != 1 {
		t.Error("former keys are still there:", keys, err)
	}
	if err := h.Retire("", h.Status.Certificate, later); !errors.Is(err, devca.ErrOptions) {
		t.Error("a status key in use was withdrawn:", err)
	}
	if err := errors.Join(h.Retire("", first, later), h.Update(dir)); err != nil {
		t.Fatal(err)
	}
	if h, err = devca.Load(dir); err != nil {
		t.Fatal(err)
	}
	if since, ok := h.Retired(first); !ok || !since.Equal(later) {
		t.Error(since, ok)
	}
	if err := listed(first); err == nil {
		t.Error("a withdrawn status key is taken")
	}
	if err := listed(h.FormerStatus[1]); err != nil {
		t.Error(err)
	}
	if err := h.RotateStatus("other", later); !errors.Is(err, devca.ErrOptions) {
		t.Error(err)
	}
}

// A body that seals with a key of its own has none in the hierarchy, and a former
// seal certificate that is withdrawn holds for what is older.
func TestDropSeal(t *testing.T) {
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	first, later := h.Seal.Certificate, now.Add(time.Hour)
	if err := errors.Join(h.DropSeal(""), h.Refresh(later), h.Update(dir)); err != nil {
		t.Fatal(err)
	}
	if h, err = devca.Load(dir); err != nil {
		t.Fatal(err)
	}
	if keys, err := filepath.Glob(filepath.Join(dir, "seal-*.key")); err != nil || len(keys) != 1 {
		t.Error(keys, err)
	}
	if _, err := h.Sealer("", func() time.Time { return later }); !errors.Is(err, devca.ErrOptions) {
		t.Error("sealed without a key:", err)
	}
	at := func(when time.Time) error {
		s, err := h.Store(later)
		if err != nil {
			t.Fatal(err)
		}
		path, err := s.Certificates([]*x509.Certificate{first}, trust.UseSeal, when)
		if err == nil {
			_, err = s.Provider(path, trust.Issuance, &qc.PublicBody{Country: "BE", Legislation: h.Law()}, when)
		}
		return err
	}
	if err := at(later); err != nil {
		t.Error(err)
	}
	if err := h.Retire("", first, later); err != nil {
		t.Fatal(err)
	}
	if err := at(later.Add(-time.Minute)); err != nil {
		t.Error("what is older is not taken:", err)
	}
	if err := at(later); !errors.Is(err, trust.ErrWithdrawn) {
		t.Error(err)
	}
	// A key of the hierarchy can take over again.
	if err := h.RotateSeal("", later); err != nil || h.Seal.Key == nil {
		t.Error(err)
	}
}

// No private key may be printed by accident.
func TestRotateMetadata(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	h := newHierarchy(t, devca.Options{})
	school := devca.Options{Now: now, Issuer: "https://issuer.example.org/school", Organization: "Oefenschool (TEST)", Registration: "NTRBE-0999999823"}
	if err := h.AddTenant("school", school); err != nil {
		t.Fatal(err)
	}
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	first, theirs := h.Metadata.Certificate, h.Tenants["school"].Metadata.Certificate
	if seal.CertifiesIssuer(first, h.Issuer()) != nil || seal.CertifiesIssuer(theirs, school.Issuer) != nil || seal.CertifiesIssuer(theirs, h.Issuer()) == nil {
		t.Error("a metadata certificate names another issuer")
	}
	if err := h.RotateMetadata("", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := h.RotateMetadata("other", now); !errors.Is(err, devca.ErrOptions) {
		t.Errorf("another tenant: %v", err)
	}
	if err := h.Update(dir); err != nil {
		t.Fatal(err)
	}
	got, err := devca.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.Metadata.Certificate.Equal(first) || !got.Tenants["school"].Metadata.Certificate.Equal(theirs) || !got.Seal.Certificate.Equal(h.Seal.Certificate) {
		t.Error("not that key alone was rotated")
	}
	left, err := filepath.Glob(filepath.Join(dir, "metadata-*"))
	if err != nil || len(left) != 4 {
		t.Errorf("%v %v", left, err)
	}
}

func TestListHoldsNoKeys(t *testing.T) {
	h := newHierarchy(t, devca.Options{})
	tok, err := jose.Parse(h.List)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(tok.Payload), "PRIVATE") || tok.Header.Typ != "JOSE" {
		t.Errorf("typ %q", tok.Header.Typ)
	}
}

// Several public bodies seal under one authority and stand in one list, each
// with certificates that name its own issuer and organisation.
func TestTenants(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	h := newHierarchy(t, devca.Options{})
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	school := devca.Options{
		Now: now, Issuer: "https://issuer.example.org/school", Organization: "Oefenschool (TEST)", Registration: "NTRBE-0999999823",
		Source: qc.PublicBody{Country: "BE", Source: "Schoolregister (TEST)", Legislation: "OJ:BETEST-SCHOOL"},
	}
	if err := h.AddTenant("school", school); err != nil {
		t.Fatal(err)
	}
	if err := h.RotateSeal("school", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := h.Update(dir); err != nil {
		t.Fatal(err)
	}
	got, err := devca.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := got.Tenant("school")
	if err != nil || b.Issuer() != school.Issuer || b.Organization() != school.Organization || b.Registration() != school.Registration || len(b.FormerSeal) != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	if len(got.FormerSeal) != 0 || !got.Seal.Certificate.Equal(h.Seal.Certificate) {
		t.Error("the first body was rotated too")
	}
	if err := seal.CertifiesIssuer(b.Seal.Certificate, school.Issuer); err != nil {
		t.Error(err)
	}
	if err := seal.CertifiesIssuer(b.Seal.Certificate, got.Issuer()); err == nil {
		t.Error("the tenant's certificate stands for the first issuer")
	}
	store, err := got.Store(now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	law := &qc.PublicBody{Country: "BE", Legislation: "OJ:BETEST-SCHOOL"}
	for who, c := range map[string]*x509.Certificate{"now": b.Seal.Certificate, "former": b.FormerSeal[0]} {
		p, err := store.Certificates([]*x509.Certificate{c}, trust.UseSeal, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if found, err := store.Provider(p, trust.Issuance, law, now.Add(time.Hour)); err != nil || found.Name != school.Organization {
			t.Errorf("%s: %+v, %v", who, found, err)
		}
	}
	// One body's certificate is not listed for another's source.
	p, err := store.Certificates([]*x509.Certificate{got.Seal.Certificate}, trust.UseSeal, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Provider(p, trust.Issuance, law, now); err == nil {
		t.Error("the first body counts as the tenant")
	}
	for name, bend := range map[string]func(*devca.Options) string{
		"same name":   func(o *devca.Options) string { o.Issuer = "https://other.example.org"; return "school" },
		"same issuer": func(o *devca.Options) string { return "other" },
		"first's":     func(o *devca.Options) string { o.Issuer = got.Issuer(); return "other" },
		"no name":     func(o *devca.Options) string { o.Issuer = "https://other.example.org"; return "" },
		"path":        func(o *devca.Options) string { o.Issuer = "https://other.example.org"; return "../x" },
		"no issuer":   func(o *devca.Options) string { o.Issuer = ""; return "other" },
	} {
		o := school
		tenant := bend(&o)
		if err := got.AddTenant(tenant, o); !errors.Is(err, devca.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := got.Tenant("other"); !errors.Is(err, devca.ErrOptions) {
		t.Errorf("another tenant: %v", err)
	}
}

// A signer of mobile documents has the profile and leads to its authority
// only.
func TestDocumentSigner(t *testing.T) {
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	authority, err := h.DocumentAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := h.DocumentSigner(authority, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := mdoc.CheckDocumentSigner(signer.Certificate); err != nil {
		t.Error(err)
	}
	if err := signer.Certificate.CheckSignatureFrom(authority.Certificate); err != nil {
		t.Error(err)
	}
	for name, other := range map[string]devca.Pair{"seal": h.Seal, "status": h.Status, "metadata": h.Metadata, "registrar": h.Registrar} {
		if mdoc.CheckDocumentSigner(other.Certificate) == nil {
			t.Errorf("the certificate of %s passes as a document signer's", name)
		}
	}
}
