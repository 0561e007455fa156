package history_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/zegel-id/zegel/seal/history"
)

// ctLeaves and ctRoots are the test tree that implementations of RFC 6962 share.
var (
	ctLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	ctRoots  = []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

// tree is a tree of leaves with its hashes and roots.
type tree struct {
	leaves [][]byte
	hashes []tlog.Hash
	roots  []history.Checkpoint // by size
}

func (m *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, m.hashes[i])
	}
	return out, nil
}

func newTree(t testing.TB, leaves [][]byte) *tree {
	m := &tree{leaves: leaves, roots: []history.Checkpoint{{}}}
	for n, leaf := range leaves {
		more, err := tlog.StoredHashes(int64(n), leaf, m)
		if err != nil {
			t.Fatal(err)
		}
		m.hashes = append(m.hashes, more...)
		root, err := tlog.TreeHash(int64(n)+1, m)
		if err != nil {
			t.Fatal(err)
		}
		m.roots = append(m.roots, history.Checkpoint{Size: int64(n) + 1, Root: root})
	}
	return m
}

func text[P ~[]tlog.Hash](p P) []string {
	out := []string{}
	for _, h := range p {
		out = append(out, h.String())
	}
	return out
}

// The roots of the shared test tree come out, and our edge of a tree has them too.
func TestRoots(t *testing.T) {
	var leaves [][]byte
	for _, l := range ctLeaves {
		b, err := hex.DecodeString(l)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, b)
	}
	m := newTree(t, leaves)
	var edge history.Edge
	if _, ok := edge.Root(); ok {
		t.Error("an empty tree has a root")
	}
	for n, want := range ctRoots {
		edge.Add(leaves[n])
		root, ok := edge.Root()
		if hex.EncodeToString(root[:]) != want || !ok || m.roots[n+1].Root != root {
			t.Errorf("%d leaves: %x", n+1, root)
		}
	}
}

// Proofs of every place in trees of many sizes hold, and every one that is bent
// does not.
func TestProofs(t *testing.T) {
	var leaves [][]byte
	for n := range 70 {
		leaves = append(leaves, fmt.Appendf(nil, "leaf %d", n))
	}
	m := newTree(t, leaves)
	var edge history.Edge
	for size := int64(1); size <= 70; size++ {
		edge.Add(leaves[size-1])
		again, err := history.NewEdge(edge.Size(), edge.Hashes())
		if err != nil {
			t.Fatal(err)
		}
		if root, _ := again.Root(); root != m.roots[size].Root {
			t.Fatalf("edge of %d", size)
		}
		if _, err := history.NewEdge(size, append(edge.Hashes(), edge.Hashes()[0])); err == nil {
			t.Errorf("an edge of %d with one hash too many", size)
		}
		c := m.roots[size]
		for index := range size {
			proof, err := tlog.ProveRecord(size, index, m)
			if err != nil {
				t.Fatal(err)
			}
			p := history.InclusionProof{Index: index, Size: size, Proof: text(proof)}
			if err := p.Verify(c, leaves[index]); err != nil {
				t.Fatalf("%d in %d: %v", index, size, err)
			}
			if p.Verify(c, []byte("another")) == nil {
				t.Fatalf("%d in %d: another leaf", index, size)
			}
			other := c
			other.Root[0] ^= 1
			if p.Verify(other, leaves[index]) == nil {
				t.Fatalf("%d in %d: another root", index, size)
			}
			other = c
			other.Size++
			if p.Verify(other, leaves[index]) == nil {
				t.Fatalf("%d in %d: another size", index, size)
			}
			bent(p.Proof, func(hashes []string) {
				if (history.InclusionProof{Index: index, Size: size, Proof: hashes}).Verify(c, leaves[index]) == nil {
					t.Fatalf("%d in %d: %q", index, size, hashes)
				}
			})
		}
		for from := int64(1); from <= size; from++ {
			proof, err := tlog.ProveTree(size, from, m)
			if err != nil {
				t.Fatal(err)
			}
			p := history.ConsistencyProof{From: from, To: size, Proof: text(proof)}
			if err := p.Verify(m.roots[from], c); err != nil {
				t.Fatalf("%d to %d: %v", from, size, err)
			}
			for _, lie := range []func(old, next *history.Checkpoint){
				func(old, _ *history.Checkpoint) { old.Root[31] ^= 1 },
				func(_, next *history.Checkpoint) { next.Root[31] ^= 1 },
				func(old, _ *history.Checkpoint) { old.Size++ },
				func(_, next *history.Checkpoint) { next.Size-- },
			} {
				old, next := m.roots[from], c
				if lie(&old, &next); p.Verify(old, next) == nil {
					t.Fatalf("%d to %d holds for other trees", from, size)
				}
			}
			bent(p.Proof, func(hashes []string) {
				if (history.ConsistencyProof{From: from, To: size, Proof: hashes}).Verify(m.roots[from], c) == nil {
					t.Fatalf("%d to %d: %q", from, size, hashes)
				}
			})
		}
	}
}

// bent gives proofs that are not the one that was made.
func bent(proof []string, try func([]string)) {
	if len(proof) == 0 {
		return
	}
	try(proof[1:])
	try(append(append([]string{}, proof...), proof[0]))
	for i := range proof {
		other := append([]string{}, proof...)
		other[i] = history.Encode([][32]byte{{1}})[0]
		try(other)
		other = append([]string{}, proof...)
		other[i] = other[i] + "\n"
		try(other)
	}
}

func TestParseProofs(t *testing.T) {
	for _, s := range []string{"", "{}x", `{"index":1,"size":2,"leaf_hash":"","proof":[],"more":1}`, `{"index":-1.5}`, `{"index":1,"index":1}`, `[]`} {
		if _, err := history.ParseInclusion([]byte(s)); err == nil {
			t.Errorf("%s", s)
		}
		if _, err := history.ParseConsistency([]byte(s)); err == nil && s != "{}" {
			t.Errorf("%s", s)
		}
	}
}
