package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	apibothy "bothy/api/bothy"
	apicognitoidp "bothy/api/cognitoidp"
	apimobile "bothy/api/mobile"
	"bothy/wire"
	"bothy/wire/admit"
)

// small is a budget of which a test can take all.
func small() *admit.Budget { return admit.New(admit.Limits(8<<20, 1)) }

// exhaust takes all of every class, in the name of two others.
func exhaust(t *testing.T, b *admit.Budget) (release func()) {
	t.Helper()
	var all []*admit.Ticket
	for _, l := range b.Load() {
		for _, who := range []string{"one", "other"} {
			for size := l.Limit.Bytes / 2; size > 0; size /= 2 {
				if ticket, err := b.Admit(who, l.Class, size); err == nil {
					all = append(all, ticket)
				}
			}
		}
	}
	return func() {
		for _, ticket := range all {
			ticket.Done()
		}
	}
}

// throttled are calls of every API that has a client for Go, and what each says past capacity.
var throttled = []struct {
	api, op string
	call    func(context.Context, aws.Config) error
	code    string
	status  int
}{
	{"apigateway", "GetRestApis", func(ctx context.Context, c aws.Config) error {
		_, err := apigateway.NewFromConfig(c).GetRestApis(ctx, &apigateway.GetRestApisInput{})
		return err
	}, "TooManyRequestsException", 429},
	{"cloudfront", "ListDistributions", func(ctx context.Context, c aws.Config) error {
		_, err := cloudfront.NewFromConfig(c).ListDistributions(ctx, &cloudfront.ListDistributionsInput{})
		return err
	}, "Throttling", 400},
	{"cognitoidentity", "GetId", func(ctx context.Context, c aws.Config) error {
		_, err := cognitoidentity.NewFromConfig(c).GetId(ctx, &cognitoidentity.GetIdInput{IdentityPoolId: aws.String("us-east-1:p")})
		return err
	}, "TooManyRequestsException", 400},
	{"cognitoidp", "ListUserPools", func(ctx context.Context, c aws.Config) error {
		_, err := cognitoidentityprovider.NewFromConfig(c).ListUserPools(ctx, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1)})
		return err
	}, "TooManyRequestsException", 400},
	{"cognitoidp", "InitiateAuth", func(ctx context.Context, c aws.Config) error {
		_, err := cognitoidentityprovider.NewFromConfig(c).InitiateAuth(ctx, &cognitoidentityprovider.InitiateAuthInput{AuthFlow: "USER_SRP_AUTH", ClientId: aws.String("c")})
		return err
	}, "TooManyRequestsException", 400},
	{"dynamodb", "ListTables", func(ctx context.Context, c aws.Config) error {
		_, err := dynamodb.NewFromConfig(c).ListTables(ctx, &dynamodb.ListTablesInput{})
		return err
	}, "ThrottlingException", 400},
	{"iam", "ListRoles", func(ctx context.Context, c aws.Config) error {
		_, err := iam.NewFromConfig(c).ListRoles(ctx, &iam.ListRolesInput{})
		return err
	}, "Throttling", 400},
	{"lambda", "ListFunctions", func(ctx context.Context, c aws.Config) error {
		_, err := lambda.NewFromConfig(c).ListFunctions(ctx, &lambda.ListFunctionsInput{})
		return err
	}, "TooManyRequestsException", 429},
	{"lambda", "Invoke", func(ctx context.Context, c aws.Config) error {
		_, err := lambda.NewFromConfig(c).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("f")})
		return err
	}, "TooManyRequestsException", 429},
	{"logs", "DescribeLogGroups", func(ctx context.Context, c aws.Config) error {
		_, err := cloudwatchlogs.NewFromConfig(c).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
		return err
	}, "ThrottlingException", 400},
	{"s3", "ListBuckets", func(ctx context.Context, c aws.Config) error {
		_, err := s3.NewFromConfig(c).ListBuckets(ctx, &s3.ListBucketsInput{})
		return err
	}, "SlowDown", 503},
	{"s3", "PutObject", func(ctx context.Context, c aws.Config) error {
		_, err := s3.NewFromConfig(c, pathStyle).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), Body: strings.NewReader("content")})
		return err
	}, "SlowDown", 503},
	{"s3", "GetObject", func(ctx context.Context, c aws.Config) error {
		_, err := s3.NewFromConfig(c, pathStyle).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
		return err
	}, "SlowDown", 503},
	{"sts", "GetCallerIdentity", func(ctx context.Context, c aws.Config) error {
		_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return err
	}, "Throttling", 400},
}

func pathStyle(o *s3.Options) { o.UsePathStyle = true }

// TestThrottling: past capacity the real SDK reads its API's own throttling error, and with its usual retries succeeds once there
// is room.
func TestThrottling(t *testing.T) {
	for _, c := range throttled {
		t.Run(c.api+"."+c.op, func(t *testing.T) {
			budget := small()
			m, ran := throttledMux(c.api, budget)
			release := exhaust(t, budget)
			asked, room := 0, 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked++; asked == room {
					release()
				}
				m.ServeHTTP(w, r)
			}))
			defer server.Close()
			cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""), RetryMaxAttempts: 1}
			err := c.call(t.Context(), cfg)
			var fault smithy.APIError
			var res *smithyhttp.ResponseError
			if !errors.As(err, &fault) || fault.ErrorCode() != c.code || fault.ErrorMessage() == "" || !errors.As(err, &res) || res.HTTPStatusCode() != c.status {
				t.Fatalf("refused with %v", err)
			}
			if after := res.Response.Header.Get("Retry-After"); (after != "") != (c.status > 400) {
				t.Errorf("Retry-After %q", after)
			}
			if asked != 1 || *ran != "" {
				t.Errorf("%d requests, ran %q", asked, *ran)
			}
			room = 3
			cfg.RetryMaxAttempts = 0
			cfg.Retryer = func() aws.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) { o.Backoff = retry.NewExponentialJitterBackoff(time.Millisecond) })
			}
			if err := c.call(t.Context(), cfg); err != nil {
				t.Errorf("with retries: %v", err)
			}
			if asked != 3 || *ran != c.op {
				t.Errorf("%d requests, ran %q", asked, *ran)
			}
			if err := given(budget); err != nil { // a client may have its answer a moment before
				t.Error(err)
			}
		})
	}
}

func throttledMux(api string, budget *admit.Budget) (*wire.Mux, *string) {
	r := &recorder{}
	for a, mount := range mountAll {
		if a.Name == api {
			m := wire.NewMux(wire.Config{
				Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: oneKey{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Budget: budget,
			}, a)
			mount(m, r)
			m.SkipValidation()
			return m, &r.op
		}
	}
	panic(api)
}

// TestThrottlingRaw: the APIs that have no client for Go, and what names no API.
func TestThrottlingRaw(t *testing.T) {
	budget := small()
	release := exhaust(t, budget)
	log := &strings.Builder{}
	m := wire.NewMux(wire.Config{
		Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: oneKey{}, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)), Budget: budget,
	}, apimobile.API, apibothy.API, apicognitoidp.API)
	for _, c := range []struct {
		name, method, target, host string
		header                     http.Header
		status                     int
		code                       string
	}{
		{"mobile", "GET", "/projects", "mobile.us-east-1.amazonaws.com", nil, 429, "TooManyRequestsException"},
		{"bothy", "POST", "/_bothy/messages", "localhost", nil, 429, "TooManyRequestsException"},
		{"nothing", "POST", "/", "localhost", http.Header{"X-Amz-Target": {"Nobody.Knows"}}, 400, "ThrottlingException"},
		{"cbor", "POST", "/service/X/operation/Y", "localhost", http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}}, 400, "ThrottlingException"},
	} {
		r := httptest.NewRequest(c.method, c.target, unread{t})
		r.Host, r.Header = c.host, c.header
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("x-amzn-ErrorType") != c.code || !strings.Contains(w.Body.String(), "Too Many") && !strings.Contains(w.Body.String(), "Rate exceeded") {
			t.Errorf("%s: %d %v %q", c.name, w.Code, w.Header(), w.Body)
		}
	}
	if n := strings.Count(log.String(), `msg="past capacity"`); n != 1 { // one a second, for all of them
		t.Errorf("%d lines: %s", n, log)
	}
	refused := uint64(0)
	for _, l := range m.Load() {
		refused += l.Refused
	}
	if refused < 4 {
		t.Errorf("%d refusals counted", refused)
	}
	r := httptest.NewRequest("OPTIONS", "/", nil) // a preflight needs no room
	r.Host = "cognito-idp.us-east-1.amazonaws.com"
	r.Header.Set("Origin", "https://app.example")
	w := httptest.NewRecorder()
	if m.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("preflight: %d", w.Code)
	}
	w = httptest.NewRecorder()
	r.Method = "POST"
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
	if m.ServeHTTP(w, r); w.Code != 400 || w.Header().Get("Access-Control-Allow-Origin") != "*" { // else a browser's SDK cannot read it
		t.Errorf("from a browser: %d %v", w.Code, w.Header())
	}
	release()
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a refused request was read")
	return 0, io.EOF
}

// TestPlaces: never more requests run than there are places, a slow body takes none, and what an answer holds is given back when it
// is sent.
func TestPlaces(t *testing.T) {
	limits := admit.Limits(64<<20, 1)
	limits[admit.SignIn].Places = 4
	budget := admit.New(limits)
	m := wire.NewMux(wire.Config{
		Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: oneKey{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Budget: budget,
	}, apicognitoidp.API)
	entered, leave := make(chan bool, 16), make(chan bool)
	wire.HandlePublic(m, apicognitoidp.SignUp, func(*wire.Call, *apicognitoidp.SignUpInput) (*apicognitoidp.SignUpOutput, error) {
		entered <- true
		<-leave
		return nil, nil
	})
	ask := func(from string, body io.Reader) <-chan int {
		got := make(chan int, 1)
		r := httptest.NewRequest("POST", "/", body)
		r.Host, r.RemoteAddr = local, from+":1"
		r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
		go func() {
			w := httptest.NewRecorder()
			m.ServeHTTP(w, r)
			got <- w.Code
		}()
		return got
	}
	slow, finish := io.Pipe()
	stalled := ask("192.0.2.9", slow)
	finish.Write([]byte(signUpBody[:5])) //nolint:errcheck // it is being read: the request was admitted
	var running []<-chan int
	for _, from := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"} {
		running = append(running, ask(from, strings.NewReader(signUpBody)))
		<-entered
	}
	if code := <-ask("192.0.2.1", strings.NewReader(signUpBody)); code != 400 { // its half is taken
		t.Errorf("answered %d", code)
	}
	waits := ask("192.0.2.3", strings.NewReader(signUpBody))
	for budget.Load()[admit.SignIn].Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	leave <- true
	<-entered                            // the one that waited
	finish.Write([]byte(signUpBody[5:])) //nolint:errcheck // as above
	finish.Close()
	for budget.Load()[admit.SignIn].Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 4 {
		leave <- true
	}
	<-entered
	leave <- true
	for _, got := range append(running, waits, stalled) {
		if code := <-got; code != 200 {
			t.Errorf("answered %d", code)
		}
	}
	if l := budget.Load()[admit.SignIn]; l.MostRunning != 4 || l.Open != 0 || l.Bytes != 0 {
		t.Errorf("%+v", l)
	}
}

func TestHouseholds(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "": "", "what": "what",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := wire.Household(ip); got != want {
			t.Errorf("%q: %q", ip, got)
		}
	}
}

// given awaits that all that requests held is given back.
func given(b *admit.Budget) error {
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		at := slices.IndexFunc(b.Load(), func(l admit.Load) bool { return l.Open != 0 || l.Bytes != 0 || l.Running != 0 })
		if at < 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("left over: %+v", b.Load()[at])
		}
	}
}
