// What aws4 needs of Node's crypto.
export { default as createHash } from 'create-hash/browser';
export { default as createHmac } from 'create-hmac/browser';
