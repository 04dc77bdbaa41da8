// Second factors and remembered devices with Amplify 6.
import assert from 'node:assert/strict';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { codeFor, refused, step } from './lib/chain.mjs';
import { app, bare, claims, devicesOf, forget, other, password, person, pool, prefer } from './lib/factors.mjs';

const tls = process.env.BOTHY_URL.replace('http:', 'https:') + '/';
const use = ({ UserPoolId, ClientId }) => Amplify.configure({ Auth: { Cognito: { userPoolId: UserPoolId, userPoolClientId: ClientId, userPoolEndpoint: tls } } });
const signIn = async (username) => (await auth.signIn({ username, password })).nextStep;
const answer = async (challengeResponse) => (await auth.confirmSignIn({ challengeResponse })).nextStep;
const asks = async (name, expected) => {
  const next = await signIn(name);
  assert.equal(next.signInStep, expected);
  return next;
};

{
  const p = await pool('ON', ['TOTP']);
  use(p);
  await person(p, 'bob');
  const setup = await step('who has no second factor sets one up', () => asks('bob', 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP'));
  const totp = app(setup.totpSetupDetails.sharedSecret);
  const first = await totp.next();
  assert.equal((await step('the first code verifies it and enters', () => answer(first))).signInStep, 'DONE');
  assert.deepEqual(await auth.fetchMFAPreference(), { enabled: ['TOTP'], preferred: 'TOTP' });
  await auth.signOut();
  await step('the next sign-in asks the app', () => asks('bob', 'CONFIRM_SIGN_IN_WITH_TOTP_CODE'));
  await step('a wrong code is refused', async () => refused(async () => answer(other(await totp.next())), 'CodeMismatchException', /^Invalid code received for user$/));
  const second = await totp.next();
  assert.equal((await step('the next code enters', () => answer(second))).signInStep, 'DONE');
  await auth.signOut();
}

{
  const p = await pool('ON', ['TOTP', 'EMAIL']);
  use(p);
  await bare(p, 'cid');
  const email = `cid-${process.pid}@example.com`;
  const setup = await step('who has nothing is to choose what to set up', () => asks('cid', 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION'));
  assert.deepEqual(setup.allowedMFATypes, ['TOTP', 'EMAIL']);
  assert.equal((await step('a mailbox is chosen', () => answer('EMAIL'))).signInStep, 'CONTINUE_SIGN_IN_WITH_EMAIL_SETUP');
  assert.equal((await step('a code goes there', () => answer(email))).signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  assert.equal((await step('it enters', async () => answer(await codeFor(email)))).signInStep, 'DONE');
  assert.deepEqual(await auth.fetchMFAPreference(), { enabled: ['EMAIL'], preferred: 'EMAIL' });
  await auth.signOut();
}

const p = await pool('OPTIONAL', ['SMS', 'TOTP', 'EMAIL'], { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true });
use(p);
const ada = await person(p, 'ada');
await prefer(p, 'ada', { EmailMfaSettings: { Enabled: true, PreferredMfa: true } });
const mailed = await step('a code goes to the mailbox', () => asks('ada', 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE'));
assert.deepEqual(mailed.codeDeliveryDetails, { deliveryMedium: 'EMAIL', destination: 'a***@e***' });
assert.equal((await step('it enters', async () => answer(await codeFor(ada.email)))).signInStep, 'DONE');
const setup = await step('an app is set up while signed in', () => auth.setUpTOTP());
const totp = app(setup.sharedSecret);
await auth.verifyTOTPSetup({ code: await totp.next() });
await auth.updateMFAPreference({ totp: 'ENABLED', sms: 'ENABLED', email: 'ENABLED' });
await auth.signOut();

const choose = await step('the user is to choose', () => asks('ada', 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION'));
assert.deepEqual(choose.allowedMFATypes, ['SMS', 'TOTP', 'EMAIL']);
assert.equal((await step('the app is chosen', () => answer('TOTP'))).signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
assert.equal((await step('its code enters', async () => answer(await totp.next()))).signInStep, 'DONE');
await step('the user has the device remembered', () => auth.rememberDevice());
const [device] = await auth.fetchDevices();
const key = async () => claims((await auth.fetchAuthSession()).tokens.accessToken.toString()).device_key;
assert.equal(await key(), device.id);
await auth.signOut();

await step('on the device the password is enough', () => asks('ada', 'DONE'));
assert.equal(await key(), device.id);
await step('the session is renewed', () => auth.fetchAuthSession({ forceRefresh: true }));
await auth.signOut();
await forget(p, 'ada', device.id);
await step('a forgotten device is forgotten by the client, and asked for the second factor', () => asks('ada', 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION'));
assert(!(await devicesOf(p, 'ada')).some((d) => d.DeviceKey === device.id));
