package gateway

import (
	"errors"
	"strings"

	"bothy/api/apigateway"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

const (
	maxNameBytes = 1024
	maxPolicy    = 8192
	defaultPage  = 25
	maxPage      = 500
)

func (s *Service) mountAPIs(m *wire.Mux) {
	wire.Handle(m, apigateway.CreateRestApi, func(c *wire.Call, _ *apigateway.CreateRestApiInput) ([]wire.Access, error) {
		return want(c, "POST", "/restapis")
	}, s.createAPI)
	wire.Handle(m, apigateway.GetRestApi, func(c *wire.Call, in *apigateway.GetRestApiInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId))
	}, s.getAPI)
	wire.Handle(m, apigateway.GetRestApis, func(c *wire.Call, _ *apigateway.GetRestApisInput) ([]wire.Access, error) {
		return want(c, "GET", "/restapis")
	}, s.getAPIs)
	wire.Handle(m, apigateway.UpdateRestApi, func(c *wire.Call, in *apigateway.UpdateRestApiInput) ([]wire.Access, error) {
		return want(c, "PATCH", apiPath(in.RestApiId))
	}, s.updateAPI)
	wire.Handle(m, apigateway.DeleteRestApi, func(c *wire.Call, in *apigateway.DeleteRestApiInput) ([]wire.Access, error) {
		return want(c, "DELETE", apiPath(in.RestApiId))
	}, s.deleteAPI)
}

func (a *api) show() *apigateway.RestApi {
	return &apigateway.RestApi{
		Id: wire.Some(a.ID), Name: wire.Some(a.Name), Description: wire.NonEmpty(a.Description), Version: wire.NonEmpty(a.Version), CreatedDate: wire.Some(a.Created),
		BinaryMediaTypes: a.Binary, ApiKeySource: wire.Some(a.KeySource), EndpointConfiguration: &apigateway.EndpointConfiguration{Types: a.Endpoint},
		Policy: wire.NonEmpty(a.Policy), Tags: a.Tags, DisableExecuteApiEndpoint: wire.Some(a.Disabled), RootResourceId: wire.Some(a.Root),
	}
}

func (s *Service) createAPI(c *wire.Call, in *apigateway.CreateRestApiInput) (*apigateway.RestApi, error) {
	switch {
	case in.CloneFrom.Set:
		return nil, unsupported("cloneFrom")
	case in.MinimumCompressionSize.Set:
		return nil, unsupported("minimumCompressionSize")
	case in.Name.V == "" || len(in.Name.V) > maxNameBytes:
		return nil, badRequest("API name must be between 1 and 1024 characters")
	}
	a := &api{
		ID: newID(10), Name: in.Name.V, Description: in.Description.V, Version: in.Version.V, Created: c.Now, KeySource: in.ApiKeySource.Or("HEADER"),
		Endpoint: []string{"EDGE"}, Disabled: in.DisableExecuteApiEndpoint.V, Tags: in.Tags,
	}
	a.Binary, a.Policy = in.BinaryMediaTypes, in.Policy.V
	if e := in.EndpointConfiguration; e != nil && len(e.Types) > 0 {
		if e.Types[0] == "PRIVATE" {
			return nil, unsupported("PRIVATE endpoints")
		}
		a.Endpoint = e.Types
	}
	if err := checkPolicy(c, a); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	a.Root = newID(10)
	a.Resources = map[string]*resource{a.Root: {ID: a.Root, Path: "/"}}
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if err := whereTable.Insert(tx, record.Scope{}, &where{a.ID, c.Account, c.Region}); err != nil {
			return err
		}
		return putAPI(tx, c, a)
	})
	if err != nil {
		return nil, err
	}
	return a.show(), nil
}

// checkPolicy parses the API's policy, having written out the short form of its resources.
func checkPolicy(c *wire.Call, a *api) error {
	if a.Policy == "" {
		return nil
	}
	a.Policy = strings.ReplaceAll(a.Policy, `"execute-api:/`, `"arn:aws:execute-api:`+c.Region+":"+c.Account+":"+a.ID+"/")
	if len(a.Policy) > maxPolicy {
		return badRequest("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.")
	}
	p, err := policy.Parse([]byte(a.Policy))
	if err == nil {
		err = p.ResourceError()
	}
	if err != nil {
		return wire.Because(badRequest("Invalid policy document. Please check the policy syntax and ensure that Principals are valid."), "%v", err)
	}
	return nil
}

func (s *Service) getAPI(c *wire.Call, in *apigateway.GetRestApiInput) (out *apigateway.RestApi, err error) {
	err = s.read(c, in.RestApiId, func(a *api) error { out = a.show(); return nil })
	return out, err
}

func limitOf(n wire.Opt[int32]) int {
	if !n.Set || n.V <= 0 {
		return defaultPage
	}
	return min(int(n.V), maxPage)
}

func (s *Service) getAPIs(c *wire.Call, in *apigateway.GetRestApisInput) (*apigateway.GetRestApisOutput, error) {
	out := &apigateway.GetRestApisOutput{}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		out.Items = []apigateway.RestApi{}
		rows, next, err := apiTable.List(tx, scopeOf(c), record.Page{After: in.Position.V, Limit: limitOf(in.Limit)})
		for _, a := range rows {
			out.Items = append(out.Items, *a.show())
		}
		out.Position = wire.NonEmpty(next)
		return pageError(err)
	})
	return out, err
}

func pageError(err error) error {
	if errors.Is(err, record.ErrToken) {
		return badRequest("Invalid position parameter")
	}
	return err
}

func (s *Service) updateAPI(c *wire.Call, in *apigateway.UpdateRestApiInput) (out *apigateway.RestApi, err error) {
	err = s.edit(c, in.RestApiId, func(a *api) error {
		for _, p := range in.PatchOperations {
			if err := a.patch(p); err != nil {
				return err
			}
		}
		if err := checkPolicy(c, a); err != nil {
			return err
		}
		out = a.show()
		return nil
	})
	return out, err
}

func (a *api) patch(p apigateway.PatchOperation) error {
	if mediaType, ok := strings.CutPrefix(p.Path.V, "/binaryMediaTypes/"); ok {
		return a.patchBinary(p.Op.V, unescapePointer(mediaType))
	}
	if p.Op.V != "replace" {
		return badPatch(p)
	}
	switch p.Path.V {
	case "/name":
		if p.Value.V == "" || len(p.Value.V) > maxNameBytes {
			return badRequest("API name must be between 1 and 1024 characters")
		}
		a.Name = p.Value.V
	case "/description":
		a.Description = p.Value.V
	case "/version":
		a.Version = p.Value.V
	case "/policy":
		a.Policy = p.Value.V
	case "/disableExecuteApiEndpoint":
		a.Disabled = p.Value.V == "true"
	case "/apiKeySource":
		a.KeySource = p.Value.V
	default:
		return badPatch(p)
	}
	return nil
}

func (a *api) patchBinary(op, mediaType string) error {
	keep := a.Binary[:0:0]
	for _, t := range a.Binary {
		if t != mediaType {
			keep = append(keep, t)
		}
	}
	switch op {
	case "add":
		a.Binary = append(keep, mediaType)
	case "remove":
		a.Binary = keep
	default:
		return badRequest("Invalid patch operation specified. Must be one of: [add, remove]")
	}
	return nil
}

// unescapePointer decodes a JSON pointer's part.
func unescapePointer(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
}

func badPatch(p apigateway.PatchOperation) error {
	return badRequest("Invalid patch path '" + p.Path.V + "' specified for op '" + p.Op.V + "'.")
}

func (s *Service) deleteAPI(c *wire.Call, in *apigateway.DeleteRestApiInput) (*apigateway.DeleteRestApiOutput, error) {
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		a, err := getAPI(tx, c, in.RestApiId.V)
		if err != nil {
			return err
		}
		if err := deleteStages(tx, c, a.ID); err != nil {
			return err
		}
		if err := whereTable.Delete(tx, record.Scope{}, a.ID); err != nil {
			return err
		}
		return apiTable.Delete(tx, scopeOf(c), a.ID)
	})
	if err != nil {
		return nil, err
	}
	return nil, s.deleteDeployments(c, in.RestApiId.V)
}

func deleteStages(tx *kv.Tx, c *wire.Call, id string) error {
	stages, err := stageTable.All(tx, scopeOf(c), "", id)
	for _, st := range stages {
		if err == nil {
			err = stageTable.Delete(tx, scopeOf(c), id, st.Name)
		}
	}
	return err
}

// deleteDeployments removes the copies of an API that is gone, few at a time: each may be large.
func (s *Service) deleteDeployments(c *wire.Call, id string) error {
	for more := true; more; {
		err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
			rows, next, err := deploymentTable.List(tx, scopeOf(c), record.Page{Prefix: []any{id}, Limit: 20})
			if err != nil {
				return err
			}
			for _, d := range rows {
				if err := deploymentTable.Delete(tx, scopeOf(c), id, d.ID); err != nil {
					return err
				}
			}
			more = next != ""
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
