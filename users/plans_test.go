package users

import (
	"fmt"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

func TestPlans(t *testing.T) {
	w := newWorld(t)
	in := func(change func(*cognitoidp.CreateUserPoolInput)) *cognitoidp.CreateUserPoolInput {
		in := &cognitoidp.CreateUserPoolInput{PoolName: str("p")}
		change(in)
		return in
	}
	protect := in(protecting("AUDIT"))
	protect.UserPoolTier = wire.Opt[string]{}
	refused(w, w.s.createUserPool, protect, "FeatureUnavailableInTierException", "The following features need to be disabled for the ESSENTIALS pricing tier configured: Threat Protection")
	history := in(remembering(2))
	history.UserPoolTier = str("LITE")
	refused(w, w.s.createUserPool, history, "FeatureUnavailableInTierException", "LITE pricing tier configured: Password History")
	must(w, w.s.createUserPool, in(remembering(2)))
	must(w, w.s.createUserPool, in(protecting("ENFORCED")))
}

func TestSettingsThatContradictAreRefused(t *testing.T) {
	w := newWorld(t)
	way := func(name string, rank int32) cognitoidp.RecoveryOptionType {
		return cognitoidp.RecoveryOptionType{Name: str(name), Priority: wire.Some(rank)}
	}
	recovery := func(ways ...cognitoidp.RecoveryOptionType) func(*cognitoidp.CreateUserPoolInput) {
		return func(in *cognitoidp.CreateUserPoolInput) {
			in.AccountRecoverySetting = &cognitoidp.AccountRecoverySettingType{RecoveryMechanisms: ways}
		}
	}
	schema := func(a cognitoidp.SchemaAttributeType) func(*cognitoidp.CreateUserPoolInput) {
		return func(in *cognitoidp.CreateUserPoolInput) { in.Schema = []cognitoidp.SchemaAttributeType{a} }
	}
	length := func(least, most string) *cognitoidp.StringAttributeConstraintsType {
		return &cognitoidp.StringAttributeConstraintsType{MinLength: wire.NonEmpty(least), MaxLength: wire.NonEmpty(most)}
	}
	for _, c := range []struct {
		message string
		spoil   func(*cognitoidp.CreateUserPoolInput)
	}{
		{"duplicate priorities", recovery(way("verified_email", 1), way("verified_phone_number", 1))},
		{"admin_only together", recovery(way("verified_email", 1), way("admin_only", 2))},
		{"needs a From address", func(in *cognitoidp.CreateUserPoolInput) {
			in.EmailConfiguration = &cognitoidp.EmailConfigurationType{EmailSendingAccount: str("DEVELOPER"), SourceArn: str("arn:aws:ses:us-east-1:123456789012:identity/example.com")}
		}},
		{"must contain {username} and {####}", func(in *cognitoidp.CreateUserPoolInput) {
			in.AdminCreateUserConfig = &cognitoidp.AdminCreateUserConfigType{InviteMessageTemplate: &cognitoidp.MessageTemplateType{EmailMessage: str("Welcome, {username}")}}
		}},
		{"Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays", func(in *cognitoidp.CreateUserPoolInput) {
			in.AdminCreateUserConfig = &cognitoidp.AdminCreateUserConfigType{UnusedAccountValidityDays: wire.Some[int32](3)}
			in.Policies = &cognitoidp.UserPoolPolicyType{PasswordPolicy: &cognitoidp.PasswordPolicyType{TemporaryPasswordValidityDays: wire.Some[int32](4)}}
		}},
		{"the minimum is above the maximum", schema(cognitoidp.SchemaAttributeType{Name: str("x"), StringAttributeConstraints: length("5", "4")})},
		{"invalid constraints", schema(cognitoidp.SchemaAttributeType{Name: str("x"), StringAttributeConstraints: length("", "2049")})},
		{"invalid constraints", schema(cognitoidp.SchemaAttributeType{Name: str("x"), StringAttributeConstraints: length("many", "")})},
		{"do not match the data type", schema(cognitoidp.SchemaAttributeType{Name: str("x"), AttributeDataType: str("Number"), StringAttributeConstraints: length("1", "2")})},
		{"set developerOnlyAttribute for standard schema attribute email", schema(cognitoidp.SchemaAttributeType{Name: str("email"), DeveloperOnlyAttribute: wire.Some(true)})},
		{"Tag keys may not begin with aws:", func(in *cognitoidp.CreateUserPoolInput) { in.UserPoolTags = map[string]string{"AWS:owner": "me"} }},
	} {
		in := &cognitoidp.CreateUserPoolInput{PoolName: str("p")}
		c.spoil(in)
		refused(w, w.s.createUserPool, in, "InvalidParameterException", c.message)
	}
}

func TestUnusedAccountValidity(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.AdminCreateUserConfig = &cognitoidp.AdminCreateUserConfigType{UnusedAccountValidityDays: wire.Some[int32](2)}
	})
	cl := w.client(p)
	got := must(w, w.s.describeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: str(p)}).UserPool
	if got.Policies.PasswordPolicy.TemporaryPasswordValidityDays.V != 2 || got.AdminCreateUserConfig.UnusedAccountValidityDays.V != 2 {
		t.Fatalf("%+v %+v", got.Policies.PasswordPolicy, got.AdminCreateUserConfig)
	}
	invite := &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("bob"), TemporaryPassword: str(good), MessageAction: str("SUPPRESS")}
	must(w, w.s.adminCreateUser, invite)
	w.wait(49 * time.Hour)
	refused(w, w.s.initiateAuth, passwordAuth(cl, "bob", good), "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.")
	invite.MessageAction, invite.DesiredDeliveryMediums = str("RESEND"), nil
	must(w, w.s.adminCreateUser, invite)
	must(w, w.s.initiateAuth, passwordAuth(cl, "bob", good))
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) { in.UserPoolTags = map[string]string{"team": "a"} })
	arn := str(poolARN(account, p))
	must(w, w.s.tagResource, &cognitoidp.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"team": "b", "cost": "7"}})
	must(w, w.s.untagResource, &cognitoidp.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"cost", "none"}})
	if got := must(w, w.s.listTagsForResource, &cognitoidp.ListTagsForResourceInput{ResourceArn: arn}).Tags; len(got) != 1 || got["team"] != "b" {
		t.Fatalf("%v", got)
	}
	many := map[string]string{}
	for i := range mostTags {
		many[fmt.Sprint(i)] = ""
	}
	refused(w, w.s.tagResource, &cognitoidp.TagResourceInput{ResourceArn: arn, Tags: many}, "InvalidParameterException", "at most 50 tags")
	refused(w, w.s.listTagsForResource, &cognitoidp.ListTagsForResourceInput{ResourceArn: str(poolARN("210987654321", p))}, "ResourceNotFoundException", "does not exist")
	refused(w, w.s.listTagsForResource, &cognitoidp.ListTagsForResourceInput{ResourceArn: str("arn:aws:iam::123456789012:role/x")}, "InvalidParameterException", "Invalid resource ARN")
}

func TestAttributesWithoutAValueGo(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.Schema = []cognitoidp.SchemaAttributeType{
			{Name: str("name"), Required: wire.Some(true), Mutable: wire.Some(true)},
			{Name: str("born"), Mutable: wire.Some(false), StringAttributeConstraints: &cognitoidp.StringAttributeConstraintsType{MinLength: str("4")}},
		}
	})
	cl := w.client(p)
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("ann"), Password: str(good), UserAttributes: attr("name", "Ann", "email", "a@example.com", "custom:born", "1970", "nickname", "")})
	set := func(pairs ...string) *cognitoidp.AdminUpdateUserAttributesInput {
		return &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("ann"), UserAttributes: attr(pairs...)}
	}
	must(w, w.s.adminUpdateUserAttributes, set("email", "", "birthdate", ""))
	got := must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("ann")}).UserAttributes
	for _, a := range got {
		if a.Name.V != "sub" && a.Name.V != "name" && a.Name.V != "custom:born" {
			t.Errorf("%s = %q is left", a.Name.V, a.Value.V)
		}
	}
	refused(w, w.s.adminUpdateUserAttributes, set("name", ""), "InvalidParameterException", "name: Required attribute cannot be deleted.")
	refused(w, w.s.adminUpdateUserAttributes, set("custom:born", ""), "InvalidParameterException", "custom:born: Attribute cannot be updated.")
	refused(w, w.s.adminUpdateUserAttributes, set("birthdate", "2000-13-01"), "InvalidParameterException", "birthdate: Invalid birthdate format, please use YYYY-MM-DD")
	must(w, w.s.adminUpdateUserAttributes, set("birthdate", "2000-12-01"))
}

func TestPhoneNumbers(t *testing.T) {
	for text, want := range map[string]bool{
		"+12065551212": true, "+4915112345678": true, "+442079460000": true, "+8613912345678": true,
		"": false, "+": false, "12065551212": false, "+1206555": false, "+120655512123456": false, "+999123456789": false, "+1 206 555 1212": false, "+1206555121a": false,
	} {
		if got := isPhone(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func FuzzPhone(f *testing.F) {
	f.Add("+12065551212")
	f.Fuzz(func(t *testing.T, text string) {
		if isPhone(text) && !phoneShape.MatchString(text) {
			t.Errorf("%q", text)
		}
	})
}
