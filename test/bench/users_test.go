package bench

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

var people = flag.Int("users", 10_000, "users of the larger pool of BenchmarkUserPoolSize: 1000000 for what a small machine should bear")

const (
	perFile   = 400_000 // users of one import
	smallPool = 100
)

// inhabit brings users into the pool by import jobs, of which one holds as many as AWS allows.
func (s *signIn) inhabit(tb testing.TB, n int) {
	tb.Helper()
	root := s.w.root
	root.call(tb, "cognito-idp", idp+"UpdateUserPool", map[string]any{"UserPoolId": s.pool, "AutoVerifiedAttributes": []string{"email"}}, nil)
	for from := 0; from < n; from += perFile {
		var job struct {
			UserImportJob struct{ JobId, PreSignedUrl, Status, CompletionMessage string }
		}
		root.call(tb, "cognito-idp", idp+"CreateUserImportJob", map[string]string{"UserPoolId": s.pool, "JobName": "fill", "CloudWatchLogsRoleArn": "arn:aws:iam::123456789012:role/logs"}, &job)
		s.upload(tb, job.UserImportJob.PreSignedUrl, from, min(from+perFile, n))
		one := map[string]string{"UserPoolId": s.pool, "JobId": job.UserImportJob.JobId}
		root.call(tb, "cognito-idp", idp+"StartUserImportJob", one, nil)
		for job.UserImportJob.Status != "Succeeded" {
			time.Sleep(50 * time.Millisecond)
			root.call(tb, "cognito-idp", idp+"DescribeUserImportJob", one, &job)
			if job.UserImportJob.Status == "Failed" {
				tb.Fatal(job.UserImportJob.CompletionMessage)
			}
		}
	}
}

// upload writes the users with numbers in [from, to) to the job's file.
func (s *signIn) upload(tb testing.TB, url string, from, to int) {
	tb.Helper()
	var head struct{ CSVHeader []string }
	s.w.root.call(tb, "cognito-idp", idp+"GetCSVHeader", map[string]string{"UserPoolId": s.pool}, &head)
	r, w := io.Pipe()
	go func() {
		out := bufio.NewWriter(w)
		fmt.Fprintln(out, strings.Join(head.CSVHeader, ",")) //nolint:errcheck // the last write tells
		for i := from; i < to; i++ {
			for k, name := range head.CSVHeader {
				if k > 0 {
					out.WriteByte(',') //nolint:errcheck // as above
				}
				switch name {
				case "cognito:username":
					fmt.Fprintf(out, "user%08d", i) //nolint:errcheck // as above
				case "cognito:mfa_enabled":
					out.WriteString("false") //nolint:errcheck // as above
				case "email":
					fmt.Fprintf(out, "user%08d@example.com", i) //nolint:errcheck // as above
				case "email_verified":
					out.WriteString("true") //nolint:errcheck // as above
				}
			}
			out.WriteByte('\n') //nolint:errcheck // as above
		}
		w.CloseWithError(out.Flush()) //nolint:errcheck // never fails (io)
	}()
	put, err := http.NewRequest(http.MethodPut, url, r)
	if err != nil {
		tb.Fatal(err)
	}
	res, err := http.DefaultClient.Do(put)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if res.StatusCode != http.StatusOK {
		tb.Fatal(res.Status)
	}
}

// BenchmarkUserPoolSize signs in to a small pool and to a large one of the same node, in turns. "x-small" is what a sign-in to the
// large one costs the node, compared with the small one.
func BenchmarkUserPoolSize(b *testing.B) {
	w := newWorld(b)
	small, large := newSignIn(b, w), newSignIn(b, w)
	small.inhabit(b, smallPool)
	begin, before := time.Now(), w.spent(b)
	large.inhabit(b, *people)
	filled, spent := time.Since(begin), w.spent(b)-before
	for _, s := range []*signIn{small, large} {
		s.dial(b)
		s.once(b)
	}
	var few, many time.Duration
	b.ResetTimer()
	for range b.N {
		few += small.once(b)
		many += large.once(b)
	}
	b.ReportMetric(0, "ns/op") // of the client as well: it says nothing
	b.ReportMetric(float64(*people)/filled.Seconds(), "users-imported/s")
	b.ReportMetric(micro(spent, *people), "µs-cpu/import")
	b.ReportMetric(micro(many, b.N), "µs-cpu/sign-in")
	b.ReportMetric(float64(many)/float64(few), "x-small")
}

// BenchmarkRefresh is a new pair of tokens for a refresh token against its floor, two signatures.
func BenchmarkRefresh(b *testing.B) {
	w := newWorld(b)
	s, f := newSignIn(b, w), newFloor(b)
	s.once(b)
	var whole, floor time.Duration
	b.ResetTimer()
	for range b.N {
		whole += s.step(b, "GetTokensFromRefreshToken", map[string]string{"ClientId": s.client, "RefreshToken": s.refresh}, &struct{}{})
		floor += f.signatures(b)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(micro(whole, b.N), "µs-cpu/refresh")
	b.ReportMetric(float64(whole)/float64(floor), "x-floor")
}

// BenchmarkKeys is what a verifier of tokens reads: the keys of a pool.
func BenchmarkKeys(b *testing.B) {
	w := newWorld(b)
	s := newSignIn(b, w)
	s.once(b)
	request := []byte("GET /" + s.pool + "/.well-known/jwks.json HTTP/1.1\r\nHost: " + w.addr + "\r\n\r\n")
	before := w.spent(b)
	b.ResetTimer()
	for range b.N {
		if _, err := s.conn.send(request); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(micro(w.spent(b)-before, b.N), "µs-cpu/request")
}
