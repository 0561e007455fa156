package provider

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/internal/provider/identifier"
)

const register = `suppliers:
  - id: led
    nature: government
    organisation:
      name: {nl: Databank}
      ovo: OVO051320
    legal_basis: {nl: decreet}
    protocol:
      title: {nl: Protocol}
      url: https://example.org/protocol
      published: 2026-01-31
      data_types: [led-diploma]
    corrections:
      name: {nl: Helpdesk}
      url: https://example.org/correct
    data_types:
      - {id: led-diploma, title: {nl: Diploma}, category: job_and_education}
  - id: school
    nature: private
    organisation: {name: {nl: School}, kbo: 0795.547.478}
    legal_basis: {nl: overeenkomst}
    corrections: {name: {nl: Secretariaat}, email: hulp@example.org}
    data_types:
      - {id: course, title: {nl: Cursus}, category: leisure}
`

func TestParseRegister(t *testing.T) {
	r, err := ParseRegister("r.yaml", []byte(register))
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Supplier("school")
	if err != nil || s.Supplier.KBO != "0795547478" || s.ControllerOf().KBO != "0795547478" {
		t.Fatal(s, err)
	}
	published, err := json.Marshal(r.Suppliers())
	if err != nil || !strings.Contains(string(published), `"legal_basis":{"nl":"decreet"}`) {
		t.Fatal(string(published), err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"no protocol", "    protocol:\n      title: {nl: Protocol}\n      url: https://example.org/protocol\n      published: 2026-01-31\n      data_types: [led-diploma]\n", "", "suppliers[0].protocol: a government supplier needs"},
		{"protocol does not cover", "data_types: [led-diploma]", "data_types: []", "r.yaml:12: suppliers[0].protocol.data_types: the protocol does not cover"},
		{"protocol covers another", "data_types: [led-diploma]", "data_types: [led-diploma, x]", "r.yaml:12: suppliers[0].protocol.data_types[1]"},
		{"protocol not published", "2026-01-31", "soon", "r.yaml:11: suppliers[0].protocol.published"},
		{"protocol over http", "https://example.org/protocol", "http://example.org/protocol", "r.yaml:10: suppliers[0].protocol.url"},
		{"unknown category", "leisure", "sport", "category"},
		{"bad KBO", "0795.547.478", "0795.547.479", "suppliers[1].organisation.kbo"},
		{"bad OVO", "OVO051320", "OVO05132", "suppliers[0].organisation.ovo"},
		{"no identifier", ", kbo: 0795.547.478", "", "suppliers[1].organisation: a KBO number"},
		{"no contact", ", email: hulp@example.org", "", "suppliers[1].corrections: a url, email or phone"},
		{"no legal basis", "    legal_basis: {nl: overeenkomst}\n", "", "suppliers[1].legal_basis"},
		{"twice", "id: school", "id: led", "already in the register"},
		{"unknown nature", "nature: private", "nature: other", "suppliers[1].nature"},
		{"unknown member", "nature: private", "natur: private", "natur"},
		{"bad id", "id: school", "id: School!", "suppliers[1].id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(register, c.old) {
				t.Fatal("the case changes nothing")
			}
			_, err := ParseRegister("r.yaml", []byte(strings.Replace(register, c.old, c.new, 1)))
			if !errors.Is(err, declared.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if got := errors.Is(err, ErrNoProtocol); got != (c.name == "no protocol") {
				t.Fatalf("ErrNoProtocol %v", got)
			}
		})
	}
}

type fixed struct {
	answer Answer
	err    error
	asked  int
}

func (f *fixed) Fetch(context.Context, Query) (Answer, error) {
	f.asked++
	return f.answer, f.err
}

func insz(t testing.TB, s string) identifier.INSZ {
	t.Helper()
	n, err := identifier.ParseINSZ(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFetchOnlyFromTheRegister(t *testing.T) {
	r, err := ParseRegister("r.yaml", []byte(register))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.Now = func() time.Time { return now }
	citizen, other, test := insz(t, "85073003328"), insz(t, "99043002320"), insz(t, "00671031676")
	c := &fixed{answer: Answer{Records: []Record{{Ref: "a", Subject: citizen}, {Ref: "b", Subject: other}, {Ref: "c"}}}}
	if err := r.Attach("nobody", "led-diploma", c); !errors.Is(err, ErrNotRegistered) {
		t.Fatal(err)
	}
	if err := r.Attach("led", "course", c); !errors.Is(err, ErrNotSupplied) {
		t.Fatal(err)
	}
	if err := r.Attach("led", "led-diploma", c); err != nil {
		t.Fatal(err)
	}
	if err := r.Attach("led", "led-diploma", c); err == nil {
		t.Fatal("attached twice")
	}
	ctx := context.Background()
	for _, x := range []struct {
		name string
		q    Query
		want error
	}{
		{"not registered", Query{Supplier: "nobody", DataType: "led-diploma", Subject: citizen}, ErrNotRegistered},
		{"not supplied", Query{Supplier: "led", DataType: "course", Subject: citizen}, ErrNotSupplied},
		{"no connector", Query{Supplier: "school", DataType: "course", Subject: citizen}, ErrNoConnector},
		{"nobody", Query{Supplier: "led", DataType: "led-diploma"}, ErrSubject},
		{"test number", Query{Supplier: "led", DataType: "led-diploma", Subject: test}, ErrSubject},
	} {
		if _, err := r.Fetch(ctx, x.q); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	if c.asked != 0 {
		t.Fatal("the supplier was asked")
	}
	a, err := r.Fetch(ctx, Query{Supplier: "led", DataType: "led-diploma", Subject: citizen})
	if err != nil || len(a.Records) != 1 || a.Records[0].Type != "led-diploma" || !a.Retrieved.Equal(now) {
		t.Fatal(a, err)
	}
	if len(a.Refused) != 2 || a.Refused[0].Reason != WrongSubject || a.Refused[1].Reason != WrongSubject {
		t.Fatal(a.Refused)
	}
	r.AllowTestNumbers = true
	if _, err := r.Fetch(ctx, Query{Supplier: "led", DataType: "led-diploma", Subject: test}); err != nil {
		t.Fatal(err)
	}
	c.err = ErrUnavailable
	if _, err := r.Fetch(ctx, Query{Supplier: "led", DataType: "led-diploma", Subject: citizen}); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
}
