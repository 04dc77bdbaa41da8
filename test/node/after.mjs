// After a kill -9 and a restart: whoever was signed in still is, and finds what was acknowledged. Input: the last line of a chain.
import assert from 'node:assert/strict';
import * as idp from '@aws-sdk/client-cognito-identity-provider';
import { project, refused, step } from './lib/chain.mjs';
import { files, identities, items } from './lib/sdk3.mjs';
import { signIn } from './lib/srp.mjs';

const was = JSON.parse(process.env.BOTHY_STATE);
const client = new idp.CognitoIdentityProviderClient({ region: process.env.AWS_REGION, maxAttempts: 1 });
const key = { userId: { S: was.identityId }, taskId: { S: 'first' } };
const ClientId = was.clientId;

await step('the project', async () => {
  const p = await project();
  assert.deepEqual([p.poolId, p.clientId, p.tasks, p.bucket], [was.poolId, was.clientId, was.tasks, was.bucket]);
});
await step('the access token', async () => assert.equal((await client.send(new idp.GetUserCommand({ AccessToken: was.tokens.accessToken }))).Username, was.name));
await step('the refresh token', async () => assert((await client.send(new idp.GetTokensFromRefreshTokenCommand({ ClientId, RefreshToken: was.tokens.refreshToken }))).AuthenticationResult.IdToken));
await step('the row, by the old credentials', async () => assert.equal((await items(was.credentials).get(was.tasks, key)).title.S, was.text));
await step('the object, by the old credentials', async () => assert.equal(await files(was.credentials).get(was.bucket, `private/${was.identityId}/notes ü/first.txt`), 'bytes ' + was.text));
await step('the old session bound to its key', () => refused(() => items({ ...was.credentials, secretAccessKey: 'x'.repeat(40) }).get(was.tasks, key), 'InvalidSignatureException'));
await step('the user and the password', async () => {
  const tokens = await signIn({
    poolId: was.poolId, username: was.name, password: was.password,
    initiate: (AuthParameters) => client.send(new idp.InitiateAuthCommand({ ClientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters })),
    respond: (ChallengeResponses) => client.send(new idp.RespondToAuthChallengeCommand({ ClientId, ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses })),
  });
  const { identityId } = await identities(await project()).user(tokens);
  assert.equal(identityId, was.identityId);
});
