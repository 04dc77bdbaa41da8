// SDK v3 alone, by AWS_ENDPOINT_URL.
import * as idp from '@aws-sdk/client-cognito-identity-provider';
import { chain, project } from './lib/chain.mjs';
import { callWith, files, identities, items } from './lib/sdk3.mjs';
import { signIn, tokens } from './lib/srp.mjs';

const p = await project();
const client = new idp.CognitoIdentityProviderClient({ region: p.region, maxAttempts: 1 });
const ClientId = p.clientId;

await chain({
  project: p, ...identities(p), items, files, call: callWith(p),
  signUp: (Username, Password, email) => client.send(new idp.SignUpCommand({ ClientId, Username, Password, UserAttributes: [{ Name: 'email', Value: email }] })),
  confirm: (Username, ConfirmationCode) => client.send(new idp.ConfirmSignUpCommand({ ClientId, Username, ConfirmationCode })),
  signIn: (username, password) => signIn({
    poolId: p.poolId, username, password,
    initiate: (AuthParameters) => client.send(new idp.InitiateAuthCommand({ ClientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters })),
    respond: (ChallengeResponses) => client.send(new idp.RespondToAuthChallengeCommand({ ClientId, ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses })),
  }),
  refresh: async ({ refreshToken }) => {
    const { AuthenticationResult } = await client.send(new idp.GetTokensFromRefreshTokenCommand({ ClientId, RefreshToken: refreshToken }));
    return { ...tokens(AuthenticationResult), refreshToken };
  },
  signOut: async () => {},
  globalSignOut: ({ accessToken }) => client.send(new idp.GlobalSignOutCommand({ AccessToken: accessToken })),
});
