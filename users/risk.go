package users

import (
	"context"
	"net/netip"
	"slices"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// risk is what a pool, or one of its clients, does about risks.
type risk struct {
	Pool, Client string // Client "" is all of the pool that have none of their own
	Settings     cognitoidp.RiskConfigurationType
}

var risks = record.Table[risk]{Name: "users.risk", Version: 1, Key: func(r *risk) []any { return []any{r.Pool, r.Client} }}

func (s *Service) mountRisk(m *wire.Mux) {
	onPool(m, cognitoidp.SetRiskConfiguration, func(in *cognitoidp.SetRiskConfigurationInput) string { return in.UserPoolId.V }, s.setRiskConfiguration)
	onPool(m, cognitoidp.DescribeRiskConfiguration, func(in *cognitoidp.DescribeRiskConfigurationInput) string { return in.UserPoolId.V }, s.describeRiskConfiguration)
	onPool(m, cognitoidp.AdminListUserAuthEvents, func(in *cognitoidp.AdminListUserAuthEventsInput) string { return in.UserPoolId.V }, s.adminListUserAuthEvents)
	onPool(m, cognitoidp.AdminUpdateAuthEventFeedback, func(in *cognitoidp.AdminUpdateAuthEventFeedbackInput) string { return in.UserPoolId.V }, s.adminUpdateAuthEventFeedback)
	wire.HandlePublic(m, cognitoidp.UpdateAuthEventFeedback, s.updateAuthEventFeedback)
}

// protects is the pool's AdvancedSecurityMode: OFF, AUDIT or ENFORCED.
func (p *pool) protects() string {
	if a := p.Settings.UserPoolAddOns; a != nil {
		return a.AdvancedSecurityMode.Or("OFF")
	}
	return "OFF"
}

func (p *pool) mustProtect() error {
	if p.protects() == "OFF" {
		return &cognitoidp.UserPoolAddOnNotEnabledException{Message: wire.Some("Threat protection is not enabled for the user pool.")}
	}
	return nil
}

// protectedPool reads a pool that watches over its users.
func protectedPool(tx *kv.Tx, account, id string) (*pool, error) {
	p, err := poolByID(tx, account, id)
	if err == nil {
		err = p.mustProtect()
	}
	return p, err
}

func (s *Service) setRiskConfiguration(c *wire.Call, in *cognitoidp.SetRiskConfigurationInput) (*cognitoidp.SetRiskConfigurationOutput, error) {
	if err := checkRisk(in); err != nil {
		return nil, err
	}
	r := &risk{in.UserPoolId.V, in.ClientId.V, cognitoidp.RiskConfigurationType{
		UserPoolId: in.UserPoolId, ClientId: in.ClientId, LastModifiedDate: wire.Some(c.Now), CompromisedCredentialsRiskConfiguration: in.CompromisedCredentialsRiskConfiguration,
		AccountTakeoverRiskConfiguration: in.AccountTakeoverRiskConfiguration, RiskExceptionConfiguration: in.RiskExceptionConfiguration,
	}}
	none := in.CompromisedCredentialsRiskConfiguration == nil && in.AccountTakeoverRiskConfiguration == nil && in.RiskExceptionConfiguration == nil
	return &cognitoidp.SetRiskConfigurationOutput{RiskConfiguration: &r.Settings}, s.update(c, func(tx *kv.Tx) error {
		p, err := protectedPool(tx, c.Account, r.Pool)
		if err == nil && r.Client != "" {
			_, _, err = clientOf(tx, c.Account, p.ID, r.Client)
		}
		if err != nil {
			return err
		}
		if none {
			return ignoreAbsent(risks.Delete(tx, inPool(c.Account, p.ID), r.Pool, r.Client))
		}
		return risks.Put(tx, inPool(c.Account, p.ID), r)
	})
}

// checkRisk refuses ranges that are none, and messages that nobody writes.
func checkRisk(in *cognitoidp.SetRiskConfigurationInput) error {
	if e := in.RiskExceptionConfiguration; e != nil {
		for _, text := range slices.Concat(e.BlockedIPRangeList, e.SkippedIPRangeList) {
			if _, err := netip.ParsePrefix(text); err != nil {
				return invalid("Invalid IP range: %.100s is not in CIDR notation.", text)
			}
		}
	}
	t := in.AccountTakeoverRiskConfiguration
	if t == nil || t.Actions == nil {
		return nil
	}
	for _, a := range []*cognitoidp.AccountTakeoverActionType{t.Actions.LowAction, t.Actions.MediumAction, t.Actions.HighAction} {
		if a != nil && a.Notify.V && t.NotifyConfiguration == nil {
			return invalid("NotifyConfiguration is required to notify users.")
		}
	}
	return nil
}

func (s *Service) describeRiskConfiguration(c *wire.Call, in *cognitoidp.DescribeRiskConfigurationInput) (*cognitoidp.DescribeRiskConfigurationOutput, error) {
	out := &cognitoidp.DescribeRiskConfigurationOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		p, err := protectedPool(tx, c.Account, in.UserPoolId.V)
		if err == nil && in.ClientId.V != "" {
			_, _, err = clientOf(tx, c.Account, p.ID, in.ClientId.V)
		}
		if err != nil {
			return err
		}
		r, err := risks.Get(tx, inPool(c.Account, p.ID), p.ID, in.ClientId.V)
		if absent(err) {
			r, err = &risk{Settings: cognitoidp.RiskConfigurationType{UserPoolId: in.UserPoolId, ClientId: in.ClientId}}, nil
		}
		if err == nil {
			out.RiskConfiguration = &r.Settings
		}
		return err
	})
}

// guard is what is done about risks where somebody comes in. The zero value does nothing.
type guard struct {
	mode  string
	rules cognitoidp.RiskConfigurationType
}

// guardOf reads what is done about risks of a client; a pool that does not protect costs no read.
func guardOf(tx *kv.Tx, account string, p *pool, clientID string) (guard, error) {
	g := guard{mode: p.protects()}
	if g.mode == "OFF" {
		return g, nil
	}
	for _, id := range []string{clientID, ""} {
		r, err := risks.Get(tx, inPool(account, p.ID), p.ID, id)
		if err == nil {
			g.rules = r.Settings
		}
		if !absent(err) {
			return g, err
		}
	}
	return g, nil
}

func (s *Service) guard(ctx context.Context, account string, p *pool, clientID string) (g guard, err error) {
	if p.protects() == "OFF" {
		return g, nil
	}
	err = s.view(ctx, func(tx *kv.Tx) error {
		g, err = guardOf(tx, account, p, clientID)
		return err
	})
	return g, err
}

// shuts tells whether the address is one that is always refused.
func (g guard) shuts(ip string) bool {
	return g.mode == "ENFORCED" && g.rules.RiskExceptionConfiguration != nil && inRanges(g.rules.RiskExceptionConfiguration.BlockedIPRangeList, ip) && !g.trusts(ip)
}

// trusts tells whether nothing is suspected of the address.
func (g guard) trusts(ip string) bool {
	return g.rules.RiskExceptionConfiguration != nil && inRanges(g.rules.RiskExceptionConfiguration.SkippedIPRangeList, ip)
}

func inRanges(ranges []string, ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(ranges, func(text string) bool {
		r, err := netip.ParsePrefix(text)
		return err == nil && r.Contains(a.Unmap().WithZone(""))
	})
}

// knows tells whether a password shown at an event counts as known to others, and whether it is refused for that.
func (g guard) knows(event string, common bool, ip string) (known, refuse bool) {
	conf := g.rules.CompromisedCredentialsRiskConfiguration
	if conf == nil || len(conf.EventFilter) > 0 && !slices.Contains(conf.EventFilter, event) || g.trusts(ip) || !common {
		return false, false
	}
	return true, g.mode == "ENFORCED" && conf.Actions != nil && conf.Actions.EventAction.V == "BLOCK"
}

// mayCome refuses addresses that the pool never lets in.
func (s *Service) mayCome(c *wire.Call, p *pool, clientID, ip string) error {
	g, err := s.guard(c, c.Account, p, clientID)
	if err == nil && g.shuts(ip) {
		err = wire.Because(forSecurity(), "%s is in a range that is always blocked", ip)
	}
	return err
}

// notCommon refuses a new password that is known to others, where the pool does.
func (s *Service) notCommon(c *wire.Call, p *pool, clientID, event, password string) error {
	g, err := s.guard(c, c.Account, p, clientID)
	if err != nil {
		return err
	}
	if _, refuse := g.knows(event, isCommon(password), c.SourceIP); refuse {
		return wire.Because(compromisedPassword(), "it is on the list of common passwords")
	}
	return nil
}
