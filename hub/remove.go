package hub

import (
	"errors"
	"slices"

	"bothy/api/apigateway"
	"bothy/api/cloudfront"
	"bothy/api/cognitoidentity"
	"bothy/api/cognitoidp"
	"bothy/api/dynamodb"
	"bothy/api/iam"
	"bothy/api/lambda"
	"bothy/api/mobile"
	"bothy/api/s3"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// remove deletes a project and what it made. Tables, buckets and user pools that hold data stay, on their own, unless
// force.
func (s *Service) remove(c *wire.Call, id string, force bool) (gone, left []mobile.Resource, err error) {
	r, done, err := s.begin(c, c.Account, id, removing)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	gone, left, err = r.removeAll(force)
	if err != nil {
		_, stored := r.store(func(p *project) { p.Busy, p.Stack = nil, "DELETE_FAILED" })
		return nil, nil, errors.Join(explain("delete", err), stored)
	}
	return gone, left, nil
}

// removeAll removes resource by resource, writing down each, then the project itself.
func (r *run) removeAll(force bool) (gone, left []mobile.Resource, err error) {
	gone, left = []mobile.Resource{}, []mobile.Resource{}
	for _, m := range removalOrder(r.row.Made) {
		orphan, err := r.removeOne(m, force)
		if err != nil {
			return nil, nil, err
		}
		if _, err := r.store(func(p *project) { p.drop(m.Key) }); err != nil {
			return nil, nil, err
		}
		switch shown := m.resource(); {
		case m.Hidden:
		case orphan:
			left = append(left, shown)
		default:
			gone = append(gone, shown)
		}
	}
	err = r.s.cfg.DB.Update(r.ctx, func(tx *kv.Tx) error {
		err := projects.Delete(tx, record.In(r.account, ""), r.row.ID)
		if errors.Is(err, record.ErrNotFound) {
			return nil
		}
		return err
	})
	return gone, left, err
}

// removalOrder is users of a resource before the resource: the reverse of the order of making.
func removalOrder(list []made) []made {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

// removeOne removes a resource; one that is gone already is no error. It is left, an orphan, when it is not ours or holds
// data.
func (r *run) removeOne(m made, force bool) (orphan bool, err error) {
	if m.Foreign {
		return true, nil
	}
	switch m.Type {
	case "AWS::S3::Bucket":
		return r.removeBucket(m, force || m.Key == "bucket/deployments")
	case "AWS::DynamoDB::Table":
		return r.removeTable(m, force)
	case "AWS::Cognito::UserPool":
		return r.removeUserPool(m, force)
	case "AWS::Cognito::IdentityPool":
		_, err = call(r, cognitoidentity.DeleteIdentityPool, &cognitoidentity.DeleteIdentityPoolInput{IdentityPoolId: wire.Some(m.ID)})
	case "AWS::IAM::Policy":
		_, err = call(r, iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: wire.Some(m.ID), PolicyName: wire.Some(m.Name)})
	case "AWS::IAM::Role":
		err = r.removeRole(m)
	case "AWS::Lambda::Function":
		_, err = call(r, lambda.DeleteFunction, &lambda.DeleteFunctionInput{FunctionName: wire.Some(m.Name)})
	case "AWS::ApiGateway::RestApi":
		_, err = call(r, apigateway.DeleteRestApi, &apigateway.DeleteRestApiInput{RestApiId: wire.Some(m.ID)})
	case "AWS::CloudFront::Distribution":
		err = r.removeDistribution(m)
	case "AWS::S3::File": // goes with its bucket
	}
	if failed(err, "ResourceNotFoundException", "NotFoundException", "NoSuchEntity", "NoSuchBucket", "NoSuchDistribution", "NoSuchKey") {
		return false, nil
	}
	return false, err
}

func (r *run) removeRole(m made) error {
	list, err := call(r, iam.ListRolePolicies, &iam.ListRolePoliciesInput{RoleName: wire.Some(m.Name)})
	if err != nil {
		return err
	}
	for _, name := range list.PolicyNames {
		if _, err := call(r, iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: wire.Some(m.Name), PolicyName: wire.Some(name)}); err != nil {
			return err
		}
	}
	_, err = call(r, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: wire.Some(m.Name)})
	return err
}

func (r *run) removeTable(m made, force bool) (orphan bool, err error) {
	if !force {
		out, err := call(r, dynamodb.Scan, &dynamodb.ScanInput{TableName: wire.Some(m.Name), Limit: wire.Some(int32(1))})
		if failed(err, "ResourceNotFoundException") {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if len(out.Items) > 0 {
			return true, nil
		}
	}
	_, err = call(r, dynamodb.DeleteTable, &dynamodb.DeleteTableInput{TableName: wire.Some(m.Name)})
	if failed(err, "ResourceNotFoundException") {
		return false, nil
	}
	return false, err
}

func (r *run) removeUserPool(m made, force bool) (orphan bool, err error) {
	if !force {
		out, err := call(r, cognitoidp.ListUsers, &cognitoidp.ListUsersInput{UserPoolId: wire.Some(m.ID), Limit: wire.Some(int32(1))})
		if failed(err, "ResourceNotFoundException") {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if len(out.Users) > 0 {
			return true, nil
		}
	}
	_, err = call(r, cognitoidp.DeleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: wire.Some(m.ID)})
	if failed(err, "ResourceNotFoundException") {
		return false, nil
	}
	return false, err
}

// removeBucket empties a bucket of what is ours, or of everything when forced, and removes it when it is empty.
func (r *run) removeBucket(m made, force bool) (orphan bool, err error) {
	for {
		page, err := call(r, s3.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: wire.Some(m.Name)})
		if failed(err, "NoSuchBucket") {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		var keys []s3.ObjectIdentifier
		for _, o := range page.Contents {
			if force || m.Key == "bucket/hosting" && slices.Contains(ownFiles, o.Key.V) {
				keys = append(keys, s3.ObjectIdentifier{Key: o.Key})
			}
		}
		if !force && len(keys) < len(page.Contents) {
			return true, nil
		}
		if len(keys) == 0 {
			break
		}
		if _, err := call(r, s3.DeleteObjects, &s3.DeleteObjectsInput{
			Bucket: wire.Some(m.Name), Delete: &s3.Delete{Objects: keys, Quiet: wire.Some(true)},
		}); err != nil {
			return false, err
		}
	}
	_, err = call(r, s3.DeleteBucket, &s3.DeleteBucketInput{Bucket: wire.Some(m.Name)})
	switch {
	case failed(err, "NoSuchBucket"):
		return false, nil
	case failed(err, "BucketNotEmpty"): // old versions of objects are data too
		return true, nil
	}
	return false, err
}

// removeDistribution switches a distribution off first: only then may it go.
func (r *run) removeDistribution(m made) error {
	have, err := call(r, cloudfront.GetDistributionConfig, &cloudfront.GetDistributionConfigInput{Id: wire.Some(m.ID)})
	if err != nil {
		return err
	}
	etag := have.ETag
	if have.DistributionConfig.Enabled.V {
		have.DistributionConfig.Enabled = wire.Some(false)
		off, err := call(r, cloudfront.UpdateDistribution, &cloudfront.UpdateDistributionInput{
			Id: wire.Some(m.ID), IfMatch: etag, DistributionConfig: have.DistributionConfig,
		})
		if err != nil {
			return err
		}
		etag = off.ETag
	}
	_, err = call(r, cloudfront.DeleteDistribution, &cloudfront.DeleteDistributionInput{Id: wire.Some(m.ID), IfMatch: etag})
	return err
}
