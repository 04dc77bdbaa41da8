package users

import (
	"slices"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// Feature plans of pools. Here they cost nothing, but a pool has what its plan has, so that what is tried here also works in AWS.
const (
	planLite       = "LITE"
	planEssentials = "ESSENTIALS"
	planPlus       = "PLUS"
)

// checkPlan refuses features that the pool's plan does not have.
func checkPlan(in *cognitoidp.UpdateUserPoolInput) error {
	plan := in.UserPoolTier.Or(planEssentials)
	var over []string
	if plan != planPlus && in.UserPoolAddOns != nil && in.UserPoolAddOns.AdvancedSecurityMode.V != "OFF" {
		over = append(over, "Threat Protection")
	}
	if plan == planLite && in.Policies != nil {
		if rule := in.Policies.PasswordPolicy; rule != nil && rule.PasswordHistorySize.V > 0 {
			over = append(over, "Password History")
		}
		if first := in.Policies.SignInPolicy; first != nil && slices.ContainsFunc(first.AllowedFirstAuthFactors, func(f string) bool { return f != "PASSWORD" }) {
			over = append(over, "Passwordless Sign-In")
		}
	}
	if len(over) == 0 {
		return nil
	}
	return &cognitoidp.FeatureUnavailableInTierException{
		Message: wire.Some("The following features need to be disabled for the " + plan + " pricing tier configured: " + strings.Join(over, ", ")),
	}
}

// checkMail refuses settings by which no message could be sent, or none that says what it must.
func checkMail(in *cognitoidp.UpdateUserPoolInput) error {
	if e := in.EmailConfiguration; e != nil && e.EmailSendingAccount.V == "DEVELOPER" && senderOf(e) == "" {
		return invalid("EmailConfiguration with EmailSendingAccount DEVELOPER needs a From address, or a SourceArn of an address.")
	}
	if a := in.AdminCreateUserConfig; a != nil && a.InviteMessageTemplate != nil {
		m := a.InviteMessageTemplate
		for _, text := range []wire.Opt[string]{m.EmailMessage, m.SMSMessage} {
			if text.Set && (!strings.Contains(text.V, codeMark) || !strings.Contains(text.V, usernameMark)) {
				return invalid("The invitation message must contain %s and %s.", usernameMark, codeMark)
			}
		}
	}
	return nil
}

// senderOf is who a pool's mail is from: the From it names, else the address that its SourceArn identifies; "" is the node's own.
func senderOf(e *cognitoidp.EmailConfigurationType) string {
	if e.From.V != "" {
		return e.From.V
	}
	_, identity, _ := strings.Cut(e.SourceArn.V, ":identity/")
	if strings.Contains(identity, "@") {
		return identity
	}
	return ""
}

// checkRecovery refuses an order of recovery that is none: of two ways with one rank, or of a way that excludes the other.
func checkRecovery(r *cognitoidp.AccountRecoverySettingType) error {
	if r == nil {
		return nil
	}
	ranks, names := map[int32]bool{}, map[string]bool{}
	for _, o := range r.RecoveryMechanisms {
		if ranks[o.Priority.V] || names[o.Name.V] {
			return invalid("Account Recovery Setting cannot have duplicate priorities or mechanisms.")
		}
		ranks[o.Priority.V], names[o.Name.V] = true, true
	}
	if names["admin_only"] && len(names) > 1 {
		return invalid("Account Recovery Setting cannot use admin_only together with other mechanisms.")
	}
	return nil
}

// temporaryDays settles how many days a temporary password lives: the password policy says it, or the older setting of invitations.
func temporaryDays(in *cognitoidp.UpdateUserPoolInput) (days int32, err error) {
	if in.Policies != nil && in.Policies.PasswordPolicy != nil {
		days = in.Policies.PasswordPolicy.TemporaryPasswordValidityDays.V
	}
	if a := in.AdminCreateUserConfig; a != nil && a.UnusedAccountValidityDays.V > 0 {
		if days > 0 && days != a.UnusedAccountValidityDays.V {
			return 0, invalid("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")
		}
		days = a.UnusedAccountValidityDays.V
	}
	if days == 0 {
		days = 7
	}
	return days, nil
}
