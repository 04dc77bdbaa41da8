// Fires requests of the real JavaScript signers at a server that accepts nothing but good signatures:
//   node sigv4.mjs URL
// Credentials come from the environment. Each step prints a line; the exit code is the number of refused steps.
import crypto from 'node:crypto';
import http from 'node:http';
import { Readable } from 'node:stream';
import AWS from 'aws-sdk';
import aws4 from 'aws4';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { presignUrl, signRequest } from '@aws-amplify/core/internals/aws-client-utils';

const base = new URL(process.argv[2]);
const region = 'us-east-1';
const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
  sessionToken: process.env.AWS_SESSION_TOKEN,
};
const keys = ['a/b.txt', 'sp ace+plus.txt', 'ünï/c=1&d?.txt', 'us-east-1:1-2/x', "quote'()!*~.txt", '日本/#[]@$,;.txt'];
const big = Buffer.alloc(300_000, 'x');
const sum = (body) => crypto.createHash('sha256').update(body).digest('hex');
let failed = 0;

async function step(name, fn) {
  try {
    await fn();
    console.log('ok', name);
  } catch (e) {
    failed++;
    console.log('FAIL', name, e?.message?.slice(0, 500), e?.$response?.statusCode ?? '');
  }
}

// send makes a raw request and insists on a 2xx answer.
function send({ method = 'GET', path, headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const req = http.request({ host: base.hostname, port: base.port, method, path, headers }, (res) => {
      let text = '';
      res.on('data', (d) => (text += d));
      res.on('end', () => (res.statusCode < 300 ? resolve(text) : reject(new Error(res.statusCode + ' ' + text))));
    });
    req.on('error', reject);
    req.end(body);
  });
}
const sendURL = (url, more) => {
  const u = new URL(url);
  return send({ path: u.pathname + u.search, ...more });
};
const chunksOf = (body) => Readable.from((function* () { for (let i = 0; i < body.length; i += 70_000) yield body.subarray(i, i + 70_000); })());

async function js2() {
  const common = { endpoint: base.href, region, credentials: new AWS.Credentials(credentials), maxRetries: 0, s3ForcePathStyle: true };
  const s3 = new AWS.S3(common);
  const v4 = new AWS.S3({ ...common, signatureVersion: 'v4' });
  for (const Key of keys) await step(`js2 putObject ${Key}`, () => s3.putObject({ Bucket: 'b', Key, Body: 'hello', Metadata: { sum: sum('hello'), blanks: 'a   b' } }).promise());
  await step('js2 v4 putObject big', () => v4.putObject({ Bucket: 'b', Key: 'k', Body: big, ContentType: 'text/plain', Metadata: { sum: sum(big) } }).promise());
  await step('js2 listObjects', () => v4.listObjects({ Bucket: 'b', Prefix: 'a b/ü+&=' }).promise());
  for (const [name, c] of [['v2', s3], ['v4', v4]]) {
    for (const Key of keys) await step(`js2 ${name} presigned GET ${Key}`, () => sendURL(c.getSignedUrl('getObject', { Bucket: 'b', Key, ResponseContentType: 'text/x y' })));
    await step(`js2 ${name} presigned PUT`, () => sendURL(c.getSignedUrl('putObject', { Bucket: 'b', Key: 'k', ContentType: 'text/plain' }), { method: 'PUT', body: 'hello', headers: { 'Content-Type': 'text/plain' } }));
  }
  await step('js2 getItem', () => new AWS.DynamoDB(common).getItem({ TableName: 'tasks', Key: { id: { S: 'ü' } } }).promise());
  await step('js2 invoke by ARN', () => new AWS.Lambda(common).invoke({ FunctionName: 'arn:aws:lambda:us-east-1:123456789012:function:f', Payload: '{}' }).promise());
  await step('js2 postObject policy v4', async () => {
    const { fields } = v4.createPresignedPost({ Bucket: 'b', Fields: { key: 'k' } });
    const form = new FormData();
    for (const [k, v] of Object.entries(fields)) form.append(k, v);
    form.append('file', 'hello');
    const res = await fetch(new URL('/b', base), { method: 'POST', body: form });
    if (!res.ok) throw new Error(await res.text());
  });
}

async function js3() {
  const common = { endpoint: base.href, region, credentials, maxAttempts: 1 };
  const s3 = new S3Client({ ...common, forcePathStyle: true });
  for (const Key of keys) await step(`js3 PutObject ${Key}`, () => s3.send(new PutObjectCommand({ Bucket: 'b', Key, Body: 'hello', Metadata: { sum: sum('hello') } })));
  await step('js3 PutObject stream', () => s3.send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: chunksOf(big), ContentLength: big.length, Metadata: { sum: sum(big) } })));
  await step('js3 PutObject stream, encoded, SHA256', () => s3.send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: chunksOf(big), ContentLength: big.length, ContentEncoding: 'gzip', ChecksumAlgorithm: 'SHA256', Metadata: { sum: sum(big) } })));
  await step('js3 UploadPart', () => s3.send(new UploadPartCommand({ Bucket: 'b', Key: 'k', UploadId: 'u+/=', PartNumber: 1, Body: big })));
  await step('js3 ListObjectsV2', () => s3.send(new ListObjectsV2Command({ Bucket: 'b', Prefix: 'a b/ü+&=' })));
  for (const Key of keys) await step(`js3 presigned GET ${Key}`, async () => sendURL(await getSignedUrl(s3, new GetObjectCommand({ Bucket: 'b', Key, ResponseContentType: 'text/x y' }), { expiresIn: 60 })));
  await step('js3 presigned PUT', async () => sendURL(await getSignedUrl(s3, new PutObjectCommand({ Bucket: 'b', Key: 'k' })), { method: 'PUT', body: 'hello' }));
  await step('js3 GetItem', () => new DynamoDBClient(common).send(new GetItemCommand({ TableName: 'tasks', Key: { id: { S: 'ü' } } })));
  await step('js3 Invoke by ARN', () => new LambdaClient(common).send(new InvokeCommand({ FunctionName: 'arn:aws:lambda:us-east-1:123456789012:function:f', Payload: '{}' })));
}

async function withAws4() {
  const sign = (o) => aws4.sign(o, credentials);
  // As the sample apps do: the host without the port, no service, and Host left to the HTTP client after signing.
  const sample = { host: base.hostname, path: '/items/1?b=2&a=x%20y&a=1', method: 'POST', body: '{"n":1}', headers: { 'Content-Type': 'application/json', Accept: '*/*' } };
  for (const service of ['', 'execute-api']) {
    await step(`aws4 host without port, service "${service}"`, () => {
      const { path, headers, method, body } = sign({ ...sample, service });
      const { Host, 'Content-Length': _, ...rest } = headers;
      return send({ path, method, body, headers: rest });
    });
  }
  await step('aws4 host with port', () => send(sign({ ...sample, port: base.port, service: 'execute-api' })));
  await step('aws4 GET', () => send(sign({ host: base.host, path: '/a//b/../c/./d%2Fe/ü', service: 'execute-api', headers: { 'X-Blanks': ' a   b ' } })));
  await step('aws4 Date header', () => send(sign({ host: base.host, path: '/', service: 'sts', doNotModifyHeaders: true, headers: { Date: new Date().toUTCString(), 'X-Amz-Security-Token': credentials.sessionToken } })));
  await step('aws4 signed query', () => send(sign({ host: base.host, path: '/?Action=GetCallerIdentity&Version=2011-06-15', service: 'sts', signQuery: true })));
  await step('aws4 signed query, s3', () => send(sign({ host: base.host, path: '/b/sp%20ace?X-Amz-Expires=60', service: 's3', signQuery: true })));
  await step('aws4 s3', () => send(sign({ host: base.host, path: '/b/sp%20ace/%C3%BC', method: 'PUT', body: 'hello', service: 's3' })));
}

// beacon signs the query as Amplify 1's Signer.signUrl does for navigator.sendBeacon: the body is signed, its type is not,
// and the token may come after signing.
function beacon(path, body, tokenAfter) {
  const hmac = (k, s, enc) => crypto.createHmac('sha256', k).update(s).digest(enc);
  const stamp = new Date().toISOString().replace(/[:-]|\.\d{3}/g, '');
  const scope = `${stamp.slice(0, 8)}/${region}/mobiletargeting/aws4_request`;
  const token = { 'X-Amz-Security-Token': credentials.sessionToken };
  const query = { 'X-Amz-Algorithm': 'AWS4-HMAC-SHA256', 'X-Amz-Credential': `${credentials.accessKeyId}/${scope}`, 'X-Amz-Date': stamp, 'X-Amz-SignedHeaders': 'host', ...(tokenAfter ? {} : token) };
  const text = (q) => Object.keys(q).sort().map((k) => `${encodeURIComponent(k)}=${encodeURIComponent(q[k])}`).join('&');
  const canonical = ['POST', path, text(query), `host:${base.host}\n`, 'host', sum(body)].join('\n');
  const key = [stamp.slice(0, 8), region, 'mobiletargeting', 'aws4_request'].reduce((k, s) => hmac(k, s), 'AWS4' + credentials.secretAccessKey);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', stamp, scope, sum(canonical)].join('\n'), 'hex');
  return `${path}?${text(query)}&X-Amz-Signature=${signature}${tokenAfter ? '&' + text(token) : ''}`;
}

async function amplify() {
  const body = JSON.stringify({ BatchItem: {} });
  for (const after of [false, true]) {
    await step(`sendBeacon, token ${after ? 'after' : 'before'} signing`, () => send({ method: 'POST', path: beacon('/v1/apps/1/events', body, after), body, headers: { 'Content-Type': 'text/plain;charset=UTF-8' } }));
  }
  const options = (service) => ({ credentials, signingRegion: region, signingService: service, uriEscapePath: service !== 's3' });
  const request = (path, method, body) => ({ url: new URL(path, base), method, body, headers: { 'content-type': 'application/json' } });
  await step('amplify 6 signRequest', () => {
    const r = signRequest(request('/items/a%20b?x=1&a=%2F+', 'POST', body), options('execute-api'));
    return sendURL(r.url, { method: 'POST', body, headers: Object.fromEntries(Object.entries(r.headers).filter(([k]) => k !== 'host')) });
  });
  await step('amplify 6 presignUrl, s3', () => sendURL(presignUrl(request('/b/k%20k', 'GET', 'UNSIGNED-PAYLOAD'), { ...options('s3'), expiration: 60 })));
}

await js2();
await js3();
await withAws4();
await amplify();
process.exitCode = Math.min(failed, 100);
