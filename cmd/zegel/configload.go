package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/zegel-id/zegel/holder/pod/solid"
)

// LoadConfig reads and checks a configuration; all faults are told at once.
func LoadConfig(path string) (*Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c Config
	if err := yaml.UnmarshalWithOptions(b, &c, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.path = path
	c.relativeTo(filepath.Dir(path))
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("%s:\n%w", path, err)
	}
	return &c, nil
}

// relativeTo makes file names relative to the configuration file.
func (c *Config) relativeTo(dir string) {
	paths := []*string{&c.Data, &c.Keys, &c.Socket, &c.Store.URIFile}
	for n := range c.UseLog.EarlierKeys {
		paths = append(paths, &c.UseLog.EarlierKeys[n])
	}
	listen := func(l *ListenConfig) { paths = append(paths, &l.Certificate, &l.Key, &l.ClientCA) }
	signIn := func(s *SignInConfig) {
		if s != nil {
			paths = append(paths, &s.ClientSecretFile)
		}
	}
	for _, i := range c.Issuer.all() {
		listen(&i.ListenConfig)
		signIn(i.SignIn)
		i.Seal.relativeTo(dir)
		paths = append(paths, &i.Register, &i.Attesters.Keys, &i.Attesters.Anchors)
		paths = append(paths, i.walletPaths()...)
		for n := range i.Wallets {
			w := &i.Wallets[n]
			paths = append(paths, &w.Keys, &w.Authorities)
			for m := range w.Certificates {
				paths = append(paths, &w.Certificates[m])
			}
		}
		for n := range i.WalletProviders {
			p := &i.WalletProviders[n]
			paths = append(paths, &p.Keys, &p.Anchors)
		}
		for n := range i.Connectors {
			c := &i.Connectors[n]
			paths = append(paths, &c.Source, &c.File, &c.Certificate, &c.Key, &c.Roots, &c.TokenFile, &c.Security.AnswersRoots)
			if c.Mapping != builtinMapping {
				paths = append(paths, &c.Mapping)
			}
		}
		for n := range i.Types {
			if t := &i.Types[n]; t.Metadata != builtinMapping {
				paths = append(paths, &t.Metadata)
			}
		}
	}
	if h := c.Holder; h != nil {
		listen(&h.ListenConfig)
		signIn(h.SignIn)
		for i := range h.Issuers {
			paths = append(paths, &h.Issuers[i].KeyFile)
		}
		if h.TimeStamps != nil {
			paths = append(paths, &h.TimeStamps.Anchors)
		}
	}
	if v := c.Verifier; v != nil {
		paths = append(paths, v.Trust.Revocation.paths()...)
		listen(&v.ListenConfig)
		paths = append(paths, &v.Receivers, &v.Trust.ListSigner, &v.Trust.TimestampAnchors)
		if v.Trust.Lists != nil {
			paths = append(paths, &v.Trust.Lists.Certificates)
		}
		paths = append(paths, v.sealPaths()...)
		for i := range v.Policies {
			paths = append(paths, &v.Policies[i].File)
		}
		for i := range v.Webhooks {
			for n := range v.Webhooks[i].SecretFiles {
				paths = append(paths, &v.Webhooks[i].SecretFiles[n])
			}
		}
	}
	if c.VCAPI != nil {
		paths = append(paths, c.VCAPI.paths()...)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// Check reports every fault of the configuration.
func (c *Config) Check() error {
	var faults []error
	var err error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("- "+format, args...)) }
	if c.Profile == "" {
		c.Profile = ProfileProduction
	}
	if c.Profile != ProfileProduction && c.Profile != ProfileDevelopment {
		fault("profile: found %q, expected production or development", c.Profile)
	}
	if c.Data == "" {
		fault("data: name the directory where this process keeps its files")
	}
	if c.Keys == "" {
		c.Keys = filepath.Join(c.Data, "keys")
	}
	if c.Socket == "" {
		c.Socket = filepath.Join(c.Data, "admin.sock")
	}
	switch c.Store.Kind {
	case "", "embedded":
		c.Store.Kind = "embedded"
	case "mongodb":
		if c.Store.URIFile == "" || c.Store.Database == "" {
			fault("store: mongodb needs uri_file (a file that holds the connection string) and database")
		}
	default:
		fault("store.kind: found %q, expected embedded or mongodb", c.Store.Kind)
	}
	if c.Issuer == nil && c.Holder == nil && c.Verifier == nil && c.VCAPI == nil {
		fault("no role: configure issuer, holder, verifier or vc_api")
	}
	if c.Issuer != nil {
		faults = append(faults, c.Issuer.check(c.Profile)...)
		faults = append(faults, c.Issuer.checkSeals(c.Profile)...)
	}
	if h := c.Holder; h != nil {
		faults = append(faults, h.TimeStamps.check(c.Profile, c.Verifier != nil && c.Verifier.Trust.Lists != nil)...)
		faults = append(faults, h.check("holder", c.Profile)...)
		if h.SignIn == nil {
			fault("holder.sign_in: citizens need an OpenID provider to sign in with")
		}
		switch h.Pods.Kind {
		case "", "local":
			h.Pods.Kind = "local"
		case "solid":
			if err := solid.CheckServer(h.Pods.URL); err != nil {
				fault("holder.pods.url: found %q: %w", h.Pods.URL, err)
			} else if c.Profile != ProfileDevelopment && !strings.HasPrefix(h.Pods.URL, "https://") {
				fault("holder.pods.url: found http; expected https (plain http is for the development profile on loopback)")
			}
		default:
			fault("holder.pods.kind: found %q, expected local or solid", h.Pods.Kind)
		}
	}
	if v := c.Verifier; v != nil {
		faults = append(faults, v.check("verifier", c.Profile)...)
		if v.Receivers == "" {
			fault("verifier.receivers: name the file with the register of receiving organisations")
		}
		if v.ResultGrace == "" {
			v.ResultGrace = "30s"
		}
		if v.resultGrace, err = time.ParseDuration(v.ResultGrace); err != nil || v.resultGrace < 0 || v.resultGrace > 5*time.Minute {
			fault("verifier.result_grace: found %q, expected a duration from 0s to 5m", v.ResultGrace)
		}
		faults = append(faults, v.checkPolicies()...)
		faults = append(faults, v.checkWebhooks(c.Profile)...)
		faults = append(faults, v.checkIdentifiers()...)
		if (v.Trust.PubEAAList == "") != (v.Trust.ListSigner == "") {
			fault("verifier.trust: pub_eaa_list and list_signer belong together")
		}
		faults = append(faults, v.Trust.Lists.check(c.Profile)...)
		faults = append(faults, v.Trust.Revocation.check()...)
	}
	if c.VCAPI != nil {
		faults = append(faults, c.checkVCAPI()...)
	}
	return errors.Join(faults...)
}

func (l *ListenConfig) check(role, profile string) []error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("- "+role+"."+format, args...))
	}
	u, err := url.Parse(l.URL)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(l.URL, "/") {
		return append(faults, fmt.Errorf("- %s.url: found %q, expected a base URL such as https://%s.example.org without a slash at the end", role, l.URL, role))
	}
	switch u.Scheme {
	case "https":
	case "http":
		if profile != ProfileDevelopment || !isLoopback(u.Hostname()) {
			fault("url: found http; expected https (plain http is for the development profile on loopback)")
		}
	default:
		fault("url: found scheme %q, expected https", u.Scheme)
	}
	if l.Listen == "" {
		port := u.Port()
		if port == "" {
			port = "443"
		}
		l.Listen = net.JoinHostPort(u.Hostname(), port)
	}
	if (l.Certificate == "") != (l.Key == "") {
		fault("certificate and key belong together")
	}
	host, _, err := net.SplitHostPort(l.Listen)
	if err != nil {
		fault("listen: found %q, expected host:port", l.Listen)
	} else if l.Certificate == "" && !isLoopback(host) {
		fault("listen: %s is served without TLS and is not on loopback; give certificate and key, or listen on loopback behind a proxy", l.Listen)
	}
	return faults
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
