package pgkv

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Format is the version of the tables that this code reads and writes.
const Format = 1

const formatMark = "bothy kv"

// ErrFormat says that a schema is not ours to open.
var ErrFormat = errors.New("pgkv: unknown schema format")

const createFormat = `create table if not exists bothy_format (id int4 primary key, mark text not null, version int4 not null, store text not null)`

// tables are those of format 1, besides bothy_format.
const tables = `create table if not exists bothy_kv (k bytea primary key, v bytea not null);
create table if not exists bothy_commit (id bytea primary key, at timestamptz not null default now(), lost int4[])`

// open looks what kind of database it is, and makes the tables.
func (e *Engine) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxOperation)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, e.to.config)
	if err != nil {
		return fmt.Errorf("pgkv: open: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // it is not needed any more
	version, err := column(ctx, conn, "select version()")
	if err != nil {
		return fmt.Errorf("pgkv: open: %w", err)
	}
	e.to.relative = !strings.HasPrefix(version[0], "PostgreSQL ") || strings.Contains(version[0], "-YB-")
	store, err := openSchema(ctx, conn)
	e.channel = "bothy_" + store
	return err
}

// openSchema makes the tables in a new schema, and checks the format of one that is not. It returns the store's name, drawn when
// it was made. Two that begin at once may hinder each other: then they look again.
func openSchema(ctx context.Context, conn *pgconn.PgConn) (store string, err error) {
	for range 10 {
		store, err = makeSchema(ctx, conn)
		if !hasCode(err, "23505", "42P07", "42P06", "42710", stateSerialization, stateDeadlock) { // somebody else made it
			break
		}
	}
	if hasCode(err, "42703") { // no such column
		err = fmt.Errorf("%w: bothy_format: %w", ErrFormat, err)
	}
	if err != nil && !errors.Is(err, ErrFormat) {
		err = fmt.Errorf("pgkv: open: %w", err)
	}
	return store, err
}

func makeSchema(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	if err := currentSchema(ctx, conn); err != nil {
		return "", err
	}
	names, err := column(ctx, conn, `select table_name from information_schema.tables where table_schema = current_schema() and table_type = 'BASE TABLE'`)
	if err != nil {
		return "", err
	}
	if len(names) > 0 && !slices.Contains(names, "bothy_format") {
		return "", fmt.Errorf("%w: the schema has other tables: %s", ErrFormat, names[0])
	}
	if len(names) == 0 {
		if err := exec(ctx, conn, createFormat); err != nil {
			return "", err
		}
	}
	return stamp(ctx, conn)
}

// stamp locks the format row, which is written when there is none, and makes what is missing of the tables.
func stamp(ctx context.Context, conn *pgconn.PgConn) (store string, err error) {
	name := make([]byte, 8)
	rand.Read(name) //nolint:errcheck // never fails
	err = exec(ctx, conn, "begin isolation level read committed")
	if err == nil {
		err = exec(ctx, conn, fmt.Sprintf("insert into bothy_format (id, mark, version, store) values (1, '%s', %d, '%s') on conflict (id) do nothing", formatMark, Format, hex.EncodeToString(name)))
	}
	if err == nil {
		store, err = checkFormat(ctx, conn)
	}
	if err == nil {
		err = exec(ctx, conn, tables)
	}
	if err != nil {
		return "", errors.Join(err, exec(ctx, conn, "rollback"))
	}
	return store, exec(ctx, conn, "commit")
}

func checkFormat(ctx context.Context, conn *pgconn.PgConn) (store string, err error) {
	found, err := column(ctx, conn, "select mark || ':' || version || ':' || store from bothy_format where id = 1 for update")
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%w: no format row", ErrFormat)
	}
	part := strings.Split(found[0], ":")
	if len(part) != 3 || part[0] != formatMark {
		return "", fmt.Errorf("%w: it says %.40q", ErrFormat, found[0])
	}
	version, err := strconv.Atoi(part[1])
	if err != nil || version < 1 {
		return "", fmt.Errorf("%w: it says %.40q", ErrFormat, found[0])
	}
	if version > Format {
		return "", fmt.Errorf("%w: version %d, newer than %d", ErrFormat, version, Format)
	}
	return part[2], nil
}

// currentSchema makes the schema that the URL's search_path names, when it does not exist.
func currentSchema(ctx context.Context, conn *pgconn.PgConn) error {
	found, err := column(ctx, conn, "select coalesce(current_schema(), '')")
	if err != nil || found[0] != "" {
		return err
	}
	path, err := column(ctx, conn, "show search_path")
	if err != nil {
		return err
	}
	name := strings.Trim(strings.TrimSpace(path[0]), `"`)
	if strings.ContainsAny(name, `,"$`) || name == "" {
		return fmt.Errorf("no schema in search_path %s exists", path[0])
	}
	return exec(ctx, conn, `create schema if not exists "`+name+`"`)
}

func exec(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	_, err := conn.Exec(ctx, sql).ReadAll()
	return err
}

// column is the first column of a query's rows, as text.
func column(ctx context.Context, conn *pgconn.PgConn, sql string) ([]string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, row := range results[len(results)-1].Rows {
		out = append(out, string(row[0]))
	}
	return out, nil
}

func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains(codes, pg.Code)
}
