// A SAML 2.0 identity provider for tests: samlp. It listens on a free port of this machine, says where, and ends with its standard
// input. Its certificate and key are given; who signs in is the user of the path: /sso/USER.
import http from "node:http";
import samlp from "samlp";

const users = JSON.parse(process.argv[2]); // profiles by user
const callback = process.argv[3];
const { CERT: cert, KEY: key } = process.env;

const options = (request) => ({
  issuer: "urn:test:idp", cert, key, signatureAlgorithm: "rsa-sha256", digestAlgorithm: "sha256",
  signResponse: request.query.sign === "response",
  getPostURL: (_audience, _document, _request, done) => done(null, callback),
  getUserFromRequest: () => users[decodeURIComponent(request.path.split("/")[2])],
  recipient: callback, destination: callback, audience: request.query.unasked, // else the asking service's
  signingCert: request.query.pinned && `-----BEGIN CERTIFICATE-----\n${request.query.pinned.match(/.{1,64}/g).join("\n")}\n-----END CERTIFICATE-----`,
});

const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://127.0.0.1");
  Object.assign(request, { path: url.pathname, originalUrl: request.url, protocol: "http", query: Object.fromEntries(url.searchParams) });
  response.set = response.setHeader;
  response.send = (body) => response.end(body);
  const failed = (error) => ((response.statusCode = 500), response.end(String(error?.stack ?? error)));
  if (url.pathname === "/metadata") {
    return samlp.metadata({
      issuer: "urn:test:idp", cert, redirectEndpointPath: "/sso/ann", postEndpointPath: "/sso/ann", logoutEndpointPaths: { redirect: "/slo", post: "/slo" },
    })(request, response, failed);
  }
  if (url.pathname.startsWith("/sso/")) return samlp.auth(options(request))(request, response, failed);
  response.statusCode = 404;
  response.end();
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.resume().on("end", () => process.exit(0));
