package users

import (
	"slices"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// turnOn adds a second factor to the user's.
func (u *user) turnOn(factor string, preferred bool) {
	if !slices.Contains(u.Factors, factor) {
		u.Factors = append(u.Factors, factor)
	}
	if preferred {
		u.Preferred = factor
	}
}

// turnOff takes a second factor away.
func (u *user) turnOff(factor string) {
	u.Factors = slices.DeleteFunc(u.Factors, func(f string) bool { return f == factor })
	if u.Preferred == factor {
		u.Preferred = ""
	}
}

// loseFactors turns those factors off whose address is gone, and tells whether there were any. Operators may do that; users turn the
// factor off first.
func (u *user) loseFactors() (lost bool) {
	for _, f := range secondFactors {
		if at := factorAddress(f); at != "" && u.Attributes[at] == "" && slices.Contains(u.Factors, f) {
			u.turnOff(f)
			lost = true
		}
	}
	return lost
}

func keepsFactors(u *user) error {
	if u.loseFactors() {
		return invalid("The address is used for MFA: turn that off before the address is removed.")
	}
	return nil
}

// wish is what is wanted of one second factor.
type wish struct {
	factor             string
	enabled, preferred bool
}

func wishes(sms *cognitoidp.SMSMfaSettingsType, token *cognitoidp.SoftwareTokenMfaSettingsType, mail *cognitoidp.EmailMfaSettingsType) []wish {
	var out []wish
	if sms != nil {
		out = append(out, wish{smsMFA, sms.Enabled.V, sms.PreferredMfa.V})
	}
	if token != nil {
		out = append(out, wish{softwareTokenMFA, token.Enabled.V, token.PreferredMfa.V})
	}
	if mail != nil {
		out = append(out, wish{emailOTP, mail.Enabled.V, mail.PreferredMfa.V})
	}
	return out
}

// prefer turns second factors of a user on and off. One is turned on only if it was proved that the user has it.
func (u *user) prefer(tx *kv.Tx, account string, p *pool, ws []wish) error {
	preferred := 0
	for _, w := range ws {
		if !w.enabled {
			u.turnOff(w.factor)
			if w.preferred {
				return invalid("%s cannot be preferred without being enabled.", w.factor)
			}
			continue
		}
		has, err := u.holds(tx, account, w.factor)
		switch {
		case err != nil:
			return err
		case !p.Methods.has(w.factor):
			return invalid("%s is not enabled for the user pool.", w.factor)
		case !has && w.factor == softwareTokenMFA:
			return invalid("User has not verified software token mfa")
		case !has:
			return invalid("User does not have delivery config set to turn on %s", w.factor)
		}
		u.turnOn(w.factor, w.preferred)
		if !w.preferred && u.Preferred == w.factor {
			u.Preferred = ""
		}
		if w.preferred {
			preferred++
		}
	}
	if preferred > 1 {
		return invalid("Only one MFA method can be preferred.")
	}
	return nil
}

func noPasskeyFactor(in *cognitoidp.WebAuthnMfaSettingsType) error {
	if in != nil && in.Enabled.V {
		return invalid("WebAuthnMfaSettings are not supported by this server.")
	}
	return nil
}

func (s *Service) setUserMFAPreference(c *wire.Call, in *cognitoidp.SetUserMFAPreferenceInput) (*cognitoidp.SetUserMFAPreferenceOutput, error) {
	if err := noPasskeyFactor(in.WebAuthnMfaSettings); err != nil {
		return nil, err
	}
	return nil, s.preferAsBearer(c, in.AccessToken.V, wishes(in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings))
}

func (s *Service) preferAsBearer(c *wire.Call, token string, ws []wish) error {
	return s.asBearer(c, token, func(tx *kv.Tx, b *bearer) error {
		if err := b.user.prefer(tx, c.Account, b.pool, ws); err != nil {
			return err
		}
		return s.save(tx, c.Account, b.pool, b.user, false, c.Now)
	})
}

func (s *Service) adminSetUserMFAPreference(c *wire.Call, in *cognitoidp.AdminSetUserMFAPreferenceInput) (*cognitoidp.AdminSetUserMFAPreferenceOutput, error) {
	if err := noPasskeyFactor(in.WebAuthnMfaSettings); err != nil {
		return nil, err
	}
	return nil, s.change(c, in.UserPoolId.V, in.Username.V, func(tx *kv.Tx, p *pool, u *user) error {
		return u.prefer(tx, c.Account, p, wishes(in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings))
	})
}

// adminDeleteSoftwareToken takes a user's authenticator app away, for one who lost it. In a pool that asks everybody they set up
// another at the next sign-in.
func (s *Service) adminDeleteSoftwareToken(c *wire.Call, in *cognitoidp.AdminDeleteSoftwareTokenInput) (*cognitoidp.AdminDeleteSoftwareTokenOutput, error) {
	return nil, s.change(c, in.UserPoolId.V, in.Username.V, func(tx *kv.Tx, _ *pool, u *user) error {
		u.turnOff(softwareTokenMFA)
		return ignoreAbsent(totps.Delete(tx, inPool(c.Account, u.Pool), u.Pool, u.Sub))
	})
}

// options reads the older form of a preference, which knows SMS only: it is on when it is listed.
func options(list []cognitoidp.MFAOptionType) ([]wish, error) {
	for _, o := range list {
		if o.DeliveryMedium.V != "SMS" || o.AttributeName.V != "phone_number" {
			return nil, invalid("MFAOptions can only be SMS to phone_number.")
		}
	}
	return []wish{{factor: smsMFA, enabled: len(list) > 0}}, nil
}

func (s *Service) setUserSettings(c *wire.Call, in *cognitoidp.SetUserSettingsInput) (*cognitoidp.SetUserSettingsOutput, error) {
	ws, err := options(in.MFAOptions)
	if err != nil {
		return nil, err
	}
	return nil, s.preferAsBearer(c, in.AccessToken.V, ws)
}

func (s *Service) adminSetUserSettings(c *wire.Call, in *cognitoidp.AdminSetUserSettingsInput) (*cognitoidp.AdminSetUserSettingsOutput, error) {
	ws, err := options(in.MFAOptions)
	if err != nil {
		return nil, err
	}
	return nil, s.change(c, in.UserPoolId.V, in.Username.V, func(tx *kv.Tx, p *pool, u *user) error { return u.prefer(tx, c.Account, p, ws) })
}

// mfaOptions shows SMS in the older form.
func (u *user) mfaOptions() []cognitoidp.MFAOptionType {
	if !slices.Contains(u.Factors, smsMFA) {
		return nil
	}
	return []cognitoidp.MFAOptionType{{DeliveryMedium: wire.Some("SMS"), AttributeName: wire.Some("phone_number")}}
}
