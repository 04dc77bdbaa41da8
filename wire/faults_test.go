package wire_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/api/dynamodb"
	"bothy/api/iam"
	"bothy/api/lambda"
	"bothy/api/s3"
	"bothy/wire"
	"bothy/wire/item"
)

type noKeys struct{}

func (noKeys) Find(context.Context, string, string) (*wire.Credential, error) {
	return nil, wire.Because(wire.Fail(403, "InvalidClientTokenId", "unknown"), "no such key")
}

const badSignature = "AWS4-HMAC-SHA256 Credential=AKIDUNKNOWN/20261121/us-east-1/SERVICE/aws4_request, SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000"

// TestRefusals shows each protocol's own form of the same refusals.
func TestRefusals(t *testing.T) {
	m := newMux()
	wire.Handle(m, dynamodb.PutItem, wire.AuthenticatedOnly[dynamodb.PutItemInput], func(*wire.Call, *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error) { return nil, nil })
	wire.Handle(m, iam.GetRole, wire.AuthenticatedOnly[iam.GetRoleInput], func(*wire.Call, *iam.GetRoleInput) (*iam.GetRoleOutput, error) { return nil, nil })
	wire.Handle(m, lambda.Invoke, wire.AuthenticatedOnly[lambda.InvokeInput], func(*wire.Call, *lambda.InvokeInput) (*lambda.InvokeOutput, error) { return nil, nil })
	wire.Handle(m, s3.GetObject, wire.AuthenticatedOnly[s3.GetObjectInput], func(*wire.Call, *s3.GetObjectInput) (*s3.GetObjectOutput, error) { return nil, nil })
	wire.HandlePublic(m, cognitoidp.SignUp, func(*wire.Call, *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) {
		return nil, errors.New("a secret detail")
	})
	json := map[string]string{"Content-Type": "application/x-amz-json-1.1"}
	for _, c := range []struct {
		name, method, url, body string
		header                  map[string]string
		status                  int
		want                    []string
	}{
		{"json unsigned", "POST", "/", "{}", map[string]string{"X-Amz-Target": "DynamoDB_20120810.PutItem"}, 400, []string{"MissingAuthenticationTokenException"}},
		{"json unknown operation", "POST", "/", "{}", map[string]string{"X-Amz-Target": "DynamoDB_20120810.Explode"}, 400, []string{"UnknownOperationException"}},
		{"json not mounted", "POST", "/", "{}", map[string]string{"X-Amz-Target": "DynamoDB_20120810.Scan"}, 501, []string{"NotImplementedException"}},
		{"json internal failure", "POST", "/", `{"ClientId":"abc","Username":"u"}`, with(json, "X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp"), 500, []string{"InternalServerError"}},
		{"json not json", "POST", "/", `{"ClientId":`, with(json, "X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp"), 400, []string{"SerializationException"}},
		{"json wrong type", "POST", "/", `{"ClientId":7}`, with(json, "X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp"), 400, []string{"SerializationException", "NUMBER_VALUE can not be converted to String"}},
		{"json constraints", "POST", "/", `{"ClientId":"a b","Username":""}`, with(json, "X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp"), 400, []string{
			"InvalidParameterException", "validation errors detected: Value '***' at 'clientId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\\\w+]+",
			"at 'username' failed to satisfy constraint: Member must have length greater than or equal to 1"}},
		{"query unsigned", "POST", "/", "Action=GetRole&Version=2010-05-08&RoleName=x", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 403, []string{"<ErrorResponse xmlns=", "<Code>MissingAuthenticationToken</Code>", "<RequestId>"}},
		{"query unknown action", "POST", "/", "Action=Nope&Version=2010-05-08", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 400, []string{"<Code>InvalidAction</Code>"}},
		{"rest unsigned", "POST", "/2015-03-31/functions/f/invocations", "{}", nil, 403, []string{"MissingAuthenticationTokenException"}},
		{"s3 bad key", "GET", "/bucket/key", "", map[string]string{"Authorization": strings.Replace(badSignature, "SERVICE", "s3", 1), "X-Amz-Date": "20261121T000000Z"}, 403, []string{"<Error><Code>"}},
		{"s3 not mounted", "GET", "/bucket?versioning", "", nil, 501, []string{"<Code>NotImplemented</Code>"}},
		{"nothing at all", "POST", "/", "", map[string]string{"X-Amz-Target": "Nobody.Knows"}, 404, []string{"UnknownOperationException"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.url, strings.NewReader(c.body))
			r.Host = "127.0.0.1:4566"
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			m.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			for _, want := range c.want {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("no %q in %s", want, w.Body)
				}
			}
			if strings.Contains(w.Body.String(), "secret detail") {
				t.Error("an internal error reached the client")
			}
			if _, ok := m.Explain(w.Header().Get("x-amzn-RequestId")); !ok {
				t.Error("the operator cannot ask why")
			}
		})
	}
}

func with(m map[string]string, k, v string) map[string]string {
	out := map[string]string{k: v}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// TestModelledMembers: an exception's own members reach the client.
func TestModelledMembers(t *testing.T) {
	m := newMux()
	wire.HandlePublic(m, cognitoidp.SignUp, func(*wire.Call, *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) {
		return nil, &dynamodb.ConditionalCheckFailedException{Message: wire.Some("The conditional request failed"), Item: item.Item{{Name: "a", Value: item.Text("1")}}}
	})
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"ClientId":"abc","Username":"u"}`))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), `"Item":{"a":{"S":"1"}}`) {
		t.Errorf("no item in %s", w.Body)
	}
}

// TestPanic: our own bug answers an internal failure and the node lives on.
func TestPanic(t *testing.T) {
	m := newMux()
	wire.HandlePublic(m, cognitoidp.SignUp, func(*wire.Call, *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) { panic("bug") })
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"ClientId":"abc","Username":"u"}`))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if w.Code != 500 || strings.Contains(w.Body.String(), "bug") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestMountRules: an operation is mounted once, and only unsigned ones without access.
func TestMountRules(t *testing.T) {
	m := newMux()
	refuses := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s was accepted", name)
			}
		}()
		f()
	}
	public := func() {
		wire.HandlePublic(m, cognitoidp.SignUp, func(*wire.Call, *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) { return nil, nil })
	}
	public()
	refuses("mounting twice", public)
	refuses("a signed operation as public", func() {
		wire.HandlePublic(m, dynamodb.GetItem, func(*wire.Call, *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) { return nil, nil })
	})
	if !m.Mounted(cognitoidp.SignUp.Info) || m.Mounted(dynamodb.GetItem.Info) {
		t.Error("Mounted is wrong")
	}
}

// TestInvoke: a call in process passes the same decision.
func TestInvoke(t *testing.T) {
	m := newMux()
	wire.Handle(m, dynamodb.GetItem, func(*wire.Call, *dynamodb.GetItemInput) ([]wire.Access, error) {
		return wire.One("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/t", nil), nil
	}, func(*wire.Call, *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) { return nil, nil })
	in := &dynamodb.GetItemInput{TableName: wire.Some("t"), Key: item.Item{{Name: "k", Value: item.Text("v")}}}
	nobody := &wire.Principal{Kind: wire.User, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/nobody"}
	if _, err := wire.Invoke(t.Context(), m, nobody, "us-east-1", dynamodb.GetItem, in); err == nil || !strings.Contains(err.Error(), "is not authorized to perform: dynamodb:GetItem") {
		t.Errorf("got %v", err)
	}
	if _, err := wire.Invoke(t.Context(), m, &wire.Principal{Kind: wire.Internal}, "us-east-1", dynamodb.GetItem, in); err != nil {
		t.Error(err)
	}
	if _, err := wire.Invoke(t.Context(), m, &wire.Principal{Kind: wire.Internal}, "us-east-1", dynamodb.GetItem, &dynamodb.GetItemInput{}); err == nil {
		t.Error("constraints were not checked")
	}
}

// TestPreflight: a browser may call a service endpoint from everywhere, with the headers it asks for.
func TestPreflight(t *testing.T) {
	m := newMux()
	r := httptest.NewRequest(http.MethodOptions, "/", nil)
	r.Host = "cognito-idp.us-east-1.amazonaws.com"
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Access-Control-Request-Headers", "content-type,x-amz-target,x-amz-user-agent")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Allow-Headers") != "content-type,x-amz-target,x-amz-user-agent" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
