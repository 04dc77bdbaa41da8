package node

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bothy/access"
	"bothy/api/iam"
	"bothy/kv"
	"bothy/outbox"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/sigv4"
)

// invoke makes a call in process, as the node itself.
func invoke[In, Out any](n *testNode, op wire.Op[In, Out], in *In) *Out {
	n.t.Helper()
	out, err := wire.Invoke(context.Background(), n.services.mux, internal(n.account), "us-east-1", op, in)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// user makes a user with a policy of the given actions, and a key.
func (n *testNode) user(name string, actions ...string) sigv4.Credentials {
	n.t.Helper()
	invoke(n, iam.CreateUser, &iam.CreateUserInput{UserName: wire.Some(name)})
	if len(actions) > 0 {
		doc := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["%s"],"Resource":"*"}}`, strings.Join(actions, `","`))
		invoke(n, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: wire.Some(name), PolicyName: wire.Some("p"), PolicyDocument: wire.Some(doc)})
	}
	k := invoke(n, iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: wire.Some(name)}).AccessKey
	return sigv4.Credentials{AccessKey: k.AccessKeyId.V, Secret: k.SecretAccessKey.V}
}

// session is one of a role that may do everything of DynamoDB, as apps have.
func (n *testNode) session() sigv4.Credentials {
	n.t.Helper()
	role := invoke(n, iam.CreateRole, &iam.CreateRoleInput{RoleName: wire.Some("app"), AssumeRolePolicyDocument: wire.Some(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)}).Role
	invoke(n, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: wire.Some("app"), PolicyName: wire.Some("p"), PolicyDocument: wire.Some(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}}`)})
	issued, err := n.services.access.Issue(context.Background(), access.Spec{RoleARN: role.Arn.V, SessionName: "s", Service: "lambda.amazonaws.com"})
	if err != nil {
		n.t.Fatal(err)
	}
	return sigv4.Credentials{AccessKey: issued.AccessKey, Secret: issued.Secret, Token: issued.Token}
}

// message puts one in the outbox.
func (n *testNode) message(to, code string) {
	n.t.Helper()
	err := n.db.Update(context.Background(), func(tx *kv.Tx) error {
		return n.services.outbox.Send(tx, record.In(n.account, "us-east-1"), outbox.Message{To: to, Medium: outbox.Email, Kind: "test", Fields: map[string]string{"code": code}})
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// TestOperatorAPI: messages and traces are for whom a policy lets see them, and for nobody without a signature.
func TestOperatorAPI(t *testing.T) {
	n := run(t, Config{})
	n.message("ann@example.com", "123456")
	root, none, reader, app := n.root(), n.user("none"), n.user("reader", "bothy:ListMessages"), n.session()
	wrong := root
	wrong.Secret += "x"
	stranger := sigv4.Credentials{AccessKey: "AKIAAAAAAAAAAAAAAAAA", Secret: "s"}

	const outboxPath, waitPath = "/_bothy/outbox?to=ann@example.com", "/_bothy/outbox/wait?to=ann@example.com&seconds=1"
	tracePath := "/_bothy/requests/" + n.refusal()
	for _, c := range []struct {
		who    string
		cred   sigv4.Credentials
		status map[string]int
	}{
		{"root", root, map[string]int{outboxPath: 200, waitPath: 200, tracePath: 200, "/_bothy/requests/none-such": 404}},
		{"reader", reader, map[string]int{outboxPath: 200, waitPath: 403, tracePath: 403}},
		{"a user without permission", none, map[string]int{outboxPath: 403, waitPath: 403, tracePath: 403}},
		{"an app's session", app, map[string]int{outboxPath: 403, waitPath: 403, tracePath: 403, "/_bothy/requests/none-such": 403}},
		{"a wrong secret", wrong, map[string]int{outboxPath: 403, waitPath: 403, tracePath: 403}},
		{"a stranger", stranger, map[string]int{outboxPath: 403, waitPath: 403, tracePath: 403}},
	} {
		for path, want := range c.status {
			status, body := n.signed(c.cred, path)
			if status != want || status != 200 && strings.Contains(body, "123456") {
				t.Errorf("%s: %s: %d %s", c.who, path, status, body)
			}
		}
	}
	for _, path := range []string{outboxPath, waitPath, tracePath, "/_bothy//outbox", "/_bothy/./outbox", "/_bothy/%6futbox", "/_bothy/outbox/"} {
		if status, body := n.do("GET", path, ""); status < 400 || strings.Contains(body, "123456") {
			t.Errorf("unsigned: %s: %d %s", path, status, body)
		}
	}
	r, err := http.NewRequest("GET", n.URL()+outboxPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(r, root, "s3", "us-east-1", time.Now(), nil) // for another service
	r.Host = "bothy.us-east-1.localhost"
	if status, body := n.send(r); status < 400 {
		t.Errorf("signed for s3: %d %s", status, body)
	}
}

// refusal is the id of a request that was refused.
func (n *testNode) refusal() string {
	n.t.Helper()
	res, err := http.Get(n.URL() + "/_bothy/outbox")
	if err != nil {
		n.t.Fatal(err)
	}
	res.Body.Close()
	id := res.Header.Get("x-amzn-RequestId")
	if res.StatusCode != 403 || id == "" {
		n.t.Fatalf("%d, id %q", res.StatusCode, id)
	}
	return id
}
