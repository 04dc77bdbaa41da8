package bench

import (
	"bytes"
	"testing"
)

// TestWorld makes what the benchmarks measure once: the requests are right, and the echo answers as the node does.
func TestWorld(t *testing.T) {
	w := newWorld(t)
	requests := map[string][]byte{
		dynamo + "PutItem": w.puts(t, 1)[0], dynamo + "GetItem": w.gets(t, 1)[0], federation + "GetCredentialsForIdentity": w.enter(t, 1)[0],
	}
	w.anyone.once(t, requests[dynamo+"PutItem"])
	echo := w.echo(t, requests)
	get := requests[dynamo+"GetItem"]
	ours, theirs := w.anyone.once(t, get), asker{addr: echo.addr}.once(t, get)
	if !bytes.Contains(ours.Body, []byte("harbour master")) || !bytes.Equal(ours.Body, theirs.Body) {
		t.Errorf("node: %s\necho: %s", ours.Body, theirs.Body)
	}
	if w.spent(t) <= 0 || w.memory(t).rss <= 0 {
		t.Error("the node used no processor and no memory")
	}
	w.anyone.once(t, w.admitUser(t, 1)[0])
}
