// Package testport finds ports for servers that tests start as processes of their
// own, and so cannot hand a listener to. It is for tests alone.
package testport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports below those that systems give to outgoing connections and to listeners
// that name none (RFC 6335, Section 6; Linux: from 32768): between the moment a
// port is found and the moment the server listens nobody else comes by it, but
// for another test that guesses the same.
const first, count = 20000, 12000

// Free is an address of the loopback interface where nothing listens.
func Free(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(count))
		if l, err := net.Listen("tcp", address); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
