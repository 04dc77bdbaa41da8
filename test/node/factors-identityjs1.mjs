// Second factors and remembered devices with amazon-cognito-identity-js 1.
import lib from 'identity-js-1';
import { factors } from './lib/factorsidentityjs.mjs';

await factors(lib);
