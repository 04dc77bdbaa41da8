package policy

import (
	"strconv"
	"strings"
)

// Request is what a caller wants to do.
type Request struct {
	Action   string // "dynamodb:PutItem"
	Resource string // ARN, or "*"

	// Keys are the condition keys; Context holds further ones, asked in order for what Keys does not have. The keys that
	// follow from the fields below (aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalType, aws:PrincipalIsAWSService,
	// aws:userid, aws:username, aws:ResourceAccount) need not be given: they win over what is given.
	Keys    Keys
	Context []Keys

	PrincipalARN     string // user, assumed-role session or account root; "" for anonymous callers, services and web identities
	PrincipalAccount string // 12 digits; "" for anonymous callers
	UserID           string // account, AIDA…, or AROA…:session
	RoleARN          string // role behind a session: as a Principal, either ARN names the caller
	Federated        string // provider of a web identity: "cognito-identity.amazonaws.com"
	Service          string // "lambda.amazonaws.com"
	CanonicalUser    string
	ResourceAccount  string // who owns the resource; "" when unknown
}

func (r *Request) anonymous() bool {
	return r.PrincipalARN == "" && r.Service == "" && r.Federated == "" && r.CanonicalUser == ""
}

// evaluation is a request on its way through the statements.
type evaluation struct {
	*Request
	action string // lower case
}

func (e *evaluation) values(key string) []string {
	if v := e.principalKey(key); v != "" {
		return []string{v}
	}
	if v, ok := e.Keys[key]; ok {
		return v
	}
	for _, keys := range e.Context {
		if v, ok := keys[key]; ok {
			return v
		}
	}
	return nil
}

// principalKey derives the keys that follow from the principal; "" where none does.
func (r *Request) principalKey(key string) string {
	switch key {
	case "aws:principalarn":
		if r.RoleARN != "" {
			return r.RoleARN
		}
		return r.PrincipalARN
	case "aws:principalaccount":
		return r.PrincipalAccount
	case "aws:userid":
		return r.UserID
	case "aws:username":
		return userName(r.PrincipalARN)
	case "aws:principaltype":
		return r.principalType()
	case "aws:principalisawsservice":
		return strconv.FormatBool(r.Service != "")
	case "aws:resourceaccount":
		return r.ResourceAccount
	}
	return ""
}

func (r *Request) principalType() string {
	switch {
	case r.Service != "" || r.Federated != "":
		return ""
	case r.RoleARN != "":
		return "AssumedRole"
	case userName(r.PrincipalARN) != "":
		return "User"
	case strings.Contains(r.PrincipalARN, ":federated-user/"):
		return "FederatedUser"
	case strings.HasSuffix(r.PrincipalARN, ":root"):
		return "Account"
	case r.PrincipalARN == "":
		return "Anonymous"
	}
	return ""
}

// userName is the name at the end of a user's ARN, after its path; "" for every other principal.
func userName(arn string) string {
	_, name, ok := strings.Cut(arn, ":user/")
	if !ok {
		return ""
	}
	return name[strings.LastIndexByte(name, '/')+1:]
}

// variable is the value of a variable: the key's only value, else the variable's fallback.
func (e *evaluation) variable(q *part) (string, bool) {
	if v := e.principalKey(q.text); v != "" {
		return v, true
	}
	if v := e.values(q.text); len(v) == 1 {
		return v[0], true
	}
	return q.fallback, q.has
}
