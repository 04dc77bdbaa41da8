// Package functions owns functions: their code and configuration, versions and aliases, who may invoke them, and the queue
// of events that nobody waits for. Package runner runs them. It knows no other service: code in buckets, roles' credentials
// and whatever invokes functions reach it through interfaces.
//
// Rows, in (account, region):
//
//	functions.function  name             → function: what its versions share
//	functions.version   name, version    → version: "$LATEST" and the published ones
//	functions.alias     name, alias      → alias
//	functions.loggroup  name             → logGroupRow: of lines that other services log; expires with the last
//	functions.log       name, time, id   → logChunk: what a process printed; expires
//	functions.stream    name, stream     → logStream; expires
//
// and in ("", ""), to find which archives are still named:
//
//	functions.code      blob, account, region, name, version
//
// Event source mappings:
//
//	functions.mapping   id               → mapping: which stream, which function, how
//	functions.work      id               → workRow: which node works on it, and how it goes
//	functions.place     id, shard        → placeRow: how far a shard of the stream is done
//	functions.mapped    account, region, id   in ("", ""): all mappings, for who works on them
//
// Events wait in record's queue, kind "functions.event".
package functions

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"bothy/api/lambda"
	"bothy/blob"
	"bothy/functions/runner"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Objects reads archives that callers keep in buckets.
type Objects interface {
	// OpenObject returns the bytes of an object as the call's principal may read them: the bucket has a say in that too.
	// version is "" for the latest. Its refusals are Faults, as S3 has them.
	OpenObject(c *wire.Call, bucket, key, version string) (io.ReadCloser, int64, error)
}

// Config is what a Service needs. Everything is required.
type Config struct {
	DB      *kv.DB
	Blobs   blob.Engine
	Sealer  *record.Sealer
	Objects Objects
	Streams Streams
	// Keep makes sure, in the transaction that names a blob, that it outlives it: blob.ErrNotFound when it has gone or is going.
	Keep   func(ctx context.Context, tx *kv.Tx, id string) error
	Now    func() time.Time
	Log    *slog.Logger
	Runner runner.Config                            // Now, Log and Logs are set by New
	Ran    func(outcome string, took time.Duration) // hears of every invocation that ended: ok, error, throttled, failed; may be nil
}

// Service serves the lambda API, and of the logs API what reads the logs of functions.
type Service struct {
	cfg    Config
	runner *runner.Runner
	mux    *wire.Mux // set by Mount
	logs   logStore
}

// New makes a Service; Run starts its work, Close ends it.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg}
	cfg.Runner.Now, cfg.Runner.Log, cfg.Runner.Logs = cfg.Now, cfg.Log, s.logs.add
	s.runner = runner.New(cfg.Runner)
	return s
}

// Mount mounts the operations.
func (s *Service) Mount(m *wire.Mux) {
	s.mux = m
	wire.Handle(m, lambda.CreateFunction, s.accessCreate, s.create)
	wire.Handle(m, lambda.UpdateFunctionCode, s.accessUpdateCode, s.updateCode)
	wire.Handle(m, lambda.UpdateFunctionConfiguration, s.accessUpdateConfiguration, s.updateConfiguration)
	wire.Handle(m, lambda.GetFunction, func(c *wire.Call, in *lambda.GetFunctionInput) ([]wire.Access, error) {
		return s.on(c, "GetFunction", in.FunctionName, in.Qualifier)
	}, s.get)
	wire.Handle(m, lambda.GetFunctionConfiguration, func(c *wire.Call, in *lambda.GetFunctionConfigurationInput) ([]wire.Access, error) {
		return s.on(c, "GetFunctionConfiguration", in.FunctionName, in.Qualifier)
	}, s.getConfiguration)
	wire.Handle(m, lambda.ListFunctions, func(*wire.Call, *lambda.ListFunctionsInput) ([]wire.Access, error) {
		return wire.One("lambda:ListFunctions", "*", nil), nil
	}, s.list)
	wire.Handle(m, lambda.DeleteFunction, func(c *wire.Call, in *lambda.DeleteFunctionInput) ([]wire.Access, error) {
		return s.on(c, "DeleteFunction", in.FunctionName, in.Qualifier)
	}, s.delete)
	wire.Handle(m, lambda.Invoke, s.accessInvoke, s.invoke)
	s.mountPermissions(m)
	s.mountVersions(m)
	s.mountTags(m)
	s.mountLogs(m)
	s.mountMappings(m)
}

// eventWorkers is how many events nobody waits for are worked on at once.
const eventWorkers = 4

// Run works on queued events and stores logs until ctx ends.
func (s *Service) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.keepLogs(ctx) })
	wg.Go(func() { s.workMappings(ctx) })
	for range eventWorkers {
		wg.Go(func() { s.eventWorker().Run(ctx) })
	}
	wg.Wait()
}

// Close ends all functions and stores the last they printed. Run must have returned.
func (s *Service) Close() error {
	return errors.Join(s.runner.Close(), s.flushLogs(context.Background()))
}
