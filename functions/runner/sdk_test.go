package runner

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestSDKReachesTheNode runs handlers as they were written in 2017: the SDK is there without being shipped, and what it
// calls is this node, under the role's credentials.
func TestSDKReachesTheNode(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Amz-Target")+" "+strings.SplitN(r.Header.Get("Authorization"), "/", 2)[0]+" "+r.Header.Get("X-Amz-Security-Token"))
		mu.Unlock()
		if r.Header.Get("X-Amz-Target") != "" {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = w.Write([]byte(`{"Items":[{"a":{"S":"b"}}],"Count":1}`))
		}
	}))
	t.Cleanup(node.Close)
	r := newRunner(t, func(c *Config) { c.Endpoint = node.URL })
	if r.cfg.NodeModules == "" {
		t.Skip("aws-sdk is not installed: make installs functions/runtime/node_modules")
	}
	use := `exports.handler = async () => { const out = await new AWS.DynamoDB.DocumentClient().scan({TableName: 't'}).promise(); await new AWS.S3().getObject({Bucket: 'b', Key: 'k'}).promise(); return out.Items }`
	for name, files := range map[string]map[string]string{
		"preinstalled":  {"index.js": `const AWS = require('aws-sdk'); AWS.config.update({region: 'us-east-1'}); ` + use},
		"single client": {"index.js": `const AWS = {DynamoDB: require('aws-sdk/clients/dynamodb'), S3: require('aws-sdk/clients/s3')}; ` + use},
		"new config":    {"index.js": `const AWS = require('aws-sdk'); AWS.config = new AWS.Config({region: 'us-east-1'}); ` + use},
		"imported":      {"index.mjs": `import AWS from 'aws-sdk'; ` + strings.Replace(use, "exports.handler", "export const handler", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			mu.Lock()
			seen = nil
			mu.Unlock()
			f := function(t, files)
			f.MemoryMB, f.Timeout = 256, 10e9
			res := invoke(t, r, f, `{}`)
			mu.Lock()
			defer mu.Unlock()
			if res.Error != "" || string(res.Payload) != `[{"a":"b"}]` {
				t.Fatalf("%s\n%s", res.Payload, res.Tail)
			}
			want := "[POST / DynamoDB_20120810.Scan AWS4-HMAC-SHA256 Credential=ASIATEST token GET /b/k  AWS4-HMAC-SHA256 Credential=ASIATEST token]"
			if got := "[" + strings.Join(seen, " ") + "]"; got != want {
				t.Errorf("the node saw %s", got)
			}
		})
	}
}
