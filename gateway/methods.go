package gateway

import (
	"regexp"
	"strings"

	"bothy/api/apigateway"
	"bothy/wire"
)

func (s *Service) mountMethods(m *wire.Mux) {
	wire.Handle(m, apigateway.PutMethod, func(c *wire.Call, in *apigateway.PutMethodInput) ([]wire.Access, error) {
		return want(c, "PUT", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod))
	}, s.putMethod)
	wire.Handle(m, apigateway.GetMethod, func(c *wire.Call, in *apigateway.GetMethodInput) ([]wire.Access, error) {
		return want(c, "GET", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod))
	}, s.getMethod)
	wire.Handle(m, apigateway.DeleteMethod, func(c *wire.Call, in *apigateway.DeleteMethodInput) ([]wire.Access, error) {
		return want(c, "DELETE", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod))
	}, s.deleteMethod)
	wire.Handle(m, apigateway.PutIntegration, func(c *wire.Call, in *apigateway.PutIntegrationInput) ([]wire.Access, error) {
		return want(c, "PUT", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod)+"/integration")
	}, s.putIntegration)
	wire.Handle(m, apigateway.GetIntegration, func(c *wire.Call, in *apigateway.GetIntegrationInput) ([]wire.Access, error) {
		return want(c, "GET", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod)+"/integration")
	}, s.getIntegration)
	wire.Handle(m, apigateway.DeleteIntegration, func(c *wire.Call, in *apigateway.DeleteIntegrationInput) ([]wire.Access, error) {
		return want(c, "DELETE", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod)+"/integration")
	}, s.deleteIntegration)
	wire.Handle(m, apigateway.PutMethodResponse, func(c *wire.Call, in *apigateway.PutMethodResponseInput) ([]wire.Access, error) {
		return want(c, "PUT", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod)+"/responses/"+in.StatusCode.V)
	}, s.putMethodResponse)
	wire.Handle(m, apigateway.GetMethodResponse, func(c *wire.Call, in *apigateway.GetMethodResponseInput) ([]wire.Access, error) {
		return want(c, "GET", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod)+"/responses/"+in.StatusCode.V)
	}, s.getMethodResponse)
	wire.Handle(m, apigateway.PutIntegrationResponse, func(c *wire.Call, in *apigateway.PutIntegrationResponseInput) ([]wire.Access, error) {
		return want(c, "PUT", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod)+"/integration/responses/"+in.StatusCode.V)
	}, s.putIntegrationResponse)
	wire.Handle(m, apigateway.GetIntegrationResponse, func(c *wire.Call, in *apigateway.GetIntegrationResponseInput) ([]wire.Access, error) {
		return want(c, "GET", methodPath(in.RestApiId, in.ResourceId, in.HttpMethod)+"/integration/responses/"+in.StatusCode.V)
	}, s.getIntegrationResponse)
}

// The methods an API may have.
var httpMethods = map[string]bool{"ANY": true, "DELETE": true, "GET": true, "HEAD": true, "OPTIONS": true, "PATCH": true, "POST": true, "PUT": true}

func (s *Service) putMethod(c *wire.Call, in *apigateway.PutMethodInput) (out *apigateway.Method, err error) {
	m := &apigateway.Method{
		HttpMethod: in.HttpMethod, AuthorizationType: in.AuthorizationType, AuthorizerId: in.AuthorizerId, ApiKeyRequired: wire.Some(in.ApiKeyRequired.V),
		OperationName: in.OperationName, RequestParameters: in.RequestParameters, RequestModels: in.RequestModels, AuthorizationScopes: in.AuthorizationScopes,
	}
	err = s.edit(c, in.RestApiId, func(a *api) error {
		r, err := a.resource(in.ResourceId)
		if err != nil {
			return err
		}
		if r.Methods[in.HttpMethod.V] != nil {
			return conflict("Method already exists for this resource")
		}
		if in.RequestValidatorId.Set {
			return unsupported("request validators")
		}
		return a.setMethod(r, m)
	})
	return m, err
}

// setMethod checks a method and puts it in place.
func (a *api) setMethod(r *resource, m *apigateway.Method) error {
	if !httpMethods[m.HttpMethod.V] {
		return badRequest("Invalid HttpMethod specified. Valid options are GET, PUT, POST, DELETE, PATCH, HEAD, OPTIONS, ANY")
	}
	if m.ApiKeyRequired.V {
		return unsupported("apiKeyRequired")
	}
	switch m.AuthorizationType.V {
	case "NONE", "AWS_IAM":
		if m.AuthorizerId.V != "" {
			return badRequest("Authorizer is only allowed for the authorization types CUSTOM and COGNITO_USER_POOLS")
		}
	case "COGNITO_USER_POOLS":
		if a.Authorizers[m.AuthorizerId.V] == nil {
			return badRequest("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.")
		}
	case "CUSTOM":
		return unsupported("authorization type CUSTOM")
	default:
		return badRequest("Invalid authorization type specified. Must be one of: NONE, AWS_IAM, COGNITO_USER_POOLS")
	}
	if r.Methods == nil {
		r.Methods = map[string]*apigateway.Method{}
	}
	r.Methods[m.HttpMethod.V] = m
	return nil
}

func (s *Service) getMethod(c *wire.Call, in *apigateway.GetMethodInput) (out *apigateway.Method, err error) {
	err = s.read(c, in.RestApiId, func(a *api) error {
		out, err = a.method(in.ResourceId, in.HttpMethod)
		return err
	})
	return out, err
}

func (s *Service) deleteMethod(c *wire.Call, in *apigateway.DeleteMethodInput) (*apigateway.DeleteMethodOutput, error) {
	return nil, s.edit(c, in.RestApiId, func(a *api) error {
		if _, err := a.method(in.ResourceId, in.HttpMethod); err != nil {
			return err
		}
		delete(a.Resources[in.ResourceId.V].Methods, in.HttpMethod.V)
		return nil
	})
}

const (
	minTimeoutMillis = 50
	maxTimeoutMillis = 29_000
)

func (s *Service) putIntegration(c *wire.Call, in *apigateway.PutIntegrationInput) (*apigateway.Integration, error) {
	i := &apigateway.Integration{
		Type: in.Type, HttpMethod: in.IntegrationHttpMethod, Uri: in.Uri, Credentials: in.Credentials, RequestParameters: in.RequestParameters,
		RequestTemplates: in.RequestTemplates, PassthroughBehavior: wire.Some(in.PassthroughBehavior.Or("WHEN_NO_MATCH")), ContentHandling: in.ContentHandling,
		TimeoutInMillis: wire.Some(in.TimeoutInMillis.Or(maxTimeoutMillis)), CacheNamespace: wire.Some(in.CacheNamespace.Or(in.ResourceId.V)),
	}
	switch {
	case in.ConnectionType.V == "VPC_LINK" || in.ConnectionId.Set:
		return nil, unsupported("VPC links")
	case in.ResponseTransferMode.V == "STREAM":
		return nil, unsupported("streamed responses")
	case len(in.CacheKeyParameters) > 0:
		return nil, unsupported("caching")
	}
	if err := checkIntegration(i); err != nil {
		return nil, err
	}
	return i, s.edit(c, in.RestApiId, func(a *api) error {
		m, err := a.method(in.ResourceId, in.HttpMethod)
		if err == nil {
			m.MethodIntegration = i
		}
		return err
	})
}

// functionURI is how an integration names a function; the name may be a stage variable.
var functionURI = regexp.MustCompile(`^arn:aws:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/(arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:(?:[a-zA-Z0-9_.:$-]|\$\{stageVariables\.\w+\})+)/invocations$`)

func checkIntegration(i *apigateway.Integration) error {
	if t := i.TimeoutInMillis.V; t < minTimeoutMillis || t > maxTimeoutMillis {
		return badRequest("Timeout should be between 50 ms and 29000 ms")
	}
	if i.Credentials.V != "" {
		return unsupported("integration credentials")
	}
	switch i.Type.V {
	case "AWS_PROXY":
		if !functionURI.MatchString(i.Uri.V) {
			return badRequest("Invalid ARN specified in the request")
		}
		if i.HttpMethod.V != "POST" {
			return badRequest("Enumeration value for HttpMethod must be non-empty")
		}
		if len(i.RequestParameters)+len(i.RequestTemplates) > 0 {
			return unsupported("request mappings of an AWS_PROXY integration")
		}
		return nil
	case "MOCK":
		for kind, text := range i.RequestTemplates {
			if _, ok := mockStatus(text); !ok {
				return unsupported("the MOCK request template of " + kind + ", other than {\"statusCode\": N}")
			}
		}
		return nil
	}
	return unsupported("integration type " + i.Type.V)
}

// hasExpression tells whether a template needs the template language, which this node does not have.
func hasExpression(text string) bool {
	return strings.Contains(text, "$") || strings.Contains(text, "#")
}

func (s *Service) getIntegration(c *wire.Call, in *apigateway.GetIntegrationInput) (out *apigateway.Integration, err error) {
	err = s.read(c, in.RestApiId, func(a *api) error {
		out, err = a.integration(in.ResourceId, in.HttpMethod)
		return err
	})
	return out, err
}

func (a *api) integration(resource, method wire.Opt[string]) (*apigateway.Integration, error) {
	m, err := a.method(resource, method)
	if err != nil {
		return nil, err
	}
	if m.MethodIntegration == nil {
		return nil, notFound("No integration defined for method")
	}
	return m.MethodIntegration, nil
}

func (s *Service) deleteIntegration(c *wire.Call, in *apigateway.DeleteIntegrationInput) (*apigateway.DeleteIntegrationOutput, error) {
	return nil, s.edit(c, in.RestApiId, func(a *api) error {
		m, err := a.method(in.ResourceId, in.HttpMethod)
		if err == nil {
			m.MethodIntegration = nil
		}
		return err
	})
}

func (s *Service) putMethodResponse(c *wire.Call, in *apigateway.PutMethodResponseInput) (*apigateway.MethodResponse, error) {
	out := &apigateway.MethodResponse{StatusCode: in.StatusCode, ResponseParameters: in.ResponseParameters, ResponseModels: in.ResponseModels}
	return out, s.edit(c, in.RestApiId, func(a *api) error {
		m, err := a.method(in.ResourceId, in.HttpMethod)
		if err != nil {
			return err
		}
		if _, taken := m.MethodResponses[in.StatusCode.V]; taken {
			return conflict("Response already exists for this resource")
		}
		if m.MethodResponses == nil {
			m.MethodResponses = map[string]apigateway.MethodResponse{}
		}
		m.MethodResponses[in.StatusCode.V] = *out
		return nil
	})
}

func (s *Service) getMethodResponse(c *wire.Call, in *apigateway.GetMethodResponseInput) (out *apigateway.MethodResponse, err error) {
	err = s.read(c, in.RestApiId, func(a *api) error {
		m, err := a.method(in.ResourceId, in.HttpMethod)
		if err != nil {
			return err
		}
		r, ok := m.MethodResponses[in.StatusCode.V]
		if !ok {
			return notFound("Invalid Response status code specified")
		}
		out = &r
		return nil
	})
	return out, err
}

func (s *Service) putIntegrationResponse(c *wire.Call, in *apigateway.PutIntegrationResponseInput) (*apigateway.IntegrationResponse, error) {
	out := &apigateway.IntegrationResponse{
		StatusCode: in.StatusCode, SelectionPattern: in.SelectionPattern, ResponseParameters: in.ResponseParameters, ResponseTemplates: in.ResponseTemplates,
		ContentHandling: in.ContentHandling,
	}
	return out, s.edit(c, in.RestApiId, func(a *api) error {
		i, err := a.integration(in.ResourceId, in.HttpMethod)
		if err != nil {
			return err
		}
		if err := checkIntegrationResponse(a.Resources[in.ResourceId.V].Methods[in.HttpMethod.V], out); err != nil {
			return err
		}
		if i.IntegrationResponses == nil {
			i.IntegrationResponses = map[string]apigateway.IntegrationResponse{}
		}
		i.IntegrationResponses[in.StatusCode.V] = *out
		return nil
	})
}

const responseHeader = "method.response.header."

func checkIntegrationResponse(m *apigateway.Method, r *apigateway.IntegrationResponse) error {
	declared, ok := m.MethodResponses[r.StatusCode.V]
	if !ok {
		return notFound("Invalid Response status code specified")
	}
	if r.SelectionPattern.V != "" {
		if _, err := regexp.Compile(r.SelectionPattern.V); err != nil {
			return badRequest("Invalid selection pattern specified")
		}
	}
	for name, value := range r.ResponseParameters {
		if _, ok := declared.ResponseParameters[name]; !ok || !strings.HasPrefix(name, responseHeader) || !validHeaderName(name[len(responseHeader):]) {
			return badRequest("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: " + name + "]")
		}
		if _, ok := literal(value); !ok {
			return unsupported("mapping expression " + value)
		}
	}
	for kind, text := range r.ResponseTemplates {
		if hasExpression(text) {
			return unsupported("expressions in the response template of " + kind)
		}
	}
	return nil
}

// literal is the text of a mapping that is a constant: 'text'.
func literal(mapping string) (string, bool) {
	if len(mapping) < 2 || mapping[0] != '\'' || mapping[len(mapping)-1] != '\'' {
		return "", false
	}
	text := mapping[1 : len(mapping)-1]
	for i := range len(text) {
		if text[i] < ' ' && text[i] != '\t' || text[i] == 0x7f {
			return "", false
		}
	}
	return text, true
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func validHeaderName(name string) bool { return headerName.MatchString(name) }

func (s *Service) getIntegrationResponse(c *wire.Call, in *apigateway.GetIntegrationResponseInput) (out *apigateway.IntegrationResponse, err error) {
	err = s.read(c, in.RestApiId, func(a *api) error {
		i, err := a.integration(in.ResourceId, in.HttpMethod)
		if err != nil {
			return err
		}
		r, ok := i.IntegrationResponses[in.StatusCode.V]
		if !ok {
			return notFound("Invalid Response status code specified")
		}
		out = &r
		return nil
	})
	return out, err
}
