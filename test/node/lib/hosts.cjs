// Preloaded (node --require) so that clients with hard-wired hosts reach the node of the test, as a hosts file would do it on
// port 443. Only the TCP target changes: server name, Host header and the check of the certificate stay those of AWS.
'use strict';
const net = require('node:net');

const { hostname, port } = new URL(process.env.BOTHY_URL);
const stands = /(^|\.)(amazonaws\.com|amazoncognito\.com|cloudfront\.net)$/;
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  const [options, done] = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args);
  if (!stands.test(options.host)) return connect.apply(this, args);
  return connect.call(this, { ...options, host: hostname, port: Number(port) }, done);
};
