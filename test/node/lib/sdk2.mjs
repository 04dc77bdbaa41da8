// SDK v2, configured by the global AWS object as its time did.
import AWS from 'aws-sdk';

// identities get keys by AWS.CognitoIdentityCredentials, which asks for an id first.
export function identities(p) {
  const keys = async (params) => {
    const c = new AWS.CognitoIdentityCredentials({ IdentityPoolId: p.identityPoolId, ...params }, { region: p.region });
    await c.getPromise();
    return { identityId: c.identityId, credentials: { accessKeyId: c.accessKeyId, secretAccessKey: c.secretAccessKey, sessionToken: c.sessionToken } };
  };
  return {
    guest: () => keys({}),
    user: ({ idToken }, guest) => keys({ IdentityId: guest, Logins: { [p.provider]: idToken } }),
  };
}

export function items(keys) {
  const db = new AWS.DynamoDB({ credentials: new AWS.Credentials(keys) });
  return {
    put: (TableName, Item) => db.putItem({ TableName, Item }).promise(),
    get: async (TableName, Key) => (await db.getItem({ TableName, Key }).promise()).Item,
  };
}

export function files(keys) {
  const s3 = new AWS.S3({ credentials: new AWS.Credentials(keys) });
  return {
    put: (Bucket, Key, Body) => s3.putObject({ Bucket, Key, Body }).promise(),
    get: async (Bucket, Key) => (await s3.getObject({ Bucket, Key }).promise()).Body.toString(),
  };
}
