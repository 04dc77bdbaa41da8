package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"bothy/api/lambda"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// maxPolicyBytes is Lambda's limit of a resource policy.
const maxPolicyBytes = 20 << 10

func (s *Service) mountPermissions(m *wire.Mux) {
	wire.Handle(m, lambda.AddPermission, func(c *wire.Call, in *lambda.AddPermissionInput) ([]wire.Access, error) {
		return s.on(c, "AddPermission", in.FunctionName, in.Qualifier)
	}, s.addPermission)
	wire.Handle(m, lambda.RemovePermission, func(c *wire.Call, in *lambda.RemovePermissionInput) ([]wire.Access, error) {
		return s.on(c, "RemovePermission", in.FunctionName, in.Qualifier)
	}, s.removePermission)
	wire.Handle(m, lambda.GetPolicy, func(c *wire.Call, in *lambda.GetPolicyInput) ([]wire.Access, error) {
		return s.on(c, "GetPolicy", in.FunctionName, in.Qualifier)
	}, s.getPolicy)
}

// document is the resource policy as text; "" when it has no statement.
func (s *statements) document() (string, error) {
	if s == nil || len(s.List) == 0 {
		return "", nil
	}
	b, err := json.Marshal(struct {
		Version   string
		ID        string `json:"Id"`
		Statement []statement
	}{"2012-10-17", "default", s.List})
	return string(b), err
}

// policies are the resource policies that decide about a function: those of the very version or alias that is named. A
// function that does not exist has none.
func (s *Service) policies(ctx context.Context, r ref) (out []policy.Source, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		out = nil
		f, err := functionTable.Get(tx, r.scope(), r.name)
		if errors.Is(err, record.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		text, err := f.Policies[policyKey(r)].document()
		if err != nil || text == "" {
			return err
		}
		p, err := policy.Parse([]byte(text))
		if err != nil {
			return fmt.Errorf("functions: policy of %s: %w", r.arn(), err)
		}
		out = []policy.Source{{Name: "policy of function " + r.name, Policy: p}}
		return nil
	})
	return out, err
}

// policyKey is which policy of a function a reference has: $LATEST shares that of the bare name.
func policyKey(r ref) string {
	if r.qualifier == latest {
		return ""
	}
	return r.qualifier
}

var (
	accountPrincipal = regexp.MustCompile(`^[0-9]{12}$`)
	arnPrincipal     = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(root|(user|role|assumed-role)/[\w+=,.@/-]+)$`)
	servicePrincipal = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com$`)
)

func principalOf(text string) (json.RawMessage, error) {
	switch {
	case text == "*":
		return json.RawMessage(`"*"`), nil
	case accountPrincipal.MatchString(text):
		return json.Marshal(map[string]string{"AWS": "arn:aws:iam::" + text + ":root"})
	case arnPrincipal.MatchString(text):
		return json.Marshal(map[string]string{"AWS": text})
	case servicePrincipal.MatchString(text):
		return json.Marshal(map[string]string{"Service": text})
	}
	return nil, invalid("The provided principal was invalid. Please check the principal and try again.")
}

func conditionOf(in *lambda.AddPermissionInput) map[string]map[string]string {
	cond := map[string]map[string]string{}
	put := func(operator, key string, v wire.Opt[string]) {
		if v.Set {
			if cond[operator] == nil {
				cond[operator] = map[string]string{}
			}
			cond[operator][key] = v.V
		}
	}
	put("ArnLike", "AWS:SourceArn", in.SourceArn)
	put("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	put("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	put("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	if len(cond) == 0 {
		return nil
	}
	return cond
}

func (s *Service) addPermission(c *wire.Call, in *lambda.AddPermissionInput) (*lambda.AddPermissionOutput, error) {
	r, err := refOf(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if r.qualifier == latest {
		return nil, invalid("We currently do not support adding policies for $LATEST.")
	}
	if err := unsupported(map[string]bool{"FunctionUrlAuthType": in.FunctionUrlAuthType.Set, "InvokedViaFunctionUrl": in.InvokedViaFunctionUrl.V}); err != nil {
		return nil, err
	}
	principal, err := principalOf(in.Principal.V)
	if err != nil {
		return nil, err
	}
	st := statement{Sid: in.StatementId.V, Effect: "Allow", Principal: principal, Action: in.Action.V, Resource: r.arn(), Condition: conditionOf(in)}
	err = s.editPolicy(c, r, in.RevisionId, func(p *statements) error {
		for _, have := range p.List {
			if have.Sid == st.Sid {
				return conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", st.Sid)
			}
		}
		p.List = append(p.List, st)
		text, err := p.document()
		if err != nil {
			return err
		}
		if len(text) > maxPolicyBytes {
			return &lambda.PolicyLengthExceededException{Type: wire.Some("User"), Message: wire.Some(fmt.Sprintf("The final policy size (%d) is bigger than the limit (%d).", len(text), maxPolicyBytes))}
		}
		if _, err := policy.Parse([]byte(text)); err != nil {
			return wire.Because(invalid("The permission is not a valid policy statement."), "%v", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(st)
	return &lambda.AddPermissionOutput{Statement: wire.Some(string(b))}, err
}

func (s *Service) removePermission(c *wire.Call, in *lambda.RemovePermissionInput) (*lambda.RemovePermissionOutput, error) {
	r, err := refOf(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, s.editPolicy(c, r, in.RevisionId, func(p *statements) error {
		for i, have := range p.List {
			if have.Sid == in.StatementId.V {
				p.List = append(p.List[:i], p.List[i+1:]...)
				return nil
			}
		}
		return notFound("Statement %s is not found in resource policy.", in.StatementId.V)
	})
}

func (s *Service) editPolicy(c *wire.Call, r ref, revision wire.Opt[string], edit func(*statements) error) error {
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		f, err := getFunction(tx, r)
		if err != nil {
			return err
		}
		if _, err := getVersion(tx, r); err != nil {
			return err
		}
		p := f.Policies[policyKey(r)]
		if p == nil {
			p = &statements{}
		}
		if revision.Set && revision.V != p.Revision {
			return stale()
		}
		if err := edit(p); err != nil {
			return err
		}
		p.Revision = newRevision()
		if f.Policies == nil {
			f.Policies = map[string]*statements{}
		}
		f.Policies[policyKey(r)] = p
		return functionTable.Put(tx, r.scope(), f)
	})
}

func (s *Service) getPolicy(c *wire.Call, in *lambda.GetPolicyInput) (*lambda.GetPolicyOutput, error) {
	r, f, _, err := s.find(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p := f.Policies[policyKey(r)]
	text, err := p.document()
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, notFound("The resource you requested does not exist.")
	}
	return &lambda.GetPolicyOutput{Policy: wire.Some(text), RevisionId: wire.Some(p.Revision)}, nil
}
