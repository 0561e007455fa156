package wholejob

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Status types (Token Status List, Section 7.1).
const (
	valid   = 0
	invalid = 1
)

// statusRef is where a credential's status stands (Token Status List, Section
// 6.2).
type statusRef struct {
	URI   string `json:"uri"`
	Index int    `json:"idx"`
}

// statusRef is that of the first copy of a credential in the vault.
func (d *Demo) statusRef(t testing.TB, name string) statusRef {
	t.Helper()
	var claims struct {
		Status struct {
			List *statusRef `json:"status_list"`
		} `json:"status"`
	}
	shown := d.Zegel(t, "wallet", "show", name)
	start := strings.Index(shown, "{")
	if start < 0 || json.Unmarshal([]byte(shown[start:]), &claims) != nil || claims.Status.List == nil {
		t.Fatalf("%s shows no status:\n%s", name, shown)
	}
	return *claims.Status.List
}

// status reads the status as anybody can. The list's signature is not
// looked at: others test that.
func (r statusRef) status(t testing.TB) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URI, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/statuslist+jwt")
	a := fetch(t, req)
	parts := strings.Split(string(a.body), ".")
	if a.status != http.StatusOK || len(parts) != 3 {
		t.Fatalf("the status list: status %d", a.status)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var token struct {
		List struct {
			Bits int    `json:"bits"`
			List string `json:"lst"`
		} `json:"status_list"`
	}
	if err := json.Unmarshal(payload, &token); err != nil {
		t.Fatal(err)
	}
	packed, err := base64.RawURLEncoding.DecodeString(token.List.List)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	list, err := io.ReadAll(io.LimitReader(z, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	bits := token.List.Bits
	if bits != 1 && bits != 2 && bits != 4 && bits != 8 || r.Index < 0 || r.Index*bits/8 >= len(list) {
		t.Fatalf("the status list has %d bits and %d bytes; index %d", bits, len(list), r.Index)
	}
	return int(list[r.Index*bits/8]) >> (r.Index * bits % 8) & (1<<bits - 1)
}
