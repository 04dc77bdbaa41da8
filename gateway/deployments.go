package gateway

import (
	"errors"
	"regexp"
	"strings"

	"bothy/api/apigateway"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) mountDeployments(m *wire.Mux) {
	wire.Handle(m, apigateway.CreateDeployment, func(c *wire.Call, in *apigateway.CreateDeploymentInput) ([]wire.Access, error) {
		return want(c, "POST", apiPath(in.RestApiId)+"/deployments")
	}, s.createDeployment)
	wire.Handle(m, apigateway.GetDeployments, func(c *wire.Call, in *apigateway.GetDeploymentsInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/deployments")
	}, s.getDeployments)
	wire.Handle(m, apigateway.GetDeployment, func(c *wire.Call, in *apigateway.GetDeploymentInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/deployments/"+in.DeploymentId.V)
	}, s.getDeployment)
	wire.Handle(m, apigateway.DeleteDeployment, func(c *wire.Call, in *apigateway.DeleteDeploymentInput) ([]wire.Access, error) {
		return want(c, "DELETE", apiPath(in.RestApiId)+"/deployments/"+in.DeploymentId.V)
	}, s.deleteDeployment)
	wire.Handle(m, apigateway.CreateStage, func(c *wire.Call, in *apigateway.CreateStageInput) ([]wire.Access, error) {
		return want(c, "POST", apiPath(in.RestApiId)+"/stages")
	}, s.createStage)
	wire.Handle(m, apigateway.GetStage, func(c *wire.Call, in *apigateway.GetStageInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/stages/"+in.StageName.V)
	}, s.getStage)
	wire.Handle(m, apigateway.GetStages, func(c *wire.Call, in *apigateway.GetStagesInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/stages")
	}, s.getStages)
	wire.Handle(m, apigateway.UpdateStage, func(c *wire.Call, in *apigateway.UpdateStageInput) ([]wire.Access, error) {
		return want(c, "PATCH", apiPath(in.RestApiId)+"/stages/"+in.StageName.V)
	}, s.updateStage)
	wire.Handle(m, apigateway.DeleteStage, func(c *wire.Call, in *apigateway.DeleteStageInput) ([]wire.Access, error) {
		return want(c, "DELETE", apiPath(in.RestApiId)+"/stages/"+in.StageName.V)
	}, s.deleteStage)
}

var (
	stageName     = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	variableName  = regexp.MustCompile(`^\w+$`)
	variableValue = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#&=,]*$`)
)

func checkStage(name string, variables map[string]string) error {
	if !stageName.MatchString(name) {
		return badRequest("Stage name only allows a-zA-Z0-9_-")
	}
	for k, v := range variables {
		if !variableName.MatchString(k) || !variableValue.MatchString(v) {
			return badRequest("Stage variable names must be alphanumeric and underscores, and the values must match the regular expression '[A-Za-z0-9-._~:/?#&=,]+'.")
		}
	}
	return nil
}

func (d *deployment) show() *apigateway.Deployment {
	return &apigateway.Deployment{Id: wire.Some(d.ID), Description: wire.NonEmpty(d.Description), CreatedDate: wire.Some(d.Created)}
}

func (s *Service) createDeployment(c *wire.Call, in *apigateway.CreateDeploymentInput) (*apigateway.Deployment, error) {
	if in.StageName.Set {
		if err := checkStage(in.StageName.V, in.Variables); err != nil {
			return nil, err
		}
	}
	if in.CanarySettings != nil || in.CacheClusterEnabled.V || in.TracingEnabled.V {
		return nil, unsupported("canaries, caches and tracing of stages")
	}
	d := &deployment{API: in.RestApiId.V, ID: newID(6), Description: in.Description.V, Created: c.Now}
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		a, err := getAPI(tx, c, in.RestApiId.V)
		if err != nil {
			return err
		}
		if err := a.complete(); err != nil {
			return err
		}
		d.Definition = a.definition
		if err := deploymentTable.Insert(tx, scopeOf(c), d); err != nil {
			return err
		}
		if !in.StageName.Set {
			return nil
		}
		st, err := stageTable.Get(tx, scopeOf(c), a.ID, in.StageName.V)
		if errors.Is(err, record.ErrNotFound) {
			st, err = &stage{API: a.ID, Name: in.StageName.V, Created: c.Now}, nil
		}
		if err != nil {
			return err
		}
		st.Deployment, st.Updated = d.ID, c.Now
		if in.StageDescription.Set {
			st.Description = in.StageDescription.V
		}
		if in.Variables != nil {
			st.Variables = in.Variables
		}
		return stageTable.Put(tx, scopeOf(c), st)
	})
	if err != nil {
		return nil, err
	}
	return d.show(), nil
}

// complete says whether the definition can be served.
func (d *definition) complete() error {
	methods := 0
	for _, r := range d.Resources {
		for _, m := range r.Methods {
			methods++
			if m.MethodIntegration == nil {
				return badRequest("No integration defined for method")
			}
		}
	}
	if methods == 0 {
		return badRequest("The REST API doesn't contain any methods")
	}
	return nil
}

func (s *Service) getDeployments(c *wire.Call, in *apigateway.GetDeploymentsInput) (*apigateway.GetDeploymentsOutput, error) {
	out := &apigateway.GetDeploymentsOutput{}
	return out, s.cfg.DB.View(c, func(tx *kv.Tx) error {
		out.Items = []apigateway.Deployment{}
		if _, err := getAPI(tx, c, in.RestApiId.V); err != nil {
			return err
		}
		rows, next, err := deploymentTable.List(tx, scopeOf(c), record.Page{Prefix: []any{in.RestApiId.V}, After: in.Position.V, Limit: limitOf(in.Limit)})
		for _, d := range rows {
			out.Items = append(out.Items, *d.show())
		}
		out.Position = wire.NonEmpty(next)
		return pageError(err)
	})
}

func getDeployment(tx *kv.Tx, c *wire.Call, api, id string) (*deployment, error) {
	if _, err := getAPI(tx, c, api); err != nil {
		return nil, err
	}
	d, err := deploymentTable.Get(tx, scopeOf(c), api, id)
	if errors.Is(err, record.ErrNotFound) {
		return nil, notFound("Invalid Deployment identifier specified")
	}
	return d, err
}

func (s *Service) getDeployment(c *wire.Call, in *apigateway.GetDeploymentInput) (out *apigateway.Deployment, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		d, err := getDeployment(tx, c, in.RestApiId.V, in.DeploymentId.V)
		if err == nil {
			out = d.show()
		}
		return err
	})
	return out, err
}

func (s *Service) deleteDeployment(c *wire.Call, in *apigateway.DeleteDeploymentInput) (*apigateway.DeleteDeploymentOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		d, err := getDeployment(tx, c, in.RestApiId.V, in.DeploymentId.V)
		if err != nil {
			return err
		}
		stages, err := stageTable.All(tx, scopeOf(c), "", d.API)
		if err != nil {
			return err
		}
		for _, st := range stages {
			if st.Deployment == d.ID {
				return badRequest("Active stages pointing to this deployment must be moved or deleted")
			}
		}
		return deploymentTable.Delete(tx, scopeOf(c), d.API, d.ID)
	})
}

func (st *stage) show() *apigateway.Stage {
	return &apigateway.Stage{
		StageName: wire.Some(st.Name), DeploymentId: wire.Some(st.Deployment), Description: wire.NonEmpty(st.Description), Variables: st.Variables, Tags: st.Tags,
		CreatedDate: wire.Some(st.Created), LastUpdatedDate: wire.Some(st.Updated), CacheClusterEnabled: wire.Some(false), CacheClusterStatus: wire.Some("NOT_AVAILABLE"),
		MethodSettings: map[string]apigateway.MethodSetting{}, TracingEnabled: wire.Some(false),
	}
}

func (s *Service) createStage(c *wire.Call, in *apigateway.CreateStageInput) (*apigateway.Stage, error) {
	if err := checkStage(in.StageName.V, in.Variables); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if in.CanarySettings != nil || in.CacheClusterEnabled.V || in.TracingEnabled.V {
		return nil, unsupported("canaries, caches and tracing of stages")
	}
	st := &stage{
		API: in.RestApiId.V, Name: in.StageName.V, Deployment: in.DeploymentId.V, Description: in.Description.V, Variables: in.Variables, Tags: in.Tags,
		Created: c.Now, Updated: c.Now,
	}
	return st.show(), s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := getDeployment(tx, c, st.API, st.Deployment); err != nil {
			return err
		}
		err := stageTable.Insert(tx, scopeOf(c), st)
		if exists := (*record.ErrExists)(nil); errors.As(err, &exists) {
			return conflict("Stage already exists")
		}
		return err
	})
}

func getStage(tx *kv.Tx, c *wire.Call, api, name string) (*stage, error) {
	if _, err := getAPI(tx, c, api); err != nil {
		return nil, err
	}
	st, err := stageTable.Get(tx, scopeOf(c), api, name)
	if errors.Is(err, record.ErrNotFound) {
		return nil, notFound("Invalid stage identifier specified")
	}
	return st, err
}

func (s *Service) getStage(c *wire.Call, in *apigateway.GetStageInput) (out *apigateway.Stage, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		st, err := getStage(tx, c, in.RestApiId.V, in.StageName.V)
		if err == nil {
			out = st.show()
		}
		return err
	})
	return out, err
}

func (s *Service) getStages(c *wire.Call, in *apigateway.GetStagesInput) (*apigateway.GetStagesOutput, error) {
	out := &apigateway.GetStagesOutput{}
	return out, s.cfg.DB.View(c, func(tx *kv.Tx) error {
		out.Item = []apigateway.Stage{}
		if _, err := getAPI(tx, c, in.RestApiId.V); err != nil {
			return err
		}
		rows, err := stageTable.All(tx, scopeOf(c), "", in.RestApiId.V)
		for _, st := range rows {
			if !in.DeploymentId.Set || st.Deployment == in.DeploymentId.V {
				out.Item = append(out.Item, *st.show())
			}
		}
		return err
	})
}

func (s *Service) updateStage(c *wire.Call, in *apigateway.UpdateStageInput) (out *apigateway.Stage, err error) {
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		st, err := getStage(tx, c, in.RestApiId.V, in.StageName.V)
		if err != nil {
			return err
		}
		for _, p := range in.PatchOperations {
			if err := st.patch(p); err != nil {
				return err
			}
		}
		if err := checkStage(st.Name, st.Variables); err != nil {
			return err
		}
		if _, err := getDeployment(tx, c, st.API, st.Deployment); err != nil {
			return err
		}
		st.Updated = c.Now
		out = st.show()
		return stageTable.Put(tx, scopeOf(c), st)
	})
	return out, err
}

func (st *stage) patch(p apigateway.PatchOperation) error {
	if name, ok := strings.CutPrefix(p.Path.V, "/variables/"); ok {
		switch p.Op.V {
		case "add", "replace":
			if st.Variables == nil {
				st.Variables = map[string]string{}
			}
			st.Variables[unescapePointer(name)] = p.Value.V
		case "remove":
			delete(st.Variables, unescapePointer(name))
		default:
			return badPatch(p)
		}
		return nil
	}
	switch {
	case p.Op.V == "replace" && p.Path.V == "/deploymentId":
		st.Deployment = p.Value.V
	case p.Op.V == "replace" && p.Path.V == "/description":
		st.Description = p.Value.V
	default:
		return badPatch(p)
	}
	return nil
}

func (s *Service) deleteStage(c *wire.Call, in *apigateway.DeleteStageInput) (*apigateway.DeleteStageOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		st, err := getStage(tx, c, in.RestApiId.V, in.StageName.V)
		if err != nil {
			return err
		}
		return stageTable.Delete(tx, scopeOf(c), st.API, st.Name)
	})
}
