package hub

import (
	"encoding/json"

	"bothy/api/cognitoidentity"
	"bothy/api/cognitoidp"
	"bothy/wire"
)

// userPool makes the user directory with its two app clients: a native one with a secret, a web one without.
func (r *run) userPool() error {
	if r.p.SignIn == nil || r.p.SignIn.Pool == nil {
		return nil
	}
	want := r.p.SignIn.Pool
	sms, err := r.smsRole(want)
	if err != nil {
		return err
	}
	name := r.row.pool(want.Name)
	id, foreign, err := r.ensureUserPool(name, want, sms)
	if err != nil {
		return err
	}
	m := made{Key: "userpool", Type: "AWS::Cognito::UserPool", Name: name, ARN: id, ID: id, Feature: "user-signin", Foreign: foreign}
	if have := r.row.find("userpool"); have == nil || have.ID != id {
		if err := r.note(m); err != nil { // before the clients: it must not be lost
			return err
		}
	}
	m.Attrs = want.attributes(r.row.Region, id)
	if m.Attrs["user-pools-client-id"], err = r.client(id, name+"_app", true); err != nil {
		return err
	}
	if m.Attrs["user-pools-web-client-id"], err = r.client(id, name+"_web", false); err != nil {
		return err
	}
	return r.note(m)
}

// ensureUserPool is the pool's id: of the existing one that the project names, or of the project's own, made or brought up
// to date. An existing pool that is not on this node is replaced by one of the project's own: files come from elsewhere.
func (r *run) ensureUserPool(name string, want *UserPool, sms *cognitoidp.SmsConfigurationType) (id string, foreign bool, err error) {
	have := r.want("userpool")
	if want.Existing != "" {
		_, err := call(r, cognitoidp.DescribeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: wire.Some(want.Existing)})
		if !failed(err, "ResourceNotFoundException") {
			return want.Existing, true, err
		}
		r.p.warn("user pool %s is not on this node; the project gets one of its own", want.Existing)
	}
	if have != nil && have.Foreign {
		have = nil
	}
	if id, err = r.findUserPool(have, name); err != nil {
		return "", false, err
	}
	if id == "" {
		id, err = r.createUserPool(name, want, sms)
	} else {
		err = r.updateUserPool(id, want, sms)
	}
	return id, false, err
}

func (u *UserPool) attributes(region, id string) map[string]string {
	aliases, policy := u.Aliases, map[string]any{
		"minimumLength": u.MinLength, "requireUppercase": u.Uppercase, "requireLowercase": u.Lowercase,
		"requireNumbers": u.Numbers, "requireSymbols": u.Symbols,
	}
	if aliases == nil {
		aliases = []string{}
	}
	return map[string]string{
		"region": region, "user-pools-id": id, "mfa-configuration": u.MFA, "alias-attributes": asJSON(aliases), "password-policy": asJSON(policy),
	}
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return string(b)
}

// smsRole lets the pool send second factors, when it has any.
func (r *run) smsRole(u *UserPool) (*cognitoidp.SmsConfigurationType, error) {
	if u.MFA == "OFF" {
		return nil, nil
	}
	external := r.row.ID
	arn, err := r.role("role/sms", "smsverification", "user-signin", trustService("cognito-idp.amazonaws.com",
		condition{"StringEquals": {"sts:ExternalId": external}}))
	if err != nil {
		return nil, err
	}
	err = r.policy("role/sms", "smsverification", "user-signin", document(statement{Action: []string{"sns:Publish"}, Resource: []string{"*"}}))
	return &cognitoidp.SmsConfigurationType{SnsCallerArn: wire.Some(arn), ExternalId: wire.Some(external)}, err
}

func (u *UserPool) policies() *cognitoidp.UserPoolPolicyType {
	return &cognitoidp.UserPoolPolicyType{PasswordPolicy: &cognitoidp.PasswordPolicyType{
		MinimumLength: wire.Some(int32(u.MinLength)), RequireUppercase: wire.Some(u.Uppercase), RequireLowercase: wire.Some(u.Lowercase),
		RequireNumbers: wire.Some(u.Numbers), RequireSymbols: wire.Some(u.Symbols),
	}}
}

// verified attributes are those a user may sign in with, or the e-mail address.
func (u *UserPool) verified() []string {
	var out []string
	for _, a := range u.Aliases {
		if a != "preferred_username" {
			out = append(out, a)
		}
	}
	if out == nil {
		return []string{"email"}
	}
	return out
}

// findUserPool is the pool made before, by its id or, when a run was cut short, by its name.
func (r *run) findUserPool(have *made, name string) (string, error) {
	if have != nil {
		_, err := call(r, cognitoidp.DescribeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: wire.Some(have.ID)})
		if !failed(err, "ResourceNotFoundException") {
			return have.ID, err
		}
	}
	in := &cognitoidp.ListUserPoolsInput{MaxResults: wire.Some(int32(60))}
	for {
		out, err := call(r, cognitoidp.ListUserPools, in)
		if err != nil {
			return "", err
		}
		for _, p := range out.UserPools {
			if p.Name.V == name {
				return p.Id.V, nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken.V == "" {
			return "", nil
		}
	}
}

func (r *run) createUserPool(name string, u *UserPool, sms *cognitoidp.SmsConfigurationType) (string, error) {
	out, err := call(r, cognitoidp.CreateUserPool, &cognitoidp.CreateUserPoolInput{
		PoolName: wire.Some(name), Policies: u.policies(), AliasAttributes: u.Aliases, AutoVerifiedAttributes: u.verified(),
		MfaConfiguration: wire.Some(u.MFA), SmsConfiguration: sms,
	})
	if err != nil {
		return "", err
	}
	return out.UserPool.Id.V, nil
}

func (r *run) updateUserPool(id string, u *UserPool, sms *cognitoidp.SmsConfigurationType) error {
	have, err := call(r, cognitoidp.DescribeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: wire.Some(id)})
	if err != nil {
		return err
	}
	p := have.UserPool
	// What the owner set by other ways stays: an update of a pool resets what it leaves out.
	_, err = call(r, cognitoidp.UpdateUserPool, &cognitoidp.UpdateUserPoolInput{
		UserPoolId: wire.Some(id), Policies: u.policies(), AutoVerifiedAttributes: u.verified(), MfaConfiguration: wire.Some(u.MFA), SmsConfiguration: sms,
		DeletionProtection: p.DeletionProtection, LambdaConfig: p.LambdaConfig, SmsVerificationMessage: p.SmsVerificationMessage,
		EmailVerificationMessage: p.EmailVerificationMessage, EmailVerificationSubject: p.EmailVerificationSubject,
		VerificationMessageTemplate: p.VerificationMessageTemplate, SmsAuthenticationMessage: p.SmsAuthenticationMessage,
		UserAttributeUpdateSettings: p.UserAttributeUpdateSettings, DeviceConfiguration: p.DeviceConfiguration,
		EmailConfiguration: p.EmailConfiguration, UserPoolTags: p.UserPoolTags, AdminCreateUserConfig: p.AdminCreateUserConfig,
		UserPoolAddOns: p.UserPoolAddOns, AccountRecoverySetting: p.AccountRecoverySetting,
	})
	return err
}

// client finds or makes an app client.
func (r *run) client(pool, name string, secret bool) (string, error) {
	in := &cognitoidp.ListUserPoolClientsInput{UserPoolId: wire.Some(pool), MaxResults: wire.Some(int32(60))}
	for {
		out, err := call(r, cognitoidp.ListUserPoolClients, in)
		if err != nil {
			return "", err
		}
		for _, c := range out.UserPoolClients {
			if c.ClientName.V == name {
				return c.ClientId.V, nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken.V == "" {
			break
		}
	}
	out, err := call(r, cognitoidp.CreateUserPoolClient, &cognitoidp.CreateUserPoolClientInput{
		UserPoolId: wire.Some(pool), ClientName: wire.Some(name), GenerateSecret: wire.Some(secret),
	})
	if err != nil {
		return "", err
	}
	return out.UserPoolClient.ClientId.V, nil
}

// identityPool makes the pool that gives app users their identity and role. Every project has one.
func (r *run) identityPool() error {
	name := r.row.pool("")
	have := r.want("identitypool")
	id, err := r.findIdentityPool(have, name)
	if err != nil {
		return err
	}
	guests := r.guests()
	var providers []cognitoidentity.CognitoIdentityProvider
	if pool := r.row.find("userpool"); pool != nil && r.wanted["userpool"] {
		provider := "cognito-idp." + r.row.Region + ".amazonaws.com/" + pool.ID
		for _, client := range []string{"user-pools-client-id", "user-pools-web-client-id"} {
			providers = append(providers, cognitoidentity.CognitoIdentityProvider{
				ProviderName: wire.Some(provider), ClientId: wire.Some(pool.Attrs[client]), ServerSideTokenCheck: wire.Some(false),
			})
		}
	}
	if id == "" {
		out, err := call(r, cognitoidentity.CreateIdentityPool, &cognitoidentity.CreateIdentityPoolInput{
			IdentityPoolName: wire.Some(name), AllowUnauthenticatedIdentities: wire.Some(guests), AllowClassicFlow: wire.Some(true),
			CognitoIdentityProviders: providers,
		})
		if err != nil {
			return err
		}
		id = out.IdentityPoolId.V
	} else if err := r.updateIdentityPool(id, guests, providers); err != nil {
		return err
	}
	return r.note(made{
		Key: "identitypool", Type: "AWS::Cognito::IdentityPool", Name: name, ARN: id, ID: id, Feature: "user-signin",
		Attrs: map[string]string{"poolid": id, "region": r.row.Region, "roleARNs": r.roleARNs(guests)},
	})
}

func (r *run) roleARNs(guests bool) string {
	list := r.roleARN("auth")
	if guests {
		list += "," + r.roleARN("unauth")
	}
	return list
}

// updateIdentityPool sets what the project decides and keeps what its owner added.
func (r *run) updateIdentityPool(id string, guests bool, providers []cognitoidentity.CognitoIdentityProvider) error {
	have, err := call(r, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(id)})
	if err != nil {
		return err
	}
	for _, old := range have.CognitoIdentityProviders {
		if pool := r.row.find("userpool"); pool == nil || old.ClientId.V != pool.Attrs["user-pools-client-id"] && old.ClientId.V != pool.Attrs["user-pools-web-client-id"] {
			providers = append(providers, old)
		}
	}
	have.AllowUnauthenticatedIdentities, have.CognitoIdentityProviders = wire.Some(guests), providers
	_, err = call(r, cognitoidentity.UpdateIdentityPool, have)
	return err
}

func (r *run) findIdentityPool(have *made, name string) (string, error) {
	if have != nil {
		_, err := call(r, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(have.ID)})
		if !failed(err, "ResourceNotFoundException") {
			return have.ID, err
		}
	}
	in := &cognitoidentity.ListIdentityPoolsInput{MaxResults: wire.Some(int32(60))}
	for {
		out, err := call(r, cognitoidentity.ListIdentityPools, in)
		if err != nil {
			return "", err
		}
		for _, p := range out.IdentityPools {
			if p.IdentityPoolName.V == name {
				return p.IdentityPoolId.V, nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken.V == "" {
			return "", nil
		}
	}
}
