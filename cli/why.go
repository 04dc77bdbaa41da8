package cli

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

type whyCommand struct {
	ID   string `arg:"" help:"Request id: x-amzn-RequestId of the answer."`
	JSON bool   `help:"Print JSON."`
}

// explained is the operator API's Request.
type explained struct {
	ID        string  `json:"id"`
	At        float64 `json:"at"`
	API       string  `json:"api"`
	Operation string  `json:"operation"`
	Principal string  `json:"principal"`
	AccessKey string  `json:"accessKey"`
	SourceIP  string  `json:"sourceIp"`
	Host      string  `json:"host"`
	Status    int     `json:"status"`
	Code      string  `json:"code"`
	Message   string  `json:"message"`
	Reason    string  `json:"reason"`
	Decisions []struct {
		Action   string `json:"action"`
		Resource string `json:"resource"`
		Allowed  bool   `json:"allowed"`
		Reason   string `json:"reason"`
		Failed   []struct {
			Statement string   `json:"statement"`
			Operator  string   `json:"operator"`
			Key       string   `json:"key"`
			Expected  []string `json:"expected"`
			Got       []string `json:"got"`
		} `json:"failed"`
	} `json:"decisions"`
}

// Run explains a request.
func (w *whyCommand) Run(s *streams, t *Target) error {
	var answer struct {
		Request explained `json:"request"`
	}
	if err := t.call(s, request{service: "bothy", method: "GET", path: "/_bothy/requests/" + url.PathEscape(w.ID)}, &answer); err != nil {
		return err
	}
	r := answer.Request
	if w.JSON {
		return printJSON(s, r)
	}
	_, err := fmt.Fprint(s.out, r.text())
	return err
}

func (r *explained) text() string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name, plain(value))
		}
	}
	line("request", r.ID)
	line("at", time.UnixMilli(int64(r.At*1000)).Format(time.RFC3339))
	line("asked", strings.TrimSpace(r.API+" "+r.Operation)+" from "+r.SourceIP)
	line("as", r.Principal)
	line("key", r.AccessKey)
	line("answered", strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, r.Code)))
	line("said", r.Message)
	line("because", r.Reason)
	for _, d := range r.Decisions {
		verdict := "denied"
		if d.Allowed {
			verdict = "allowed"
		}
		line(verdict, d.Action+" on "+d.Resource)
		line("", d.Reason)
		for _, f := range d.Failed {
			what := strings.TrimSpace(plain(f.Operator) + " " + plain(f.Key))
			fmt.Fprintf(&b, "%10s %s: %s expected %q, got %q\n", "", plain(f.Statement), what, f.Expected, f.Got)
		}
	}
	return b.String()
}
