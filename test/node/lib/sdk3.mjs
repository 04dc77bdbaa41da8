// SDK v3 by AWS_ENDPOINT_URL, for the parts of a chain that its own client does not bring.
import { CognitoIdentityClient, GetCredentialsForIdentityCommand, GetIdCommand } from '@aws-sdk/client-cognito-identity';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import aws4 from 'aws4';

const { AWS_REGION: region } = process.env;
const once = { region, maxAttempts: 1 };

// identities get keys: of a guest, and of the user with tokens, who was the guest before.
export function identities(p) {
  const identity = new CognitoIdentityClient(once);
  const keys = async (IdentityId, Logins) => {
    const { IdentityId: identityId, Credentials: k } = await identity.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));
    return { identityId, credentials: { accessKeyId: k.AccessKeyId, secretAccessKey: k.SecretKey, sessionToken: k.SessionToken } };
  };
  const id = async (Logins) => (await identity.send(new GetIdCommand({ IdentityPoolId: p.identityPoolId, Logins }))).IdentityId;
  return {
    guest: async () => keys(await id()),
    user: async ({ idToken }, guest) => {
      const Logins = { [p.provider]: idToken };
      return keys(guest ?? await id(Logins), Logins);
    },
  };
}

export function items(credentials) {
  const db = new DynamoDBClient({ ...once, credentials });
  return {
    put: (TableName, Item) => db.send(new PutItemCommand({ TableName, Item })),
    get: async (TableName, Key) => (await db.send(new GetItemCommand({ TableName, Key }))).Item,
  };
}

export function files(credentials) {
  const s3 = new S3Client({ ...once, credentials });
  return {
    put: (Bucket, Key, Body) => s3.send(new PutObjectCommand({ Bucket, Key, Body })),
    get: async (Bucket, Key) => (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToString(),
  };
}

// call signs a request of a deployed API as the example app does, and sends it with fetch to the API's own host.
export const callWith = (p) => async (credentials, api, method, path, body) => {
  const url = new URL(p.apis[api] + path);
  const { headers } = aws4.sign({
    host: url.hostname, path: url.pathname, method, service: 'execute-api', region, body: body && JSON.stringify(body),
    headers: { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }) },
  }, credentials);
  delete headers.Host;
  delete headers['Content-Length'];
  const res = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  return { status: res.status, error: res.headers.get('x-amzn-errortype'), body: await res.json() };
};
