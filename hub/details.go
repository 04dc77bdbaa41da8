package hub

import (
	"context"
	"maps"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/api/mobile"
	"bothy/wire"
)

// details is a project as clients see it.
func (s *Service) details(c *wire.Call, row *project) *mobile.ProjectDetails {
	console := s.cfg.BaseURL() + "/mobilehub/home#/" + row.ID + "/build"
	d := &mobile.ProjectDetails{
		Name: wire.Some(row.Name), ProjectId: wire.Some(row.ID), Region: wire.Some(row.Region), State: wire.Some(s.state(row)),
		CreatedDate: wire.Some(row.Created), LastUpdatedDate: wire.Some(row.Updated), ConsoleUrl: wire.Some(console),
		Resources: []mobile.Resource{},
	}
	secret := s.clientSecret(c, c.Account, row)
	for _, m := range row.Made {
		if m.Hidden {
			continue
		}
		res := m.resource()
		if m.Key == "userpool" && secret != "" {
			res.Attributes["user-pools-client-secret"] = secret
		}
		d.Resources = append(d.Resources, res)
	}
	d.Resources = append(d.Resources, mobile.Resource{ // clients watch it for the end of a change
		Type: wire.Some("AWS::CloudFormation::Stack"), Name: wire.Some(stage), Feature: wire.Some("cloud-api"),
		Arn:        wire.Some("arn:aws:cloudformation:" + row.Region + ":" + c.Account + ":stack/" + row.resourcePrefix() + "-" + stage + "/" + row.ID),
		Attributes: map[string]string{"primary": "true", "region": row.Region, "stateSummary": row.summary()},
	})
	return d
}

// summary is the state of the stack, which in Mobile Hub held the APIs: without any there is nothing deployed.
func (p *project) summary() string {
	for _, m := range p.Made {
		if m.Type == "AWS::ApiGateway::RestApi" {
			return p.Stack
		}
	}
	if strings.HasSuffix(p.Stack, "_COMPLETE") {
		return "NOT_YET_DEPLOYED"
	}
	return p.Stack
}

// state is NORMAL unless somebody works on the project right now.
func (s *Service) state(row *project) string {
	if row.Busy == nil || !s.cfg.Now().Before(row.Busy.Until) {
		return "NORMAL"
	}
	if row.Stack == string(creating)+"_IN_PROGRESS" {
		return "IMPORTING"
	}
	return "SYNCING"
}

func (m *made) resource() mobile.Resource {
	attrs := maps.Clone(m.Attrs)
	if attrs == nil {
		attrs = map[string]string{}
	}
	return mobile.Resource{
		Type: wire.Some(m.Type), Name: wire.Some(m.Name), Arn: wire.NonEmpty(m.ARN),
		Feature: wire.NonEmpty(m.Feature), Attributes: attrs,
	}
}

// clientSecret is that of the native app client: asked for, never kept here.
func (s *Service) clientSecret(ctx context.Context, account string, row *project) string {
	pool := row.find("userpool")
	if pool == nil || pool.Attrs["user-pools-client-id"] == "" {
		return ""
	}
	out, err := wire.Invoke(ctx, s.mux, s.cfg.Principal(account), row.Region, cognitoidp.DescribeUserPoolClient,
		&cognitoidp.DescribeUserPoolClientInput{UserPoolId: wire.Some(pool.ID), ClientId: wire.Some(pool.Attrs["user-pools-client-id"])})
	if err != nil || out.UserPoolClient == nil {
		s.cfg.Log.Warn("client secret not readable", "project", row.Name, "error", err)
		return ""
	}
	return out.UserPoolClient.ClientSecret.V
}
