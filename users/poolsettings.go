package users

import (
	"slices"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// changeableOf are the settings of a new pool that may also be changed later.
func changeableOf(in *cognitoidp.CreateUserPoolInput) *cognitoidp.UpdateUserPoolInput {
	return &cognitoidp.UpdateUserPoolInput{
		Policies: in.Policies, DeletionProtection: in.DeletionProtection, LambdaConfig: in.LambdaConfig, AutoVerifiedAttributes: in.AutoVerifiedAttributes,
		SmsVerificationMessage: in.SmsVerificationMessage, EmailVerificationMessage: in.EmailVerificationMessage, EmailVerificationSubject: in.EmailVerificationSubject,
		VerificationMessageTemplate: in.VerificationMessageTemplate, SmsAuthenticationMessage: in.SmsAuthenticationMessage, MfaConfiguration: in.MfaConfiguration,
		UserAttributeUpdateSettings: in.UserAttributeUpdateSettings, DeviceConfiguration: in.DeviceConfiguration, EmailConfiguration: in.EmailConfiguration,
		SmsConfiguration: in.SmsConfiguration, UserPoolTags: in.UserPoolTags, AdminCreateUserConfig: in.AdminCreateUserConfig, UserPoolAddOns: in.UserPoolAddOns,
		AccountRecoverySetting: in.AccountRecoverySetting, UserPoolTier: in.UserPoolTier, KeyConfiguration: in.KeyConfiguration,
		IssuerConfiguration: in.IssuerConfiguration, AcrConfiguration: in.AcrConfiguration,
	}
}

// configure puts the changeable settings into the pool. As with AWS, what is left out returns to its default.
func (s *Service) configure(p *pool, in *cognitoidp.UpdateUserPoolInput, c *wire.Call) error {
	if err := s.refusePool(in); err != nil {
		return err
	}
	if err := p.configureMFA(in.MfaConfiguration.Or("OFF"), in.SmsConfiguration); err != nil {
		return err
	}
	days, err := checkSettings(in)
	if err != nil {
		return err
	}
	t := &p.Settings
	t.Policies = policiesOf(in.Policies, days)
	t.DeletionProtection = wire.Some(in.DeletionProtection.Or("INACTIVE"))
	t.LambdaConfig = in.LambdaConfig
	if t.LambdaConfig == nil {
		t.LambdaConfig = &cognitoidp.LambdaConfigType{}
	}
	t.AutoVerifiedAttributes = in.AutoVerifiedAttributes
	t.SmsVerificationMessage, t.EmailVerificationMessage, t.EmailVerificationSubject = in.SmsVerificationMessage, in.EmailVerificationMessage, in.EmailVerificationSubject
	t.VerificationMessageTemplate = in.VerificationMessageTemplate
	if t.VerificationMessageTemplate == nil {
		t.VerificationMessageTemplate = &cognitoidp.VerificationMessageTemplateType{DefaultEmailOption: wire.Some("CONFIRM_WITH_CODE")}
	}
	t.SmsAuthenticationMessage = in.SmsAuthenticationMessage
	t.MfaConfiguration, t.DeviceConfiguration = wire.Some(in.MfaConfiguration.Or("OFF")), in.DeviceConfiguration
	t.UserAttributeUpdateSettings = in.UserAttributeUpdateSettings
	t.EmailConfiguration, t.SmsConfiguration = in.EmailConfiguration, in.SmsConfiguration
	if t.EmailConfiguration == nil {
		t.EmailConfiguration = &cognitoidp.EmailConfigurationType{EmailSendingAccount: wire.Some("COGNITO_DEFAULT")}
	}
	t.UserPoolTags = in.UserPoolTags
	t.AdminCreateUserConfig = in.AdminCreateUserConfig
	if t.AdminCreateUserConfig == nil {
		t.AdminCreateUserConfig = &cognitoidp.AdminCreateUserConfigType{}
	}
	t.AdminCreateUserConfig.AllowAdminCreateUserOnly = wire.Some(t.AdminCreateUserConfig.AllowAdminCreateUserOnly.V)
	t.AdminCreateUserConfig.UnusedAccountValidityDays = wire.Some(days)
	t.UserPoolAddOns, t.AccountRecoverySetting = in.UserPoolAddOns, in.AccountRecoverySetting
	t.UserPoolTier = wire.Some(in.UserPoolTier.Or("ESSENTIALS"))
	if in.PoolName.Set {
		t.Name = in.PoolName
	}
	t.LastModifiedDate = wire.Some(c.Now)
	return p.recoversApart()
}

// checkSettings refuses settings that contradict each other, and settles how many days a temporary password lives.
func checkSettings(in *cognitoidp.UpdateUserPoolInput) (temporary int32, err error) {
	for _, err := range []error{checkPlan(in), checkTags(in.UserPoolTags), checkMail(in), checkRecovery(in.AccountRecoverySetting)} {
		if err != nil {
			return 0, err
		}
	}
	return temporaryDays(in)
}

// policiesOf completes the password policy: no policy is the default one, a policy without a rule does not ask for it.
func policiesOf(given *cognitoidp.UserPoolPolicyType, temporary int32) *cognitoidp.UserPoolPolicyType {
	if given == nil {
		given = &cognitoidp.UserPoolPolicyType{}
	}
	if given.PasswordPolicy == nil {
		rule := defaultPolicy()
		rule.TemporaryPasswordValidityDays = wire.Some(temporary)
		return &cognitoidp.UserPoolPolicyType{PasswordPolicy: rule, SignInPolicy: given.SignInPolicy}
	}
	rule := *given.PasswordPolicy
	rule.MinimumLength = wire.Some(rule.MinimumLength.Or(8))
	rule.RequireUppercase, rule.RequireLowercase = wire.Some(rule.RequireUppercase.V), wire.Some(rule.RequireLowercase.V)
	rule.RequireNumbers, rule.RequireSymbols = wire.Some(rule.RequireNumbers.V), wire.Some(rule.RequireSymbols.V)
	rule.TemporaryPasswordValidityDays = wire.Some(temporary)
	if rule.PasswordHistorySize.V == 0 {
		rule.PasswordHistorySize = wire.Opt[int32]{}
	}
	return &cognitoidp.UserPoolPolicyType{PasswordPolicy: &rule, SignInPolicy: given.SignInPolicy}
}

// refusePool refuses settings that would change what the pool protects but that this server does not act on.
func (s *Service) refusePool(in *cognitoidp.UpdateUserPoolInput) error {
	switch {
	case in.UserPoolAddOns != nil && in.UserPoolAddOns.AdvancedSecurityAdditionalFlows != nil:
		return invalid("AdvancedSecurityAdditionalFlows are not supported by this server.")
	case in.KeyConfiguration != nil, in.IssuerConfiguration != nil, len(in.AcrConfiguration) > 0:
		return invalid("KeyConfiguration, IssuerConfiguration and AcrConfiguration are not supported by this server.")
	case s.cfg.Home == nil && in.VerificationMessageTemplate != nil && in.VerificationMessageTemplate.DefaultEmailOption.V == "CONFIRM_WITH_LINK":
		return invalid("DefaultEmailOption CONFIRM_WITH_LINK is not supported by this server: it has no address for links.")
	}
	if u := in.UserAttributeUpdateSettings; u != nil {
		for _, name := range u.AttributesRequireVerificationBeforeUpdate {
			if !slices.Contains(in.AutoVerifiedAttributes, name) {
				return invalid("%s cannot be required to be verified before update unless it is an auto-verified attribute.", name)
			}
		}
	}
	return s.refuseTriggers(in.LambdaConfig)
}

// refuseTriggers refuses triggers that would never be called.
func (s *Service) refuseTriggers(t *cognitoidp.LambdaConfigType) error {
	if t == nil {
		return nil
	}
	for name, set := range map[string]bool{
		"CustomSMSSender": t.CustomSMSSender != nil, "CustomEmailSender": t.CustomEmailSender != nil,
	} {
		if set { // the function is to open codes with a key of KMS
			return invalid("The %s trigger is not supported by this server: codes are encrypted for it with a KMS key, and there is no KMS.", name)
		}
	}
	if v := t.PreTokenGenerationConfig; v != nil && t.PreTokenGeneration.Set && t.PreTokenGeneration != v.LambdaArn {
		return invalid("PreTokenGeneration and PreTokenGenerationConfig cannot name different functions.")
	}
	called := t.PreSignUp.Set || t.CustomMessage.Set || t.PostConfirmation.Set || t.PreAuthentication.Set || t.PostAuthentication.Set ||
		t.PreTokenGeneration.Set || t.PreTokenGenerationConfig != nil || t.DefineAuthChallenge.Set || t.CreateAuthChallenge.Set ||
		t.VerifyAuthChallengeResponse.Set || t.UserMigration.Set || t.InboundFederation != nil
	if called && s.cfg.Invoke == nil {
		return invalid("Triggers are not supported: this server runs no functions.")
	}
	return nil
}
