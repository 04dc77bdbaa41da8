package users

import (
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// Limits of imports, as AWS documents them, but for the number of jobs.
const (
	mostUploadBytes = 100 << 20
	mostImported    = 500_000
	longestRow      = 16_000 // characters
	uploadLife      = 15 * time.Minute
	jobLife         = 24 * time.Hour // of one that is not started
	mostJobs        = 1000           // of a pool
)

// Statuses of jobs.
const (
	jobCreated   = "Created"
	jobPending   = "Pending"
	jobRunning   = "InProgress"
	jobStopping  = "Stopping"
	jobStopped   = "Stopped"
	jobExpired   = "Expired"
	jobFailed    = "Failed"
	jobSucceeded = "Succeeded"
)

// importJob makes users of the rows of a file.
type importJob struct {
	Pool, ID, Name, Role      string
	Status                    string
	Created                   time.Time
	Started, Ended            time.Time `json:",omitzero"`
	Upload                    string    // whose chunks hold the file; "" until there is one
	Size                      int64
	Columns                   []string `json:",omitempty"` // of the file, once its header was read
	Position                  int64    // bytes of the file that are done
	Line                      int64    // lines that are done, the header too
	Imported, Skipped, Failed int64
	Message                   string
}

// active tells whether the job is being worked on.
func (j *importJob) active() bool {
	return j.Status == jobPending || j.Status == jobRunning || j.Status == jobStopping
}

// upload is a piece of an uploaded file.
type upload struct {
	Pool, Job, ID string
	Number        int
	Bytes         []byte
	Expires       time.Time
}

var (
	jobs = record.Table[importJob]{
		Name: "users.import", Version: 1, Key: func(j *importJob) []any { return []any{j.Pool, j.ID} },
		Indexes: []record.Index[importJob]{
			{Name: "created", Keys: func(j *importJob) [][]any { return [][]any{{j.Pool, j.Created}} }},
			{Name: "active", Keys: func(j *importJob) [][]any {
				if !j.active() {
					return nil
				}
				return [][]any{{"active"}}
			}},
		},
	}

	uploads = record.Table[upload]{
		Name: "users.upload", Version: 1, Key: func(u *upload) []any { return []any{u.Pool, u.Job, u.ID, int64(u.Number)} },
		Expires: func(u *upload) time.Time { return u.Expires },
	}
)

func (s *Service) mountImports(m *wire.Mux) {
	wire.Handle(m, cognitoidp.CreateUserImportJob, func(c *wire.Call, in *cognitoidp.CreateUserImportJobInput) ([]wire.Access, error) {
		return append(wire.One("cognito-idp:CreateUserImportJob", poolARN(c.Account, in.UserPoolId.V), nil),
			wire.Access{Action: "iam:PassRole", Resource: in.CloudWatchLogsRoleArn.V, Keys: policy.Keys{"iam:passedtoservice": {"cognito-idp.amazonaws.com"}}}), nil
	}, s.createUserImportJob)
	onPool(m, cognitoidp.StartUserImportJob, func(in *cognitoidp.StartUserImportJobInput) string { return in.UserPoolId.V }, s.startUserImportJob)
	onPool(m, cognitoidp.StopUserImportJob, func(in *cognitoidp.StopUserImportJobInput) string { return in.UserPoolId.V }, s.stopUserImportJob)
	onPool(m, cognitoidp.DescribeUserImportJob, func(in *cognitoidp.DescribeUserImportJobInput) string { return in.UserPoolId.V }, s.describeUserImportJob)
	onPool(m, cognitoidp.ListUserImportJobs, func(in *cognitoidp.ListUserImportJobsInput) string { return in.UserPoolId.V }, s.listUserImportJobs)
	onPool(m, cognitoidp.GetCSVHeader, func(in *cognitoidp.GetCSVHeaderInput) string { return in.UserPoolId.V }, s.getCSVHeader)
}

// csvHeader are the columns of a file of users: the attributes, and two that are none.
func (p *pool) csvHeader() []string {
	var names []string
	for _, a := range p.Settings.SchemaAttributes {
		if a.Name.V != "sub" {
			names = append(names, a.Name.V)
		}
	}
	return append(names, mfaColumn, nameColumn)
}

const (
	mfaColumn  = "cognito:mfa_enabled"
	nameColumn = "cognito:username"
)

func (s *Service) getCSVHeader(c *wire.Call, in *cognitoidp.GetCSVHeaderInput) (*cognitoidp.GetCSVHeaderOutput, error) {
	p, err := s.pool(c, in.UserPoolId.V)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.GetCSVHeaderOutput{UserPoolId: in.UserPoolId, CSVHeader: p.csvHeader()}, nil
}

func (s *Service) createUserImportJob(c *wire.Call, in *cognitoidp.CreateUserImportJobInput) (*cognitoidp.CreateUserImportJobOutput, error) {
	if in.PasswordHashingAlgorithm.Set {
		return nil, invalid("PasswordHashingAlgorithm is not supported by this server: imported users set a new password.")
	}
	j := &importJob{Pool: in.UserPoolId.V, ID: "import-" + randomText(alphanumeric, 10), Name: in.JobName.V, Role: in.CloudWatchLogsRoleArn.V, Status: jobCreated, Created: c.Now}
	err := s.update(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, j.Pool); err != nil {
			return err
		}
		had, _, err := jobs.List(tx, inPool(c.Account, j.Pool), record.Page{Prefix: []any{j.Pool}, Limit: mostJobs})
		if err != nil {
			return err
		}
		if len(had) == mostJobs {
			return &cognitoidp.LimitExceededException{Message: wire.Some("The user pool has too many import jobs.")}
		}
		return jobs.Insert(tx, inPool(c.Account, j.Pool), j)
	})
	if err != nil {
		return nil, err
	}
	shown := j.shown(c.Now)
	shown.PreSignedUrl, err = s.uploadURL(c, j)
	return &cognitoidp.CreateUserImportJobOutput{UserImportJob: shown}, err
}

// shown is the job as the API shows it. Where to upload to is told once.
func (j *importJob) shown(now time.Time) *cognitoidp.UserImportJobType {
	out := &cognitoidp.UserImportJobType{
		JobName: wire.Some(j.Name), JobId: wire.Some(j.ID), UserPoolId: wire.Some(j.Pool), CreationDate: wire.Some(j.Created), Status: wire.Some(j.Status),
		CloudWatchLogsRoleArn: wire.Some(j.Role), ImportedUsers: wire.Some(j.Imported), SkippedUsers: wire.Some(j.Skipped), FailedUsers: wire.Some(j.Failed),
		CompletionMessage: wire.NonEmpty(j.Message),
	}
	if j.late(now) {
		out.Status, out.CompletionMessage = wire.Some(jobExpired), wire.Some("The user import job has expired.")
	}
	if !j.Started.IsZero() {
		out.StartDate = wire.Some(j.Started)
	}
	if !j.Ended.IsZero() {
		out.CompletionDate = wire.Some(j.Ended)
	}
	return out
}

// late tells whether the job was not started in time.
func (j *importJob) late(now time.Time) bool {
	return j.Status == jobCreated && now.After(j.Created.Add(jobLife))
}

func unmet(format string, a ...any) error {
	_, _, text := invalid(format, a...).(wire.Fault).Fault()
	return &cognitoidp.PreconditionNotMetException{Message: wire.Some(text)}
}

// changeJob reads a job of a pool, lets fn change it, and stores it.
func (s *Service) changeJob(c *wire.Call, poolID, id string, fn func(tx *kv.Tx, p *pool, j *importJob) error) (*cognitoidp.UserImportJobType, error) {
	var j *importJob
	err := s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, poolID)
		if err != nil {
			return err
		}
		if j, err = jobOf(tx, c.Account, poolID, id); err != nil {
			return err
		}
		if err := fn(tx, p, j); err != nil {
			return err
		}
		return jobs.Put(tx, inPool(c.Account, poolID), j)
	})
	if err != nil {
		return nil, err
	}
	return j.shown(c.Now), nil
}

func jobOf(tx *kv.Tx, account, poolID, id string) (*importJob, error) {
	j, err := jobs.Get(tx, inPool(account, poolID), poolID, id)
	if absent(err) {
		return nil, notFound("User import job %s does not exist.", id)
	}
	return j, err
}

func (s *Service) startUserImportJob(c *wire.Call, in *cognitoidp.StartUserImportJobInput) (*cognitoidp.StartUserImportJobOutput, error) {
	shown, err := s.changeJob(c, in.UserPoolId.V, in.JobId.V, func(tx *kv.Tx, p *pool, j *importJob) error {
		scope := inPool(c.Account, p.ID)
		others, _, err := jobs.List(tx, scope, record.Page{Index: "active", Limit: 1})
		switch {
		case err != nil:
			return err
		case j.Status != jobCreated || j.late(c.Now):
			return unmet("The user import job cannot be started: its status is %s.", j.shown(c.Now).Status.V)
		case j.Upload == "":
			return unmet("No CSV file was uploaded for the user import job.")
		case len(p.Settings.AutoVerifiedAttributes) == 0:
			return unmet("The user pool has no auto-verified attributes: imported users could not reset their passwords.")
		case len(others) > 0:
			return unmet("Another user import job is in progress.")
		}
		j.Status, j.Started = jobPending, c.Now
		return enqueueImport(tx, scope, j, c.Now)
	})
	return &cognitoidp.StartUserImportJobOutput{UserImportJob: shown}, err
}

// stopUserImportJob asks the worker to stop: who was imported stays.
func (s *Service) stopUserImportJob(c *wire.Call, in *cognitoidp.StopUserImportJobInput) (*cognitoidp.StopUserImportJobOutput, error) {
	shown, err := s.changeJob(c, in.UserPoolId.V, in.JobId.V, func(_ *kv.Tx, _ *pool, j *importJob) error {
		if !j.active() {
			return unmet("The user import job cannot be stopped: its status is %s.", j.shown(c.Now).Status.V)
		}
		j.Status = jobStopping
		return nil
	})
	return &cognitoidp.StopUserImportJobOutput{UserImportJob: shown}, err
}

func (s *Service) describeUserImportJob(c *wire.Call, in *cognitoidp.DescribeUserImportJobInput) (*cognitoidp.DescribeUserImportJobOutput, error) {
	out := &cognitoidp.DescribeUserImportJobOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		j, err := jobOf(tx, c.Account, in.UserPoolId.V, in.JobId.V)
		if err == nil {
			out.UserImportJob = j.shown(c.Now)
		}
		return err
	})
}

func (s *Service) listUserImportJobs(c *wire.Call, in *cognitoidp.ListUserImportJobsInput) (*cognitoidp.ListUserImportJobsOutput, error) {
	out := &cognitoidp.ListUserImportJobsOutput{UserImportJobs: []cognitoidp.UserImportJobType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		pg := page(in.PaginationToken, in.MaxResults)
		pg.Index, pg.Prefix, pg.Reverse = "created", []any{in.UserPoolId.V}, true
		rows, next, err := jobs.List(tx, inPool(c.Account, in.UserPoolId.V), pg)
		for _, j := range rows {
			out.UserImportJobs = append(out.UserImportJobs, *j.shown(c.Now))
		}
		out.PaginationToken = wire.NonEmpty(next)
		return badToken(err)
	})
}

// notImporting refuses what would pull the pool from under a job.
func notImporting(tx *kv.Tx, account, poolID string) error {
	active, _, err := jobs.List(tx, inPool(account, poolID), record.Page{Index: "active", Limit: 1})
	if err == nil && len(active) > 0 && active[0].Pool == poolID {
		err = &cognitoidp.UserImportInProgressException{Message: wire.Some("A user import job is in progress.")}
	}
	return err
}
