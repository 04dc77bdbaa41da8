package users

import (
	"bothy/api/cognitoidp"
	"bothy/policy"
	"bothy/wire"
)

// Mount serves the operations.
func (s *Service) Mount(m *wire.Mux) {
	s.mux = m
	s.mountPublic(m)
	s.mountPools(m)
	s.mountAdmin(m)
	s.mountGroups(m)
	s.mountDomains(m)
	s.mountResourceServers(m)
	s.mountClientSecrets(m)
	s.mountCustomization(m)
	s.mountBranding(m)
	s.mountTerms(m)
	s.mountTags(m)
	s.mountRisk(m)
	s.mountProviders(m)
	s.mountMFA(m)
	s.mountDevices(m)
	s.mountImports(m)
	s.mountLogDelivery(m)
	s.mountPasskeys(m)
}

// mountPublic mounts what AWS leaves unsigned: a client id and its secret, a password, a code or a token authorise it.
func (s *Service) mountPublic(m *wire.Mux) {
	wire.HandlePublic(m, cognitoidp.SignUp, s.signUp)
	wire.HandlePublic(m, cognitoidp.ConfirmSignUp, s.confirmSignUp)
	wire.HandlePublic(m, cognitoidp.ResendConfirmationCode, s.resendConfirmationCode)
	wire.HandlePublic(m, cognitoidp.ForgotPassword, s.forgotPassword)
	wire.HandlePublic(m, cognitoidp.ConfirmForgotPassword, s.confirmForgotPassword)
	wire.HandlePublic(m, cognitoidp.InitiateAuth, s.initiateAuth)
	wire.HandlePublic(m, cognitoidp.RespondToAuthChallenge, s.respondToAuthChallenge)
	wire.HandlePublic(m, cognitoidp.GetTokensFromRefreshToken, s.getTokensFromRefreshToken)
	wire.HandlePublic(m, cognitoidp.RevokeToken, s.revokeToken)
	wire.HandlePublic(m, cognitoidp.GetUser, s.getUser)
	wire.HandlePublic(m, cognitoidp.UpdateUserAttributes, s.updateUserAttributes)
	wire.HandlePublic(m, cognitoidp.DeleteUserAttributes, s.deleteUserAttributes)
	wire.HandlePublic(m, cognitoidp.GetUserAttributeVerificationCode, s.getUserAttributeVerificationCode)
	wire.HandlePublic(m, cognitoidp.VerifyUserAttribute, s.verifyUserAttribute)
	wire.HandlePublic(m, cognitoidp.ChangePassword, s.changePassword)
	wire.HandlePublic(m, cognitoidp.DeleteUser, s.deleteUser)
	wire.HandlePublic(m, cognitoidp.GlobalSignOut, s.globalSignOut)
}

func (s *Service) mountPools(m *wire.Mux) {
	wire.Handle(m, cognitoidp.CreateUserPool, anyPool[cognitoidp.CreateUserPoolInput]("CreateUserPool"), s.createUserPool)
	wire.Handle(m, cognitoidp.ListUserPools, anyPool[cognitoidp.ListUserPoolsInput]("ListUserPools"), s.listUserPools)
	onPool(m, cognitoidp.DescribeUserPool, func(in *cognitoidp.DescribeUserPoolInput) string { return in.UserPoolId.V }, s.describeUserPool)
	onPool(m, cognitoidp.UpdateUserPool, func(in *cognitoidp.UpdateUserPoolInput) string { return in.UserPoolId.V }, s.updateUserPool)
	onPool(m, cognitoidp.DeleteUserPool, func(in *cognitoidp.DeleteUserPoolInput) string { return in.UserPoolId.V }, s.deleteUserPool)
	onPool(m, cognitoidp.ListUserPoolReplicas, func(in *cognitoidp.ListUserPoolReplicasInput) string { return in.UserPoolId.V }, s.listUserPoolReplicas)
	onPool(m, cognitoidp.AddCustomAttributes, func(in *cognitoidp.AddCustomAttributesInput) string { return in.UserPoolId.V }, s.addCustomAttributes)
	onPool(m, cognitoidp.CreateUserPoolClient, func(in *cognitoidp.CreateUserPoolClientInput) string { return in.UserPoolId.V }, s.createUserPoolClient)
	onPool(m, cognitoidp.DescribeUserPoolClient, func(in *cognitoidp.DescribeUserPoolClientInput) string { return in.UserPoolId.V }, s.describeUserPoolClient)
	onPool(m, cognitoidp.UpdateUserPoolClient, func(in *cognitoidp.UpdateUserPoolClientInput) string { return in.UserPoolId.V }, s.updateUserPoolClient)
	onPool(m, cognitoidp.DeleteUserPoolClient, func(in *cognitoidp.DeleteUserPoolClientInput) string { return in.UserPoolId.V }, s.deleteUserPoolClient)
	onPool(m, cognitoidp.ListUserPoolClients, func(in *cognitoidp.ListUserPoolClientsInput) string { return in.UserPoolId.V }, s.listUserPoolClients)
}

func (s *Service) mountAdmin(m *wire.Mux) {
	onPool(m, cognitoidp.AdminCreateUser, func(in *cognitoidp.AdminCreateUserInput) string { return in.UserPoolId.V }, s.adminCreateUser)
	onPool(m, cognitoidp.AdminGetUser, func(in *cognitoidp.AdminGetUserInput) string { return in.UserPoolId.V }, s.adminGetUser)
	onPool(m, cognitoidp.AdminConfirmSignUp, func(in *cognitoidp.AdminConfirmSignUpInput) string { return in.UserPoolId.V }, s.adminConfirmSignUp)
	onPool(m, cognitoidp.AdminSetUserPassword, func(in *cognitoidp.AdminSetUserPasswordInput) string { return in.UserPoolId.V }, s.adminSetUserPassword)
	onPool(m, cognitoidp.AdminResetUserPassword, func(in *cognitoidp.AdminResetUserPasswordInput) string { return in.UserPoolId.V }, s.adminResetUserPassword)
	onPool(m, cognitoidp.AdminUpdateUserAttributes, func(in *cognitoidp.AdminUpdateUserAttributesInput) string { return in.UserPoolId.V }, s.adminUpdateUserAttributes)
	onPool(m, cognitoidp.AdminDeleteUserAttributes, func(in *cognitoidp.AdminDeleteUserAttributesInput) string { return in.UserPoolId.V }, s.adminDeleteUserAttributes)
	onPool(m, cognitoidp.AdminDeleteUser, func(in *cognitoidp.AdminDeleteUserInput) string { return in.UserPoolId.V }, s.adminDeleteUser)
	onPool(m, cognitoidp.AdminDisableUser, func(in *cognitoidp.AdminDisableUserInput) string { return in.UserPoolId.V }, s.adminDisableUser)
	onPool(m, cognitoidp.AdminEnableUser, func(in *cognitoidp.AdminEnableUserInput) string { return in.UserPoolId.V }, s.adminEnableUser)
	onPool(m, cognitoidp.AdminUserGlobalSignOut, func(in *cognitoidp.AdminUserGlobalSignOutInput) string { return in.UserPoolId.V }, s.adminUserGlobalSignOut)
	onPool(m, cognitoidp.AdminInitiateAuth, func(in *cognitoidp.AdminInitiateAuthInput) string { return in.UserPoolId.V }, s.adminInitiateAuth)
	onPool(m, cognitoidp.AdminRespondToAuthChallenge, func(in *cognitoidp.AdminRespondToAuthChallengeInput) string { return in.UserPoolId.V }, s.adminRespondToAuthChallenge)
	onPool(m, cognitoidp.ListUsers, func(in *cognitoidp.ListUsersInput) string { return in.UserPoolId.V }, s.listUsers)
}

func (s *Service) mountGroups(m *wire.Mux) {
	wire.Handle(m, cognitoidp.CreateGroup, func(c *wire.Call, in *cognitoidp.CreateGroupInput) ([]wire.Access, error) {
		return accessGroup(c, "CreateGroup", in.UserPoolId.V, in.RoleArn), nil
	}, s.createGroup)
	onPool(m, cognitoidp.GetGroup, func(in *cognitoidp.GetGroupInput) string { return in.UserPoolId.V }, s.getGroup)
	wire.Handle(m, cognitoidp.UpdateGroup, func(c *wire.Call, in *cognitoidp.UpdateGroupInput) ([]wire.Access, error) {
		return accessGroup(c, "UpdateGroup", in.UserPoolId.V, in.RoleArn), nil
	}, s.updateGroup)
	onPool(m, cognitoidp.ListGroups, func(in *cognitoidp.ListGroupsInput) string { return in.UserPoolId.V }, s.listGroups)
	onPool(m, cognitoidp.DeleteGroup, func(in *cognitoidp.DeleteGroupInput) string { return in.UserPoolId.V }, s.deleteGroup)
	onPool(m, cognitoidp.AdminAddUserToGroup, func(in *cognitoidp.AdminAddUserToGroupInput) string { return in.UserPoolId.V }, s.adminAddUserToGroup)
	onPool(m, cognitoidp.AdminRemoveUserFromGroup, func(in *cognitoidp.AdminRemoveUserFromGroupInput) string { return in.UserPoolId.V }, s.adminRemoveUserFromGroup)
	onPool(m, cognitoidp.AdminListGroupsForUser, func(in *cognitoidp.AdminListGroupsForUserInput) string { return in.UserPoolId.V }, s.adminListGroupsForUser)
	onPool(m, cognitoidp.ListUsersInGroup, func(in *cognitoidp.ListUsersInGroupInput) string { return in.UserPoolId.V }, s.listUsersInGroup)
}

// accessGroup is the access of what may give a group a role. Identity pools hand the roles of groups out, so it takes the right
// to pass the role: without it, whoever may change groups could become anyone.
func accessGroup(c *wire.Call, action, poolID string, role wire.Opt[string]) []wire.Access {
	wants := wire.One("cognito-idp:"+action, poolARN(c.Account, poolID), nil)
	if role.V != "" {
		wants = append(wants, wire.Access{Action: "iam:PassRole", Resource: role.V, Keys: policy.Keys{"iam:passedtoservice": {"cognito-idp.amazonaws.com"}}})
	}
	return wants
}

// anyPool is the access of operations that name no pool.
func anyPool[In any](action string) func(*wire.Call, *In) ([]wire.Access, error) {
	return func(*wire.Call, *In) ([]wire.Access, error) { return wire.One("cognito-idp:"+action, "*", nil), nil }
}

// onPool mounts an operation on the pool whose id the input holds. The action is named like the operation.
func onPool[In, Out any](m *wire.Mux, op wire.Op[In, Out], id func(*In) string, handle func(*wire.Call, *In) (*Out, error)) {
	action := "cognito-idp:" + op.Info.Name
	wire.Handle(m, op, func(c *wire.Call, in *In) ([]wire.Access, error) {
		return wire.One(action, poolARN(c.Account, id(in)), nil), nil
	}, handle)
}
