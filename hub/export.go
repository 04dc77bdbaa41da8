package hub

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"bothy/api/mobile"
	"bothy/wire"
)

const rootTag = "!com.amazonaws.mobilehub.v0.Project"

// yml writes the document as Mobile Hub exports it, everything kept that was read, with the project's own name and region.
func (p *Project) yml(name, region string) ([]byte, error) {
	root := *p.doc
	root.Content = append([]*yaml.Node{}, p.doc.Content...)
	setText(&root, "name", name)
	setText(&root, "region", region)
	if root.Tag == "" || strings.HasPrefix(root.Tag, "!!") {
		root.Tag = rootTag
	}
	root.Style |= yaml.TaggedStyle
	var b bytes.Buffer
	b.WriteString("--- ")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&root); err != nil {
		return nil, fmt.Errorf("hub: writing the project file: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	if b.Len() > maxRowYAML {
		return nil, badRequest("The project file is too large: %d bytes, at most %d are allowed.", b.Len(), maxRowYAML)
	}
	return b.Bytes(), nil
}

// maxRowYAML leaves room for the rest of a project's row, which is one value of the store.
const maxRowYAML = 512 << 10

func setText(m *yaml.Node, key, value string) {
	v := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content[i+1] = v
			return
		}
	}
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, v)
}

func (s *Service) exportProject(c *wire.Call, in *mobile.ExportProjectInput) (*mobile.ExportProjectOutput, error) {
	row, err := s.project(c, c.Account, in.ProjectId.V)
	if err != nil {
		return nil, err
	}
	url, err := s.offer(c, download{Project: row.ID, File: row.Prefix + "-mobilehub-" + row.Number + ".zip"})
	return &mobile.ExportProjectOutput{DownloadUrl: wire.Some(url)}, err
}

// projectZip is the export: the project file and the code its functions are made of.
func (r *run) projectZip() ([]byte, error) {
	files := map[string][]byte{projectFileName: []byte(r.row.YML)}
	for _, a := range r.p.APIs {
		for _, path := range a.Paths {
			name := path.Function.CodeFile
			if name == "" || files[name] != nil {
				continue
			}
			code, err := r.getObject(r.row.bucket("deployments"), name, maxCode)
			if err != nil {
				return nil, err
			}
			if code != nil {
				files[name] = code
			}
		}
	}
	return zipOf(files)
}

// reader is a run that only reads: without a lease.
func (s *Service) reader(ctx context.Context, account string, row *project) (*run, error) {
	p, err := Parse([]byte(row.YML))
	if err != nil {
		return nil, fmt.Errorf("hub: project %s: %w", row.Name, err)
	}
	return &run{s: s, ctx: ctx, by: s.cfg.Principal(account), account: account, row: row, p: p, wanted: map[string]bool{}}, nil
}

// bundle is the one bundle there is: the client configuration.
var bundle = mobile.BundleDetails{
	BundleId: wire.Some("app-config"), Title: wire.Some("App configuration"), Version: wire.Some("1.0"),
	Description:        wire.Some("Configuration files that connect an app to the project's backend."),
	AvailablePlatforms: []string{"JAVASCRIPT", "ANDROID", "OBJC", "SWIFT"},
}

func (s *Service) listBundles(*wire.Call, *mobile.ListBundlesInput) (*mobile.ListBundlesOutput, error) {
	return &mobile.ListBundlesOutput{BundleList: []mobile.BundleDetails{bundle}}, nil
}

func (s *Service) describeBundle(_ *wire.Call, in *mobile.DescribeBundleInput) (*mobile.DescribeBundleOutput, error) {
	if in.BundleId.V != bundle.BundleId.V {
		return nil, &mobile.NotFoundException{Message: wire.Some("Bundle " + in.BundleId.V + " does not exist.")}
	}
	b := bundle
	return &mobile.DescribeBundleOutput{Details: &b}, nil
}

func (s *Service) exportBundle(c *wire.Call, in *mobile.ExportBundleInput) (*mobile.ExportBundleOutput, error) {
	if in.BundleId.V != bundle.BundleId.V {
		return nil, &mobile.NotFoundException{Message: wire.Some("Bundle " + in.BundleId.V + " does not exist.")}
	}
	if in.ProjectId.V == "" {
		return nil, badRequest("projectId is required.")
	}
	row, err := s.project(c, c.Account, in.ProjectId.V)
	if err != nil {
		return nil, err
	}
	platform := in.Platform.Or("JAVASCRIPT")
	if len(bundleFiles(platform)) == 0 {
		return nil, badRequest("The bundle is not available for platform %s.", platform)
	}
	url, err := s.offer(c, download{Project: row.ID, Platform: platform, File: "app-config.zip"})
	return &mobile.ExportBundleOutput{DownloadUrl: wire.Some(url)}, err
}

// bundleFiles are the names of a platform's configuration files.
func bundleFiles(platform string) []string {
	switch platform {
	case "JAVASCRIPT":
		return []string{"aws-config.js", "aws-exports.js"}
	case "ANDROID", "OBJC", "SWIFT":
		return []string{"awsconfiguration.json"}
	}
	return nil
}

func (r *run) bundleZip(platform string) ([]byte, error) {
	files := map[string][]byte{}
	for _, name := range bundleFiles(platform) {
		content, err := r.configFile(name)
		if err != nil {
			return nil, err
		}
		files[name] = content
	}
	return zipOf(files)
}
