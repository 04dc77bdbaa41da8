package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
)

type projectCommand struct {
	Import  projectImport  `cmd:"" help:"Create a project from a mobile-hub-project.yml or a zip that holds one, or update the project of that name."`
	List    projectList    `cmd:"" help:"List projects."`
	Show    projectShow    `cmd:"" help:"Show a project and its resources."`
	Publish projectPublish `cmd:"" help:"Put a directory of files into the project's hosting bucket."`
	Delete  projectDelete  `cmd:"" help:"Delete a project and what it made."`
}

// project is the Mobile API's ProjectDetails.
type project struct {
	Name      string     `json:"name"`
	ProjectID string     `json:"projectId"`
	Region    string     `json:"region"`
	State     string     `json:"state"`
	Resources []resource `json:"resources"`
}

type resource struct {
	Type       string            `json:"type"`
	Name       string            `json:"name"`
	ARN        string            `json:"arn"`
	Feature    string            `json:"feature"`
	Attributes map[string]string `json:"attributes"`
}

const hubService = "AWSMobileHubService"

type projectImport struct {
	File string `arg:"" help:"The yml or zip." type:"existingfile"`
	Name string `help:"Name of the project. By default the file's without its ending; for a mobile-hub-project.yml, the one written in it."`
	JSON bool   `help:"Print the project as JSON."`
}

// Run imports a project.
func (p *projectImport) Run(s *streams, t *Target) error {
	d, err := importProject(s, t, p.File, p.Name)
	if err != nil {
		return err
	}
	if p.JSON {
		return printJSON(s, d)
	}
	return printProject(s, d)
}

func importProject(ctx context.Context, t *Target, file, name string) (*project, error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if name == "" {
		if name, err = defaultName(file, body); err != nil {
			return nil, err
		}
	}
	r := request{service: hubService, method: "POST", path: "/projects", kind: "application/octet-stream", body: body, query: url.Values{"name": {name}, "region": {t.Region}}}
	if id, err := findProject(ctx, t, name); err == nil {
		r.path, r.query = "/update", url.Values{"projectId": {id}}
	} else if !errors.Is(err, errNoProject) {
		return nil, err
	}
	var answer struct {
		Details project `json:"details"`
	}
	err = t.call(ctx, r, &answer)
	var refused *apiError
	if errors.As(err, &refused) && strings.HasPrefix(refused.message, "Unable to find build artifact") {
		err = fmt.Errorf("%w\nThe code of the functions is missing: import a zip that holds mobile-hub-project.yml and the files it names", err)
	}
	return &answer.Details, err
}

// nameLine is where a project file says the name of its project.
var nameLine = regexp.MustCompile(`(?m)^name:[ \t]+["']?([^"'#\r\n]+?)["']?[ \t]*\r?$`)

// defaultName is the name of a project that was given none. Every project's yml was called mobile-hub-project.yml by Mobile Hub:
// taken for the project's name, it would bring one project up to date with another.
func defaultName(file string, body []byte) (string, error) {
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if base != "mobile-hub-project" {
		return base, nil
	}
	m := nameLine.FindSubmatch(body)
	if m == nil {
		return "", fmt.Errorf("%s does not say the name of the project: give it one with --name", file)
	}
	return string(m[1]), nil
}

var errNoProject = errors.New("no such project")

// findProject is the id of the project with the name or id.
func findProject(ctx context.Context, t *Target, name string) (string, error) {
	all, err := listProjects(ctx, t)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		if p.Name == name || p.ProjectID == name {
			return p.ProjectID, nil
		}
	}
	return "", fmt.Errorf("%w: %q", errNoProject, name)
}

func listProjects(ctx context.Context, t *Target) ([]project, error) {
	var all []project
	for token := ""; ; {
		var page struct {
			Projects  []project `json:"projects"`
			NextToken string    `json:"nextToken"`
		}
		q := url.Values{}
		if token != "" {
			q.Set("nextToken", token)
		}
		if err := t.call(ctx, request{service: hubService, method: "GET", path: "/projects", query: q}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Projects...)
		if token = page.NextToken; token == "" {
			return all, nil
		}
	}
}

type projectList struct {
	JSON bool `help:"Print JSON."`
}

// Run lists projects.
func (p *projectList) Run(s *streams, t *Target) error {
	all, err := listProjects(s, t)
	if err != nil {
		return err
	}
	if p.JSON {
		return printJSON(s, append([]project{}, all...))
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tID") //nolint:errcheck // flushed below
	for _, d := range all {
		fmt.Fprintf(w, "%s\t%s\n", plain(d.Name), plain(d.ProjectID)) //nolint:errcheck // flushed below
	}
	return w.Flush()
}

func describeProject(ctx context.Context, t *Target, name string) (*project, error) {
	id, err := findProject(ctx, t, name)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Details project `json:"details"`
	}
	err = t.call(ctx, request{service: hubService, method: "GET", path: "/project", query: url.Values{"projectId": {id}}}, &answer)
	return &answer.Details, err
}

type projectShow struct {
	Name string `arg:"" help:"Name or id."`
	JSON bool   `help:"Print JSON."`
}

// Run shows a project.
func (p *projectShow) Run(s *streams, t *Target) error {
	d, err := describeProject(s, t, p.Name)
	if err != nil {
		return err
	}
	if p.JSON {
		return printJSON(s, d)
	}
	return printProject(s, d)
}

func printProject(s *streams, d *project) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "project\t%s\nid\t%s\nregion\t%s\nstate\t%s\n\n", plain(d.Name), plain(d.ProjectID), plain(d.Region), plain(d.State)) //nolint:errcheck // flushed below
	for _, r := range d.Resources {
		fmt.Fprintf(w, "%s\t%s\t%s\n", plain(r.Type), plain(r.Name), plain(r.Feature)) //nolint:errcheck // flushed below
	}
	return w.Flush()
}

// hosting is the name of the project's hosting bucket, "" when it has none.
func (p *project) hosting() string {
	for _, r := range p.Resources {
		if r.Type == "AWS::S3::Bucket" && r.Feature == "hosting" {
			return r.Name
		}
	}
	return ""
}

type projectPublish struct {
	Name string `arg:"" help:"Name or id of the project."`
	Dir  string `arg:"" help:"Directory of the built site." type:"existingdir"`
}

// Run uploads every file of the directory.
func (p *projectPublish) Run(s *streams, t *Target) error {
	d, err := describeProject(s, t, p.Name)
	if err != nil {
		return err
	}
	n, err := publish(s, t, d, p.Dir)
	if err == nil {
		_, err = fmt.Fprintf(s.out, "%d files published to %s\n", n, d.hosting())
	}
	return err
}

func publish(ctx context.Context, t *Target, d *project, dir string) (n int, err error) {
	bucket := d.hosting()
	if bucket == "" {
		return 0, fmt.Errorf("project %s has no hosting", d.Name)
	}
	at := *t
	at.Region = d.Region
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		kind := mime.TypeByExtension(filepath.Ext(path))
		if kind == "" {
			kind = "application/octet-stream"
		}
		key := (&url.URL{Path: "/" + bucket + "/" + filepath.ToSlash(rel)}).EscapedPath()
		if err := at.call(ctx, request{service: "s3", method: "PUT", path: key, kind: kind, body: body}, nil); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		n++
		return nil
	})
	return n, err
}

type projectDelete struct {
	Name string `arg:"" help:"Name or id."`
}

// Run deletes a project and says what is left.
func (p *projectDelete) Run(s *streams, t *Target) error {
	id, err := findProject(s, t, p.Name)
	if err != nil {
		return err
	}
	var answer struct {
		Deleted  []resource `json:"deletedResources"`
		Orphaned []resource `json:"orphanedResources"`
	}
	if err := t.call(s, request{service: hubService, method: "DELETE", path: "/projects/" + url.PathEscape(id)}, &answer); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%d resources deleted\n", len(answer.Deleted)) //nolint:errcheck // the next line tells
	for _, r := range answer.Orphaned {
		if _, err := fmt.Fprintf(s.out, "left: %s %s (it holds data)\n", plain(r.Type), plain(r.Name)); err != nil {
			return err
		}
	}
	return nil
}
