package wire

import (
	"context"
	"net/http"
	"sync"
	"time"

	"bothy/policy"
	"bothy/wire/admit"
	"bothy/wire/item"
	"bothy/wire/sigv4"
)

// Call is one request on its way through the pipeline: what a handler may know of its caller. It is a context, so it goes
// straight into kv and blob.
type Call struct {
	context.Context
	RequestID string
	Now       time.Time
	Account   string // 12 digits: the account whose resources are addressed
	Region    string // of the credential scope, else of the host name, else the node's own
	Principal *Principal
	SourceIP  string
	UserAgent string
	Host      string        // as the client named it, without port
	HTTP      *http.Request // nil for a call made in process
	Header    http.Header   // of the response; set what the model does not know
	Status    int           // of the response, where it is not the model's: 206
	Auth      *sigv4.Auth   // the verified signature, nil in process; no AccessKey: an anonymous S3 request. Trailers are in it once the body is read

	api   *API
	info  *OpInfo
	trace *Trace
	keys  policy.Keys // global condition keys, made once

	authenticated bool

	ticket *admit.Ticket // nil in process: the call it serves has one
	room   int64         // for the answer and what it is made of
	held   int64         // of it, by Hold
	page   *item.Page    // of pages
}

// pages are used again, call after call. One that held more than maxRoom is not.
var pages = sync.Pool{New: func() any { return new(item.Page) }}

// Page is an empty page, for the items that the call answers with; asked for again it is empty again. Once the answer is written
// it is another call's: who keeps items of it must copy them.
func (c *Call) Page() *item.Page {
	switch {
	case c.HTTP == nil: // in process the answer is the caller's, for good
		return new(item.Page)
	case c.page == nil:
		c.page = pages.Get().(*item.Page)
	}
	c.page.Reset()
	return c.page
}

// written ends the use of the page.
func (c *Call) written() {
	if c.page != nil && c.page.Bytes() <= maxRoom {
		pages.Put(c.page)
	}
	c.page = nil
}

// Principal is who makes a call.
type Principal struct {
	Kind       Kind
	Account    string
	ARN        string // arn:aws:iam::1:root, arn:aws:sts::1:assumed-role/R/S; "" when anonymous
	UserID     string // aws:userid: the account id, AIDA…, or AROA…:session
	AccessKey  string
	Role       string   // ARN of the role behind an assumed-role session
	Session    string   // role session name
	Transitive []string // keys of the session's tags that the session of a further role inherits
	Expires    time.Time
	Policies   policy.Attached // what decides; the zero value allows nothing
	Keys       policy.Keys     // condition keys that come with the credentials: cognito-identity.amazonaws.com:sub, aws:PrincipalTag/…
	Identity   *CognitoIdentity
}

// Kind is the kind of a principal.
type Kind uint8

// The kinds.
const (
	Anonymous Kind = iota
	Root
	User
	Session // of an assumed role
	Internal
)

// CognitoIdentity is the identity-pool identity behind a session; API Gateway shows it to functions.
type CognitoIdentity struct {
	ID, PoolID string
	AuthType   string // authenticated, unauthenticated
	Provider   string // "cognito-idp…/pool,cognito-idp…/pool:CognitoSignIn:sub"
}

// Credential is what an access key stands for.
type Credential struct {
	Secret    string
	Principal *Principal
}

// Credentials finds the credential of an access key. token is X-Amz-Security-Token ("" when absent): it must be the very
// token issued with the key. Unknown, expired and revoked keys are Faults with their reason (InvalidClientTokenId,
// ExpiredToken, …); the pipeline renames them per service.
type Credentials interface {
	Find(ctx context.Context, accessKey, token string) (*Credential, error)
}

// Access is one thing a call wants to do: the pipeline asks policy about each before the handler runs.
type Access struct {
	Action   string          // "dynamodb:PutItem"
	Resource string          // ARN, or "*"
	Keys     policy.Keys     // condition keys of this request: dynamodb:LeadingKeys, s3:prefix, …
	Policies []policy.Source // resource-based policies, e.g. of the bucket
	Owner    string          // account that owns the resource; "" is the call's account

	anyone bool // every authenticated principal may; AuthenticatedOnly alone says so
}

// One is the usual single Access.
func One(action, resource string, keys policy.Keys) []Access {
	return []Access{{Action: action, Resource: resource, Keys: keys}}
}
