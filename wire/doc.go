// Package wire is the front door: one pipeline for every request of every AWS protocol (route → authenticate → decode →
// access → decide → handle → encode), so that no service can forget a check. It owns codecs, signatures, errors, CORS and
// limits. It holds no state and imports no service; services mount typed operations with Handle.
package wire
