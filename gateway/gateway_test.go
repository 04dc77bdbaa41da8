package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
)

func TestProxyEvent(t *testing.T) {
	w := newWorld(t)
	b := w.api("tasks").method("/tasks/{proxy+}", "ANY", "NONE").deploy("Development")
	r := b.request("POST", "/Development/tasks/a%20b/c?x=1&x=2&y=%C3%BC", `{"t":"ü"}`)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Add("X-Multi", "1")
	r.Header.Add("X-Multi", "2")
	if g := w.send(r); g.status != 200 || g.header.Get("Content-Type") != "application/json" || g.header.Get("X-Amzn-Requestid") == "" {
		t.Fatalf("%+v", g)
	}
	e := w.functions.last(t)
	for path, want := range map[string]any{
		"resource": "/tasks/{proxy+}", "path": "/tasks/a b/c", "httpMethod": "POST", "headers.X-Multi": "2", "headers.Content-Type": "application/json",
		"headers.Host": b.id + ".execute-api.us-east-1.amazonaws.com", "queryStringParameters.x": "2", "queryStringParameters.y": "ü",
		"pathParameters.proxy": "a b/c", "stageVariables": nil, "body": `{"t":"ü"}`, "isBase64Encoded": false,
		"requestContext.path": "/Development/tasks/a b/c", "requestContext.stage": "Development", "requestContext.resourcePath": "/tasks/{proxy+}",
		"requestContext.apiId": b.id, "requestContext.accountId": account, "requestContext.identity.sourceIp": "127.0.0.1",
		"requestContext.identity.cognitoIdentityId": nil, "requestContext.identity.userArn": nil, "requestContext.httpMethod": "POST",
	} {
		if got := dig(e, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if got := fmt.Sprint(dig(e, "multiValueHeaders.X-Multi"), dig(e, "multiValueQueryStringParameters.x")); got != "[1 2] [1 2]" {
		t.Errorf("multiple values: %s", got)
	}
	if w.functions.names[0] != "arn:aws:lambda:us-east-1:123456789012:function:f" || w.functions.sources[0] != "arn:aws:execute-api:us-east-1:123456789012:"+b.id+"/Development/POST/tasks/*" {
		t.Errorf("called %v for %v", w.functions.names, w.functions.sources)
	}
	w.send(b.request("GET", "/Development/tasks/1/", ""))
	e = w.functions.last(t)
	if dig(e, "queryStringParameters") != nil || dig(e, "body") != nil || dig(e, "path") != "/tasks/1/" || dig(e, "pathParameters.proxy") != "1" {
		t.Errorf("plain GET: %v", e)
	}
}

// dig follows a path of keys joined by dots.
func dig(v any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func TestRouting(t *testing.T) {
	w := newWorld(t)
	b := w.api("r")
	for _, p := range []string{"/", "/items", "/items/{id}", "/items/special", "/items/{id}/parts", "/items/{id}/parts/{proxy+}", "/{proxy+}"} {
		b.method(p, "ANY", "NONE")
	}
	b.resource("/empty")
	b.method("/only", "GET", "NONE").deploy("s")
	for path, want := range map[string]string{
		"/s": "/", "/s/": "/", "/s/items": "/items", "/s/items/": "/items", "/s/items/7": "/items/{id}", "/s/items/special": "/items/special",
		"/s/items/7/parts": "/items/{id}/parts", "/s/items/7/parts/a/b": "/items/{id}/parts/{proxy+}", "/s/items/special/parts": "/items/{id}/parts",
		"/s/items/7/other": "/{proxy+}", "/s/else": "/{proxy+}", "/s/empty": "/{proxy+}", "/s/empty/x": "/{proxy+}", "/s/ITEMS": "/{proxy+}", "/s/only": "/only",
	} {
		if g := w.send(b.request("GET", path, "")); g.status != 200 || dig(w.functions.last(t), "resource") != want {
			t.Errorf("%s reached %v (%d), want %s", path, dig(w.functions.last(t), "resource"), g.status, want)
		}
	}
	if g := w.send(b.request("POST", "/s/only", "")); g.status != 403 || g.body != `{"message":"Missing Authentication Token"}` {
		t.Errorf("a method the resource lacks: %+v", g)
	}
}

func TestServedByPath(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/x", "GET", "NONE").deploy("dev")
	for _, path := range []string{"/_aws/execute-api/" + b.id + "/dev/x", "/restapis/" + b.id + "/dev/_user_request_/x"} {
		r := b.request("GET", path, "")
		r.Host = ""
		if g := w.send(r); g.status != 200 || dig(w.functions.last(t), "path") != "/x" {
			t.Errorf("%s: %+v", path, g)
		}
	}
}

func TestUnknownAPIsAndStages(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/x", "GET", "NONE").deploy("dev")
	for _, c := range []struct{ host, path string }{
		{"nope.execute-api.us-east-1.amazonaws.com", "/dev/x"}, {b.id + ".execute-api.eu-west-1.amazonaws.com", "/dev/x"},
		{b.id + ".execute-api.us-east-1.amazonaws.com", "/prod/x"}, {b.id + ".execute-api.us-east-1.amazonaws.com", "/"},
	} {
		r := b.request("GET", c.path, "")
		r.Host = c.host
		if g := w.send(r); g.status != 403 || g.body != `{"message":"Forbidden"}` || g.header.Get("X-Amzn-Errortype") != "ForbiddenException" {
			t.Errorf("%s %s: %+v", c.host, c.path, g)
		}
	}
}

func TestIAM(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/projects", "ANY", "AWS_IAM").method("/tasks/{proxy+}", "ANY", "AWS_IAM").method("/tasks", "ANY", "AWS_IAM").deploy("dev")
	out, err := w.sdk.PutGatewayResponse(t.Context(), &sdk.PutGatewayResponseInput{RestApiId: &b.id, ResponseType: types.GatewayResponseTypeDefault4xx, ResponseParameters: map[string]string{"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}})
	must(t, out, err)
	b.deploy("dev")
	w.allow(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:us-east-1:123456789012:` + b.id + `/*/GET/projects"}]}`)
	session := func(r *http.Request) *http.Request { return w.sign(r, "ASIASESSION", "session", "token") }
	denied := `{"Message":"User: arn:aws:sts::123456789012:assumed-role/p_unauth/CognitoIdentityCredentials is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********9012:` + b.id + `/dev/`
	for name, c := range map[string]struct {
		r      *http.Request
		status int
		body   string
		kind   string
	}{
		"allowed":       {session(b.request("GET", "/dev/projects", "")), 200, "", ""},
		"other method":  {session(b.request("POST", "/dev/projects", "{}")), 403, denied + `POST/projects"}`, "AccessDeniedException"},
		"other path":    {session(b.request("GET", "/dev/tasks/1", "")), 403, denied + `GET/tasks/1"}`, "AccessDeniedException"},
		"unsigned":      {b.request("GET", "/dev/projects", ""), 403, `{"message":"Missing Authentication Token"}`, "MissingAuthenticationTokenException"},
		"expired":       {w.sign(b.request("GET", "/dev/projects", ""), "ASIAOLD", "x", "t"), 403, `{"message":"The security token included in the request is expired"}`, "ExpiredTokenException"},
		"unknown key":   {w.sign(b.request("GET", "/dev/projects", ""), "AKIANOBODY", "x", ""), 403, `{"message":"The security token included in the request is invalid."}`, "UnrecognizedClientException"},
		"wrong secret":  {w.sign(b.request("GET", "/dev/projects", ""), "ASIASESSION", "guess", "token"), 403, `{"message":"` + mismatch + `"}`, "InvalidSignatureException"},
		"no such route": {session(b.request("GET", "/dev/nowhere", "")), 403, `{"message":"Missing Authentication Token"}`, "MissingAuthenticationTokenException"},
	} {
		t.Run(name, func(t *testing.T) {
			g := w.send(c.r)
			if g.status != c.status || c.body != "" && g.body != c.body || g.header.Get("X-Amzn-Errortype") != c.kind {
				t.Errorf("%+v", g)
			}
			if c.status != 200 && g.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("no CORS header: %v", g.header)
			}
		})
	}
	e := w.functions.last(t)
	for path, want := range map[string]any{
		"cognitoIdentityId": "us-east-1:1", "cognitoIdentityPoolId": "us-east-1:p", "cognitoAuthenticationType": "unauthenticated", "cognitoAuthenticationProvider": nil,
		"accountId": account, "accessKey": "ASIASESSION", "caller": "AROA:CognitoIdentityCredentials", "user": "AROA:CognitoIdentityCredentials",
		"userArn": "arn:aws:sts::123456789012:assumed-role/p_unauth/CognitoIdentityCredentials",
	} {
		if got := dig(e, "requestContext.identity."+path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if dig(e, "headers.Authorization") != nil {
		t.Error("the function got the caller's signature")
	}
	reason := ""
	for _, tr := range w.traces {
		if tr.Code == "AccessDeniedException" && len(tr.Decisions) == 1 {
			reason = tr.Reason
		}
	}
	if reason == "" {
		t.Errorf("no trace tells why: %+v", w.traces)
	}
}

func TestTamperedRequests(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/projects", "ANY", "AWS_IAM").method("/tasks", "ANY", "AWS_IAM").method("/open/{proxy+}", "ANY", "AWS_IAM").deploy("dev").deploy("prod")
	w.allow(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":["arn:aws:execute-api:us-east-1:123456789012:` + b.id + `/dev/*/projects*","arn:aws:execute-api:us-east-1:123456789012:` + b.id + `/dev/GET/open/*"]}]}`)
	for _, path := range []string{
		"/dev/projects/../tasks", "/dev/projects/%2e%2e/tasks", "/dev/projects%2f..%2ftasks", "/dev/projects/%2E%2E/tasks", "/dev//tasks", "/dev/projects//../tasks",
		"/dev/open/../tasks", "/dev/open/%2e%2e/tasks", "/dev/open/..%2ftasks", "/dev/open/..%5ctasks", "/dev/open/.%2e/tasks", "/dev/./tasks", "/dev/open/a%00b", "/dev/open/../../prod/tasks",
		"/prod/projects", "/dev/tasks", "/dev/tasks?x=/projects", "/dev/tasks#/projects", "/dev/tasks;/projects", "/dev/%74asks", "/%2e/dev/tasks", "/dev%2fprojects", "/dev/open%2fx",
	} {
		before := len(w.functions.events)
		r := b.request("GET", "/", "")
		r.URL.Opaque = "//" + r.Host + path // as it is, uncleaned
		if i := strings.IndexByte(path, '?'); i > 0 {
			r.URL.Opaque, r.URL.RawQuery = "//"+r.Host+path[:i], path[i+1:]
		}
		g := w.send(w.sign(r, "ASIASESSION", "session", "token"))
		if g.status == 200 || len(w.functions.events) != before {
			t.Errorf("%s reached %v", path, dig(w.functions.last(t), "resource"))
		}
	}
	r := w.sign(b.request("POST", "/dev/projects", `{"a":1}`), "ASIASESSION", "session", "token")
	r.Body = http.NoBody
	r.ContentLength = 0
	if g := w.send(r); g.status != 403 || g.header.Get("X-Amzn-Errortype") != "InvalidSignatureException" {
		t.Errorf("another body than the signed one: %+v", g)
	}
}

func TestUserPoolAuthorizer(t *testing.T) {
	w := newWorld(t)
	b := w.api("p")
	z, err := w.sdk.CreateAuthorizer(t.Context(), &sdk.CreateAuthorizerInput{RestApiId: &b.id, Name: aws.String("z"), Type: types.AuthorizerTypeCognitoUserPools, ProviderARNs: []string{"arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Pool"}, IdentitySource: aws.String("method.request.header.Authorization")})
	must(t, z, err)
	b.method("/me", "GET", "COGNITO_USER_POOLS", func(in *sdk.PutMethodInput) { in.AuthorizerId = z.Id })
	b.method("/scoped", "GET", "COGNITO_USER_POOLS", func(in *sdk.PutMethodInput) { in.AuthorizerId, in.AuthorizationScopes = z.Id, []string{"tasks/read"} })
	b.method("/write", "GET", "COGNITO_USER_POOLS", func(in *sdk.PutMethodInput) { in.AuthorizerId, in.AuthorizationScopes = z.Id, []string{"tasks/write"} })
	b.deploy("dev")
	for _, c := range []struct {
		path, token string
		status      int
		body        string
	}{
		{"/dev/me", "good", 200, ""}, {"/dev/me", "Bearer good", 200, ""}, {"/dev/me", "", 401, `{"message":"Unauthorized"}`}, {"/dev/me", "bad", 401, `{"message":"Unauthorized"}`},
		{"/dev/me", "old", 401, `{"message":"The incoming token has expired"}`}, {"/dev/me", "access", 401, `{"message":"Unauthorized"}`},
		{"/dev/scoped", "access", 200, ""}, {"/dev/scoped", "good", 401, `{"message":"Unauthorized"}`}, {"/dev/write", "access", 401, `{"message":"Unauthorized"}`},
	} {
		r := b.request("GET", c.path, "")
		if c.token != "" {
			r.Header.Set("Authorization", c.token)
		}
		if g := w.send(r); g.status != c.status || c.body != "" && g.body != c.body {
			t.Errorf("%s with %q: %+v", c.path, c.token, g)
		}
	}
	r := b.request("GET", "/dev/me", "")
	r.Header.Set("Authorization", "good")
	w.send(r)
	claims, _ := json.Marshal(dig(w.functions.last(t), "requestContext.authorizer.claims"))
	if string(claims) != `{"auth_time":"1700000000","cognito:groups":"a,b","email_verified":"true","exp":"Tue Nov 14 22:13:20 UTC 2023","sub":"u1"}` {
		t.Errorf("claims %s", claims)
	}
}

func TestFunctionAnswers(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/", "GET", "NONE").deploy("dev")
	for answer, want := range map[string]string{
		`{"statusCode":201,"headers":{"X-A":"1","X-N":5,"Content-Type":"text/plain"},"body":"hi"}`: "201 hi",
		`{"statusCode":"204"}`: "204 ",
		`{"statusCode":200,"body":null,"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]}}`:                                                       "200 ",
		`{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`:                                                                               "200 aGk=",
		`{"statusCode":200,"headers":{"Content-Length":"1","Transfer-Encoding":"chunked","Bad\r\nName":"x","X-Split":"a\r\nb"},"body":"whole"}`: "200 whole",
		`{}`:                                `502 {"message":"Internal server error"}`,
		`"text"`:                            `502 {"message":"Internal server error"}`,
		`null`:                              `502 {"message":"Internal server error"}`,
		`{"statusCode":99}`:                 `502 {"message":"Internal server error"}`,
		`{"statusCode":2.5}`:                `502 {"message":"Internal server error"}`,
		`{"statusCode":200,"body":{"a":1}}`: `502 {"message":"Internal server error"}`,
		`{"statusCode":200,"headers":{"X":{"a":1}}}`: `502 {"message":"Internal server error"}`,
	} {
		w.functions.answer = answer
		g := w.send(b.request("GET", "/dev", ""))
		if got := fmt.Sprintf("%d %s", g.status, g.body); got != want {
			t.Errorf("%s became %s, want %s", answer, got, want)
		}
		if strings.Contains(answer, "Set-Cookie") && len(g.header.Values("Set-Cookie")) != 2 {
			t.Errorf("cookies %v", g.header)
		}
		if strings.Contains(answer, "X-N") && (g.header.Get("X-N") != "5" || g.header.Get("Content-Type") != "text/plain") {
			t.Errorf("headers %v", g.header)
		}
	}
	w.functions.fails = "Unhandled"
	if g := w.send(b.request("GET", "/dev", "")); g.status != 502 || g.header.Get("X-Amzn-Errortype") != "InternalServerErrorException" {
		t.Errorf("a failed function: %+v", g)
	}
	w.functions.fails, w.functions.err = "", fmt.Errorf("not allowed")
	if g := w.send(b.request("GET", "/dev", "")); g.status != 500 || g.body != `{"message":"Internal server error"}` {
		t.Errorf("a function that may not be called: %+v", g)
	}
}

func TestTimeout(t *testing.T) {
	w := newWorld(t)
	w.functions.wait = 5 * time.Second
	b := w.api("p").method("/", "GET", "NONE")
	i, err := w.sdk.PutIntegration(t.Context(), &sdk.PutIntegrationInput{RestApiId: &b.id, ResourceId: aws.String(b.resource("/")), HttpMethod: aws.String("GET"), Type: types.IntegrationTypeAwsProxy, IntegrationHttpMethod: aws.String("POST"), Uri: uri("f"), TimeoutInMillis: aws.Int32(50)})
	must(t, i, err)
	b.deploy("dev")
	if g := w.send(b.request("GET", "/dev", "")); g.status != 504 || g.body != `{"message":"Endpoint request timed out"}` {
		t.Errorf("%+v", g)
	}
}

func TestPreflight(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/x", "ANY", "AWS_IAM").preflight("/x").deploy("dev")
	g := w.send(b.request("OPTIONS", "/dev/x", ""))
	if g.status != 200 || g.header.Get("Access-Control-Allow-Origin") != "*" || g.body != "" || len(w.functions.events) != 0 {
		t.Errorf("%+v", g)
	}
}

func TestGatewayResponseTemplates(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/x", "GET", "AWS_IAM")
	out, err := w.sdk.PutGatewayResponse(t.Context(), &sdk.PutGatewayResponseInput{
		RestApiId: &b.id, ResponseType: types.GatewayResponseTypeMissingAuthenticationToken, StatusCode: aws.String("404"),
		ResponseTemplates: map[string]string{"application/json": `{"error":$context.error.messageString,"type":"$context.error.responseType"}`},
	})
	must(t, out, err)
	b.deploy("dev")
	if g := w.send(b.request("GET", "/dev/x", "")); g.status != 404 || g.body != `{"error":"Missing Authentication Token","type":"MISSING_AUTHENTICATION_TOKEN"}` {
		t.Errorf("%+v", g)
	}
	for _, bad := range []map[string]string{{"application/json": "#set($x = 1)"}, {"application/json": "$input.json('$')"}} {
		if _, err := w.sdk.PutGatewayResponse(t.Context(), &sdk.PutGatewayResponseInput{RestApiId: &b.id, ResponseType: types.GatewayResponseTypeDefault5xx, ResponseTemplates: bad}); err == nil {
			t.Errorf("took %v", bad)
		}
	}
	list, err := w.sdk.GetGatewayResponses(t.Context(), &sdk.GetGatewayResponsesInput{RestApiId: &b.id})
	if must(t, list, err); len(list.Items) != len(responseStatus) {
		t.Errorf("%d responses", len(list.Items))
	}
}

func TestBinaryBodies(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/", "POST", "NONE")
	u, err := w.sdk.UpdateRestApi(t.Context(), &sdk.UpdateRestApiInput{RestApiId: &b.id, PatchOperations: []types.PatchOperation{{Op: types.OpAdd, Path: aws.String("/binaryMediaTypes/image~1png")}}})
	must(t, u, err)
	b.deploy("dev")
	r := b.request("POST", "/dev", "\x00\xff")
	r.Header.Set("Content-Type", "image/png")
	w.functions.answer = `{"statusCode":200,"headers":{"Content-Type":"image/png"},"body":"AP8=","isBase64Encoded":true}`
	g := w.send(r)
	if e := w.functions.last(t); e["body"] != "AP8=" || e["isBase64Encoded"] != true || g.body != "\x00\xff" {
		t.Errorf("%v %+v", e, g)
	}
}

func TestDeploymentsAreSnapshots(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/a", "GET", "NONE").deploy("dev")
	b.method("/b", "GET", "NONE")
	if g := w.send(b.request("GET", "/dev/b", "")); g.status != 403 {
		t.Errorf("what is not deployed is served: %+v", g)
	}
	list, err := w.sdk.GetDeployments(t.Context(), &sdk.GetDeploymentsInput{RestApiId: &b.id})
	first := must(t, list, err).Items[0]
	b.deploy("dev")
	if g := w.send(b.request("GET", "/dev/b", "")); g.status != 200 {
		t.Errorf("what is deployed is not served: %+v", g)
	}
	st, err := w.sdk.UpdateStage(t.Context(), &sdk.UpdateStageInput{RestApiId: &b.id, StageName: aws.String("dev"), PatchOperations: []types.PatchOperation{
		{Op: types.OpReplace, Path: aws.String("/deploymentId"), Value: first.Id}, {Op: types.OpReplace, Path: aws.String("/variables/table"), Value: aws.String("t1")},
	}})
	must(t, st, err)
	if g := w.send(b.request("GET", "/dev/b", "")); g.status != 403 {
		t.Errorf("after going back: %+v", g)
	}
	w.send(b.request("GET", "/dev/a", ""))
	if dig(w.functions.last(t), "stageVariables.table") != "t1" {
		t.Errorf("stage variables: %v", w.functions.last(t)["stageVariables"])
	}
	if _, err := w.sdk.DeleteDeployment(t.Context(), &sdk.DeleteDeploymentInput{RestApiId: &b.id, DeploymentId: first.Id}); err == nil {
		t.Error("deleted a deployment that is served")
	}
	if _, err := w.sdk.DeleteRestApi(t.Context(), &sdk.DeleteRestApiInput{RestApiId: &b.id}); err != nil {
		t.Fatal(err)
	}
	if g := w.send(b.request("GET", "/dev/a", "")); g.status != 403 || g.body != `{"message":"Forbidden"}` {
		t.Errorf("a deleted API: %+v", g)
	}
}

func TestResourcePolicy(t *testing.T) {
	w := newWorld(t)
	b := w.api("p").method("/x", "GET", "NONE").method("/y", "GET", "NONE")
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*/GET/x"}]}`
	u, err := w.sdk.UpdateRestApi(t.Context(), &sdk.UpdateRestApiInput{RestApiId: &b.id, PatchOperations: []types.PatchOperation{{Op: types.OpReplace, Path: aws.String("/policy"), Value: &doc}}})
	must(t, u, err)
	b.deploy("dev")
	if g := w.send(b.request("GET", "/dev/x", "")); g.status != 200 {
		t.Errorf("allowed: %+v", g)
	}
	if g := w.send(b.request("GET", "/dev/y", "")); g.status != 403 || !strings.HasPrefix(g.body, `{"Message":"User: anonymous is not authorized`) {
		t.Errorf("not allowed: %+v", g)
	}
}

func TestRefusedDefinitions(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	b := w.api("p").method("/x", "GET", "NONE")
	id := b.resource("/x")
	for name, f := range map[string]func() error{
		"same resource": func() error {
			_, err := w.sdk.CreateResource(ctx, &sdk.CreateResourceInput{RestApiId: &b.id, ParentId: aws.String(b.resource("/")), PathPart: aws.String("x")})
			return err
		},
		"bad part": func() error {
			_, err := w.sdk.CreateResource(ctx, &sdk.CreateResourceInput{RestApiId: &b.id, ParentId: &id, PathPart: aws.String("a/b")})
			return err
		},
		"dots": func() error {
			_, err := w.sdk.CreateResource(ctx, &sdk.CreateResourceInput{RestApiId: &b.id, ParentId: &id, PathPart: aws.String("..")})
			return err
		},
		"same method": func() error {
			_, err := w.sdk.PutMethod(ctx, &sdk.PutMethodInput{RestApiId: &b.id, ResourceId: &id, HttpMethod: aws.String("GET"), AuthorizationType: aws.String("NONE")})
			return err
		},
		"no authorizer": func() error {
			_, err := w.sdk.PutMethod(ctx, &sdk.PutMethodInput{RestApiId: &b.id, ResourceId: &id, HttpMethod: aws.String("PUT"), AuthorizationType: aws.String("COGNITO_USER_POOLS")})
			return err
		},
		"misspelt authorization": func() error {
			_, err := w.sdk.PutMethod(ctx, &sdk.PutMethodInput{RestApiId: &b.id, ResourceId: &id, HttpMethod: aws.String("PUT"), AuthorizationType: aws.String("AWSIAM")})
			return err
		},
		"HTTP integration": func() error {
			_, err := w.sdk.PutIntegration(ctx, &sdk.PutIntegrationInput{RestApiId: &b.id, ResourceId: &id, HttpMethod: aws.String("GET"), Type: types.IntegrationTypeHttpProxy, Uri: aws.String("http://169.254.169.254/")})
			return err
		},
		"foreign URI": func() error {
			_, err := w.sdk.PutIntegration(ctx, &sdk.PutIntegrationInput{RestApiId: &b.id, ResourceId: &id, HttpMethod: aws.String("GET"), Type: types.IntegrationTypeAwsProxy, IntegrationHttpMethod: aws.String("POST"), Uri: aws.String("arn:aws:apigateway:us-east-1:s3:path/b")})
			return err
		},
		"unknown API": func() error {
			_, err := w.sdk.GetResources(ctx, &sdk.GetResourcesInput{RestApiId: aws.String("nope")})
			return err
		},
		"lambda authorizer": func() error {
			_, err := w.sdk.CreateAuthorizer(ctx, &sdk.CreateAuthorizerInput{RestApiId: &b.id, Name: aws.String("z"), Type: types.AuthorizerTypeToken, IdentitySource: aws.String("method.request.header.A")})
			return err
		},
		"delete root": func() error {
			_, err := w.sdk.DeleteResource(ctx, &sdk.DeleteResourceInput{RestApiId: &b.id, ResourceId: aws.String(b.resource("/"))})
			return err
		},
	} {
		if err := f(); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	empty := w.api("empty")
	if _, err := w.sdk.CreateDeployment(ctx, &sdk.CreateDeploymentInput{RestApiId: &empty.id}); err == nil || !strings.Contains(err.Error(), "The REST API doesn't contain any methods") {
		t.Errorf("an empty deployment: %v", err)
	}
}

func TestReadingDefinitions(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	b := w.api("p").method("/x/{id}", "GET", "AWS_IAM").deploy("dev")
	apis, err := w.sdk.GetRestApis(ctx, &sdk.GetRestApisInput{})
	if must(t, apis, err); len(apis.Items) != 1 || *apis.Items[0].Name != "p" || apis.Items[0].CreatedDate == nil {
		t.Errorf("%+v", apis.Items)
	}
	res, err := w.sdk.GetResources(ctx, &sdk.GetResourcesInput{RestApiId: &b.id, Embed: []string{"methods"}})
	if must(t, res, err); len(res.Items) != 3 || *res.Items[2].ResourceMethods["GET"].AuthorizationType != "AWS_IAM" {
		t.Errorf("%+v", res.Items)
	}
	m, err := w.sdk.GetMethod(ctx, &sdk.GetMethodInput{RestApiId: &b.id, ResourceId: aws.String(b.resource("/x/{id}")), HttpMethod: aws.String("GET")})
	if must(t, m, err); m.MethodIntegration == nil || m.MethodIntegration.Type != types.IntegrationTypeAwsProxy {
		t.Errorf("%+v", m)
	}
	page, err := w.sdk.GetResources(ctx, &sdk.GetResourcesInput{RestApiId: &b.id, Limit: aws.Int32(2)})
	if must(t, page, err); len(page.Items) != 2 || page.Position == nil {
		t.Errorf("%+v", page)
	}
	stages, err := w.sdk.GetStages(ctx, &sdk.GetStagesInput{RestApiId: &b.id})
	if must(t, stages, err); len(stages.Item) != 1 || *stages.Item[0].StageName != "dev" {
		t.Errorf("%+v", stages.Item)
	}
	arn := aws.String("arn:aws:apigateway:us-east-1::/restapis/" + b.id)
	tag, err := w.sdk.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"a": "b"}})
	must(t, tag, err)
	tags, err := w.sdk.GetTags(ctx, &sdk.GetTagsInput{ResourceArn: arn})
	if must(t, tags, err); tags.Tags["a"] != "b" {
		t.Errorf("%+v", tags.Tags)
	}
}
