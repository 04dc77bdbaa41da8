// Package tables serves DynamoDB: tables, items, expressions, PartiQL, indexes, searches in vectors, batches, transactions,
// throughput, expiry, streams, backups, exports and imports. It must not know how requests reach it (wire) nor who else uses the
// store; policies are decided by the pipeline from what its access functions declare.
//
// # Keys
//
// Tuples as in kv; ID is the table's UUID as 16 bytes, so a table created again under the same name shares no rows.
//
//	account, region, "tables.table", "r", NAME            definition (record row)
//	account, region, "tables.item", ID, HASH, pk[, sk]    item
//	account, region, "tables.index", ID, N, HASH, ik..., is..., DIGEST   index N entry → what it shows of the item, or HASH, pk[, sk] of it
//	account, region, "tables.vector", ID, N, [HASH, ik,] DIGEST      vector index N entry → HASH, pk[, sk] of the item, marks, vector
//	account, region, "tables.expiry", ID, SECONDS, DIGEST            expiry entry → HASH, pk[, sk] of the item
//	account, region, "tables.collection", ID, HASH, pk    size of an item collection, of tables with local indexes
//	account, region, "tables.throughput", ID, N, WRITE    what is left of the reads or writes of the table (0) or index N
//	"", "", "tables.chore", "r", account, region, NAME    table with background work (record row)
//	account, region, "tables.token", CALLER, TOKEN        what a ClientRequestToken stood for
//	"", "", "tables.spent", SECONDS, account, region, CALLER, TOKEN   when to forget it → key of that row
//	account, region, "tables.counter", ID, SHARD          number and time of a shard's last change
//	account, region, "tables.change", ID, SHARD, NUMBER[, PIECE]     change
//	account, region, "tables.shard", "r", ID, SHARD       shard of a log (record row)
//	account, region, "tables.stream", "r", NAME, LABEL    stream (record row)
//	account, region, "tables.backup", "r", NAME, BACKUP   backup; its items are under an ID of its own (record row)
//	account, region, "tables.export" and "tables.import", "r", NAME, ID      exports and imports (record rows)
//	account, region, "tables.exportpart", "r", EXPORT, N, and "tables.importobject", "r", IMPORT, N     their files, while at work
//	account, region, "tables.touched", ID, HASH, pk[, sk] item that changed in the window of an incremental export, while at work
//	"", "", "tables.log", "r", account, region, ID        log to tend (record row)
//	"", "", "tables.job", "r", JOB                        work on a whole table (record row)
//
// pk, sk, ik and is are key attributes: strings and binaries as they are (a partition key of more than 256 bytes as its length and
// SHA-256), numbers as number.AppendOrdered. Global indexes may have several ik and is; the ik are then hashed together, and their
// length and SHA-256 are those of all of them. HASH is 64 bits of
// the partition key, so that Scan goes through a table in no particular order and segments of a parallel scan are ranges.
// DIGEST is 16 bytes of SHA-256 of the item's key: index entries of one value need no order among themselves.
//
// An entry of an index that does not project all holds what it shows of the item, as items are stored, when that is little: so
// a page of small entries costs little, however large the items are. Other entries point, and so do all of indexes made before
// 26 November 2026. So a write touches an index only when what the index shows changes. Entries of a vector
// index hold besides what a search compares (see vectorentry.go), so that it need not read the items.
//
// An item is stored as codec.go has it: a version byte and a compact binary form. A change is stored as change.go has it.
package tables
