package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	lists := trust.NewCRLs(nil, nil)
	for name, tc := range map[string]struct {
		c     *RevocationConfig
		fault string // of check, or of reading the suite
		asked string // the sources in order: l for lists, r for responders
		suite string
	}{
		"nothing":          {nil, "", "l", ""},
		"lists first":      {&RevocationConfig{Prefer: "crl"}, "", "lr", ""},
		"responders first": {&RevocationConfig{Prefer: "ocsp", Nonce: true, Algorithms: own}, "", "rl", "ours"},
		"neither":          {&RevocationConfig{}, "verifier.trust.revocation.prefer", "", ""},
		"no file":          {&RevocationConfig{Prefer: "crl", Algorithms: filepath.Join(dir, "none")}, "verifier.trust.revocation.algorithms", "", ""},
		"a broken file":    {&RevocationConfig{Prefer: "crl", Algorithms: broken}, "version, digests and keys", "", ""},
	} {
		faults := tc.c.check()
		suite, err := tc.c.suite()
		if len(faults) == 0 && err != nil {
			faults = append(faults, err)
		}
		if tc.fault != "" {
			if len(faults) != 1 || !strings.Contains(faults[0].Error(), tc.fault) {
				t.Errorf("%s: %v", name, faults)
			}
			continue
		}
		lists.Suite = suite
		asked := ""
		all, several := tc.c.source(lists, nil, nil).(trust.Preferred)
		if !several {
			all = trust.Preferred{lists}
		}
		for _, one := range all {
			switch x := one.(type) {
			case *trust.CRLs:
				asked += "l"
			case *trust.Responders:
				asked += "r"
				if x.Suite != suite {
					t.Errorf("%s: the responders believe other algorithms than the lists", name)
				}
			}
		}
		if len(faults) > 0 || asked != tc.asked || (tc.suite == "") != (suite == nil) || suite != nil && suite.Version() != tc.suite {
			t.Errorf("%s: %v, asks %s", name, faults, asked)
		}
	}
}
