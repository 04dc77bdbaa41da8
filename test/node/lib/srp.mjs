// Sign-in by SRP for SDKs that have the operations but not the arithmetic, which is that of identity-js.
import crypto from 'node:crypto';
import helper from 'identity-js-6/lib/AuthenticationHelper.js';
import integer from 'identity-js-6/lib/BigInteger.js';
import date from 'identity-js-6/lib/DateHelper.js';

const [Helper, BigInteger, DateHelper] = [helper, integer, date].map((m) => m.default ?? m);

// signIn runs the flow with initiate(parameters) and respond(answers), which make the two calls; it returns the tokens.
export async function signIn({ poolId, username, password, initiate, respond }) {
  const pool = poolId.split('_')[1];
  const srp = new Helper(pool);
  const a = await new Promise((resolve, reject) => srp.getLargeAValue((err, v) => (err ? reject(err) : resolve(v))));
  const { ChallengeParameters: asked } = await initiate({ USERNAME: username, SRP_A: a.toString(16) });
  const key = await new Promise((resolve, reject) => srp.getPasswordAuthenticationKey(asked.USER_ID_FOR_SRP, password,
    new BigInteger(asked.SRP_B, 16), new BigInteger(asked.SALT, 16), (err, v) => (err ? reject(err) : resolve(v))));
  const now = new DateHelper().getNowString();
  const mac = crypto.createHmac('sha256', key).update(pool).update(asked.USER_ID_FOR_SRP).update(Buffer.from(asked.SECRET_BLOCK, 'base64')).update(now);
  const { AuthenticationResult: r } = await respond({
    USERNAME: asked.USER_ID_FOR_SRP, PASSWORD_CLAIM_SECRET_BLOCK: asked.SECRET_BLOCK, TIMESTAMP: now, PASSWORD_CLAIM_SIGNATURE: mac.digest('base64'),
  });
  return tokens(r);
}

export const tokens = (r) => ({ idToken: r.IdToken, accessToken: r.AccessToken, refreshToken: r.RefreshToken });
