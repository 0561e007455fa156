package zegel_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/zegel-id/zegel/"

// rooms says who may import whom: the first room that fits a package decides. A
// package outside every room is an error, so that a new room is a
// decision.
var rooms = []struct {
	room string // path prefix below the module
	may  []string
	why  string
}{
	{"cmd", []string{"*"}, "the command wires everything"},
	{"e2e", []string{"*"}, "whole flows"},

	{"issuer/api", append(ground, "issuer", "internal"), "an HTTP edge knows its role and the edge"},
	{"holder/api", append(ground, "holder", "internal"), "an HTTP edge knows its role and the edge"},
	{"verifier/api", append(ground, "verifier", "internal"), "an HTTP edge knows its role and the edge"},

	{"vcapi/api", append(ground, "vcapi", "internal"), "an HTTP edge knows its core and the edge"},

	{"vcapi", append(ground, "vcapi"), "it signs for its callers: no role, no supplier, no HTTP"},
	{"issuer", append(ground, "issuer", "internal/authz", "internal/provider", "internal/audit", "internal/capsule"), "roles meet only on the wire"},
	{"holder/unit", append(ground, "holder/unit"), "the wallet unit is pure: no server part, no edge"},
	{"holder/pod", append(ground, "holder/pod"), "a pod knows ciphertext only"},
	{"holder", append(ground, "holder/pod", "holder", "internal/audit", "internal/capsule", "internal/provider/identifier"), "roles meet only on the wire; no server part of the holder imports the unit"},
	{"verifier", append(ground, "verifier", "internal/audit", "internal/capsule", "internal/provider/declared"), "roles meet only on the wire; declared reads strict YAML"},

	{"internal/authz", append(ground, "internal/authz", "internal/capsule"), "the authorization server core sees no HTTP"},
	{"internal/provider", append(ground, "internal/provider"), "suppliers"},
	{"internal/signin", append(ground, "internal/provider/identifier"), "sign-in hands over a national number"},
	{"internal/audit", ground, "the use log"},
	{"internal/web", append(ground, "internal/web"), "pages"},
	{"internal/rest", append(ground, "internal/rest"), "the edge"},
	{"internal/devidp", nil, "a stranger to the product: tests and demo only"},
	{"internal/fetch", []string{"internal/jose"}, "the outbound client"},
	{"internal/capsule", nil, "one small thing"},
	{"internal/jose", []string{"internal/testvectors"}, "one small thing"},
	{"internal/cbor", nil, "one small thing"},
	{"internal/cose", []string{"internal/cbor", "internal/jose"}, "one small thing"},
	{"internal/testvectors", nil, "tests"},
	{"internal/testport", nil, "tests"},
	{"internal/tsltest", nil, "tests; a stranger to what it tests"},
	{"internal/errordoc", nil, "reads source, imports none of it"},
	{"internal/cputime", nil, "benchmarks"},

	{"credential/dataintegrity/internal/sdtest", append([]string{"internal/cputime"}, ground...), "tests and benchmarks"},
	{"credential", ground, "formats"},
	{"protocol", ground, "wire words"},
	{"seal/history", []string{"store", "internal/jose", "credential/jcs", "credential/internal/jsontree", "seal/qc"}, "the history knows keys, and nobody who uses them"},
	{"seal", ground, "seals"},
	{"did", ground, "identifiers"},
	{"contexts", ground, "contexts"},
	{"store", []string{"store"}, "the store knows nothing of what it keeps"},
}

// ground packages may use each other; no role, framework, driver or logger.
var ground = []string{"credential", "protocol", "seal", "did", "contexts", "store", "internal/jose", "internal/cbor", "internal/cose", "internal/testvectors"}

// fences name libraries that live behind one or a few packages.
var fences = []struct {
	library string
	rooms   []string
	why     string
}{
	{"github.com/gin-gonic/gin", []string{"issuer/api", "holder/api", "verifier/api", "internal/rest", "internal/web"}, "the framework stays at the edge"},
	{"go.mongodb.org/mongo-driver", []string{"store/mongo"}, "one driver, one package"},
	{"github.com/cockroachdb/pebble", []string{"store/embedded"}, "one driver, one package"},
	{"github.com/piprate/json-gold", []string{"contexts", "credential/vcdm"}, "the JSON-LD library is an oracle, not a habit"},
	{"github.com/hyperledger/aries-framework-go", []string{"did"}, "archived upstream: it stays in one room"},
	{"github.com/consensys/gnark-crypto", []string{"credential/bbs"}, "pairings and their curve stay behind the signature scheme"},
	{"github.com/beevik/etree", []string{"internal/provider/magda", "seal/trust/tsl"}, "XML stays where a counterpart speaks it: signed SOAP and trusted lists"},
	{"github.com/russellhaering/goxmldsig", []string{"internal/provider/magda/wssecurity", "seal/trust/tsl"}, "its canonicaliser is used, its validation is not"},
	{"software.sslmate.com/src/go-pkcs12", []string{"seal/keyring"}, "one format, one package"},
	{"golang.org/x/term", []string{"cmd"}, "only cmd has a terminal"},
	{"github.com/piglig/go-qr", []string{"verifier/api"}, "the code on the verifier's page"},
	{"github.com/zitadel/oidc", []string{"internal/devidp"}, "the development identity provider"},
	{"github.com/spf13/cobra", []string{"cmd"}, "only cmd reads flags"},
	{"github.com/goccy/go-yaml", []string{"cmd", "internal/provider", "verifier", "issuer"}, "configuration and declared mappings"},
	{"log/slog", []string{"cmd", "vcapi/api", "issuer", "holder/api", "holder", "verifier", "internal", "e2e"}, "ground packages are silent"},
	{"C", nil, "cgo in one library"},
	{"golang.org/x/mod", []string{"seal/history"}, "the Merkle tree and its signed roots stay behind the history of keys"},
	{"github.com/miekg/pkcs11", []string{"seal/pkcs11"}, "the only library that needs cgo stays in one room"},
}

// never lists arrows that a prefix above would allow.
var never = []struct{ from, to, why string }{
	{"holder", "holder/unit", "no server part of the holder may hold code that opens a vault"},
	{"holder/api", "holder/unit", "no server part of the holder may hold code that opens a vault"},
	{"holder", "holder/api", "the core sees no HTTP"},
	{"issuer", "issuer/api", "the core sees no HTTP"},
	{"verifier", "verifier/api", "the core sees no HTTP"},
	{"vcapi", "vcapi/api", "the core sees no HTTP"},
	{"seal", "seal/trust/tsl", "the wallet unit judges seals in a browser, without XML: the question and the answer are in seal/trust/inquiry"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func within(name, room string) bool { return name == room || strings.HasPrefix(name, room+"/") }

func TestDirection(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath+"/" == module {
			continue
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		i := slices.IndexFunc(rooms, func(r struct {
			room string
			may  []string
			why  string
		}) bool {
			return within(name, r.room)
		})
		if i < 0 {
			t.Errorf("%s is in no room: add it to the table with its reason", name)
			continue
		}
		for _, imported := range p.Imports {
			for _, f := range fences {
				if within(imported, f.library) && !slices.ContainsFunc(f.rooms, func(room string) bool { return within(name, room) }) {
					t.Errorf("%s imports %s, which belongs to %v: %s", name, imported, f.rooms, f.why)
				}
			}
			for _, n := range never {
				if name == n.from && imported == module+n.to {
					t.Errorf("%s imports %s: %s", name, n.to, n.why)
				}
			}
			below, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if !slices.ContainsFunc(rooms[i].may, func(m string) bool { return m == "*" || within(below, m) }) && !within(below, rooms[i].room) {
				t.Errorf("%s imports %s: %s", name, below, rooms[i].why)
			}
		}
	}
}
