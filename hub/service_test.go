package hub

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/mobile"
	"bothy/wire"
)

func ionic(t testing.TB) []byte {
	return pack(t, map[string]string{"mobile-hub-project.yml": string(fixture(t, "ionic.yml")), "lambda-archive.zip": "PK-code"})
}

func (w *world) create(upload []byte, name string) (*mobile.ProjectDetails, error) {
	out, err := do(w, mobile.CreateProject, &mobile.CreateProjectInput{Contents: upload, Name: wire.NonEmpty(name)})
	if err != nil {
		return nil, err
	}
	return out.Details, nil
}

func (w *world) update(id string, upload []byte) (*mobile.ProjectDetails, error) {
	out, err := do(w, mobile.UpdateProject, &mobile.UpdateProjectInput{ProjectId: wire.Some(id), Contents: upload})
	if err != nil {
		return nil, err
	}
	return out.Details, nil
}

func (w *world) project(t testing.TB, name string) *mobile.ProjectDetails {
	t.Helper()
	d, err := w.create(ionic(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func find(d *mobile.ProjectDetails, kind, feature string) (out []mobile.Resource) {
	for _, r := range d.Resources {
		if r.Type.V == kind && (feature == "" || r.Feature.V == feature) {
			out = append(out, r)
		}
	}
	return out
}

func TestCreate(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "My Tasks!"[:8])
	if d.State.V != "NORMAL" || d.Region.V != "us-east-1" || d.Name.V != "My Tasks" || !strings.Contains(d.ConsoleUrl.V, d.ProjectId.V) {
		t.Errorf("details %+v", d)
	}
	n := w.number(t, d)
	for _, c := range []struct{ kind, feature, name string }{
		{"AWS::S3::Bucket", "common", "mytasks-deployments-mobilehub-" + n}, {"AWS::S3::Bucket", "hosting", "mytasks-hosting-mobilehub-" + n},
		{"AWS::Cognito::UserPool", "user-signin", "mytasks_userpool_MOBILEHUB_" + n}, {"AWS::Cognito::IdentityPool", "user-signin", "mytasks_MOBILEHUB_" + n},
		{"AWS::IAM::Role", "cloud-api", "mytasks_lambdaexecutionrole_MOBILEHUB_" + n}, {"AWS::CloudFormation::Stack", "", "Development"},
	} {
		got := find(d, c.kind, c.feature)
		if len(got) != 1 || got[0].Name.V != c.name {
			t.Errorf("%s %s: %+v, want %s", c.kind, c.feature, got, c.name)
		}
	}
	for kind, count := range map[string]int{"AWS::DynamoDB::Table": 2, "AWS::ApiGateway::RestApi": 2, "AWS::Lambda::Function": 2, "AWS::CloudFront::Distribution": 1, "AWS::IAM::Role": 3} {
		if got := find(d, kind, ""); len(got) != count {
			t.Errorf("%s: %d, want %d", kind, len(got), count)
		}
	}
	if s := find(d, "AWS::CloudFormation::Stack", "")[0].Attributes["stateSummary"]; s != "CREATE_COMPLETE" {
		t.Errorf("stack %s", s)
	}
	if f := find(d, "AWS::Lambda::Function", "")[1]; f.Name.V != "TasksAPI-handler-mobilehub-"+n || f.Attributes["status"] == "" || f.Attributes["configApiName"] != "TasksAPI" {
		t.Errorf("function %+v", f)
	}
	pool := find(d, "AWS::Cognito::UserPool", "")[0].Attributes
	if pool["user-pools-client-secret"] == "" || pool["user-pools-web-client-id"] == "" || pool["user-pools-web-client-id"] == pool["user-pools-client-id"] ||
		pool["alias-attributes"] != `["email"]` || pool["mfa-configuration"] != "OFF" {
		t.Errorf("user pool %v", pool)
	}
	prefix := "mytasks-mobilehub-" + n
	for _, key := range []string{
		"bucketpolicy mytasks-hosting-mobilehub-" + n, "website mytasks-hosting-mobilehub-" + n, "table " + prefix + "-tasks", "table " + prefix + "-projects",
		"object mytasks-deployments-mobilehub-" + n + "/uploads/lambda-archive.zip", "object mytasks-hosting-mobilehub-" + n + "/aws-sdk.min.js",
		"role mytasks_unauth_MOBILEHUB_" + n,
	} {
		if _, ok := w.has[key]; !ok {
			t.Errorf("no %s in\n%s", key, w.dump())
		}
	}
	if env := w.has["function TasksAPI-handler-mobilehub-"+n]; !strings.Contains(env, `"TASKS_TABLE":"`+prefix+`-tasks"`) ||
		!strings.Contains(env, `"MOBILE_HUB_DYNAMIC_PREFIX":"`+prefix+`"`) || !strings.Contains(env, `"REGION":"us-east-1"`) {
		t.Errorf("environment %s", env)
	}
	if w.has["code TasksAPI-handler-mobilehub-"+n] != "PK-code" {
		t.Error("the function has other code")
	}
	for k, v := range w.has {
		if strings.HasPrefix(k, "method ") && v != map[bool]string{true: "NONE", false: "AWS_IAM"}[strings.HasSuffix(k, "OPTIONS")] {
			t.Errorf("%s is behind %s", k, v)
		}
	}
}

// number is n of the project's names.
func (w *world) number(t testing.TB, d *mobile.ProjectDetails) string {
	t.Helper()
	name := find(d, "AWS::S3::Bucket", "common")[0].Name.V
	return name[strings.LastIndexByte(name, '-')+1:]
}

// Running the same file again changes nothing at all.
func TestIdempotent(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	before, changes := maps.Clone(w.has), len(w.changes)
	again, err := w.update(d.ProjectId.V, ionic(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(w.changes) != changes || !maps.Equal(before, w.has) {
		t.Errorf("changed %q", w.changes[changes:])
	}
	if s := find(again, "AWS::CloudFormation::Stack", "")[0].Attributes["stateSummary"]; s != "UPDATE_COMPLETE" || len(again.Resources) != len(d.Resources) {
		t.Errorf("stack %s, %d resources of %d", s, len(again.Resources), len(d.Resources))
	}
}

// The power goes before every single change in turn; taking the project up again ends where an undisturbed run ends.
func TestCutAnywhere(t *testing.T) {
	clean := newWorld(t, false)
	clean.project(t, "a")
	want, total := clean.shape(), len(clean.changes)
	for cut := 1; cut <= total; cut++ {
		w := newWorld(t, false)
		w.cutAt = cut
		if _, err := w.create(ionic(t), "a"); err == nil {
			t.Fatalf("cut %d: no error", cut)
		}
		w.cutAt = 0
		list, err := do(w, mobile.ListProjects, &mobile.ListProjectsInput{})
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(leaseTime + time.Second)
		if len(list.Projects) == 0 { // taken back altogether
			if got := w.shape(); len(got) > 0 {
				t.Fatalf("cut %d: taken back but left\n%s", cut, w.dump())
			}
			continue
		}
		if _, err := w.update(list.Projects[0].ProjectId.V, ionic(t)); err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		if got := w.shape(); !maps.Equal(got, want) {
			t.Fatalf("cut %d:\n got %v\nwant %v", cut, got, want)
		}
		if _, err := do(w, mobile.DeleteProject, &mobile.DeleteProjectInput{ProjectId: list.Projects[0].ProjectId}); err != nil {
			t.Fatalf("cut %d: delete: %v", cut, err)
		}
		if got := w.shape(); len(got) > 0 {
			t.Fatalf("cut %d: delete left\n%s", cut, w.dump())
		}
	}
}

// A node that died in the middle takes its projects up when it comes back.
func TestResume(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	want := w.shape()
	row, err := w.s.change(context.Background(), account, d.ProjectId.V, "", func(p *project) error {
		p.Stack, p.Busy = "UPDATE_IN_PROGRESS", &lease{"dead", w.now.Add(leaseTime)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for k := range w.has {
		if strings.HasPrefix(k, "table ") || strings.HasPrefix(k, "function ") {
			delete(w.has, k)
		}
	}
	if err := w.s.Resume(context.Background(), account); err != nil || w.s.state(row) != "SYNCING" {
		t.Fatalf("while another works: %v", err)
	}
	if _, err := w.update(d.ProjectId.V, ionic(t)); !failed(err, "TooManyRequestsException") {
		t.Errorf("two at once: %v", err)
	}
	w.now = w.now.Add(leaseTime + time.Second)
	if err := w.s.Resume(context.Background(), account); err != nil {
		t.Fatal(err)
	}
	if got := w.shape(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUpdateRemovesFeatures(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	n := w.number(t, d)
	w.has["row a-mobilehub-"+n+"-tasks/1"] = "data"
	yml := []byte("features: {sign-in: {attributes: {enabled: true, optional-sign-in: false}, components: {sign-in-user-pools: {attributes: {name: userpool}}}}}")
	d, err := w.update(d.ProjectId.V, yml)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"AWS::DynamoDB::Table", "AWS::ApiGateway::RestApi", "AWS::Lambda::Function", "AWS::CloudFront::Distribution"} {
		if got := find(d, gone, ""); len(got) > 0 {
			t.Errorf("still %+v", got)
		}
	}
	shape := w.shape()
	for kind, want := range map[string]int{"table": 1, "api": 0, "function": 0, "cdn": 0, "bucket": 1, "userpool": 1, "role": 1, "rolepolicy": 1} {
		if shape[kind] != want {
			t.Errorf("%s: %d, want %d in\n%s", kind, shape[kind], want, w.dump())
		}
	}
	if v := w.has["identitypool "+find(d, "AWS::Cognito::IdentityPool", "")[0].Attributes["poolid"]]; v != "false 2" {
		t.Errorf("sign-in is required but the pool is %q", v)
	}
	// And back: the table that kept its rows is the project's again.
	if d, err = w.update(d.ProjectId.V, ionic(t)); err != nil {
		t.Fatal(err)
	}
	if got := find(d, "AWS::DynamoDB::Table", ""); len(got) != 2 {
		t.Errorf("tables %+v", got)
	}
}

func TestDelete(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	n := w.number(t, d)
	w.has["row a-mobilehub-"+n+"-tasks/1"] = "data"
	w.has["object a-hosting-mobilehub-"+n+"/index.html"] = "site"
	pool := find(d, "AWS::Cognito::UserPool", "")[0].Attributes["user-pools-id"]
	w.has["user "+pool+"/ann"] = ""
	out, err := do(w, mobile.DeleteProject, &mobile.DeleteProjectInput{ProjectId: d.ProjectId})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, r := range out.OrphanedResources {
		left = append(left, r.Name.V)
	}
	slices.Sort(left)
	if want := []string{"a-hosting-mobilehub-" + n, "a-mobilehub-" + n + "-tasks", "a_userpool_MOBILEHUB_" + n}; !slices.Equal(left, want) {
		t.Errorf("orphans %q, want %q", left, want)
	}
	if shape := w.shape(); shape["bucket"] != 1 || shape["table"] != 1 || shape["role"]+shape["api"]+shape["function"]+shape["cdn"]+shape["identitypool"] != 0 {
		t.Errorf("left\n%s", w.dump())
	}
	if _, err := do(w, mobile.DescribeProject, &mobile.DescribeProjectInput{ProjectId: d.ProjectId}); !failed(err, "NotFoundException") {
		t.Errorf("still there: %v", err)
	}
}

// A create that a service refuses leaves nothing behind, and says where it failed.
func TestCreateTakenBack(t *testing.T) {
	w := newWorld(t, false)
	_, err := w.create(fixture(t, "ionic.yml"), "a") // without the code it names
	if !failed(err, "BadRequestException") || !strings.Contains(err.Error(), "Unable to find build artifact uploads/lambda-archive.zip in Amazon S3 bucket a-deployments-mobilehub-") {
		t.Fatalf("got %v", err)
	}
	if got := w.shape(); len(got) > 0 {
		t.Errorf("left\n%s", w.dump())
	}
	if list, err := do(w, mobile.ListProjects, &mobile.ListProjectsInput{}); err != nil || len(list.Projects) > 0 {
		t.Errorf("projects %+v %v", list, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	w := newWorld(t, false)
	w.project(t, "a")
	for name, in := range map[string]*mobile.CreateProjectInput{
		"same name":  {Contents: ionic(t), Name: wire.Some("a")},
		"no name":    {Contents: []byte("features: {}")},
		"name":       {Contents: ionic(t), Name: wire.Some("../x")},
		"region":     {Contents: ionic(t), Name: wire.Some("b"), Region: wire.Some("nowhere")},
		"no content": {Name: wire.Some("b")},
	} {
		if _, err := do(w, mobile.CreateProject, in); !failed(err, "BadRequestException") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A user pool named by its id is used when it is here, and never removed.
func TestExistingUserPool(t *testing.T) {
	w := newWorld(t, false)
	w.has["userpool us-east-1_mine"] = "mine"
	yml := "name: a\nfeatures: {sign-in: {attributes: {enabled: true}, components: {sign-in-user-pools: {attributes: {user-pool-id: us-east-1_%s}}}}}"
	d, err := w.create(fmt.Appendf(nil, yml, "mine"), "")
	if err != nil || find(d, "AWS::Cognito::UserPool", "")[0].Attributes["user-pools-id"] != "us-east-1_mine" {
		t.Fatalf("%+v %v", d, err)
	}
	if d, err = w.update(d.ProjectId.V, fmt.Appendf(nil, yml, "gone")); err != nil || find(d, "AWS::Cognito::UserPool", "")[0].Attributes["user-pools-id"] == "us-east-1_mine" {
		t.Fatalf("%+v %v", d, err)
	}
	if _, err := do(w, mobile.DeleteProject, &mobile.DeleteProjectInput{ProjectId: d.ProjectId}); err != nil {
		t.Fatal(err)
	}
	if w.has["userpool us-east-1_mine"] != "mine" || len(w.under("userpool ")) != 1 {
		t.Errorf("left\n%s", w.dump())
	}
}

// Without APIs there is nothing to deploy, and clients know that word.
func TestNothingDeployed(t *testing.T) {
	w := newWorld(t, false)
	d, err := w.create([]byte("features: {}"), "a")
	if err != nil || find(d, "AWS::CloudFormation::Stack", "")[0].Attributes["stateSummary"] != "NOT_YET_DEPLOYED" {
		t.Errorf("%+v %v", d, err)
	}
}

// A table that was there before is used but is not the project's.
func TestLiteralTable(t *testing.T) {
	w := newWorld(t, false)
	w.has["table legacy"] = "mine"
	yml := []byte("name: a\nfeatures: {database: {components: {x: {tables: [{tableName: legacy, hashKeyName: id, tablePrivacy: public}, {tableName: fresh, hashKeyName: id, tablePrivacy: public}]}}}}")
	d, err := w.create(yml, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.update(d.ProjectId.V, yml); err != nil {
		t.Fatal(err)
	}
	out, err := do(w, mobile.DeleteProject, &mobile.DeleteProjectInput{ProjectId: d.ProjectId})
	if err != nil || len(out.OrphanedResources) != 1 || out.OrphanedResources[0].Name.V != "legacy" {
		t.Errorf("%+v %v", out, err)
	}
	if w.has["table legacy"] != "mine" || len(w.has) != 1 {
		t.Errorf("left\n%s", w.dump())
	}
}

// Tables are made on demand, and so are their indexes; a table that has a capacity keeps it, and a new index gets the same.
func TestTablesOnDemand(t *testing.T) {
	w := newWorld(t, false)
	file := func(indexes string) []byte {
		return []byte("name: a\nfeatures: {database: {components: {x: {tables: [{tableName: ___DYNAMIC_PREFIX___-t, hashKeyName: id, tablePrivacy: public, indexes: [" + indexes + "]}]}}}}")
	}
	d, err := w.create(file("{indexName: one, hashKeyName: x}"), "")
	if err != nil {
		t.Fatal(err)
	}
	name := find(d, "AWS::DynamoDB::Table", "")[0].Name.V
	if got := w.has["table "+name]; got != "2 1 "+onDemand {
		t.Errorf("the table is made with %q", got)
	}
	for mode, want := range map[string]string{onDemand: "none", "PROVISIONED": "7 8"} {
		w.has["table "+name] = mode
		if _, err := w.update(d.ProjectId.V, file("{indexName: two, hashKeyName: y}")); err != nil {
			t.Fatal(err)
		}
		if got := w.has["index "+name+"/two"]; got != want {
			t.Errorf("%s: the index has %q, want %q", mode, got, want)
		}
	}
}

func TestWithoutCDN(t *testing.T) {
	w := newWorld(t, true)
	d := w.project(t, "a")
	if got := find(d, "AWS::CloudFront::Distribution", ""); len(got) > 0 {
		t.Errorf("distribution %+v", got)
	}
	config := w.has["object a-hosting-mobilehub-"+w.number(t, d)+"/aws-config.js"]
	if strings.Contains(config, "cloudfront") || !strings.Contains(config, "aws_content_delivery = 'enable'") {
		t.Errorf("config\n%s", config)
	}
}

func (w *world) download(t *testing.T, url string) map[string]string {
	t.Helper()
	path, ok := strings.CutPrefix(url, "https://127.0.0.1:4566")
	if !ok {
		t.Fatalf("address %s", url)
	}
	rec := httptest.NewRecorder()
	w.s.Downloads().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	if rec.Code != 200 {
		t.Fatalf("download: %d %s", rec.Code, rec.Body)
	}
	again := httptest.NewRecorder()
	w.s.Downloads().ServeHTTP(again, httptest.NewRequest("GET", path, nil))
	if again.Code != 404 {
		t.Errorf("second download: %d", again.Code)
	}
	z, err := zip.NewReader(bytes.NewReader(rec.Body.Bytes()), int64(rec.Body.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(b)
	}
	return files
}

// An export can be imported again, code included.
func TestExport(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	out, err := do(w, mobile.ExportProject, &mobile.ExportProjectInput{ProjectId: d.ProjectId})
	if err != nil {
		t.Fatal(err)
	}
	files := w.download(t, out.DownloadUrl.V)
	if files["uploads/lambda-archive.zip"] != "PK-code" || !strings.Contains(files[projectFileName], "name: a\n") {
		t.Errorf("files %q", files)
	}
	if _, err := w.create(pack(t, files), "b"); err != nil {
		t.Errorf("import of the export: %v", err)
	}
}

func TestBundles(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	for platform, names := range map[string][]string{"JAVASCRIPT": {"aws-config.js", "aws-exports.js"}, "ANDROID": {"awsconfiguration.json"}, "SWIFT": {"awsconfiguration.json"}} {
		out, err := do(w, mobile.ExportBundle, &mobile.ExportBundleInput{BundleId: wire.Some("app-config"), ProjectId: d.ProjectId, Platform: wire.Some(platform)})
		if err != nil {
			t.Fatal(err)
		}
		files := w.download(t, out.DownloadUrl.V)
		if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, names) {
			t.Errorf("%s: %q", platform, got)
		}
		if platform == "ANDROID" && !strings.Contains(files["awsconfiguration.json"], `"AppClientSecret": "thesecret`) {
			t.Errorf("%s", files["awsconfiguration.json"])
		}
	}
	for _, in := range []*mobile.ExportBundleInput{
		{BundleId: wire.Some("other"), ProjectId: d.ProjectId}, {BundleId: wire.Some("app-config")},
		{BundleId: wire.Some("app-config"), ProjectId: d.ProjectId, Platform: wire.Some("WINDOWS")}, {BundleId: wire.Some("app-config"), ProjectId: wire.Some("x")},
	} {
		if _, err := do(w, mobile.ExportBundle, in); err == nil {
			t.Errorf("exported %+v", in)
		}
	}
	if out, err := do(w, mobile.DescribeBundle, &mobile.DescribeBundleInput{BundleId: wire.Some("app-config")}); err != nil || out.Details.BundleId.V != "app-config" {
		t.Error(err)
	}
}

func TestDownloadsRefuse(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	out, err := do(w, mobile.ExportProject, &mobile.ExportProjectInput{ProjectId: d.ProjectId})
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(out.DownloadUrl.V, "https://127.0.0.1:4566")
	for _, c := range []struct {
		method, path string
		later        time.Duration
		code         int
	}{
		{"POST", path, 0, 405}, {"HEAD", path, 0, 405}, {"GET", DownloadPath, 0, 404}, {"GET", DownloadPath + strings.Repeat("0", 48) + "/a.zip", 0, 404},
		{"GET", path, downloadLife, 404},
	} {
		w.now = w.now.Add(c.later)
		rec := httptest.NewRecorder()
		w.s.Downloads().ServeHTTP(rec, httptest.NewRequest(c.method, c.path, nil))
		if rec.Code != c.code {
			t.Errorf("%s %s: %d", c.method, c.path, rec.Code)
		}
		if tr, ok := w.s.mux.Explain(rec.Header().Get("X-Amzn-RequestId")); !ok || tr.Status != c.code || tr.Reason == "" || strings.Contains(tr.Operation, "0000") {
			t.Errorf("%s %s: the operator reads %+v", c.method, c.path, tr)
		}
	}
}

// Without permission nothing of the hub is open.
func TestHubIsClosed(t *testing.T) {
	w := newWorld(t, false)
	d := w.project(t, "a")
	for _, by := range []*wire.Principal{nil, {}, {Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/x"}} {
		w.root = by
		for name, err := range map[string]error{
			"describe": errOf(do(w, mobile.DescribeProject, &mobile.DescribeProjectInput{ProjectId: d.ProjectId})),
			"list":     errOf(do(w, mobile.ListProjects, &mobile.ListProjectsInput{})),
			"export":   errOf(do(w, mobile.ExportProject, &mobile.ExportProjectInput{ProjectId: d.ProjectId})),
			"delete":   errOf(do(w, mobile.DeleteProject, &mobile.DeleteProjectInput{ProjectId: d.ProjectId})),
			"create":   errOf(w.create(ionic(t), "b")),
		} {
			var fault wire.Fault
			if !errors.As(err, &fault) {
				t.Errorf("%s by %+v: %v", name, by, err)
			}
		}
	}
}

func errOf[Out any](_ *Out, err error) error { return err }

func TestListPages(t *testing.T) {
	w := newWorld(t, false)
	for i := range 3 {
		if _, err := w.create([]byte("features: {}"), fmt.Sprint("p", i)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := do(w, mobile.ListProjects, &mobile.ListProjectsInput{})
	if err != nil || len(all.Projects) != 3 || all.NextToken.Set {
		t.Fatalf("%+v %v", all, err)
	}
	page, err := do(w, mobile.ListProjects, &mobile.ListProjectsInput{MaxResults: wire.Some(int32(2))})
	if err != nil || len(page.Projects) != 2 || !page.NextToken.Set {
		t.Fatalf("%+v %v", page, err)
	}
	page, err = do(w, mobile.ListProjects, &mobile.ListProjectsInput{MaxResults: wire.Some(int32(2)), NextToken: page.NextToken})
	if err != nil || len(page.Projects) != 1 || page.NextToken.Set {
		t.Fatalf("%+v %v", page, err)
	}
}
