package rest

import (
	_ "embed"
	"net/http"
	"slices"
	"time"
)

//go:embed pages.css
var pagesCSS []byte

// PageStyle is the style that all pages share, for one that is no answer.
func PageStyle() []byte { return pagesCSS }

// Style is the stylesheet of pages for citizens: what they all share, then what
// a role adds.
func Style(own ...[]byte) Answer {
	return Text(http.StatusOK, "text/css; charset=utf-8", slices.Concat(append([][]byte{pagesCSS}, own...)...)).Cache(time.Hour)
}
