package sdjwt

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// members writes the members of one JSON object.
type members struct {
	buf []byte
	bad bool // a text was not valid UTF-8
}

func (w *members) name(name string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

// text writes a member unless its value is empty.
func (w *members) text(name, value string) {
	if value == "" {
		return
	}
	if !utf8.ValidString(value) {
		w.bad = true
		return
	}
	w.name(name)
	w.buf = appendQuoted(w.buf, value)
}

// date writes a NumericDate unless it is the zero time.
func (w *members) date(name string, at time.Time) {
	if at.IsZero() {
		return
	}
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, at.Unix(), 10)
}

func (w *members) null(name string, set bool) {
	if set {
		w.name(name)
		w.buf = append(w.buf, "null"...)
	}
}

func (s StatusList) append(dst []byte) []byte {
	purpose := s.Purpose
	if purpose == "" {
		purpose = "revocation"
	}
	dst = append(dst, `{"status_list":{"idx":`...)
	dst = strconv.AppendUint(dst, s.Index, 10)
	dst = append(dst, `,"uri":`...)
	dst = appendQuoted(dst, s.URI)
	dst = append(dst, `},"type":"TokenStatusList","purpose":`...)
	dst = appendQuoted(dst, purpose)
	dst = append(dst, `,"index":`...)
	dst = strconv.AppendUint(dst, s.Index, 10)
	dst = append(dst, `,"uri":`...)
	dst = appendQuoted(dst, s.URI)
	return append(dst, '}')
}
