// amazon-cognito-identity-js 6 with its hosts hard-wired, and SDK v3 by AWS_ENDPOINT_URL.
import lib from 'identity-js-6';
import { chain, project } from './lib/chain.mjs';
import { users } from './lib/identityjs.mjs';
import { callWith, files, identities, items } from './lib/sdk3.mjs';

const p = await project();
await chain({ project: p, ...users(lib, p), ...identities(p), items, files, call: callWith(p) });
