package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/wire"
)

// details is the answer of GetAccountAuthorizationDetails while it is put together: sections one after the other, and pages across
// them.
type details struct {
	tx   *kv.Tx
	call *wire.Call
	out  iam.GetAccountAuthorizationDetailsOutput
}

// section lists some rows of a kind: how many, and the token of the next page.
type section struct {
	kind string
	list func(d *details, token string, max int32) (n int, next string, err error)
}

var sections = [...]section{
	{"User", (*details).users}, {"Group", (*details).groups}, {"Role", (*details).roles},
	{"LocalManagedPolicy", (*details).policies}, {"AWSManagedPolicy", (*details).awsPolicies},
}

// authorizationDetails tells everything that decides. The marker is the number of a section and a token within it.
func (s *Service) authorizationDetails(c *wire.Call, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	from, token, err := sectionOf(in.Marker)
	if err != nil {
		return nil, err
	}
	var d details
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		d = details{tx: tx, call: c}
		return d.fill(from, token, in.MaxItems.Or(defaultItems), in.Filter)
	})
	return &d.out, err
}

func sectionOf(marker wire.Opt[string]) (section int, token string, err error) {
	if !marker.Set {
		return 0, "", nil
	}
	number, token, _ := strings.Cut(marker.V, ".")
	section, err = strconv.Atoi(number)
	if err != nil || section < 0 || section >= len(sections) {
		return 0, "", errMarker()
	}
	return section, token, nil
}

// fill takes sections until the page is full.
func (d *details) fill(from int, token string, left int32, filter []string) error {
	d.out.IsTruncated = wire.Some(false)
	for i := from; i < len(sections); i++ {
		if len(filter) > 0 && !slices.Contains(filter, sections[i].kind) {
			continue
		}
		next := token
		if left > 0 {
			n, after, err := sections[i].list(d, token, left)
			if err != nil {
				return markerError(err)
			}
			if left -= int32(n); after == "" {
				token = ""
				continue
			}
			next = after
		}
		d.out.IsTruncated, d.out.Marker = wire.Some(true), wire.Some(fmt.Sprint(i, ".", next))
		return nil
	}
	return nil
}

func all[T any](*T) bool { return true }

func (d *details) users(token string, max int32) (int, string, error) {
	rows, next, err := listRows(d.tx, users(), of(d.call.Account), token, max, all)
	for _, u := range rows {
		in, err := groupsOf(d.tx, d.call.Account, u.Name)
		if err != nil {
			return 0, "", err
		}
		one := iam.UserDetail{Path: wire.Some(u.Path), UserName: wire.Some(u.Name), UserId: wire.Some(u.ID), Arn: wire.Some(u.ARN), CreateDate: wire.Some(u.Created),
			UserPolicyList: u.inlineDetails(), AttachedManagedPolicies: u.attachedDetails(), PermissionsBoundary: u.boundary(), Tags: apiTags(u.Tags)}
		for _, g := range in {
			one.GroupList = append(one.GroupList, g.Name)
		}
		d.out.UserDetailList = append(d.out.UserDetailList, one)
	}
	return len(rows), next, err
}

func (d *details) groups(token string, max int32) (int, string, error) {
	rows, next, err := listRows(d.tx, groups(), of(d.call.Account), token, max, all)
	for _, g := range rows {
		d.out.GroupDetailList = append(d.out.GroupDetailList, iam.GroupDetail{Path: wire.Some(g.Path), GroupName: wire.Some(g.Name), GroupId: wire.Some(g.ID),
			Arn: wire.Some(g.ARN), CreateDate: wire.Some(g.Created), GroupPolicyList: g.inlineDetails(), AttachedManagedPolicies: g.attachedDetails()})
	}
	return len(rows), next, err
}

func (d *details) roles(token string, max int32) (int, string, error) {
	rows, next, err := listRows(d.tx, roles(), of(d.call.Account), token, max, all)
	for _, r := range rows {
		one := iam.RoleDetail{Path: wire.Some(r.Path), RoleName: wire.Some(r.Name), RoleId: wire.Some(r.ID), Arn: wire.Some(r.ARN), CreateDate: wire.Some(r.Created),
			AssumeRolePolicyDocument: encodeDocument(r.Trust), RolePolicyList: r.inlineDetails(), AttachedManagedPolicies: r.attachedDetails(),
			PermissionsBoundary: r.boundary(), Tags: apiTags(r.Tags)}
		if one.RoleLastUsed, err = roleLastUsed(d.tx, d.call, r); err != nil {
			return 0, "", err
		}
		in, err := profiles().All(d.tx, of(d.call.Account), "role", fold(r.Name))
		if err != nil {
			return 0, "", err
		}
		if one.InstanceProfileList, err = apiProfiles(d.tx, d.call.Account, in); err != nil {
			return 0, "", err
		}
		d.out.RoleDetailList = append(d.out.RoleDetailList, one)
	}
	return len(rows), next, err
}

func (d *details) policies(token string, max int32) (int, string, error) {
	rows, next, err := listRows(d.tx, policies(), of(d.call.Account), token, max, all)
	if err != nil {
		return 0, "", err
	}
	return len(rows), next, d.addPolicies(rows)
}

// awsPolicies are those that are in use, as on AWS. The token is the ARN of the last one.
func (d *details) awsPolicies(token string, max int32) (int, string, error) {
	list, err := listAWSPolicies()
	if err != nil {
		return 0, "", err
	}
	counts, err := tallyOf(d.tx, d.call.Account)
	if err != nil {
		return 0, "", err
	}
	var rows []*policyRow
	for _, r := range list {
		switch {
		case counts.attached[r.ARN]+counts.bounds[r.ARN] == 0 || token != "" && r.ARN <= token:
		case len(rows) == int(max):
			return len(rows), rows[max-1].ARN, d.addPolicies(rows)
		default:
			rows = append(rows, r)
		}
	}
	return len(rows), "", d.addPolicies(rows)
}

func (d *details) addPolicies(rows []*policyRow) error {
	counts, err := tallyOf(d.tx, d.call.Account)
	if err != nil {
		return err
	}
	for _, r := range rows {
		p := counts.show(r)
		one := iam.ManagedPolicyDetail{PolicyName: p.PolicyName, PolicyId: p.PolicyId, Arn: p.Arn, Path: p.Path, DefaultVersionId: p.DefaultVersionId,
			AttachmentCount: p.AttachmentCount, PermissionsBoundaryUsageCount: p.PermissionsBoundaryUsageCount, IsAttachable: p.IsAttachable,
			Description: p.Description, CreateDate: p.CreateDate, UpdateDate: p.UpdateDate}
		for _, v := range slices.Backward(r.Versions) {
			one.PolicyVersionList = append(one.PolicyVersionList, *v.api(r, true))
		}
		d.out.Policies = append(d.out.Policies, one)
	}
	return nil
}

func (a *attachments) inlineDetails() (out []iam.PolicyDetail) {
	for _, name := range sortedNames(a.Inline) {
		out = append(out, iam.PolicyDetail{PolicyName: wire.Some(name), PolicyDocument: encodeDocument(a.Inline[name])})
	}
	return out
}

func (a *attachments) attachedDetails() (out []iam.AttachedPolicy) {
	for _, arn := range a.Attached {
		out = append(out, iam.AttachedPolicy{PolicyName: wire.Some(policyName(arn)), PolicyArn: wire.Some(arn)})
	}
	return out
}
