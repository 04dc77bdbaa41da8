// Package users owns user pools: their app clients, users, groups, sign-up and sign-in flows, tokens and signing keys. It
// speaks cognito-idp and serves each pool's JWKS and OpenID discovery. It must not know how messages leave the node
// (Config.Deliver), how functions run (Config.Invoke) or what identity pools do with its tokens (VerifyIDToken).
//
// Rows. A pool id names its region, so what belongs to one pool is kept in the scope (account, region of the id):
//
//	users.pool    (pool)                    settings, and the secret that masks unknown users
//	users.key     (pool)                    signing keys, private halves sealed
//	users.requestkey (pool)                 key and certificate for requests to SAML providers, private half sealed
//	users.user    (pool, sub)               unique by name, by each alias and by each identity at a provider; "attr" finds by attribute value
//	users.provider (pool, provider)         external providers, secrets sealed; "identifier": unique (pool, identifier)
//	users.group   (pool, group)
//	users.member  (pool, group, sub)        "user": (pool, sub)
//	users.code    (pool, subject, purpose)  one-time codes, as keyed hashes, with what was sent and tried; expire
//	users.attempt (pool, subject)           failed sign-ins; expire
//	users.session (pool, sub, origin)       one sign-in: what its refresh token stands for; expire
//	users.used    (pool, hash)              challenges answered; expire with the challenge
//	users.past    (pool, sub)               passwords a user had, sealed
//	users.risk    (pool, client)            what is done about risks; client "" is the pool
//	users.logging (pool)                    where events are logged
//	users.event   (pool, sub, number)       what a user did; "id": unique (pool, sub, id); expire
//	users.import  (pool, job)               imports; "created": (pool, time), "active": those under way
//	users.upload  (pool, job, id, number)   pieces of uploaded files; expire
//	users.browser (pool, hash)              a browser in which somebody is signed in at a domain; expire
//	users.authcode (pool, hash)             authorization codes, as hashes; expire
//	users.journey (pool, hash)              who is on the way to an external provider and back; expire
//	users.resource (pool, identifier)       resource servers and their scopes
//	users.customization (pool, client)      looks of pages, of the first kind
//	users.branding (pool, id)               and of the second; unique by client
//	users.asset   (pool, name, part)        images of either, named by their content
//	users.terms   (pool, id)                unique by client and name
//
// In the scope (account, "") is what is found without a pool id:
//
//	users.client  (client)                  "pool": (pool)
//	users.domain  (name)                    "pool": (pool)
//	users.doomed  (pool)                    a deleted pool whose rows are still being removed
//	users.address (address)                 failed sign-ins from it; expire
//
// Sealed values name where they stand: "users.verifier/POOL/SUB" opens nowhere else.
package users
