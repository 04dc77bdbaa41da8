// Package sigv4 checks and makes AWS signatures: Signature Version 4 in the Authorization header, in the query (presigned
// URLs, sendBeacon) and in S3's POST policies, the aws-chunked bodies that carry a signature per chunk or a trailer, and
// Signature Version 2 where S3 clients still use it (query and POST policy). It owns parsing, the canonical request, the
// clock window, the signing-key cache and the reader that proves the payload while it is read.
//
// It must not know accounts, policies, services or error formats: the caller finds the secret of an access key, checks that
// the service in the scope suits the operation, and renames errors for its protocol. It holds no state but a cache.
//
// The order of checks is: form, scope, clock, signed headers, payload declaration, secret, signature, payload. What costs
// memory or reads the body comes after the access key is known; a body with a declared hash is read after the signature.
package sigv4
