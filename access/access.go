// Package access owns accounts, access keys, users, roles, stored policies and sessions. It speaks the IAM and STS APIs and
// finds the credential behind an access key for wire.
//
// It must not know who signs in to apps (users, identities) nor what a role is used for: those ask Issue for a session and
// bring the condition keys. It evaluates nothing itself: package policy decides.
//
// A session has no row. Its token is sealed, holds all it is made of (role, secret, expiry, condition keys, session
// policies) and opens for its own access key only. The role is read at use, so that a changed policy and a deleted role take
// effect with the next request; sessions are revoked by a policy that denies all to those issued before a time. Every change
// also replaces the epoch; as long as a snapshot shows the same epoch, compiled principals are taken from memory.
//
// Rows of the node (no account, no region):
//
//	access.node  ("account")      → the account's id, and "epoch" → id of the last change
//	access.key   (access key id)  → sealed secret, account and user ("" is the root); index "user" (account, user)
//
// Rows of an account (no region); names are kept as given and found in lower case:
//
//	access.role    (name)  → role, trust policy, inline policies, ARNs of attached ones
//	access.user    (name)  → user, inline policies, ARNs of attached ones
//	access.group   (name)  → group, inline policies, ARNs of attached ones; index "id"
//	access.member  (group id, user name) → a user is in a group; index "user"
//	access.use     (access key or AIDA… or AROA…, service) → when and where it was last used
//	access.job     (id)    → a report of who used what, or the deletion of a service-linked role
//	access.report  (part)  → the account's credential report
//	access.setting (name)  → what is set for the whole account: "alias", "endpoint tokens"
//	access.policy  (name)  → managed policy and its versions
//
// What users hold is kept by the user's id (AIDA…), so that it survives a new name and does not pass to a new user of the old one:
//
//	access.login        (user id)      → console password, sealed, and the former ones
//	access.mfadevice    (serial)       → virtual MFA device: seed, sealed, whose it is, last step used; index "user" (user id)
//	access.sshkey       (user id, id)  → public SSH key
//	access.signingcert  (user id, id)  → X.509 certificate
//	access.servicecred  (user id, id)  → name and password at one service, sealed; index "name" (service, name)
//	access.attempt      (subject)      → wrong passwords and codes since the last right one; expires
//
// and of the account itself:
//
//	access.passwordpolicy   ("policy")  → what it demands of passwords
//	access.servercert       (name)      → certificate, chain and private key, sealed
//	access.instanceprofile  (name)      → the role in it; index "role" (name)
//	access.oidcprovider     (ARN)       → issuer, client ids, thumbprints
//	access.samlprovider     (ARN)       → metadata
//	access.assertion        (hash)      → a SAML assertion that made a session; expires with it
//	access.outbound         ("issuer")  → the account as an issuer of tokens: its keys, sealed
//
// Roles, users and groups have the indexes "attached" and "boundary" (policy ARN).
package access

import (
	"context"
	"crypto/x509"
	"time"

	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Config is what the service needs from the node.
type Config struct {
	DB        *kv.DB
	Sealer    *record.Sealer
	Now       func() time.Time
	Roots     *x509.CertPool // that vouch for identity providers; nil: the system's
	BaseURL   func() string  // where others reach the node; the account is an issuer of tokens below it
	WebTokens WebTokens      // of AssumeRoleWithWebIdentity; nil refuses every token
}

// WebTokens verifies the tokens that the node itself gives to users of apps: signature, issuer and time.
type WebTokens interface {
	// Verify is told whom the token says it is from, which proves nothing. It returns the issuer without its scheme
	// ("cognito-identity.amazonaws.com", "cognito-idp.REGION.amazonaws.com/POOL") and the claims. It fails with an error that
	// wraps ErrTokenExpired or ErrTokenInvalid; any other error is an internal failure.
	Verify(ctx context.Context, claimed, token string) (issuer string, claims map[string]any, err error)
}

// Service serves IAM and STS.
type Service struct {
	cfg       Config
	policies  policyCache
	principal principalCache
	sessions  sessionCache
	used      useNotes
	brake     record.Brake // for sign-ins to the console
	providers providerNet
	hashing   chan struct{} // holds one for each password being hashed
}

// maxHashing bounds how many passwords are hashed at once: each takes 19 MiB.
const maxHashing = 4

// New makes the service; it starts nothing.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, brake: record.Brake{DB: cfg.DB}, hashing: make(chan struct{}, maxHashing)}
}

// Mount mounts the operations of both APIs.
func (s *Service) Mount(m *wire.Mux) {
	s.mountSTS(m)
	s.mountRoles(m)
	s.mountUsers(m)
	s.mountGroups(m)
	s.mountPolicies(m)
	s.mountTags(m)
	s.mountOutbound(m)
	s.mountOIDC(m)
	s.mountSAML(m)
	s.mountPasswords(m)
	s.mountPasswordPolicy(m)
	s.mountMFA(m)
	s.mountSSHKeys(m)
	s.mountSigningCerts(m)
	s.mountServerCerts(m)
	s.mountServiceCreds(m)
	s.mountProfiles(m)
	s.mountSimulate(m)
	s.mountAccount(m)
	s.mountUse(m)
	s.mountReports(m)
	s.mountLinkedRoles(m)
	s.mountOrganization(m)
}

func (s *Service) mountSTS(m *wire.Mux) {
	wire.Handle(m, sts.GetCallerIdentity, wire.AuthenticatedOnly[sts.GetCallerIdentityInput], s.getCallerIdentity)
	wire.Handle(m, sts.AssumeRole, s.accessAssumeRole, s.assumeRole)
	wire.HandlePublic(m, sts.AssumeRoleWithWebIdentity, s.assumeRoleWithWebIdentity)
	wire.HandlePublic(m, sts.AssumeRoleWithSAML, s.assumeRoleWithSAML)
	wire.Handle(m, sts.GetSessionToken, wire.AuthenticatedOnly[sts.GetSessionTokenInput], s.getSessionToken)
	wire.Handle(m, sts.DecodeAuthorizationMessage, accessDecode, s.decodeDenial)
	wire.Handle(m, sts.GetFederationToken, accessFederationToken, s.getFederationToken)
	wire.Handle(m, sts.GetAccessKeyInfo, accessKeyInfo, s.getAccessKeyInfo)
}

func (s *Service) mountRoles(m *wire.Mux) {
	wire.Handle(m, iam.CreateRole, s.accessCreateRole, s.createRole)
	wire.Handle(m, iam.GetRole, s.accessGetRole, s.getRole)
	wire.Handle(m, iam.ListRoles, accessListRoles, s.listRoles)
	wire.Handle(m, iam.DeleteRole, s.accessDeleteRole, s.deleteRole)
	wire.Handle(m, iam.UpdateRole, s.accessUpdateRole, s.updateRole)
	wire.Handle(m, iam.UpdateRoleDescription, s.accessUpdateRoleDescription, s.updateRoleDescription)
	wire.Handle(m, iam.UpdateAssumeRolePolicy, s.accessUpdateTrust, s.updateTrust)
	wire.Handle(m, iam.PutRolePermissionsBoundary, s.accessPutRoleBoundary, s.putRoleBoundary)
	wire.Handle(m, iam.DeleteRolePermissionsBoundary, s.accessDeleteRoleBoundary, s.deleteRoleBoundary)
	wire.Handle(m, iam.PutRolePolicy, s.accessPutRolePolicy, s.putRolePolicy)
	wire.Handle(m, iam.GetRolePolicy, s.accessGetRolePolicy, s.getRolePolicy)
	wire.Handle(m, iam.DeleteRolePolicy, s.accessDeleteRolePolicy, s.deleteRolePolicy)
	wire.Handle(m, iam.ListRolePolicies, s.accessListRolePolicies, s.listRolePolicies)
	wire.Handle(m, iam.AttachRolePolicy, s.accessAttachRole, s.attachRole)
	wire.Handle(m, iam.DetachRolePolicy, s.accessDetachRole, s.detachRole)
	wire.Handle(m, iam.ListAttachedRolePolicies, s.accessListAttachedRole, s.listAttachedRole)
}

func (s *Service) mountUsers(m *wire.Mux) {
	wire.Handle(m, iam.CreateUser, s.accessCreateUser, s.createUser)
	wire.Handle(m, iam.GetUser, s.accessGetUser, s.getUser)
	wire.Handle(m, iam.ListUsers, accessListUsers, s.listUsers)
	wire.Handle(m, iam.UpdateUser, s.accessUpdateUser, s.updateUser)
	wire.Handle(m, iam.DeleteUser, s.accessDeleteUser, s.deleteUser)
	wire.Handle(m, iam.PutUserPermissionsBoundary, s.accessPutUserBoundary, s.putUserBoundary)
	wire.Handle(m, iam.DeleteUserPermissionsBoundary, s.accessDeleteUserBoundary, s.deleteUserBoundary)
	wire.Handle(m, iam.PutUserPolicy, s.accessPutUserPolicy, s.putUserPolicy)
	wire.Handle(m, iam.GetUserPolicy, s.accessGetUserPolicy, s.getUserPolicy)
	wire.Handle(m, iam.DeleteUserPolicy, s.accessDeleteUserPolicy, s.deleteUserPolicy)
	wire.Handle(m, iam.ListUserPolicies, s.accessListUserPolicies, s.listUserPolicies)
	wire.Handle(m, iam.AttachUserPolicy, s.accessAttachUser, s.attachUser)
	wire.Handle(m, iam.DetachUserPolicy, s.accessDetachUser, s.detachUser)
	wire.Handle(m, iam.ListAttachedUserPolicies, s.accessListAttachedUser, s.listAttachedUser)
	wire.Handle(m, iam.CreateAccessKey, s.accessCreateKey, s.createKey)
	wire.Handle(m, iam.ListAccessKeys, s.accessListKeys, s.listKeys)
	wire.Handle(m, iam.UpdateAccessKey, s.accessUpdateKey, s.updateKey)
	wire.Handle(m, iam.DeleteAccessKey, s.accessDeleteKey, s.deleteKey)
}

func (s *Service) mountPolicies(m *wire.Mux) {
	wire.Handle(m, iam.CreatePolicy, accessCreatePolicy, s.createPolicy)
	wire.Handle(m, iam.GetPolicy, s.accessGetPolicy, s.getPolicy)
	wire.Handle(m, iam.ListPolicies, accessListPolicies, s.listPolicies)
	wire.Handle(m, iam.DeletePolicy, s.accessDeletePolicy, s.deletePolicy)
	wire.Handle(m, iam.CreatePolicyVersion, s.accessCreateVersion, s.createVersion)
	wire.Handle(m, iam.GetPolicyVersion, s.accessGetVersion, s.getVersion)
	wire.Handle(m, iam.ListPolicyVersions, s.accessListVersions, s.listVersions)
	wire.Handle(m, iam.DeletePolicyVersion, s.accessDeleteVersion, s.deleteVersion)
	wire.Handle(m, iam.SetDefaultPolicyVersion, s.accessSetDefaultVersion, s.setDefaultVersion)
	wire.Handle(m, iam.ListEntitiesForPolicy, s.accessListEntities, s.listEntities)
}

func (s *Service) mountTags(m *wire.Mux) {
	wire.Handle(m, iam.TagRole, s.accessTagRole, s.tagRole)
	wire.Handle(m, iam.UntagRole, s.accessUntagRole, s.untagRole)
	wire.Handle(m, iam.ListRoleTags, s.accessListRoleTags, s.listRoleTags)
	wire.Handle(m, iam.TagUser, s.accessTagUser, s.tagUser)
	wire.Handle(m, iam.UntagUser, s.accessUntagUser, s.untagUser)
	wire.Handle(m, iam.ListUserTags, s.accessListUserTags, s.listUserTags)
	wire.Handle(m, iam.TagPolicy, s.accessTagPolicy, s.tagPolicy)
	wire.Handle(m, iam.UntagPolicy, s.accessUntagPolicy, s.untagPolicy)
	wire.Handle(m, iam.ListPolicyTags, s.accessListPolicyTags, s.listPolicyTags)
}
