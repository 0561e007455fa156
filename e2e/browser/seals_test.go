package browser_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/e2e/peer"
)

// The page that the wallet writes of its seals is open to everybody, in each
// language and on each screen, by keyboard, and tells the worth in words.
func TestSealsPage(t *testing.T) {
	b := start(t)
	s := peer.StartDemo(t)
	s.Zegel(t, "wallet", "activate", "--sign-in-as", "noor")
	s.Zegel(t, "wallet", "collect", "led")
	dir := t.TempDir()
	files := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(files.Close)
	sentence := map[string]string{"nl": "Verzegeld door ", "fr": "Scellé par ", "de": "Besiegelt von ", "en": "Sealed by "}
	mark := map[string]string{"nl": "Geavanceerd zegel", "fr": "Cachet avancé", "de": "Fortgeschrittenes Siegel", "en": "Advanced seal"}
	for _, language := range languages {
		s.Zegel(t, "wallet", "seals", "--language", language, "--page", filepath.Join(dir, language+".html"))
		for name, options := range looks {
			t.Run(language+", "+name, func(t *testing.T) {
				p := b.open(t, files.URL+"/"+language+".html", with(options, map[string]any{"language": "en"}))
				if at := p.does(t, "reach", map[string]any{"selector": "summary"}); at["visible"] != true {
					t.Errorf("the focus cannot be seen: %v", at)
				}
				p.does(t, "key", map[string]any{"key": "Enter"})
				is := p.look(t)
				is.open(t, language)
				if !strings.Contains(is.Text, sentence[language]) || !strings.Contains(is.Text, mark[language]) {
					t.Errorf("%s", is.Text)
				}
				for _, other := range languages { // what the key has opened
					if !strings.Contains(is.Text, sentence[other]) {
						t.Errorf("%s is not there", other)
					}
				}
			})
		}
	}
}
