package wire

import (
	"context"
	"net/http"

	"bothy/wire/admit"
)

// What a request holds of the node's memory besides its body: its goroutine, its connection's buffers and the headers as they
// were sent; and besides its buffers, a body that is decoded costs this many times its length. Room for an answer is what most
// answers need.
const (
	requestBytes = 16 << 10
	streamBytes  = 64 << 10
	fieldBytes   = 128 // of one header field or query parameter
	decoded      = 5
	answerBytes  = 64 << 10
)

// weight is what a request is admitted for.
type weight struct {
	class         admit.Class
	bytes, answer int64
}

// weigh finds class and size of a request without reading its body: the length it claims, else the most it may have.
func weigh(r *request) weight {
	w := weight{class: classOf(r), bytes: requestBytes + headBytes(r.http), answer: answerOf(r)}
	if w.class == admit.Stream {
		w.bytes += streamBytes
		return w
	}
	w.bytes += decoded * bodyBytes(r.http, r.max)
	return w
}

func bodyBytes(r *http.Request, most int64) int64 {
	if r.ContentLength < 0 {
		return most
	}
	return min(r.ContentLength, most)
}

// headBytes is about what URL and headers of r hold. Many small fields cost more than their text.
func headBytes(r *http.Request) int64 {
	n := 2 * len(r.URL.RawQuery)
	for k, vs := range r.Header {
		n += fieldBytes + len(k)
		for _, v := range vs {
			n += 2*len(v) + 16
		}
	}
	return int64(n)
}

func classOf(r *request) admit.Class {
	if r.api == nil || r.info == nil {
		return admit.Short
	}
	switch r.api.Name + "." + r.info.Name {
	case "cognitoidp.InitiateAuth", "cognitoidp.AdminInitiateAuth", "cognitoidp.RespondToAuthChallenge", "cognitoidp.AdminRespondToAuthChallenge",
		"cognitoidp.SignUp", "cognitoidp.ConfirmForgotPassword", "cognitoidp.ChangePassword", "cognitoidp.AdminCreateUser",
		"cognitoidp.AdminSetUserPassword", "cognitoidp.GetTokensFromRefreshToken":
		return admit.SignIn
	case "lambda.Invoke", "lambda.CreateFunction", "lambda.UpdateFunctionCode", "bothy.WaitMessage", "apigateway.ImportRestApi", "apigateway.PutRestApi",
		"s3.CompleteMultipartUpload", "mobile.CreateProject", "mobile.UpdateProject", "mobile.DeleteProject", "mobile.ExportProject":
		return admit.Slow
	case "s3.GetObject", "s3.PutObject", "s3.UploadPart", "s3.CopyObject", "s3.UploadPartCopy":
		return admit.Stream
	}
	return admit.Short
}

// answerOf is the room an operation gets to work in and to make its answer: the most it may answer, as read and as written. What a
// function answers is counted when it has; items that take more memory than their size lets expect are held as they are read (Hold).
func answerOf(r *request) int64 {
	if r.api == nil || r.info == nil {
		return answerBytes
	}
	switch r.api.Name + "." + r.info.Name {
	case "dynamodb.Query", "dynamodb.Scan", "dynamodb.ExecuteStatement":
		return 6 * mb
	case "dynamodbstreams.GetRecords", "s3.ListObjects", "s3.ListObjectsV2", "s3.ListObjectVersions":
		return 3 * mb
	case "dynamodb.TransactGetItems":
		return 12 * mb
	case "dynamodb.BatchGetItem", "dynamodb.SearchVectors", "logs.FilterLogEvents":
		return 48 * mb
	case "mobile.CreateProject", "mobile.UpdateProject": // an archive, inflated
		return 64 * mb
	}
	return answerBytes
}

// Hold gives a call that turns out to hold so many more bytes of memory the room for them, beyond what such calls get at first; it
// fails where there is none now.
func (c *Call) Hold(bytes int64) error {
	if more := c.held + bytes - c.room; more > 0 {
		if err := c.ticket.Grow(more); err != nil {
			return err
		}
		c.room += more
	}
	c.held += bytes
	return nil
}

// refuse answers a request that was not admitted, at once and cheaply: nothing of it was checked. One in a while is told to the
// operator, for all of them.
func (m *Mux) refuse(w http.ResponseWriter, c *Call, r *request) {
	c.trace = m.begin(c)
	res := &response{header: c.Header}
	m.encodeFault(c, r, admit.ErrFull, res)
	if n, ok := m.cfg.Budget.Tell(c.Now); ok {
		m.cfg.Log.Warn("past capacity", "requests refused", n)
		c.api, c.info = r.api, r.info
		if r.api != nil {
			c.trace.API = r.api.Name
		}
		m.end(c, admit.ErrFull, res.status)
	}
	m.send(w, r.http, c, r, res)
}

// Load is what the node's requests hold of its budget; for metrics.
func (m *Mux) Load() []admit.Load { return m.cfg.Budget.Load() }

type ticketKey struct{}

// Page admits the requests of a handler that no AWS model describes, with bodies of up to most bytes; those past capacity are
// answered by refuse.
func (m *Mux) Page(class admit.Class, most int64, refuse http.HandlerFunc, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bytes := requestBytes + headBytes(r) + decoded*bodyBytes(r, most)
		if class == admit.Stream {
			bytes += streamBytes
		}
		t, err := m.cfg.Budget.Admit(Household(SourceIP(r)), class, bytes)
		if err != nil {
			if n, ok := m.cfg.Budget.Tell(m.cfg.Now()); ok {
				m.cfg.Log.Warn("past capacity", "requests refused", n)
			}
			refuse(w, r)
			return
		}
		defer t.Done()
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ticketKey{}, t)))
	})
}

// Enter takes a place for the work on a page whose request is here as a whole; it fails where there is none for too long.
func Enter(ctx context.Context) error {
	t, _ := ctx.Value(ticketKey{}).(*admit.Ticket)
	return t.Enter(ctx, answerBytes)
}

// Leave gives the place back: an answer of so many bytes is ready to be sent.
func Leave(ctx context.Context, answer int) {
	t, _ := ctx.Value(ticketKey{}).(*admit.Ticket)
	t.Leave(int64(answer))
}
