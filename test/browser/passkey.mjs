// A passkey in a real Chromium: made on a page of the site by the browser's own authenticator, and signed in with; on a page of another
// site it is of no use.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const idp = require('@aws-sdk/client-cognito-identity-provider');
const { CHROMIUM, ADDR, CA, SITE, PROFILE } = process.env;
const { domain } = JSON.parse(SITE);

const users = new idp.CognitoIdentityProviderClient({ maxAttempts: 1 });
const Password = 'Correct-Horse-7';
const { UserPool: { Id: UserPoolId } } = await users.send(new idp.CreateUserPoolCommand({ PoolName: 'passkeys', Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'WEB_AUTHN'] } } }));
await users.send(new idp.SetUserPoolMfaConfigCommand({ UserPoolId, WebAuthnConfiguration: { RelyingPartyId: domain, UserVerification: 'required' } }));
const { UserPoolClient: { ClientId } } = await users.send(new idp.CreateUserPoolClientCommand({ UserPoolId, ClientName: 'app', ExplicitAuthFlows: ['ALLOW_USER_AUTH', 'ALLOW_ADMIN_USER_PASSWORD_AUTH'] }));
await users.send(new idp.AdminCreateUserCommand({ UserPoolId, Username: 'ann', TemporaryPassword: Password, MessageAction: 'SUPPRESS' }));
await users.send(new idp.AdminSetUserPasswordCommand({ UserPoolId, Username: 'ann', Password, Permanent: true }));
const { AuthenticationResult: { AccessToken } } = await users.send(new idp.AdminInitiateAuthCommand({ UserPoolId, ClientId, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD: Password } }));

const key = new X509Certificate(readFileSync(CA)).publicKey.export({ type: 'spki', format: 'der' });
const context = await chromium.launchPersistentContext(PROFILE, {
  executablePath: CHROMIUM,
  headless: false, // the flag below is the new headless mode: the real browser
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    `--host-resolver-rules=MAP *.amazonaws.com ${ADDR}, MAP *.cloudfront.net ${ADDR}`, `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`],
});
context.setDefaultTimeout(20_000);
const page = context.pages()[0] ?? await context.newPage();
await page.goto(`https://${domain}/`);
const devtools = await context.newCDPSession(page);
await devtools.send('WebAuthn.enable');
const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
  options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
});

// call is an operation as clients in a page call it; a refusal is its name.
await page.addInitScript(() => {
  window.call = async (operation, body) => {
    const response = await fetch('https://cognito-idp.us-east-1.amazonaws.com/', {
      method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSCognitoIdentityProviderService.' + operation },
    });
    const answer = await response.json();
    return response.ok ? answer : { refused: answer.__type.split('#').pop() };
  };
});
await page.reload();

const made = await page.evaluate(async (token) => {
  const { CredentialCreationOptions } = await call('StartWebAuthnRegistration', { AccessToken: token });
  const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(CredentialCreationOptions) });
  await call('CompleteWebAuthnRegistration', { AccessToken: token, Credential: credential.toJSON() });
  return call('ListWebAuthnCredentials', { AccessToken: token });
}, AccessToken);
assert.equal(made.Credentials.length, 1, JSON.stringify(made));
assert.deepEqual([made.Credentials[0].RelyingPartyId, made.Credentials[0].AuthenticatorAttachment, made.Credentials[0].AuthenticatorTransports], [domain, 'platform', ['internal']]);

const signIn = (client, twice) => page.evaluate(async ([ClientId, twice]) => {
  const { ChallengeName, Session, ChallengeParameters } = await call('InitiateAuth', { ClientId, AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME: 'ann', PREFERRED_CHALLENGE: 'WEB_AUTHN' } });
  const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(ChallengeParameters.CREDENTIAL_REQUEST_OPTIONS)) });
  const answer = { ClientId, ChallengeName, Session, ChallengeResponses: { USERNAME: 'ann', CREDENTIAL: JSON.stringify(credential.toJSON()) } };
  const first = await call('RespondToAuthChallenge', answer);
  return twice ? call('RespondToAuthChallenge', answer) : first;
}, [client, twice]);
for (let i = 0; i < 2; i++) {
  const done = await signIn(ClientId, false);
  assert.equal(JSON.parse(atob(done.AuthenticationResult.IdToken.split('.')[1]))['cognito:username'], 'ann');
}
assert.equal((await signIn(ClientId, true)).refused, 'NotAuthorizedException'); // a signature serves once

await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
assert.match(await signIn(ClientId, false).then(() => 'it signed', (err) => err.message), /NotAllowedError/); // the browser itself refuses
await context.close();
