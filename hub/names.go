package hub

import "strings"

// resourcePrefix starts the names of tables, buckets and functions; it is what the dynamic prefix stands for.
func (p *project) resourcePrefix() string { return p.Prefix + "-mobilehub-" + p.Number }

func (p *project) bucket(what string) string { return p.Prefix + "-" + what + "-mobilehub-" + p.Number }

// pool names an identity or user pool, role or policy: p_what_MOBILEHUB_n; what is "" for the identity pool.
func (p *project) pool(what string) string {
	if what == "" {
		return p.Prefix + "_MOBILEHUB_" + p.Number
	}
	return p.Prefix + "_" + what + "_MOBILEHUB_" + p.Number
}

func (p *project) function(api, name string) string {
	return api + "-" + name + "-mobilehub-" + p.Number
}

func (p *project) api(name string) string { return name + "-MobileHub-" + p.Number }

// expand puts the project's prefix where the dynamic prefix stands.
func (p *project) expand(text string) string {
	return strings.ReplaceAll(text, DynamicPrefix, p.resourcePrefix())
}
