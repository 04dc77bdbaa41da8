package users

import (
	"slices"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// methods are the second factors that a pool has switched on, besides whether it asks for one (MfaConfiguration).
type methods struct {
	SMS      bool                                  `json:",omitempty"`
	TOTP     bool                                  `json:",omitempty"`
	Email    *cognitoidp.EmailMfaConfigType        `json:",omitempty"` // nil: off
	WebAuthn *cognitoidp.WebAuthnConfigurationType `json:",omitempty"`
}

// has tells whether a second factor, by the name of its challenge, is switched on.
func (m *methods) has(factor string) bool {
	switch factor {
	case smsMFA:
		return m.SMS
	case softwareTokenMFA:
		return m.TOTP
	case emailOTP:
		return m.Email != nil
	}
	return false
}

// any tells whether users have something to enrol in.
func (m *methods) any() bool { return m.SMS || m.TOTP || m.Email != nil }

// secondFactors are all there are, in the order in which they are offered.
var secondFactors = []string{smsMFA, softwareTokenMFA, emailOTP}

func (s *Service) mountMFA(m *wire.Mux) {
	onPool(m, cognitoidp.GetUserPoolMfaConfig, func(in *cognitoidp.GetUserPoolMfaConfigInput) string { return in.UserPoolId.V }, s.getUserPoolMfaConfig)
	onPool(m, cognitoidp.SetUserPoolMfaConfig, func(in *cognitoidp.SetUserPoolMfaConfigInput) string { return in.UserPoolId.V }, s.setUserPoolMfaConfig)
	wire.HandlePublic(m, cognitoidp.AssociateSoftwareToken, s.associateSoftwareToken)
	wire.HandlePublic(m, cognitoidp.VerifySoftwareToken, s.verifySoftwareToken)
	wire.HandlePublic(m, cognitoidp.SetUserMFAPreference, s.setUserMFAPreference)
	wire.HandlePublic(m, cognitoidp.SetUserSettings, s.setUserSettings)
	onPool(m, cognitoidp.AdminSetUserMFAPreference, func(in *cognitoidp.AdminSetUserMFAPreferenceInput) string { return in.UserPoolId.V }, s.adminSetUserMFAPreference)
	onPool(m, cognitoidp.AdminGetUserAuthFactors, func(in *cognitoidp.AdminGetUserAuthFactorsInput) string { return in.UserPoolId.V }, s.adminGetUserAuthFactors)
	onPool(m, cognitoidp.AdminDeleteSoftwareToken, func(in *cognitoidp.AdminDeleteSoftwareTokenInput) string { return in.UserPoolId.V }, s.adminDeleteSoftwareToken)
	onPool(m, cognitoidp.AdminSetUserSettings, func(in *cognitoidp.AdminSetUserSettingsInput) string { return in.UserPoolId.V }, s.adminSetUserSettings)
}

func (s *Service) getUserPoolMfaConfig(c *wire.Call, in *cognitoidp.GetUserPoolMfaConfigInput) (*cognitoidp.GetUserPoolMfaConfigOutput, error) {
	p, err := s.pool(c, in.UserPoolId.V)
	if err != nil {
		return nil, err
	}
	return p.mfaConfig(), nil
}

func (p *pool) mfaConfig() *cognitoidp.GetUserPoolMfaConfigOutput {
	out := &cognitoidp.GetUserPoolMfaConfigOutput{
		MfaConfiguration: p.Settings.MfaConfiguration, EmailMfaConfiguration: p.Methods.Email, WebAuthnConfiguration: p.Methods.WebAuthn,
	}
	if p.Methods.SMS {
		out.SmsMfaConfiguration = &cognitoidp.SmsMfaConfigType{SmsAuthenticationMessage: p.Settings.SmsAuthenticationMessage, SmsConfiguration: p.Settings.SmsConfiguration}
	}
	if p.Methods.TOTP {
		out.SoftwareTokenMfaConfiguration = &cognitoidp.SoftwareTokenMfaConfigType{Enabled: wire.Some(true)}
	}
	return out
}

func (s *Service) setUserPoolMfaConfig(c *wire.Call, in *cognitoidp.SetUserPoolMfaConfigInput) (*cognitoidp.SetUserPoolMfaConfigOutput, error) {
	var p *pool
	err := s.update(c, func(tx *kv.Tx) (err error) {
		if p, err = poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		if err := p.setMFA(in); err != nil {
			return err
		}
		p.Settings.LastModifiedDate = wire.Some(c.Now)
		return pools.Put(tx, inPool(c.Account, p.ID), p)
	})
	if err != nil {
		return nil, err
	}
	return (*cognitoidp.SetUserPoolMfaConfigOutput)(p.mfaConfig()), nil
}

// setMFA puts the methods into the pool. Those left out are switched off; passkeys, which are no second factor, stay as they are.
func (p *pool) setMFA(in *cognitoidp.SetUserPoolMfaConfigInput) error {
	if in.WebAuthnConfiguration != nil {
		if err := p.setRelyingParty(in.WebAuthnConfiguration); err != nil {
			return err
		}
		if !in.MfaConfiguration.Set && in.SmsMfaConfiguration == nil && in.SoftwareTokenMfaConfiguration == nil && in.EmailMfaConfiguration == nil {
			return nil
		}
	}
	t := &p.Settings
	m := methods{TOTP: in.SoftwareTokenMfaConfiguration != nil && in.SoftwareTokenMfaConfiguration.Enabled.V, Email: in.EmailMfaConfiguration, WebAuthn: p.Methods.WebAuthn}
	if sms := in.SmsMfaConfiguration; sms != nil {
		if sms.SmsConfiguration != nil {
			t.SmsConfiguration = sms.SmsConfiguration
		}
		if t.SmsConfiguration == nil {
			return invalid("SmsConfiguration is required for SMS MFA.")
		}
		m.SMS, t.SmsAuthenticationMessage = true, sms.SmsAuthenticationMessage
	}
	use := in.MfaConfiguration.Or(t.MfaConfiguration.V)
	switch {
	case use == "OFF" && m.any():
		return invalid("Invalid MFA configuration given, can't turn off MFA and configure an MFA together.")
	case use != "OFF" && !m.any():
		return invalid("Invalid MFA configuration given, can't disable all MFAs and require MFA together.")
	}
	t.MfaConfiguration, p.Methods = wire.Some(use), m
	return p.recoversApart()
}

// recoversApart refuses a pool in which one mailbox would be all: it gets a new password, and it is the second factor.
func (p *pool) recoversApart() error {
	if p.Methods.Email != nil && slices.Equal(p.recoveryOrder(), []string{"email"}) {
		return invalid("Invalid account recovery setting parameter. Account Recovery Setting cannot use only verified_email as a recovery mechanism when Email MFA is configured.")
	}
	return nil
}

// configureMFA takes what CreateUserPool and UpdateUserPool say of multi-factor sign-in: they know SMS only, which their SmsConfiguration
// switches on when the pool had no method yet.
func (p *pool) configureMFA(use string, sms *cognitoidp.SmsConfigurationType) error {
	m := &p.Methods
	if use == "OFF" {
		*m = methods{WebAuthn: m.WebAuthn}
		return nil
	}
	if sms == nil {
		m.SMS = false
	} else if !m.any() {
		m.SMS = true
	}
	if use == "ON" && !m.any() {
		return invalid("SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
	}
	return nil
}
