package httpjson

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/provider/outbound"
)

const citizen, other = "85073003328", "99043002320"

const courses = `data_type: course
record: {reference: id, version: changed, subject: person/insz}
later: [{from: state, is: [asked], again: 1m}]
refuse:
  - {reason: annulled, from: state, is: [void]}
claims:
  - {claim: title, from: title, required: true}
  - {claim: finished, as: date, from: finished}
  - {claim: hours, as: integer, from: hours}
  - {claim: tags, as: list, from: tags}
`

func query(t testing.TB) provider.Query {
	t.Helper()
	n, err := identifier.ParseINSZ(citizen)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Query{Supplier: "school", DataType: "course", Subject: n, CorrelationID: "c-1"}
}

func source(t testing.TB) Source {
	t.Helper()
	s, err := ParseSource("s.yaml", []byte("subject: insz\nmembers: {version: \"1\"}\nrecords: data/courses\nno_data_status: [404]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func client(t testing.TB, h http.HandlerFunc) (*Client, *mapping.Mapping) {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	m, err := mapping.Parse("m.yaml", []byte(courses))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{URL: srv.URL + "/courses", HTTP: srv.Client(), Source: source(t), Mapping: m, Limits: outbound.Limits{Attempts: 1, MaxBytes: 1 << 16},
		Authorize: func(r *http.Request) error { r.Header.Set("Authorization", "Bearer t"); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return c, m
}

func TestFetch(t *testing.T) {
	record := func(id, insz, state string) string {
		return fmt.Sprintf(`{"id":%q,"changed":"v","person":{"insz":%q},"state":%q,"title":"Lassen\n 1","finished":"2020-06","hours":40,"tags":["a","b"]}`, id, insz, state)
	}
	c, m := client(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if string(b) != `{"insz":"`+citizen+`","version":"1"}` || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("x-correlation-id") != "c-1" {
			t.Errorf("request %s %s %v", r.Method, b, r.Header)
		}
		if strings.Contains(r.URL.String(), citizen) {
			t.Error("the identifier is in the address")
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":{"courses":[%s,%s,%s,%s]}}`, record("1", citizen, "ok"), record("2", other, "ok"), record("3", citizen, "void"), record("4", citizen, "asked"))
	})
	a, err := c.Fetch(context.Background(), query(t))
	if err != nil || len(a.Records) != 1 || len(a.Refused) != 2 || a.NoData || len(a.Pending) != 1 || a.Pending[0].Ref != "4" {
		t.Fatal(a, err)
	}
	if a.Refused[0].Reason != provider.WrongSubject || a.Refused[1].Reason != provider.Annulled {
		t.Fatal(a.Refused)
	}
	mapped, refused := m.Apply(a.Records)
	b, err := mapped[0].Claims.MarshalJSON()
	if err != nil || len(refused) != 0 || string(b) != `{"title":"Lassen 1","finished":"2020-06","hours":40,"tags":["a","b"]}` {
		t.Fatalf("%s %v %v", b, refused, err)
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, media, body string
		status            int
		noData            bool
		want              string
	}{
		{"empty array", "application/json", `{"data":{"courses":[]}}`, 200, true, ""},
		{"declared status", "text/plain", `no`, 404, true, ""},
		{"other status", "application/json", `{}`, 403, false, "status 403"},
		{"no member", "application/json", `{"data":{}}`, 200, false, "no member"},
		{"null", "application/json", `{"data":{"courses":null}}`, 200, false, "not an array"},
		{"object", "application/json", `{"data":{"courses":{}}}`, 200, false, "not an array"},
		{"record is no object", "application/json", `{"data":{"courses":[1]}}`, 200, false, "record 1"},
		{"duplicate member", "application/json", `{"data":{"courses":[]},"data":{}}`, 200, false, "JSON"},
		{"page", "text/html", `<html>`, 200, false, "not JSON"},
		{"huge", "application/json", `{"data":{"courses":[]}}` + strings.Repeat(" ", 1<<16), 200, false, "larger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.media)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			a, err := client.Fetch(context.Background(), query(t))
			if c.want == "" {
				if err != nil || a.NoData != c.noData {
					t.Fatal(a, err)
				}
				return
			}
			if !errors.Is(err, provider.ErrAnswer) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), citizen) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string]string{
		"records: a\n":                              "subject",
		"subject: a\nmembers: {a: b}\n":             "s.yaml:2: members",
		"subject: a\nrecords: a//b\n":               "s.yaml:2: records",
		"subject: a\nno_data_status: [500]\n":       "no_data_status[0]",
		"subject: a\nurl: https://a.example\n":      "\"url\"",
		"subject: a\nno_data_status: [404, many]\n": "s.yaml:2",
	} {
		if _, err := ParseSource("s.yaml", []byte(text)); !errors.Is(err, declared.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNewRefusesPlainHTTP(t *testing.T) {
	m, err := mapping.Parse("m.yaml", []byte(courses))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{URL: "http://school.example/x", HTTP: http.DefaultClient, Source: source(t), Mapping: m}); err == nil {
		t.Fatal("citizens' data in clear")
	}
}
