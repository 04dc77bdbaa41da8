// Second factors and remembered devices with amazon-cognito-identity-js 6.
import lib from 'identity-js-6';
import { factors } from './lib/factorsidentityjs.mjs';

await factors(lib);
