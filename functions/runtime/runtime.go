// Package runtime holds what a Node.js function finds around itself: the bootstrap that speaks the Runtime API and the
// preload that points the AWS SDK at this node. Both are embedded; the SDK itself is installed from package-lock.json by
// `make`. It knows neither the runner nor the wire.
package runtime

import _ "embed"

// Bootstrap is the program node runs: it loads the handler and serves invocations until its connection ends.
//
//go:embed bootstrap.cjs
var Bootstrap []byte

// Preload is required before the bootstrap: it gives every copy of AWS SDK v2 the node's endpoint.
//
//go:embed preload.cjs
var Preload []byte
