package hub

import (
	"context"
	"fmt"
	"testing"

	"bothy/api/mobile"
	"bothy/policy"
	"bothy/wire"
)

// Who may change projects, and nothing else, must not reach through a project what it could not reach itself.
func TestForeignResourcesNeedRights(t *testing.T) {
	w := newWorld(t, false)
	w.has["table Salaries"] = "theirs"
	w.has["userpool us-east-1_staff"] = "theirs"
	w.has["api payroll1"] = "theirs"
	files := map[string]string{
		"table": "name: %s\nfeatures: {database: {components: {database-nosql: {tables: [{tableName: Salaries, tablePrivacy: public, hashKeyName: id, hashKeyType: S}]}}}}",
		"pool":  "name: %s\nfeatures: {sign-in: {attributes: {enabled: true}, components: {sign-in-user-pools: {attributes: {user-pool-id: us-east-1_staff}}}}}",
		"api":   "name: %s\nfeatures: {cloudlogic: {components: {api1: {attributes: {name: api1, api-arn: payroll1}}}}}",
	}
	as := func(statements string) *wire.Principal {
		p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + statements + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		return &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/u", Policies: policy.Attached{Identity: []policy.Source{{Policy: p}}}}
	}
	const projects = `{"Effect":"Allow","Action":"mobilehub:*","Resource":"*"}`
	hubOnly := as(projects)
	trusted := as(projects + `,{"Effect":"Allow","Action":["dynamodb:*","cognito-idp:*","execute-api:Invoke"],"Resource":"*"}`)
	create := func(by *wire.Principal, name, file string) (*mobile.CreateProjectOutput, error) {
		return wire.Invoke(context.Background(), w.mux, by, "us-east-1", mobile.CreateProject, &mobile.CreateProjectInput{Contents: fmt.Appendf(nil, file, name)})
	}
	empty, err := create(hubOnly, "empty", "name: %s\nfeatures: {}")
	if err != nil {
		t.Fatal(err)
	}
	for kind, file := range files {
		before := w.dump()
		if _, err := create(hubOnly, "thief"+kind, file); !failed(err, "AccessDenied") {
			t.Errorf("%s by a new project: %v", kind, err)
		}
		_, err := wire.Invoke(context.Background(), w.mux, hubOnly, "us-east-1", mobile.UpdateProject, &mobile.UpdateProjectInput{
			ProjectId: empty.Details.ProjectId, Contents: fmt.Appendf(nil, file, "empty"),
		})
		if !failed(err, "AccessDenied") {
			t.Errorf("%s by an update: %v", kind, err)
		}
		if w.dump() != before {
			t.Errorf("%s: something was made", kind)
		}
		mine, err := create(trusted, "owner"+kind, file)
		if err != nil {
			t.Errorf("%s by who may: %v", kind, err)
			continue
		}
		if kind == "api" { // who may call it may change with any update
			continue
		}
		if _, err := wire.Invoke(context.Background(), w.mux, hubOnly, "us-east-1", mobile.UpdateProject, &mobile.UpdateProjectInput{
			ProjectId: mine.Details.ProjectId, Contents: fmt.Appendf(nil, file, "owner"+kind),
		}); err != nil {
			t.Errorf("%s, unchanged: %v", kind, err)
		}
	}
}
