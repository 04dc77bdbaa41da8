// Package identities owns identity pools: who a caller is (guest or signed-in user), which role that gives, and the
// OpenID tokens and temporary credentials that prove it. It speaks the Cognito Identity API.
//
// It must not know how user pools keep users nor how sessions are stored: it asks Logins whether a token is good and
// Sessions for credentials of a role.
//
// Rows, in the scope of the account and the region written in the id:
//
//	identities.pool      (pool id)      → pool, its providers, roles and role mappings
//	identities.identity  (identity id)  → identity and its logins; index "pool" (pool id), unique index "login"
//	                                      (pool id, provider, subject)
//	identities.key       (key id)       → sealed RSA key that signs OpenID tokens; scope of the account only
package identities

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/federation/oidc"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Issuer is the iss of OpenID tokens, and the provider name of their trust policies.
const Issuer = "cognito-identity.amazonaws.com"

// CredentialLife is how long credentials and their session last.
const CredentialLife = time.Hour

// TokenLife is how long an OpenID token of GetOpenIdToken is good.
const TokenLife = 10 * time.Minute

// Config is what the service needs from the node.
type Config struct {
	DB        *kv.DB
	Sealer    *record.Sealer
	Now       func() time.Time
	Account   func() string // whose keys sign and verify where no call tells
	Logins    Logins
	Providers Providers
	// UserPool is the usual name, "cognito-idp.REGION.amazonaws.com/POOL", of the user pool that a login names otherwise, "" when it
	// names none; nil: none has another.
	UserPool func(provider string) string
	HTTP     *http.Client // to login providers
	Sessions Sessions
}

// Logins verifies the tokens that users bring.
type Logins interface {
	// VerifyIDToken checks an id token of the provider ("cognito-idp.REGION.amazonaws.com/POOL") and returns its claims
	// and the app client it was issued to. An expired token is ErrLoginExpired, any other refusal wraps ErrLoginInvalid;
	// what is neither is an internal failure.
	VerifyIDToken(ctx context.Context, provider, token string) (claims map[string]any, clientID string, err error)
	// Live tells whether the sign-in behind verified claims still stands: user there and enabled, not signed out since.
	Live(ctx context.Context, claims map[string]any) (bool, error)
}

// Providers are the account's identity providers in IAM, which pools name by ARN.
type Providers interface {
	// OIDC is an OpenID Connect provider, nil when there is none.
	OIDC(ctx context.Context, arn string) (*OIDCProvider, error)
	// SAML is the metadata document of a SAML provider, nil when there is none.
	SAML(ctx context.Context, arn string) ([]byte, error)
}

// OIDCProvider is what IAM keeps of an OpenID Connect provider.
type OIDCProvider struct {
	URL       string   // issuer: https://…
	ClientIDs []string // audiences whose tokens are taken
}

// Why a login is refused.
var (
	ErrLoginExpired = errors.New("identities: login token expired")
	ErrLoginInvalid = errors.New("identities: login token invalid")
)

// Sessions issues temporary credentials of a role to a web identity.
type Sessions interface {
	// Issue evaluates the role's trust policy for the web identity and makes a session. A role that does not exist or
	// does not trust the identity wraps ErrRole.
	Issue(ctx context.Context, spec SessionSpec) (SessionCredentials, error)
}

// ErrRole says that a role cannot be given to an identity.
var ErrRole = errors.New("identities: role missing or not trusting the identity pool")

// SessionSpec is a session to make.
type SessionSpec struct {
	RoleARN   string
	Name      string              // role session name
	Life      time.Duration       // of the credentials
	Provider  string              // federated principal of the trust policy: Issuer
	Keys      map[string][]string // condition keys of the session, lower-case: cognito-identity.amazonaws.com:sub, :aud, :amr
	Tags      map[string]string   // session tags; the trust policy must allow sts:TagSession where there are any
	TrustKeys map[string][]string // condition keys for the trust policy only: aws:requesttag/…, aws:tagkeys
	Guest     bool                // limit the session to what AWS lets guests do
	Identity  wire.CognitoIdentity
}

// SessionCredentials are what Issue made.
type SessionCredentials struct {
	AccessKeyID, SecretKey, SessionToken string
	Expires                              time.Time
}

// Service serves the Cognito Identity API.
type Service struct {
	cfg     Config
	mux     *wire.Mux // set by Mount
	keys    keyCache
	brake   record.Brake   // for guests, and for questions to login providers
	issuers *oidc.Registry // of id tokens
	queue   queue          // before login providers
}

// New makes the service; it starts nothing.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, brake: record.Brake{DB: cfg.DB}, issuers: oidc.NewRegistry(cfg.HTTP, cfg.Now)}
}

// Mount mounts the operations.
func (s *Service) Mount(m *wire.Mux) {
	s.mux = m
	wire.HandlePublic(m, cognitoidentity.GetId, s.getID)
	wire.HandlePublic(m, cognitoidentity.GetCredentialsForIdentity, s.getCredentials)
	wire.HandlePublic(m, cognitoidentity.GetOpenIdToken, s.getOpenIDToken)
	wire.HandlePublic(m, cognitoidentity.UnlinkIdentity, s.unlinkIdentity)
	wire.Handle(m, cognitoidentity.CreateIdentityPool, accessCreatePool, s.createPool)
	wire.Handle(m, cognitoidentity.DescribeIdentityPool, s.accessDescribePool, s.describePool)
	wire.Handle(m, cognitoidentity.UpdateIdentityPool, s.accessUpdatePool, s.updatePool)
	wire.Handle(m, cognitoidentity.DeleteIdentityPool, s.accessDeletePool, s.deletePool)
	wire.Handle(m, cognitoidentity.ListIdentityPools, accessListPools, s.listPools)
	wire.Handle(m, cognitoidentity.SetIdentityPoolRoles, s.accessSetRoles, s.setRoles)
	wire.Handle(m, cognitoidentity.GetIdentityPoolRoles, s.accessGetRoles, s.getRoles)
	wire.Handle(m, cognitoidentity.ListIdentities, s.accessListIdentities, s.listIdentities)
	wire.Handle(m, cognitoidentity.DescribeIdentity, accessDescribeIdentity, s.describeIdentity)
	wire.Handle(m, cognitoidentity.DeleteIdentities, accessDeleteIdentities, s.deleteIdentities)
	wire.Handle(m, cognitoidentity.TagResource, s.accessTag, s.tag)
	wire.Handle(m, cognitoidentity.UntagResource, s.accessUntag, s.untag)
	wire.Handle(m, cognitoidentity.ListTagsForResource, s.accessListTags, s.listTags)
	wire.Handle(m, cognitoidentity.GetOpenIdTokenForDeveloperIdentity, s.accessDeveloperToken, s.developerToken)
	wire.Handle(m, cognitoidentity.MergeDeveloperIdentities, s.accessMergeDevelopers, s.mergeDevelopers)
	wire.Handle(m, cognitoidentity.LookupDeveloperIdentity, s.accessLookupDeveloper, s.lookupDeveloper)
	wire.Handle(m, cognitoidentity.UnlinkDeveloperIdentity, s.accessUnlinkDeveloper, s.unlinkDeveloper)
	s.mountTagMaps(m)
}

// scopeOf is where the rows of a pool or identity stand: its id names the region.
func scopeOf(account, id string) record.Scope {
	region, _, _ := strings.Cut(id, ":")
	return record.In(account, region)
}

// newID is a new pool or identity id: region:uuid.
func newID(region string) string { return region + ":" + wire.NewUUID() }

func poolARN(c *wire.Call, id string) string {
	return "arn:aws:cognito-identity:" + scopeOf(c.Account, id).Region + ":" + c.Account + ":identitypool/" + id
}

func limitExceeded(message string) error {
	return &cognitoidentity.LimitExceededException{Message: wire.Some(message)}
}

func notAuthorized(message string) error {
	return &cognitoidentity.NotAuthorizedException{Message: wire.Some(message)}
}

func invalid(message string) error {
	return &cognitoidentity.InvalidParameterException{Message: wire.Some(message)}
}

func notFound(kind, id string) error {
	return &cognitoidentity.ResourceNotFoundException{Message: wire.Some(kind + " '" + id + "' not found.")}
}
