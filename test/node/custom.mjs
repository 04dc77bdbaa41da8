// Sign-ins other than by a password alone, with the clients of each generation: the CAPTCHA of the tutorial, codes in place of passwords,
// and users who come along from another pool. Functions run for real; what they are made of is in BOTHY_ZIP.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as idp from '@aws-sdk/client-cognito-identity-provider';
import * as iam from '@aws-sdk/client-iam';
import * as lambda from '@aws-sdk/client-lambda';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';
import identityjs1 from 'identity-js-1';
import identityjs6 from 'identity-js-6';
import { codeFor, refused, step } from './lib/chain.mjs';

const { BOTHY_URL, BOTHY_ZIP, BOTHY_MIGRATION, AWS_REGION: region } = process.env;
const once = { maxAttempts: 1 };
const users = new idp.CognitoIdentityProviderClient(once), functions = new lambda.LambdaClient(once), access = new iam.IAMClient(once);
const password = 'Correct-Horse-7';

const trust = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }] };
const { Role } = await access.send(new iam.CreateRoleCommand({ RoleName: 'triggers', AssumeRolePolicyDocument: JSON.stringify(trust) }));

async function makeFunction(FunctionName, Handler, zip, Variables = {}, Runtime = 'nodejs4.3') {
  const f = await functions.send(new lambda.CreateFunctionCommand({ FunctionName, Runtime, Handler, Role: Role.Arn, Code: { ZipFile: readFileSync(zip) }, Environment: { Variables } }));
  await lambda.waitUntilFunctionActiveV2({ client: functions, maxWaitTime: 20 }, { FunctionName });
  await functions.send(new lambda.AddPermissionCommand({ FunctionName, StatementId: 'pools', Action: 'lambda:InvokeFunction', Principal: 'cognito-idp.amazonaws.com' }));
  return f.FunctionArn;
}

async function makePool(LambdaConfig, ExplicitAuthFlows, more = {}) {
  const { UserPool } = await users.send(new idp.CreateUserPoolCommand({ PoolName: 'custom', AutoVerifiedAttributes: ['email'], LambdaConfig, ...more }));
  const { UserPoolClient } = await users.send(new idp.CreateUserPoolClientCommand({ UserPoolId: UserPool.Id, ClientName: 'app', ExplicitAuthFlows }));
  return { poolId: UserPool.Id, clientId: UserPoolClient.ClientId };
}

async function member(p, Username) {
  const UserAttributes = [{ Name: 'email', Value: `${Username}@example.com` }, { Name: 'email_verified', Value: 'true' }];
  await users.send(new idp.AdminCreateUserCommand({ UserPoolId: p.poolId, Username, UserAttributes, TemporaryPassword: password, MessageAction: 'SUPPRESS' }));
  await users.send(new idp.AdminSetUserPasswordCommand({ UserPoolId: p.poolId, Username, Password: password, Permanent: true }));
}

const f = await step('functions', async () => Object.fromEntries(await Promise.all(['define', 'create', 'verify', 'defineAlone', 'createAlone'].map(async (n) => [n, await makeFunction(n, 'index.' + n, BOTHY_ZIP)]))));
const afterSRP = await makePool({ DefineAuthChallenge: f.define, CreateAuthChallenge: f.create, VerifyAuthChallengeResponse: f.verify }, ['CUSTOM_AUTH_FLOW_ONLY']);
const alone = await makePool({ DefineAuthChallenge: f.defineAlone, CreateAuthChallenge: f.createAlone, VerifyAuthChallengeResponse: f.verify }, ['ALLOW_CUSTOM_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH']);
await member(afterSRP, 'ann');
await member(alone, 'ann');

// captcha runs the way of the tutorial to tokens; solve is the answer to what the page shows.
const captcha = (lib, p, begin, solve) => new Promise((resolve, reject) => {
  const { AuthenticationDetails, CognitoUser, CognitoUserPool } = lib;
  const user = new CognitoUser({ Username: 'ann', Pool: new CognitoUserPool({ UserPoolId: p.poolId, ClientId: p.clientId }) });
  user.setAuthenticationFlowType('CUSTOM_AUTH');
  const shown = [];
  user[begin](new AuthenticationDetails({ Username: 'ann', Password: password }), {
    onSuccess: (session) => resolve({ shown, name: JSON.parse(atob(session.getIdToken().getJwtToken().split('.')[1]))['cognito:username'] }),
    onFailure: reject,
    customChallenge(parameters) {
      shown.push(parameters.captchaUrl);
      user.sendCustomChallengeAnswer(solve(shown.length), this);
    },
  });
});

for (const [name, lib] of Object.entries({ 'identity-js 1.19': identityjs1, 'identity-js 6': identityjs6 })) {
  await step(`${name}: password and CAPTCHA`, async () => {
    assert.deepEqual(await captcha(lib, afterSRP, 'authenticateUser', () => '5'), { shown: ['url/123.jpg'], name: 'ann' });
    await refused(() => captcha(lib, afterSRP, 'authenticateUser', () => '6'), 'NotAuthorizedException', /^Incorrect username or password\.$/);
  });
}
await step('identity-js 6: CAPTCHA alone', async () => {
  assert.deepEqual(await captcha(identityjs6, alone, 'initiateAuth', (n) => (n === 1 ? '4' : '5')), { shown: ['url/0.jpg', 'url/1.jpg'], name: 'ann' });
});
await step('the functions cannot be gone around', async () => {
  const direct = (AuthFlow, more) => users.send(new idp.InitiateAuthCommand({ ClientId: afterSRP.clientId, AuthFlow, AuthParameters: { USERNAME: 'ann', ...more } }));
  await refused(() => direct('USER_SRP_AUTH', { SRP_A: '2' }), 'InvalidParameterException', /^Only custom auth \(lambda driven\) is enabled for this client\.$/);
  await refused(() => direct('USER_PASSWORD_AUTH', { PASSWORD: password }), 'InvalidParameterException');
});

// amplify points Amplify at a pool.
function amplify(p) {
  Amplify.configure({ Auth: { Cognito: { userPoolId: p.poolId, userPoolClientId: p.clientId, userPoolEndpoint: BOTHY_URL.replace('http:', 'https:') + '/' } } });
}
const who = async () => (await auth.fetchAuthSession()).tokens.idToken.payload['cognito:username'];

await step('Amplify 6: CUSTOM_WITH_SRP', async () => {
  amplify(afterSRP);
  const { nextStep } = await auth.signIn({ username: 'ann', password, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
  assert.deepEqual([nextStep.signInStep, nextStep.additionalInfo.captchaUrl], ['CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE', 'url/123.jpg']);
  const done = await auth.confirmSignIn({ challengeResponse: '5' });
  assert.deepEqual([done.isSignedIn, await who()], [true, 'ann']);
  await auth.signOut();
});
await step('Amplify 6: CUSTOM_WITHOUT_SRP', async () => {
  amplify(alone);
  await auth.signIn({ username: 'ann', options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
  const again = await auth.confirmSignIn({ challengeResponse: '4' });
  assert.deepEqual([again.nextStep.signInStep, again.nextStep.additionalInfo.captchaUrl], ['CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE', 'url/1.jpg']);
  assert.equal((await auth.confirmSignIn({ challengeResponse: '5' })).isSignedIn, true);
  assert.equal(await who(), 'ann');
  await auth.signOut();
});

const factors = { Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'EMAIL_OTP'] } } };
await step('Amplify 6: no password at all', async () => {
  const p = await makePool(undefined, ['ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'], factors);
  amplify(p);
  const made = await auth.signUp({ username: 'bea', options: { userAttributes: { email: 'bea@example.com' }, autoSignIn: { authFlowType: 'USER_AUTH' } } });
  assert.equal(made.nextStep.signUpStep, 'CONFIRM_SIGN_UP');
  const confirmed = await auth.confirmSignUp({ username: 'bea', confirmationCode: await codeFor('bea@example.com') });
  assert.equal(confirmed.nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
  assert.equal((await auth.autoSignIn()).isSignedIn, true);
  assert.equal(await who(), 'bea');
  await auth.signOut();

  const asked = await auth.signIn({ username: 'bea', options: { authFlowType: 'USER_AUTH', preferredChallenge: 'EMAIL_OTP' } });
  assert.equal(asked.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  await refused(() => auth.confirmSignIn({ challengeResponse: '00000000' }), 'CodeMismatchException');
  assert.equal((await auth.confirmSignIn({ challengeResponse: await codeFor('bea@example.com') })).isSignedIn, true);
  await auth.signOut();
});
await step('Amplify 6: a choice', async () => {
  const p = await makePool(undefined, ['ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'], factors);
  await member(p, 'cleo');
  amplify(p);
  for (const [choice, answer] of [['PASSWORD', () => password], ['PASSWORD_SRP', () => password], ['EMAIL_OTP', () => codeFor('cleo@example.com')]]) {
    const { nextStep } = await auth.signIn({ username: 'cleo', options: { authFlowType: 'USER_AUTH' } });
    assert.deepEqual([nextStep.signInStep, nextStep.availableChallenges], ['CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION', ['PASSWORD', 'PASSWORD_SRP', 'EMAIL_OTP']]);
    await auth.confirmSignIn({ challengeResponse: choice });
    assert.equal((await auth.confirmSignIn({ challengeResponse: await answer() })).isSignedIn, true, choice);
    assert.equal(await who(), 'cleo');
    await auth.signOut();
  }
});

await step('users come along from another pool', async () => {
  const old = await makePool(undefined, ['ALLOW_ADMIN_USER_PASSWORD_AUTH']);
  await member(old, 'dan');
  await member(old, 'eve');
  const may = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['cognito-idp:AdminInitiateAuth', 'cognito-idp:AdminGetUser'], Resource: `arn:aws:cognito-idp:${region}:*:userpool/${old.poolId}` }] };
  await access.send(new iam.CreateUserCommand({ UserName: 'bring-along' }));
  await access.send(new iam.PutUserPolicyCommand({ UserName: 'bring-along', PolicyName: 'old-pool', PolicyDocument: JSON.stringify(may) }));
  const { AccessKey } = await access.send(new iam.CreateAccessKeyCommand({ UserName: 'bring-along' }));
  const UserMigration = await makeFunction('bring-along', 'index.handler', BOTHY_MIGRATION, {
    OLD_REGION: region, OLD_ENDPOINT: BOTHY_URL, OLD_POOL: old.poolId, OLD_CLIENT: old.clientId, OLD_KEY: AccessKey.AccessKeyId, OLD_SECRET: AccessKey.SecretAccessKey,
  }, 'nodejs20.x');
  const p = await makePool({ UserMigration }, ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH']);
  amplify(p);
  const byPassword = { authFlowType: 'USER_PASSWORD_AUTH' };
  await refused(() => auth.signIn({ username: 'dan', password: 'Wrong-Horse-7', options: byPassword }), 'UserNotFoundException', /^Exception migrating user in app client /);
  assert.equal((await auth.signIn({ username: 'dan', password, options: byPassword })).isSignedIn, true);
  await auth.signOut();
  assert.equal((await auth.signIn({ username: 'dan', password })).isSignedIn, true); // by SRP, without the old pool
  await auth.signOut();
  await auth.resetPassword({ username: 'eve' });
  await auth.confirmResetPassword({ username: 'eve', confirmationCode: await codeFor('eve@example.com'), newPassword: 'Another-Horse-7' });
  assert.equal((await auth.signIn({ username: 'eve', password: 'Another-Horse-7' })).isSignedIn, true);
  await auth.signOut();
});
assert.equal(await cognitoUserPoolsTokenProvider.authTokenStore.loadTokens(), null);
process.exit(0); // Amplify's automatic sign-in leaves a timer of three minutes
