package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"bothy/access"
	"bothy/api/s3"
	"bothy/functions"
	"bothy/functions/runner"
	"bothy/gateway"
	"bothy/record"
	"bothy/users"
	"bothy/wire"
)

// newFunctions makes the functions service with its runner.
func (s *services) newFunctions(sealer *record.Sealer) (*functions.Service, error) {
	n := s.node
	var err error
	if s.runDir, err = runDir(n.cfg.DataDir, n.cfg.Log); err != nil {
		return nil, err
	}
	hidden, err := n.hidden()
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("node")
	if err != nil {
		n.cfg.Log.Warn("functions cannot run: no node program on the path; install Node.js and start again")
		program = "node" // each invocation says so
	}
	return functions.New(functions.Config{
		DB: n.db, Blobs: n.blobs, Sealer: sealer, Objects: codeObjects{s}, Streams: functionStreams{s}, Keep: s.objects.Keep, Now: n.cfg.Now, Log: n.cfg.Log, Ran: n.metrics.ran,
		Runner: runner.Config{
			Dir: s.runDir, Node: program, NodeModules: n.cfg.NodeModules, Shim: []string{"/proc/self/exe", "__sandbox"}, Hidden: hidden,
			Endpoint: n.URL(), Sessions: functionSessions{s},
		},
	}), nil
}

// hidden are the directories that functions must not see.
func (n *Node) hidden() ([]string, error) {
	dirs := []string{n.cfg.DataDir}
	if n.cfg.Blobs != "" && !strings.HasPrefix(n.cfg.Blobs, s3Scheme) {
		dirs = append(dirs, n.cfg.Blobs)
	}
	for i, d := range dirs {
		abs, err := filepath.Abs(d)
		if err != nil {
			return nil, err
		}
		dirs[i] = abs
	}
	return dirs, nil
}

// runDir makes the directory where functions are unpacked and run: a cache outside the data directory, which they must not see.
// It lies in the system's directory for temporary files, where others may make what they like, so its name is new each time: one
// that can be foreseen could be taken. What dead nodes left is removed; this node holds the data directory, so none else is alive.
func runDir(data string, log *slog.Logger) (string, error) {
	abs, err := filepath.Abs(data)
	if err != nil {
		return "", err
	}
	h := fnv.New64a()
	h.Write([]byte(abs)) //nolint:errcheck // never fails (hash)
	prefix := fmt.Sprintf("bothy-%d-%x-", os.Getuid(), h.Sum64())
	if err := removeStale(os.TempDir(), prefix); err != nil {
		log.Warn("directories of dead nodes not removed", "error", err)
	}
	dir, err := os.MkdirTemp("", prefix+"*")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

// removeStale removes directories whose names have the prefix, if they are ours.
func removeStale(in, prefix string) error {
	all, err := os.ReadDir(in)
	errs := []error{err}
	for _, e := range all {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // gone already
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && info.IsDir() && int(st.Uid) == os.Getuid() {
			errs = append(errs, os.RemoveAll(filepath.Join(in, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// functionSessions give functions the credentials of their role.
type functionSessions struct{ s *services }

func (f functionSessions) AssumeForFunction(ctx context.Context, roleARN, functionName string) (key, secret, token string, expires time.Time, err error) {
	issued, err := f.s.access.Issue(ctx, access.Spec{RoleARN: roleARN, SessionName: functionName, Service: "lambda.amazonaws.com"})
	if err != nil {
		return "", "", "", time.Time{}, err
	}
	return issued.AccessKey, issued.Secret, issued.Token, issued.Expires, nil
}

// internal is the node itself as a caller: what it does on its own behalf, or after it has decided about the caller itself.
func internal(account string) *wire.Principal {
	return &wire.Principal{Kind: wire.Internal, Account: account, ARN: "arn:aws:iam::" + account + ":role/bothy-node", UserID: "bothy-node"}
}

// codeObjects reads archives of functions from buckets, with the rights of who brings them.
type codeObjects struct{ s *services }

func (o codeObjects) OpenObject(c *wire.Call, bucket, key, version string) (io.ReadCloser, int64, error) {
	in := &s3.GetObjectInput{Bucket: wire.Some(bucket), Key: wire.Some(key)}
	if version != "" {
		in.VersionId = wire.Some(version)
	}
	out, err := wire.Invoke(c, o.s.mux, c.Principal, c.Region, s3.GetObject, in)
	if err != nil {
		return nil, 0, err
	}
	body, ok := out.Body.(io.ReadCloser)
	if !ok {
		body = io.NopCloser(out.Body)
	}
	return body, out.ContentLength.V, nil
}

// apiFunctions run functions for deployed APIs.
type apiFunctions struct{ s *services }

func (f apiFunctions) Invoke(ctx context.Context, functionARN string, event []byte, sourceARN, sourceAccount string) ([]byte, string, error) {
	return f.s.functions.InvokeFunction(ctx, functionARN, event, functions.Caller{Service: "apigateway.amazonaws.com", SourceARN: sourceARN, SourceAccount: sourceAccount})
}

// apiTokens verify tokens of user pools for deployed APIs; those of who signed out since are refused.
type apiTokens struct{ s *services }

func (t apiTokens) VerifyToken(ctx context.Context, poolID, token string, accessToken bool) (claims map[string]any, err error) {
	if accessToken {
		claims, err = t.s.users.VerifyAccessToken(ctx, poolID, token)
	} else {
		claims, _, err = t.s.users.VerifyIDToken(ctx, poolID, token)
	}
	if errors.Is(err, users.ErrTokenExpired) {
		return nil, fmt.Errorf("%w: %w", gateway.ErrTokenExpired, err)
	}
	if err != nil {
		return nil, err
	}
	if live, err := t.s.users.SessionLive(ctx, claims); err != nil || !live {
		return nil, errors.Join(err, errors.New("the sign-in behind the token was revoked"))
	}
	return claims, nil
}

// triggers run functions for user pools.
type triggers struct{ s *services }

func (t triggers) Invoke(ctx context.Context, functionARN, poolARN string, event []byte) ([]byte, error) {
	out, failed, err := t.s.functions.InvokeFunction(ctx, functionARN, event, functions.Caller{Service: "cognito-idp.amazonaws.com", SourceARN: poolARN, SourceAccount: t.s.node.account})
	if err != nil || failed == "" {
		return out, err
	}
	var thrown struct{ ErrorMessage string }
	if json.Unmarshal(out, &thrown) != nil || thrown.ErrorMessage == "" {
		thrown.ErrorMessage = failed
	}
	return nil, &users.FunctionError{Message: thrown.ErrorMessage}
}
