package users

import (
	"context"
	"log/slog"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/policy"
	"bothy/wire"
)

// Tokens carry the roles of groups and identity pools give them out, so whoever may name a group's role could become anyone:
// it takes the right to pass that role.
func TestPassRoleIsNeeded(t *testing.T) {
	w := newWorld(t)
	m := wire.NewMux(wire.Config{Account: func() string { return account }, Region: "us-east-1", Now: w.now, Log: slog.New(slog.DiscardHandler)}, cognitoidp.API)
	w.s.Mount(m)
	allowed, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-idp:*","Resource":"*"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::123456789012:role/app/*","Condition":{"StringEquals":{"iam:PassedToService":"cognito-idp.amazonaws.com"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	by := &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/u", Policies: policy.Attached{Identity: []policy.Source{{Policy: allowed}}}}
	p := w.pool()
	create := func(name, role string) error {
		in := &cognitoidp.CreateGroupInput{UserPoolId: str(p), GroupName: str(name)}
		if role != "" {
			in.RoleArn = str(role)
		}
		_, err := wire.Invoke(context.Background(), m, by, "us-east-1", cognitoidp.CreateGroup, in)
		return err
	}
	update := func(role string) error {
		_, err := wire.Invoke(context.Background(), m, by, "us-east-1", cognitoidp.UpdateGroup, &cognitoidp.UpdateGroupInput{UserPoolId: str(p), GroupName: str("staff"), RoleArn: str(role)})
		return err
	}
	const own, admin = "arn:aws:iam::123456789012:role/app/staff", "arn:aws:iam::123456789012:role/Admin"
	if err := create("staff", own); err != nil {
		t.Error(err)
	}
	if err := create("plain", ""); err != nil {
		t.Error(err)
	}
	if err := update(own); err != nil {
		t.Error(err)
	}
	wantFault(t, create("mighty", admin), "AccessDenied", "")
	wantFault(t, update(admin), "AccessDenied", "")
}
