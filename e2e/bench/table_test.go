package bench

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/cputime"
)

var (
	full  = flag.Bool("table", false, "measure, and print the tables of docs/benchmarks.md; without it each side runs once")
	write = flag.Bool("write", false, "with -table, write the tables into docs/benchmarks.md")
)

// suites make the rows of the tables, which have one heading each. A suite of another
// format is one more line here and a file with its rows.
var suites = []struct {
	heading string
	rows    func(*testing.T) []row
}{
	{"Canonical form", canonicalisation},
	{"Canonical form", canonicalisationNode},
	{"eddsa-rdfc-2022", rdfc},
	{"eddsa-rdfc-2022", eddsa},
	{"eddsa-rdfc-2022", eddsaNode},
	{"eddsa-rdfc-2022", eddsaAries},
	{"ecdsa-sd-2023", ecdsaSD},
	{"ecdsa-sd-2023", ecdsaSDNode},
	{"bbs-2023", bbs2023Suite},
	{"bbs-2023", bbs2023Node},
	{"bbs-2023", bbsAries},
	{"SD-JWT VC", sdjwtVC},
	{"SD-JWT VC", sdjwtNode},
	{"SD-JWT VC", sdjwtAries},
	{"mdoc", mobileDocument},
	{"mdoc", mobileDocumentNode},
	{"vc+jwt", vcJWT},
	{"Evidence of seals", sealLevels},
	{"Signer's queue", signerQueue},
	{"Status list of 1,048,576 entries, one in ten set", statusLists},
	{"Status list of 1,048,576 entries, one in ten set", statusListsNode},
}

// row is one operation and what it is compared with.
type row struct {
	name, reference string
	ours, theirs    side
	// cost says how the ratio reads: how many times the reference ours costs, instead
	// of how many times ours the reference costs.
	cost bool
	goal float64
}

// side runs something n times and says the processor time that it took.
type side func(t *testing.T, n int) time.Duration

// local is something of this process.
func local(run func() error) side {
	return func(t *testing.T, n int) time.Duration {
		t.Helper()
		runtime.GC() // each pays for its own garbage
		start := cputime.Used()
		for range n {
			if err := run(); err != nil {
				t.Fatal(err)
			}
		}
		return cputime.Used() - start
	}
}

// repeated is something n times over.
func repeated(n int, run func() error) side {
	return local(func() error {
		for range n {
			if err := run(); err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	rounds = 9
	// batch is what a side runs for in a round, at least once.
	batch = 60 * time.Millisecond
)

// TestTable runs both sides of each row. With -table it measures them, by turns, so
// that a busy machine slows both, and prints the ratios: no figure fails it.
func TestTable(t *testing.T) {
	if *full {
		runtime.GOMAXPROCS(1)
	}
	var out bytes.Buffer
	heading, skipped := "", false
	for _, suite := range suites {
		t.Run(strings.ReplaceAll(suite.heading, " ", "-"), func(t *testing.T) {
			defer func() { skipped = skipped || t.Skipped() }()
			rows := suite.rows(t)
			if *full && heading != suite.heading {
				heading = suite.heading
				print(&out, "\n### "+heading+"\n\n| operation | reference | ours, µs | reference, µs | ratio | goal |\n|---|---|---:|---:|---:|---:|")
			}
			for _, r := range rows {
				r.ours(t, 1)
				r.theirs(t, 1)
				if *full {
					print(&out, r.measured(t))
				}
			}
		})
	}
	if *full && *write {
		if skipped || t.Failed() {
			t.Fatal("docs/benchmarks.md is left as it was: not all rows were measured")
		}
		put(t, machine(t)+"\n"+out.String())
	}
}

func print(out *bytes.Buffer, line string) {
	fmt.Println(line)
	fmt.Fprintln(out, line)
}

// times is how often something fits into a batch.
func times(once time.Duration) int { return max(1, min(2000, int(batch/max(once, time.Microsecond)))) }

// measured is the row as it stands in the table, of medians.
func (r row) measured(t *testing.T) string {
	n, theirN := times(r.ours(t, 3)/3), times(r.theirs(t, 3)/3)
	var mine, theirs, ratios []float64
	for range rounds {
		a := float64(r.ours(t, n)) / float64(n)
		b := float64(r.theirs(t, theirN)) / float64(theirN)
		mine, theirs = append(mine, a), append(theirs, b)
		if r.cost {
			ratios = append(ratios, a/b)
		} else {
			ratios = append(ratios, b/a)
		}
	}
	ratio := median(ratios)
	return fmt.Sprintf("| %s | %s | %.1f | %.1f | %.2f | %s |", r.name, r.reference, median(mine)/1e3, median(theirs)/1e3, ratio, r.judged(ratio))
}

// judged is the goal, and whether a ratio misses it.
func (r row) judged(ratio float64) string {
	sign, missed := "≥", ratio < r.goal
	if r.cost {
		sign, missed = "≤", ratio > r.goal
	}
	switch {
	case r.goal == 0:
		return ""
	case missed:
		return fmt.Sprintf("%s %.4g, missed", sign, r.goal)
	default:
		return fmt.Sprintf("%s %.4g", sign, r.goal)
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// machine says what the tables were measured on.
func machine(t *testing.T) string {
	t.Helper()
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(info), "model name\t: "); ok {
			model, _, _ = strings.Cut(after, "\n")
		}
	}
	node, err := exec.Command("node", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("Measured on %s: %s, %d processors, %s; %s, Node.js %s.", time.Now().Format("2 January 2006"),
		model, runtime.NumCPU(), runtime.GOOS, runtime.Version(), strings.TrimSpace(string(node)))
}

// put replaces the tables of docs/benchmarks.md, which stand between two marks.
func put(t *testing.T, tables string) {
	t.Helper()
	const file, from, to = "../../docs/benchmarks.md", "<!-- tables: written by e2e/bench -->\n", "<!-- end of tables -->\n"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), from)
	_, after, closed := strings.Cut(rest, to)
	if !ok || !closed {
		t.Fatalf("%s has not the marks %q and %q", file, from, to)
	}
	if err := os.WriteFile(file, []byte(before+from+"\n"+tables+"\n"+to+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
