package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

func TestTrustAdmin(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	p := newUnionScene(t, now)
	i := newInstallation(t, p, now)
	p.all(7, i.hierarchy.SealCA.Certificate, now)
	i.start()
	i.eventually("ready", func() bool { return i.ready() == "" })
	leaf := string(trust.EncodePEM(i.hierarchy.Seal.Certificate))
	body := func(chain string) string {
		b, err := json.Marshal(map[string]string{"chain": chain})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}

	// Only the server's own user has the socket, and nobody else has the routes.
	if info, err := os.Stat(i.c.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v", info, err)
	}
	for _, path := range []string{"/trust/lists", "/trust/fetch", "/trust/explain"} {
		for _, method := range []string{"GET", "POST"} {
			if status, text := i.do(method, path, ""); status != http.StatusNotFound {
				t.Errorf("the verifier answers %s %s: %d %s", method, path, status, text)
			}
		}
	}

	for name, c := range map[string]struct {
		method, path, mediaType, body string
		status                        int
		words                         string
	}{
		"lists":                         {"GET", "/trust/lists", "", "", 200, `"territory":"BE"`},
		"lists are read":                {"POST", "/trust/lists", "", "", 405, ""},
		"fetching changes something":    {"GET", "/trust/fetch", "", "", 405, ""},
		"explain takes a body":          {"GET", "/trust/explain", "", "", 405, ""},
		"lists are not deleted":         {"DELETE", "/trust/lists", "", "", 405, ""},
		"explain":                       {"POST", "/trust/explain", "application/json", body(leaf), 200, `"qualified":"yes"`},
		"explain at a time":             {"POST", "/trust/explain?at=" + now.Format(time.RFC3339), "application/json", body(leaf), 200, `"qualified":"yes"`},
		"explain before the regulation": {"POST", "/trust/explain?at=2015-01-01T00:00:00Z", "application/json", body(leaf), 200, `"qualified":"indeterminate"`},
		"explain without a body":        {"POST", "/trust/explain", "application/json", "", 400, ""},
		"explain in another media type": {"POST", "/trust/explain", "text/plain", leaf, 415, ""},
		"explain with another member":   {"POST", "/trust/explain", "application/json", `{"chain":"","x":1}`, 400, "x"},
		"explain with a member twice":   {"POST", "/trust/explain", "application/json", `{"chain":"","chain":""}`, 400, ""},
		"explain nothing":               {"POST", "/trust/explain", "application/json", body(""), 400, "No certificate"},
		"explain a key":                 {"POST", "/trust/explain", "application/json", body("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 400, "No certificate"},
		"explain too many":              {"POST", "/trust/explain", "application/json", body(strings.Repeat(leaf, 11)), 200, "expected 1 to 10 certificates"},
		"explain what is not linked":    {"POST", "/trust/explain", "application/json", body(strings.Repeat(leaf, 2)), 200, "was not issued by the one after it"},
		"explain too much":              {"POST", "/trust/explain", "application/json", body(strings.Repeat(leaf, 5000)), 413, ""},
		"explain at noon":               {"POST", "/trust/explain?at=noon", "application/json", body(leaf), 400, "Not a time"},
		"explain at two times":          {"POST", "/trust/explain?at=2026-01-01T00:00:00Z&at=2026-01-02T00:00:00Z", "application/json", body(leaf), 400, "more than once"},
	} {
		status, _, text := i.asked(c.method, c.path, c.mediaType, c.body)
		if status != c.status || !strings.Contains(text, c.words) {
			t.Errorf("%s: status %d, expected %d and %q\n%.300s", name, status, c.status, c.words, text)
		}
		if strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s: the answer repeats what was sent", name)
		}
	}

	// Fetching tells each list, then how it stands with all.
	status, header, text := i.asked("POST", "/trust/fetch", "", "")
	if status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d %v", status, header)
	}
	var events []string
	if err := readEvents(strings.NewReader(text), func(name string, data []byte) error {
		if name == eventProgress {
			var l listProgress
			if err := json.Unmarshal(data, &l); err != nil {
				return err
			}
			name = l.Territory
			if l.Done {
				name += " done"
			}
		}
		events = append(events, name)
		return nil
	}); err != nil {
		t.Error(err)
	}
	counts := map[string]int{}
	for _, e := range events {
		counts[e]++
	}
	for _, want := range []string{"EU", "EU done", "BE", "BE done", "NL", "NL done", eventLists} {
		if counts[want] != 1 {
			t.Errorf("events %q, expected one %q", events, want)
		}
	}
	if len(events) != 7 || events[0] != "EU" || events[1] != "EU done" || events[6] != eventLists {
		t.Errorf("events %q", events)
	}
}

// A list that hangs is waited for; who goes away meanwhile leaves no trace, and a
// server that stops does not wait.
func TestTrustFetchCutOff(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	p := newUnionScene(t, now)
	i := newInstallation(t, p, now)
	p.all(1, i.hierarchy.SealCA.Certificate, now)
	i.start()
	i.eventually("ready", func() bool { return i.ready() == "" })
	i.eventually("the background is done", func() bool { return len(i.app.lists.source.Status()) == 3 })

	release := p.holdBack("/be.xml")
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	seen := make(chan struct{})
	go func() {
		<-seen
		cancel()
	}()
	m := newMeter(&watched{Writer: &out, word: "NL ", seen: seen})
	if _, err := fetchLists(ctx, i.c.Socket, m); err == nil {
		t.Error("a fetch that was cut off ended well")
	}
	// The next fetch waits for its end: then it is known that nothing was noted.
	release()
	lists, err := fetchLists(t.Context(), i.c.Socket, newMeter(&out))
	if err != nil || len(lists) != 3 {
		t.Fatalf("%v %v", lists, err)
	}
	if strings.Contains(i.log.String(), "canceled") {
		t.Errorf("the log tells of who went away\n%s", i.log)
	}

	defer p.holdBack("/be.xml")()
	seen = make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := fetchLists(t.Context(), i.c.Socket, newMeter(&watched{Writer: &out, word: "NL ", seen: seen}))
		done <- err
	}()
	<-seen
	i.stop()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "the server stopped before all lists were fetched") {
		t.Errorf("found %v", err)
	}
}

// watched tells when a word was written.
type watched struct {
	Writer *bytes.Buffer
	word   string
	seen   chan struct{}
	told   bool
}

func (w *watched) Write(b []byte) (int, error) {
	if !w.told && bytes.Contains(b, []byte(w.word)) {
		w.told = true
		close(w.seen)
	}
	return w.Writer.Write(b)
}

// A server without trusted lists says what to configure, on each route.
func TestTrustAdminWithoutLists(t *testing.T) {
	now := time.Now()
	i := newInstallation(t, newUnionScene(t, now), now)
	i.c.Verifier.Trust.Lists = nil
	i.start()
	cert := filepath.Join(t.TempDir(), "seal.pem")
	if err := os.WriteFile(cert, trust.EncodePEM(i.hierarchy.Seal.Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[int][]string{2: {"show"}, 3: {"explain", cert}} {
		if status, out, errs := i.run(args...); status != want || out != "" || !strings.Contains(errs, "zegel: No trusted lists: This server follows none. Name the list of lists in verifier.trust.lists.") {
			t.Errorf("%s: status %d\n%s%s", args[0], status, out, errs)
		}
	}
	if status, out, errs := i.run("fetch"); status != 2 || out != "" || !strings.Contains(errs, "Name the list of lists in verifier.trust.lists.") {
		t.Errorf("fetch: status %d\n%s%s", status, out, errs)
	}
	if i.ready() != "" {
		t.Errorf("not ready: %s", i.ready())
	}
}

// The meter counts national lists, tells which are waited for, and leaves no line
// on a terminal.
func TestMeter(t *testing.T) {
	steps := []listProgress{
		{Territory: "EU"}, {Territory: "EU", Done: true, Sequence: 390},
		{Territory: "BE", Of: 2}, {Territory: "NL", Of: 2}, {Territory: "BE", Of: 2, Done: true, Sequence: 57},
		{Territory: "NL", Of: 2, Done: true, Error: "down\x1b[2J"},
	}
	for _, c := range []struct {
		terminal bool
		want     string
	}{
		{false, "EU  number 390\nBE  number 57 (1 of 2)\nNL  none (2 of 2): down?[2J\n"},
		{true, strings.ReplaceAll("@0 of 0 lists, fetching EU@0 of 0 lists@0 of 2 lists, fetching BE@0 of 2 lists, fetching BE, NL@1 of 2 lists, fetching NL@2 of 2 lists@", "@", "\r\x1b[K")},
	} {
		var out bytes.Buffer
		m := newMeter(&out)
		m.terminal = c.terminal
		for _, s := range steps {
			m.tell(s)
		}
		m.end()
		if out.String() != c.want {
			t.Errorf("found %q, expected %q", out.String(), c.want)
		}
	}
}

// What a crash left half written goes at the start; nobody else reads or writes
// what is kept; what is too long is not a list of ours.
func TestKeptLists(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trusted-lists")
	k, err := openKeptLists(dir)
	if err != nil {
		t.Fatal(err)
	}
	const address = "https://lists.example/be.xml?token=secret"
	if b, err := k.Kept(t.Context(), address); b != nil || err != nil {
		t.Errorf("kept %q %v", b, err)
	}
	for _, text := range []string{"one", "two"} {
		if err := k.Keep(t.Context(), address, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := k.Kept(t.Context(), address); string(b) != "two" || err != nil {
		t.Errorf("kept %q %v", b, err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, k.path(address): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, expected %o", path, info.Mode(), err, mode)
		}
	}
	if strings.Contains(k.path(address), "secret") {
		t.Error("the name of the file tells the address")
	}
	half := filepath.Join(dir, ".new-1")
	if err := os.WriteFile(half, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeptLists(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); err == nil {
		t.Error("what was half written is there still")
	}
	if err := os.Truncate(k.path(address), tsl.MaxSize+1); err != nil {
		t.Fatal(err)
	}
	if b, err := k.Kept(t.Context(), address); b != nil || err == nil || !strings.Contains(err.Error(), "then remove it") {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
