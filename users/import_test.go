package users

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// importing is a world with a pool, where lines that imports log are seen.
type importing struct {
	*world
	p, cl string
	lines []string
	group string
}

func newImporting(t *testing.T, change ...func(*cognitoidp.CreateUserPoolInput)) *importing {
	w := &importing{world: newWorld(t)}
	w.s.mux = wire.NewMux(wire.Config{Account: func() string { return account }, Region: "us-east-1", Credentials: keyring{}, Now: w.now, Log: slog.New(slog.DiscardHandler)}, cognitoidp.API)
	w.s.cfg.Logs = func(tx *kv.Tx, _ record.Scope, group, stream string, _ time.Time, lines []string) error {
		w.lines, w.group = append(w.lines, lines...), group+" "+stream
		return nil
	}
	w.p = w.pool(change...)
	w.cl = w.client(w.p)
	return w
}

func (w *importing) header() []string {
	return must(w.world, w.s.getCSVHeader, &cognitoidp.GetCSVHeaderInput{UserPoolId: str(w.p)}).CSVHeader
}

// csv is a file of users: each is a list of columns and values.
func (w *importing) csv(people ...[]string) string {
	columns := w.header()
	slices.Reverse(columns) // the order does not matter
	text := strings.Join(columns, ",") + "\r\n"
	for _, pairs := range people {
		values := make([]string, len(columns))
		for i := 0; i < len(pairs); i += 2 {
			values[slices.Index(columns, pairs[i])] = pairs[i+1]
		}
		text += strings.Join(values, ",") + "\n"
	}
	return text
}

func (w *importing) create() *cognitoidp.UserImportJobType {
	return must(w.world, w.s.createUserImportJob, &cognitoidp.CreateUserImportJobInput{
		UserPoolId: str(w.p), JobName: str("move in"), CloudWatchLogsRoleArn: str("arn:aws:iam::123456789012:role/logs"),
	}).UserImportJob
}

func (w *importing) put(url, method, text string) int {
	rec := httptest.NewRecorder()
	w.s.ServeUpload(rec, httptest.NewRequest(method, url[strings.Index(url, UploadPath):], strings.NewReader(text)))
	return rec.Code
}

// run imports a file and returns the job when nothing is left to do.
func (w *importing) run(text string) *cognitoidp.UserImportJobType {
	w.t.Helper()
	job := w.create()
	if code := w.put(job.PreSignedUrl.V, http.MethodPut, text); code != http.StatusOK {
		w.t.Fatalf("upload: %d", code)
	}
	must(w.world, w.s.startUserImportJob, &cognitoidp.StartUserImportJobInput{UserPoolId: str(w.p), JobId: job.JobId})
	w.work()
	return w.described(job.JobId.V)
}

func (w *importing) work() {
	w.t.Helper()
	for worked := true; worked; {
		var err error
		if worked, err = w.s.importer().RunOne(w.ctx); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *importing) described(id string) *cognitoidp.UserImportJobType {
	return must(w.world, w.s.describeUserImportJob, &cognitoidp.DescribeUserImportJobInput{UserPoolId: str(w.p), JobId: str(id)}).UserImportJob
}

func TestImport(t *testing.T) {
	w := newImporting(t, func(in *cognitoidp.CreateUserPoolInput) {
		in.Schema = []cognitoidp.SchemaAttributeType{{Name: str("level"), AttributeDataType: str("Number")}}
	})
	w.member(w.cl, "there")
	if h := w.header(); len(h) != 22 || h[len(h)-1] != "cognito:username" || h[len(h)-2] != "cognito:mfa_enabled" || slices.Contains(h, "sub") {
		t.Fatalf("%v", h)
	}
	job := w.run(w.csv(
		[]string{"cognito:username", "ann", "cognito:mfa_enabled", "false", "email", "ann@example.com", "email_verified", "true", "name", `Ann\, "the" first`, "birthdate", "02/01/1970", "custom:level", "7"},
		[]string{"cognito:username", "there", "cognito:mfa_enabled", "false", "email", "x@example.com", "email_verified", "true"},
		[]string{"cognito:username", "bea", "cognito:mfa_enabled", "false", "email", "bea@example.com", "email_verified", "false"},
		[]string{"cognito:username", "cleo", "cognito:mfa_enabled", "true", "email", "cleo@example.com", "email_verified", "true"},
		[]string{"cognito:username", "dora", "cognito:mfa_enabled", "false", "email", "dora@example.com", "email_verified", "true", "custom:level", "high"},
		[]string{"cognito:username", "ann", "cognito:mfa_enabled", "false", "email", "ann@example.com", "email_verified", "true"},
		[]string{"cognito:mfa_enabled", "false", "email", "ann@example.com", "email_verified", "true"},
		[]string{"cognito:username", "ed", "cognito:mfa_enabled", "false", "phone_number", "+12065551212", "phone_number_verified", "true"},
	) + "too,few\n")
	if job.Status.V != jobSucceeded || job.ImportedUsers.V != 1 || job.SkippedUsers.V != 2 || job.FailedUsers.V != 6 || job.CompletionMessage.V != "Import Job Completed Successfully" {
		t.Fatalf("%+v\n%s", job, strings.Join(w.lines, "\n"))
	}
	for i, want := range []string{
		"[SUCCEEDED] Line Number 2 - The import succeeded.", "[SKIPPED] Line Number 3 - The user already exists.",
		"[FAILED] Line Number 4 - The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true).",
		"[FAILED] Line Number 5 - cognito:mfa_enabled", "[FAILED] Line Number 6 - Attributes did not conform to the schema: custom:level", "[SKIPPED] Line Number 7",
		"[FAILED] Line Number 8 - The row has no username", "[FAILED] Line Number 9 - The User Record does not set", "[FAILED] Line Number 10 - The row has 2 columns, the header 22.",
	} {
		if !strings.HasPrefix(w.lines[i], want) {
			t.Errorf("%q, want %q", w.lines[i], want)
		}
	}
	if w.group != "/aws/cognito/userpools/"+w.p+"/tasks "+job.JobId.V+"/move in" {
		t.Errorf("logged to %q", w.group)
	}
	ann := must(w.world, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(w.p), Username: str("ann")})
	if ann.UserStatus.V != resetRequired || value(ann.UserAttributes, "name") != `Ann, "the" first` || value(ann.UserAttributes, "birthdate") != "1970-02-01" || value(ann.UserAttributes, "custom:level") != "7" {
		t.Fatalf("%+v", ann)
	}
	w.firstSignIn("ann")
	must(w.world, w.s.deleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: str(w.p)})
	if left := w.rows(); left != 0 {
		t.Errorf("%d keys are left", left)
	}
}

// firstSignIn is how an imported user comes in: whatever they type, they are told to set a password.
func (w *importing) firstSignIn(name string) {
	w.t.Helper()
	_, err := w.srp(w.p, w.cl, name, "anything")
	wantFault(w.t, err, "PasswordResetRequiredException", "Password reset required for the user")
	must(w.world, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(w.cl), Username: str(name)})
	must(w.world, w.s.confirmForgotPassword, &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(w.cl), Username: str(name), ConfirmationCode: str(w.lastCode()), Password: str(good)})
	w.signIn(w.p, w.cl, name)
}

func TestImportByEmail(t *testing.T) {
	w := newImporting(t, func(in *cognitoidp.CreateUserPoolInput) {
		in.UsernameAttributes = []string{"email"}
		in.UsernameConfiguration = &cognitoidp.UsernameConfigurationType{CaseSensitive: wire.Some(false)}
	})
	row := func(name string) []string {
		return []string{"cognito:username", name, "cognito:mfa_enabled", "false", "email", name, "email_verified", "true"}
	}
	job := w.run(w.csv(row("Ann@Example.com"), row("ann@example.com"), row("ann")))
	if job.ImportedUsers.V != 1 || job.SkippedUsers.V != 1 || job.FailedUsers.V != 1 {
		t.Fatalf("%+v\n%s", job, strings.Join(w.lines, "\n"))
	}
	w.firstSignIn("ANN@example.com")
}

func TestImportsThatFail(t *testing.T) {
	w := newImporting(t)
	for name, c := range map[string]struct{ text, message string }{
		"no header": {"a,b\n", "The header of the CSV file does not match the attributes of the user pool."},
		"empty":     {"", "The header of the CSV file does not match the attributes of the user pool."},
		"endless":   {strings.Repeat("x", 2*chunkBytes), "The CSV file cannot be parsed: a row is too long."},
		"nobody":    {w.csv([]string{"cognito:username", "a"}), "Too many users have failed or been skipped during the import."},
	} {
		if job := w.run(c.text); job.Status.V != jobFailed || job.CompletionMessage.V != c.message {
			t.Errorf("%s: %s %q", name, job.Status.V, job.CompletionMessage.V)
		}
	}
	list := must(w.world, w.s.listUserImportJobs, &cognitoidp.ListUserImportJobsInput{UserPoolId: str(w.p), MaxResults: wire.Some[int32](3)})
	if len(list.UserImportJobs) != 3 || list.PaginationToken.V == "" || !list.UserImportJobs[0].CreationDate.V.After(list.UserImportJobs[1].CreationDate.V) {
		t.Fatalf("%+v", list)
	}
}

func TestUploadLinks(t *testing.T) {
	w := newImporting(t)
	job, other := w.create(), w.create()
	url := job.PreSignedUrl.V
	text := w.csv()
	for name, c := range map[string]struct {
		url, method, text string
		code              int
	}{
		"get":     {url, http.MethodGet, "", http.StatusMethodNotAllowed},
		"forged":  {url[:len(url)-8] + "AAAAAAAA", http.MethodPut, text, http.StatusForbidden},
		"nothing": {UploadPath, http.MethodPut, text, http.StatusForbidden},
	} {
		if got := w.put(c.url, c.method, c.text); got != c.code {
			t.Errorf("%s: %d, want %d", name, got, c.code)
		}
	}
	w.tooLarge(url[strings.Index(url, UploadPath):])
	start := func(id wire.Opt[string]) *cognitoidp.StartUserImportJobInput {
		return &cognitoidp.StartUserImportJobInput{UserPoolId: str(w.p), JobId: id}
	}
	refused(w.world, w.s.startUserImportJob, start(job.JobId), "PreconditionNotMetException", "No CSV file was uploaded")
	for range 2 { // the second one counts
		if got := w.put(url, http.MethodPut, text); got != http.StatusOK {
			t.Fatalf("%d", got)
		}
	}
	must(w.world, w.s.startUserImportJob, start(job.JobId))
	if got := w.put(url, http.MethodPut, text); got != http.StatusConflict {
		t.Errorf("upload to a job that runs: %d", got)
	}
	refused(w.world, w.s.startUserImportJob, start(job.JobId), "PreconditionNotMetException", "its status is Pending")
	if got := w.put(other.PreSignedUrl.V, http.MethodPut, text); got != http.StatusOK {
		t.Fatalf("%d", got)
	}
	refused(w.world, w.s.startUserImportJob, start(other.JobId), "PreconditionNotMetException", "Another user import job is in progress.")
	refused(w.world, w.s.deleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: str(w.p)}, "UserImportInProgressException", "in progress")
	refused(w.world, w.s.updateUserPool, &cognitoidp.UpdateUserPoolInput{UserPoolId: str(w.p)}, "UserImportInProgressException", "in progress")
	w.work()
	w.wait(uploadLife)
	if got := w.put(other.PreSignedUrl.V, http.MethodPut, text); got != http.StatusForbidden {
		t.Errorf("late: %d", got)
	}
	w.wait(jobLife)
	refused(w.world, w.s.startUserImportJob, start(other.JobId), "PreconditionNotMetException", "its status is Expired")
	if got := w.described(other.JobId.V); got.Status.V != jobExpired {
		t.Errorf("%+v", got)
	}
	swapped := start(other.JobId)
	swapped.UserPoolId = str(w.pool())
	refused(w.world, w.s.startUserImportJob, swapped, "ResourceNotFoundException", "does not exist")
}

// tooLarge uploads what is too large, said and unsaid.
func (w *importing) tooLarge(path string) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	said := httptest.NewRequest(http.MethodPut, path, endless{})
	said.ContentLength = mostUploadBytes + 1
	w.s.ServeUpload(rec, said)
	link, reason := w.s.openUpload(strings.TrimPrefix(path, UploadPath))
	err := w.s.takeUpload(w.ctx, link, http.MaxBytesReader(rec, io.NopCloser(endless{}), 3*chunkBytes))
	if tooLarge := (*http.MaxBytesError)(nil); rec.Code != http.StatusRequestEntityTooLarge || reason != "" || !errors.As(err, &tooLarge) {
		w.t.Errorf("too large: %d, %v", rec.Code, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestImportGoesOn imports in several pieces, of which some are done again or by two workers, and counts each user once.
func TestImportGoesOn(t *testing.T) {
	w := newImporting(t)
	const n = 3*rowsPerBatch + 7
	var people [][]string
	for i := range n {
		people = append(people, []string{"cognito:username", fmt.Sprintf("user%d", i), "cognito:mfa_enabled", "false", "email", fmt.Sprintf("u%d@example.com", i), "email_verified", "true", "profile", strings.Repeat("p", 1500)})
	}
	job := w.create()
	if code := w.put(job.PreSignedUrl.V, http.MethodPut, w.csv(people...)); code != http.StatusOK {
		t.Fatal(code)
	}
	must(w.world, w.s.startUserImportJob, &cognitoidp.StartUserImportJobInput{UserPoolId: str(w.p), JobId: job.JobId})
	scope, work := inPool(account, w.p), piece{w.p, job.JobId.V}
	if more, err := w.s.importBatch(w.ctx, scope, work); !more || err != nil {
		t.Fatal(more, err)
	}
	if got := w.described(job.JobId.V); got.Status.V != jobRunning || got.ImportedUsers.V != rowsPerBatch-1 {
		t.Fatalf("%+v", got)
	}
	done := make(chan error, 2)
	for range 2 { // at the same time, over the same rows
		go func() { _, err := w.s.importBatch(w.ctx, scope, work); done <- err }()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	w.work()
	if got := w.described(job.JobId.V); got.Status.V != jobSucceeded || got.ImportedUsers.V != n || got.SkippedUsers.V != 0 || got.FailedUsers.V != 0 {
		t.Fatalf("%+v", got)
	}
	if list := must(w.world, w.s.listUsers, &cognitoidp.ListUsersInput{UserPoolId: str(w.p), Filter: str(`email = "u306@example.com"`)}).Users; len(list) != 1 {
		t.Fatalf("%+v", list)
	}
}

func TestImportStops(t *testing.T) {
	w := newImporting(t)
	job := w.create()
	stop := &cognitoidp.StopUserImportJobInput{UserPoolId: str(w.p), JobId: job.JobId}
	refused(w.world, w.s.stopUserImportJob, stop, "PreconditionNotMetException", "its status is Created")
	w.put(job.PreSignedUrl.V, http.MethodPut, w.csv([]string{"cognito:username", "a", "cognito:mfa_enabled", "false", "email", "a@example.com", "email_verified", "true"}))
	must(w.world, w.s.startUserImportJob, &cognitoidp.StartUserImportJobInput{UserPoolId: str(w.p), JobId: job.JobId})
	if got := must(w.world, w.s.stopUserImportJob, stop).UserImportJob; got.Status.V != jobStopping {
		t.Fatalf("%+v", got)
	}
	w.work()
	if got := w.described(job.JobId.V); got.Status.V != jobStopped || got.ImportedUsers.V != 0 {
		t.Fatalf("%+v", got)
	}
	refused(w.world, w.s.createUserImportJob, &cognitoidp.CreateUserImportJobInput{
		UserPoolId: str(w.p), JobName: str("x"), CloudWatchLogsRoleArn: str("arn:aws:iam::123456789012:role/logs"), PasswordHashingAlgorithm: str("BCRYPT"),
	}, "InvalidParameterException", "PasswordHashingAlgorithm is not supported")
}

func FuzzImportRow(f *testing.F) {
	p := &pool{ID: "us-east-1_x", Settings: cognitoidp.UserPoolType{SchemaAttributes: standardSchema(), AutoVerifiedAttributes: []string{"email"}}}
	columns := p.csvHeader()
	f.Add("n,,,,,,,,,e@x.y,true,,01/02/1970,,,,,,,false,name")
	f.Add(`\,`)
	f.Fuzz(func(t *testing.T, line string) {
		u, err := p.userOfRow(columns, []byte(line), time.Time{})
		if err == nil && (u.Name == "" || u.Attributes["email_verified"] != "true" || u.Status != resetRequired) {
			t.Errorf("%q gives %+v", line, u)
		}
		if err != nil && strings.Contains(reasonFor(err), "\n") {
			t.Errorf("%q", reasonFor(err))
		}
	})
}

func FuzzImportLines(f *testing.F) {
	f.Add("a\r\nb\n\nc", 2)
	f.Fuzz(func(t *testing.T, text string, step int) {
		var b batch
		var got []string
		step = max(1, step%64)
		for rest, at := []byte(nil), 0; !b.ended; {
			next := min(len(text), at+step)
			rest, at = b.cut(append(rest, text[at:next]...), next == len(text)), next
			if len(b.lines) == rowsPerBatch {
				return
			}
		}
		for _, l := range b.lines {
			got = append(got, string(l))
		}
		if int(b.to) != len(text) {
			t.Errorf("%d of %d bytes", b.to, len(text))
		}
		if want := strings.Count(text, "\n"); len(got) != want && len(got) != want+1 {
			t.Errorf("%d lines of %q", len(got), text)
		}
	})
}
