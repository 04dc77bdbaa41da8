// Pools with second factors and devices, and what people have: a phone, a mailbox, an authenticator app.
import { createHmac } from 'node:crypto';
import * as idp from '@aws-sdk/client-cognito-identity-provider';

globalThis.navigator ??= { userAgent: 'A browser' }; // devices are named by it

const { AWS_REGION: region } = process.env;
export const admin = new idp.CognitoIdentityProviderClient({ region, maxAttempts: 1 });
export const password = 'Correct-Horse-7';

const call = (name, input) => admin.send(new idp[`${name}Command`](input));

// pool makes a user pool with a client. factors are some of SMS, TOTP and EMAIL; devices is its DeviceConfiguration.
export async function pool(use, factors, devices) {
  const { UserPool: { Id: UserPoolId } } = await call('CreateUserPool', {
    PoolName: 'factors', AutoVerifiedAttributes: ['email', 'phone_number'], DeviceConfiguration: devices,
  });
  await call('SetUserPoolMfaConfig', {
    UserPoolId, MfaConfiguration: use,
    SmsMfaConfiguration: factors.includes('SMS') ? { SmsConfiguration: { SnsCallerArn: 'arn:aws:iam::123456789012:role/sms' } } : undefined,
    SoftwareTokenMfaConfiguration: factors.includes('TOTP') ? { Enabled: true } : undefined,
    EmailMfaConfiguration: factors.includes('EMAIL') ? { Message: 'Your code: {####}', Subject: 'Sign in' } : undefined,
  });
  const { UserPoolClient: { ClientId } } = await call('CreateUserPoolClient', {
    UserPoolId, ClientName: 'app', ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
  });
  return { UserPoolId, ClientId };
}

let people = 0;

// person makes a confirmed user with a mailbox and a phone of their own.
export async function person({ UserPoolId }, Username) {
  const phone = `+1555${String(process.pid % 10000).padStart(4, '0')}${String(people++).padStart(3, '0')}`;
  const email = `${Username}-${process.pid}@example.com`;
  await bare({ UserPoolId }, Username, [
    { Name: 'email', Value: email }, { Name: 'email_verified', Value: 'true' }, { Name: 'phone_number', Value: phone }, { Name: 'phone_number_verified', Value: 'true' },
  ]);
  return { name: Username, phone, email };
}

// bare makes a confirmed user with a name and a password, and attributes perhaps.
export async function bare({ UserPoolId }, Username, UserAttributes) {
  await call('AdminCreateUser', { UserPoolId, Username, MessageAction: 'SUPPRESS', UserAttributes });
  await call('AdminSetUserPassword', { UserPoolId, Username, Password: password, Permanent: true });
}

// prefer has an operator turn a user's second factors on and off.
export const prefer = ({ UserPoolId }, Username, settings) => call('AdminSetUserMFAPreference', { UserPoolId, Username, ...settings });

export const devicesOf = async ({ UserPoolId }, Username) => (await call('AdminListDevices', { UserPoolId, Username })).Devices;
export const forget = ({ UserPoolId }, Username, DeviceKey) => call('AdminForgetDevice', { UserPoolId, Username, DeviceKey });

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const step = 30_000, hurry = 8_000; // milliseconds: what a code lives, and what an answer may take

// app is an authenticator app (RFC 6238). Each code it gives is good now and was not given before, so it waits for the clock now and then.
export function app(secret) {
  const bits = [...secret].map((c) => base32.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  let last = 0;
  return {
    next: async () => {
      last = Math.max(last + 1, Math.floor((Date.now() + hurry) / step) - 1);
      while (last > Math.floor(Date.now() / step) + 1) await new Promise((done) => setTimeout(done, 200));
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(last));
      const mac = createHmac('sha1', key).update(counter).digest();
      return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
    },
  };
}

// other is a code that is not this one.
export const other = (code) => (code === '000000' ? '111111' : '000000');

export const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
