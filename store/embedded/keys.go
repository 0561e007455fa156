package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/store"
)

// The keys, format 1. Kinds, ids and tags hold no byte below 0x20, so that 0x00
// ends each of them and byte order is the order of their texts:
//
//	"f"                            → format version          (one)
//	"r" kind 00 id                 → record                  (one per record)
//	"t" kind 00 tag 00 id          → nothing                 (one per tag)
//	"x" expiry kind 00 id          → nothing                 (if it expires)
//
// expiry is Unix milliseconds, 8 bytes, big-endian. One batch writes all keys
// of a record, so they are there together or not at all.
//
// The value of "r" is
//
//	01 version expiry count (length tag)* data
//
// where version, expiry (0: never), count and length are unsigned varints and
// data is the rest.
var formatKey = []byte("f")

const (
	recordPrefix = 'r'
	tagPrefix    = 't'
	expiryPrefix = 'x'

	valueFormat = 1
)

var errCorrupt = errors.New("store/embedded: an entry cannot be read; the directory was changed by another program or the disk is failing")

func recordKey(kind store.Kind, id string) []byte {
	return append(recordRange(kind), id...)
}

// recordRange is what the keys of all records of a kind begin with.
func recordRange(kind store.Kind) []byte {
	key := make([]byte, 0, 2+len(kind)+store.MaxID)
	key = append(key, recordPrefix)
	key = append(key, kind...)
	return append(key, 0)
}

func tagKey(kind store.Kind, tag, id string) []byte {
	return append(tagRange(kind, tag), id...)
}

// tagRange is what the keys of all records of a kind with a tag begin with.
func tagRange(kind store.Kind, tag string) []byte {
	key := make([]byte, 0, 3+len(kind)+len(tag)+store.MaxID)
	key = append(key, tagPrefix)
	key = append(key, kind...)
	key = append(key, 0)
	key = append(key, tag...)
	return append(key, 0)
}

func expiryKey(expiry time.Time, kind store.Kind, id string) []byte {
	key := expiryRange(expiry)
	key = append(key, kind...)
	key = append(key, 0)
	return append(key, id...)
}

// expiryRange is what the keys of all records begin with that expire then.
func expiryRange(expiry time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte{expiryPrefix}, uint64(expiry.UnixMilli()))
}

// parseExpiryKey is the inverse of expiryKey.
func parseExpiryKey(key []byte) (expiry time.Time, kind store.Kind, id string, err error) {
	if len(key) < 9 || key[0] != expiryPrefix {
		return time.Time{}, "", "", errCorrupt
	}
	ms := binary.BigEndian.Uint64(key[1:])
	k, i, found := bytes.Cut(key[9:], []byte{0})
	expiry = time.UnixMilli(int64(ms)).UTC()
	kind, id = store.Kind(k), string(i)
	if !found || store.Check(store.Record{Kind: kind, ID: id, Expiry: expiry}) != nil {
		return time.Time{}, "", "", errCorrupt
	}
	return expiry, kind, id, nil
}

// rangeEnd is the first key after all keys that begin with prefix, whose last
// byte is not 0xff.
func rangeEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	end[len(end)-1]++
	return end
}

func encodeValue(r store.Record) []byte {
	size := 1 + (3+len(r.Tags))*binary.MaxVarintLen64 + len(r.Data)
	for _, tag := range r.Tags {
		size += len(tag)
	}
	v := make([]byte, 0, size)
	v = append(v, valueFormat)
	v = binary.AppendUvarint(v, r.Version)
	v = binary.AppendUvarint(v, uint64(expiryMillis(r.Expiry)))
	v = binary.AppendUvarint(v, uint64(len(r.Tags)))
	for _, tag := range r.Tags {
		v = binary.AppendUvarint(v, uint64(len(tag)))
		v = append(v, tag...)
	}
	return append(v, r.Data...)
}

// decodeValue is the inverse of encodeValue for the record of that key. The
// result shares no memory with v.
func decodeValue(kind store.Kind, id string, v []byte) (store.Record, error) {
	r := store.Record{Kind: kind, ID: id}
	if len(v) == 0 || v[0] != valueFormat {
		return store.Record{}, fmt.Errorf("%w: value of a %q record has an unknown format", errCorrupt, kind)
	}
	v = v[1:]
	var ok [3]bool
	var expiry, tags uint64
	r.Version, v, ok[0] = cutUvarint(v)
	expiry, v, ok[1] = cutUvarint(v)
	tags, v, ok[2] = cutUvarint(v)
	if ok != [3]bool{true, true, true} || r.Version == 0 || tags > store.MaxTags {
		return store.Record{}, fmt.Errorf("%w: value of a %q record is cut short or out of range", errCorrupt, kind)
	}
	if expiry != 0 {
		r.Expiry = time.UnixMilli(int64(expiry)).UTC()
	}
	for range tags {
		size, rest, ok := cutUvarint(v)
		if !ok || size > uint64(len(rest)) {
			return store.Record{}, fmt.Errorf("%w: tags of a %q record are cut short", errCorrupt, kind)
		}
		r.Tags = append(r.Tags, string(rest[:size]))
		v = rest[size:]
	}
	r.Data = bytes.Clone(v)
	if store.Check(r) != nil {
		return store.Record{}, fmt.Errorf("%w: value of a %q record breaks a limit", errCorrupt, kind)
	}
	return r, nil
}

func expiryMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// cutUvarint takes a varint off v. It refuses longer forms of a number, so that
// a record has one encoding.
func cutUvarint(v []byte) (n uint64, rest []byte, ok bool) {
	n, size := binary.Uvarint(v)
	if size <= 0 || size > 1 && v[size-1] == 0 {
		return 0, nil, false
	}
	return n, v[size:], true
}
