package wholejob

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Vault is what the citizen is told of the vault.
type Vault struct {
	WebID   string `json:"webid"`
	DID     string `json:"did"`
	Storage string `json:"storage"`
	State   string `json:"state"`
}

// Told checks that a demonstration printed each step of its story and that
// each held.
func Told(t testing.TB, printed string) {
	t.Helper()
	for _, step := range []string{
		`(?m)^   WebID  http://localhost:`,
		`(?m)^     ok +L5_proof `,
		`(?m)^   accepted: .* Bachelor in de informatica \(4 copies\)$`,
		`(?m)^   index\.jwe .*\{"jwe":`,
		`(?m)^   The employer gets: \{"level":\{"eqf":"4"\},"title":"Diploma ASO `,
		`(?m)^   seal TOTAL_PASSED, AdESeal; provider on the list`,
		`(?m)^     ok +status +VALID$`,
		`(?m)^     FAILED status +the credential is revoked$`,
		`(?m)^   verified: false, and no claims are handed over$`,
		`(?m)^   The use log is intact\.`,
		`(?m)^All of it held\.$`,
	} {
		if !regexp.MustCompile(step).MatchString(printed) {
			t.Errorf("the story does not tell %s", step)
		}
	}
	if n := strings.Count(printed, "FAILED"); n != 1 {
		t.Errorf("%d checks failed, expected the one of the revoked credential", n)
	}
}

// Lotte is the vault of the story's citizen.
func (d *Demo) Lotte(t testing.TB) Vault {
	t.Helper()
	var v Vault
	if err := json.Unmarshal([]byte(d.Zegel(t, "wallet", "status")), &v); err != nil {
		t.Fatal(err)
	}
	if v.State != "active" || Status(t, v.WebID) != http.StatusOK {
		t.Fatalf("the vault is %s", v.State)
	}
	return v
}

// Delete has the citizen collect her diplomas once more and delete the vault.
// All that names it must then be gone for ever, and what was collected into it
// revoked. (Of what an institution offers by itself the issuer does not know
// which vault it is in.)
func (d *Demo) Delete(t testing.TB, v Vault) {
	t.Helper()
	var collected []statusRef
	for _, m := range accepted.FindAllStringSubmatch(d.Zegel(t, "wallet", "collect", "led"), -1) {
		collected = append(collected, d.statusRef(t, m[1]))
	}
	if len(collected) != 3 {
		t.Fatalf("%d credentials were collected, expected 3", len(collected))
	}
	for _, r := range collected {
		if got := r.status(t); got != valid {
			t.Errorf("a new credential's status is %#x, expected %#x", got, valid)
		}
	}

	d.Zegel(t, "wallet", "delete", "--for-ever")
	for _, address := range []string{v.WebID, v.WebID + "/did.json", v.WebID + "/link.jwt"} {
		if got := Status(t, address); got != http.StatusGone {
			t.Errorf("%s: status %d after the deletion, expected 410", address, got)
		}
	}
	time.Sleep(statusTTL)
	for _, r := range collected {
		if got := r.status(t); got != invalid {
			t.Errorf("a credential of the deleted vault has status %#x, expected %#x", got, invalid)
		}
	}
	if log := d.Zegel(t, "audit", "list", "--kind", "vault.delete"); !strings.Contains(log, `"complete"`) {
		t.Errorf("the use log does not say that the deletion is complete:\n%s", log)
	}
	if report := d.Zegel(t, "audit", "verify"); !strings.Contains(report, "intact") {
		t.Errorf("the use log: %s", report)
	}
	CleanDir(t, filepath.Join(d.Data, "use-log"))
}

// statusTTL is how long a demonstration's status list may be kept, and so how
// late a revocation may be seen.
const statusTTL = time.Second

var accepted = regexp.MustCompile(`(?m)^accepted: (\S+) `)
