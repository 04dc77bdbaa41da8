// A certified OpenID provider for tests: oidc-provider with its own forms for signing in. It listens on a free port of this machine,
// says where, and ends with its standard input. Anybody signs in with any password; the login is the sub.
import http from "node:http";
import Provider from "oidc-provider";

const callback = process.argv[2];
const accounts = JSON.parse(process.argv[3]); // claims by login

const server = http.createServer((request, response) => handle(request, response));
let handle;
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "app", client_secret: "app secret & more", redirect_uris: [callback], token_endpoint_auth_method: "client_secret_post" }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "given_name", "groups"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) }),
    pkce: { required: () => true },
    cookies: { keys: ["test"] },
  });
  handle = provider.callback();
  console.log(issuer);
});
process.stdin.resume().on("end", () => process.exit(0));
