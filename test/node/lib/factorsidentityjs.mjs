// The story of second factors and remembered devices with amazon-cognito-identity-js, any version.
import assert from 'node:assert/strict';
import { codeFor, refused, step } from './chain.mjs';
import { app, claims, devicesOf, forget, other, password, person, pool, prefer } from './factors.mjs';

// client is one browser: what it stores outlives a sign-in.
function client(lib, { UserPoolId, ClientId }) {
  const { AuthenticationDetails, CognitoUser, CognitoUserPool } = lib;
  const Pool = new CognitoUserPool({ UserPoolId, ClientId });
  const user = (Username) => new CognitoUser({ Username, Pool });
  // settled turns callbacks into what happened: { session } or the name of what is asked, with its parameters.
  const settled = (run) => new Promise((resolve, onFailure) => {
    const asks = (name) => (challenge, params) => resolve({ asked: name, params });
    run({
      onSuccess: (session, confirm) => resolve({ session, confirm }), onFailure,
      mfaRequired: asks('SMS_MFA'), totpRequired: asks('SOFTWARE_TOKEN_MFA'), selectMFAType: asks('SELECT_MFA_TYPE'), mfaSetup: asks('MFA_SETUP'),
      associateSecretCode: (secret) => resolve({ secret }),
    });
  });
  return {
    user, settled,
    signIn: (u, Username) => settled((callbacks) => u.authenticateUser(new AuthenticationDetails({ Username, Password: password }), callbacks)),
    answer: (u, code, kind) => settled((callbacks) => u.sendMFACode(code, callbacks, kind)),
  };
}

// devices: SMS once, then the device is proof enough, until it is forgotten.
async function devices(lib) {
  const p = await pool('OPTIONAL', ['SMS'], { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: false });
  const ada = await person(p, 'ada');
  await prefer(p, 'ada', { SMSMfaSettings: { Enabled: true, PreferredMfa: true } });
  const c = client(lib, p);
  const u = c.user('ada');
  const asked = await step('a new device is asked for the second factor', async () => {
    const got = await c.signIn(u, 'ada');
    assert.equal(got.asked, 'SMS_MFA');
    return got;
  });
  assert.equal(asked.params.CODE_DELIVERY_DELIVERY_MEDIUM, 'SMS');
  assert.equal(asked.params.CODE_DELIVERY_DESTINATION, '+*******' + ada.phone.slice(-4));
  const code = await codeFor(ada.phone);
  await step('a wrong code is refused', () => refused(() => c.answer(u, other(code)), 'CodeMismatchException', /^Invalid code or auth state for the user\.$/));
  const first = await step('the right code enters', () => c.answer(u, code));
  const key = claims(first.session.getAccessToken().getJwtToken()).device_key;
  await step('the device is remembered', async () => assert.deepEqual((await devicesOf(p, 'ada')).map((d) => d.DeviceKey), [key]));

  const again = c.user('ada');
  const second = await step('on the device the password is enough', () => c.signIn(again, 'ada'));
  assert.equal(claims(second.session.getAccessToken().getJwtToken()).device_key, key);
  await step('the session is renewed', () => new Promise((resolve, reject) => {
    again.refreshSession(second.session.getRefreshToken(), (err, session) => (err ? reject(err) : resolve(session)));
  }));
  await step('the device is listed', () => new Promise((onSuccess, onFailure) => {
    again.listDevices(10, null, { onSuccess: (data) => onSuccess(assert.equal(data.Devices[0].DeviceKey, key)), onFailure });
  }));

  await forget(p, 'ada', key);
  await step('a forgotten device is forgotten by the client, and asked for the second factor', async () => {
    const got = await c.signIn(c.user('ada'), 'ada');
    assert.equal(got.asked, 'SMS_MFA');
  });
}

// apps: an authenticator is set up in the first sign-in, and asked for in the next.
async function apps(lib) {
  const p = await pool('ON', ['TOTP']);
  await person(p, 'bob');
  const c = client(lib, p);
  const u = c.user('bob');
  await step('who has no second factor sets one up', async () => assert.equal((await c.signIn(u, 'bob')).asked, 'MFA_SETUP'));
  const { secret } = await step('a secret for the app', () => c.settled((callbacks) => u.associateSoftwareToken(callbacks)));
  const totp = app(secret);
  const code = await totp.next();
  await step('a wrong code does not verify it', () => refused(() => c.settled((callbacks) => u.verifySoftwareToken(other(code), 'phone', callbacks)), 'EnableSoftwareTokenMFAException', /^Code mismatch$/));
  const { session } = await step('the first code verifies it and enters', () => c.settled((callbacks) => u.verifySoftwareToken(code, 'phone', callbacks)));
  assert(session.isValid());
  const next = c.user('bob');
  await step('the next sign-in asks the app', async () => assert.equal((await c.signIn(next, 'bob')).asked, 'SOFTWARE_TOKEN_MFA'));
  await step('a code serves once', () => refused(() => c.answer(next, code, 'SOFTWARE_TOKEN_MFA'), 'ExpiredCodeException', /^Your software token has already been used once\.$/));
  const right = await totp.next();
  assert((await step('the next code enters', () => c.answer(next, right, 'SOFTWARE_TOKEN_MFA'))).session.isValid());
}

// choice: who has two second factors and prefers none chooses.
async function choice(lib) {
  const p = await pool('OPTIONAL', ['SMS', 'TOTP']);
  const eve = await person(p, 'eve');
  const c = client(lib, p);
  const u = c.user('eve');
  await step('nothing is asked before anything is on', async () => assert((await c.signIn(u, 'eve')).session));
  const { secret } = await c.settled((callbacks) => u.associateSoftwareToken(callbacks));
  const totp = app(secret);
  const first = await totp.next();
  await step('an app is verified while signed in', () => c.settled((callbacks) => u.verifySoftwareToken(first, 'phone', callbacks)));
  await step('both are turned on', () => new Promise((resolve, reject) => {
    u.setUserMfaPreference({ Enabled: true, PreferredMfa: false }, { Enabled: true, PreferredMfa: false }, (err, value) => (err ? reject(err) : resolve(value)));
  }));
  const next = c.user('eve');
  const asked = await step('the user is to choose', () => c.signIn(next, 'eve'));
  assert.equal(asked.asked, 'SELECT_MFA_TYPE');
  assert.deepEqual(JSON.parse(asked.params.MFAS_CAN_CHOOSE), ['SMS_MFA', 'SOFTWARE_TOKEN_MFA']);
  const chosen = await step('text messages are chosen', () => c.settled((callbacks) => next.sendMFASelectionAnswer('SMS_MFA', callbacks)));
  assert.equal(chosen.asked, 'SMS_MFA');
  const code = await codeFor(eve.phone);
  assert((await step('the code enters', () => c.answer(next, code))).session.isValid());
}

// factors tells what the version knows: authenticator apps came with 2.
export async function factors(lib) {
  await devices(lib);
  if (!lib.CognitoUser.prototype.associateSoftwareToken) return;
  await apps(lib);
  await choice(lib);
}
