package access

import (
	"errors"
	"fmt"
	"time"

	"bothy/kv"
	"bothy/record"
)

// facts are what reports say of a user's credentials other than access keys.
type facts struct {
	password         bool
	changed, expires time.Time // of the password; zero: never
	used             time.Time // to sign in with the password; zero: never
	mfa              bool
	certificates     []*signingCertRow
}

func credentialFacts(tx *kv.Tx, account string, u *userRow) (f facts, err error) {
	login, err := logins().Get(tx, of(account), u.ID)
	switch {
	case err == nil:
		rules, err := passwordPolicy(tx, account)
		if err != nil {
			return f, err
		}
		f.password, f.changed, f.used = true, login.Changed, login.Used
		if rules.MaxAge > 0 {
			f.expires = login.Changed.AddDate(0, 0, int(rules.MaxAge))
		}
	case !errors.Is(err, record.ErrNotFound):
		return f, err
	}
	mfa, err := devices().All(tx, of(account), "user", u.ID)
	if err != nil {
		return f, err
	}
	f.mfa = len(mfa) > 0
	f.certificates, err = signingCerts().All(tx, of(account), "", u.ID)
	return f, err
}

// passwordCells are of the columns password_enabled, password_last_used, password_last_changed and password_next_rotation.
func (f *facts) passwordCells() []string {
	if !f.password {
		return []string{"false", notApplicable, notApplicable, notApplicable}
	}
	used := "no_information"
	if !f.used.IsZero() {
		used = reportTime(f.used)
	}
	return []string{"true", used, reportTime(f.changed), reportTime(f.expires)}
}

// certificateCells are of the first two signing certificates.
func certificateCells(list []*signingCertRow) (out []string) {
	for i := range 2 {
		if i < len(list) {
			out = append(out, fmt.Sprint(!list[i].Inactive), reportTime(list[i].Uploaded))
		} else {
			out = append(out, "false", notApplicable)
		}
	}
	return out
}
