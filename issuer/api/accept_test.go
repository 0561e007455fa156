package api

import (
	"strings"
	"testing"
)

func TestPrefers(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/*": false, "application/json": false, "text/html": false, "x": false,
		"application/jwt": true, "Application/JWT": true, "application/jwt, */*": true, "application/jwt;q=0": false,
		"application/jwt, application/json": true, "application/json, application/jwt": false,
		"application/json;q=0.5, application/jwt": true, "application/jwt;q=0.5, application/json": false,
		"application/jwt;q=2": false, "application/jwt;q=-1": false, "application/jwt;q=NaN": false, "application/jwt;q": false,
		strings.Repeat("text/html,", maxRanges) + "application/jwt": false,
	} {
		if got := prefers([]string{accept}, "application/jwt", "application/json"); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
	if !prefers([]string{"text/html", "application/jwt"}, "application/jwt", "application/json") {
		t.Error("two fields are not one list")
	}
}

func FuzzPrefers(f *testing.F) {
	f.Add("application/jwt;q=0.5, application/json")
	f.Add("application/jwt;q=\"0.5, application/json\"")
	f.Fuzz(func(t *testing.T, accept string) {
		both := prefers([]string{accept}, "a/b", "c/d") && prefers([]string{accept}, "c/d", "a/b")
		if both {
			t.Error("each is preferred to the other")
		}
	})
}
