// Accounts and credentials: the user pool for people, the identity pool for keys. Hosts are the SDKs' own.

/* global AmazonCognitoIdentity, AWS, aws_cognito_region, aws_cognito_identity_pool_id, aws_user_pools_id, aws_user_pools_web_client_id */
const { AuthenticationDetails, CognitoUser, CognitoUserAttribute, CognitoUserPool } = AmazonCognitoIdentity;
const pool = new CognitoUserPool({ UserPoolId: aws_user_pools_id, ClientId: aws_user_pools_web_client_id });
const provider = `cognito-idp.${aws_cognito_region}.amazonaws.com/${aws_user_pools_id}`;

const user = (username) => new CognitoUser({ Username: username, Pool: pool });
const promise = (run) => new Promise((resolve, reject) => run((err, value) => (err ? reject(err) : resolve(value))));

export function register(username, email, password) {
  const attributes = [new CognitoUserAttribute({ Name: 'email', Value: email })];
  return promise((done) => pool.signUp(username, password, attributes, null, done));
}

export const confirm = (username, code) => promise((done) => user(username).confirmRegistration(code, true, done));
export const resend = (username) => promise((done) => user(username).resendConfirmationCode(done));

export async function signIn(username, password) {
  const session = await new Promise((onSuccess, onFailure) => {
    user(username).authenticateUser(new AuthenticationDetails({ Username: username, Password: password }), { onSuccess, onFailure });
  });
  useSession(session);
}

export function signOut() {
  const current = pool.getCurrentUser();
  if (current) current.signOut();
  if (AWS.config.credentials.clearCachedId) AWS.config.credentials.clearCachedId();
  useSession(null);
}

// restore signs in again with what the browser remembers; it returns the username, or null for a guest.
export async function restore() {
  const current = pool.getCurrentUser();
  if (!current) {
    useSession(null);
    return null;
  }
  try {
    useSession(await promise((done) => current.getSession(done)));
    return current.getUsername();
  } catch (err) {
    if (err.code && err.code !== 'NotAuthorizedException') throw err; // the network, say
    signOut(); // the session is over
    return null;
  }
}

export const username = () => (pool.getCurrentUser() ? pool.getCurrentUser().getUsername() : null);

function useSession(session) {
  const Logins = session ? { [provider]: session.getIdToken().getJwtToken() } : undefined;
  AWS.config.credentials = new AWS.CognitoIdentityCredentials({ IdentityPoolId: aws_cognito_identity_pool_id, Logins }, { region: aws_cognito_region });
}

// credentials are the current keys, fetched when missing or stale.
export async function credentials() {
  if (pool.getCurrentUser() && AWS.config.credentials.needsRefresh()) await restore();
  await promise((done) => AWS.config.credentials.get(done));
  return AWS.config.credentials;
}
