package mongo

import (
	"math"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/zegel-id/zegel/store"
)

// document is a record as it is stored. Its _id is the kind, a slash, and the
// id; a kind holds no slash, so that the order of _id within a kind is that of
// the ids, byte by byte.
type document struct {
	Key     string `bson:"_id"`
	Kind    string `bson:"kind"`
	Version int64  `bson:"version"`
	// Absent means never: a TTL index passes over documents without the field.
	Expires *primitive.DateTime `bson:"expires,omitempty"`
	Tags    []string            `bson:"tags,omitempty"`
	Data    []byte              `bson:"data"`
}

func key(kind store.Kind, id string) string { return string(kind) + "/" + id }

// afterKind is the first string after all keys of a kind: the byte after the
// slash is the digit 0.
func afterKind(kind store.Kind) string { return string(kind) + "0" }

func encode(r store.Record) document {
	d := document{
		Key:     key(r.Kind, r.ID),
		Kind:    string(r.Kind),
		Version: int64(min(r.Version, math.MaxInt64)),
		Tags:    r.Tags,
		Data:    r.Data,
	}
	if d.Data == nil {
		d.Data = []byte{}
	}
	if !r.Expiry.IsZero() {
		expires := date(r.Expiry)
		d.Expires = &expires
	}
	return d
}

func (d document) record() store.Record {
	r := store.Record{
		Kind:    store.Kind(d.Kind),
		ID:      strings.TrimPrefix(d.Key, d.Kind+"/"),
		Version: uint64(d.Version),
		Tags:    slices.Clip(d.Tags),
		Data:    d.Data,
	}
	if d.Expires != nil {
		r.Expiry = d.Expires.Time().UTC()
	}
	return r
}

// date rounds down to the milliseconds of a BSON date.
func date(t time.Time) primitive.DateTime { return primitive.NewDateTimeFromTime(t) }
