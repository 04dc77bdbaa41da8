// One journey through the example app in a real Chromium for which AWS's hosts are the node, and which trusts the node's
// authority and nothing else. A line on standard output asks the test for a restart of the node; the answer is a line back.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { chromium } = createRequire(new URL('../node/package.json', import.meta.url))('playwright-core');
const { CHROMIUM, SCREEN, ADDR, CA, SITE, SHOTS, PROFILE } = process.env;
const { bucket, domain } = JSON.parse(SITE);
const phone = SCREEN === 'phone';
const url = phone ? `http://${bucket}.s3-website-us-east-1.amazonaws.com/` : `https://${domain}/`;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const key = new X509Certificate(readFileSync(CA)).publicKey.export({ type: 'spki', format: 'der' });
const pin = createHash('sha256').update(key).digest('base64');
const context = await chromium.launchPersistentContext(PROFILE, {
  executablePath: CHROMIUM,
  headless: false, // the flag below is the new headless mode: the real browser
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', `--host-resolver-rules=MAP *.amazonaws.com ${ADDR}, MAP *.cloudfront.net ${ADDR}`,
    `--ignore-certificate-errors-spki-list=${pin}`],
  ...(phone ? { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true } : { viewport: { width: 1280, height: 800 } }),
});
context.setDefaultTimeout(20_000);
const page = context.pages()[0] ?? await context.newPage();

// What the page must not do: fail a request, log an error, throw. A refusal that is the point of a step is announced.
const problems = [];
let refusals = [];
page.on('pageerror', (err) => problems.push(`thrown: ${err.stack}`));
page.on('requestfailed', (r) => problems.push(`failed: ${r.method()} ${r.url()} ${r.failure()?.errorText}`));
page.on('response', (r) => { if (r.status() >= 400) refusals.push(`${r.status()} ${new URL(r.url()).hostname.split('.').slice(-4).join('.')}`); });
page.on('console', (m) => {
  if (m.type() === 'error' && !m.text().startsWith('Failed to load resource: the server responded with a status of 4')) problems.push(`console: ${m.text()}`);
});
const refused = async (what, step) => {
  refusals = [];
  await step();
  assert.deepEqual(refusals.splice(0), what);
};
const clean = () => assert.deepEqual([problems, refusals], [[], []]);

let shot = 0;
const snap = (name, clip) => page.screenshot({ path: `${SHOTS}/${name}.png`, animations: 'disabled', clip });
const picture = (name) => snap(`${SCREEN}-${++shot}-${name}`);
const portrait = (name) => phone && snap(name, { x: 0, y: 0, width: 390, height: 560 }); // docs/images has a copy
const button = (name) => page.getByRole('button', { name, exact: true });
const tab = (name) => page.getByRole('navigation').getByRole('button', { name }).click();
const dialog = page.getByRole('dialog');
const fill = async (fields) => { for (const [name, value] of Object.entries(fields)) await dialog.locator(`form:visible [name=${name}]`).fill(value); };
const idle = () => page.locator('main:not([aria-busy])').waitFor();
const texts = (selector) => page.locator(selector).allInnerTexts().then((all) => all.map((t) => t.replace(/\s+/g, ' ').trim()));
const tasks = async () => { await idle(); return texts('#list li:not(.empty) label'); };

const outbox = async (to) => {
  const response = await fetch(`http://${ADDR}/_bothy/test/outbox?to=${encodeURIComponent(to)}&wait=10s`);
  assert.equal(response.status, 200);
  return (await response.json()).fields.code;
};

async function register(name) {
  const email = `${name}@example.com`;
  await button('Sign in').click();
  await dialog.getByRole('link', { name: 'Register' }).click();
  await fill({ username: name, email, password });
  await picture('register');
  await dialog.getByRole('button', { name: 'Register' }).click();
  await dialog.getByRole('heading', { name: 'Confirm' }).waitFor();
  await picture('confirm');
  await fill({ code: await outbox(email) });
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await dialog.getByRole('heading', { name: 'Sign in' }).waitFor();
}

// signIn goes through SRP: the password itself never leaves the page.
async function signIn(name) {
  if (!await dialog.isVisible()) await button('Sign in').click();
  await fill({ username: name, password });
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.locator('#who', { hasText: name }).waitFor();
  await idle();
}

async function signOut() {
  await button('Sign out').click();
  await page.locator('#who', { hasText: 'Guest' }).waitFor();
  await idle();
}

async function add(title, project) {
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('Project', { exact: true }).fill(project);
  await button('Add').click();
  await page.locator('#list').getByText(title).waitFor();
  await idle();
}

async function restart() {
  await new Promise((done) => { process.stdout.write('restart\n', done); });
  assert.equal((await answers.next()).value, 'again');
}

// query takes the page's own AWS credentials straight to DynamoDB, for the rows of an identity (null: one's own).
const query = (identity) => page.evaluate(async (id) => {
  await AWS.config.credentials.getPromise();
  const me = AWS.config.credentials.identityId;
  const table = aws_dynamodb_table_schemas.map((t) => t.tableName).find((name) => name.endsWith('-tasks'));
  const db = new AWS.DynamoDB.DocumentClient({ region: aws_project_region, maxRetries: 0 });
  try {
    const data = await db.query({ TableName: table, KeyConditionExpression: 'userId = :u', ExpressionAttributeValues: { ':u': id || me } }).promise();
    return { me, titles: data.Items.map((item) => item.title).sort() };
  } catch (err) {
    return { me, code: err.code, message: err.message };
  }
}, identity);

const password = 'Correct-horse-7';
const [ada, grace, house, holiday] = phone ? ['ada', 'grace', 'House', 'Skye'] : ['mary', 'joan', 'Garden', 'Choir'];

async function journey() {
  // A guest sees everybody's projects, and is refused what is for users, in AWS's own words.
  await page.goto(url);
  await idle();
  await page.locator('#projects li').first().waitFor();
  await picture('guest');
  clean();
  await refused(['403 execute-api.us-east-1.amazonaws.com'], async () => {
    await tab('My tasks');
    await page.locator('#refused').waitFor();
  });
  assert.match(await page.locator('#refused code').innerText(),
    /^User: arn:aws:sts::\d{12}:assumed-role\/\w+_unauth_MOBILEHUB_\d+\/CognitoIdentityCredentials is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:\*{8}\d{4}:\w+\/Development\/GET\/tasks/);
  await picture('refused');

  // A person registers, signs in, and works.
  await register(ada);
  await refused(['400 cognito-idp.us-east-1.amazonaws.com'], async () => {
    await fill({ username: ada, password: 'Wrong-horse-8' });
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await dialog.getByText('Incorrect username or password.').waitFor();
  });
  await picture('wrong-password');
  await signIn(ada);
  assert.deepEqual(await tasks(), []);
  await add('Buy lumber for the porch', house);
  await add('Call the electrician', house);
  await add('Paint the fence', house);
  await add('Book the ferry', holiday);
  await page.getByRole('checkbox', { name: 'Call the electrician' }).click();
  await page.locator('#list li', { hasText: 'Call the electrician' }).locator(':checked').waitFor();
  await idle();
  await button('Delete Paint the fence').click();
  await page.getByText('Paint the fence').waitFor({ state: 'detached' });
  await add('Borrow the tent', holiday);
  const hers = [`Borrow the tent ${holiday}`, `Book the ferry ${holiday}`, `Call the electrician ${house}`, `Buy lumber for the porch ${house}`];
  assert.deepEqual(await tasks(), hers);
  await picture('tasks');
  await portrait('app-tasks');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture('tasks-dark');
  await page.emulateMedia({ colorScheme: 'light' });

  // The dashboard shows the figures.
  const figures = async () => { await idle(); return (await texts('#projects li')).filter((t) => t.startsWith(house) || t.startsWith(holiday)).map((t) => t.replace(/ · .*/, '')); };
  const counted = [`${house} 50 % 1 of 2 done`, `${holiday} 0 % 0 of 2 done`].sort();
  await tab('Dashboard');
  await page.locator('#projects li', { hasText: house }).waitFor();
  assert.deepEqual(await figures(), counted);
  await picture('dashboard');
  await portrait('app-dashboard');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture('dashboard-dark');
  await page.emulateMedia({ colorScheme: 'light' });

  // The session outlives the page; the user's own keys open DynamoDB for their own rows.
  await page.reload();
  await page.locator('#who', { hasText: ada }).waitFor();
  await tab('My tasks');
  await page.getByText('Call the electrician').waitFor();
  assert.deepEqual(await tasks(), hers);
  const own = await query(null);
  assert.deepEqual(own.titles, ['Book the ferry', 'Borrow the tent', 'Buy lumber for the porch', 'Call the electrician']);
  await signOut();
  clean();

  // A second person sees none of it, by the app or around it.
  await register(grace);
  await signIn(grace);
  assert.deepEqual(await tasks(), []);
  await picture('second-user');
  clean();
  await refused(['400 dynamodb.us-east-1.amazonaws.com'], async () => {
    const neighbour = await query(own.me);
    assert.notEqual(neighbour.me, own.me);
    assert.equal(neighbour.code, 'AccessDeniedException');
    assert.match(neighbour.message, /is not authorized to perform: dynamodb:Query on resource: arn:aws:dynamodb:us-east-1:\d{12}:table\/[\w-]+-tasks/);
  });
  assert.deepEqual((await query(null)).titles, []);
  await signOut();

  // Killed and started again, the node knows the guest, the person, the session and the tasks.
  await signIn(ada);
  await restart();
  await page.reload();
  await page.locator('#who', { hasText: ada }).waitFor();
  await page.locator('#projects li', { hasText: house }).waitFor();
  assert.deepEqual(await figures(), counted);
  await tab('My tasks');
  await page.getByText('Call the electrician').waitFor();
  assert.deepEqual(await tasks(), hers);
  await signOut();
  await signIn(ada);
  assert.deepEqual(await tasks(), hers);
  assert.equal((await query(null)).me, own.me);
  await page.getByRole('checkbox', { name: 'Buy lumber for the porch' }).click();
  await page.locator('#list li', { hasText: 'Buy lumber' }).locator(':checked').waitFor();
  await idle();
  clean();
}

try {
  await journey();
} catch (err) {
  await picture('failed');
  console.error(err, { problems, refusals });
  process.exit(1);
}
await context.close();
process.exit(0); // standard input is still open
