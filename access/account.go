package access

import (
	"errors"
	"strings"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) mountAccount(m *wire.Mux) {
	wire.Handle(m, iam.GetAccountSummary, onAccount[iam.GetAccountSummaryInput]("GetAccountSummary"), s.accountSummary)
	wire.Handle(m, iam.GetAccountAuthorizationDetails, onAccount[iam.GetAccountAuthorizationDetailsInput]("GetAccountAuthorizationDetails"), s.authorizationDetails)
	wire.Handle(m, iam.CreateAccountAlias, onAccount[iam.CreateAccountAliasInput]("CreateAccountAlias"), s.createAlias)
	wire.Handle(m, iam.DeleteAccountAlias, onAccount[iam.DeleteAccountAliasInput]("DeleteAccountAlias"), s.deleteAlias)
	wire.Handle(m, iam.ListAccountAliases, onAccount[iam.ListAccountAliasesInput]("ListAccountAliases"), s.listAliases)
	wire.Handle(m, iam.SetSecurityTokenServicePreferences, onAccount[iam.SetSecurityTokenServicePreferencesInput]("SetSecurityTokenServicePreferences"), s.setTokenPreferences)
}

// setting is "" when it is not set.
func setting(tx *kv.Tx, account, name string) (string, error) {
	row, err := settings().Get(tx, of(account), name)
	if errors.Is(err, record.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return row.Value, nil
}

// validAlias checks the model's pattern, which looks ahead: Go's expressions cannot.
func validAlias(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && !strings.Contains(s, "--") && strings.Trim(s, "-") == s
}

// createAlias sets the account's only alias: a new one takes the place of the old one, as on AWS.
func (s *Service) createAlias(c *wire.Call, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	if !validAlias(in.AccountAlias.V) {
		return nil, wire.Fail(400, "ValidationError", "1 validation error detected: Value '%s' at 'accountAlias' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$", in.AccountAlias.V)
	}
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		old, err := setting(tx, c.Account, "alias")
		if err != nil {
			return err
		}
		if old == in.AccountAlias.V {
			return alreadyExists("The account alias %s already exists.", old)
		}
		return settings().Put(tx, of(c.Account), &settingRow{"alias", in.AccountAlias.V})
	})
}

func (s *Service) deleteAlias(c *wire.Call, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		old, err := setting(tx, c.Account, "alias")
		if err != nil {
			return err
		}
		if old != in.AccountAlias.V {
			return noSuchEntity("The account alias with name %s cannot be found.", in.AccountAlias.V)
		}
		return settings().Delete(tx, of(c.Account), "alias")
	})
}

func (s *Service) listAliases(c *wire.Call, _ *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	out := &iam.ListAccountAliasesOutput{AccountAliases: []string{}, IsTruncated: wire.Some(false)}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		alias, err := setting(tx, c.Account, "alias")
		if alias != "" {
			out.AccountAliases = []string{alias}
		}
		return err
	})
	return out, err
}

// setTokenPreferences keeps which kind of token the global endpoint gives. All tokens of this node are good in all regions, as
// those of version 2 are.
func (s *Service) setTokenPreferences(c *wire.Call, in *iam.SetSecurityTokenServicePreferencesInput) (*iam.SetSecurityTokenServicePreferencesOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		return settings().Put(tx, of(c.Account), &settingRow{"endpoint tokens", in.GlobalEndpointTokenVersion.V})
	})
}

// AWS's quotas that are told but not kept: nothing here depends on them.
const (
	toldUsers    = 5000
	toldRoles    = 1000
	toldPolicies = 1500
	toldProfiles = 1000
	toldVersions = 10000 // of all policies
)

// accountSummary tells how much there is of everything, and the quotas. What the root might have besides keys it has not.
func (s *Service) accountSummary(c *wire.Call, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	sum := map[string]int32{
		"UsersQuota": toldUsers, "RolesQuota": toldRoles, "GroupsQuota": maxGroups, "PoliciesQuota": toldPolicies, "InstanceProfilesQuota": toldProfiles,
		"PolicyVersionsInUseQuota": toldVersions, "AccessKeysPerUserQuota": maxKeys, "GroupsPerUserQuota": maxMemberships, "VersionsPerPolicyQuota": maxVersions,
		"SigningCertificatesPerUserQuota": maxSigningCerts, "ServerCertificatesQuota": maxServerCerts, "PolicySizeQuota": maxPolicySize,
		"UserPolicySizeQuota": maxUserInline, "GroupPolicySizeQuota": maxGroupInline, "RolePolicySizeQuota": maxRoleInline, "AssumeRolePolicySizeQuota": maxTrust,
		"AttachedPoliciesPerRoleQuota": maxAttached, "AttachedPoliciesPerUserQuota": maxAttached, "AttachedPoliciesPerGroupQuota": maxAttached,
		"AccountMFAEnabled": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0,
	}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		for name, count := range map[string]func(*kv.Tx, string) (int, error){
			"Users": rowCount(users()), "Roles": rowCount(roles()), "Groups": rowCount(groups()), "Policies": rowCount(policies()), "MFADevices": rowCount(devices()),
			"ServerCertificates": rowCount(serverCerts()), "InstanceProfiles": rowCount(profiles()),
			"Providers":       providers,
			"MFADevicesInUse": devicesInUse, "PolicyVersionsInUse": versionsInUse, "AccountAccessKeysPresent": rootHasKeys, "GlobalEndpointTokenVersion": tokenVersion,
		} {
			n, err := count(tx, c.Account)
			if err != nil {
				return err
			}
			sum[name] = int32(n)
		}
		return nil
	})
	return &iam.GetAccountSummaryOutput{SummaryMap: sum}, err
}

func rowCount[T any](t *record.Table[T]) func(*kv.Tx, string) (int, error) {
	return func(tx *kv.Tx, account string) (int, error) {
		rows, err := t.All(tx, of(account), "")
		return len(rows), err
	}
}

// providers counts those of OIDC and of SAML.
func providers(tx *kv.Tx, account string) (int, error) {
	oidc, err := rowCount(oidcProviders())(tx, account)
	if err != nil {
		return 0, err
	}
	saml, err := rowCount(samlProviders())(tx, account)
	return oidc + saml, err
}

func devicesInUse(tx *kv.Tx, account string) (n int, err error) {
	rows, err := devices().All(tx, of(account), "user")
	return len(rows), err
}

func versionsInUse(tx *kv.Tx, account string) (n int, err error) {
	rows, err := policies().All(tx, of(account), "")
	for _, p := range rows {
		n += len(p.Versions)
	}
	return n, err
}

// rootHasKeys is 1 when the root has an active key.
func rootHasKeys(tx *kv.Tx, account string) (n int, err error) {
	held, err := heldKeys(tx, account, "")
	for _, k := range held {
		if !k.Inactive {
			n = 1
		}
	}
	return n, err
}

func tokenVersion(tx *kv.Tx, account string) (int, error) {
	kind, err := setting(tx, account, "endpoint tokens")
	if kind == "v2Token" {
		return 2, err
	}
	return 1, err
}
