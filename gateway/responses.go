package gateway

import (
	"sort"
	"strings"

	"bothy/api/apigateway"
	"bothy/wire"
)

// responseStatus is the status of each type of gateway response where the API sets none.
var responseStatus = map[string]string{
	"DEFAULT_4XX": "", "DEFAULT_5XX": "", "RESOURCE_NOT_FOUND": "404", "UNAUTHORIZED": "401", "INVALID_API_KEY": "403", "ACCESS_DENIED": "403",
	"AUTHORIZER_FAILURE": "500", "AUTHORIZER_CONFIGURATION_ERROR": "500", "INVALID_SIGNATURE": "403", "EXPIRED_TOKEN": "403",
	"MISSING_AUTHENTICATION_TOKEN": "403", "INTEGRATION_FAILURE": "504", "INTEGRATION_TIMEOUT": "504", "API_CONFIGURATION_ERROR": "500",
	"UNSUPPORTED_MEDIA_TYPE": "415", "BAD_REQUEST_PARAMETERS": "400", "BAD_REQUEST_BODY": "400", "REQUEST_TOO_LARGE": "413", "THROTTLED": "429",
	"QUOTA_EXCEEDED": "429", "WAF_FILTERED": "403",
}

const (
	defaultTemplate       = `{"message":$context.error.messageString}`
	gatewayResponseHeader = "gatewayresponse.header."
)

func (s *Service) mountResponses(m *wire.Mux) {
	wire.Handle(m, apigateway.PutGatewayResponse, func(c *wire.Call, in *apigateway.PutGatewayResponseInput) ([]wire.Access, error) {
		return want(c, "PUT", apiPath(in.RestApiId)+"/gatewayresponses/"+in.ResponseType.V)
	}, s.putGatewayResponse)
	wire.Handle(m, apigateway.GetGatewayResponse, func(c *wire.Call, in *apigateway.GetGatewayResponseInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/gatewayresponses/"+in.ResponseType.V)
	}, s.getGatewayResponse)
	wire.Handle(m, apigateway.GetGatewayResponses, func(c *wire.Call, in *apigateway.GetGatewayResponsesInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/gatewayresponses")
	}, s.getGatewayResponses)
	wire.Handle(m, apigateway.DeleteGatewayResponse, func(c *wire.Call, in *apigateway.DeleteGatewayResponseInput) ([]wire.Access, error) {
		return want(c, "DELETE", apiPath(in.RestApiId)+"/gatewayresponses/"+in.ResponseType.V)
	}, s.deleteGatewayResponse)
}

func (s *Service) putGatewayResponse(c *wire.Call, in *apigateway.PutGatewayResponseInput) (*apigateway.GatewayResponse, error) {
	out := &apigateway.GatewayResponse{
		ResponseType: in.ResponseType, StatusCode: in.StatusCode, ResponseParameters: in.ResponseParameters, ResponseTemplates: in.ResponseTemplates,
		DefaultResponse: wire.Some(false),
	}
	if !out.StatusCode.Set {
		out.StatusCode = wire.NonEmpty(responseStatus[in.ResponseType.V])
	}
	if err := checkGatewayResponse(out); err != nil {
		return nil, err
	}
	return out, s.edit(c, in.RestApiId, func(a *api) error {
		if a.Responses == nil {
			a.Responses = map[string]*apigateway.GatewayResponse{}
		}
		a.Responses[in.ResponseType.V] = out
		return nil
	})
}

func checkGatewayResponse(g *apigateway.GatewayResponse) error {
	if _, known := responseStatus[g.ResponseType.V]; !known {
		return badRequest("Invalid response type specified: " + g.ResponseType.V)
	}
	for name, value := range g.ResponseParameters {
		header, ok := strings.CutPrefix(name, gatewayResponseHeader)
		if !ok || !validHeaderName(header) {
			return badRequest("Invalid mapping expression specified: " + name)
		}
		if _, ok := literal(value); !ok {
			return unsupported("mapping expression " + value)
		}
	}
	for kind, text := range g.ResponseTemplates {
		if rest := errorVariables.Replace(text); hasExpression(rest) {
			return unsupported("expressions in the gateway response template of " + kind)
		}
	}
	return nil
}

// errorVariables takes out what templates of gateway responses may use.
var errorVariables = strings.NewReplacer("$context.error.messageString", "", "$context.error.message", "", "$context.error.responseType", "", "$context.requestId", "", "$context.extendedRequestId", "")

// response is an API's gateway response of a type, its own or the default.
func (d *definition) response(kind string) *apigateway.GatewayResponse {
	if g := d.Responses[kind]; g != nil {
		return g
	}
	return &apigateway.GatewayResponse{
		ResponseType: wire.Some(kind), StatusCode: wire.NonEmpty(responseStatus[kind]), DefaultResponse: wire.Some(true),
		ResponseParameters: map[string]string{}, ResponseTemplates: map[string]string{"application/json": defaultTemplate},
	}
}

func (s *Service) getGatewayResponse(c *wire.Call, in *apigateway.GetGatewayResponseInput) (out *apigateway.GatewayResponse, err error) {
	err = s.read(c, in.RestApiId, func(a *api) error { out = a.response(in.ResponseType.V); return nil })
	return out, err
}

func (s *Service) getGatewayResponses(c *wire.Call, in *apigateway.GetGatewayResponsesInput) (*apigateway.GetGatewayResponsesOutput, error) {
	out := &apigateway.GetGatewayResponsesOutput{}
	return out, s.read(c, in.RestApiId, func(a *api) error {
		out.Items = nil
		for kind := range responseStatus {
			out.Items = append(out.Items, *a.response(kind))
		}
		sort.Slice(out.Items, func(i, j int) bool { return out.Items[i].ResponseType.V < out.Items[j].ResponseType.V })
		return nil
	})
}

func (s *Service) deleteGatewayResponse(c *wire.Call, in *apigateway.DeleteGatewayResponseInput) (*apigateway.DeleteGatewayResponseOutput, error) {
	return nil, s.edit(c, in.RestApiId, func(a *api) error {
		if a.Responses[in.ResponseType.V] == nil {
			return notFound("Gateway response type not defined on api")
		}
		delete(a.Responses, in.ResponseType.V)
		return nil
	})
}
