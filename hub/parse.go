package hub

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads a project: a mobile-hub-project.yml, or a zip that holds one. Its errors are for the one who wrote the file.
func Parse(upload []byte) (*Project, error) {
	yml, files, err := unpack(upload)
	if err != nil {
		return nil, err
	}
	doc, err := parseYAML(yml)
	if err != nil {
		return nil, err
	}
	if k := kind(doc); k != "" && k != "Project" && k != "ConvertibleProject" {
		return nil, fmt.Errorf("the document is a %s, not a Project", k)
	} else if k == "" && child(doc, "features") == nil {
		return nil, errors.New("the project file is not a Mobile Hub project: it has no features")
	}
	p := &Project{Name: text(child(doc, "name")), Region: text(child(doc, "region")), Files: files, doc: doc}
	each(doc, func(key string, _ *yaml.Node) {
		if !slices.Contains([]string{"features", "name", "region", "uploads", "sharedComponents", "apps"}, key) {
			p.warn("the key %q is not known; it is kept for export", key)
		}
	})
	if err := p.parseUploads(child(doc, "uploads")); err != nil {
		return nil, err
	}
	if err := p.parseFeatures(child(doc, "features")); err != nil {
		return nil, err
	}
	if p.misread != nil {
		return nil, p.misread
	}
	return p, nil
}

func (p *Project) warn(format string, a ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, a...))
}

func (p *Project) parseFeatures(features *yaml.Node) error {
	var failed error
	each(features, func(key string, f *yaml.Node) {
		if failed != nil {
			return
		}
		switch key {
		case "sign-in":
			failed = p.parseSignIn(f)
		case "content-delivery":
			p.parseHosting(f)
		case "cloudlogic":
			failed = p.parseAPIs(f)
		case "database":
			failed = p.parseTables(f)
		case "user-files":
			p.UserFiles = p.enabled(f)
			p.WildcardCORS = p.yes(at(f, "attributes", "wildcard-cors-policy"), true)
		case "user-profiles":
			p.UserSettings = p.enabled(f)
			if p.UserSettings {
				p.warn("feature user-profiles: app settings sync (Cognito Sync) is not served")
			}
		case "mobile-analytics":
			p.parseAnalytics(f)
		case "push-notifications":
			p.warn("feature push-notifications (SNS) is not served; it is kept for export")
		case "bots":
			each(child(f, "components"), func(name string, _ *yaml.Node) { p.Bots = append(p.Bots, name) })
			if len(p.Bots) > 0 {
				p.warn("feature bots: %s: conversational bots are not served; they are kept for export", strings.Join(p.Bots, ", "))
			}
		default:
			p.warn("the feature %q is not known; it is kept for export", key)
		}
	})
	return failed
}

// enabled reads the switch of a feature: an empty one is present but off.
func (p *Project) enabled(f *yaml.Node) bool {
	return p.yes(at(f, "attributes", "enabled"), false)
}

func (p *Project) parseUploads(n *yaml.Node) error {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	for _, u := range n.Content {
		up := Upload{File: text(child(u, "fileName")), Target: text(child(u, "targetS3Bucket"))}
		if name, err := cleanName(up.File); up.File != "" && (err != nil || name != up.File) {
			return fmt.Errorf("the upload's fileName %q is not a plain path", up.File)
		}
		if up.File == "" || !slices.Contains([]string{"user-files", "hosting", "deployments"}, up.Target) {
			p.warn("the upload %q to %q is not understood and left out", up.File, up.Target)
			continue
		}
		p.Uploads = append(p.Uploads, up)
	}
	return nil
}

func (p *Project) parseSignIn(f *yaml.Node) error {
	components := child(f, "components")
	if !p.yes(at(f, "attributes", "enabled"), components != nil && len(components.Content) > 0) {
		return nil
	}
	p.SignIn = &SignIn{Optional: p.yes(at(f, "attributes", "optional-sign-in"), false)}
	var failed error
	each(components, func(key string, c *yaml.Node) {
		switch {
		case key == "sign-in-user-pools" || kind(c) == "UserPoolsIdentityProvider":
			p.SignIn.Pool, failed = p.parseUserPool(child(c, "attributes"))
		case p.yes(at(c, "attributes", "enabled"), true):
			p.warn("sign-in provider %s is not served yet; it is kept for export", key)
		}
	})
	return failed
}

func (p *Project) parseUserPool(a *yaml.Node) (*UserPool, error) {
	if !p.yes(child(a, "enabled"), true) {
		return nil, nil
	}
	policy := mapping(child(a, "password-policy"))
	pool := &UserPool{
		Existing: text(child(a, "user-pool-id")), Name: text(child(a, "name")), Aliases: list(child(a, "alias-attributes")), MFA: strings.ToUpper(text(child(a, "mfa-configuration"))),
		MinLength: p.number(child(policy, "min-length"), 8),
		Lowercase: p.yes(child(policy, "require-lower-case"), false), Uppercase: p.yes(child(policy, "require-upper-case"), false),
		Numbers: p.yes(child(policy, "require-numbers"), false), Symbols: p.yes(child(policy, "require-symbols"), false),
	}
	if pool.Name == "" {
		pool.Name = "userpool"
	}
	switch pool.MFA {
	case "ON", "OFF", "OPTIONAL":
	case "", "FALSE":
		pool.MFA = "OFF"
	case "TRUE":
		pool.MFA = "ON"
	default:
		return nil, fmt.Errorf("mfa-configuration %q is not OFF, ON or OPTIONAL", pool.MFA)
	}
	for _, alias := range pool.Aliases {
		if !slices.Contains([]string{"email", "phone_number", "preferred_username"}, alias) {
			return nil, fmt.Errorf("alias-attributes holds %q, which is not email, phone_number or preferred_username", alias)
		}
	}
	if pool.MinLength < 6 || pool.MinLength > 99 {
		return nil, fmt.Errorf("password-policy min-length %d is not between 6 and 99", pool.MinLength)
	}
	return pool, nil
}

func (p *Project) parseHosting(f *yaml.Node) {
	if p.enabled(f) {
		p.Hosting = &Hosting{Global: text(at(f, "attributes", "visibility")) != "private-single-region"}
	}
}

func (p *Project) parseAnalytics(f *yaml.Node) {
	each(child(f, "components"), func(key string, c *yaml.Node) {
		switch {
		case kind(c) == "PinpointAnalytics" || key == "analytics":
			p.Analytics = true
		case kind(c) == "PinpointMessaging":
			p.Push = true
		default:
			p.warn("the analytics component %q is not known; it is kept for export", key)
		}
	})
	if p.Analytics || p.Push {
		p.warn("feature mobile-analytics: analytics and messaging (Pinpoint) are not served yet; the project is imported without them")
	}
}

var (
	apiName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	apiPath   = regexp.MustCompile(`^(/|(/([A-Za-z0-9._~:-]+|\{[A-Za-z0-9._-]+\+?\}))+)$`)
	tableName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,200}$`)
	funcName  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// maxFunctionName leaves room for what else is in the name of a Lambda function of 64 letters: API-FUNCTION-mobilehub-NUMBER.
const maxFunctionName = 42

func (p *Project) parseAPIs(f *yaml.Node) error {
	var failed error
	each(child(f, "components"), func(key string, c *yaml.Node) {
		if failed != nil {
			return
		}
		if kind(c) == "SaaSConnectorAPI" {
			failed = fmt.Errorf("the API %q is a SaaS connector, which is not supported", key)
			return
		}
		failed = p.parseAPI(key, c)
	})
	slices.SortFunc(p.APIs, func(a, b API) int { return strings.Compare(a.Name, b.Name) })
	return failed
}

// shareFunctions makes the paths of an API that name one function mean one: the first that is described. Exports repeat a
// function at each of its paths, with descriptions of their own.
func (p *Project) shareFunctions(a *API) {
	defined := map[string]Function{}
	for i := range a.Paths {
		f := &a.Paths[i].Function
		have, ok := defined[f.Name]
		if !ok {
			defined[f.Name] = *f
			continue
		}
		f.Description = have.Description
		if !reflect.DeepEqual(have, *f) {
			p.warn("API %s: two functions have the name %s but differ; the one of the path %s is used", a.Name, f.Name, a.Paths[0].Path)
		}
		*f = have
	}
}

func (p *Project) parseAPI(key string, c *yaml.Node) error {
	a := child(c, "attributes")
	api := API{
		Name: text(child(a, "name")), Description: text(child(a, "description")),
		RequiresSignIn: p.yes(child(a, "requires-signin"), false),
		Existing:       text(child(a, "api-arn")), Stage: text(child(a, "sdk-generation-stage-name")),
	}
	if api.Name == "" {
		api.Name = key
	}
	if !apiName.MatchString(api.Name) {
		return fmt.Errorf("the API name %q is not a name", api.Name)
	}
	if slices.ContainsFunc(p.APIs, func(o API) bool { return o.Name == api.Name }) {
		return fmt.Errorf("two APIs have the name %q", api.Name)
	}
	if api.Stage == "" {
		api.Stage = "Development"
	}
	var failed error
	each(child(c, "paths"), func(path string, f *yaml.Node) {
		if !apiPath.MatchString(path) {
			failed = fmt.Errorf("API %s: %q is not a path", api.Name, path)
			return
		}
		fn, err := p.parseFunction(api.Name, f)
		if err != nil {
			failed = err
		}
		api.Paths = append(api.Paths, Path{path, fn})
	})
	slices.SortFunc(api.Paths, func(a, b Path) int { return strings.Compare(a.Path, b.Path) })
	p.shareFunctions(&api)
	p.APIs = append(p.APIs, api)
	return failed
}

func (p *Project) parseFunction(api string, f *yaml.Node) (Function, error) {
	fn := Function{
		Name: text(child(f, "name")), Description: text(child(f, "description")),
		CodeFile: text(child(f, "codeFilename")), Handler: text(child(f, "handler")), Runtime: text(child(f, "runtime")),
		MemoryMB: p.number(child(f, "memorySize"), 128), TimeoutS: p.number(child(f, "timeout"), 3),
		CORS: p.yes(child(f, "enableCORS"), true), Environment: map[string]string{},
	}
	if fn.Name == "" {
		fn.Name = "handler"
	}
	if !funcName.MatchString(fn.Name) {
		return fn, fmt.Errorf("API %s: the function name %q is not a name of letters, digits, - and _", api, fn.Name)
	}
	if n := len(api) + len(fn.Name); n > maxFunctionName {
		return fn, fmt.Errorf("API %s: the names of the API and its function %s have %d letters together, at most %d are allowed", api, fn.Name, n, maxFunctionName)
	}
	if fn.CodeFile != "" {
		if name, err := cleanName(fn.CodeFile); err != nil || name != fn.CodeFile {
			return fn, fmt.Errorf("API %s: the codeFilename %q is not a plain path", api, fn.CodeFile)
		}
	}
	if fn.Handler == "" {
		fn.Handler = "index.handler"
	}
	if fn.Runtime == "" {
		fn.Runtime = "nodejs6.10"
	}
	each(mapping(child(f, "environment")), func(k string, v *yaml.Node) {
		fn.Environment[k] = v.Value
	})
	return fn, nil
}

func (p *Project) parseTables(f *yaml.Node) error {
	var failed error
	each(child(f, "components"), func(key string, c *yaml.Node) {
		tables := child(c, "tables")
		if tables == nil || tables.Kind != yaml.SequenceNode {
			return
		}
		for _, n := range tables.Content {
			t, err := parseTable(n)
			if err == nil && slices.ContainsFunc(p.Tables, func(o Table) bool { return o.Name == t.Name }) {
				err = fmt.Errorf("two tables have the name %q", t.Name)
			}
			if err != nil {
				failed = err
				return
			}
			if t.Privacy != "public" && (t.Hash.Name != "userId" || t.Hash.Type != "S") {
				p.warn("table %s is %s but its partition key is not userId of type S: app users reach no row of their own", t.Name, t.Privacy)
			}
			p.Tables = append(p.Tables, t)
		}
	})
	return failed
}

func parseTable(n *yaml.Node) (Table, error) {
	t := Table{
		Name: text(child(n, "tableName")), Privacy: strings.ToLower(text(child(n, "tablePrivacy"))),
		Hash: keyAttribute(n, "hashKey"), Sort: keyAttribute(n, "rangeKey"),
	}
	each(child(n, "attributes"), func(k string, v *yaml.Node) {
		t.Attributes = append(t.Attributes, Attribute{k, text(v)})
	})
	slices.SortFunc(t.Attributes, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	if indexes := child(n, "indexes"); indexes != nil {
		for _, ix := range indexes.Content {
			t.Indexes = append(t.Indexes, TableIndex{text(child(ix, "indexName")), keyAttribute(ix, "hashKey"), keyAttribute(ix, "rangeKey")})
		}
	}
	return t, t.check()
}

func keyAttribute(n *yaml.Node, prefix string) Attribute {
	return Attribute{text(child(n, prefix+"Name")), strings.ToUpper(text(child(n, prefix+"Type")))}
}

func (t *Table) check() error {
	if !tableName.MatchString(t.Name) {
		return fmt.Errorf("the table name %q is not a name", t.Name)
	}
	if t.Privacy == "" {
		t.Privacy = "private" // what is left open is closed
	}
	if !slices.Contains([]string{"public", "protected", "private"}, t.Privacy) {
		return fmt.Errorf("table %s: tablePrivacy %q is not public, protected or private", t.Name, t.Privacy)
	}
	keys := []*Attribute{&t.Hash, &t.Sort}
	for i := range t.Indexes {
		keys = append(keys, &t.Indexes[i].Hash, &t.Indexes[i].Sort)
		if t.Indexes[i].Name == "" || t.Indexes[i].Hash.Name == "" {
			return fmt.Errorf("table %s: an index without a name or partition key", t.Name)
		}
	}
	types := map[string]string{}
	for _, k := range keys {
		if k.Name == "" {
			continue
		}
		if k.Type == "" {
			k.Type = "S"
		}
		if k.Type != "S" && k.Type != "N" && k.Type != "B" {
			return fmt.Errorf("table %s: the key %s has the type %q, which is not S, N or B", t.Name, k.Name, k.Type)
		}
		if had, ok := types[k.Name]; ok && had != k.Type {
			return fmt.Errorf("table %s: the key %s has two types", t.Name, k.Name)
		}
		types[k.Name] = k.Type
	}
	if t.Hash.Name == "" {
		return fmt.Errorf("table %s has no partition key", t.Name)
	}
	return nil
}
