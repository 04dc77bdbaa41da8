package node

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"bothy/wire/sigv4"
)

// TestUseOutlivesTheNode: a node that ends in good order writes what was used.
func TestUseOutlivesTheNode(t *testing.T) {
	dir := t.TempDir()
	n := run(t, Config{DataDir: dir})
	key := n.root()
	ask := func(n *testNode) string {
		r, err := http.NewRequest("GET", n.URL()+"/?Version=2010-05-08&Action=GetAccessKeyLastUsed&AccessKeyId="+key.AccessKey, nil)
		if err != nil {
			t.Fatal(err)
		}
		sigv4.Sign(r, key, "iam", "us-east-1", time.Now(), nil)
		status, body := n.send(r)
		if status != 200 {
			t.Fatal(status, body)
		}
		return body
	}
	if body := ask(n); !strings.Contains(body, "<ServiceName>N/A</ServiceName>") {
		t.Errorf("at first: %s", body)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	if body := ask(run(t, Config{DataDir: dir})); !strings.Contains(body, "<ServiceName>iam</ServiceName>") || !strings.Contains(body, "<Region>us-east-1</Region>") {
		t.Errorf("after a restart: %s", body)
	}
}
