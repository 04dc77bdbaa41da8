// SDK v3, service by service, with the root key: what the chain does not touch. All endpoints by AWS_ENDPOINT_URL.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import * as gateway from '@aws-sdk/client-api-gateway';
import * as identity from '@aws-sdk/client-cognito-identity';
import * as idp from '@aws-sdk/client-cognito-identity-provider';
import * as db from '@aws-sdk/client-dynamodb';
import * as iam from '@aws-sdk/client-iam';
import * as lambda from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import * as sts from '@aws-sdk/client-sts';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { refused, step } from './lib/chain.mjs';

const once = { region: process.env.AWS_REGION, maxAttempts: 1 };
const trust = (Service) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }] });

const account = await step('sts', async () => {
  const me = await new sts.STSClient(once).send(new sts.GetCallerIdentityCommand({}));
  assert.equal(me.Arn, `arn:aws:iam::${me.Account}:root`);
  return me.Account;
});

await step('iam', async () => {
  const c = new iam.IAMClient(once);
  const { Role } = await c.send(new iam.CreateRoleCommand({ RoleName: 'three', AssumeRolePolicyDocument: trust('lambda.amazonaws.com'), Description: 'ü & <b>', Tags: [{ Key: 'by', Value: 'ü+1' }] }));
  assert.equal(Role.Arn, `arn:aws:iam::${account}:role/three`);
  assert(Role.CreateDate instanceof Date);
  const { Tags } = await c.send(new iam.ListRoleTagsCommand({ RoleName: 'three' }));
  assert.deepEqual([Role.Description, Tags], ['ü & <b>', [{ Key: 'by', Value: 'ü+1' }]]);
  await refused(() => c.send(new iam.GetRoleCommand({ RoleName: 'none' })), 'NoSuchEntityException', /^The role with name none cannot be found\.$/);
  const pages = [];
  for await (const page of iam.paginateListRoles({ client: c, pageSize: 1 }, {})) pages.push(...page.Roles);
  assert.deepEqual(pages.map((r) => r.RoleName), ['three']);
});

// sqlPages are the pages of a statement, one item each.
async function* sqlPages(c, Statement, Parameters) {
  let NextToken;
  do {
    const page = await c.send(new db.ExecuteStatementCommand({ Statement, Parameters, Limit: 1, NextToken }));
    ({ NextToken } = page);
    yield page;
  } while (NextToken);
}

await step('dynamodb', async () => {
  const c = new db.DynamoDBClient(once);
  await c.send(new db.CreateTableCommand({ TableName: 'three', BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'B' }], KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] }));
  await db.waitUntilTableExists({ client: c, maxWaitTime: 30 }, { TableName: 'three' });
  const Item = { id: { B: Uint8Array.of(0, 255) }, n: { N: '3.141592653589793238462643383279502884' }, l: { L: [{ NULL: true }, { M: {} }, { NS: ['1', '2'] }] } };
  await c.send(new db.PutItemCommand({ TableName: 'three', Item }));
  const got = await c.send(new db.GetItemCommand({ TableName: 'three', Key: { id: Item.id } }));
  assert.deepEqual({ ...got.Item, id: { B: Uint8Array.from(got.Item.id.B) } }, Item);
  const err = await c.send(new db.TransactWriteItemsCommand({ TransactItems: [
    { Put: { TableName: 'three', Item: { id: { B: Uint8Array.of(1) } } } },
    { Put: { TableName: 'three', Item, ConditionExpression: 'attribute_not_exists(id)' } },
  ] })).catch((e) => e);
  assert.equal(err.name, 'TransactionCanceledException');
  assert.deepEqual(err.CancellationReasons.map((r) => r.Code), ['None', 'ConditionalCheckFailed']);
  assert.equal((await c.send(new db.ScanCommand({ TableName: 'three', Select: 'COUNT' }))).Count, 1);
  const sql = (Statement, ...Parameters) => c.send(new db.ExecuteStatementCommand({ Statement, ...(Parameters.length ? { Parameters } : {}) }));
  for (const b of [1, 2, 3]) await sql(`INSERT INTO "three" VALUE {'id': ?, 'n': ?}`, { B: Uint8Array.of(b) }, { N: `${b}` });
  await refused(() => sql(`INSERT INTO "three" VALUE {'id': ?}`, { B: Uint8Array.of(1) }), 'DuplicateItemException', /^Duplicate primary key exists in table$/);
  const rows = [];
  for await (const page of sqlPages(c, 'SELECT n FROM three WHERE id IN ? AND n > 1', [{ L: [1, 2, 3].map((b) => ({ B: Uint8Array.of(b) })) }])) rows.push(...page.Items.map((i) => i.n.N));
  assert.deepEqual(rows, ['2', '3']);
  const set = await sql('UPDATE three SET n = n + 1 WHERE id = ? RETURNING MODIFIED NEW *', { B: Uint8Array.of(3) });
  assert.deepEqual(set.Items, [{ n: { N: '4' } }]);
  const { Responses } = await c.send(new db.ExecuteTransactionCommand({ TransactStatements: [{ Statement: 'SELECT n FROM three WHERE id = ?', Parameters: [{ B: Uint8Array.of(3) }] }] }));
  assert.deepEqual(Responses, [{ Item: { n: { N: '4' } } }]);
});

await step('s3', async () => {
  const c = new s3.S3Client(once);
  await c.send(new s3.CreateBucketCommand({ Bucket: 'three' }));
  const Key = "ü/a+b &'(1)";
  await c.send(new s3.PutObjectCommand({ Bucket: 'three', Key, Body: 'hello', Metadata: { 'who-is': 'ann' }, CacheControl: 'max-age=60' }));
  const head = await c.send(new s3.HeadObjectCommand({ Bucket: 'three', Key }));
  assert.deepEqual([head.ContentLength, head.Metadata, head.CacheControl], [5, { 'who-is': 'ann' }, 'max-age=60']);
  const { Contents } = await c.send(new s3.ListObjectsV2Command({ Bucket: 'three', EncodingType: 'url' }));
  assert.equal(decodeURIComponent(Contents[0].Key.replaceAll('+', ' ')), Key);
  const { UploadId } = await c.send(new s3.CreateMultipartUploadCommand({ Bucket: 'three', Key: 'parts', ChecksumAlgorithm: 'CRC32' }));
  const Parts = [];
  for (const [i, size] of [5 << 20, 3].entries()) {
    const part = await c.send(new s3.UploadPartCommand({ Bucket: 'three', Key: 'parts', UploadId, PartNumber: i + 1, Body: Buffer.alloc(size, 'x'), ChecksumAlgorithm: 'CRC32' }));
    Parts.push({ PartNumber: i + 1, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
  }
  await c.send(new s3.CompleteMultipartUploadCommand({ Bucket: 'three', Key: 'parts', UploadId, MultipartUpload: { Parts } }));
  const range = await c.send(new s3.GetObjectCommand({ Bucket: 'three', Key: 'parts', Range: 'bytes=-4' }));
  assert.deepEqual([range.ContentRange, await range.Body.transformToString()], ['bytes 5242879-5242882/5242883', 'xxxx']);
  const url = await getSignedUrl(c, new s3.GetObjectCommand({ Bucket: 'three', Key, ResponseContentDisposition: 'attachment; filename="a b"' }), { expiresIn: 60 });
  const res = await fetch(url);
  assert.deepEqual([res.status, res.headers.get('content-disposition'), await res.text()], [200, 'attachment; filename="a b"', 'hello']);
  await refused(() => c.send(new s3.GetObjectCommand({ Bucket: 'three', Key: 'none' })), 'NoSuchKey');
  await refused(() => c.send(new s3.DeleteBucketCommand({ Bucket: 'three' })), 'BucketNotEmpty');
});

const fn = await step('lambda', async () => {
  const c = new lambda.LambdaClient(once);
  const f = await c.send(new lambda.CreateFunctionCommand({ FunctionName: 'three', Runtime: 'nodejs20.x', Handler: 'index.handler', Role: `arn:aws:iam::${account}:role/three`, Code: { ZipFile: fs.readFileSync(process.env.BOTHY_ZIP) } }));
  await lambda.waitUntilFunctionActiveV2({ client: c, maxWaitTime: 20 }, { FunctionName: 'three' });
  const answer = await c.send(new lambda.InvokeCommand({ FunctionName: f.FunctionArn, Payload: JSON.stringify({ httpMethod: 'GET', path: '/nothing' }), LogType: 'Tail' }));
  assert.equal(JSON.parse(answer.Payload.transformToString()).statusCode, 404);
  assert.match(Buffer.from(answer.LogResult, 'base64').toString(), /^START RequestId: [\s\S]+REPORT RequestId: /);
  assert.equal((await c.send(new lambda.InvokeCommand({ FunctionName: 'three', InvocationType: 'Event', Payload: '{"path": "/", "httpMethod": "GET"}' }))).StatusCode, 202);
  await refused(() => c.send(new lambda.GetFunctionCommand({ FunctionName: 'none' })), 'ResourceNotFoundException');
  return f.FunctionArn;
});

await step('apigateway', async () => {
  const c = new gateway.APIGatewayClient(once);
  const { id: restApiId, rootResourceId: resourceId } = await c.send(new gateway.CreateRestApiCommand({ name: 'three' }));
  const method = { restApiId, resourceId, httpMethod: 'ANY' };
  await c.send(new gateway.PutMethodCommand({ ...method, authorizationType: 'AWS_IAM' }));
  const { uri } = await c.send(new gateway.PutIntegrationCommand({ ...method, type: 'AWS_PROXY', integrationHttpMethod: 'POST', uri: `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${fn}/invocations` }));
  assert(uri.includes(fn));
  await c.send(new gateway.CreateDeploymentCommand({ restApiId, stageName: 'v1' }));
  const { item } = await c.send(new gateway.GetStagesCommand({ restApiId }));
  assert.deepEqual(item.map((s) => s.stageName), ['v1']);
  assert(item[0].createdDate instanceof Date);
  await refused(() => c.send(new gateway.GetRestApiCommand({ restApiId: 'none' })), 'NotFoundException');
});

await step('cognito', async () => {
  const c = new idp.CognitoIdentityProviderClient(once);
  const { UserPool } = await c.send(new idp.CreateUserPoolCommand({ PoolName: 'three' }));
  assert(UserPool.CreationDate instanceof Date);
  const user = { UserPoolId: UserPool.Id, Username: 'ann' };
  const { User } = await c.send(new idp.AdminCreateUserCommand({ ...user, UserAttributes: [{ Name: 'email', Value: 'ann@v3.example' }], MessageAction: 'SUPPRESS' }));
  assert.equal(User.UserStatus, 'FORCE_CHANGE_PASSWORD');
  await c.send(new idp.AdminSetUserPasswordCommand({ ...user, Password: 'Correct-Horse-7', Permanent: true }));
  assert.equal((await c.send(new idp.AdminGetUserCommand(user))).UserStatus, 'CONFIRMED');
  await refused(() => c.send(new idp.AdminGetUserCommand({ ...user, Username: 'none' })), 'UserNotFoundException', /^User does not exist\.$/);
  const i = new identity.CognitoIdentityClient(once);
  const { IdentityPoolId } = await i.send(new identity.CreateIdentityPoolCommand({ IdentityPoolName: 'three', AllowUnauthenticatedIdentities: false }));
  await refused(() => i.send(new identity.GetIdCommand({ IdentityPoolId })), 'NotAuthorizedException', /^Unauthenticated access is not supported for this identity pool\.$/);
});
