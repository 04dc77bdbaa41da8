// SDK v2 as backends and apps of its time had it: an operator's calls, and credentials that refresh themselves.
import assert from 'node:assert/strict';
import AWS from 'aws-sdk';
import { refused, step } from './lib/chain.mjs';
import { app as authenticator } from './lib/factors.mjs';

const { AWS_REGION: region, BOTHY_URL: endpoint } = process.env;
AWS.config.update({ region, maxRetries: 0, endpoint });
const idp = new AWS.CognitoIdentityServiceProvider();
const iam = new AWS.IAM();
const identity = new AWS.CognitoIdentity();
const Password = 'Correct-Horse-7';

const [UserPoolId, ClientId, ClientSecret] = await step('a pool, with a client that has a secret', async () => {
  const { UserPool } = await idp.createUserPool({ PoolName: 'two', Schema: [{ Name: 'plan', AttributeDataType: 'String', Mutable: true }] }).promise();
  assert(UserPool.SchemaAttributes.some((a) => a.Name === 'custom:plan'));
  const { UserPoolClient: c } = await idp.createUserPoolClient({
    UserPoolId: UserPool.Id, ClientName: 'backend', GenerateSecret: true, ExplicitAuthFlows: ['ADMIN_NO_SRP_AUTH'], // its name in those days
  }).promise();
  return [UserPool.Id, c.ClientId, c.ClientSecret];
});
const ann = { UserPoolId, Username: 'ann' };
const { createHmac } = await import('node:crypto');
const SECRET_HASH = createHmac('sha256', ClientSecret).update('ann' + ClientId).digest('base64');
const start = (PASSWORD, more) => idp.adminInitiateAuth({ UserPoolId, ClientId, AuthFlow: 'ADMIN_NO_SRP_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD, SECRET_HASH, ...more } }).promise();
const answer = ({ ChallengeName, Session }, responses) =>
  idp.adminRespondToAuthChallenge({ UserPoolId, ClientId, ChallengeName, Session, ChallengeResponses: { USERNAME: 'ann', SECRET_HASH, ...responses } }).promise();

await step('an operator makes a user', async () => {
  const { User } = await idp.adminCreateUser({ ...ann, TemporaryPassword: 'First-Horse-7', MessageAction: 'SUPPRESS', UserAttributes: [{ Name: 'email', Value: 'ann@two.example' }] }).promise();
  assert(User.UserCreateDate instanceof Date);
  await refused(() => idp.adminCreateUser({ ...ann, MessageAction: 'SUPPRESS' }).promise(), 'UsernameExistsException', /^User account already exists$/);
  await idp.adminUpdateUserAttributes({ ...ann, UserAttributes: [{ Name: 'custom:plan', Value: 'gold' }] }).promise();
  await idp.createGroup({ UserPoolId, GroupName: 'staff', Precedence: 1 }).promise();
  await idp.adminAddUserToGroup({ ...ann, GroupName: 'staff' }).promise();
  assert.deepEqual((await idp.adminListGroupsForUser(ann).promise()).Groups.map((g) => g.GroupName), ['staff']);
});

const tokens = await step('ADMIN_NO_SRP_AUTH, and a first password', async () => {
  await refused(() => start('First-Horse-7', { SECRET_HASH: 'x' }), 'NotAuthorizedException', /^Unable to verify secret hash for client /);
  const asked = await start('First-Horse-7');
  assert.equal(asked.ChallengeName, 'NEW_PASSWORD_REQUIRED');
  assert.equal(JSON.parse(asked.ChallengeParameters.userAttributes)['custom:plan'], 'gold');
  return (await answer(asked, { NEW_PASSWORD: Password })).AuthenticationResult;
});

await step('an authenticator app', async () => {
  const associate = () => idp.associateSoftwareToken({ AccessToken: tokens.AccessToken }).promise();
  await refused(associate, 'SoftwareTokenMFANotFoundException', /^Software Token MFA has not been enabled by the userPool$/);
  await idp.setUserPoolMfaConfig({ UserPoolId, MfaConfiguration: 'OPTIONAL', SoftwareTokenMfaConfiguration: { Enabled: true } }).promise();
  const { SecretCode } = await associate();
  const phone = authenticator(SecretCode);
  await refused(() => idp.verifySoftwareToken({ AccessToken: tokens.AccessToken, UserCode: '000000' }).promise(), 'EnableSoftwareTokenMFAException');
  assert.equal((await idp.verifySoftwareToken({ AccessToken: tokens.AccessToken, UserCode: await phone.next() }).promise()).Status, 'SUCCESS');
  await idp.adminSetUserMFAPreference({ ...ann, SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } }).promise();
  const asked = await start(Password);
  assert.equal(asked.ChallengeName, 'SOFTWARE_TOKEN_MFA');
  assert((await answer(asked, { SOFTWARE_TOKEN_MFA_CODE: await phone.next() })).AuthenticationResult.IdToken);
  await idp.adminSetUserMFAPreference({ ...ann, SoftwareTokenMfaSettings: { Enabled: false } }).promise();
});

await step('CognitoIdentityCredentials with Logins', async () => {
  const ProviderName = `cognito-idp.${region}.amazonaws.com/${UserPoolId}`;
  const { IdentityPoolId } = await identity.createIdentityPool({ IdentityPoolName: 'two', AllowUnauthenticatedIdentities: true, CognitoIdentityProviders: [{ ProviderName, ClientId }] }).promise();
  const role = async (amr) => {
    const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [{
      Effect: 'Allow', Principal: { Federated: 'cognito-identity.amazonaws.com' }, Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: { StringEquals: { 'cognito-identity.amazonaws.com:aud': IdentityPoolId }, 'ForAnyValue:StringLike': { 'cognito-identity.amazonaws.com:amr': amr } },
    }] });
    return (await iam.createRole({ RoleName: 'two-' + amr, AssumeRolePolicyDocument }).promise()).Role.Arn;
  };
  await identity.setIdentityPoolRoles({ IdentityPoolId, Roles: { authenticated: await role('authenticated'), unauthenticated: await role('unauthenticated') } }).promise();
  const who = (credentials) => new AWS.STS({ credentials }).getCallerIdentity().promise().then((me) => me.Arn.split('/')[1]);
  const credentials = new AWS.CognitoIdentityCredentials({ IdentityPoolId }, { region, credentials: null });
  assert.equal(await who(credentials), 'two-unauthenticated');
  const guest = credentials.identityId;
  credentials.params.Logins = { [ProviderName]: tokens.IdToken };
  credentials.expired = true;
  assert.equal(await who(credentials), 'two-authenticated');
  assert.equal(credentials.identityId, guest); // the guest became the user
  assert(credentials.expireTime > new Date());
  credentials.clearCachedId();
  credentials.params.Logins = { [ProviderName]: tokens.AccessToken };
  credentials.expired = true;
  await refused(() => credentials.getPromise(), 'NotAuthorizedException');
  assert.deepEqual((await identity.listIdentities({ IdentityPoolId, MaxResults: 10 }).promise()).Identities.map((i) => [i.IdentityId, i.Logins]), [[guest, [ProviderName]]]);
});

await step('an operator takes it back', async () => {
  await idp.adminUserGlobalSignOut(ann).promise();
  await refused(() => idp.getUser({ AccessToken: tokens.AccessToken }).promise(), 'NotAuthorizedException', /^Access Token has been revoked$/);
  await idp.adminDisableUser(ann).promise();
  await refused(() => start(Password), 'NotAuthorizedException', /^User is disabled\.$/);
  await idp.adminDeleteUser(ann).promise();
  await refused(() => idp.adminGetUser(ann).promise(), 'UserNotFoundException', /^User does not exist\.$/);
});
