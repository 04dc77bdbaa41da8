package cluster

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"bothy/test/postgres"
)

// TestTwoNodes: two nodes on one PostgreSQL, started at once on an empty store.
func TestTwoNodes(t *testing.T) {
	c := newCluster(t, postgres.Start(t).URL(""), 2)
	a := c.newApp()
	m := c.join(a, "ann")
	for _, part := range []struct {
		name string
		test func(*testing.T, *cluster, *app, *member)
	}{
		{"DataOfBoth", dataOfBoth}, {"RevokedAtOnce", revokedAtOnce}, {"SignedOutAtOnce", signedOutAtOnce}, {"OneLimit", oneLimit},
		{"DueWorkOnce", dueWorkOnce}, {"KillOne", killOne},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, c, a, m) }) {
			return
		}
	}
}

// dataOfBoth: what is written at one node is read at the other at once, rows and objects, and listed there.
func dataOfBoth(t *testing.T, c *cluster, a *app, m *member) {
	for i := range 20 {
		one, other := m.at(c.nodes[i%2].url()), m.at(c.nodes[1-i%2].url())
		id := fmt.Sprint("both/", i)
		content := bytes.Repeat([]byte(id+";"), 1+i*i*i*i) // up to a megabyte
		if err := errors.Join(one.put(t.Context(), a, id), one.putObject(t.Context(), a, id, content)); err != nil {
			t.Fatal(err)
		}
		if row, err := other.row(t.Context(), a, id); err != nil || row == nil {
			t.Errorf("row %s: %v, %v", id, row, err)
		}
		if got, err := other.object(t.Context(), a, id); err != nil || !bytes.Equal(got, content) {
			t.Errorf("object %s: %d bytes, %v", id, len(got), err)
		}
	}
	list, err := m.objects().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &a.bucket, Prefix: aws.String("both/")})
	if err != nil || len(list.Contents) != 20 {
		t.Errorf("%v, %v", list, err)
	}
}

// code is a refusal's code, "" for success.
func code(err error) string {
	if err == nil {
		return ""
	}
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return err.Error()
}

// revokedAtOnce: rights, keys and sessions taken at one node are gone at the other with the very next request, whatever it
// has cached; what is given is there.
func revokedAtOnce(t *testing.T, c *cluster, a *app, m *member) {
	root := c.root(c.url())
	for i := range 10 {
		one, other := c.nodes[i%2].url(), c.nodes[1-i%2].url()
		warm := func(want string) {
			t.Helper()
			for _, at := range []string{other, one} {
				if got := code(m.at(at).put(t.Context(), a, "revoked")); got != want {
					t.Errorf("round %d: %q, want %q", i, got, want)
				}
			}
		}
		warm("")
		c.deny(one, roleName)
		warm("AccessDeniedException")
		c.allow(one, roleName)
		warm("")
	}
	user := "operator"
	must[*iam.CreateUserOutput](t)(root.access().CreateUser(t.Context(), &iam.CreateUserInput{UserName: &user}))
	made := must[*iam.CreateAccessKeyOutput](t)(root.access().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &user}))
	key := credentials.NewStaticCredentialsProvider(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, "")
	for i := range 6 {
		one, other := c.nodes[i%2].url(), c.nodes[1-i%2].url()
		for status, want := range map[iamtypes.StatusType]string{"Inactive": "InvalidClientTokenId", "Active": ""} {
			if _, err := c.root(one).access().UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: made.AccessKey.AccessKeyId, Status: status}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.with(other, key).tokens().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); code(err) != want {
				t.Errorf("round %d, %s: %v", i, status, err)
			}
		}
	}
}

// signedOutAtOnce: who signs out at one node is out at the other.
func signedOutAtOnce(t *testing.T, c *cluster, a *app, _ *member) {
	m := c.join(a, "bob")
	one, other := c.anyone(c.nodes[0].url()).users(), c.anyone(c.nodes[1].url()).users()
	in := &idp.GetUserInput{AccessToken: m.tokens.AccessToken}
	must[*idp.GetUserOutput](t)(other.GetUser(t.Context(), in))
	must[*idp.GlobalSignOutOutput](t)(one.GlobalSignOut(t.Context(), &idp.GlobalSignOutInput{AccessToken: m.tokens.AccessToken}))
	if _, err := other.GetUser(t.Context(), in); code(err) != "NotAuthorizedException" {
		t.Errorf("the access token: %v", err)
	}
	refresh := &idp.InitiateAuthInput{ClientId: &a.client, AuthFlow: "REFRESH_TOKEN_AUTH", AuthParameters: map[string]string{"REFRESH_TOKEN": *m.tokens.RefreshToken}}
	if _, err := other.InitiateAuth(t.Context(), refresh); code(err) != "NotAuthorizedException" {
		t.Errorf("the refresh token: %v", err)
	}
}

// oneLimit: guests from one address are bounded for both nodes together.
func oneLimit(t *testing.T, c *cluster, a *app, _ *member) {
	const burst, perSecond, lots = 200, 2, 2 * 2
	begun, granted := time.Now(), 0
	for refused := 0; refused < 4 && granted < 3*burst; {
		n := c.nodes[(granted+refused)%2]
		_, err := c.anyone(n.url()).retrying(1).identities().GetId(t.Context(), &cognitoidentity.GetIdInput{IdentityPoolId: &a.identityPool})
		switch code(err) {
		case "":
			granted++
		case "TooManyRequestsException":
			refused++
		default:
			t.Fatal(err)
		}
	}
	if most := burst + lots + int(perSecond*1.2*(time.Since(begun).Seconds()+1)); granted < burst || granted > most {
		t.Errorf("%d guests, want %d to %d", granted, burst, most)
	}
	t.Logf("%d guests of one address at two nodes in %.1f s; the limit is %d at once and %d a second", granted, time.Since(begun).Seconds(), burst, perSecond)
}

// counter is a function that says in a row when it begins, and where, and in another how often it came to its end.
const counter = `const AWS = require('aws-sdk'); const db = new AWS.DynamoDB()
const row = (id, end) => db.updateItem({TableName: 'rows', Key: {id: {S: id}}, UpdateExpression: 'ADD n :one SET #at = :at',
  ExpressionAttributeNames: {'#at': 'at'}, ExpressionAttributeValues: {':one': {N: '1'}, ':at': {S: process.env.AWS_ENDPOINT_URL}}}).promise()
exports.handler = (e, c, cb) => row('begun/' + e.id)
  .then(() => new Promise(done => setTimeout(done, e.hold))).then(() => row('ended/' + e.id)).then(() => cb(null), cb)`

func (c *cluster) makeCounter(t *testing.T) string {
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("no node program: functions cannot run")
	}
	arn := c.role("worker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("index.js")
	if err == nil {
		_, err = f.Write([]byte(counter))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	name := "counter"
	must[*lambda.CreateFunctionOutput](t)(c.root(c.url()).functions().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: "nodejs6.10", Role: &arn, Handler: aws.String("index.handler"), Code: &lambdatypes.FunctionCode{ZipFile: b.Bytes()}, Timeout: aws.Int32(60),
	}))
	return name
}

func (c *cluster) event(t *testing.T, n *node, id string, hold time.Duration) {
	t.Helper()
	must[*lambda.InvokeOutput](t)(c.root(n.url()).functions().Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String("counter"), InvocationType: "Event", Payload: fmt.Appendf(nil, `{"id":%q,"hold":%d}`, id, hold.Milliseconds()),
	}))
}

// await waits for a row and returns its count and where it was written last.
func await(t *testing.T, c clients, a *app, id string) (n, at string) {
	t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) { // until it is there
		row, err := c.row(t.Context(), a, id)
		if err != nil {
			t.Fatal(err)
		}
		if row != nil {
			return row["n"].(*ddbtypes.AttributeValueMemberN).Value, row["at"].(*ddbtypes.AttributeValueMemberS).Value
		}
		if time.Now().After(until) {
			t.Fatalf("%s does not come", id)
		}
	}
}

// dueWorkOnce: work enqueued at either node is done once, by one of them.
func dueWorkOnce(t *testing.T, c *cluster, a *app, m *member) {
	c.makeCounter(t)
	const events = 12
	for i := range events {
		c.event(t, c.nodes[i%2], fmt.Sprint(i), 0)
	}
	places := map[string]int{}
	for i := range events {
		_, at := await(t, m.clients, a, fmt.Sprint("ended/", i))
		places[at]++
	}
	for i := range events {
		for _, what := range []string{"begun/", "ended/"} {
			if n, _ := await(t, m.clients, a, fmt.Sprint(what, i)); n != "1" {
				t.Errorf("%s%d: %s times", what, i, n)
			}
		}
	}
	t.Logf("%d events, by node: %v", events, places)
}

// killOne: a node is killed under load. What it had acknowledged is there, sessions go on, and the work it had in hand is taken
// over by the other; then it comes back.
func killOne(t *testing.T, c *cluster, a *app, m *member) {
	c.event(t, c.nodes[0], "held", 3*time.Second)
	_, at := await(t, m.clients, a, "begun/held")
	victim := c.nodes[0]
	if victim.url() != at {
		victim = c.nodes[1]
	}
	l := c.load(a, m, 8)
	l.reach(t, 200)
	victim.kill()
	killed, before := time.Now(), l.acked.Load()
	l.reach(t, before+400)
	if errs := l.stop(); len(errs) > 0 {
		t.Errorf("the SDK's own retries did not hide the kill: %d failures, the first %v", len(errs), errs[0])
	}
	t.Logf("%d writes acknowledged, %d of them before the kill; the longest took %v", l.acked.Load(), before, l.longest())
	l.verify(t)
	if got := m.join(t, c, a); got != m.id {
		t.Errorf("after the kill the identity of %s is %s, was %s", m.name, got, m.id)
	}
	n, by := await(t, m.clients, a, "ended/held")
	if by == victim.url() || n != "1" {
		t.Errorf("ended %s times, by %s", n, by)
	}
	if n, _ := await(t, m.clients, a, "begun/held"); n != "2" {
		t.Errorf("begun %s times", n)
	}
	t.Logf("the work in hand was taken over and done %.1f s after the kill", time.Since(killed).Seconds())
	if err := victim.start(); err != nil {
		t.Fatal(err)
	}
	if err := m.at(victim.url()).put(t.Context(), a, "back"); err != nil {
		t.Error(err)
	}
}

// join refreshes the sign-in from before and returns the identity behind it.
func (m *member) join(t *testing.T, c *cluster, a *app) string {
	t.Helper()
	out := must[*idp.InitiateAuthOutput](t)(c.anyone(c.url()).users().InitiateAuth(t.Context(), &idp.InitiateAuthInput{
		ClientId: &a.client, AuthFlow: "REFRESH_TOKEN_AUTH", AuthParameters: map[string]string{"REFRESH_TOKEN": *m.tokens.RefreshToken},
	}))
	got := must[*cognitoidentity.GetIdOutput](t)(c.anyone(c.url()).identities().GetId(t.Context(), &cognitoidentity.GetIdInput{
		IdentityPoolId: &a.identityPool, Logins: map[string]string{"cognito-idp." + region + ".amazonaws.com/" + a.pool: *out.AuthenticationResult.IdToken},
	}))
	return *got.IdentityId
}

// load writes rows, and an object every few rows, through the balancer until it is stopped, and remembers what was acknowledged.
type load struct {
	a     *app
	m     *member
	acked atomic.Int64
	end   context.CancelFunc
	wg    sync.WaitGroup

	mu      sync.Mutex
	ids     []string       // acknowledged; guarded by mu
	errs    []error        // guarded by mu
	slowest time.Duration  // guarded by mu
	refused map[string]int // codes that were retried, when the load does so itself; guarded by mu
}

const objectEvery = 5 // rows

func (c *cluster) load(a *app, m *member, workers int) *load {
	ctx, cancel := context.WithCancel(c.t.Context())
	l := &load{a: a, m: m, end: cancel, refused: map[string]int{}}
	for w := range workers {
		l.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				l.write(ctx, fmt.Sprintf("load/%d/%d", w, i), i%objectEvery == 0)
			}
		})
	}
	return l
}

func (l *load) write(ctx context.Context, id string, object bool) {
	begun := time.Now()
	err := l.m.put(ctx, l.a, id)
	if err == nil && object {
		err = l.m.putObject(ctx, l.a, id, []byte(id))
	}
	l.note(ctx, id, time.Since(begun), err)
}

func (l *load) note(ctx context.Context, id string, took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.ids = append(l.ids, id)
		l.slowest = max(l.slowest, took)
		l.acked.Add(1)
	case ctx.Err() == nil:
		l.errs = append(l.errs, err)
	}
}

func (l *load) longest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slowest.Round(time.Millisecond)
}

// reach waits until so many writes are acknowledged.
func (l *load) reach(t *testing.T, n int64) {
	t.Helper()
	for until := time.Now().Add(2 * patience); l.acked.Load() < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			l.end()
			t.Fatalf("%d writes acknowledged, waited for %d", l.acked.Load(), n)
		}
	}
}

func (l *load) stop() []error {
	l.end()
	l.wg.Wait()
	return l.errs
}

// verify reads back everything that was acknowledged.
func (l *load) verify(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	var lost atomic.Int64
	work := make(chan string)
	for range 8 {
		wg.Go(func() {
			for id := range work {
				row, err := l.m.row(t.Context(), l.a, id)
				if err != nil || row == nil {
					lost.Add(1)
					t.Errorf("row %s: %v, %v", id, row, err)
				}
				if !strings.HasSuffix(id, "0") && !strings.HasSuffix(id, "5") { // objectEvery
					continue
				}
				if got, err := l.m.object(t.Context(), l.a, id); err != nil || string(got) != id {
					lost.Add(1)
					t.Errorf("object %s: %q, %v", id, got, err)
				}
			}
		})
	}
	for _, id := range l.ids {
		work <- id
	}
	close(work)
	wg.Wait()
	t.Logf("%d acknowledged writes read back, %d lost", len(l.ids), lost.Load())
}
