package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// runtimePath is the prefix of the Runtime API.
const runtimePath = "/2018-06-01/runtime"

// handOver is how long a process may take from its answer to its next request for an event.
const handOver = 10 * time.Second

// api serves the Runtime API to one process. Its connection is a socket pair: there is no address that another process
// could reach.
func (p *process) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimePath+"/invocation/next", p.apiNext)
	mux.HandleFunc("POST "+runtimePath+"/invocation/{id}/response", p.apiResponse)
	mux.HandleFunc("POST "+runtimePath+"/invocation/{id}/error", p.apiError)
	mux.HandleFunc("POST "+runtimePath+"/init/error", p.apiInitError)
	return mux
}

func (p *process) apiNext(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	first := !p.isReady
	p.isReady = true
	busy := p.current != nil
	p.mu.Unlock()
	switch {
	case busy:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "an invocation is under way")
		return
	case first:
		close(p.ready)
	default:
		p.r.becameIdle(p)
	}
	select {
	case j := <-p.jobs:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", j.RequestID)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(j.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", j.arn)
		setIf(h, "Lambda-Runtime-Client-Context", j.ClientContext)
		setIf(h, "Lambda-Runtime-Cognito-Identity", j.Identity)
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(j.Event)
	case <-r.Context().Done():
	case <-p.exited:
	}
}

func setIf(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

func (p *process) apiResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxPayloadBytes+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "unreadable body")
		return
	}
	if len(body) > MaxPayloadBytes {
		n, _ := io.Copy(io.Discard, r.Body)
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayloadBytes)
		if r.ContentLength == int64(len(body))+n {
			message = fmt.Sprintf("Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", r.ContentLength, MaxPayloadBytes)
		}
		p.finish(w, r, answer{failure("Function.ResponseSizeTooLarge", message).Payload, true})
		return
	}
	if !json.Valid(body) {
		p.finish(w, r, answer{failure("Runtime.MarshalError", "Unable to stringify response body").Payload, true})
		return
	}
	p.finish(w, r, answer{body, false})
}

func (p *process) apiError(w http.ResponseWriter, r *http.Request) {
	body, err := readError(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	p.finish(w, r, answer{body, true})
}

// finish takes the answer to the invocation under way; another id is refused.
func (p *process) finish(w http.ResponseWriter, r *http.Request, a answer) {
	p.mu.Lock()
	j := p.current
	if j == nil || j.RequestID != r.PathValue("id") {
		p.mu.Unlock()
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "no such invocation")
		return
	}
	p.current = nil
	p.idle = time.AfterFunc(handOver, func() { p.kill("no further request") })
	p.mu.Unlock()
	p.r.answered(p)
	j.answer <- a
	w.WriteHeader(http.StatusAccepted)
}

func (p *process) apiInitError(w http.ResponseWriter, r *http.Request) {
	body, err := readError(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	p.mu.Lock()
	p.failure = body
	p.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

func readError(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 256<<10+1))
	if err != nil || len(body) > 256<<10 {
		return failure("Runtime.UnknownReason", "the error was too large to pass on").Payload, nil
	}
	if !json.Valid(body) {
		return nil, errors.New("error is not JSON")
	}
	return body, nil
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(failure(kind, message).Payload)
}

// apiConn is a connected pair: ours and the child's.
type apiConn struct {
	conn  net.Conn
	child *os.File
}

func newAPIConn() (*apiConn, error) {
	fds, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("runner: socket pair: %w", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "runtime-api")
	defer ours.Close()
	child := os.NewFile(uintptr(fds[1]), "runtime-api-child")
	conn, err := net.FileConn(ours)
	if err != nil {
		child.Close()
		return nil, fmt.Errorf("runner: socket pair: %w", err)
	}
	return &apiConn{conn, child}, nil
}

// oneConn is a listener with a single connection.
type oneConn struct {
	conn net.Conn
	used bool
	done <-chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if !l.used {
		l.used = true
		return l.conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }
