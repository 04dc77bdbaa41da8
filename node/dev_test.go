package node

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/api/dynamodb"
	"bothy/api/iam"
	"bothy/api/s3"
	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

const testOutboxPath, testResetPath = "/_bothy/test/outbox?to=ann@example.com&wait=0s", "/_bothy/test/reset"

// TestTestEndpoints: they exist with --dev only, for programs on this machine: not for pages of other origins, names that
// lead here by another's DNS, pages the node itself serves, or other machines.
func TestTestEndpoints(t *testing.T) {
	n := run(t, Config{Dev: true})
	n.message("ann@example.com", "123456")
	status, body := n.do("GET", testOutboxPath, "")
	if status != 200 || !strings.Contains(body, "123456") {
		t.Fatalf("from a program: %d %s", status, body)
	}
	if status, _ := n.do("GET", testOutboxPath, "localhost:4566", "Sec-Fetch-Site: none"); status != 200 {
		t.Errorf("typed into a browser: %d", status)
	}
	for _, c := range []struct{ host, header string }{
		{"evil.example:4566", ""}, {"evil.example", ""}, {"127.0.0.1.nip.io", ""}, {"localhost.evil.example", ""}, {"app.localhost:4566", ""}, {"0.0.0.0", ""},
		{"s3.amazonaws.com", ""}, {"192.168.1.5:4566", ""}, {"[::ffff:10.0.0.1]:4566", ""}, {"127.0.0.1@evil.example", ""},
		{"", "Origin: https://evil.example"}, {"", "Origin: null"}, {"", "Origin: http://127.0.0.1:4566"},
		{"", "Sec-Fetch-Site: cross-site"}, {"", "Sec-Fetch-Site: same-site"}, {"", "Sec-Fetch-Site: same-origin"},
	} {
		for path, method := range map[string]string{testOutboxPath: "GET", testResetPath: "POST"} {
			if status, body := n.do(method, path, c.host, c.header); status != http.StatusForbidden || strings.Contains(body, "123456") {
				t.Errorf("%s %s from %q %q: %d %s", method, path, c.host, c.header, status, body)
			}
		}
	}
	for _, remote := range []string{"192.0.2.1:999", "[2001:db8::1]:999", "[::ffff:10.0.0.1]:999", ""} {
		r := httptest.NewRequest("GET", testOutboxPath, nil)
		r.Host, r.RemoteAddr = "127.0.0.1:4566", remote
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		w := httptest.NewRecorder()
		n.handler().ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("from %q: %d", remote, w.Code)
		}
	}
	for _, q := range []string{"", "?to=", "?to=x&wait=soon", "?to=x&wait=9999999999999h"} {
		if status, _ := n.do("GET", "/_bothy/test/outbox"+q, ""); status != http.StatusBadRequest {
			t.Errorf("%q: %d", q, status)
		}
	}
	if status, _ := n.do("GET", testResetPath, ""); status < 400 {
		t.Errorf("reset by GET: %d", status)
	}

	plain := run(t, Config{})
	for path, method := range map[string]string{testOutboxPath: "GET", testResetPath: "POST"} {
		if status, body := plain.do(method, path, ""); status != http.StatusNotFound {
			t.Errorf("without --dev: %s: %d %s", path, status, body)
		}
	}
	if status, body := plain.do("GET", "/_bothy/health", "anything.example"); status != 200 || strings.TrimSpace(body) != `{"status":"ok"}` {
		t.Errorf("health: %d %s", status, body)
	}
}

// TestReset: the account is empty afterwards and the root key still good, also with many rows and while requests run.
func TestReset(t *testing.T) {
	n := run(t, Config{Dev: true})
	n.message("ann@example.com", "123456")
	pool := invoke(n, cognitoidp.CreateUserPool, &cognitoidp.CreateUserPoolInput{PoolName: wire.Some("p")}).UserPool
	user := n.user("none", "dynamodb:*")
	invoke(n, dynamodb.CreateTable, newTable("kept"))
	invoke(n, dynamodb.PutItem, newItem("kept")) // whatever remembers tables does so now
	invoke(n, s3.CreateBucket, &s3.CreateBucketInput{Bucket: wire.Some("kept-bucket")})
	invoke(n, s3.PutObject, newObject("kept-bucket"))
	client := invoke(n, cognitoidp.CreateUserPoolClient, &cognitoidp.CreateUserPoolClientInput{UserPoolId: pool.Id, ClientName: wire.Some("c")}).UserPoolClient
	n.fill(20_000)

	ctx, stop := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	busy.Go(func() { n.work(ctx, t) })
	start := time.Now()
	status, body := n.do("POST", testResetPath, "")
	stop()
	busy.Wait()
	if status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	t.Logf("20,000 rows in %v", time.Since(start))
	if status, _ = n.do("POST", testResetPath, ""); status != http.StatusNoContent { // what the work put there meanwhile
		t.Fatalf("again: %d", status)
	}
	if left := n.rows(); left != 0 {
		t.Errorf("%d rows are left", left)
	}
	if status, body := n.signed(n.root(), "/_bothy/outbox"); status != 200 || strings.Contains(body, "123456") {
		t.Errorf("root after reset: %d %s", status, body)
	}
	if status, body := n.signed(user, "/_bothy/outbox"); status != 403 || !strings.Contains(body, "security token") {
		t.Errorf("a key of a user who is gone: %d %s", status, body)
	}
	gone(n, cognitoidp.DescribeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: pool.Id}, "ResourceNotFoundException")
	gone(n, cognitoidp.SignUp, &cognitoidp.SignUpInput{ClientId: client.ClientId, Username: wire.Some("u"), Password: wire.Some("Password1!")}, "ResourceNotFoundException")
	gone(n, dynamodb.PutItem, newItem("kept"), "ResourceNotFoundException")
	gone(n, dynamodb.GetItem, &dynamodb.GetItemInput{TableName: wire.Some("kept"), Key: newItem("").Item}, "ResourceNotFoundException")
	gone(n, s3.PutObject, newObject("kept-bucket"), "NoSuchBucket")
	gone(n, iam.GetUser, &iam.GetUserInput{UserName: wire.Some("none")}, "NoSuchEntity")
	if left := n.rows(); left != 0 {
		t.Errorf("what is gone came back: %d rows", left)
	}
	invoke(n, cognitoidp.CreateUserPool, &cognitoidp.CreateUserPoolInput{PoolName: wire.Some("p")}) // and all works as on the first day
}

// gone makes a call that must find nothing.
func gone[In, Out any](n *testNode, op wire.Op[In, Out], in *In, want string) {
	n.t.Helper()
	if _, err := wire.Invoke(context.Background(), n.services.mux, internal(n.account), "us-east-1", op, in); err == nil || !strings.Contains(err.Error(), want) {
		n.t.Errorf("%s after the reset: %v", op.Info.Name, err)
	}
}

func newTable(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: wire.Some(name), BillingMode: wire.Some("PAY_PER_REQUEST"), KeySchema: []dynamodb.KeySchemaElement{{AttributeName: wire.Some("k"), KeyType: wire.Some("HASH")}},
		AttributeDefinitions: []dynamodb.AttributeDefinition{{AttributeName: wire.Some("k"), AttributeType: wire.Some("S")}},
	}
}

func newItem(table string) *dynamodb.PutItemInput {
	return &dynamodb.PutItemInput{TableName: wire.Some(table), Item: item.Item{{Name: "k", Value: item.Text("v")}}}
}

func newObject(bucket string) *s3.PutObjectInput {
	return &s3.PutObjectInput{Bucket: wire.Some(bucket), Key: wire.Some("k"), Body: strings.NewReader("x"), ContentLength: wire.Some(int64(1))}
}

// fill writes rows of an account.
func (n *testNode) fill(rows int) {
	n.t.Helper()
	for from := 0; from < rows; from += resetBatch {
		err := n.db.Update(context.Background(), func(tx *kv.Tx) error {
			for i := from; i < min(rows, from+resetBatch); i++ {
				if err := tx.Set(kv.K(n.account, "us-east-1", "test.filling", fmt.Sprint(i)), []byte("{}")); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			n.t.Fatal(err)
		}
	}
}

// work makes tables and items until ctx ends; each call succeeds or finds its table gone.
func (n *testNode) work(ctx context.Context, t *testing.T) {
	by := internal(n.account)
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("table-%d", i)
		_, err := wire.Invoke(context.Background(), n.services.mux, by, "us-east-1", dynamodb.CreateTable, newTable(name))
		if err == nil {
			_, err = wire.Invoke(context.Background(), n.services.mux, by, "us-east-1", dynamodb.PutItem, newItem(name))
		}
		if err != nil && !strings.Contains(err.Error(), "ResourceNotFoundException") {
			t.Errorf("during the reset: %v", err)
			return
		}
	}
}

// rows counts what an account has, but for refusals, which come a second behind.
func (n *testNode) rows() (count int) {
	n.t.Helper()
	err := n.db.View(context.Background(), func(tx *kv.Tx) error {
		count = 0
		return tx.Scan(kv.K(n.account).Range(), func(k kv.Key, _ []byte) bool {
			if parts, err := k.Parts(); err != nil || len(parts) < 3 || parts[2] != refusalRows.Name {
				n.t.Logf("left: %q", k)
				count++
			}
			return true
		})
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return count
}
