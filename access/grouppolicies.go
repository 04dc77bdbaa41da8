package access

import (
	"bothy/api/iam"
	"bothy/kv"
	"bothy/wire"
)

func (s *Service) accessPutGroupPolicy(c *wire.Call, in *iam.PutGroupPolicyInput) ([]wire.Access, error) {
	return s.onGroup(c, "PutGroupPolicy", in.GroupName.V, nil)
}

func (s *Service) putGroupPolicy(c *wire.Call, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	return nil, s.changeGroup(c, in.GroupName.V, func(_ *kv.Tx, g *groupRow) error {
		return s.putInline(&g.attachments, "group "+g.Name, in.PolicyName.V, in.PolicyDocument.V, maxGroupInline)
	})
}

func (s *Service) accessGetGroupPolicy(c *wire.Call, in *iam.GetGroupPolicyInput) ([]wire.Access, error) {
	return s.onGroup(c, "GetGroupPolicy", in.GroupName.V, nil)
}

func (s *Service) getGroupPolicy(c *wire.Call, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	row, err := s.readGroup(c, in.GroupName.V)
	if err != nil {
		return nil, err
	}
	document, err := row.inline("group", in.PolicyName.V)
	return &iam.GetGroupPolicyOutput{GroupName: wire.Some(row.Name), PolicyName: in.PolicyName, PolicyDocument: document}, err
}

func (s *Service) accessDeleteGroupPolicy(c *wire.Call, in *iam.DeleteGroupPolicyInput) ([]wire.Access, error) {
	return s.onGroup(c, "DeleteGroupPolicy", in.GroupName.V, nil)
}

func (s *Service) deleteGroupPolicy(c *wire.Call, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return nil, s.changeGroup(c, in.GroupName.V, func(_ *kv.Tx, g *groupRow) error { return g.dropInline("group", in.PolicyName.V) })
}

func (s *Service) accessListGroupPolicies(c *wire.Call, in *iam.ListGroupPoliciesInput) ([]wire.Access, error) {
	return s.onGroup(c, "ListGroupPolicies", in.GroupName.V, nil)
}

func (s *Service) listGroupPolicies(c *wire.Call, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	row, err := s.readGroup(c, in.GroupName.V)
	if err != nil {
		return nil, err
	}
	names, next, err := pageOf(sortedNames(row.Inline), in.Marker, in.MaxItems)
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: wire.Some(next.Set), Marker: next}, err
}

func (s *Service) accessAttachGroup(c *wire.Call, in *iam.AttachGroupPolicyInput) ([]wire.Access, error) {
	return s.onGroup(c, "AttachGroupPolicy", in.GroupName.V, policyKey(in.PolicyArn.V))
}

func (s *Service) attachGroup(c *wire.Call, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return nil, s.changeGroup(c, in.GroupName.V, func(tx *kv.Tx, g *groupRow) error {
		return g.attach(tx, c.Account, in.PolicyArn.V, "PoliciesPerGroup")
	})
}

func (s *Service) accessDetachGroup(c *wire.Call, in *iam.DetachGroupPolicyInput) ([]wire.Access, error) {
	return s.onGroup(c, "DetachGroupPolicy", in.GroupName.V, policyKey(in.PolicyArn.V))
}

func (s *Service) detachGroup(c *wire.Call, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return nil, s.changeGroup(c, in.GroupName.V, func(_ *kv.Tx, g *groupRow) error { return g.detach(in.PolicyArn.V) })
}

func (s *Service) accessListAttachedGroup(c *wire.Call, in *iam.ListAttachedGroupPoliciesInput) ([]wire.Access, error) {
	return s.onGroup(c, "ListAttachedGroupPolicies", in.GroupName.V, nil)
}

func (s *Service) listAttachedGroup(c *wire.Call, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	row, err := s.readGroup(c, in.GroupName.V)
	if err != nil {
		return nil, err
	}
	list, next, err := row.listAttached(in.PathPrefix, in.Marker, in.MaxItems)
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: list, IsTruncated: wire.Some(next.Set), Marker: next}, err
}
