// aws-sdk v2 alone, pointed at the node by its endpoint setting.
import AWS from 'aws-sdk';
import { chain, project } from './lib/chain.mjs';
import { files, identities, items } from './lib/sdk2.mjs';
import { callWith } from './lib/sdk3.mjs';
import { signIn, tokens } from './lib/srp.mjs';

const p = await project();
AWS.config.update({ region: p.region, maxRetries: 0, endpoint: process.env.BOTHY_URL, s3ForcePathStyle: true });
const idp = new AWS.CognitoIdentityServiceProvider({ credentials: null });
const ClientId = p.clientId;

await chain({
  project: p, ...identities(p), items, files, call: callWith(p),
  signUp: (Username, Password, email) => idp.signUp({ ClientId, Username, Password, UserAttributes: [{ Name: 'email', Value: email }] }).promise(),
  confirm: (Username, ConfirmationCode) => idp.confirmSignUp({ ClientId, Username, ConfirmationCode }).promise(),
  signIn: (username, password) => signIn({
    poolId: p.poolId, username, password,
    initiate: (AuthParameters) => idp.initiateAuth({ ClientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters }).promise(),
    respond: (ChallengeResponses) => idp.respondToAuthChallenge({ ClientId, ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses }).promise(),
  }),
  refresh: async ({ refreshToken }) => {
    const { AuthenticationResult } = await idp.initiateAuth({ ClientId, AuthFlow: 'REFRESH_TOKEN', AuthParameters: { REFRESH_TOKEN: refreshToken } }).promise();
    return { ...tokens(AuthenticationResult), refreshToken };
  },
  signOut: async () => {},
  globalSignOut: ({ accessToken }) => idp.globalSignOut({ AccessToken: accessToken }).promise(),
});
