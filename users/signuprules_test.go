package users

import (
	"fmt"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

func TestRecoveryOrder(t *testing.T) {
	way := func(name string, rank int32) cognitoidp.RecoveryOptionType {
		return cognitoidp.RecoveryOptionType{Name: str(name), Priority: wire.Some(rank)}
	}
	both := attr("email", "a@example.com", "email_verified", "true", "phone_number", "+12065551212", "phone_number_verified", "true")
	mail := attr("email", "a@example.com", "email_verified", "true", "phone_number", "+12065551212")
	phone := attr("email", "a@example.com", "phone_number", "+12065551212", "phone_number_verified", "true")
	for name, c := range map[string]struct {
		ways    []cognitoidp.RecoveryOptionType
		has     []cognitoidp.AttributeType
		medium  string
		refusal string
	}{
		"of old":              {nil, both, "SMS", ""},
		"of old, mail only":   {nil, mail, "EMAIL", ""},
		"mail first":          {[]cognitoidp.RecoveryOptionType{way("verified_phone_number", 2), way("verified_email", 1)}, both, "EMAIL", ""},
		"mail first, no mail": {[]cognitoidp.RecoveryOptionType{way("verified_phone_number", 2), way("verified_email", 1)}, phone, "SMS", ""},
		"mail only":           {[]cognitoidp.RecoveryOptionType{way("verified_email", 1)}, phone, "", "Cannot reset password for the user as there is no registered/verified email or phone_number"},
		"operators only":      {[]cognitoidp.RecoveryOptionType{way("admin_only", 1)}, both, "", "Contact administrator to reset password."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
				if c.ways != nil {
					in.AccountRecoverySetting = &cognitoidp.AccountRecoverySettingType{RecoveryMechanisms: c.ways}
				}
			})
			cl := w.client(p)
			must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("ann"), UserAttributes: c.has, MessageAction: str("SUPPRESS")})
			must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("ann"), Password: str(good), Permanent: wire.Some(true)})
			out, err := w.s.forgotPassword(w.call(), &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("ann")})
			if c.refusal != "" {
				if err == nil {
					t.Fatal("a code was sent")
				}
				code := "InvalidParameterException"
				if name == "operators only" {
					code = "NotAuthorizedException"
				}
				wantFault(t, err, code, c.refusal)
				return
			}
			if err != nil || out.CodeDeliveryDetails.DeliveryMedium.V != c.medium {
				t.Fatalf("%+v %v", out, err)
			}
		})
	}
}

func TestSenders(t *testing.T) {
	for name, c := range map[string]struct {
		conf *cognitoidp.EmailConfigurationType
		from string
	}{
		"the node's":      {&cognitoidp.EmailConfigurationType{}, ""},
		"named":           {&cognitoidp.EmailConfigurationType{EmailSendingAccount: str("DEVELOPER"), From: str("Us <us@example.com>"), ReplyToEmailAddress: str("help@example.com")}, "Us <us@example.com>"},
		"identity":        {&cognitoidp.EmailConfigurationType{EmailSendingAccount: str("DEVELOPER"), SourceArn: str("arn:aws:ses:us-east-1:123456789012:identity/us@example.com")}, "us@example.com"},
		"identity, named": {&cognitoidp.EmailConfigurationType{EmailSendingAccount: str("DEVELOPER"), From: str("b@example.com"), SourceArn: str("arn:aws:ses:us-east-1:123456789012:identity/example.com")}, "b@example.com"},
	} {
		w := newWorld(t)
		p := w.pool(func(in *cognitoidp.CreateUserPoolInput) { in.EmailConfiguration = c.conf })
		must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(w.client(p)), Username: str("ann"), Password: str(good), UserAttributes: attr("email", "a@example.com")})
		if m := w.sent[0]; m.From != c.from || m.ReplyTo != c.conf.ReplyToEmailAddress.V {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestCustomAttributes(t *testing.T) {
	w := newWorld(t)
	number := func(least, most string) *cognitoidp.NumberAttributeConstraintsType {
		return &cognitoidp.NumberAttributeConstraintsType{MinValue: wire.NonEmpty(least), MaxValue: wire.NonEmpty(most)}
	}
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.Schema = []cognitoidp.SchemaAttributeType{
			{Name: str("n"), AttributeDataType: str("Number"), NumberAttributeConstraints: number("-5", "5")},
			{Name: str("b"), AttributeDataType: str("Boolean")},
			{Name: str("d"), AttributeDataType: str("DateTime")},
			{Name: str("s"), StringAttributeConstraints: &cognitoidp.StringAttributeConstraintsType{MinLength: str("2"), MaxLength: str("3")}},
			{Name: str("once"), Mutable: wire.Some(false)},
			{Name: str("own"), DeveloperOnlyAttribute: wire.Some(true)},
		}
	})
	cl := w.client(p)
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("ann"), Password: str(good), UserAttributes: attr("email", "a@example.com", "custom:once", "1")})
	must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("ann"), ConfirmationCode: str(w.lastCode())})
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"custom:n", "5", true}, {"custom:n", "-5", true}, {"custom:n", "6", false}, {"custom:n", "-6", false}, {"custom:n", "1.5", false}, {"custom:n", "x", false},
		{"custom:b", "true", true}, {"custom:b", "yes", false},
		{"custom:d", "2026-11-26T12:00:00Z", true}, {"custom:d", "tomorrow", false},
		{"custom:s", "äöü", true}, {"custom:s", "a", false}, {"custom:s", "abcd", false},
		{"custom:once", "1", true}, {"custom:once", "2", false},
		{"dev:custom:own", "x", true}, {"custom:own", "x", false},
	} {
		_, err := w.s.adminUpdateUserAttributes(w.call(), &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("ann"), UserAttributes: attr(c.name, c.value)})
		if (err == nil) != c.ok {
			t.Errorf("%s = %s: %v", c.name, c.value, err)
		}
	}
	tokens := w.signIn(p, cl, "ann")
	refused(w, w.s.updateUserAttributes, &cognitoidp.UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: attr("dev:custom:own", "y")}, "NotAuthorizedException", "unauthorized attribute")
	if got := must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken}); value(got.UserAttributes, "dev:custom:own") != "" || claimsOf(t, tokens.IdToken.V)["dev:custom:own"] != nil {
		t.Error("a user sees what is the developer's")
	}
	var many []cognitoidp.SchemaAttributeType
	for i := range maxSchema - 6 {
		many = append(many, cognitoidp.SchemaAttributeType{Name: str(fmt.Sprintf("x%d", i)), AttributeDataType: str("String")})
	}
	add := &cognitoidp.AddCustomAttributesInput{UserPoolId: str(p), CustomAttributes: many}
	must(w, w.s.addCustomAttributes, add)
	add.CustomAttributes = []cognitoidp.SchemaAttributeType{{Name: str("more"), AttributeDataType: str("String")}}
	refused(w, w.s.addCustomAttributes, add, "InvalidParameterException", "exceeds the limit of 50")
}

func TestNamesWithCase(t *testing.T) {
	for sensitive, want := range map[bool]string{true: "", false: "UsernameExistsException"} {
		w := newWorld(t)
		p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
			in.UsernameConfiguration = &cognitoidp.UsernameConfigurationType{CaseSensitive: wire.Some(sensitive)}
		})
		cl := w.client(p)
		w.member(cl, "Ann")
		_, err := w.s.signUp(w.call(), &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("ann"), Password: str(good)})
		if want == "" && err != nil || want != "" && err == nil {
			t.Errorf("case sensitive %t: %v", sensitive, err)
		}
		if want != "" {
			wantFault(t, err, want, "User already exists")
		}
	}
}
