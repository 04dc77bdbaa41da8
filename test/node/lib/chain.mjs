// The whole chain of an app, told once; the scripts beside bring the clients. Every step that must be refused is checked for
// AWS's own words. The last line of output is JSON: what a later run needs to see that all is still there.
import assert from 'node:assert/strict';
import { CognitoIdentityProviderClient, GetTokensFromRefreshTokenCommand, InitiateAuthCommand } from '@aws-sdk/client-cognito-identity-provider';

const { BOTHY_URL, AWS_REGION: region } = process.env;

// project is the aws-exports.js of the test's project, read as the app's build would.
export async function project() {
  const text = await (await fetch(`${BOTHY_URL}/${process.env.BOTHY_HOSTING}/aws-exports.js`)).text();
  const p = (await import('data:text/javascript,' + encodeURIComponent(text))).default;
  const table = (name) => p.aws_dynamodb_table_schemas.find((t) => t.tableName.endsWith('-' + name)).tableName;
  const api = (name) => p.aws_cloud_logic_custom.find((a) => a.name === name).endpoint;
  return {
    exports: p, region, poolId: p.aws_user_pools_id, clientId: p.aws_user_pools_web_client_id, identityPoolId: p.aws_cognito_identity_pool_id,
    provider: `cognito-idp.${region}.amazonaws.com/${p.aws_user_pools_id}`, bucket: p.aws_user_files_s3_bucket,
    tasks: table('tasks'), projects: table('projects'), apis: { ProjectsAPI: api('ProjectsAPI'), TasksAPI: api('TasksAPI') },
  };
}

// codeFor waits for the code that went to an address.
export async function codeFor(to) {
  const res = await fetch(`${BOTHY_URL}/_bothy/test/outbox?to=${encodeURIComponent(to)}&wait=10s`);
  assert.equal(res.status, 200, 'no code came to ' + to);
  return (await res.json()).fields.code;
}

export async function step(name, run) {
  const began = performance.now();
  try {
    const value = await run();
    console.log(`ok ${name} (${Math.round(performance.now() - began)} ms)`);
    return value;
  } catch (err) {
    err.message = `${name}: ${err.message}`;
    throw err;
  }
}

export async function refused(run, name, text) {
  const err = await run().then(() => assert.fail('it was allowed'), (e) => e);
  assert.equal(err.name === 'Error' ? err.code : err.name, name, err.message);
  if (text) assert.match(err.message, text);
}

// until waits for what happens by itself.
export async function until(holds) {
  for (const end = Date.now() + 30_000; !(await holds());) {
    assert(Date.now() < end, 'it does not happen');
    await new Promise((done) => setTimeout(done, 100));
  }
}

const forbidden = /^User: arn:aws:sts::\d{12}:assumed-role\/\S+ is not authorized to perform: /;
const password = 'Correct-Horse-7';

// join makes an account, signs it in and gets its keys.
async function join(c, name, guest) {
  const email = `${name}@example.com`;
  await step('sign up ' + name, () => c.signUp(name, password, email));
  await step('sign-in before confirmation is refused', () => refused(() => c.signIn(name, password), 'UserNotConfirmedException', /^User is not confirmed\.$/));
  const code = await step('code in the outbox', () => codeFor(email));
  await step('a wrong code is refused', () => refused(() => c.confirm(name, code === '000000' ? '111111' : '000000'), 'CodeMismatchException', /^Invalid verification code provided, please try again\.$/));
  await step('confirm', () => c.confirm(name, code));
  await step('a wrong password is refused', () => refused(() => c.signIn(name, 'Wrong-Horse-7'), 'NotAuthorizedException', /^Incorrect username or password\.$/));
  const tokens = await step('sign in by SRP', () => c.signIn(name, password));
  const claims = JSON.parse(Buffer.from(tokens.idToken.split('.')[1], 'base64url'));
  assert.equal(claims['cognito:username'], name);
  assert.equal(claims.email, email);
  const me = await step('credentials of the user', () => c.user(tokens, guest?.identityId));
  return { name, email, tokens, ...me };
}

// chain runs everything with the clients c:
//   guest() and user(tokens, guestIdentity): {identityId, credentials}; signUp, confirm, signIn: tokens; refresh(tokens),
//   signOut(tokens): here only; globalSignOut(tokens); items(credentials), files(credentials): {get, put};
//   call(credentials, api, method, path, body): {status, body, error}
export async function chain(c) {
  const p = c.project;
  const prefix = process.env.BOTHY_NAME;
  const neighbour = await join(c, prefix + '-bob');
  await keep(c, neighbour, p, 'of bob');
  await c.signOut(neighbour.tokens);

  const guest = await step('credentials of a guest', () => c.guest());
  await guests(c, guest, p);
  const me = await join(c, prefix + '-ada', guest);
  await step('the guest became the user', () => assert.equal(me.identityId, guest.identityId));
  await step('the neighbour is somebody else', () => assert.notEqual(me.identityId, neighbour.identityId));
  await keep(c, me, p, 'of ada');
  await strangers(c, me, neighbour, p);
  await apis(c, me, p);
  await signOuts(c, me, p);
  await c.signOut(me.tokens);
  console.log(JSON.stringify(await survivor(c, neighbour, p)));
}

// keep writes and reads a row and an object of one's own.
async function keep(c, who, p, text) {
  const items = c.items(who.credentials), files = c.files(who.credentials);
  const item = { userId: { S: who.identityId }, taskId: { S: 'first' }, title: { S: text } };
  await step('put an own row', () => items.put(p.tasks, item));
  await step('get an own row', async () => assert.deepEqual(await items.get(p.tasks, { userId: item.userId, taskId: item.taskId }), item));
  const key = `private/${who.identityId}/notes ü/first.txt`;
  await step('put an own object', () => files.put(p.bucket, key, 'bytes ' + text));
  await step('get an own object', async () => assert.equal(await files.get(p.bucket, key), 'bytes ' + text));
}

async function strangers(c, me, other, p) {
  const items = c.items(me.credentials), files = c.files(me.credentials);
  const key = { userId: { S: other.identityId }, taskId: { S: 'first' } };
  await step("the neighbour's row is refused", () => refused(() => items.get(p.tasks, key), 'AccessDeniedException', new RegExp(forbidden.source + 'dynamodb:GetItem on resource: arn:aws:dynamodb:')));
  await step("writing the neighbour's row is refused", () => refused(() => items.put(p.tasks, { ...key, title: { S: 'mine' } }), 'AccessDeniedException', forbidden));
  const object = `private/${other.identityId}/notes ü/first.txt`;
  await step("the neighbour's object is refused", () => refused(() => files.get(p.bucket, object), 'AccessDenied'));
  await step("writing the neighbour's object is refused", () => refused(() => files.put(p.bucket, object, 'mine'), 'AccessDenied'));
}

async function guests(c, guest, p) {
  const items = c.items(guest.credentials);
  const key = { userId: { S: guest.identityId }, taskId: { S: 'first' } };
  await step('a guest is refused on the private table', () => refused(() => items.get(p.tasks, key), 'AccessDeniedException', forbidden));
  await step('a guest calls the open API', async () => {
    const answer = await c.call(guest.credentials, 'ProjectsAPI', 'GET', '/projects');
    assert.equal(answer.status, 200);
    assert(Array.isArray(answer.body.projects));
  });
  await step('a guest is refused on the restricted API', async () => {
    const answer = await c.call(guest.credentials, 'TasksAPI', 'GET', '/tasks');
    assert.equal(answer.status, 403);
    assert.equal(answer.error, 'AccessDeniedException');
    assert.match(answer.body.Message, new RegExp(forbidden.source + 'execute-api:Invoke on resource: arn:aws:execute-api:'));
  });
}

async function apis(c, me) {
  const call = (...args) => c.call(me.credentials, 'TasksAPI', ...args);
  const { task } = await step('a user adds a task', async () => {
    const answer = await call('POST', '/tasks', { title: 'Milk & „Brot“', projectId: 'home ' + me.name });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.task.userId, me.identityId);
    return answer.body;
  });
  await step('and finishes it', async () => assert.equal((await call('PUT', `/tasks/${task.taskId}`, { done: true })).body.task.done, true));
  await step('and finds it', async () => {
    const { tasks } = (await call('GET', '/tasks')).body;
    assert.deepEqual(tasks.map((t) => t.title), ['Milk & „Brot“']); // a row without a date is in no index by date
  });
  await step('and everybody sees the figures', async () => {
    const { projects } = (await c.call(me.credentials, 'ProjectsAPI', 'GET', '/projects')).body;
    assert.deepEqual(projects.filter((x) => x.projectId === 'home ' + me.name).map((x) => [x.total, x.done]), [[1, 1]]);
  });
  await step('and removes it', async () => assert.equal((await call('DELETE', `/tasks/${task.taskId}`)).status, 200));
  await step('what is not there is 404', async () => assert.equal((await call('DELETE', '/tasks/nothing')).status, 404));
}

const idp = new CognitoIdentityProviderClient({ region, endpoint: BOTHY_URL, maxAttempts: 1 });
const refreshes = (p, RefreshToken) => ({
  InitiateAuth: () => idp.send(new InitiateAuthCommand({ ClientId: p.clientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: RefreshToken } })),
  GetTokensFromRefreshToken: () => idp.send(new GetTokensFromRefreshTokenCommand({ ClientId: p.clientId, RefreshToken })),
});

async function signOuts(c, me, p) {
  const fresh = await step('refresh', () => c.refresh(me.tokens));
  assert.notEqual(fresh.accessToken, me.tokens.accessToken);
  for (const [name, run] of Object.entries(refreshes(p, me.tokens.refreshToken))) {
    await step('refresh by ' + name, async () => assert((await run()).AuthenticationResult.IdToken));
  }
  await step('global sign-out', () => c.globalSignOut({ ...me.tokens, ...fresh }));
  for (const [name, run] of Object.entries(refreshes(p, me.tokens.refreshToken))) {
    await step(`refresh by ${name} is refused then`, () => refused(run, 'NotAuthorizedException', /^Refresh Token has been revoked$/));
  }
}

// survivor is the neighbour, who is still signed in, for the run after a restart.
async function survivor(c, who, p) {
  const { accessKeyId, secretAccessKey, sessionToken } = who.credentials;
  return {
    name: who.name, password, identityId: who.identityId, tokens: who.tokens, credentials: { accessKeyId, secretAccessKey, sessionToken },
    poolId: p.poolId, clientId: p.clientId, tasks: p.tasks, bucket: p.bucket, text: 'of bob',
  };
}
