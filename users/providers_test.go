package users

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

var googleDetails = map[string]string{"client_id": "a", "client_secret": "very secret", "authorize_scopes": "openid"}

func changed(details map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(details)
	for i := 0; i < len(pairs); i += 2 {
		if out[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(out, pairs[i])
		}
	}
	return out
}

func TestProviders(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	w.provider(p, "Google", kindGoogle, googleDetails, nil, "g", "google.example")
	w.provider(p, "Works", kindOIDC, openIDDetails, map[string]string{"email": "mail"})
	describe := func(name string) *cognitoidp.IdentityProviderType {
		return must(w, w.s.describeIdentityProvider, &cognitoidp.DescribeIdentityProviderInput{UserPoolId: str(p), ProviderName: str(name)}).IdentityProvider
	}
	got := describe("Google")
	if want := map[string]string{
		"client_id": "a", "client_secret": "very secret", "authorize_scopes": "openid", "attributes_url": "https://people.googleapis.com/v1/people/me?personFields=",
		"attributes_url_add_attributes": "true", "authorize_url": "https://accounts.google.com/o/oauth2/v2/auth", "oidc_issuer": "https://accounts.google.com",
		"token_request_method": "POST", "token_url": "https://www.googleapis.com/oauth2/v4/token",
	}; !maps.Equal(got.ProviderDetails, want) || !maps.Equal(got.AttributeMapping, map[string]string{"username": "sub"}) || !slices.Equal(got.IdpIdentifiers, []string{"g", "google.example"}) {
		t.Errorf("%+v", got)
	}
	err := w.s.view(w.ctx, func(tx *kv.Tx) error {
		raw, err := providers.Stamp(tx, inPool(account, p), p, "Google")
		if !bytes.Contains(raw, []byte("https://accounts.google.com")) || bytes.Contains(raw, []byte("very secret")) || bytes.Contains(raw, []byte(base64.StdEncoding.EncodeToString([]byte("very secret")))) {
			t.Errorf("%s", raw)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	create := func(name, kind string, details, mapping map[string]string, identifiers ...string) *cognitoidp.CreateIdentityProviderInput {
		return &cognitoidp.CreateIdentityProviderInput{UserPoolId: str(p), ProviderName: str(name), ProviderType: str(kind), ProviderDetails: details, AttributeMapping: mapping, IdpIdentifiers: identifiers}
	}
	refused(w, w.s.createIdentityProvider, create("Works", kindOIDC, openIDDetails, nil), "DuplicateProviderException", "name already exists")
	refused(w, w.s.createIdentityProvider, create("Works2", kindOIDC, openIDDetails, nil, "g"), "DuplicateProviderException", "IdpIdentifiers already exists")
	refused(w, w.s.updateIdentityProvider, &cognitoidp.UpdateIdentityProviderInput{UserPoolId: str(p), ProviderName: str("Works"), IdpIdentifiers: []string{"x", "g"}}, "DuplicateProviderException", "IdpIdentifiers already exists")
	refused(w, w.s.createIdentityProvider, &cognitoidp.CreateIdentityProviderInput{UserPoolId: str("us-east-1_nowhere00"), ProviderName: str("W"), ProviderType: str(kindOIDC), ProviderDetails: openIDDetails}, "ResourceNotFoundException", "does not exist")

	apple, _ := certificate(t)
	for name, c := range map[string]struct {
		in      *cognitoidp.CreateIdentityProviderInput
		message string
	}{
		"social name":          {create("Mine", kindGoogle, googleDetails, nil), "must be Google"},
		"reserved name":        {create("Google", kindOIDC, openIDDetails, nil), "reserved"},
		"the pool's name":      {create("Cognito", kindOIDC, openIDDetails, nil), "reserved"},
		"no client":            {create("W", kindOIDC, changed(openIDDetails, "client_id", ""), nil), "are required for OIDC"},
		"no secret":            {create("Facebook", kindFacebook, changed(googleDetails, "client_secret", ""), nil), "are required for Facebook"},
		"unknown detail":       {create("W", kindOIDC, changed(openIDDetails, "MetadataURL", "https://x.example"), nil), "do not have the key MetadataURL"},
		"http":                 {create("W", kindOIDC, changed(openIDDetails, "token_url", "http://idp.example/token"), nil), "token_url in ProviderDetails must be an https URL"},
		"without openid":       {create("W", kindOIDC, changed(openIDDetails, "authorize_scopes", "email"), nil), "must include openid"},
		"method":               {create("W", kindOIDC, changed(openIDDetails, "attributes_request_method", "PUT"), nil), "must be GET or POST"},
		"nobody there":         {create("W", kindOIDC, changed(openIDDetails, "jwks_uri", "", "oidc_issuer", "https://127.0.0.1:1"), nil), "Unable to contact well-known endpoint"},
		"Apple's key":          {create("SignInWithApple", kindApple, map[string]string{"client_id": "a", "team_id": "t", "key_id": "k", "private_key": apple, "authorize_scopes": "email"}, nil), "private_key is not"},
		"mapped to nothing":    {create("W", kindOIDC, openIDDetails, pairs("nickel", "x")), "has no attribute nickel"},
		"mapped to sub":        {create("W", kindOIDC, openIDDetails, pairs("sub", "x")), "has no attribute sub"},
		"mapped from nothing":  {create("W", kindOIDC, openIDDetails, pairs("name", "")), "nothing is mapped to name"},
		"username":             {create("W", kindOIDC, openIDDetails, pairs("username", "email")), "cannot be mapped"},
		"identifiers twice":    {create("W", kindOIDC, openIDDetails, nil, "i", "i"), "same identifier twice"},
		"no metadata":          {create("S", kindSAML, pairs("IDPSignout", "false"), nil), "Exactly one of MetadataURL and MetadataFile"},
		"two metadata":         {create("S", kindSAML, pairs("MetadataURL", "https://x.example", "MetadataFile", "<a/>"), nil), "Exactly one of"},
		"bad metadata":         {create("S", kindSAML, pairs("MetadataFile", "<a/>"), nil), "metadata of the SAML provider S is not valid"},
		"metadata of nobody":   {create("S", kindSAML, pairs("MetadataURL", "https://127.0.0.1:1/"), nil), "Error retrieving metadata"},
		"large metadata":       {create("S", kindSAML, pairs("MetadataFile", strings.Repeat(" ", maxMetadata+1)), nil), "larger than"},
		"sign-on over http":    {create("S", kindSAML, pairs("MetadataFile", metadataOfTest(t, "http://idp.example/sso")), nil), "at an https URL"},
		"encrypted":            {create("S", kindSAML, pairs("MetadataFile", metadataOfTest(t, "https://idp.example/sso"), "EncryptedResponses", "true"), nil), "not supported"},
		"signing out there":    {create("S", kindSAML, pairs("MetadataFile", metadataOfTest(t, "https://idp.example/sso"), "IDPSignout", "true"), nil), "IDPSignout is not supported"},
		"neither true nor not": {create("S", kindSAML, pairs("MetadataFile", metadataOfTest(t, "https://idp.example/sso"), "IDPInit", "yes"), nil), "IDPInit must be true or false"},
		"weak signatures":      {create("S", kindSAML, pairs("MetadataFile", metadataOfTest(t, "https://idp.example/sso"), "RequestSigningAlgorithm", "rsa-sha1"), nil), "must be rsa-sha256"},
	} {
		if _, err := w.s.createIdentityProvider(w.call(), c.in); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v", name, err)
		} else {
			wantFault(t, err, "InvalidParameterException", c.message)
		}
	}
	acr := create("W", kindOIDC, openIDDetails, nil)
	acr.AcrMapping = pairs("a", "b")
	refused(w, w.s.createIdentityProvider, acr, "InvalidParameterException", "AcrMapping is not supported")

	w.provider(p, "S", kindSAML, pairs("MetadataFile", metadataOfTest(t, "https://idp.example/sso"), "IDPInit", "false"), nil)
	saml := describe("S")
	if d := saml.ProviderDetails; !strings.HasPrefix(d["MetadataFile"], "<EntityDescriptor") || d["SSORedirectBindingURI"] != "https://idp.example/sso" {
		t.Errorf("%v", d)
	}
	// What is told is taken back.
	for _, name := range []string{"S", "Google", "Works"} {
		d := describe(name)
		again := must(w, w.s.updateIdentityProvider, &cognitoidp.UpdateIdentityProviderInput{UserPoolId: str(p), ProviderName: str(name), ProviderDetails: d.ProviderDetails, AttributeMapping: d.AttributeMapping}).IdentityProvider
		if !maps.Equal(again.ProviderDetails, d.ProviderDetails) || !maps.Equal(again.AttributeMapping, d.AttributeMapping) || !slices.Equal(again.IdpIdentifiers, d.IdpIdentifiers) {
			t.Errorf("%+v\n%+v", again, d)
		}
	}
	var names []string
	for next := (wire.Opt[string]{}); ; {
		out := must(w, w.s.listIdentityProviders, &cognitoidp.ListIdentityProvidersInput{UserPoolId: str(p), MaxResults: wire.Some[int32](2), NextToken: next})
		for _, i := range out.Providers {
			names = append(names, i.ProviderName.V+" "+i.ProviderType.V)
		}
		if next = out.NextToken; !next.Set {
			break
		}
	}
	if fmt.Sprint(names) != "[Google Google S SAML Works OIDC]" {
		t.Error(names)
	}
	refused(w, w.s.describeIdentityProvider, &cognitoidp.DescribeIdentityProviderInput{UserPoolId: str(w.pool()), ProviderName: str("Google")}, "ResourceNotFoundException", "Identity provider Google does not exist.")
	refused(w, w.s.getIdentityProviderByIdentifier, &cognitoidp.GetIdentityProviderByIdentifierInput{UserPoolId: str(p), IdpIdentifier: str("none")}, "ResourceNotFoundException", "does not exist")
}

func TestClientsAndProviders(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	in := &cognitoidp.CreateUserPoolClientInput{UserPoolId: str(p), ClientName: str("web"), SupportedIdentityProviders: []string{"COGNITO", "Google"}}
	refused(w, w.s.createUserPoolClient, in, "InvalidParameterException", "The provider Google does not exist for User Pool "+p+".")
	w.provider(p, "Google", kindGoogle, googleDetails, nil)
	cl := must(w, w.s.createUserPoolClient, in).UserPoolClient.ClientId
	refused(w, w.s.updateUserPoolClient, &cognitoidp.UpdateUserPoolClientInput{UserPoolId: str(p), ClientId: cl, SupportedIdentityProviders: []string{"Facebook"}}, "InvalidParameterException", "The provider Facebook does not exist")
	must(w, w.s.deleteIdentityProvider, &cognitoidp.DeleteIdentityProviderInput{UserPoolId: str(p), ProviderName: str("Google")})
	if got := must(w, w.s.describeUserPoolClient, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(p), ClientId: cl}).UserPoolClient.SupportedIdentityProviders; !slices.Equal(got, []string{"COGNITO"}) {
		t.Error(got)
	}
	refused(w, w.s.deleteIdentityProvider, &cognitoidp.DeleteIdentityProviderInput{UserPoolId: str(p), ProviderName: str("Google")}, "ResourceNotFoundException", "does not exist")
}
