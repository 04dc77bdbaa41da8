// Package bothy_test keeps the repository's rules: who may import whom, documentation of packages, formatting, vet,
// staticcheck, and that generated files are fresh.
package bothy_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which of our packages a folder's production code may import. "x/..." covers what lies below x, "own" the
// folder's own subfolders. It is the architecture (docs/ARCHITECTURE.md): changing it is a design decision, never a build fix.
var mayImport = []struct {
	folder string
	may    []string
}{
	{"kv", nil},
	{"kv/memkv", []string{"kv"}},
	{"kv/overlay", nil},
	{"kv/pebblekv", []string{"kv", "kv/overlay"}},
	{"kv/pgkv", []string{"kv", "kv/overlay"}},
	{"kv/history", nil},
	{"kv/kvtest", []string{"kv", "kv/history"}},
	{"blob", nil},
	{"blob/memblob", []string{"blob"}},
	{"blob/fileblob", []string{"blob"}},
	{"blob/s3blob", []string{"blob"}},
	{"blob/blobtest", []string{"blob"}},
	{"policy", nil},
	{"otp", nil},
	{"record", []string{"kv"}},
	{"backup", []string{"kv", "blob", "blob/s3blob", "record"}},
	{"wire/sigv4", nil},
	{"wire/jsoncur", nil},
	{"wire/item", []string{"wire/jsoncur"}},
	{"wire/gen", nil},
	{"wire/admit", nil},
	{"wire", []string{"policy", "own"}},
	{"api/...", []string{"wire", "wire/item"}},

	{"federation/oidc", nil},
	{"federation/saml", nil},

	{"users", service("api/cognitoidp", "own", "otp", "federation/...")},
	{"users/passkey", nil},
	{"users/passkey/passkeytest", nil},
	{"users/pages", nil},
	{"identities", service("api/cognitoidentity", "federation/...")},
	{"access", service("api/iam", "api/sts", "otp", "federation/...")},
	{"gateway", service("api/apigateway")},
	{"functions", service("api/lambda", "api/logs", "own")},
	{"functions/runner", []string{"functions/runtime"}},
	{"functions/runtime", nil},
	{"tables/expr", []string{"wire/item", "tables/number"}},
	{"tables/number", nil},
	{"tables/partiql", []string{"tables/expr", "tables/number", "wire/item"}},
	{"tables", service("api/dynamodb", "api/dynamodbstreams", "wire/item", "own")},
	{"objects", service("api/s3")},
	{"sites", service("api/cloudfront")},
	{"outbox", service()},

	{"hub", []string{"api/...", "wire", "record", "kv", "blob"}},
	{"cli", []string{"api/...", "wire", "wire/sigv4", "backup"}},
	{"node", []string{"..."}},
	{"cmd/bothy", []string{"cli", "node", "functions/runner"}},
}

// service is what every service may import, besides its own API.
func service(own ...string) []string {
	return append([]string{"wire", "policy", "record", "kv", "blob"}, own...)
}

func TestImports(t *testing.T) {
	for _, f := range goFiles(t) {
		folder := path.Dir(f)
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(folder, "test") {
			continue
		}
		rule := slices.IndexFunc(mayImport, func(r struct {
			folder string
			may    []string
		}) bool {
			return covers(r.folder, folder, "")
		})
		if rule < 0 {
			t.Errorf("%s: folder %s is not in the table", f, folder)
			continue
		}
		for _, imp := range imports(t, f) {
			ours, ok := strings.CutPrefix(imp, "bothy/")
			if ok && !slices.ContainsFunc(mayImport[rule].may, func(p string) bool { return covers(p, ours, folder) }) {
				t.Errorf("%s: %s must not import %s", f, folder, ours)
			}
		}
	}
}

func covers(pattern, folder, own string) bool {
	if pattern == "own" {
		return strings.HasPrefix(folder, own+"/")
	}
	if below, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(folder, below)
	}
	return pattern == folder
}

// mayUse says which folders' production code may import a module from outside: each is made for a field, and its field has
// one home.
var mayUse = map[string][]string{
	"github.com/alecthomas/kong":      {"cli"},
	"github.com/anishathalye":         {"kv/history"},
	"github.com/cockroachdb/pebble":   {"kv/pebblekv"},
	"github.com/beevik/etree":         {"federation/saml"},
	"github.com/coreos/go-oidc":       {"federation/oidc"},
	"github.com/go-jose/go-jose":      {"users", "identities", "access", "federation/oidc"}, // three issuers of tokens, and who reads those of others
	"github.com/go-webauthn/":         {"users/passkey"},
	"github.com/jackc/pgx":            {"kv/pgkv"},
	"github.com/klauspost/compress":   {"backup", "tables"}, // formats of ours, and those that imports come in
	"filippo.io/age":                  {"backup"},
	"github.com/prometheus/":          {"node", "kv/pebblekv"}, // what is shown, and Pebble's own measurements
	"github.com/landlock-lsm/":        {"functions/runner"},
	"github.com/minio/crc64nvme":      {"objects"},
	"github.com/minio/minio-go":       {"blob/s3blob"},
	"go.yaml.in/yaml":                 {"hub"},
	"github.com/cespare/xxhash":       {"objects"},
	"github.com/zeebo/xxh3":           {"objects"},
	"github.com/russellhaering":       {"federation/saml"},
	"golang.org/x/oauth2":             {"federation/oidc"},
	"golang.org/x/crypto/argon2":      {"access"},
	"golang.org/x/crypto/ssh":         {"access"},
	"rsc.io/qr":                       {"access", "users/pages"}, // keys to be scanned
	"golang.org/x/sys/unix":           {"functions/runner"},
	"golang.org/x/net/bpf":            {"functions/runner"},
	"github.com/nyaruka/phonenumbers": {"users"},
}

func TestModules(t *testing.T) {
	for _, f := range goFiles(t) {
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(f, "test/") {
			continue
		}
		for _, imp := range imports(t, f) {
			first, _, _ := strings.Cut(imp, "/")
			if !strings.Contains(first, ".") {
				continue
			}
			allowed := false
			for module, folders := range mayUse {
				allowed = allowed || strings.HasPrefix(imp, module) && slices.Contains(folders, path.Dir(f))
			}
			if !allowed {
				t.Errorf("%s imports %s, which is not its field", f, imp)
			}
		}
	}
}

// goFiles are the repository's Go files, slash-separated.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "node_modules" || p != "." && strings.HasPrefix(e.Name(), ".") || e.Name() == "data") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(p, ".go") {
			files = append(files, filepath.ToSlash(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}
