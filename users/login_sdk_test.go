package users

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	sdkdocument "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// aPNG is an image of one pixel.
var aPNG = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82")

// hosting calls what is about sign-in pages through the SDK.
func (w *world) hosting(ctx context.Context, c *sdk.Client, p, cl *string) {
	w.t.Helper()
	t := w.t.(*testing.T)
	ok := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(c.CreateUserPoolDomain(ctx, &sdk.CreateUserPoolDomainInput{UserPoolId: p, Domain: aws.String("tasks")}))
	ok(c.CreateUserPoolDomain(ctx, &sdk.CreateUserPoolDomainInput{UserPoolId: p, Domain: aws.String("auth.example.com"), CustomDomainConfig: &types.CustomDomainConfigType{
		CertificateArn: aws.String("arn:aws:acm:us-east-1:123456789012:certificate/5f3b"),
	}}))
	ok(c.UpdateUserPoolDomain(ctx, &sdk.UpdateUserPoolDomainInput{UserPoolId: p, Domain: aws.String("tasks"), ManagedLoginVersion: aws.Int32(2)}))
	d, err := c.DescribeUserPoolDomain(ctx, &sdk.DescribeUserPoolDomainInput{Domain: aws.String("tasks")})
	if err != nil || *d.DomainDescription.UserPoolId != *p || *d.DomainDescription.ManagedLoginVersion != 2 || d.DomainDescription.Status != types.DomainStatusTypeActive {
		t.Fatalf("%+v %v", d, err)
	}
	described, err := c.DescribeUserPool(ctx, &sdk.DescribeUserPoolInput{UserPoolId: p})
	if err != nil || *described.UserPool.Domain != "tasks" || *described.UserPool.CustomDomain != "auth.example.com" {
		t.Fatalf("%+v %v", described, err)
	}
	var refused *types.InvalidParameterException
	if _, err := c.DeleteUserPool(ctx, &sdk.DeleteUserPoolInput{UserPoolId: p}); !errors.As(err, &refused) {
		t.Fatalf("a pool with a domain was deleted: %v", err)
	}

	scope := []types.ResourceServerScopeType{{ScopeName: aws.String("read"), ScopeDescription: aws.String("to read")}}
	ok(c.CreateResourceServer(ctx, &sdk.CreateResourceServerInput{UserPoolId: p, Identifier: aws.String("https://api"), Name: aws.String("API"), Scopes: scope}))
	ok(c.UpdateResourceServer(ctx, &sdk.UpdateResourceServerInput{UserPoolId: p, Identifier: aws.String("https://api"), Name: aws.String("The API"), Scopes: scope}))
	rs, err := c.DescribeResourceServer(ctx, &sdk.DescribeResourceServerInput{UserPoolId: p, Identifier: aws.String("https://api")})
	if err != nil || *rs.ResourceServer.Name != "The API" || len(rs.ResourceServer.Scopes) != 1 {
		t.Fatalf("%+v %v", rs, err)
	}
	ok(c.ListResourceServers(ctx, &sdk.ListResourceServersInput{UserPoolId: p}))
	ok(c.DeleteResourceServer(ctx, &sdk.DeleteResourceServerInput{UserPoolId: p, Identifier: aws.String("https://api")}))

	w.dressing(ctx, c, p, cl, ok)
	w.secrets(ctx, c, p, ok)
	ok(c.DeleteUserPoolDomain(ctx, &sdk.DeleteUserPoolDomainInput{UserPoolId: p, Domain: aws.String("auth.example.com")}))
	ok(c.DeleteUserPoolDomain(ctx, &sdk.DeleteUserPoolDomainInput{UserPoolId: p, Domain: aws.String("tasks")}))
}

func (w *world) dressing(ctx context.Context, c *sdk.Client, p, cl *string, ok func(any, error)) {
	t := w.t.(*testing.T)
	ok(c.SetUICustomization(ctx, &sdk.SetUICustomizationInput{UserPoolId: p, CSS: aws.String(".label-customizable{color:red}"), ImageFile: aPNG}))
	ui, err := c.GetUICustomization(ctx, &sdk.GetUICustomizationInput{UserPoolId: p, ClientId: cl})
	if err != nil || *ui.UICustomization.CSS != ".label-customizable{color:red}" || *ui.UICustomization.ClientId != "ALL" || ui.UICustomization.ImageUrl == nil {
		t.Fatalf("%+v %v", ui, err)
	}
	settings := map[string]any{"components": map[string]any{"pageBackground": map[string]any{"lightMode": map[string]any{"color": "ff0000ff"}}}}
	made, err := c.CreateManagedLoginBranding(ctx, &sdk.CreateManagedLoginBrandingInput{UserPoolId: p, ClientId: cl, Settings: sdkdocument.NewLazyDocument(settings), Assets: []types.AssetType{
		{Category: types.AssetCategoryTypeFormLogo, ColorMode: types.ColorSchemeModeTypeLight, Extension: types.AssetExtensionTypePng, Bytes: aPNG},
	}})
	ok(made, err)
	id := made.ManagedLoginBranding.ManagedLoginBrandingId
	var exists *types.ManagedLoginBrandingExistsException
	if _, err := c.CreateManagedLoginBranding(ctx, &sdk.CreateManagedLoginBrandingInput{UserPoolId: p, ClientId: cl, UseCognitoProvidedValues: true}); !errors.As(err, &exists) {
		t.Fatalf("two styles: %v", err)
	}
	ok(c.UpdateManagedLoginBranding(ctx, &sdk.UpdateManagedLoginBrandingInput{UserPoolId: p, ManagedLoginBrandingId: id, Settings: sdkdocument.NewLazyDocument(settings)}))
	ok(c.DescribeManagedLoginBranding(ctx, &sdk.DescribeManagedLoginBrandingInput{UserPoolId: p, ManagedLoginBrandingId: id}))
	style, err := c.DescribeManagedLoginBrandingByClient(ctx, &sdk.DescribeManagedLoginBrandingByClientInput{UserPoolId: p, ClientId: cl})
	if err != nil || len(style.ManagedLoginBranding.Assets) != 1 || string(style.ManagedLoginBranding.Assets[0].Bytes) != string(aPNG) {
		t.Fatalf("%+v %v", style, err)
	}
	var back map[string]any
	if err := style.ManagedLoginBranding.Settings.UnmarshalSmithyDocument(&back); err != nil || back["components"] == nil {
		t.Fatalf("%v %v", back, err)
	}
	ok(c.DeleteManagedLoginBranding(ctx, &sdk.DeleteManagedLoginBrandingInput{UserPoolId: p, ManagedLoginBrandingId: id}))

	links := map[string]string{"cognito:default": "https://app.example/terms"}
	terms, err := c.CreateTerms(ctx, &sdk.CreateTermsInput{
		UserPoolId: p, ClientId: cl, TermsName: aws.String("terms-of-use"), TermsSource: types.TermsSourceTypeLink, Enforcement: types.TermsEnforcementTypeNone, Links: links,
	})
	ok(terms, err)
	ok(c.DescribeTerms(ctx, &sdk.DescribeTermsInput{UserPoolId: p, TermsId: terms.Terms.TermsId}))
	ok(c.UpdateTerms(ctx, &sdk.UpdateTermsInput{UserPoolId: p, TermsId: terms.Terms.TermsId, Links: links}))
	ok(c.ListTerms(ctx, &sdk.ListTermsInput{UserPoolId: p}))
	ok(c.DeleteTerms(ctx, &sdk.DeleteTermsInput{UserPoolId: p, TermsId: terms.Terms.TermsId}))
}

// secrets: a client has two for a while, and both count.
func (w *world) secrets(ctx context.Context, c *sdk.Client, p *string, ok func(any, error)) {
	t := w.t.(*testing.T)
	made, err := c.CreateUserPoolClient(ctx, &sdk.CreateUserPoolClientInput{UserPoolId: p, ClientName: aws.String("server"), GenerateSecret: true})
	ok(made, err)
	cl := made.UserPoolClient.ClientId
	added, err := c.AddUserPoolClientSecret(ctx, &sdk.AddUserPoolClientSecretInput{UserPoolId: p, ClientId: cl})
	ok(added, err)
	var full *types.LimitExceededException
	if _, err := c.AddUserPoolClientSecret(ctx, &sdk.AddUserPoolClientSecretInput{UserPoolId: p, ClientId: cl}); !errors.As(err, &full) {
		t.Fatalf("a third secret: %v", err)
	}
	all, err := c.ListUserPoolClientSecrets(ctx, &sdk.ListUserPoolClientSecretsInput{UserPoolId: p, ClientId: cl})
	if err != nil || len(all.ClientSecrets) != 2 || all.ClientSecrets[0].ClientSecretValue != nil {
		t.Fatalf("%+v %v", all, err)
	}
	for _, secret := range []*string{made.UserPoolClient.ClientSecret, added.ClientSecretDescriptor.ClientSecretValue} {
		if _, err := c.RevokeToken(ctx, &sdk.RevokeTokenInput{ClientId: cl, ClientSecret: secret, Token: aws.String("x")}); err == nil || !errors.As(err, new(*types.UnsupportedTokenTypeException)) {
			t.Fatalf("with one of two secrets: %v", err)
		}
	}
	ok(c.DeleteUserPoolClientSecret(ctx, &sdk.DeleteUserPoolClientSecretInput{UserPoolId: p, ClientId: cl, ClientSecretId: all.ClientSecrets[0].ClientSecretId}))
	if _, err := c.RevokeToken(ctx, &sdk.RevokeTokenInput{ClientId: cl, ClientSecret: made.UserPoolClient.ClientSecret, Token: aws.String("x")}); err == nil || !strings.Contains(err.Error(), "Invalid client secret") {
		t.Fatalf("with a secret that was deleted: %v", err)
	}
	if _, err := c.DeleteUserPoolClientSecret(ctx, &sdk.DeleteUserPoolClientSecretInput{UserPoolId: p, ClientId: cl, ClientSecretId: added.ClientSecretDescriptor.ClientSecretId}); err == nil {
		t.Fatal("the last secret was deleted")
	}
}
