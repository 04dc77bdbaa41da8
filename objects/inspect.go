package objects

import "bothy/record"

// Inspectors look at the rows of this package, for who checks a whole store.
func Inspectors() map[string]record.Inspect {
	return record.Inspectors(buckets, objects, uploads, parts, trashes, dooms)
}

// Blobs implements record.Namer.
func (o *object) Blobs() []string { return []string{o.Blob} }

// Blobs implements record.Namer.
func (p *part) Blobs() []string { return []string{p.Blob} }
