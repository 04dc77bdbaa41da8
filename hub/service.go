// Package hub owns projects: what a mobile-hub-project.yml wants, the resources made of it, and the client configuration
// files. It speaks the Mobile API.
//
// It makes nothing itself: every resource is made, read and removed through the same typed operations any client uses,
// called in process. So it must not know how a service keeps its rows. What it makes it writes down as it goes, so that a
// run cut short is taken up again, and a second run of the same file changes nothing.
//
// Rows, in the scope of the account alone:
//
//	hub.project   (project id)  → project: its document, what was made of it; unique indexes "name" and "number"
//	hub.download  (token hash)  → a download that is good once
package hub

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bothy/api/mobile"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Config is what the service needs from the node.
type Config struct {
	DB  *kv.DB
	Now func() time.Time
	Log *slog.Logger

	// Principal is who makes and removes resources: the node's own, whose rights do not depend on the caller's.
	Principal func(account string) *wire.Principal
	// BaseURL is the https address of this node without a trailing slash, under which Downloads is served at DownloadPath.
	BaseURL func() string
	// SDK reads aws-sdk.min.js, put beside the configuration files; nil leaves it out. It is large and rarely needed, so
	// nobody keeps it.
	SDK func() []byte
}

// Service serves the Mobile API.
type Service struct {
	cfg Config
	mux *wire.Mux
}

// New makes the service; it starts nothing.
func New(cfg Config) *Service { return &Service{cfg: cfg} }

// Mount mounts the operations; resources are made through the same mux.
func (s *Service) Mount(m *wire.Mux) {
	s.mux = m
	wire.Handle(m, mobile.CreateProject, access[mobile.CreateProjectInput]("CreateProject"), s.createProject)
	wire.Handle(m, mobile.UpdateProject, access[mobile.UpdateProjectInput]("UpdateProject"), s.updateProject)
	wire.Handle(m, mobile.DeleteProject, access[mobile.DeleteProjectInput]("DeleteProject"), s.deleteProject)
	wire.Handle(m, mobile.DescribeProject, access[mobile.DescribeProjectInput]("DescribeProject"), s.describeProject)
	wire.Handle(m, mobile.ListProjects, access[mobile.ListProjectsInput]("ListProjects"), s.listProjects)
	wire.Handle(m, mobile.ExportProject, access[mobile.ExportProjectInput]("ExportProject"), s.exportProject)
	wire.Handle(m, mobile.ExportBundle, access[mobile.ExportBundleInput]("ExportBundle"), s.exportBundle)
	wire.Handle(m, mobile.ListBundles, access[mobile.ListBundlesInput]("ListBundles"), s.listBundles)
	wire.Handle(m, mobile.DescribeBundle, access[mobile.DescribeBundleInput]("DescribeBundle"), s.describeBundle)
}

// access is that of every operation: Mobile Hub knows no resources.
func access[In any](name string) func(*wire.Call, *In) ([]wire.Access, error) {
	return func(*wire.Call, *In) ([]wire.Access, error) { return wire.One("mobilehub:"+name, "*", nil), nil }
}

// ForceHeader, when "true" on DeleteProject, removes tables, buckets and user pools with what is in them.
const ForceHeader = "X-Bothy-Force"

// WarningHeader of a reply names what of the project is not served, once per warning.
const WarningHeader = "X-Bothy-Warning"

func badRequest(format string, a ...any) error {
	return &mobile.BadRequestException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

func noProject(id string) error {
	return &mobile.NotFoundException{Message: wire.Some("Project " + id + " does not exist.")}
}

func (s *Service) createProject(c *wire.Call, in *mobile.CreateProjectInput) (*mobile.CreateProjectOutput, error) {
	if in.SnapshotId.V != "" {
		return nil, &mobile.NotFoundException{Message: wire.Some("Snapshot " + in.SnapshotId.V + " does not exist.")}
	}
	p, err := read(in.Contents)
	if err != nil {
		return nil, err
	}
	region := first(in.Region.V, p.Region, c.Region)
	if err := s.mayUse(c, p, &project{Region: region}); err != nil {
		return nil, err
	}
	row, err := s.insert(c, p, first(in.Name.V, p.Name), region)
	if err != nil {
		return nil, err
	}
	row, err = s.converge(c, row.ID, p, creating)
	if err != nil {
		return nil, err
	}
	warn(c, p)
	return &mobile.CreateProjectOutput{Details: s.details(c, row)}, nil
}

func (s *Service) updateProject(c *wire.Call, in *mobile.UpdateProjectInput) (*mobile.UpdateProjectOutput, error) {
	p, err := read(in.Contents)
	if err != nil {
		return nil, err
	}
	row, err := s.project(c, c.Account, in.ProjectId.V)
	if err != nil {
		return nil, err
	}
	if err := s.mayUse(c, p, row); err != nil {
		return nil, err
	}
	row, err = s.converge(c, in.ProjectId.V, p, updating)
	if err != nil {
		return nil, err
	}
	warn(c, p)
	return &mobile.UpdateProjectOutput{Details: s.details(c, row)}, nil
}

func (s *Service) describeProject(c *wire.Call, in *mobile.DescribeProjectInput) (*mobile.DescribeProjectOutput, error) {
	row, err := s.project(c, c.Account, in.ProjectId.V)
	if err != nil {
		return nil, err
	}
	return &mobile.DescribeProjectOutput{Details: s.details(c, row)}, nil
}

// listProjects answers with everything when no page size is given: some clients read one page only.
func (s *Service) listProjects(c *wire.Call, in *mobile.ListProjectsInput) (*mobile.ListProjectsOutput, error) {
	out := &mobile.ListProjectsOutput{Projects: []mobile.ProjectSummary{}}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := projects.List(tx, record.In(c.Account, ""), record.Page{After: in.NextToken.V, Limit: int(in.MaxResults.V)})
		if errors.Is(err, record.ErrToken) {
			return badRequest("Invalid nextToken.")
		}
		if err != nil {
			return err
		}
		for _, row := range rows {
			out.Projects = append(out.Projects, mobile.ProjectSummary{Name: wire.Some(row.Name), ProjectId: wire.Some(row.ID)})
		}
		out.NextToken = wire.NonEmpty(next)
		return nil
	})
	return out, err
}

func (s *Service) deleteProject(c *wire.Call, in *mobile.DeleteProjectInput) (*mobile.DeleteProjectOutput, error) {
	force := c.HTTP != nil && c.HTTP.Header.Get(ForceHeader) == "true"
	gone, left, err := s.remove(c, in.ProjectId.V, force)
	if err != nil {
		return nil, err
	}
	return &mobile.DeleteProjectOutput{DeletedResources: gone, OrphanedResources: left}, nil
}

// warn says what was read but is not served.
func warn(c *wire.Call, p *Project) {
	for _, w := range p.Warnings {
		c.Header.Add(WarningHeader, headerText(w))
	}
}

// read parses an upload; what is wrong with it is the caller's to mend.
func read(upload []byte) (*Project, error) {
	p, err := Parse(upload)
	if bad := (*mobile.BadRequestException)(nil); err == nil || errors.As(err, &bad) {
		return p, err
	}
	return nil, badRequest("%v", err)
}

// headerText makes a text fit for a header: the words come from a file somebody wrote.
func headerText(s string) string {
	b := []byte(s)
	for i, ch := range b {
		if ch < ' ' || ch > '~' {
			b[i] = '?'
		}
	}
	return string(b[:min(len(b), 500)])
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
