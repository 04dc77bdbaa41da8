package overload

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// guest is who behaves: an app that keeps items and files and signs people in.
type guest struct {
	*victim
	items  *dynamodb.Client
	files  *s3.Client
	people *cognitoidentityprovider.Client
	client *string
	n      int
	slack  int64 // above the bound
}

func newGuest(t *testing.T, v *victim) *guest {
	t.Helper()
	cfg, ctx := v.config(), t.Context()
	g := &guest{victim: v, items: dynamodb.NewFromConfig(cfg), files: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), people: cognitoidentityprovider.NewFromConfig(cfg)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := g.items.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("tasks"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
	})
	must(err)
	_, err = g.files.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("files")})
	must(err)
	_, err = g.files.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("files"), Key: aws.String("large"), Body: bytes.NewReader(make([]byte, 32<<20))})
	must(err)
	pool, err := g.people.CreateUserPool(ctx, &cognitoidentityprovider.CreateUserPoolInput{PoolName: aws.String("people")})
	must(err)
	client, err := g.people.CreateUserPoolClient(ctx, &cognitoidentityprovider.CreateUserPoolClientInput{UserPoolId: pool.UserPool.Id, ClientName: aws.String("app")})
	must(err)
	g.client = client.UserPoolClient.ClientId
	return g
}

// live does what an app does, once; the SDK tries as often as it does by default.
func (g *guest) live(ctx context.Context) error {
	g.n++
	id := fmt.Sprint(g.n)
	if _, err := g.items.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("tasks"), Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberS{Value: id}, "text": &types.AttributeValueMemberS{Value: strings.Repeat("x", 500)},
	}}); err != nil {
		return err
	}
	got, err := g.items.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("tasks"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}}})
	if err != nil || len(got.Item) != 2 {
		return fmt.Errorf("read %d attributes: %w", len(got.Item), err)
	}
	if _, err := g.items.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("tasks"), Limit: aws.Int32(5)}); err != nil {
		return err
	}
	if _, err := g.files.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("files"), Key: aws.String(id), Body: strings.NewReader(id)}); err != nil {
		return err
	}
	file, err := g.files.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("files"), Key: aws.String(id)})
	if err != nil {
		return err
	}
	defer file.Body.Close() //nolint:errcheck // only read
	if b, err := io.ReadAll(file.Body); err != nil || string(b) != id {
		return fmt.Errorf("read %q: %w", b, err)
	}
	_, err = g.people.SignUp(ctx, &cognitoidentityprovider.SignUpInput{ClientId: g.client, Username: aws.String("user" + id), Password: aws.String("Correct-horse-7")})
	return err
}

const lives = 8 // of the guest, under each attack

// through asserts that the guest is served, and that the node's memory stays below the bound.
func (g *guest) through(name string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 2*time.Minute)
	defer cancel()
	for range lives {
		if err := g.live(ctx); err != nil {
			g.t.Errorf("%s: %v", name, err)
			break
		}
	}
	most, now := g.memory("VmHWM"), g.memory("VmRSS")
	g.t.Logf("%-28s resident %d MiB, at most %d MiB", name, now>>20, most>>20)
	if most > bound+g.slack {
		g.t.Errorf("%s: the node held %d MiB, the bound is %d", name, most>>20, (bound+g.slack)>>20)
	}
}

// TestHeld are peers that hold what they got: connections, headers, bodies, answers.
func TestHeld(t *testing.T) {
	v := newVictim(t)
	g := newGuest(t, v)
	g.through("nobody")
	health := []byte("GET /_bothy/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
	signUp := "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSCognitoIdentityProviderService.SignUp\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 1000000\r\n\r\n{"
	put := append(v.signed("PUT", "s3", "/files/huge", 5<<30, nil, nil), make([]byte, 8<<10)...)
	for _, a := range []struct {
		name string
		n    int
		say  []byte
	}{
		{"10,000 idle connections", 10_000, health},
		{"3,000 silent connections", 3000, nil},
		{"2,000 headers of many lines", 2000, headers("%x:\n")},
		{"2,000 headers of long lines", 2000, headers("X-Filler-%x: " + strings.Repeat("x", 4000) + "\r\n")},
		{"2,000 TLS hellos", 2000, []byte{0x16, 3, 1, 0x40, 0}},
		{"2,000 bodies of 5 GB", 2000, put},
		{"2,000 sign-ups that stall", 2000, []byte(signUp)},
		{"500 slow readers", 500, v.signed("GET", "s3", "/files/large", 0, nil, nil)},
		{"2,000 pipelines", 2000, bytes.Repeat(health, 200)},
	} {
		leave := v.swarm(a.n, a.say)
		g.through(a.name)
		leave()
	}
	g.through("nobody any more")
}

// headers is a request with headers up to what the node reads of them, and no end.
func headers(line string) []byte {
	b := []byte("GET / HTTP/1.1\r\nHost: localhost\r\n")
	for i := 0; len(b) < 60<<10; i++ {
		b = fmt.Appendf(b, line, i)
	}
	return b
}

// TestMalformed are requests made to cost much: each is refused, many at once.
func TestMalformed(t *testing.T) {
	v := newVictim(t)
	g := newGuest(t, v)
	dynamo := func(op string) http.Header {
		return http.Header{"X-Amz-Target": {"DynamoDB_20120810." + op}, "Content-Type": {"application/x-amz-json-1.0"}}
	}
	signed := func(method, service, target string, header http.Header, body []byte) func() io.Reader {
		head := v.signed(method, service, target, int64(len(body)), header, body)
		return func() io.Reader { return io.MultiReader(bytes.NewReader(head), bytes.NewReader(body)) }
	}
	plain := func(text string) func() io.Reader { return func() io.Reader { return strings.NewReader(text) } }
	for _, a := range []struct {
		name   string
		status []int // besides a refusal for want of room
		say    func() io.Reader
	}{
		{"deep JSON", []int{400}, signed("POST", "dynamodb", "/", dynamo("PutItem"), []byte(`{"TableName":"tasks","Item":`+strings.Repeat(`{"M":{"a":`, 400_000)))},
		{"wide JSON", []int{400}, signed("POST", "dynamodb", "/", dynamo("PutItem"), []byte(`{"TableName":"tasks","Item":{"id":{"L":[`+strings.Repeat(`{},`, 1_500_000)+`{}]}}}`))},
		{"a long JSON list", []int{400}, signed("POST", "dynamodb", "/", dynamo("BatchGetItem"), []byte(`{"RequestItems":{"tasks":{"Keys":[`+strings.Repeat(`{"id":{"S":""}},`, 250_000)+`{}]}}}`))},
		{"giant XML", []int{400}, signed("POST", "s3", "/files?delete", nil, []byte("<Delete>"+strings.Repeat("<Object><Key>k</Key></Object>", 270_000)+"</Delete>"))},
		{"deep XML", []int{400}, signed("POST", "s3", "/files?delete", nil, []byte(strings.Repeat("<Delete>", 1_000_000)))},
		{"a billion laughs", []int{400}, signed("POST", "s3", "/files?delete", nil, []byte(`<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>`))},
		{"a zip bomb", []int{400}, signed("POST", "AWSMobileHubService", "/projects?name=bomb", http.Header{"Content-Type": {"application/octet-stream"}}, bomb(t))},
		{"a long query", []int{400, 403, 404, 414, 431}, plain("GET /files?" + strings.Repeat("a&", 25_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n")},
		{"a long form", []int{400}, plain(form(1<<20 - 100))},
		{"many headers", []int{400, 403, 431}, func() io.Reader { return bytes.NewReader(append(headers("%x:\n"), "\r\n"...)) }},
		{"too large a body", []int{413}, plain("POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSCognitoIdentityProviderService.SignUp\r\nContent-Length: 99999999\r\n\r\n{")},
		{"too large a body in chunks", []int{413}, func() io.Reader {
			return io.MultiReader(strings.NewReader("POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSCognitoIdentityProviderService.SignUp\r\nTransfer-Encoding: chunked\r\n\r\n"), bytes.NewReader(bytes.Repeat([]byte("10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n"), 40)))
		}},
	} {
		if status, body := v.ask(a.say()); !refusedAs(a.status, status, body) {
			t.Errorf("%s: %d %s", a.name, status, body)
		}
		var all sync.WaitGroup
		for range 24 {
			all.Go(func() { v.ask(a.say()) })
		}
		g.through(a.name)
		all.Wait()
	}
	g.through("nobody any more")
}

func refusedAs(want []int, status int, body string) bool {
	for _, s := range want {
		if s == status {
			return body != ""
		}
	}
	return false
}

func form(n int) string {
	body := "Action=GetRole&Version=2010-05-08&" + strings.Repeat("a=&", n/3)
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// bomb is an archive of half a megabyte that inflates to half a gigabyte.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 64 {
		w, err := z.Create(fmt.Sprintf("uploads/%d.js", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 8<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
