package hub

import (
	"strings"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// mayUse refuses a file that names resources which are not the project's own, unless the caller has the rights over them that the
// project would give away. What a project makes is made with the node's rights; so without this, whoever may change projects
// could open any table, user pool or API of the account to guests.
func (s *Service) mayUse(c *wire.Call, p *Project, row *project) error {
	for _, t := range p.Tables {
		wants, err := s.usesTable(c, t, row)
		if err != nil {
			return err
		}
		if err := askAll(c, wants); err != nil {
			return err
		}
	}
	if p.SignIn != nil && p.SignIn.Pool != nil && p.SignIn.Pool.Existing != "" {
		if err := askAll(c, usesUserPool(c, p.SignIn.Pool.Existing, row)); err != nil {
			return err
		}
	}
	for _, a := range p.APIs {
		if a.Existing == "" {
			continue
		}
		if err := askAll(c, usesAPI(c, a.Existing, row)); err != nil {
			return err
		}
	}
	return nil
}

// usesTable is nothing for a table that the project makes or made, and for one it uses already in the same way.
func (s *Service) usesTable(c *wire.Call, t Table, row *project) (wants []wire.Access, err error) {
	if strings.Contains(t.Name, DynamicPrefix) {
		return nil, nil
	}
	if have := row.find("table/" + t.Name); have != nil && (!have.Foreign || have.Attrs["table-privacy"] == t.Privacy) {
		return nil, nil
	}
	_, err = wire.Invoke(c, s.mux, s.cfg.Principal(c.Account), row.Region, dynamodb.DescribeTable, &dynamodb.DescribeTableInput{TableName: wire.Some(t.Name)})
	if failed(err, "ResourceNotFoundException") {
		return nil, nil
	}
	arn := "arn:aws:dynamodb:" + row.Region + ":" + c.Account + ":table/" + t.Name
	for _, action := range all(tableReads, tableWrites, []string{"dynamodb:Scan"}) {
		wants = append(wants, wire.Access{Action: action, Resource: arn})
	}
	for _, action := range []string{"dynamodb:Query", "dynamodb:Scan"} {
		wants = append(wants, wire.Access{Action: action, Resource: arn + "/index/*"})
	}
	return wants, err
}

// usesUserPool is making app clients in a pool and reading their secrets.
func usesUserPool(c *wire.Call, id string, row *project) (wants []wire.Access) {
	if have := row.find("userpool"); have != nil && have.ID == id {
		return nil
	}
	region, _, _ := strings.Cut(id, "_")
	arn := "arn:aws:cognito-idp:" + region + ":" + c.Account + ":userpool/" + id
	for _, action := range []string{"DescribeUserPool", "CreateUserPoolClient", "DescribeUserPoolClient"} {
		wants = append(wants, wire.Access{Action: "cognito-idp:" + action, Resource: arn})
	}
	return wants
}

// usesAPI is calling all of an API: who of the app's users may is for the file to say.
func usesAPI(c *wire.Call, named string, row *project) []wire.Access {
	return wire.One("execute-api:Invoke", "arn:aws:execute-api:"+row.Region+":"+c.Account+":"+apiID(named)+"/*", nil)
}

func askAll(c *wire.Call, wants []wire.Access) error {
	if c.Principal != nil && c.Principal.Kind == wire.Internal {
		return nil
	}
	for _, w := range wants {
		if d := wire.Decide(c, w); !d.Allowed {
			return wire.AccessDenied(c, w, d)
		}
	}
	return nil
}
