package pgkv

import "bytes"

// Names of the statements every session has.
const (
	begin        = "bothy_begin"
	beginRead    = "bothy_begin_read"
	lock         = "bothy_lock"
	token        = "bothy_token"
	verdictSpans = "bothy_verdict_spans"
	verdict      = "bothy_verdict"
	put          = "bothy_put"
	del          = "bothy_delete"
	notify       = "bothy_notify"
	commit       = "bothy_commit"
	resolve      = "bothy_resolve"
	getMany      = "bothy_get"
	scanForward  = "bothy_scan"
	scanReverse  = "bothy_scan_reverse"
)

type statement struct{ name, sql string }

// kept is whether a member of a batch is not among those that the batch's own verdict names.
const kept = `w.i <> all ((select lost from bothy_commit where id = $1)::int4[])`

// notifySQL is prepared apart, for not all relatives have it.
const notifySQL = `select pg_notify($4::text, w.t) from unnest($2::int4[], $3::text[]) as w (i, t) where ` + kept + ` group by w.t`

// A verdict names the members of a batch who read what has changed since.
const (
	judge   = `insert into bothy_commit (id, lost) select $1::bytea, coalesce(array_agg(l.i), '{}') from (`
	changed = `select r.i from unnest($2::int4[], $3::bytea[], $4::bytea[]) as r (i, k, v)
    where (select x.v from bothy_kv x where x.k = r.k) is distinct from r.v`
)

// statements are plain SQL that PostgreSQL's relatives have too: no functions of our own, no system columns, no advisory locks.
//
// On PostgreSQL each statement of a commit sees what was committed when it began, hence all that came before the lock was had, and
// a View's snapshot is enough. Not every relative means the same by these levels, but all mean the same by serializable.
func statements(relative bool) []statement {
	change, look := `begin isolation level read committed`, `begin isolation level repeatable read read only`
	if relative {
		change, look = `begin isolation level serializable`, `begin isolation level serializable read only`
	}
	return []statement{
		{begin, change},
		{beginRead, look},
		{commit, `commit`},
		{lock, `select 1 from bothy_format where id = 1 for update`},
		{token, `insert into bothy_commit (id, lost) values ($1::bytea, '{}') returning lost`},
		{verdict, judge + changed + `) as l returning lost`},
		{verdictSpans, judge + changed + `
  union all
  select s.i from unnest($5::int4[], $6::bytea[], $7::bytea[], $8::int8[]) as s (i, a, z, n)
    where (select count(*) from bothy_kv x where x.k >= s.a and x.k < s.z) <> s.n) as l returning lost`},
		{put, `insert into bothy_kv (k, v) select w.k, w.v from unnest($2::int4[], $3::bytea[], $4::bytea[]) as w (i, k, v) where ` + kept + `
  on conflict (k) do update set v = excluded.v`},
		{del, `delete from bothy_kv where k = any (array(select w.k from unnest($2::int4[], $3::bytea[]) as w (i, k) where ` + kept + `))`},
		{resolve, `insert into bothy_commit (id) values ($1::bytea) on conflict (id) do update set at = now() returning lost`},
		{getMany, `select k, v from bothy_kv where k = any ($1::bytea[])`},
		{scanForward, `select k, v from bothy_kv where k >= $1::bytea and k < $2::bytea order by k limit $3::int8`},
		{scanReverse, `select k, v from bothy_kv where k >= $1::bytea and k < $2::bytea order by k desc limit $3::int8`},
	}
}

// end is above every key.
func end() []byte { return bytes.Repeat([]byte{0xFF}, maxKeyBytes+1) }
