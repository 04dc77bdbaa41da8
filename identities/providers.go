package identities

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"bothy/api/cognitoidentity"
	"bothy/wire"
)

// Bounds of a pool's providers: AWS's quotas.
const (
	maxUserPools = 50
	maxFederated = 50 // ARNs of OpenID Connect providers, and of SAML providers
)

var userPoolProvider = regexp.MustCompile(`^cognito-idp\.[a-z0-9-]+\.amazonaws\.com/[\w-]+_[0-9a-zA-Z]+$`)

// set takes the settings of a create or update.
func (s *Service) set(c *wire.Call, p *pool, in *cognitoidentity.IdentityPool) error {
	clients, err := userPools(in.CognitoIdentityProviders)
	if err != nil {
		return err
	}
	if err := checkARNs(c, "oidc-provider", in.OpenIdConnectProviderARNs); err != nil {
		return err
	}
	if err := checkARNs(c, "saml-provider", in.SamlProviderARNs); err != nil {
		return err
	}
	if err := checkSocial(in.SupportedLoginProviders); err != nil {
		return err
	}
	p.Name, p.AllowGuests, p.Classic = in.IdentityPoolName.V, in.AllowUnauthenticatedIdentities.V, in.AllowClassicFlow.V
	p.Developer, p.OIDC, p.SAML, p.UserPools = in.DeveloperProviderName.V, in.OpenIdConnectProviderARNs, in.SamlProviderARNs, clients
	s.keepSettings(p, in.SupportedLoginProviders)
	return p.checkDeveloper()
}

func userPools(in []cognitoidentity.CognitoIdentityProvider) (out []userPool, err error) {
	if len(in) > maxUserPools {
		return nil, limitExceeded("An identity pool has at most 50 Cognito identity providers.")
	}
	for _, u := range in {
		if !userPoolProvider.MatchString(u.ProviderName.V) || u.ClientId.V == "" {
			return nil, invalid("Invalid Cognito Identity Provider: " + u.ProviderName.V)
		}
		if slices.ContainsFunc(out, func(o userPool) bool { return o.Provider == u.ProviderName.V && o.Client == u.ClientId.V }) {
			return nil, invalid("Duplicate Cognito Identity Provider: " + u.ProviderName.V)
		}
		out = append(out, userPool{u.ProviderName.V, u.ClientId.V, u.ServerSideTokenCheck.V})
	}
	return out, nil
}

// checkARNs refuses what is no provider of the account.
func checkARNs(c *wire.Call, kind string, arns []string) error {
	if len(arns) > maxFederated {
		return limitExceeded("An identity pool has at most 50 providers of a kind.")
	}
	for _, arn := range arns {
		if name, ok := strings.CutPrefix(arn, "arn:aws:iam::"+c.Account+":"+kind+"/"); !ok || name == "" {
			return invalid("Invalid provider ARN: " + arn)
		}
	}
	return nil
}

func checkSocial(settings map[string]string) error {
	for provider, setting := range settings {
		if !slices.Contains(socialProviders, provider) {
			return invalid("Invalid supported login provider: " + provider)
		}
		if _, _, ok := cutSecret(setting); !ok && slices.Contains(secretProviders, provider) {
			return invalid("The value of supported login provider " + provider + " must be key;secret.")
		}
	}
	return nil
}

// checkDeveloper refuses a developer provider with the name of another: trust policies could not tell them apart.
func (p *pool) checkDeveloper() error {
	if p.Developer == Issuer || slices.Contains(socialProviders, p.Developer) || p.Developer != "" && p.oidcARN(p.Developer) != "" {
		return invalid("Invalid developer provider name: " + p.Developer)
	}
	return nil
}

// oidcARN is the ARN of the pool's OpenID Connect provider of that name, its URL without https://; "" when it has none.
func (p *pool) oidcARN(name string) string {
	for _, arn := range p.OIDC {
		if _, url, _ := strings.Cut(arn, ":oidc-provider/"); url == name {
			return arn
		}
	}
	return ""
}

// hasProvider tells whether a name is of one of the pool's providers.
func (p *pool) hasProvider(name string) bool {
	return name == p.Developer || slices.Contains(p.SAML, name) || p.oidcARN(name) != "" || slices.Contains(p.OIDC, name) || p.social(name) ||
		slices.ContainsFunc(p.UserPools, func(u userPool) bool { return u.Provider == name })
}

func (p *pool) social(name string) bool { return p.Providers[name] != "" || p.Sealed[name] != nil }

func sealedPlace(p *pool, provider string) string { return "identities.pool/" + p.ID + "/" + provider }

// keepSettings stores what the pool says of the providers it names itself; secrets are sealed.
func (s *Service) keepSettings(p *pool, settings map[string]string) {
	p.Providers, p.Sealed = nil, nil
	for provider, setting := range settings {
		if slices.Contains(secretProviders, provider) {
			if p.Sealed == nil {
				p.Sealed = map[string][]byte{}
			}
			p.Sealed[provider] = s.cfg.Sealer.Seal(sealedPlace(p, provider), []byte(setting))
			continue
		}
		if p.Providers == nil {
			p.Providers = map[string]string{}
		}
		p.Providers[provider] = setting
	}
}

// setting is what the pool says of a provider it names itself, "" for no such provider.
func (s *Service) setting(p *pool, provider string) (string, error) {
	sealed, ok := p.Sealed[provider]
	if !ok {
		return p.Providers[provider], nil
	}
	text, err := s.cfg.Sealer.Open(sealedPlace(p, provider), sealed)
	return string(text), err
}

// settings are all of them.
func (s *Service) settings(p *pool) (map[string]string, error) {
	if len(p.Sealed) == 0 {
		return p.Providers, nil
	}
	out := map[string]string{}
	maps.Copy(out, p.Providers)
	for provider := range p.Sealed {
		text, err := s.setting(p, provider)
		if err != nil {
			return nil, err
		}
		out[provider] = text
	}
	return out, nil
}
