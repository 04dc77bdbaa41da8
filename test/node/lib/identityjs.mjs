// The user-pool half of the chain with amazon-cognito-identity-js, any version: its hosts are hard-wired.
export function users(lib, p) {
  const { AuthenticationDetails, CognitoRefreshToken, CognitoUser, CognitoUserAttribute, CognitoUserPool } = lib;
  const Pool = new CognitoUserPool({ UserPoolId: p.poolId, ClientId: p.clientId });
  const promise = (run) => new Promise((resolve, reject) => run((err, value) => (err ? reject(err) : resolve(value))));
  const user = (Username) => new CognitoUser({ Username, Pool });
  const session = (s) => ({ idToken: s.getIdToken().getJwtToken(), accessToken: s.getAccessToken().getJwtToken(), refreshToken: s.getRefreshToken().getToken() });
  return {
    signUp: (name, password, email) => promise((done) => Pool.signUp(name, password, [new CognitoUserAttribute({ Name: 'email', Value: email })], null, done)),
    confirm: (name, code) => promise((done) => user(name).confirmRegistration(code, true, done)),
    signIn: (Username, Password) => new Promise((resolve, onFailure) => {
      user(Username).authenticateUser(new AuthenticationDetails({ Username, Password }), { onSuccess: (s) => resolve(session(s)), onFailure });
    }),
    refresh: async ({ refreshToken }) => session(await promise((done) => Pool.getCurrentUser().refreshSession(new CognitoRefreshToken({ RefreshToken: refreshToken }), done))),
    signOut: async () => Pool.getCurrentUser()?.signOut(),
    globalSignOut: () => new Promise((onSuccess, onFailure) => {
      const current = Pool.getCurrentUser();
      current.getSession((err) => (err ? onFailure(err) : current.globalSignOut({ onSuccess, onFailure })));
    }),
  };
}
