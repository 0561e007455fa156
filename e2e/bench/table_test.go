package bench

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/cputime"
)

var full = flag.Bool("table", false, "measure, and print the table of docs/benchmarks.md; without it each side runs once")

// suites make the rows of the table. A suite of another format is one more line
// here and a file with its rows.
var suites = []func(*testing.T) []row{
	canonicalisation,     // against json-gold and aries-framework-go
	canonicalisationNode, // against jsonld and rdf-canonize
	rdfc,                 // the steps of eddsa-rdfc-2022 against its signature
	eddsa,                // eddsa-rdfc-2022 whole against its signature
	selectiveECDSA,       // ecdsa-sd-2023 against its signatures

	// Room for: SD-JWT VC, mdoc, bbs-2023, status lists.
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

const (
	rounds = 9
	// batch is what a side runs for in a round.
	batch = 60 * time.Millisecond
)

// TestTable runs both sides of each row. With -table it measures them, by turns, so
// that a busy machine slows both, and prints the ratios: no figure fails it.
func TestTable(t *testing.T) {
	if *full {
		runtime.GOMAXPROCS(1)
		fmt.Println("| operation | reference | ours, µs | reference, µs | ratio | goal |")
		fmt.Println("|---|---|---:|---:|---:|---:|")
	}
	for _, suite := range suites {
		t.Run("", func(t *testing.T) {
			for _, r := range suite(t) {
				r.ours(t, 1)
				r.theirs(t, 1)
				if *full {
					r.print(t, times(r.ours(t, 10)/10), times(r.theirs(t, 10)/10))
				}
			}
		})
	}
}

// times is how often something fits into a batch.
func times(once time.Duration) int { return max(1, min(2000, int(batch/max(once, time.Microsecond)))) }

func (r row) print(t *testing.T, n, theirN int) {
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
	sign := "≥"
	if r.cost {
		sign = "≤"
	}
	goal := ""
	if r.goal > 0 {
		goal = fmt.Sprintf("%s %.4g", sign, r.goal)
	}
	fmt.Printf("| %s | %s | %.1f | %.1f | %.2f | %s |\n", r.name, r.reference, median(mine)/1e3, median(theirs)/1e3, median(ratios), goal)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
