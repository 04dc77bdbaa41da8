package users

import (
	"slices"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// Choice-based sign-in: the client says who wants in, and then which of the ways open to them they take.

const (
	userAuth        = "USER_AUTH"
	selectChallenge = "SELECT_CHALLENGE"
)

// First factors, by their names on the wire. PASSWORD is shownPassword; EMAIL_OTP is also a second factor.
const (
	passwordSRP = "PASSWORD_SRP"
	smsOTP      = "SMS_OTP"
	webAuthn    = "WEB_AUTHN"
)

// firstFactors are those a pool lets people sign in by; only passwords, unless it says otherwise. Where it wants a second factor, codes
// are no first one: both would come to the same place.
func (p *pool) firstFactors() []string {
	factors := []string{shownPassword}
	if t := p.Settings.Policies; t != nil && t.SignInPolicy != nil && len(t.SignInPolicy.AllowedFirstAuthFactors) > 0 {
		factors = t.SignInPolicy.AllowedFirstAuthFactors
	}
	if p.Settings.MfaConfiguration.V == "ON" {
		factors = slices.DeleteFunc(slices.Clone(factors), isCode)
	}
	return factors
}

func isCode(factor string) bool { return factor == emailOTP || factor == smsOTP }

// passwordless tells whether people can sign in with a code alone, so that they need no password.
func (p *pool) passwordless() bool {
	return allowsFactor(p, emailOTP) || allowsFactor(p, smsOTP)
}

func allowsFactor(p *pool, factor string) bool { return slices.Contains(p.firstFactors(), factor) }

// codeAddress is where a factor's codes go: only an address that the user is known to read.
func codeAddress(u *user, factor string) (address, bool) {
	name := map[string]string{emailOTP: "email", smsOTP: "phone_number"}[factor]
	return address{name, u.Attributes[name]}, u.Attributes[name] != "" && u.Attributes[name+"_verified"] == "true"
}

// configured are the first factors of the pool that the user has. Who turned a second factor on has no codes for a first.
func (s *Service) configured(tx *kv.Tx, account string, p *pool, u *user) ([]string, error) {
	var out []string
	second, err := factorsOf(tx, account, p, u)
	if err != nil {
		return nil, err
	}
	for _, factor := range p.firstFactors() {
		has := false
		switch factor {
		case shownPassword:
			has = u.Credential != nil
		case emailOTP, smsOTP:
			_, has = codeAddress(u, factor)
			has = has && len(second) == 0
		case webAuthn:
			ours, err := passkeysHere(tx, account, p, u)
			if err != nil {
				return nil, err
			}
			has = len(ours) > 0
		}
		if has {
			out = append(out, factor)
		}
	}
	return out, nil
}

// pretendedFactors are those a ghost seems to have: any that users may have, and always the same.
func (s *Service) pretendedFactors(_ *kv.Tx, account string, p *pool, u *user) ([]string, error) {
	mask, err := s.mask(account, p)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, factor := range p.firstFactors() {
		if factor == webAuthn && p.relyingParty().RelyingPartyId.V == "" {
			continue
		}
		if factor == shownPassword || mac(mask, []byte("factor/"+factor), []byte(u.Sub))[0] < 128 {
			out = append(out, factor)
		}
	}
	if all := p.firstFactors(); len(out) == 0 && len(all) > 0 {
		out = all[:1]
	}
	return out, nil
}

// ways are the challenges by which a user may begin.
func (s *Service) ways(a *attempt, u *user) (factors []string, err error) {
	find := s.configured
	if u.ghost {
		find = s.pretendedFactors
	}
	err = s.view(a, func(tx *kv.Tx) error {
		factors, err = find(tx, a.Account, a.pool, u)
		return err
	})
	if len(factors) == 0 && a.client.hides() && allowsFactor(a.pool, shownPassword) { // people of other providers, say: they look like all others
		factors = []string{shownPassword}
	}
	if i := slices.Index(factors, shownPassword); i >= 0 {
		factors = slices.Insert(factors, i+1, passwordSRP)
	}
	return factors, err
}

// byChoice begins USER_AUTH: with the way the client prefers, if the user has it, else with the list of their ways.
func (s *Service) byChoice(a *attempt) (*step, error) {
	name, err := a.parameter("USERNAME")
	if err != nil {
		return nil, err
	}
	if a.session != "" {
		return s.byConfirmation(a)
	}
	preferred := a.given["PREFERRED_CHALLENGE"]
	if err := checkFactor(preferred); preferred != "" && err != nil {
		return nil, err
	}
	if err := s.mayName(a, name); err != nil {
		return nil, err
	}
	if password := a.given["PASSWORD"]; preferred == shownPassword && password != "" {
		if err := s.migrate(a, migrateSignIn, name, password); err != nil {
			return nil, err
		}
	}
	u, err := s.entrant(a, name)
	if err != nil {
		return nil, err
	}
	return s.offerWays(a, u, preferred)
}

func checkFactor(name string) error {
	if !slices.Contains([]string{shownPassword, passwordSRP, emailOTP, smsOTP, webAuthn}, name) {
		return invalid("%s is not a challenge to begin with.", name)
	}
	return nil
}

// offerWays takes the preferred way, or lets the user choose.
func (s *Service) offerWays(a *attempt, u *user, preferred string) (*step, error) {
	ways, err := s.ways(a, u)
	if err != nil {
		return nil, err
	}
	if len(ways) == 0 {
		return s.offerNone(a, u, preferred)
	}
	way := progress{Flow: userAuth}
	if slices.Contains(ways, preferred) {
		st, err := s.take(a, u, way, preferred)
		if st != nil && st.grant == nil {
			st.available = ways
		}
		return st, err
	}
	session, err := s.sessionOf(a, &verdict{user: u, way: way, ask: selectChallenge}, challenge{})
	return &step{name: selectChallenge, params: map[string]string{"USERNAME": u.Name}, session: session, available: ways}, err
}

// offerNone answers who has neither a password nor an address known to be theirs: they never finished signing up. Where the client hides
// who exists, they look like nobody.
func (s *Service) offerNone(a *attempt, u *user, preferred string) (*step, error) {
	refusal := standing(u)
	if refusal == nil {
		refusal = wire.Because(wrongPassword(), "%s has none of the pool's first factors", u.Name)
	}
	if u.ghost || !a.client.hides() {
		return nil, refusal
	}
	ghost, err := s.ghostOf(a.Account, a.pool, a.given["USERNAME"])
	if err != nil {
		return nil, err
	}
	return s.offerWays(a, ghost, preferred)
}

// selected takes the user's choice. The session says who chooses and proves nothing, so it is not spent: who mistyped a password
// may type it again.
func (s *Service) selected(a *attempt, session string) (*step, error) {
	answer, err := a.parameter("ANSWER")
	if err != nil {
		return nil, err
	}
	ch, _, err := s.resume(a, selectChallenge, session)
	if err != nil {
		return nil, err
	}
	if err := checkFactor(answer); err != nil {
		return nil, err
	}
	return s.takeOf(a, ch, answer)
}

// withPassword takes the password, or the first half of its proof, that was asked for by name. Its session is as good as that of a choice.
func (s *Service) withPassword(a *attempt, challenge, session, parameter string) (*step, error) {
	if _, err := a.parameter(parameter); err != nil {
		return nil, err
	}
	ch, _, err := s.resume(a, challenge, session)
	if err != nil {
		return nil, err
	}
	return s.takeOf(a, ch, challenge)
}

// takeOf takes a way that the user of a session still has.
func (s *Service) takeOf(a *attempt, ch challenge, way string) (*step, error) {
	u, err := s.challenged(a, ch)
	if err != nil {
		return nil, err
	}
	ways, err := s.ways(a, u)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(ways, way) {
		return nil, invalid("The challenge %s is not available for the user.", way)
	}
	return s.take(a, u, ch.Way, way)
}

// take goes a way: it asks for what is missing, or looks at what came along.
func (s *Service) take(a *attempt, u *user, way progress, factor string) (*step, error) {
	switch factor {
	case shownPassword:
		if password := a.given["PASSWORD"]; password != "" {
			return s.checkPassword(a, u, way, password)
		}
	case passwordSRP:
		if a.given["SRP_A"] != "" {
			return s.offerSRP(a, u, way)
		}
	case emailOTP, smsOTP:
		return s.askCode(a, u, way, factor)
	case webAuthn:
		return s.askPasskey(a, u, way)
	}
	session, err := s.sessionOf(a, &verdict{user: u, way: way, ask: factor}, challenge{})
	return &step{name: factor, params: map[string]string{"USERNAME": u.Name}, session: session}, err
}

// getUserAuthFactors lists what a signed-in user can sign in with.
func (s *Service) getUserAuthFactors(c *wire.Call, in *cognitoidp.GetUserAuthFactorsInput) (*cognitoidp.GetUserAuthFactorsOutput, error) {
	m, err := s.accessToken(c, in.AccessToken.V)
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.GetUserAuthFactorsOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		b, err := bearerOf(tx, c.Account, m)
		if err != nil {
			return err
		}
		out.Username, out.PreferredMfaSetting, out.UserMFASettingList = wire.Some(b.user.Name), wire.NonEmpty(b.user.Preferred), b.user.Factors
		out.ConfiguredUserAuthFactors, err = s.configured(tx, c.Account, b.pool, b.user)
		return err
	})
}

// adminGetUserAuthFactors tells an operator the same of any user.
func (s *Service) adminGetUserAuthFactors(c *wire.Call, in *cognitoidp.AdminGetUserAuthFactorsInput) (*cognitoidp.AdminGetUserAuthFactorsOutput, error) {
	out := &cognitoidp.AdminGetUserAuthFactorsOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		u, err := named(tx, c.Account, p, in.Username.V)
		if err != nil {
			return err
		}
		out.Username, out.PreferredMfaSetting, out.UserMFASettingList = wire.Some(u.Name), wire.NonEmpty(u.Preferred), u.Factors
		out.ConfiguredUserAuthFactors, err = s.configured(tx, c.Account, p, u)
		return err
	})
}
