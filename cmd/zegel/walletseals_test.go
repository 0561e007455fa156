package main

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/statement"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// sealBy is a seal that holds, by an organisation of a name that answers for a
// source of the same name.
func sealBy(name string, q seal.Qualification, at time.Time) seal.Validation {
	v := seal.Validation{
		Indication: seal.TotalPassed, Qualification: q, Level: seal.BaselineB, BestSignatureTime: at,
		Certificate: &x509.Certificate{Subject: pkix.Name{Organization: []string{name}}}, Source: &seal.AuthenticSource{Country: "BE", Name: name, Legislation: name},
		Listed: &tsl.Determination{Qualified: tsl.Positive, Device: tsl.Positive, Services: []tsl.Listing{{Territory: "BE", Provider: name, Name: name, Status: tsl.StatusGranted}}},
	}
	for _, check := range []string{seal.CheckFormat, seal.CheckCertificate, seal.CheckAlgorithm, seal.CheckSignature, seal.CheckChain, seal.CheckValidity, seal.CheckKeyUsage, seal.CheckAttributes, seal.CheckBaseline} {
		v.Checks.Pass(check, "", "")
	}
	return v
}

// judgementOf is that of credentials with seals of every kind; name stands wherever
// a name can.
func judgementOf(name string) judgement {
	at := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	j := judgement{JudgedBy: "wallet", At: at, Lists: true, ListsFault: statement.Clean(name)}
	j.Texts = sealWords.judged(j)
	for i, q := range []seal.Qualification{seal.QESeal, seal.AdESealQC, seal.AdESeal, seal.NotApplicable} {
		j.Credentials = append(j.Credentials, heldOf(unit.Item{Name: string(rune('a' + i)), Title: name, Type: name}, sealBy(name, q, at), nil, at))
	}
	broken := sealBy(name, seal.AdESeal, at)
	broken.Indication = seal.TotalFailed
	j.Credentials = append(j.Credentials,
		heldOf(unit.Item{Name: "e", Title: name, Type: name}, broken, nil, at),
		heldOf(unit.Item{Name: "f", Title: name, Type: name}, seal.Validation{}, errors.New(name), at))
	return j
}

// elements of a page, with what is in them.
func elements(t *testing.T, page []byte, name string) []*html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			out = append(out, n)
		}
	}
	return out
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func wordsOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// The page says of each credential what the statement says, in the language that was
// asked for and then in the others, each marked as what it is; the worth stands
// there in words (WCAG 2.2, 1.4.1, 3.1.1 and 3.1.2).
func TestSealsPage(t *testing.T) {
	j := judgementOf("Agentschap")
	for _, c := range []struct{ asked, lang string }{{"nl", "nl"}, {"fr-BE", "fr"}, {"de", "de"}, {"en", "en"}, {"x-klingon", "en"}, {"", "en"}} {
		page, err := j.page(c.asked)
		if err != nil {
			t.Fatal(err)
		}
		if got := attribute(elements(t, page, "html")[0], "lang"); got != c.lang {
			t.Errorf("%q: the page is in %s", c.asked, got)
		}
		if h := elements(t, page, "h1"); len(h) != 1 || wordsOf(h[0]) != sealWords[c.lang].Title || wordsOf(elements(t, page, "title")[0]) != wordsOf(h[0]) {
			t.Errorf("%s: title", c.lang)
		}
		articles := elements(t, page, "article")
		headings := elements(t, page, "h2")
		marks := elements(t, page, "strong")
		if len(articles) != 6 || len(headings) != 6 || len(marks) != 6 {
			t.Fatalf("%s: %d articles, %d headings, %d marks", c.lang, len(articles), len(headings), len(marks))
		}
		w := sealWords[c.lang]
		for i, mark := range []string{w.Qualified, w.Certificate, w.Advanced, w.Unknown, w.Broken, w.Broken} {
			if attribute(articles[i], "aria-labelledby") != attribute(headings[i], "id") || wordsOf(marks[i]) != mark || mark == "" {
				t.Errorf("%s, %d: %s", c.lang, i, wordsOf(marks[i]))
			}
			seen := map[string]string{c.lang: ""}
			for n := range articles[i].Descendants() {
				if n.Type == html.ElementNode && n.Data == "p" {
					lang := attribute(n, "lang")
					if lang == "" {
						lang = c.lang
					}
					seen[lang] += wordsOf(n)
				}
			}
			for _, lang := range statement.Languages() {
				if !strings.Contains(seen[lang], j.Credentials[i].Texts[lang]) || j.Credentials[i].Texts[lang] == "" {
					t.Errorf("%s, %d: %s is %q", c.lang, i, lang, seen[lang])
				}
			}
		}
		if !strings.Contains(string(page), html.EscapeString(j.Texts[c.lang])) || !strings.Contains(j.Texts[c.lang], w.WithLists) || !strings.Contains(j.Texts[c.lang], w.Stale) {
			t.Errorf("%s: nobody says who judged: %s", c.lang, j.Texts[c.lang])
		}
	}
	empty, err := judgement{}.page("fr")
	if err != nil || !strings.Contains(string(empty), "pas d’attestations") {
		t.Errorf("%s %v", empty, err)
	}
}

// Names that were made to do harm do none: not on the page, not on a terminal, not
// in JSON that somebody puts on a page.
func TestSealsHostile(t *testing.T) {
	for name, hostile := range map[string]string{
		"script":    `<script>alert(1)</script>`,
		"image":     `"><img src=x onerror=alert(1)>`,
		"attribute": `' onmouseover='alert(1)`,
		"template":  `{{.Words}}${x}`,
		"terminal":  "A\x1b]0;owned\x07\x1b[2J\u009b31m",
		"lines":     "A\r\nSealed by the King.\u2028\u2029\v",
		"bidi":      "A\u202egnik\u2066x\u2069\u200f\u061c",
		"invisible": "A\u200b\ufeff\u00ad\U000e0041",
		"overlong":  strings.Repeat("very long ", 2000),
		"smeared":   "A" + strings.Repeat("\u0336", 400),
	} {
		j := judgementOf(hostile)
		var text bytes.Buffer
		j.print(&text, "en")
		asJSON, err := jose.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		page, err := j.page("en")
		if err != nil {
			t.Fatal(err)
		}
		for where, out := range map[string]string{"page": string(page), "terminal": text.String(), "JSON": string(asJSON)} {
			if strings.ContainsAny(out, "\x1b\x07\u009b\r\v\u2028\u2029\u202e\u2066\u200f\u061c\u200b\ufeff\U000e0041") || strings.Contains(out, "<script") || strings.Contains(out, "<img") || strings.Contains(out, `\u001b`) {
				t.Errorf("%s, %s: %.300q", name, where, out)
			}
			if len(out) > 60_000 || strings.Count(out, "\u0336\u0336\u0336") > 0 {
				t.Errorf("%s, %s: %d bytes", name, where, len(out))
			}
		}
		if got := strings.Count(text.String(), "\n"); got != 6*2+2+2 {
			t.Errorf("%s: %d lines\n%s", name, got, text.String())
		}
		for _, tag := range []string{"script", "img"} {
			if len(elements(t, page, tag)) > 0 {
				t.Errorf("%s: the page has a %s", name, tag)
			}
		}
		for _, n := range slices.Concat(elements(t, page, "p"), elements(t, page, "h2"), elements(t, page, "article"), elements(t, page, "bdi")) {
			for _, a := range n.Attr {
				if a.Key != "lang" && a.Key != "id" && a.Key != "aria-labelledby" {
					t.Errorf("%s: attribute %s", name, a.Key)
				}
			}
		}
	}
}
