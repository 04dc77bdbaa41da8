package tables

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// maxPolicy is the size of a resource policy in bytes, white space counted.
const maxPolicy = 20 << 10

// noPolicy is the ExpectedRevisionId of a table that should have no policy.
const noPolicy = "NO_POLICY"

// handle mounts an operation. What it wants to do with a table is decided by the table's own policy and tags, too.
func handle[In, Out any](s *Service, m *wire.Mux, op wire.Op[In, Out], access func(*wire.Call, *In) ([]wire.Access, error), run func(*wire.Call, *In) (*Out, error)) {
	wire.Handle(m, op, func(c *wire.Call, in *In) ([]wire.Access, error) {
		wants, err := access(c, in)
		for i := range wants {
			if err == nil && wants[i].Policies == nil {
				err = s.complete(c, &wants[i])
			}
		}
		return wants, err
	}, run)
}

// complete adds to what is wanted the policies of the table that the resource is, or is of, whatever state it is in; its tags are
// the table's own and those of its indexes.
func (s *Service) complete(c *wire.Call, w *wire.Access) error {
	name, ok := strings.CutPrefix(w.Resource, tableARN(scope(c), ""))
	if !ok {
		return nil
	}
	name, part, _ := strings.Cut(name, "/")
	var t *table
	err := s.db.View(c, func(tx *kv.Tx) (err error) {
		t, err = s.load(tx, scope(c), name)
		return err
	})
	if err != nil && !isNotFound(err) {
		return err
	}
	if w.Policies = t.policies(); part == "" || strings.HasPrefix(part, "index/") {
		w.Keys = t.tagged(w.Keys)
	}
	return nil
}

// policies are the table's own, as a list that is not nil when it is empty: so that handle need not look the table up again.
func (t *table) policies() []policy.Source {
	if t == nil || t.sources == nil {
		return []policy.Source{}
	}
	return t.sources
}

// one is the usual single Access to the table or an index of it.
func (t *table) one(action, resource string, keys policy.Keys) []wire.Access {
	return []wire.Access{t.want(action, resource, keys)}
}

// want is what a call wants of the table or an index of it: its policy and its tags decide along.
func (t *table) want(action, resource string, keys policy.Keys) wire.Access {
	return wire.Access{Action: action, Resource: resource, Keys: t.tagged(keys), Policies: t.policies()}
}

// source makes the policy that decides of its text. One that cannot be read denies.
func (t *table) source() []policy.Source {
	if t.Policy == "" {
		return nil
	}
	p, err := policy.Parse([]byte(t.Policy))
	if err != nil {
		p = nil
	}
	return []policy.Source{{Name: "policy of table " + t.Name, Policy: p}}
}

// checkPolicy refuses a text that is no policy of a resource, and one that would keep its author from changing it again, unless
// that is confirmed.
func checkPolicy(c *wire.Call, name, doc string, confirmed bool) error {
	if len(doc) > maxPolicy {
		return validation(invalid+"Maximum policy size of %d bytes exceeded", maxPolicy)
	}
	p, err := policy.Parse([]byte(doc))
	if err == nil {
		err = p.ResourceError()
	}
	if bad := (*policy.MalformedError)(nil); errors.As(err, &bad) {
		return validation(invalid+"Invalid policy document: %s", bad.Error())
	} else if err != nil {
		return err
	}
	if p.Public() {
		return validation("Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure least-privilege form of access")
	}
	w := wire.Access{Action: "dynamodb:PutResourcePolicy", Resource: tableARN(scope(c), name), Policies: []policy.Source{{Name: "the new policy", Policy: p}}}
	if d := wire.Decide(c, w); d.Explicit && !confirmed {
		return validation("The policy would deny its author to change it. Set ConfirmRemoveSelfResourceAccess to confirm that.")
	}
	return nil
}

// attach makes a policy the table's; the one it has already keeps its revision.
func (t *table) attach(now time.Time, doc string) {
	if doc == t.Policy {
		return
	}
	last, _ := strconv.ParseInt(t.Revision, 10, 64)
	t.Policy, t.Revision = doc, strconv.FormatInt(max(now.UnixMilli(), last+1), 10)
}

// expects refuses when the policy is not at the revision that the request expects.
func (t *table) expects(revision string) error {
	have := t.Revision
	if t.Policy == "" {
		have = noPolicy
	}
	if revision != "" && revision != have {
		return &dynamodb.PolicyNotFoundException{Message: wire.Some("Resource-based policy not found for the provided ResourceArn: The RevisionId doesn't match the current policy's")}
	}
	return nil
}

// policed is the table that the ARN of a resource policy names.
func policed(c *wire.Call, arn string) (string, error) {
	fields := strings.SplitN(arn, ":", 6)
	switch {
	case fields[0] != "arn":
		return "", validation(invalid+"ARNs must start with 'arn:': %s", arn)
	case len(fields) < 6 || fields[2] != "dynamodb" || !strings.HasPrefix(fields[5], "table/"):
		return "", validation(invalid+"Provided Arn is not a DynamoDB resource arn: %s", arn)
	case strings.Contains(fields[5], "/stream/"):
		return "", validation("Resource-based policies of streams are not supported")
	case strings.Contains(fields[5], "/index/"):
		return "", validation(invalid+"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: %s", arn)
	case fields[4] != c.Account:
		return "", validation("This action is only supported by accounts that match the resource owner’s account.")
	case fields[3] != c.Region:
		return "", validation(invalid+"Invalid resource Arn: %s", arn)
	}
	return tableName(c, arn)
}

func accessPolicy(c *wire.Call, action, arn string) ([]wire.Access, error) {
	name, err := policed(c, arn)
	if err != nil {
		return nil, err
	}
	return wire.One("dynamodb:"+action, tableARN(scope(c), name), nil), nil
}

func accessPutPolicy(c *wire.Call, in *dynamodb.PutResourcePolicyInput) ([]wire.Access, error) {
	return accessPolicy(c, "PutResourcePolicy", in.ResourceArn.V)
}

func accessGetPolicy(c *wire.Call, in *dynamodb.GetResourcePolicyInput) ([]wire.Access, error) {
	return accessPolicy(c, "GetResourcePolicy", in.ResourceArn.V)
}

func accessDeletePolicy(c *wire.Call, in *dynamodb.DeleteResourcePolicyInput) ([]wire.Access, error) {
	return accessPolicy(c, "DeleteResourcePolicy", in.ResourceArn.V)
}

func (s *Service) putPolicy(c *wire.Call, in *dynamodb.PutResourcePolicyInput) (*dynamodb.PutResourcePolicyOutput, error) {
	name, err := policed(c, in.ResourceArn.V)
	if err == nil {
		err = checkPolicy(c, name, in.Policy.V, in.ConfirmRemoveSelfResourceAccess.V)
	}
	if err != nil {
		return nil, err
	}
	t, err := s.change(c, name, func(t *table) error {
		if err := t.expects(in.ExpectedRevisionId.V); err != nil {
			return err
		}
		t.attach(c.Now, in.Policy.V)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.PutResourcePolicyOutput{RevisionId: wire.Some(t.Revision)}, nil
}

func (s *Service) getPolicy(c *wire.Call, in *dynamodb.GetResourcePolicyInput) (*dynamodb.GetResourcePolicyOutput, error) {
	var t *table
	err := s.db.View(c, func(tx *kv.Tx) (err error) {
		t, err = s.named(tx, c, in.ResourceArn.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	if t.Policy == "" {
		return nil, &dynamodb.PolicyNotFoundException{Message: wire.Some("Resource-based policy not found for the provided ResourceArn: " + in.ResourceArn.V)}
	}
	return &dynamodb.GetResourcePolicyOutput{Policy: wire.Some(t.Policy), RevisionId: wire.Some(t.Revision)}, nil
}

func (s *Service) deletePolicy(c *wire.Call, in *dynamodb.DeleteResourcePolicyInput) (*dynamodb.DeleteResourcePolicyOutput, error) {
	out := &dynamodb.DeleteResourcePolicyOutput{}
	_, err := s.change(c, in.ResourceArn.V, func(t *table) error {
		if err := t.expects(in.ExpectedRevisionId.V); err != nil {
			return err
		}
		if out.RevisionId = (wire.Opt[string]{}); t.Policy != "" {
			out.RevisionId = wire.Some(t.Revision)
		}
		t.Policy = ""
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
