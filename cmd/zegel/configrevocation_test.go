package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

func TestRevocationConfig(t *testing.T) {
	dir := t.TempDir()
	own, broken := filepath.Join(dir, "own.json"), filepath.Join(dir, "broken.json")
	for file, text := range map[string]string{own: `{"version":"ours","digests":[{"name":"SHA-256"}],"keys":[{"name":"ECDSA","bits":256}]}`, broken: `{}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lists, responders := trust.NewCRLs(nil, nil), trust.NewResponders(nil, nil, nil)
	for name, tc := range map[string]struct {
		c     *RevocationConfig
		fault string // of check, or of apply
		first trust.RevocationSource
		suite string
	}{
		"nothing":          {nil, "", lists, ""},
		"lists first":      {&RevocationConfig{Prefer: "crl"}, "", lists, ""},
		"responders first": {&RevocationConfig{Prefer: "ocsp", Nonce: true, Algorithms: own}, "", responders, "ours"},
		"neither":          {&RevocationConfig{}, "verifier.trust.revocation.prefer", nil, ""},
		"no file":          {&RevocationConfig{Prefer: "crl", Algorithms: filepath.Join(dir, "none")}, "verifier.trust.revocation.algorithms", nil, ""},
		"a broken file":    {&RevocationConfig{Prefer: "crl", Algorithms: broken}, "version, digests and keys", nil, ""},
	} {
		v := &seal.Validator{Revocation: lists}
		faults := tc.c.check()
		if len(faults) == 0 {
			if err := tc.c.apply(v, lists, responders); err != nil {
				faults = append(faults, err)
			}
		}
		if tc.fault != "" {
			if len(faults) != 1 || !strings.Contains(faults[0].Error(), tc.fault) {
				t.Errorf("%s: %v", name, faults)
			}
			continue
		}
		first := v.Revocation
		if p, ok := first.(trust.Preferred); ok && len(p) == 2 {
			first = p[0]
		}
		if len(faults) > 0 || first != tc.first || (tc.suite == "") != (v.Suite == nil) || v.Suite != nil && v.Suite.Version() != tc.suite {
			t.Errorf("%s: %v, first %T", name, faults, first)
		}
	}
}
