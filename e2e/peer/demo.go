// Package peer runs what the tests with independent software share: the
// demonstration as a child process, seen from outside, and scripts of Node.js
// packages. It is for tests only.
package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Demo is a running demonstration, seen from outside.
type Demo struct {
	// Data is the demonstration's directory, Wallet the one of Zegel's wallet.
	Data, Wallet string
	program      string
	// WalletProvider is the private key of the provider of AttestedWalletID, with
	// Serve only.
	WalletProvider jose.JWK `json:"-"`

	Issuer      string `json:"issuer"`
	Holder      string `json:"holder"`
	Verifier    string `json:"verifier"`
	SchoolKey   string `json:"school_key"`
	EmployerKey string `json:"employer_key"`
	Citizen     string `json:"citizen_with_diplomas"`
}

// StartDemo builds the command and runs `zegel demo` until the test ends.
func StartDemo(t *testing.T) Demo {
	t.Helper()
	dir := t.TempDir()
	s := Demo{program: build(t), Data: filepath.Join(dir, "demo"), Wallet: filepath.Join(dir, "wallet")}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), s.program, "demo", "--port", "0", "--data", s.Data)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, 20*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		// The test's context has ended by now, so the child has been told to.
		if err := <-ended; err != nil && cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("zegel demo ended with %v", err)
		}
		if t.Failed() {
			t.Logf("zegel demo said:\n%s", out.Bytes())
		}
	})
	// The file says that the demonstration has told its story and goes on
	// serving; it is not an address to wait for, because the listeners are open
	// before that.
	for {
		if _, err := os.Stat(filepath.Join(s.Data, "ready")); err == nil {
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("zegel demo ended early: %v", err)
		case <-t.Context().Done():
			t.Fatal("zegel demo did not become ready")
		case <-time.After(50 * time.Millisecond):
		}
	}
	b, err := os.ReadFile(filepath.Join(s.Data, "demo.json"))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Zegel runs a command against the demonstration, with a wallet of its own.
func (s Demo) Zegel(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.program, args...)
	cmd.Env = append(os.Environ(), "ZEGEL_SOCKET="+filepath.Join(s.Data, "admin.sock"), "ZEGEL_WALLET="+s.Wallet)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("zegel %s: %v\n%s", strings.Join(args[:2], " "), err, out)
	}
	return string(out)
}

// Call uses an API as an institution does.
func (s Demo) Call(t *testing.T, method, address, key string, in, out any) int {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	} else {
		req.Body, req.ContentLength = nil, 0
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, errors.Join(err, errors.New(res.Status)))
	}
	return res.StatusCode
}

// Offer is what the issuance API answers.
type Offer struct {
	ID       string          `json:"offer_id"`
	Object   json.RawMessage `json:"credential_offer"`
	Link     string          `json:"credential_offer_link"`
	TxCode   string          `json:"tx_code"`
	Accepted []struct {
		Record string `json:"record"`
	} `json:"accepted"`
}

func (o Offer) Reference() string { return o.Link }

// Value is the link that an institution makes itself, for a wallet that cannot
// reach the offer's address (OpenID4VCI 1.0, Section 4.1).
func (o Offer) Value() string {
	return "openid-credential-offer://?" + url.Values{"credential_offer": {string(o.Object)}}.Encode()
}

// Offer of a citizen's records, several in one.
func (s Demo) Offer(t *testing.T) Offer {
	t.Helper()
	o := s.post(t, map[string]any{"credential_configuration_id": "led_diploma", "supplier": "led", "subject": map[string]string{"insz": s.Citizen}})
	if len(o.Accepted) < 2 {
		t.Fatalf("an offer of %d records", len(o.Accepted))
	}
	return o
}

// Own is an offer of claims that the institution answers for.
func (s Demo) Own(t *testing.T, claims string) Offer {
	t.Helper()
	return s.post(t, map[string]any{"credential_configuration_id": "led_diploma", "claims": []json.RawMessage{json.RawMessage(claims)}})
}

func (s Demo) post(t *testing.T, order any) Offer {
	t.Helper()
	var o Offer
	if code := s.Call(t, "POST", s.Issuer+"/issuance/v1/offers", s.SchoolKey, order, &o); code != http.StatusCreated || !strings.Contains(o.Link, "credential_offer_uri=") {
		t.Fatalf("the offer: %d", code)
	}
	return o
}

// Issued checks what the institution sees of an offer that a wallet has taken.
func (s Demo) Issued(t *testing.T, o Offer, copies int, notification string) {
	t.Helper()
	var state struct {
		State       string `json:"state"`
		Credentials []struct {
			Status       string `json:"status"`
			Copies       int    `json:"copies"`
			Notification string `json:"notification"`
		} `json:"credentials"`
	}
	if code := s.Call(t, "GET", s.Issuer+"/issuance/v1/offers/"+o.ID, s.SchoolKey, nil, &state); code != http.StatusOK {
		t.Fatalf("the offer's state: %d", code)
	}
	if state.State != "issued" || len(state.Credentials) != len(o.Accepted) {
		t.Errorf("%s, %d credentials of %d records", state.State, len(state.Credentials), len(o.Accepted))
	}
	for _, c := range state.Credentials {
		if c.Status != "valid" || c.Copies != copies || c.Notification != notification {
			t.Errorf("%+v, want %d valid copies and %s", c, copies, notification)
		}
	}
}

// Transaction is what the verifier's API answers.
type Transaction struct {
	ID   string `json:"transaction_id"`
	Link string `json:"link"`
}

// Ask starts a transaction for claims of a diploma: on the same device when
// there is an address to come back to.
func (s Demo) Ask(t *testing.T, redirect, claims string) Transaction {
	t.Helper()
	in := map[string]any{"purpose": "recruitment", "flow": "cross-device"}
	if redirect != "" {
		in["flow"], in["redirect_uri"] = "same-device", redirect
	}
	in["dcql_query"] = json.RawMessage(`{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["` + s.Issuer + `/types/led-diploma"]},"claims":` + claims + `}]}`)
	var tx Transaction
	if code := s.Call(t, "POST", s.Verifier+"/verifier/v1/transactions", s.EmployerKey, in, &tx); code != http.StatusCreated {
		t.Fatalf("the transaction: %d", code)
	}
	return tx
}

// Outcome is what became of one check.
type Outcome struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
}

// Result is what the receiver learns of a transaction.
type Result struct {
	State         string `json:"state"`
	Verified      bool   `json:"verified"`
	Qualification string `json:"qualification"`
	Presentations []struct {
		Verified bool           `json:"verified"`
		Claims   map[string]any `json:"claims"`
		Checks   []Outcome      `json:"checks"`
	} `json:"presentations"`
	Checks      []Outcome `json:"checks"`
	WalletError string    `json:"wallet_error"`
}

func (s Demo) Result(t *testing.T, tx Transaction, responseCode string) (int, Result) {
	t.Helper()
	address := s.Verifier + "/verifier/v1/transactions/" + tx.ID + "/result"
	if responseCode != "" {
		address += "?response_code=" + url.QueryEscape(responseCode)
	}
	var r Result
	return s.Call(t, "GET", address, s.EmployerKey, nil, &r), r
}

// Verified fetches the result and checks that it holds and tells the claims at
// these paths, no more and no fewer.
func (s Demo) Verified(t *testing.T, tx Transaction, responseCode string, paths ...string) map[string]any {
	t.Helper()
	code, r := s.Result(t, tx, responseCode)
	if code != http.StatusOK || !r.Verified || len(r.Presentations) != 1 || !r.Presentations[0].Verified {
		t.Fatalf("the result: %d %+v", code, r)
	}
	p := r.Presentations[0]
	for _, c := range slices.Concat(r.Checks, p.Checks) {
		if c.Outcome != "passed" {
			t.Errorf("%s: %s", c.Name, c.Outcome)
		}
	}
	got := leaves("", p.Claims)
	slices.Sort(got)
	slices.Sort(paths)
	if !reflect.DeepEqual(got, paths) {
		t.Errorf("the verifier tells %v, asked for %v", got, paths)
	}
	return p.Claims
}

// leaves are the paths of the claims in an object, joined with dots.
func leaves(at string, claims map[string]any) []string {
	var out []string
	for name, value := range claims {
		if o, ok := value.(map[string]any); ok {
			out = append(out, leaves(at+name+".", o)...)
		} else {
			out = append(out, at+name)
		}
	}
	return out
}

// Anchor is a certificate of the demonstration's hierarchy.
func (s Demo) Anchor(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Data, "keys", "hierarchy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
