// Sign-in pages in a real Chromium, and behind them an app that speaks OpenID Connect by libraries as they come (openid-client, oauth4webapi): a
// person signs up, confirms, signs in, is renewed and signs out. The app lives at an origin of its own and sends people on to another.
import assert from 'node:assert/strict';
import { createHash, createHmac, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const idp = require('@aws-sdk/client-cognito-identity-provider');
const oidc = await import(require.resolve('openid-client'));
const oauth = await import(require.resolve('oauth4webapi'));
const { CHROMIUM, SCREEN, ADDR, CA, SHOTS } = process.env;
const phone = SCREEN === 'phone';
const password = 'Correct-horse-7';

// The app: a page that people come back to, and another origin that it sends them on to.
const seen = [];
const server = createServer((req, res) => {
  seen.push(req.url);
  if (req.url.startsWith('/callback')) res.writeHead(302, { location: `http://127.0.0.1:${server.address().port}/home` });
  res.end('<title>app</title>The app');
});
await new Promise((ready) => server.listen(0, ready));
const app = `http://localhost:${server.address().port}`;

const cognito = new idp.CognitoIdentityProviderClient({ region: 'us-east-1', maxAttempts: 1 });
const call = (name, input) => cognito.send(new idp[`${name}Command`](input));
const prefix = `shop-${SCREEN}`;
const { UserPool: { Id: UserPoolId } } = await call('CreateUserPool', {
  PoolName: 'shop', AutoVerifiedAttributes: ['email'], Schema: [{ Name: 'email', Required: true }, { Name: 'name', Required: true }],
});
await call('CreateUserPoolDomain', { UserPoolId, Domain: prefix, ManagedLoginVersion: 2 });
const { UserPoolClient: { ClientId } } = await call('CreateUserPoolClient', {
  UserPoolId, ClientName: 'Corner Shop', AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ['code'], AllowedOAuthScopes: ['openid', 'email', 'profile'],
  CallbackURLs: [`${app}/callback`], LogoutURLs: [`${app}/bye`], SupportedIdentityProviders: ['COGNITO'], PreventUserExistenceErrors: 'ENABLED',
});
for (const [TermsName, url] of [['terms-of-use', 'https://shop.example/terms'], ['privacy-policy', 'https://shop.example/privacy']]) {
  await call('CreateTerms', { UserPoolId, ClientId, TermsName, TermsSource: 'LINK', Enforcement: 'NONE', Links: { 'cognito:default': url } });
}

const key = new X509Certificate(readFileSync(CA)).publicKey.export({ type: 'spki', format: 'der' });
const browser = await chromium.launch({
  executablePath: CHROMIUM, headless: false,
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', `--host-resolver-rules=MAP *.amazoncognito.com ${ADDR}`,
    `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`],
});
const screen = phone ? { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true } : { viewport: { width: 1280, height: 800 } };
const open = async (options = {}) => {
  const context = await browser.newContext({ ...screen, ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on('pageerror', (err) => problems.push(`thrown: ${err.stack}`));
  page.on('console', (m) => { if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) problems.push(`console: ${m.text()}`); });
  return page;
};
const problems = [];
let page;

let shot = 0;
async function picture(name) {
  shot++;
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: `${SHOTS}/signin-${SCREEN}-${shot}-${name}-${colorScheme}.png`, animations: 'disabled', fullPage: true });
  }
}

const fill = async (fields) => { for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value); };
const press = (name) => page.getByRole('button', { name, exact: true }).click();
const heading = (name) => page.getByRole('heading', { name, exact: true }).waitFor();
const outbox = async (to) => {
  const response = await fetch(`http://${ADDR}/_bothy/test/outbox?to=${encodeURIComponent(to)}&wait=10s`);
  assert.equal(response.status, 200);
  return (await response.json()).fields.code;
};
// back waits until the app has the person, at its second origin, and is what came to its callback.
const back = async () => {
  await page.waitForURL('http://127.0.0.1:*/home');
  return new URL(seen.findLast((url) => url.startsWith('/callback')), app);
};

async function journey() {
  const config = await oidc.discovery(new URL(`https://cognito-idp.us-east-1.amazonaws.com/${UserPoolId}`), ClientId, undefined, oidc.None());
  const verifier = oidc.randomPKCECodeVerifier();
  const ask = async (more = {}) => oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${app}/callback`, scope: 'openid email profile', code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state: 's1', nonce: 'n1', ...more,
  }).href;

  // Without JavaScript: nothing on these pages needs it.
  page = await open({ javaScriptEnabled: false });
  await page.goto(await ask());
  await heading('Sign in');
  await picture('login');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await heading('Create account');
  await picture('signup');
  const email = `ann-${SCREEN}@example.com`;
  await fill({ Username: 'ann', 'Email address': email, Name: 'Ann', Password: 'short' });
  await press('Create account');
  await page.getByRole('alert').getByText('Password not long enough').waitFor();
  await picture('signup-refused');
  await fill({ Password: password });
  await press('Create account');
  await heading('Confirm your account');
  await fill({ Code: '000000' });
  await press('Continue');
  await page.getByRole('alert').getByText('Invalid verification code').waitFor();
  await picture('confirm');
  await fill({ Code: await outbox(email) });
  await press('Continue');
  await page.getByRole('status').getByText('Your account is confirmed').waitFor();
  await picture('confirmed');
  await fill({ Username: 'ann', Password: 'Wrong-horse-8' });
  await press('Sign in');
  await page.getByRole('alert').getByText('Incorrect username or password.').waitFor();
  await picture('wrong-password');
  await fill({ Password: password });
  await press('Sign in');

  const tokens = await oidc.authorizationCodeGrant(config, await back(), { pkceCodeVerifier: verifier, expectedState: 's1', expectedNonce: 'n1' });
  const { sub } = tokens.claims();
  assert.equal(tokens.claims().email, email);
  assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, sub)).name, 'Ann');
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(renewed.claims().sub, sub);

  // The browser knows the person: the app asks again and nobody types.
  await page.goto(await ask({ prompt: 'none' }));
  assert.ok((await back()).searchParams.get('code'));

  // Signing out: the browser forgets, the refresh token ends.
  await page.goto(oidc.buildEndSessionUrl(config, { client_id: ClientId, logout_uri: `${app}/bye` }).href);
  assert.equal(page.url(), `${app}/bye`);
  await oidc.tokenRevocation(config, tokens.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
  await page.goto(await ask({ prompt: 'none' }));
  assert.equal((await back()).searchParams.get('error'), 'login_required');

  // A forgotten password; a page in the keyboard's order.
  page = await open();
  await page.goto(await ask());
  await heading('Sign in');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'username');
  for (const name of ['password', 'Sign in']) {
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.name || document.activeElement.textContent), name);
  }
  await page.getByRole('link', { name: 'Forgot your password?' }).click();
  await heading('Reset your password');
  await picture('forgot');
  await fill({ Username: 'ann' });
  await press('Send code');
  await heading('Choose a new password');
  await picture('reset');
  await fill({ Code: await outbox(email), 'New password': `${password}!` });
  await press('Change password');
  await page.getByRole('status').getByText('Your password is changed').waitFor();

  // A temporary password is exchanged for one's own.
  await call('AdminCreateUser', {
    UserPoolId, Username: 'bob', TemporaryPassword: password, MessageAction: 'SUPPRESS', UserAttributes: [{ Name: 'email', Value: `bob-${SCREEN}@example.com` }],
  });
  await fill({ Username: 'bob', Password: password });
  await press('Sign in');
  await heading('Choose your password');
  await picture('new-password');
  await fill({ 'New password': `${password}!`, Name: 'Bob' });
  await press('Continue');
  const bob = await oidc.authorizationCodeGrant(config, await back(), { pkceCodeVerifier: verifier, expectedState: 's1', expectedNonce: 'n1' });
  assert.equal(bob.claims()['cognito:username'], 'bob');

  await machine();
  await challenges(ask);

  await page.goto((await ask()).replace('redirect_uri=http', 'redirect_uri=https'));
  await heading('The app\'s request is not valid');
  await picture('bad-request');
  await branded(ask);
}

// machine: a program without users, by another library (oauth4webapi).
async function machine() {
  await call('CreateResourceServer', { UserPoolId, Identifier: 'https://api', Name: 'API', Scopes: [{ ScopeName: 'read', ScopeDescription: 'to read' }] });
  const { UserPoolClient: cron } = await call('CreateUserPoolClient', {
    UserPoolId, ClientName: 'cron', GenerateSecret: true, AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ['client_credentials'], AllowedOAuthScopes: ['https://api/read'],
  });
  const issuer = new URL(`https://cognito-idp.us-east-1.amazonaws.com/${UserPoolId}`);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
  const client = { client_id: cron.ClientId };
  const answer = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic(cron.ClientSecret), { scope: 'https://api/read' });
  const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, answer);
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  assert.deepEqual([claims.client_id, claims.sub, claims.scope], [cron.ClientId, cron.ClientId, 'https://api/read']);
}

// challenges: a passkey by the browser's own authenticator, one of several ways; then an authenticator app is set up.
async function challenges(ask) {
  const host = new URL(await ask()).hostname;
  await call('UpdateUserPool', { UserPoolId, AutoVerifiedAttributes: ['email'], Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'EMAIL_OTP', 'WEB_AUTHN'] } } });
  await call('SetUserPoolMfaConfig', { UserPoolId, WebAuthnConfiguration: { RelyingPartyId: host, UserVerification: 'preferred' } });
  const flows = ['ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH', 'ALLOW_ADMIN_USER_PASSWORD_AUTH'];
  const { UserPoolClient } = await call('DescribeUserPoolClient', { UserPoolId, ClientId });
  const { ClientSecret, CreationDate, LastModifiedDate, ...settings } = UserPoolClient;
  await call('UpdateUserPoolClient', { ...settings, ExplicitAuthFlows: flows });
  const { AuthenticationResult: { AccessToken } } = await call('AdminInitiateAuth', {
    UserPoolId, ClientId, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD: `${password}!` },
  });
  page = await open();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await page.goto(await ask());
  const { CredentialCreationOptions } = await call('StartWebAuthnRegistration', { AccessToken });
  const Credential = await page.evaluate(async (options) => (await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })).toJSON(), CredentialCreationOptions);
  await call('CompleteWebAuthnRegistration', { AccessToken, Credential });

  assert.equal(await page.locator('[type=password]').count(), 0);
  await fill({ Username: 'ann' });
  await press('Continue');
  await heading('Choose how to go on');
  await picture('choice');
  await page.getByText('Passkey').click();
  await press('Continue');
  await heading('Use your passkey');
  await picture('passkey');
  const before = seen.length;
  await press('Continue with passkey');
  assert.ok((await back()).searchParams.get('code') && seen.length > before);

  await call('UpdateUserPool', { UserPoolId, AutoVerifiedAttributes: ['email'] });
  await call('UpdateUserPoolClient', settings);
  await call('SetUserPoolMfaConfig', { UserPoolId, MfaConfiguration: 'ON', SoftwareTokenMfaConfiguration: { Enabled: true } });
  await page.goto(await ask({ prompt: 'login' }));
  await fill({ Username: 'ann', Password: `${password}!` });
  await press('Sign in');
  await heading('Set up an authenticator app');
  await picture('setup');
  const secret = await page.locator('code').innerText();
  await fill({ Code: totp(secret) });
  await press('Continue');
  assert.ok((await back()).searchParams.get('code'));
  await page.goto(await ask({ prompt: 'login' }));
  await fill({ Username: 'ann', Password: `${password}!` });
  await press('Sign in');
  await heading('Enter your code');
  await picture('code');
  await call('SetUserPoolMfaConfig', { UserPoolId, MfaConfiguration: 'OFF' });
  await call('CreateIdentityProvider', {
    UserPoolId, ProviderName: 'Google', ProviderType: 'Google', ProviderDetails: { client_id: 'x', client_secret: 'x', authorize_scopes: 'openid email' }, AttributeMapping: { email: 'email', name: 'name' },
  });
  await call('UpdateUserPoolClient', { ...settings, SupportedIdentityProviders: ['COGNITO', 'Google'] });
  await page.goto(await ask({ prompt: 'login' }));
  await page.getByRole('link', { name: 'Continue with Google' }).waitFor();
  await picture('providers');
}

// totp is the code that an authenticator app shows now (RFC 6238).
function totp(secret) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))).update(time).digest();
  return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
}

// branded: the owner's colours, corners and logo.
async function branded(ask) {
  const logo = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 56"><circle cx="28" cy="28" r="24" fill="#0b7a5b"/><path d="M16 30l9 9 16-20" fill="none" stroke="#fff" stroke-width="5"/><rect x="66" y="18" width="150" height="20" rx="10" fill="#0b7a5b"/></svg>');
  const both = (light, dark, of) => ({ lightMode: of(light), darkMode: of(dark) });
  await call('CreateManagedLoginBranding', {
    UserPoolId, ClientId,
    Assets: [{ Category: 'FORM_LOGO', ColorMode: 'DYNAMIC', Extension: 'SVG', Bytes: logo }],
    Settings: {
      components: {
        pageBackground: both('e6f3eeff', '07140fff', (color) => ({ color })),
        primaryButton: both('0b7a5bff', '3ecf9fff', (backgroundColor) => ({ defaults: { backgroundColor, textColor: backgroundColor === '0b7a5bff' ? 'ffffffff' : '04110cff' } })),
        form: { borderRadius: 4 },
      },
      componentClasses: { buttons: { borderRadius: 24 }, link: both('0b6b50ff', '6fdcb8ff', (textColor) => ({ defaults: { textColor } })) },
    },
  });
  page = await open();
  await page.goto(await ask());
  await heading('Sign in');
  assert.equal(await page.getByRole('button', { name: 'Sign in' }).evaluate((b) => getComputedStyle(b).backgroundColor), 'rgb(11, 122, 91)');
  assert.ok(await page.getByRole('img', { name: 'Corner Shop' }).evaluate((img) => img.complete && img.naturalWidth > 0));
  await picture('branded');

  await call('UpdateUserPoolDomain', { UserPoolId, Domain: prefix, ManagedLoginVersion: 1 });
  await call('SetUICustomization', { UserPoolId, ClientId, CSS: '.submitButton-customizable{background-color:#b3261e;color:#fff}.banner-customizable{background-color:#fbe9e7;padding:20px}.label-customizable{font-weight:700}' });
  await page.reload();
  assert.equal(await page.getByRole('button', { name: 'Sign in' }).evaluate((b) => getComputedStyle(b).backgroundColor), 'rgb(179, 38, 30)');
  await picture('classic');
}

try {
  await journey();
  assert.deepEqual(problems, []);
} catch (err) {
  if (page) await picture('failed');
  console.error(err, { problems, seen }, page?.url());
  process.exit(1);
}
await browser.close();
server.close();
