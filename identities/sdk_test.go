package identities

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"

	"bothy/api/cognitoidentity"
	"bothy/wire"
)

// keyring knows the root's key only.
type keyring struct{ root *wire.Principal }

func (k keyring) Find(_ context.Context, key, _ string) (*wire.Credential, error) {
	if key != "AKIDROOT" {
		return nil, wire.Fail(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return &wire.Credential{Secret: "secret", Principal: k.root}, nil
}

// sdkClients are a real client with the root's key and one without any; seen collects the operations they called.
func (w *world) sdkClients(seen map[string]bool) (root, anyone *sdk.Client) {
	w.now = time.Now() // the SDK signs with its own clock
	m := wire.NewMux(wire.Config{
		Account: func() string { return account }, Region: region, Credentials: keyring{w.root}, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
	}, cognitoidentity.API)
	w.s.Mount(m)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		seen[op] = true
		m.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(server.Close)
	o := sdk.Options{Region: region, BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("AKIDROOT", "secret", "")}
	root = sdk.New(o)
	o.Credentials = aws.AnonymousCredentials{}
	return root, sdk.New(o)
}

func ok[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSDK calls every operation of the model with the client people use.
func TestSDK(t *testing.T) {
	w := newWorld(t)
	seen, ctx := map[string]bool{}, t.Context()
	root, anyone := w.sdkClients(seen)
	pool := ok(root.CreateIdentityPool(ctx, &sdk.CreateIdentityPoolInput{
		IdentityPoolName: aws.String("tasks"), AllowUnauthenticatedIdentities: true, AllowClassicFlow: aws.Bool(true), DeveloperProviderName: aws.String(developer),
		CognitoIdentityProviders: []types.CognitoIdentityProvider{{ProviderName: aws.String(provider), ClientId: aws.String(client), ServerSideTokenCheck: aws.Bool(true)}},
		SupportedLoginProviders:  map[string]string{facebook: "1"}, IdentityPoolTags: map[string]string{"team": "a"},
	})).IdentityPoolId
	ok(root.SetIdentityPoolRoles(ctx, &sdk.SetIdentityPoolRolesInput{IdentityPoolId: pool, Roles: map[string]string{"authenticated": auth, "unauthenticated": unauth},
		RoleMappings: map[string]types.RoleMapping{provider + ":" + client: {Type: types.RoleMappingTypeToken, AmbiguousRoleResolution: types.AmbiguousRoleResolutionTypeAuthenticatedRole}}}))
	if got := ok(root.GetIdentityPoolRoles(ctx, &sdk.GetIdentityPoolRolesInput{IdentityPoolId: pool})); got.Roles["unauthenticated"] != unauth || got.RoleMappings[provider+":"+client].Type != "Token" {
		t.Errorf("roles %+v", got)
	}
	sdkPools(t, root, pool)
	sdkPeople(t, root, anyone, pool)
	sdkDevelopers(t, root, pool)
	ok(root.DeleteIdentityPool(ctx, &sdk.DeleteIdentityPoolInput{IdentityPoolId: pool}))
	_, err := anyone.GetId(ctx, &sdk.GetIdInput{IdentityPoolId: pool})
	if gone := (*types.ResourceNotFoundException)(nil); !errors.As(err, &gone) || gone.ErrorMessage() != "IdentityPool '"+*pool+"' not found." {
		t.Errorf("a pool that is gone: %v", err)
	}
	for _, op := range cognitoidentity.API.Ops {
		if !seen[op.Name] {
			t.Errorf("%s was not called", op.Name)
		}
	}
}

func sdkPools(t *testing.T, root *sdk.Client, pool *string) {
	ctx := t.Context()
	arn := aws.String("arn:aws:cognito-identity:" + region + ":" + account + ":identitypool/" + *pool)
	d := ok(root.DescribeIdentityPool(ctx, &sdk.DescribeIdentityPoolInput{IdentityPoolId: pool}))
	if !*d.AllowClassicFlow || !*d.CognitoIdentityProviders[0].ServerSideTokenCheck || d.SupportedLoginProviders[facebook] != "1" {
		t.Errorf("described %+v", d)
	}
	u := ok(root.UpdateIdentityPool(ctx, &sdk.UpdateIdentityPoolInput{IdentityPoolId: pool, IdentityPoolName: aws.String("renamed"), AllowUnauthenticatedIdentities: true,
		AllowClassicFlow: aws.Bool(true), DeveloperProviderName: d.DeveloperProviderName, CognitoIdentityProviders: d.CognitoIdentityProviders}))
	if *u.IdentityPoolName != "renamed" || len(u.SupportedLoginProviders) > 0 || u.IdentityPoolTags["team"] != "a" {
		t.Errorf("updated %+v", u)
	}
	ok(root.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"stage": "x"}}))
	ok(root.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}))
	if tags := ok(root.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: arn})).Tags; len(tags) != 1 || tags["stage"] != "x" {
		t.Errorf("tags %v", tags)
	}
	ok(root.CreateIdentityPool(ctx, &sdk.CreateIdentityPoolInput{IdentityPoolName: aws.String("second")}))
	var names []string
	for pages := sdk.NewListIdentityPoolsPaginator(root, &sdk.ListIdentityPoolsInput{MaxResults: aws.Int32(1)}); pages.HasMorePages(); {
		for _, p := range ok(pages.NextPage(ctx)).IdentityPools {
			names = append(names, *p.IdentityPoolName)
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"renamed", "second"}) {
		t.Errorf("pools %q", names)
	}
	ok(root.SetPrincipalTagAttributeMap(ctx, &sdk.SetPrincipalTagAttributeMapInput{IdentityPoolId: pool, IdentityProviderName: aws.String(provider), UseDefaults: aws.Bool(true)}))
	if m := ok(root.GetPrincipalTagAttributeMap(ctx, &sdk.GetPrincipalTagAttributeMapInput{IdentityPoolId: pool, IdentityProviderName: aws.String(provider)})); !*m.UseDefaults || m.PrincipalTags["username"] != "sub" {
		t.Errorf("tag map %+v", m)
	}
}

func sdkPeople(t *testing.T, root, anyone *sdk.Client, pool *string) {
	ctx := t.Context()
	guest := ok(anyone.GetId(ctx, &sdk.GetIdInput{IdentityPoolId: pool, AccountId: aws.String(account)})).IdentityId
	cred := ok(anyone.GetCredentialsForIdentity(ctx, &sdk.GetCredentialsForIdentityInput{IdentityId: guest})).Credentials
	if *cred.AccessKeyId != "ASIA1" || cred.Expiration.Unix() != 5000 {
		t.Errorf("credentials %+v", cred)
	}
	if token := ok(anyone.GetOpenIdToken(ctx, &sdk.GetOpenIdTokenInput{IdentityId: guest, Logins: user("ann")})); *token.IdentityId != *guest || strings.Count(*token.Token, ".") != 2 {
		t.Errorf("token %+v", token)
	}
	_, err := anyone.GetCredentialsForIdentity(ctx, &sdk.GetCredentialsForIdentityInput{IdentityId: guest, Logins: user("ended")})
	if no := (*types.NotAuthorizedException)(nil); !errors.As(err, &no) || no.ErrorMessage() != "Invalid login token. Can't verify the token." {
		t.Errorf("a sign-in that was ended: %v", err)
	}
	ok(anyone.UnlinkIdentity(ctx, &sdk.UnlinkIdentityInput{IdentityId: guest, Logins: user("ann"), LoginsToRemove: []string{provider}}))
	if d := ok(root.DescribeIdentity(ctx, &sdk.DescribeIdentityInput{IdentityId: guest})); len(d.Logins) > 0 || d.CreationDate.IsZero() {
		t.Errorf("identity %+v", d)
	}
	if l := ok(root.ListIdentities(ctx, &sdk.ListIdentitiesInput{IdentityPoolId: pool, MaxResults: aws.Int32(60)})); len(l.Identities) != 1 {
		t.Errorf("identities %+v", l.Identities)
	}
	if del := ok(root.DeleteIdentities(ctx, &sdk.DeleteIdentitiesInput{IdentityIdsToDelete: []string{*guest}})); len(del.UnprocessedIdentityIds) > 0 {
		t.Errorf("deleted %+v", del)
	}
	if _, err := anyone.ListIdentities(ctx, &sdk.ListIdentitiesInput{IdentityPoolId: pool, MaxResults: aws.Int32(1)}); err == nil {
		t.Error("unsigned, identities are listed")
	}
}

func sdkDevelopers(t *testing.T, root *sdk.Client, pool *string) {
	ctx := t.Context()
	id := func(name string) *string {
		return ok(root.GetOpenIdTokenForDeveloperIdentity(ctx, &sdk.GetOpenIdTokenForDeveloperIdentityInput{
			IdentityPoolId: pool, Logins: map[string]string{developer: name}, TokenDuration: aws.Int64(86400), PrincipalTags: map[string]string{"a": "b"}})).IdentityId
	}
	a, b := id("a"), id("b")
	if m := ok(root.MergeDeveloperIdentities(ctx, &sdk.MergeDeveloperIdentitiesInput{IdentityPoolId: pool, DeveloperProviderName: aws.String(developer),
		SourceUserIdentifier: aws.String("a"), DestinationUserIdentifier: aws.String("b")})); *m.IdentityId != *b || *m.IdentityId == *a {
		t.Errorf("merged into %s", *m.IdentityId)
	}
	l := ok(root.LookupDeveloperIdentity(ctx, &sdk.LookupDeveloperIdentityInput{IdentityPoolId: pool, DeveloperUserIdentifier: aws.String("a"), MaxResults: aws.Int32(1)}))
	if *l.IdentityId != *b || len(l.DeveloperUserIdentifierList) != 1 || l.NextToken == nil {
		t.Errorf("looked up %+v", l)
	}
	ok(root.UnlinkDeveloperIdentity(ctx, &sdk.UnlinkDeveloperIdentityInput{IdentityPoolId: pool, IdentityId: b, DeveloperProviderName: aws.String(developer), DeveloperUserIdentifier: aws.String("a")}))
}
