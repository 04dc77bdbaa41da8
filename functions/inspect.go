package functions

import "bothy/record"

// Inspectors look at the rows of this package, for who checks a whole store.
func Inspectors() map[string]record.Inspect {
	return record.Inspectors(&functionTable, &versionTable, &aliasTable, &codeTable, &chunkTable, &streamTable, &mappingTable, &mappedTable, &workTable, &placeTable, &groupTable)
}

// Blobs implements record.Namer.
func (v *version) Blobs() []string { return []string{v.CodeID} }
