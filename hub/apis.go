package hub

import (
	"regexp"
	"strings"

	"bothy/api/apigateway"
	"bothy/api/lambda"
	"bothy/wire"
)

// stage is the one stage of every Mobile Hub API.
const stage = "Development"

// apis makes the REST APIs: every path a resource with any method behind AWS_IAM, and an open OPTIONS that answers
// browsers.
func (r *run) apis() error {
	for _, a := range r.p.APIs {
		var err error
		if a.Existing != "" {
			err = r.existingAPI(a)
		} else {
			err = r.api(a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var apiOfARN = regexp.MustCompile(`^arn:aws:(?:execute-api:[a-z0-9-]+:\d{12}:|apigateway:[a-z0-9-]+::/restapis/)([a-z0-9]+)`)

// apiID is the id in an API's ARN, or the id itself.
func apiID(named string) string {
	if m := apiOfARN.FindStringSubmatch(named); m != nil {
		return m[1]
	}
	return named
}

// existingAPI uses an API that is not the project's own.
func (r *run) existingAPI(a API) error {
	key := "api/" + a.Name
	r.want(key)
	id := apiID(a.Existing)
	have, err := call(r, apigateway.GetRestApi, &apigateway.GetRestApiInput{RestApiId: wire.Some(id)})
	if failed(err, "NotFoundException") {
		return badRequest("Project owner does not own existing API : %s", a.Existing)
	}
	if err != nil {
		return err
	}
	m := r.apiMade(a, id, have.Name.V)
	m.Foreign = true
	return r.note(m)
}

func (r *run) apiMade(a API, id, name string) made {
	return made{
		Key: "api/" + a.Name, Type: "AWS::ApiGateway::RestApi", Name: name, ID: id, Feature: "cloud-api",
		ARN:   "arn:aws:apigateway:" + r.row.Region + "::/restapis/" + id,
		Attrs: map[string]string{"configApiName": a.Name, "cfPhysicalID": id, "region": r.row.Region, "status": "CREATE_COMPLETE"},
	}
}

func (r *run) api(a API) error {
	name := r.row.api(a.Name)
	have := r.want("api/" + a.Name)
	id, err := r.findAPI(have, name)
	if err != nil {
		return err
	}
	if id == "" {
		out, err := call(r, apigateway.CreateRestApi, &apigateway.CreateRestApiInput{
			Name: wire.Some(name), Description: wire.NonEmpty(a.Description),
		})
		if err != nil {
			return err
		}
		id = out.Id.V
	}
	if err := r.letInvoke(a, id); err != nil {
		return err
	}
	m := r.apiMade(a, id, name)
	hash := fingerprint(nil, asJSON(r.routes(a)))
	if have != nil && have.ID == id {
		if have.Hash == hash {
			return r.note(withHash(m, hash))
		}
	} else if err := r.note(m); err != nil { // before the rest: it must not be lost
		return err
	}
	if err := r.deploy(a, id); err != nil {
		return err
	}
	return r.note(withHash(m, hash))
}

func withHash(m made, hash string) made { m.Hash = hash; return m }

// routes is what an API's deployment depends on: path → function and whether browsers of any origin may call.
func (r *run) routes(a API) map[string]string {
	out := map[string]string{}
	for _, p := range a.Paths {
		cors := ""
		if p.Function.CORS {
			cors = " cors"
		}
		out[p.Path] = p.Function.Name + cors
	}
	return out
}

// findAPI is the API made before, by its id or, when a run was cut short, by its name.
func (r *run) findAPI(have *made, name string) (string, error) {
	if have != nil {
		_, err := call(r, apigateway.GetStage, &apigateway.GetStageInput{RestApiId: wire.Some(have.ID), StageName: wire.Some(stage)})
		if err == nil {
			return have.ID, nil
		}
		if !failed(err, "NotFoundException") {
			return "", err
		}
		have.Hash = "" // gone, or never deployed
	}
	in := &apigateway.GetRestApisInput{Limit: wire.Some(int32(500))}
	for {
		out, err := call(r, apigateway.GetRestApis, in)
		if err != nil {
			return "", err
		}
		for _, a := range out.Items {
			if a.Name.V == name {
				return a.Id.V, nil
			}
		}
		if in.Position = out.Position; in.Position.V == "" {
			return "", nil
		}
	}
}

// deploy builds the API anew and publishes it: what runs is the last deployment until then.
func (r *run) deploy(a API, id string) error {
	root, err := r.clearAPI(id)
	if err != nil {
		return err
	}
	resources := map[string]string{"/": root}
	for _, p := range a.Paths {
		resource, err := r.apiResource(id, resources, p.Path)
		if err != nil {
			return err
		}
		if err := r.apiMethods(a, id, resource, p); err != nil {
			return err
		}
	}
	for _, kind := range []string{"DEFAULT_4XX", "DEFAULT_5XX"} {
		if _, err := call(r, apigateway.PutGatewayResponse, &apigateway.PutGatewayResponseInput{
			RestApiId: wire.Some(id), ResponseType: wire.Some(kind), ResponseParameters: map[string]string{
				"gatewayresponse.header.Access-Control-Allow-Origin":  "'*'",
				"gatewayresponse.header.Access-Control-Allow-Headers": corsHeaders,
				"gatewayresponse.header.Access-Control-Allow-Methods": corsMethods,
			},
		}); err != nil {
			return err
		}
	}
	_, err = call(r, apigateway.CreateDeployment, &apigateway.CreateDeploymentInput{RestApiId: wire.Some(id), StageName: wire.Some(stage)})
	return err
}

const (
	corsHeaders = "'Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token'"
	corsMethods = "'DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT'"
)

// clearAPI removes all resources of an API but its root, whose methods it removes.
func (r *run) clearAPI(id string) (root string, err error) {
	out, err := call(r, apigateway.GetResources, &apigateway.GetResourcesInput{RestApiId: wire.Some(id), Limit: wire.Some(int32(500))})
	if err != nil {
		return "", err
	}
	for _, res := range out.Items {
		if res.Path.V == "/" {
			root = res.Id.V
			for method := range res.ResourceMethods {
				if _, err := call(r, apigateway.DeleteMethod, &apigateway.DeleteMethodInput{
					RestApiId: wire.Some(id), ResourceId: res.Id, HttpMethod: wire.Some(method),
				}); err != nil && !failed(err, "NotFoundException") {
					return "", err
				}
			}
		}
	}
	for _, res := range out.Items {
		if res.ParentId.V != root || root == "" {
			continue
		}
		if _, err := call(r, apigateway.DeleteResource, &apigateway.DeleteResourceInput{RestApiId: wire.Some(id), ResourceId: res.Id}); err != nil && !failed(err, "NotFoundException") {
			return "", err
		}
	}
	return root, nil
}

// apiResource makes the resource of a path and those above it.
func (r *run) apiResource(id string, have map[string]string, path string) (string, error) {
	if res, ok := have[path]; ok {
		return res, nil
	}
	above, part := path[:strings.LastIndexByte(path, '/')], path[strings.LastIndexByte(path, '/')+1:]
	if above == "" {
		above = "/"
	}
	parent, err := r.apiResource(id, have, above)
	if err != nil {
		return "", err
	}
	out, err := call(r, apigateway.CreateResource, &apigateway.CreateResourceInput{
		RestApiId: wire.Some(id), ParentId: wire.Some(parent), PathPart: wire.Some(part),
	})
	if err != nil {
		return "", err
	}
	have[path] = out.Id.V
	return out.Id.V, nil
}

func (r *run) apiMethods(a API, id, resource string, p Path) error {
	if _, err := call(r, apigateway.PutMethod, &apigateway.PutMethodInput{
		RestApiId: wire.Some(id), ResourceId: wire.Some(resource), HttpMethod: wire.Some("ANY"), AuthorizationType: wire.Some("AWS_IAM"),
	}); err != nil {
		return err
	}
	function := "arn:aws:lambda:" + r.row.Region + ":" + r.account + ":function:" + r.row.function(a.Name, p.Function.Name)
	if _, err := call(r, apigateway.PutIntegration, &apigateway.PutIntegrationInput{
		RestApiId: wire.Some(id), ResourceId: wire.Some(resource), HttpMethod: wire.Some("ANY"), Type: wire.Some("AWS_PROXY"),
		IntegrationHttpMethod: wire.Some("POST"),
		Uri:                   wire.Some("arn:aws:apigateway:" + r.row.Region + ":lambda:path/2015-03-31/functions/" + function + "/invocations"),
	}); err != nil {
		return err
	}
	if !p.Function.CORS {
		return nil
	}
	return r.preflight(id, resource)
}

// preflight answers OPTIONS to everyone, without the function.
func (r *run) preflight(id, resource string) error {
	api, res, options, ok := wire.Some(id), wire.Some(resource), wire.Some("OPTIONS"), wire.Some("200")
	if _, err := call(r, apigateway.PutMethod, &apigateway.PutMethodInput{
		RestApiId: api, ResourceId: res, HttpMethod: options, AuthorizationType: wire.Some("NONE"),
	}); err != nil {
		return err
	}
	const header = "method.response.header.Access-Control-Allow-"
	if _, err := call(r, apigateway.PutMethodResponse, &apigateway.PutMethodResponseInput{
		RestApiId: api, ResourceId: res, HttpMethod: options, StatusCode: ok,
		ResponseParameters: map[string]bool{header + "Origin": false, header + "Headers": false, header + "Methods": false},
	}); err != nil {
		return err
	}
	if _, err := call(r, apigateway.PutIntegration, &apigateway.PutIntegrationInput{
		RestApiId: api, ResourceId: res, HttpMethod: options, Type: wire.Some("MOCK"),
		RequestTemplates: map[string]string{"application/json": `{"statusCode": 200}`}, PassthroughBehavior: wire.Some("WHEN_NO_MATCH"),
	}); err != nil {
		return err
	}
	_, err := call(r, apigateway.PutIntegrationResponse, &apigateway.PutIntegrationResponseInput{
		RestApiId: api, ResourceId: res, HttpMethod: options, StatusCode: ok,
		ResponseParameters: map[string]string{header + "Origin": "'*'", header + "Headers": corsHeaders, header + "Methods": corsMethods},
	})
	return err
}

// letInvoke lets the API call its functions.
func (r *run) letInvoke(a API, id string) error {
	done := map[string]bool{}
	for _, p := range a.Paths {
		name := r.row.function(a.Name, p.Function.Name)
		if done[name] {
			continue
		}
		done[name] = true
		_, err := call(r, lambda.AddPermission, &lambda.AddPermissionInput{
			FunctionName: wire.Some(name), StatementId: wire.Some("api-" + id), Action: wire.Some("lambda:InvokeFunction"),
			Principal: wire.Some("apigateway.amazonaws.com"),
			SourceArn: wire.Some("arn:aws:execute-api:" + r.row.Region + ":" + r.account + ":" + id + "/*"),
		})
		if err != nil && !failed(err, "ResourceConflictException") {
			return err
		}
	}
	return nil
}
