package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// serveEcho is the baseline: net/http reads the same request and sends the same answer, and nothing in between. The answers
// come on standard input, one per operation.
func serveEcho(ctx context.Context) error {
	var answers map[string]answer // by X-Amz-Target
	if err := json.NewDecoder(os.Stdin).Decode(&answers); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a, h := answers[r.Header.Get("X-Amz-Target")], w.Header()
		for k, v := range a.Header {
			h[k] = v
		}
		w.Write(a.Body) //nolint:errcheck // the client is gone
	})}
	context.AfterFunc(ctx, func() { server.Close() }) //nolint:errcheck // ending
	fmt.Println("ready", "http://"+l.Addr().String())
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}
