package gateway

import (
	"regexp"
	"sort"
	"strconv"

	"bothy/api/apigateway"
	"bothy/wire"
)

const maxResources = 300

func (s *Service) mountResources(m *wire.Mux) {
	wire.Handle(m, apigateway.GetResources, func(c *wire.Call, in *apigateway.GetResourcesInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/resources")
	}, s.getResources)
	wire.Handle(m, apigateway.GetResource, func(c *wire.Call, in *apigateway.GetResourceInput) ([]wire.Access, error) {
		return want(c, "GET", apiPath(in.RestApiId)+"/resources/"+in.ResourceId.V)
	}, s.getResource)
	wire.Handle(m, apigateway.CreateResource, func(c *wire.Call, in *apigateway.CreateResourceInput) ([]wire.Access, error) {
		return want(c, "POST", apiPath(in.RestApiId)+"/resources/"+in.ParentId.V)
	}, s.createResource)
	wire.Handle(m, apigateway.DeleteResource, func(c *wire.Call, in *apigateway.DeleteResourceInput) ([]wire.Access, error) {
		return want(c, "DELETE", apiPath(in.RestApiId)+"/resources/"+in.ResourceId.V)
	}, s.deleteResource)
}

// show is the resource on the wire; its methods are only named unless asked for.
func (r *resource) show(embed []string) apigateway.Resource {
	out := apigateway.Resource{Id: wire.Some(r.ID), ParentId: wire.NonEmpty(r.Parent), PathPart: wire.NonEmpty(r.Part), Path: wire.Some(r.Path)}
	full := false
	for _, e := range embed {
		full = full || e == "methods"
	}
	for name, m := range r.Methods {
		if out.ResourceMethods == nil {
			out.ResourceMethods = map[string]apigateway.Method{}
		}
		if out.ResourceMethods[name] = (apigateway.Method{}); full {
			out.ResourceMethods[name] = *m
		}
	}
	return out
}

func (s *Service) getResources(c *wire.Call, in *apigateway.GetResourcesInput) (*apigateway.GetResourcesOutput, error) {
	out := &apigateway.GetResourcesOutput{}
	err := s.read(c, in.RestApiId, func(a *api) error {
		out.Items = []apigateway.Resource{}
		var all []*resource
		for _, r := range a.Resources {
			all = append(all, r)
		}
		sort.Slice(all, func(i, j int) bool { return all[i].Path < all[j].Path })
		from, to, next, err := slicePage(len(all), in.Position, in.Limit)
		if err != nil {
			return err
		}
		out.Position = next
		for _, r := range all[from:to] {
			out.Items = append(out.Items, r.show(in.Embed))
		}
		return nil
	})
	return out, err
}

// slicePage is a page of a list that lies in one row; its position is the index of the next item.
func slicePage(n int, position wire.Opt[string], limit wire.Opt[int32]) (from, to int, next wire.Opt[string], err error) {
	if position.V != "" {
		if from, err = strconv.Atoi(position.V); err != nil || from < 0 {
			return 0, 0, next, badRequest("Invalid position parameter")
		}
	}
	from = min(from, n)
	to = min(from+limitOf(limit), n)
	if to < n {
		next = wire.Some(strconv.Itoa(to))
	}
	return from, to, next, nil
}

func (s *Service) getResource(c *wire.Call, in *apigateway.GetResourceInput) (out *apigateway.Resource, err error) {
	err = s.read(c, in.RestApiId, func(a *api) error {
		r, err := a.resource(in.ResourceId)
		if err == nil {
			shown := r.show(in.Embed)
			out = &shown
		}
		return err
	})
	return out, err
}

var pathPart = regexp.MustCompile(`^([a-zA-Z0-9._\-:]+|\{[a-zA-Z0-9._\-:]+\+?\})$`)

func (s *Service) createResource(c *wire.Call, in *apigateway.CreateResourceInput) (out *apigateway.Resource, err error) {
	id := newID(6)
	err = s.edit(c, in.RestApiId, func(a *api) error {
		r, err := a.addResource(id, in.ParentId, in.PathPart.V)
		if err != nil {
			return err
		}
		shown := r.show(nil)
		out = &shown
		return nil
	})
	return out, err
}

func (a *api) addResource(id string, parentID wire.Opt[string], part string) (*resource, error) {
	parent, err := a.resource(parentID)
	if err != nil {
		return nil, err
	}
	if !pathPart.MatchString(part) || part == "." || part == ".." {
		return nil, badRequest("Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.")
	}
	if isGreedy(parent.Part) {
		return nil, badRequest("Cannot create a child of a resource with a greedy path variable.")
	}
	for _, r := range a.Resources {
		switch {
		case r.Parent != parent.ID:
		case r.Part == part:
			return nil, conflict("Another resource with the same parent already has this name: " + part)
		case isParam(r.Part) && isParam(part) && isGreedy(r.Part) == isGreedy(part):
			return nil, badRequest("A sibling (" + r.Part + ") of this resource already has a variable path part -- only one is allowed")
		}
	}
	if len(a.Resources) >= maxResources {
		return nil, &apigateway.LimitExceededException{Message: wire.Some("Maximum number of resources for this API has been reached.")}
	}
	r := &resource{ID: id, Parent: parent.ID, Part: part, Path: join(parent.Path, part)}
	a.Resources[id] = r
	return r, nil
}

func join(parent, part string) string {
	if parent == "/" {
		return "/" + part
	}
	return parent + "/" + part
}

func isParam(part string) bool  { return len(part) > 2 && part[0] == '{' }
func isGreedy(part string) bool { return isParam(part) && part[len(part)-2] == '+' }

func (s *Service) deleteResource(c *wire.Call, in *apigateway.DeleteResourceInput) (*apigateway.DeleteResourceOutput, error) {
	return nil, s.edit(c, in.RestApiId, func(a *api) error {
		r, err := a.resource(in.ResourceId)
		if err != nil {
			return err
		}
		if r.ID == a.Root {
			return badRequest("Cannot delete the root resource")
		}
		a.removeResource(r.ID)
		return nil
	})
}

// removeResource deletes a resource and all below it.
func (a *api) removeResource(id string) {
	delete(a.Resources, id)
	for child, r := range a.Resources {
		if r.Parent == id {
			a.removeResource(child)
		}
	}
}
