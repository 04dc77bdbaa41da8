// Signed calls of the project's APIs.
import aws4 from 'aws4';
import { credentials } from './auth.js';

/* global aws_cloud_logic_custom, aws_cognito_region */
const endpoints = Object.fromEntries(JSON.parse(aws_cloud_logic_custom).map((api) => [api.name, new URL(api.endpoint)]));

export async function call(api, method, path, body) {
  const endpoint = endpoints[api];
  const keys = await credentials();
  const request = aws4.sign({
    host: endpoint.hostname,
    path: endpoint.pathname + path,
    method,
    service: 'execute-api',
    region: aws_cognito_region,
    headers: { Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  }, { accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey, sessionToken: keys.sessionToken });
  delete request.headers.Host;
  delete request.headers['Content-Length'];
  const response = await fetch(endpoint.origin + request.path, { method, headers: request.headers, body: request.body });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(answer.message || answer.Message || `HTTP ${response.status}`), { status: response.status });
  return answer;
}
