// Amplify 6 configured with the project's own aws-exports.js and the endpoints of the node; its Storage has its hosts hard-wired.
import { Amplify } from 'aws-amplify';
import { del, get, post, put } from 'aws-amplify/api';
import * as auth from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';
import { downloadData, uploadData } from 'aws-amplify/storage';
import { parseAmplifyConfig } from 'aws-amplify/utils';
import { chain, project } from './lib/chain.mjs';
import { items } from './lib/sdk3.mjs';

const p = await project();
const base = parseAmplifyConfig(p.exports);
const tls = process.env.BOTHY_URL.replace('http:', 'https:') + '/';
Amplify.configure({ ...base, Auth: { Cognito: { ...base.Auth.Cognito, userPoolEndpoint: tls, identityPoolEndpoint: tls } } });

const keys = async () => {
  const { identityId, credentials } = await auth.fetchAuthSession();
  return { identityId, credentials };
};
const tokens = async (options) => {
  const { tokens: t } = await auth.fetchAuthSession(options);
  const { refreshToken } = await cognitoUserPoolsTokenProvider.authTokenStore.loadTokens();
  return { idToken: t.idToken.toString(), accessToken: t.accessToken.toString(), refreshToken };
};
const methods = { GET: get, POST: post, PUT: put, DELETE: del };

await chain({
  project: p, items,
  signUp: (username, password, email) => auth.signUp({ username, password, options: { userAttributes: { email } } }),
  confirm: (username, confirmationCode) => auth.confirmSignUp({ username, confirmationCode, options: { forceAliasCreation: true } }),
  signIn: async (username, password) => {
    const { nextStep } = await auth.signIn({ username, password });
    if (nextStep.signInStep === 'CONFIRM_SIGN_UP') throw Object.assign(new Error('User is not confirmed.'), { name: 'UserNotConfirmedException' });
    return tokens();
  },
  guest: keys,
  user: keys,
  refresh: () => tokens({ forceRefresh: true }),
  signOut: () => auth.signOut(),
  globalSignOut: () => auth.signOut({ global: true }),
  files: () => ({ // Amplify signs with the credentials of whoever is signed in
    put: (bucket, path, data) => uploadData({ path, data }).result,
    get: async (bucket, path) => (await (await downloadData({ path }).result).body.text()),
  }),
  call: async (credentials, apiName, method, path, body) => {
    try {
      const { statusCode, body: answer } = await methods[method]({ apiName, path, options: body && { body } }).response;
      return { status: statusCode, body: await answer.json() };
    } catch (err) {
      if (!err.response) throw err;
      return { status: err.response.statusCode, error: err.response.headers['x-amzn-errortype'], body: JSON.parse(err.response.body) };
    }
  },
});
