package users

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// federation calls what is about external providers, for the user of the name.
func (w *world) federation(ctx context.Context, c *sdk.Client, p, name *string) {
	w.t.Helper()
	ok := func(_ any, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	google := aws.String("Google")
	made, err := c.CreateIdentityProvider(ctx, &sdk.CreateIdentityProviderInput{UserPoolId: p, ProviderName: google, ProviderType: types.IdentityProviderTypeTypeGoogle,
		ProviderDetails: map[string]string{"client_id": "id", "client_secret": "secret", "authorize_scopes": "openid email"}, AttributeMapping: map[string]string{"email": "email"}, IdpIdentifiers: []string{"g"}})
	ok(made, err)
	if d := made.IdentityProvider.ProviderDetails; d["token_url"] != "https://www.googleapis.com/oauth2/v4/token" || d["client_secret"] != "secret" {
		w.t.Fatalf("%v", d)
	}
	ok(c.DescribeIdentityProvider(ctx, &sdk.DescribeIdentityProviderInput{UserPoolId: p, ProviderName: google}))
	ok(c.GetIdentityProviderByIdentifier(ctx, &sdk.GetIdentityProviderByIdentifierInput{UserPoolId: p, IdpIdentifier: aws.String("g")}))
	ok(c.UpdateIdentityProvider(ctx, &sdk.UpdateIdentityProviderInput{UserPoolId: p, ProviderName: google, IdpIdentifiers: []string{"h"}}))
	ok(c.ListIdentityProviders(ctx, &sdk.ListIdentityProvidersInput{UserPoolId: p}))
	ok(c.GetSigningCertificate(ctx, &sdk.GetSigningCertificateInput{UserPoolId: p}))
	source := &types.ProviderUserIdentifierType{ProviderName: google, ProviderAttributeName: aws.String("Cognito_Subject"), ProviderAttributeValue: aws.String("123")}
	ok(c.AdminLinkProviderForUser(ctx, &sdk.AdminLinkProviderForUserInput{UserPoolId: p, SourceUser: source,
		DestinationUser: &types.ProviderUserIdentifierType{ProviderName: aws.String("Cognito"), ProviderAttributeValue: name}}))
	ok(c.AdminDisableProviderForUser(ctx, &sdk.AdminDisableProviderForUserInput{UserPoolId: p, User: source}))
	ok(c.DeleteIdentityProvider(ctx, &sdk.DeleteIdentityProviderInput{UserPoolId: p, ProviderName: google}))
}
