package main

import (
	"net"
	"net/http"
	"testing"
)

// Any page can send a browser to a port of this machine. Only the sign-in that
// was started is taken, and what came before it does not end the wait.
func TestWaitForBrowserTakesOnlyItsOwnState(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	base := "http://" + l.Addr().String()
	get := func(path string) int {
		res, err := http.Get(base + path)
		if err != nil {
			t.Error(err)
			return 0
		}
		res.Body.Close()
		return res.StatusCode
	}
	done := make(chan struct{})
	q, err := waitForBrowser(t.Context(), l, "https://vault.example/session/login", "right", func(string) {
		go func() {
			defer close(done)
			for path, want := range map[string]int{"/": 404, "/callback": 404, "/callback?state=&code=evil": 404, "/callback?state=other&code=evil": 404, "/callback?error=access_denied": 404} {
				if got := get(path); got != want {
					t.Errorf("%s: %d, want %d", path, got, want)
				}
			}
			if got := get("/callback?state=right&code=good"); got != 200 {
				t.Errorf("its own: %d", got)
			}
		}()
	})
	if err != nil || q.Get("code") != "good" {
		t.Errorf("came back with %v, %v", q, err)
	}
	<-done
}
