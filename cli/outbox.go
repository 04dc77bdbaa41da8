package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"
)

type outboxCommand struct {
	List outboxList `cmd:"" help:"List messages, newest first."`
	Wait outboxWait `cmd:"" help:"Wait for a message to somebody and print it."`
}

// message is the operator API's Message.
type message struct {
	ID      string            `json:"id"`
	To      string            `json:"to"`
	Medium  string            `json:"medium"`
	Kind    string            `json:"kind"`
	Subject string            `json:"subject"`
	Body    string            `json:"body"`
	Fields  map[string]string `json:"fields"`
	At      float64           `json:"at"` // epoch seconds
}

type outboxList struct {
	To   string `help:"Only messages to this address."`
	JSON bool   `help:"Print JSON."`
}

// Run lists messages.
func (o *outboxList) Run(s *streams, t *Target) error {
	var answer struct {
		Messages []message `json:"messages"`
	}
	if err := t.call(s, request{service: "bothy", method: "GET", path: "/_bothy/outbox", query: url.Values{"to": {o.To}}}, &answer); err != nil {
		return err
	}
	if o.JSON {
		return printJSON(s, append([]message{}, answer.Messages...))
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tTO\tBY\tKIND\tSUBJECT\tCODE") //nolint:errcheck // flushed below
	for _, m := range answer.Messages {
		at := time.UnixMilli(int64(m.At * 1000)).Format(time.DateTime)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", at, plain(m.To), plain(m.Medium), plain(m.Kind), plain(m.Subject), plain(m.Fields["code"])) //nolint:errcheck // flushed below
	}
	return w.Flush()
}

type outboxWait struct {
	To      string `required:"" help:"The address."`
	Field   string `help:"Print only this field of the message: code, username, pool, subject, body."`
	Seconds int    `default:"10" help:"How long to wait, at most 60."`
}

// Run waits for the newest message to an address.
func (o *outboxWait) Run(s *streams, t *Target) error {
	var answer struct {
		Message message `json:"message"`
	}
	q := url.Values{"to": {o.To}, "seconds": {fmt.Sprint(o.Seconds)}}
	if err := t.call(s, request{service: "bothy", method: "GET", path: "/_bothy/outbox/wait", query: q}, &answer); err != nil {
		return err
	}
	m := answer.Message
	switch o.Field {
	case "":
		return printJSON(s, m)
	case "subject":
		_, err := fmt.Fprintln(s.out, m.Subject)
		return err
	case "body":
		_, err := fmt.Fprintln(s.out, m.Body)
		return err
	}
	v, ok := m.Fields[o.Field]
	if !ok {
		return fmt.Errorf("the message has no field %q", o.Field)
	}
	_, err := fmt.Fprintln(s.out, v)
	return err
}

func printJSON(s *streams, v any) error {
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
