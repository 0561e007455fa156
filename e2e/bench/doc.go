// Package bench holds the table of docs/benchmarks.md: what this code costs, beside
// what others' libraries and the bare cryptography cost on the same input. It is
// all in tests, because only they may import those libraries.
package bench
