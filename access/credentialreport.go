package access

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// A credential report is the state of all credentials at one moment. It counts for four hours: until then no new one is made.
const (
	reportAge   = 4 * time.Hour
	reportChunk = 512 << 10 // bytes of one row: stores take a megabyte
)

// reportColumns are AWS's. Programs find them by name.
const reportColumns = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"

// What a report says where there is nothing to say.
const (
	notApplicable = "N/A"
	notSupported  = "not_supported"
)

func (s *Service) mountReports(m *wire.Mux) {
	wire.Handle(m, iam.GenerateCredentialReport, onAccount[iam.GenerateCredentialReportInput]("GenerateCredentialReport"), s.generateReport)
	wire.Handle(m, iam.GetCredentialReport, onAccount[iam.GetCredentialReportInput]("GetCredentialReport"), s.getReport)
}

// generateReport makes the report at once. As on AWS the call that makes it answers STARTED, and the next ones COMPLETE.
func (s *Service) generateReport(c *wire.Call, _ *iam.GenerateCredentialReportInput) (out *iam.GenerateCredentialReportOutput, err error) {
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		old, err := reports().Get(tx, of(c.Account), 0)
		switch {
		case err == nil && c.Now.Sub(old.Made) < reportAge:
			out = &iam.GenerateCredentialReportOutput{State: wire.Some("COMPLETE")}
			return nil
		case err != nil && !errors.Is(err, record.ErrNotFound):
			return err
		}
		out = &iam.GenerateCredentialReportOutput{State: wire.Some("STARTED"), Description: wire.Some("No report exists. Starting a new report generation task")}
		content, err := s.credentialReport(tx, c)
		if err != nil {
			return err
		}
		return keepReport(tx, c, content)
	})
	return out, err
}

// keepReport puts a report, in pieces, in the place of the one before.
func keepReport(tx *kv.Tx, c *wire.Call, content []byte) error {
	old, err := reports().All(tx, of(c.Account), "")
	if err != nil {
		return err
	}
	for _, r := range old {
		if err := reports().Delete(tx, of(c.Account), r.Part); err != nil {
			return err
		}
	}
	for part := 0; part == 0 || len(content) > 0; part++ {
		n := min(len(content), reportChunk)
		if err := reports().Put(tx, of(c.Account), &reportRow{part, c.Now.UTC().Truncate(time.Second), content[:n]}); err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}

func (s *Service) getReport(c *wire.Call, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	var rows []*reportRow
	err := s.cfg.DB.View(c, func(tx *kv.Tx) (err error) {
		rows, err = reports().All(tx, of(c.Account), "")
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(rows) == 0:
		return nil, &iam.CredentialReportNotPresentException{Message: wire.Some("No report exists. Use GenerateCredentialReport to make one.")}
	case c.Now.Sub(rows[0].Made) >= reportAge:
		return nil, &iam.CredentialReportExpiredException{Message: wire.Some("The most recent credential report has expired. Use GenerateCredentialReport to make a new one.")}
	}
	var content []byte
	for _, r := range rows {
		content = append(content, r.Content...)
	}
	return &iam.GetCredentialReportOutput{Content: content, ReportFormat: wire.Some("text/csv"), GeneratedTime: wire.Some(rows[0].Made)}, nil
}

// credentialReport writes the root first, then the users by name.
func (s *Service) credentialReport(tx *kv.Tx, c *wire.Call) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(strings.Split(reportColumns, ",")) //nolint:errcheck // memory
	root, err := s.rootLine(tx, c)
	if err != nil {
		return nil, err
	}
	w.Write(root) //nolint:errcheck // memory
	all, err := users().All(tx, of(c.Account), "")
	if err != nil {
		return nil, err
	}
	for _, u := range all {
		line, err := s.userLine(tx, c, u)
		if err != nil {
			return nil, err
		}
		w.Write(line) //nolint:errcheck // memory
	}
	w.Flush()
	return b.Bytes(), nil
}

// rootLine is of the account's root, which has keys and nothing else here.
func (s *Service) rootLine(tx *kv.Tx, c *wire.Call) ([]string, error) {
	held, err := heldKeys(tx, c.Account, "")
	if err != nil {
		return nil, err
	}
	created := c.Now
	for _, k := range held {
		if k.Created.Before(created) {
			created = k.Created
		}
	}
	line := []string{"<root_account>", "arn:aws:iam::" + c.Account + ":root", reportTime(created), notSupported, notApplicable, notSupported, notSupported, "false"}
	cells, err := keyCells(tx, c, held)
	return append(append(line, cells...), certificateCells(nil)...), err
}

func (s *Service) userLine(tx *kv.Tx, c *wire.Call, u *userRow) ([]string, error) {
	held, err := heldKeys(tx, c.Account, u.Name)
	if err != nil {
		return nil, err
	}
	facts, err := credentialFacts(tx, c.Account, u)
	if err != nil {
		return nil, err
	}
	line := append([]string{u.Name, u.ARN, reportTime(u.Created)}, facts.passwordCells()...)
	cells, err := keyCells(tx, c, held)
	return append(append(append(line, fmt.Sprint(facts.mfa)), cells...), certificateCells(facts.certificates)...), err
}

// keyCells are of the first two access keys.
func keyCells(tx *kv.Tx, c *wire.Call, held []*keyRow) (out []string, err error) {
	for i := range 2 {
		if i >= len(held) {
			out = append(out, "false", notApplicable, notApplicable, notApplicable, notApplicable)
			continue
		}
		k := held[i]
		used, err := usesOf(tx, c.Account, k.ID, c.Now)
		if err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprint(!k.Inactive), reportTime(k.Created))
		if last := latest(used); last != nil {
			out = append(out, reportTime(last.At), last.Region, last.Service)
		} else {
			out = append(out, notApplicable, notApplicable, notApplicable)
		}
	}
	return out, nil
}

func reportTime(t time.Time) string {
	if t.IsZero() {
		return notApplicable
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}
