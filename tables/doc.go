// Package tables serves DynamoDB: tables, items, expressions, PartiQL, indexes, batches, transactions, throughput, expiry. It
// must not know how requests reach it (wire) nor who else uses the store; policies are decided by the pipeline from what its
// access functions declare.
//
// # Keys
//
// Tuples as in kv; ID is the table's UUID as 16 bytes, so a table created again under the same name shares no rows.
//
//	account, region, "tables.table", "r", NAME            definition (record row)
//	account, region, "tables.item", ID, HASH, pk[, sk]    item
//	account, region, "tables.index", ID, N, HASH, ik[, is], DIGEST   index N entry → HASH, pk[, sk] of the item
//	account, region, "tables.expiry", ID, SECONDS, DIGEST            expiry entry → HASH, pk[, sk] of the item
//	account, region, "tables.collection", ID, HASH, pk    size of an item collection, of tables with local indexes
//	"", "", "tables.chore", "r", account, region, NAME    table with background work (record row)
//	account, region, "tables.token", CALLER, TOKEN        what a ClientRequestToken stood for
//	"", "", "tables.spent", SECONDS, account, region, CALLER, TOKEN   when to forget it → key of that row
//
// pk, sk, ik and is are key attributes: strings and binaries as they are, numbers as number.AppendOrdered. HASH is 64 bits of
// the partition key, so that Scan goes through a table in no particular order and segments of a parallel scan are ranges.
// DIGEST is 16 bytes of SHA-256 of the item's key: index entries of one value need no order among themselves. Index entries
// point; items are stored once, so a write touches an index only when the indexed attributes change.
//
// An item is stored as codec.go has it: a version byte and a compact binary form.
package tables
