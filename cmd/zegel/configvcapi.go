package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/zegel-id/zegel/vcapi"
	vcapihttp "github.com/zegel-id/zegel/vcapi/api"
)

// VCAPIConfig configures the verifiable credential API (docs/vc-api.md), which is
// off without it. It signs what its callers send.
type VCAPIConfig struct {
	ListenConfig `yaml:",inline"`
	// Issuers and Holders sign with one key each, below /issuers/<name> and
	// /holders/<name>.
	Issuers []VCIssuerConfig   `yaml:"issuers"`
	Holders []VCInstanceConfig `yaml:"holders"`
	// Network lets the verifier fetch did:web and https documents and the status
	// lists of others, at public addresses. Without it did:key and did:jwk are
	// resolved, and lists of this server.
	Network bool `yaml:"network"`
	// UnverifiedStatus is the HTTP status for what does not hold: 200 (the default)
	// or 400, which the test suites of the W3C expect.
	UnverifiedStatus int `yaml:"unverified_status"`
	// Contexts are JSON-LD contexts beside the embedded ones, from files.
	Contexts []ContextConfig `yaml:"contexts"`
	// InsecureInlineContexts lets documents write contexts out, as those of the test
	// suites do: what a name in them means is then for whoever sent them to say.
	InsecureInlineContexts bool `yaml:"insecure_inline_contexts"`
	// InsecureAnyController takes proofs of others than the issuer, as the vectors of
	// the test suites have them: anybody can then issue in anybody's name.
	InsecureAnyController bool `yaml:"insecure_any_controller"`
	// Clients may call it, with permissions issue, hold and verify. Without any,
	// everybody on this machine may, and it must be on loopback.
	Clients []ClientConfig `yaml:"clients"`
}

// VCInstanceConfig is who signs.
type VCInstanceConfig struct {
	// Name stands in its addresses.
	Name string `yaml:"name"`
	// Cryptosuite is eddsa-rdfc-2022, eddsa-jcs-2022, ecdsa-rdfc-2019,
	// ecdsa-jcs-2019, ecdsa-sd-2023, bbs-2023 or jwt.
	Cryptosuite vcapi.Suite `yaml:"cryptosuite"`
	// Key is a file that `zegel keys instance` made; empty means
	// <keys>/vc-api/<name>.pem.
	Key string `yaml:"key"`
	// ID is its identifier; empty means the did:key of the key. Any other needs
	// VerificationMethod, the URL of the key in a document that is published
	// elsewhere.
	ID                 string `yaml:"id"`
	VerificationMethod string `yaml:"verification_method"`
}

// VCIssuerConfig is an issuer.
type VCIssuerConfig struct {
	VCInstanceConfig `yaml:",inline"`
	// Status gives every credential an entry in a Bitstring Status List.
	Status bool `yaml:"status"`
}

// ContextConfig is a JSON-LD context.
type ContextConfig struct {
	URL  string `yaml:"url"`
	File string `yaml:"file"`
}

// instances are all who sign, with the names of their fields.
func (v *VCAPIConfig) instances() map[string]*VCInstanceConfig {
	all := map[string]*VCInstanceConfig{}
	for i := range v.Issuers {
		all[fmt.Sprintf("issuers[%d]", i)] = &v.Issuers[i].VCInstanceConfig
	}
	for i := range v.Holders {
		all[fmt.Sprintf("holders[%d]", i)] = &v.Holders[i]
	}
	return all
}

// paths are the file names in it.
func (v *VCAPIConfig) paths() []*string {
	paths := []*string{&v.Certificate, &v.ListenConfig.Key, &v.ClientCA}
	for i := range v.Contexts {
		paths = append(paths, &v.Contexts[i].File)
	}
	for _, one := range v.instances() {
		paths = append(paths, &one.Key)
	}
	return paths
}

// checkVCAPI reports the faults that show without reading a file.
func (c *Config) checkVCAPI() []error {
	v := c.VCAPI
	faults := v.check("vc_api", c.Profile)
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("- vc_api."+format, args...))
	}
	names := map[string]bool{}
	for i := range v.Issuers {
		v.Issuers[i].checkInstance(fmt.Sprintf("issuers[%d]", i), c.Keys, names, fault)
		if v.Issuers[i].Status && v.Issuers[i].Cryptosuite == vcapi.BBS {
			fault("issuers[%d].status: bbs-2023 has no proof of a whole document, which a status list needs; leave status off", i)
		}
	}
	names = map[string]bool{}
	for i := range v.Holders {
		v.Holders[i].checkInstance(fmt.Sprintf("holders[%d]", i), c.Keys, names, fault)
		if v.Holders[i].Cryptosuite.Selective() {
			fault("holders[%d].cryptosuite: %s is for issuers; presentations are signed whole", i, v.Holders[i].Cryptosuite)
		}
	}
	if v.UnverifiedStatus == 0 {
		v.UnverifiedStatus = 200
	}
	if v.UnverifiedStatus != 200 && v.UnverifiedStatus != 400 {
		fault("unverified_status: found %d, expected 200 or 400", v.UnverifiedStatus)
	}
	if c.Profile != ProfileDevelopment && (v.InsecureInlineContexts || v.InsecureAnyController) {
		fault("insecure_inline_contexts and insecure_any_controller are for test suites, in the development profile")
	}
	for i, one := range v.Contexts {
		if u, err := url.Parse(one.URL); err != nil || !u.IsAbs() || one.File == "" {
			fault("contexts[%d]: give url, as documents name the context, and file", i)
		}
	}
	for i, one := range v.Clients {
		for _, p := range one.Permissions {
			if !slices.Contains([]string{vcapihttp.Issue, vcapihttp.Hold, vcapihttp.Verify}, p) {
				fault("clients[%d].permissions: found %q, expected issue, hold or verify", i, p)
			}
		}
	}
	if len(v.Clients) == 0 && !v.local() {
		fault("clients: whoever reaches %s could have credentials signed; name clients, or serve on loopback under a loopback url without trusted_proxies", v.URL)
	}
	return faults
}

// local: nobody but this machine can call, also not through a proxy that serves
// the url to others.
func (v *VCAPIConfig) local() bool {
	u, err := url.Parse(v.URL)
	l, err2 := url.Parse("http://" + v.Listen)
	return err == nil && err2 == nil && isLoopback(u.Hostname()) && isLoopback(l.Hostname()) && len(v.TrustedProxies) == 0
}

func (i *VCInstanceConfig) checkInstance(field, keys string, names map[string]bool, fault func(string, ...any)) {
	if !vcapi.ValidName(i.Name) || names[i.Name] {
		fault("%s.name: found %q, expected lower-case letters, digits and hyphens, and another name for each", field, i.Name)
	}
	names[i.Name] = true
	if !i.Cryptosuite.Known() {
		fault("%s.cryptosuite: found %q, expected one of %v", field, i.Cryptosuite, vcapi.Suites())
	}
	if i.VerificationMethod != "" && i.ID == "" {
		fault("%s.verification_method: belongs to an id; leave it out for the did:key of the key", field)
	}
	if i.Key == "" {
		i.Key = filepath.Join(keys, instanceDir, i.Name+".pem")
	}
}
