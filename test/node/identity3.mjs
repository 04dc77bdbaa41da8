// SDK v3's credential providers: an app's (identity pool, OpenID token), and an operator's (a role that wants a second factor).
import assert from 'node:assert/strict';
import * as identity from '@aws-sdk/client-cognito-identity';
import * as idp from '@aws-sdk/client-cognito-identity-provider';
import * as iam from '@aws-sdk/client-iam';
import * as sts from '@aws-sdk/client-sts';
import { fromCognitoIdentity, fromCognitoIdentityPool, fromTemporaryCredentials, fromWebToken } from '@aws-sdk/credential-providers';
import { refused, step } from './lib/chain.mjs';
import { app as authenticator, bare, password } from './lib/factors.mjs';

const { AWS_REGION: region } = process.env;
const once = { region, maxAttempts: 1 };
const users = new idp.CognitoIdentityProviderClient(once);
const access = new iam.IAMClient(once);
const pools = new identity.CognitoIdentityClient(once);
const who = (credentials) => new sts.STSClient({ ...once, credentials }).send(new sts.GetCallerIdentityCommand({}));
const policy = (...Statement) => JSON.stringify({ Version: '2012-10-17', Statement });

const p = await step('pools and roles', async () => {
  const { UserPool: { Id: UserPoolId } } = await users.send(new idp.CreateUserPoolCommand({ PoolName: 'providers' }));
  const { UserPoolClient: { ClientId } } = await users.send(new idp.CreateUserPoolClientCommand({ UserPoolId, ClientName: 'app', ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] }));
  await bare({ UserPoolId }, 'ann');
  const provider = `cognito-idp.${region}.amazonaws.com/${UserPoolId}`;
  const { IdentityPoolId } = await pools.send(new identity.CreateIdentityPoolCommand({
    IdentityPoolName: 'providers', AllowUnauthenticatedIdentities: true, AllowClassicFlow: true, CognitoIdentityProviders: [{ ProviderName: provider, ClientId }],
  }));
  const role = async (RoleName, amr) => (await access.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: policy({
    Effect: 'Allow', Principal: { Federated: 'cognito-identity.amazonaws.com' }, Action: 'sts:AssumeRoleWithWebIdentity', Condition: { 'ForAnyValue:StringLike': { 'cognito-identity.amazonaws.com:amr': amr } },
  }) }))).Role.Arn;
  const Roles = { authenticated: await role('member', 'authenticated'), unauthenticated: await role('guest', 'unauthenticated') };
  await pools.send(new identity.SetIdentityPoolRolesCommand({ IdentityPoolId, Roles }));
  return { ClientId, provider, IdentityPoolId, Roles };
});
const signIn = async () => (await users.send(new idp.InitiateAuthCommand({ ClientId: p.ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD: password } }))).AuthenticationResult.IdToken;

const kept = new Map(); // as a browser's storage keeps the guest's id
const cache = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) };

await step('fromCognitoIdentityPool: a guest', async () => {
  const credentials = fromCognitoIdentityPool({ identityPoolId: p.IdentityPoolId, clientConfig: once, cache });
  assert.match((await who(credentials)).Arn, /assumed-role\/guest\/CognitoIdentityCredentials$/);
  const [first, again] = [await credentials(), await fromCognitoIdentityPool({ identityPoolId: p.IdentityPoolId, clientConfig: once, cache })()];
  assert.equal(first.identityId, again.identityId);
  assert(first.expiration > new Date());
});
const me = await step('fromCognitoIdentityPool: a user, whose token is asked for', async () => {
  let asked = 0;
  const logins = { [p.provider]: () => (asked++, signIn()) };
  const credentials = fromCognitoIdentityPool({ identityPoolId: p.IdentityPoolId, clientConfig: once, logins });
  assert.match((await who(credentials)).Arn, /assumed-role\/member\/CognitoIdentityCredentials$/);
  assert(asked > 0);
  const { identityId } = await credentials();
  assert.equal((await fromCognitoIdentity({ identityId, logins, clientConfig: once })()).identityId, identityId);
  await refused(fromCognitoIdentity({ identityId, clientConfig: once }), 'NotAuthorizedException', /^Access to Identity '\S+' is forbidden\.$/);
  return { identityId, token: await signIn() };
});
await step('fromWebToken', async () => {
  const { Token } = await pools.send(new identity.GetOpenIdTokenCommand({ IdentityId: me.identityId, Logins: { [p.provider]: me.token } }));
  const web = (more) => fromWebToken({ roleArn: p.Roles.authenticated, roleSessionName: 'web', webIdentityToken: Token, clientConfig: once, ...more });
  assert.match((await who(web())).Arn, /assumed-role\/member\/web$/);
  assert.match((await who(web({ durationSeconds: 900, policy: policy({ Effect: 'Deny', Action: '*', Resource: '*' }) }))).Arn, /member\/web$/); // whoever may do nothing may still ask who he is
  await refused(web({ roleArn: p.Roles.unauthenticated }), 'AccessDenied', /^Not authorized to perform sts:AssumeRoleWithWebIdentity$/);
  await refused(web({ webIdentityToken: me.token }), 'InvalidIdentityTokenException');
});

await step('fromTemporaryCredentials, with a second factor', async () => {
  const { User } = await access.send(new iam.CreateUserCommand({ UserName: 'ops' }));
  const { AccessKey: k } = await access.send(new iam.CreateAccessKeyCommand({ UserName: 'ops' }));
  const masterCredentials = { accessKeyId: k.AccessKeyId, secretAccessKey: k.SecretAccessKey };
  const { VirtualMFADevice: device } = await access.send(new iam.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: 'ops' }));
  const phone = authenticator(Buffer.from(device.Base32StringSeed).toString());
  const { SerialNumber } = device;
  await access.send(new iam.EnableMFADeviceCommand({ UserName: 'ops', SerialNumber, AuthenticationCode1: await phone.next(), AuthenticationCode2: await phone.next() }));
  const { Role } = await access.send(new iam.CreateRoleCommand({ RoleName: 'careful', AssumeRolePolicyDocument: policy({
    Effect: 'Allow', Principal: { AWS: User.Arn }, Action: 'sts:AssumeRole', Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } },
  }) }));
  const params = { RoleArn: Role.Arn, RoleSessionName: 'ops', DurationSeconds: 900 };
  const refusal = /^User: \S+user\/ops is not authorized to perform: sts:AssumeRole on resource: \S+role\/careful/;
  await refused(fromTemporaryCredentials({ masterCredentials, params, clientConfig: once }), 'AccessDenied', refusal);
  const asked = [];
  const credentials = fromTemporaryCredentials({ masterCredentials, params: { ...params, SerialNumber }, clientConfig: once, mfaCodeProvider: async (serial) => (asked.push(serial), phone.next()) });
  assert.match((await who(credentials)).Arn, /assumed-role\/careful\/ops$/);
  assert.deepEqual(asked, [SerialNumber]);
  const wrong = fromTemporaryCredentials({ masterCredentials, params: { ...params, SerialNumber }, clientConfig: once, mfaCodeProvider: async () => '000000' });
  await refused(wrong, 'AccessDenied', /^MultiFactorAuthentication failed with invalid MFA one time pass code\./);
});
