// The clients of 2017: amazon-cognito-identity-js 1.19, aws-sdk v2 and aws4, all hosts hard-wired.
import AWS from 'aws-sdk';
import lib from 'identity-js-1';
import { chain, project } from './lib/chain.mjs';
import { users } from './lib/identityjs.mjs';
import { files, identities, items } from './lib/sdk2.mjs';
import { callWith } from './lib/sdk3.mjs';

const p = await project();
AWS.config.update({ region: p.region, maxRetries: 0 });
await chain({ project: p, ...users(lib, p), ...identities(p), items, files, call: callWith(p) });
