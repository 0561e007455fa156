package provider

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func sample() *Node {
	n := &Node{Name: "Bewijs"}
	n.Add("Titel", "  een\r\n\t twee ")
	info := n.Add("Info", "")
	for i, v := range []string{"eerste", "tweede"} {
		x := info.Add("Deel", "")
		x.Attrs = []Attr{{"nr", fmt.Sprint(i)}}
		x.Add("Naam", "soort\n "+fmt.Sprint(i))
		x.Add("Inhoud", v)
	}
	return n
}

func TestPath(t *testing.T) {
	for _, c := range []struct {
		path string
		want []string
	}{
		{"Titel", []string{"een twee"}},
		{"Info/Deel/Inhoud", []string{"eerste", "tweede"}},
		{"Info/Deel[Naam=soort 1]/Inhoud", []string{"tweede"}},
		{"Info/Deel[@nr=0]/Inhoud", []string{"eerste"}},
		{"Info/Deel/@nr", []string{"0", "1"}},
		{"Info/Deel[Naam=soort 2]/Inhoud", nil},
		{"Anders/Deel", nil},
	} {
		p, err := ParsePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range p.Select(sample()) {
			got = append(got, n.Value())
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
	for _, bad := range []string{"", "/a", "a/", "a//b", "a[b", "a[b]", "a[=c]", "a[b=]", "@a/b", "a[b=c]d", "@", "a@b", "@a[b=c]"} {
		if p, err := ParsePath(bad); err == nil {
			t.Errorf("%q: accepted as %v", bad, p)
		}
	}
	if p, err := ParsePath("."); err != nil || len(p.Select(sample())) != 1 {
		t.Error("self")
	}
	if (Path{}).Select(sample()) != nil {
		t.Error("the zero path leads somewhere")
	}
}

func TestDocumentShowsNothing(t *testing.T) {
	rec := Record{Ref: "r", Fields: sample(), Subject: insz(t, "85073003328")}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		fmt.Fprintf(&out, verb, rec)
		fmt.Fprintf(&out, verb, rec.Fields)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "rec", rec, "doc", rec.Fields)
	if strings.Contains(out.String(), "eerste") || strings.Contains(out.String(), "850730") {
		t.Fatalf("content shows: %s", out.String())
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{".", "a/b", "a[b=c]/@d", "a[@b=c]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if (err == nil) == p.IsZero() {
			t.Fatal("neither or both")
		}
		p.Select(sample())
	})
}
