package access

import (
	"errors"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) mountAccount(m *wire.Mux) {
	wire.Handle(m, iam.GetAccountSummary, accessAccountSummary, s.accountSummary)
	wire.Handle(m, iam.CreateAccountAlias, accessCreateAlias, s.createAlias)
	wire.Handle(m, iam.DeleteAccountAlias, accessDeleteAlias, s.deleteAlias)
	wire.Handle(m, iam.ListAccountAliases, accessListAliases, s.listAliases)
	wire.Handle(m, iam.SetSecurityTokenServicePreferences, accessSetTokenPreferences, s.setTokenPreferences)
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

func accessCreateAlias(*wire.Call, *iam.CreateAccountAliasInput) ([]wire.Access, error) {
	return wire.One("iam:CreateAccountAlias", "*", nil), nil
}

// createAlias sets the account's only alias: a new one takes the place of the old one, as on AWS.
func (s *Service) createAlias(c *wire.Call, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
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

func accessDeleteAlias(*wire.Call, *iam.DeleteAccountAliasInput) ([]wire.Access, error) {
	return wire.One("iam:DeleteAccountAlias", "*", nil), nil
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

func accessListAliases(*wire.Call, *iam.ListAccountAliasesInput) ([]wire.Access, error) {
	return wire.One("iam:ListAccountAliases", "*", nil), nil
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

func accessSetTokenPreferences(*wire.Call, *iam.SetSecurityTokenServicePreferencesInput) ([]wire.Access, error) {
	return wire.One("iam:SetSecurityTokenServicePreferences", "*", nil), nil
}

// setTokenPreferences keeps which kind of token the global endpoint gives. All tokens of this node are good in all regions, as
// those of version 2 are.
func (s *Service) setTokenPreferences(c *wire.Call, in *iam.SetSecurityTokenServicePreferencesInput) (*iam.SetSecurityTokenServicePreferencesOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		return settings().Put(tx, of(c.Account), &settingRow{"endpoint tokens", in.GlobalEndpointTokenVersion.V})
	})
}

func accessAccountSummary(*wire.Call, *iam.GetAccountSummaryInput) ([]wire.Access, error) {
	return wire.One("iam:GetAccountSummary", "*", nil), nil
}

// AWS's quotas that are told but not kept: nothing here depends on them.
const (
	toldUsers    = 5000
	toldRoles    = 1000
	toldPolicies = 1500
	toldVersions = 10000 // of all policies
)

// accountSummary tells how much there is of everything, and the quotas.
func (s *Service) accountSummary(c *wire.Call, _ *iam.GetAccountSummaryInput) (out *iam.GetAccountSummaryOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		sum := map[string]int32{
			"UsersQuota": toldUsers, "RolesQuota": toldRoles, "GroupsQuota": maxGroups, "PoliciesQuota": toldPolicies, "PolicyVersionsInUseQuota": toldVersions,
			"AccessKeysPerUserQuota": maxKeys, "GroupsPerUserQuota": maxMemberships, "VersionsPerPolicyQuota": maxVersions,
			"PolicySizeQuota": maxPolicySize, "UserPolicySizeQuota": maxUserInline, "GroupPolicySizeQuota": maxGroupInline, "RolePolicySizeQuota": maxRoleInline,
			"AssumeRolePolicySizeQuota": maxTrust, "AttachedPoliciesPerRoleQuota": maxAttached, "AttachedPoliciesPerUserQuota": maxAttached,
			"AttachedPoliciesPerGroupQuota": maxAttached,
		}
		for name, count := range map[string]func() (int, error){
			"Users": rowCount(tx, users(), c.Account), "Roles": rowCount(tx, roles(), c.Account), "Groups": rowCount(tx, groups(), c.Account),
			"Policies": rowCount(tx, policies(), c.Account),
		} {
			n, err := count()
			if err != nil {
				return err
			}
			sum[name] = int32(n)
		}
		out = &iam.GetAccountSummaryOutput{SummaryMap: sum}
		return s.summarize(tx, c.Account, sum)
	})
	return out, err
}

func rowCount[T any](tx *kv.Tx, t *record.Table[T], account string) func() (int, error) {
	return func() (int, error) {
		rows, err := allRows(tx, t, of(account), record.Page{})
		return len(rows), err
	}
}

// summarize adds what is not a number of rows.
func (s *Service) summarize(tx *kv.Tx, account string, sum map[string]int32) error {
	own, err := allRows(tx, policies(), of(account), record.Page{})
	if err != nil {
		return err
	}
	for _, p := range own {
		sum["PolicyVersionsInUse"] += int32(len(p.Versions))
	}
	rootKeys, err := heldKeys(tx, account, "")
	if err != nil {
		return err
	}
	for _, k := range rootKeys {
		if !k.Inactive {
			sum["AccountAccessKeysPresent"] = 1
		}
	}
	sum["GlobalEndpointTokenVersion"] = 1
	tokens, err := setting(tx, account, "endpoint tokens")
	if tokens == "v2Token" {
		sum["GlobalEndpointTokenVersion"] = 2
	}
	return err
}
