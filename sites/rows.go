package sites

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"bothy/api/cloudfront"
	"bothy/record"
)

// distribution is a row of distributions.
type distribution struct {
	ID       string
	Domain   string // d….cloudfront.net
	Version  string // the ETag
	Modified time.Time
	Config   cloudfront.DistributionConfig
	Tags     []cloudfront.Tag `json:",omitempty"`
}

// invalidation is a row of invalidations. All are complete.
type invalidation struct {
	Distribution string
	ID           string
	Created      time.Time
	Batch        cloudfront.InvalidationBatch
}

// The tables; see the package comment.
var (
	distributions = &record.Table[distribution]{
		Name: "sites.distribution", Version: 1, Key: func(d *distribution) []any { return []any{d.ID} },
		Indexes: []record.Index[distribution]{
			{Name: "domain", Unique: true, Keys: func(d *distribution) [][]any {
				keys := [][]any{{d.Domain}}
				for _, a := range d.aliases() {
					keys = append(keys, []any{a})
				}
				return keys
			}},
			{Name: "reference", Unique: true, Keys: func(d *distribution) [][]any { return [][]any{{d.Config.CallerReference.V}} }},
		},
	}
	invalidations = &record.Table[invalidation]{
		Name: "sites.invalidation", Version: 1, Key: func(i *invalidation) []any { return []any{i.Distribution, i.ID} },
	}
)

// aliases are the distribution's own domain names, in lower case.
func (d *distribution) aliases() []string {
	if d.Config.Aliases == nil {
		return nil
	}
	var out []string
	for _, a := range d.Config.Aliases.Items {
		out = append(out, strings.ToLower(a))
	}
	return out
}

const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// newID is E or I and 13 letters, as AWS's ids are.
func newID(prefix string) string {
	var b [13]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	for i := range b {
		b[i] = idLetters[int(b[i])%len(idLetters)]
	}
	return prefix + string(b[:])
}

// newDomain is d and 13 small letters under CloudFront's domain.
func newDomain() string { return "d" + strings.ToLower(newID("")) + ".cloudfront.net" }

// newInvalidationID sorts newer ones first.
func newInvalidationID(at time.Time) string {
	var b [4]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return fmt.Sprintf("I%016X%06X", uint64(1<<63-1-at.UnixNano()), binary.BigEndian.Uint32(b[:])>>8)
}
