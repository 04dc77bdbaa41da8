package access

import (
	"fmt"
	"path"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// A service-linked role belongs to a service: its path says to which, only that service may assume it, and nobody changes it but by
// the operations of this file.

const linkedPath = "/aws-service-role/"

// linkedServices are the services that have such a role, with the end of its name.
var linkedServices = map[string]string{
	"ops.apigateway.amazonaws.com":                   "APIGateway",
	"cognito-idp.amazonaws.com":                      "AmazonCognitoIdp",
	"email.cognito-idp.amazonaws.com":                "AmazonCognitoIdpEmailService",
	"dynamodb.application-autoscaling.amazonaws.com": "ApplicationAutoScaling_DynamoDBTable",
	"replication.dynamodb.amazonaws.com":             "DynamoDBReplication",
	"kinesisreplication.dynamodb.amazonaws.com":      "DynamoDBKinesisDataStreamsReplication",
	"replicator.lambda.amazonaws.com":                "LambdaReplicator",
	"logger.cloudfront.amazonaws.com":                "CloudFrontLogger",
	"sms-voice.amazonaws.com":                        "SMSVoice",
	"ses.amazonaws.com":                              "AmazonSES",
}

func (s *Service) mountLinkedRoles(m *wire.Mux) {
	wire.Handle(m, iam.CreateServiceLinkedRole, accessCreateLinked, s.createLinked)
	wire.Handle(m, iam.DeleteServiceLinkedRole, s.accessDeleteLinked, s.deleteLinked)
	wire.Handle(m, iam.GetServiceLinkedRoleDeletionStatus, s.accessLinkedStatus, s.linkedStatus)
}

// linked tells whether the role is service-linked.
func (r *roleRow) linked() bool { return strings.HasPrefix(r.Path, linkedPath) }

// unmodifiable refuses to change a service-linked role.
func (r *roleRow) unmodifiable() error {
	if !r.linked() {
		return nil
	}
	return &iam.UnmodifiableEntityException{Message: wire.Some(fmt.Sprintf(
		"Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", r.Name))}
}

// linkedRole is a new service-linked role.
func linkedRole(c *wire.Call, in *iam.CreateServiceLinkedRoleInput) *roleRow {
	row := &roleRow{Name: "AWSServiceRoleFor" + linkedServices[in.AWSServiceName.V], Path: linkedPath + in.AWSServiceName.V + "/", ID: newID("AROA", 17),
		Description: in.Description.V, MaxSession: defaultMaxSession, Created: c.Now.UTC().Truncate(time.Second),
		Trust: `{"Version":"2012-10-17","Statement":[{"Action":["sts:AssumeRole"],"Effect":"Allow","Principal":{"Service":["` + in.AWSServiceName.V + `"]}}]}`}
	row.ARN = roleARN(c.Account, row.Path, row.Name)
	return row
}

func accessCreateLinked(c *wire.Call, in *iam.CreateServiceLinkedRoleInput) ([]wire.Access, error) {
	return wire.One("iam:CreateServiceLinkedRole", linkedRole(c, in).ARN, policy.Keys{"iam:awsservicename": {in.AWSServiceName.V}}), nil
}

func (s *Service) createLinked(c *wire.Call, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	if linkedServices[in.AWSServiceName.V] == "" {
		return nil, invalidInput("Service name " + in.AWSServiceName.V + " is not valid.")
	}
	if in.CustomSuffix.Set {
		return nil, invalidInput("Custom suffix is not allowed for " + in.AWSServiceName.V)
	}
	row := linkedRole(c, in)
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if err := roles().Insert(tx, of(c.Account), row); err != nil {
			return exists(err, invalidInput("Service role name "+row.Name+" has been taken in this account, please try a different suffix."))
		}
		return touch(tx)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateServiceLinkedRoleOutput{Role: row.api()}, nil
}

func (s *Service) accessDeleteLinked(c *wire.Call, in *iam.DeleteServiceLinkedRoleInput) ([]wire.Access, error) {
	return s.onRole(c, "DeleteServiceLinkedRole", in.RoleName.V, nil)
}

// deleteLinked deletes the role at once: no service of this node depends on one. The task only remembers it.
func (s *Service) deleteLinked(c *wire.Call, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	uuid, task := wire.NewUUID(), ""
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := roles().Get(tx, of(c.Account), fold(in.RoleName.V))
		if err := unless(err, func() bool { return row.linked() }); err != nil {
			return or(err, noSuchRole(in.RoleName.V))
		}
		task = "task" + row.Path + row.Name + "/" + uuid
		if err := jobs().Put(tx, of(c.Account), &jobRow{ID: task, Of: row.ARN, Created: c.Now.UTC().Truncate(time.Second)}); err != nil {
			return err
		}
		return dropRole(tx, c.Account, row)
	})
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: wire.Some(task)}, err
}

func (s *Service) accessLinkedStatus(c *wire.Call, in *iam.GetServiceLinkedRoleDeletionStatusInput) ([]wire.Access, error) {
	role := path.Dir(strings.TrimPrefix(in.DeletionTaskId.V, "task/"))
	return wire.One("iam:GetServiceLinkedRoleDeletionStatus", roleARN(c.Account, "/", role), nil), nil
}

func (s *Service) linkedStatus(c *wire.Call, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := jobs().Get(tx, of(c.Account), in.DeletionTaskId.V)
		if err := unless(err, func() bool { return strings.HasPrefix(row.ID, "task/") && c.Now.Before(row.Created.Add(jobKept)) }); err != nil {
			return or(err, noSuchEntity("Deletion task with id %s cannot be found.", in.DeletionTaskId.V))
		}
		return nil
	})
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: wire.Some("SUCCEEDED")}, err
}
