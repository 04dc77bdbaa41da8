// Second factors and remembered devices with amazon-cognito-identity-js 3.
import lib from 'identity-js-3';
import { factors } from './lib/factorsidentityjs.mjs';

await factors(lib);
