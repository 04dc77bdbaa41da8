package gateway

import (
	"regexp"
	"sort"
	"strings"

	"bothy/api/apigateway"
	"bothy/wire"
)

const (
	identityHeader  = "method.request.header."
	defaultIdentity = identityHeader + "Authorization"
)

func (s *Service) mountAuthorizers(m *wire.Mux) {
	wire.Handle(m, apigateway.CreateAuthorizer, func(c *wire.Call, in *apigateway.CreateAuthorizerInput) ([]wire.Access, error) {
		return want(c, "POST", apiPath(in.RestApiId)+"/authorizers")
	}, s.createAuthorizer)
	wire.Handle(m, apigateway.GetAuthorizers, func(c *wire.Call, in *apigateway.GetAuthorizersInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/authorizers")
	}, s.getAuthorizers)
	wire.Handle(m, apigateway.GetAuthorizer, func(c *wire.Call, in *apigateway.GetAuthorizerInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/authorizers/"+in.AuthorizerId.V)
	}, s.getAuthorizer)
	wire.Handle(m, apigateway.DeleteAuthorizer, func(c *wire.Call, in *apigateway.DeleteAuthorizerInput) ([]wire.Access, error) {
		return want(c, "DELETE", apiPath(in.RestApiId)+"/authorizers/"+in.AuthorizerId.V)
	}, s.deleteAuthorizer)
}

var poolARN = regexp.MustCompile(`^arn:aws:cognito-idp:[a-z0-9-]+:[0-9]{12}:userpool/([\w-]+_[0-9a-zA-Z]+)$`)

func (s *Service) createAuthorizer(c *wire.Call, in *apigateway.CreateAuthorizerInput) (*apigateway.Authorizer, error) {
	out := &apigateway.Authorizer{
		Id: wire.Some(newID(6)), Name: in.Name, Type: in.Type, ProviderARNs: in.ProviderARNs, AuthType: wire.Some(in.AuthType.Or("cognito_user_pools")),
		IdentitySource: wire.Some(in.IdentitySource.Or(defaultIdentity)), IdentityValidationExpression: in.IdentityValidationExpression,
	}
	if err := checkAuthorizer(out); err != nil {
		return nil, err
	}
	return out, s.edit(c, in.RestApiId, func(a *api) error {
		for _, have := range a.Authorizers {
			if have.Name.V == in.Name.V {
				return conflict("Authorizer name must be unique. Authorizer " + in.Name.V + " already exists in this RestApi.")
			}
		}
		if a.Authorizers == nil {
			a.Authorizers = map[string]*apigateway.Authorizer{}
		}
		a.Authorizers[out.Id.V] = out
		return nil
	})
}

func checkAuthorizer(a *apigateway.Authorizer) error {
	if a.Type.V != "COGNITO_USER_POOLS" {
		return unsupported("authorizers of type " + a.Type.V)
	}
	if len(a.ProviderARNs) == 0 {
		return badRequest("Authorizer of type COGNITO_USER_POOLS must have a list of ProviderARNs")
	}
	for _, arn := range a.ProviderARNs {
		if !poolARN.MatchString(arn) {
			return badRequest("Invalid Authorizer ProviderARN " + arn + " specified")
		}
	}
	if name := strings.TrimPrefix(a.IdentitySource.V, identityHeader); name == a.IdentitySource.V || !validHeaderName(name) {
		return badRequest("Invalid Authorizer identity source: " + a.IdentitySource.V)
	}
	if a.IdentityValidationExpression.V != "" {
		if _, err := regexp.Compile(a.IdentityValidationExpression.V); err != nil {
			return badRequest("Invalid Authorizer identity validation expression")
		}
	}
	return nil
}

func (s *Service) getAuthorizers(c *wire.Call, in *apigateway.GetAuthorizersInput) (*apigateway.GetAuthorizersOutput, error) {
	out := &apigateway.GetAuthorizersOutput{}
	return out, s.read(c, in.RestApiId, func(a *api) error {
		var all []apigateway.Authorizer
		for _, z := range a.Authorizers {
			all = append(all, *z)
		}
		sort.Slice(all, func(i, j int) bool { return all[i].Id.V < all[j].Id.V })
		from, to, next, err := slicePage(len(all), in.Position, in.Limit)
		out.Items, out.Position = append([]apigateway.Authorizer{}, all[from:to]...), next
		return err
	})
}

func (a *api) authorizer(id wire.Opt[string]) (*apigateway.Authorizer, error) {
	if z := a.Authorizers[id.V]; z != nil {
		return z, nil
	}
	return nil, notFound("Invalid Authorizer identifier specified")
}

func (s *Service) getAuthorizer(c *wire.Call, in *apigateway.GetAuthorizerInput) (out *apigateway.Authorizer, err error) {
	err = s.read(c, in.RestApiId, func(a *api) error {
		out, err = a.authorizer(in.AuthorizerId)
		return err
	})
	return out, err
}

func (s *Service) deleteAuthorizer(c *wire.Call, in *apigateway.DeleteAuthorizerInput) (*apigateway.DeleteAuthorizerOutput, error) {
	return nil, s.edit(c, in.RestApiId, func(a *api) error {
		if _, err := a.authorizer(in.AuthorizerId); err != nil {
			return err
		}
		for _, r := range a.Resources {
			for _, m := range r.Methods {
				if m.AuthorizerId.V == in.AuthorizerId.V {
					return conflict("Authorizer is used by a method of " + r.Path)
				}
			}
		}
		delete(a.Authorizers, in.AuthorizerId.V)
		return nil
	})
}
