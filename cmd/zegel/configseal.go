package main

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal/csc"
	"github.com/zegel-id/zegel/seal/pkcs11"
)

// SealConfig says where the seal key of an issuer or a tenant is, if it is not
// in the key directory: in a hardware module or at a trust service provider.
type SealConfig struct {
	PKCS11 *PKCS11Config `yaml:"pkcs11"`
	CSC    *CSCConfig    `yaml:"csc"`
	// Queue shares what the module or provider can do between those who use it.
	Queue QueueConfig `yaml:"queue"`
	// Wait is how long a request waits for its seals before the wallet is told to
	// come again, such as "10s" (the default; "25s" for csc). It must be longer
	// than the slowest signature.
	Wait string `yaml:"wait"`
	wait time.Duration
}

// QueueConfig bounds what is asked of a signer. Issuers that share a token or a
// client of a provider share its queue and must agree on it.
type QueueConfig struct {
	// AtOnce is how many signatures are made at once; if left out the sessions of
	// the token, or the batches of the provider times their size.
	AtOnce int `yaml:"at_once"`
	// Waiting is how many of one issuer may wait; 1000 if left out. What comes on
	// top is put off at once.
	Waiting int `yaml:"waiting"`
}

// PKCS11Config is a key in a hardware module.
type PKCS11Config struct {
	// Module is the absolute path of the maker's library.
	Module string `yaml:"module"`
	// TokenLabel names the token; TokenSerial tells two of one label apart.
	TokenLabel  string `yaml:"token_label"`
	TokenSerial string `yaml:"token_serial"`
	// KeyLabel and KeyID, in hexadecimal, name the key: one of them or both.
	KeyLabel string `yaml:"key_label"`
	KeyID    string `yaml:"key_id"`
	keyID    []byte
	// PINFile holds the user's PIN; it is read at each login.
	PINFile string `yaml:"pin_file"`
	// Sessions that are kept open; 8 if left out.
	Sessions int `yaml:"sessions"`
	// Timeout of a call, such as "10s" (the default).
	Timeout string `yaml:"timeout"`
	timeout time.Duration
	// CertificateFile is a PEM file: the certificate of the key and those above
	// it, leaf first, without the anchor.
	CertificateFile string `yaml:"certificate_file"`
}

// The ways in which a provider is told that it may sign.
const (
	authorizeExplicit = "explicit"
	authorizeOAuth    = "oauth2"
)

// CSCConfig is a key at a trust service provider with the CSC API v2.
type CSCConfig struct {
	// URL of the API, such as https://provider.example/csc/v2.
	URL          string `yaml:"url"`
	CredentialID string `yaml:"credential_id"`
	// TokenURL, ClientID and ClientSecretFile get service tokens (OAuth client
	// credentials).
	TokenURL         string `yaml:"token_url"`
	ClientID         string `yaml:"client_id"`
	ClientSecretFile string `yaml:"client_secret_file"`
	// Authorization of signatures: explicit, with SecretFiles, or oauth2.
	Authorization string `yaml:"authorization"`
	// SecretFiles hold what the credential asks for, by the provider's name of it,
	// such as PIN and OTP. They are read at each authorization.
	SecretFiles map[string]string `yaml:"secret_files"`
	// AuthorizeURL, PushedURL (if the provider has one) and RedirectURI are for
	// oauth2. The provider must answer with the redirect at once: there is nobody
	// here who could sign in.
	AuthorizeURL string `yaml:"authorize_url"`
	PushedURL    string `yaml:"pushed_url"`
	RedirectURI  string `yaml:"redirect_uri"`
	// AuthorizationDetails asks with authorization_details (RFC 9396).
	AuthorizationDetails bool `yaml:"authorization_details"`
	// CertificateFile is as in pkcs11; or CertificateSHA256, in hexadecimal, pins
	// the certificate, and the provider is asked for the chain.
	CertificateFile   string `yaml:"certificate_file"`
	CertificateSHA256 string `yaml:"certificate_sha256"`
	pin               []byte
	// Batch is the most signatures of one authorization: 100, or what the provider
	// allows if that is less, if left out. Parallel is how many batches are under
	// way at once; 1 if left out.
	Batch    int `yaml:"batch"`
	Parallel int `yaml:"parallel"`
	// Timeout of a call, such as "20s" (the default).
	Timeout string `yaml:"timeout"`
	timeout time.Duration
}

// paths are the file names of a SealConfig.
func (s *SealConfig) paths() []*string {
	if s == nil {
		return nil
	}
	var paths []*string
	if p := s.PKCS11; p != nil {
		paths = append(paths, &p.PINFile, &p.CertificateFile)
	}
	if c := s.CSC; c != nil {
		paths = append(paths, &c.ClientSecretFile, &c.CertificateFile)
	}
	return paths
}

// relativeTo makes file names relative to the configuration file.
func (s *SealConfig) relativeTo(dir string) {
	absolute := func(p string) string {
		if p == "" || filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, p)
	}
	for _, p := range s.paths() {
		*p = absolute(*p)
	}
	if s != nil && s.CSC != nil {
		for id, p := range s.CSC.SecretFiles {
			s.CSC.SecretFiles[id] = absolute(p)
		}
	}
}

// checkSeals reports the faults of where the issuer and its tenants have their
// seal keys, and fills in defaults.
func (i *IssuerConfig) checkSeals(profile string) []error {
	var faults []error
	shared := map[string]sharedSigner{}
	for n, one := range i.all() {
		if one.Seal == nil {
			continue
		}
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("- issuer%s.seal"+format, append([]any{tenantAt(n)}, args...)...))
		}
		one.Seal.check(profile, fault)
		name, terms := one.Seal.signer()
		if before, ok := shared[name]; name != "" && ok && before.terms != terms {
			fault(": found another %s than in issuer%s.seal, which uses the same token or provider; say the same in both", before.terms.differ(terms), tenantAt(before.n))
		} else if !ok {
			shared[name] = sharedSigner{n, terms}
		}
	}
	return faults
}

// sharedSigner is where a signer was named first, and how it is used.
type sharedSigner struct {
	n     int
	terms signerTerms
}

// signerTerms are what those who use one signer must agree on.
type signerTerms struct {
	queue    QueueConfig
	pinFile  string
	sessions int
	timeout  time.Duration
}

func (a signerTerms) differ(b signerTerms) string {
	switch {
	case a.queue != b.queue:
		return "queue"
	case a.pinFile != b.pinFile:
		return "pin_file"
	case a.sessions != b.sessions:
		return "sessions"
	default:
		return "timeout"
	}
}

// signer names the signer that a key is in: one queue stands before each.
func (s *SealConfig) signer() (string, signerTerms) {
	switch {
	case s.PKCS11 != nil:
		p := s.PKCS11
		return fmt.Sprintf("pkcs11 %q %q %q", p.Module, p.TokenLabel, p.TokenSerial), signerTerms{s.Queue, p.PINFile, p.Sessions, p.timeout}
	case s.CSC != nil:
		return fmt.Sprintf("csc %q %q", s.CSC.URL, s.CSC.ClientID), signerTerms{queue: s.Queue}
	default:
		return "", signerTerms{}
	}
}

// fault reports a fault; format begins with the field, such as ".wait: ".
type fault func(format string, args ...any)

func (s *SealConfig) check(profile string, bad fault) {
	if (s.PKCS11 == nil) == (s.CSC == nil) {
		bad(": name one of pkcs11 and csc; for a key in the key directory leave seal out")
	}
	if n := s.Queue.AtOnce; n < 0 || n > 1000 {
		bad(".queue.at_once: found %d, expected 1 to 1000", n)
	}
	if n := s.Queue.Waiting; n < 0 || n > 100_000 {
		bad(".queue.waiting: found %d, expected 1 to 100000", n)
	}
	standard := 10 * time.Second
	if s.CSC != nil {
		standard = 25 * time.Second
	}
	s.wait = bad.duration(".wait", s.Wait, standard, 45*time.Second)
	if s.PKCS11 != nil {
		s.PKCS11.check(bad)
	}
	if s.CSC != nil {
		s.CSC.check(profile, bad)
	}
}

// needed reports fields that are empty.
func (bad fault) needed(at string, fields ...[2]string) {
	for _, f := range fields {
		if f[1] == "" {
			bad("%s.%s: it is needed", at, f[0])
		}
	}
}

func (bad fault) duration(at, text string, standard, most time.Duration) time.Duration {
	if text == "" {
		return standard
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 100*time.Millisecond || d > most {
		bad("%s: found %q, expected a duration from 100ms to %s", at, text, most)
	}
	return d
}

func (p *PKCS11Config) check(bad fault) {
	if !pkcs11.Available {
		bad(".pkcs11: %w", pkcs11.ErrUnavailable)
	}
	bad.needed(".pkcs11", [2]string{"module", p.Module}, [2]string{"token_label", p.TokenLabel},
		[2]string{"pin_file", p.PINFile}, [2]string{"certificate_file", p.CertificateFile})
	if p.Module != "" && !filepath.IsAbs(p.Module) {
		bad(".pkcs11.module: found %q, expected the absolute path of a library, such as /usr/lib/softhsm/libsofthsm2.so", p.Module)
	}
	var err error
	if p.keyID, err = hex.DecodeString(p.KeyID); err != nil {
		bad(".pkcs11.key_id: found %q, expected hexadecimal digits", p.KeyID)
	}
	if p.KeyLabel == "" && p.KeyID == "" {
		bad(".pkcs11.key_label: name the key with key_label, key_id or both")
	}
	if p.Sessions == 0 {
		p.Sessions = pkcs11.DefaultSessions
	}
	if p.Sessions < 1 || p.Sessions > pkcs11.MaxSessions {
		bad(".pkcs11.sessions: found %d, expected 1 to %d", p.Sessions, pkcs11.MaxSessions)
	}
	p.timeout = bad.duration(".pkcs11.timeout", p.Timeout, pkcs11.DefaultTimeout, time.Minute)
}

func (c *CSCConfig) check(profile string, bad fault) {
	bad.needed(".csc", [2]string{"credential_id", c.CredentialID}, [2]string{"client_id", c.ClientID}, [2]string{"client_secret_file", c.ClientSecretFile})
	bad.address(profile, ".csc.url", c.URL)
	bad.address(profile, ".csc.token_url", c.TokenURL)
	c.checkAuthorization(profile, bad)
	if (c.CertificateFile == "") == (c.CertificateSHA256 == "") {
		bad(".csc.certificate_file: name the file with the certificate of the credential, or its SHA-256 in certificate_sha256; one of them")
	}
	var err error
	if c.pin, err = hex.DecodeString(c.CertificateSHA256); err != nil || len(c.pin) != 0 && len(c.pin) != 32 {
		bad(".csc.certificate_sha256: found %q, expected 64 hexadecimal digits", c.CertificateSHA256)
	}
	if c.Batch == 0 {
		c.Batch = csc.DefaultBatch
	}
	if c.Parallel == 0 {
		c.Parallel = 1
	}
	if c.Batch < 1 || c.Batch > csc.MaxBatch {
		bad(".csc.batch: found %d, expected 1 to %d", c.Batch, csc.MaxBatch)
	}
	if c.Parallel < 1 || c.Parallel > 100 {
		bad(".csc.parallel: found %d, expected 1 to 100", c.Parallel)
	}
	c.timeout = bad.duration(".csc.timeout", c.Timeout, csc.DefaultTimeout, time.Minute)
}

func (c *CSCConfig) checkAuthorization(profile string, bad fault) {
	for _, id := range slices.Sorted(maps.Keys(c.SecretFiles)) {
		if id == "" || c.SecretFiles[id] == "" {
			bad(".csc.secret_files: found %q: %q, expected what the secret is and its file, such as PIN: csc.pin", id, c.SecretFiles[id])
		}
	}
	switch c.Authorization {
	case "", authorizeExplicit:
		c.Authorization = authorizeExplicit
		if c.AuthorizeURL != "" || c.PushedURL != "" || c.RedirectURI != "" || c.AuthorizationDetails {
			bad(".csc.authorization: authorize_url, pushed_url, redirect_uri and authorization_details are for oauth2; say authorization: oauth2 or leave them out")
		}
	case authorizeOAuth:
		if len(c.SecretFiles) > 0 {
			bad(".csc.secret_files: they are for authorization: explicit; leave them out")
		}
		bad.needed(".csc", [2]string{"redirect_uri", c.RedirectURI})
		bad.address(profile, ".csc.authorize_url", c.AuthorizeURL)
		if c.PushedURL != "" {
			bad.address(profile, ".csc.pushed_url", c.PushedURL)
		}
	default:
		bad(".csc.authorization: found %q, expected %s or %s", c.Authorization, authorizeExplicit, authorizeOAuth)
	}
}

// address reports what is no address to call: https, or http on loopback in the
// development profile.
func (bad fault) address(profile, at, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		bad("%s: found %q, expected an address without a query, such as https://provider.example/csc/v2", at, text)
		return
	}
	if u.Scheme != "https" && (u.Scheme != "http" || profile != ProfileDevelopment || !isLoopback(u.Hostname())) {
		bad("%s: found %q, expected https (plain http is for the development profile on loopback)", at, text)
	}
}
