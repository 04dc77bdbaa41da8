package wire

import (
	"encoding/binary"
	"net/http"
)

// smithyProtocol is the protocol a client names in the header of Smithy's newer protocols (rpc-v2-cbor), "" for AWS's own. A
// node speaks none of them yet: it says so, in the form such a client reads.
func smithyProtocol(r *http.Request) string {
	if v := r.Header["Smithy-Protocol"]; len(v) > 0 {
		return v[0]
	}
	return ""
}

const rpcCBOR = "rpc-v2-cbor"

// appendCBOR writes the refusal as a map of two texts (RFC 8949; Smithy RPC v2 CBOR, error serialization).
func (f *fault) appendCBOR(w *response) {
	w.kind = "application/cbor"
	w.header.Set("Smithy-Protocol", rpcCBOR)
	w.body = []byte{0xa2}
	for _, s := range []string{"__type", f.code, "message", f.message} {
		w.body = append(binary.BigEndian.AppendUint32(append(w.body, 0x7a), uint32(len(s))), s...)
	}
}
