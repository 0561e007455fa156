package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The example that is shipped holds no fault.
func TestExampleConfiguration(t *testing.T) {
	c, err := LoadConfig("../../deploy/zegel.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Issuer == nil || c.Holder == nil || c.Verifier == nil {
		t.Error("the example must configure every role")
	}
}

func TestConfigurationFaults(t *testing.T) {
	for name, x := range map[string]struct {
		yaml string
		want []string
	}{
		"nothing":                  {"", []string{"data:", "no role"}},
		"unknown key":              {"data: d\nisuer: {}\n", []string{"isuer"}},
		"plain http":               {"data: d\nissuer: {url: http://issuer.example.org, register: r}\n", []string{"issuer.url: found http"}},
		"http outside development": {"data: d\nissuer: {url: 'http://localhost:1', register: r}\n", []string{"issuer.url: found http"}},
		"slash at the end":         {"data: d\nissuer: {url: 'https://issuer.example.org/', register: r}\n", []string{"without a slash at the end"}},
		"no TLS off loopback":      {"data: d\nissuer: {url: 'https://issuer.example.org', listen: '0.0.0.0:443', register: r}\n", []string{"without TLS"}},
		"half a key pair":          {"data: d\nissuer: {url: 'https://issuer.example.org', listen: '127.0.0.1:1', certificate: c, register: r}\n", []string{"belong together"}},
		"many at once": {"profile: x\nstore: {kind: redis}\nissuer: {url: 'https://i.example', listen: '127.0.0.1:1', batch_size: 1, attestation: y, status_ttl: 1ms}\n",
			[]string{"profile:", "store.kind", "issuer.batch_size", "issuer.attestation", "issuer.status_ttl", "issuer.register", "data:"}},
		"types": {"data: d\nissuer: {url: 'https://i.example', listen: '127.0.0.1:1', register: r, types: [{id: a, metadata: m, proofs: [cwt]}, {id: b, metadata: m, scope: a, key_algorithms: [RS256]}, {id: c, metadata: m, proofs: [di_vp], key_dids: true}, {id: d, metadata: m, attested_keys: {}}]}\n",
			[]string{`issuer.types[0]: the proof type "cwt"`, "issuer.types[1].scope", `issuer.types[1]: the key algorithm "RS256"`, "issuer.types[2]: only jwt proofs", "issuer.types[3]: key attestations need trusted attesters"}},
		"sign-in of a type": {"data: d\nissuer: {url: 'https://i.example', listen: '127.0.0.1:1', register: r, sign_in: {acr: [weak]}, types: [{id: a, metadata: m, acr: [strong]}, {id: b, metadata: m, max_age: 1}, {id: c, metadata: m, max_age: 48h}]}\n",
			[]string{"issuer.types[0].acr: none of them", `issuer.types[1].max_age: found "1"`, "issuer.types[2].max_age"}},
		"no sign-in for a type": {"data: d\nissuer: {url: 'https://i.example', listen: '127.0.0.1:1', register: r, types: [{id: a, metadata: m, acr: [strong]}]}\n", []string{"issuer.types[0].acr: acr and max_age are demands"}},
		"wallets": {"data: d\nissuer: {url: 'https://i.example', listen: '127.0.0.1:1', register: r, refresh_life: 91d, wallets: [{id: a}, {id: b, name: B, keys: k, certificates: [c]}, {id: e, name: E, authorities: a}], wallet_providers: [{name: p}, {name: q, keys: k, wallets: [{id: c}, {id: d, name: D, keys: k}]}]}\n",
			[]string{"issuer.wallets[0]: id and name", "issuer.wallets[1]: keys, certificates", "issuer.wallets[2]: authorities and certificate_name belong together", "issuer.wallets[2]: certificates and authorities need TLS by this process", "issuer.wallet_providers[0]: keys or anchors", "issuer.wallet_providers[0].wallets", "issuer.wallet_providers[1].wallets[0]: id and name", "issuer.wallet_providers[1].wallets[1]: leave out", "issuer.refresh_life"}},
		"vc_api": {"data: d\nvc_api: {url: 'https://vc.example', listen: '127.0.0.1:1', unverified_status: 418, insecure_any_controller: true, issuers: [{name: A, cryptosuite: none}, {name: b, cryptosuite: bbs-2023, status: true}, {name: b, cryptosuite: jwt, verification_method: x}], holders: [{name: c, cryptosuite: ecdsa-sd-2023}], contexts: [{url: x}], clients: [{id: a, permissions: [all]}]}\n",
			[]string{"vc_api.unverified_status", "vc_api.insecure_inline_contexts and insecure_any_controller", `vc_api.issuers[0].name: found "A"`, "vc_api.issuers[0].cryptosuite", "vc_api.issuers[1].status: bbs-2023", "vc_api.issuers[2].name", "vc_api.issuers[2].verification_method", "vc_api.holders[0].cryptosuite", "vc_api.contexts[0]", "vc_api.clients[0].permissions"}},
		"vc_api for anybody behind a proxy": {"data: d\nvc_api: {url: 'https://vc.example', listen: '127.0.0.1:1'}\n", []string{"vc_api.clients: whoever reaches"}},
		"vc_api for a proxy's":              {"data: d\nvc_api: {url: 'https://localhost:1', listen: '127.0.0.1:1', trusted_proxies: [127.0.0.1]}\n", []string{"vc_api.clients: whoever reaches"}},
		"vc_api for anybody":                {"data: d\nvc_api: {url: 'https://localhost:1', listen: '0.0.0.0:1', certificate: c, key: k}\n", []string{"vc_api.clients: whoever reaches"}},
		"mongodb without a file":            {"data: d\nstore: {kind: mongodb}\nissuer: {url: 'https://i.example', listen: '127.0.0.1:1', register: r}\n", []string{"uri_file"}},
	} {
		path := filepath.Join(t.TempDir(), "zegel.yaml")
		if err := os.WriteFile(path, []byte(x.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadConfig(path)
		if err == nil {
			t.Errorf("%s: accepted %+v", name, c)
			continue
		}
		for _, want := range x.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
	}
}

func FuzzLoadConfig(f *testing.F) {
	f.Add("data: d\nissuer: {url: 'https://i.example', listen: '127.0.0.1:1', register: r}\n")
	f.Add("profile: development\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "zegel.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := LoadConfig(path); err != nil && c != nil {
			t.Fatal("a faulty configuration was returned")
		}
	})
}

// Files of wallets and their providers are found beside the configuration, like
// all others.
func TestWalletFilesAreRelative(t *testing.T) {
	c := Config{Issuer: &IssuerConfig{
		Wallets:         []WalletConfig{{Keys: "w.json", Certificates: []string{"w.pem", "/etc/w.pem"}}},
		WalletProviders: []WalletProviderConfig{{Keys: "p.json"}, {Anchors: "p.pem"}},
	}}
	c.relativeTo("/conf")
	w, p := c.Issuer.Wallets[0], c.Issuer.WalletProviders
	if got := []string{w.Keys, w.Certificates[0], w.Certificates[1], p[0].Keys, p[0].Anchors, p[1].Anchors}; !slices.Equal(got, []string{"/conf/w.json", "/conf/w.pem", "/etc/w.pem", "/conf/p.json", "", "/conf/p.pem"}) {
		t.Errorf("%q", got)
	}
}
