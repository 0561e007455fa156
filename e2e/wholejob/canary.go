package wholejob

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
)

// names are the given names of the demonstration's citizens.
var names = []string{"Lotte", "Noor", "Wout"}

// canary is something that only citizen, issuer and receiver may read.
type canary struct {
	text  string
	forms [][]byte       // by which it is found in bytes; or
	word  *regexp.Regexp // by which, when it is so short that random base64 text may hold it
}

// canaries are the national numbers and names of the citizens, and the titles
// and institutions of their diplomas, as they stand in the fixtures.
var canaries = sync.OnceValues(func() ([]canary, error) {
	texts := []string{fixtures.WithDiplomas, fixtures.WithTraps, fixtures.WithoutData}
	for _, insz := range []string{fixtures.WithDiplomas, fixtures.WithTraps} {
		b, err := fs.ReadFile(fixtures.Answers(), insz+".xml")
		if err != nil {
			return nil, err
		}
		found, err := telling(b)
		if err != nil {
			return nil, err
		}
		texts = append(texts, found...)
	}
	slices.Sort(texts)
	var out []canary
	for _, text := range slices.Compact(texts) {
		c := canary{text: text, forms: [][]byte{[]byte(text)}}
		// Base64 of it, with any bytes before it.
		for before := range 3 {
			s := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), text...))
			s = s[(before*8+5)/6:]
			if (before+len(text))%3 != 0 {
				s = s[:len(s)-1]
			}
			c.forms = append(c.forms, []byte(s), []byte(strings.NewReplacer("+", "-", "/", "_").Replace(s)))
		}
		out = append(out, c)
	}
	for _, name := range names {
		out = append(out, canary{text: name, word: regexp.MustCompile(`(^|[^A-Za-z0-9+/_-])` + name + `([^A-Za-z0-9+/_-]|$)`)})
	}
	return out, nil
})

// telling returns titles, institutions and numbers of an LED answer, line by
// line: nothing need copy a line break as it is.
func telling(answer []byte) ([]string, error) {
	var out, path []string
	for d := xml.NewDecoder(bytes.NewReader(answer)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			where := strings.Join(path, "/")
			if !strings.HasSuffix(where, "/VolledigeNaam") && !strings.HasSuffix(where, "/Instelling/Naam") &&
				!strings.HasSuffix(where, "/BijkomendeInformatie/Inhoud") && !strings.HasSuffix(where, "/INSZ") {
				continue
			}
			for line := range strings.Lines(string(token)) {
				if line = strings.TrimSpace(line); len(line) > 10 && line != "Niet beschikbaar" {
					out = append(out, line)
				}
			}
		}
	}
}

// Readable returns a citizen's number or name, or a claim, that stands in b in
// clear or in base64, and "" if there is none.
func Readable(b []byte) string {
	all, err := canaries()
	if err != nil {
		return err.Error()
	}
	for _, c := range all {
		if c.word != nil && c.word.Match(b) {
			return c.text
		}
		for _, form := range c.forms {
			if bytes.Contains(b, form) {
				return c.text
			}
		}
	}
	return ""
}

// CleanDir fails the test when something of a citizen can be read in a file
// below the directory, or when there is no file.
func CleanDir(t testing.TB, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		if found := Readable([]byte(path)); found != "" {
			t.Errorf("%q stands in the name of %s", found, path)
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a server removed it meanwhile
		}
		if found := Readable(b); found != "" {
			t.Errorf("%q stands in %s", found, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if files == 0 {
		t.Errorf("there are no files in %s", dir)
	}
}
