package access

import (
	"fmt"
	"time"

	"bothy/kv"
)

// facts are what reports say of a user's credentials other than access keys.
type facts struct {
	password                  bool
	used, changed, mustChange time.Time // of the password; zero: never, or unknown
	mfa                       bool
	certificates              []certificate
}

// certificate is a signing certificate.
type certificate struct {
	active  bool
	changed time.Time
}

// credentialFacts are those of a user: none, as users have access keys only.
func credentialFacts(*kv.Tx, string, *userRow) (facts, error) { return facts{}, nil }

// passwordCells are of the columns password_enabled, password_last_used, password_last_changed and password_next_rotation.
func (f *facts) passwordCells() []string {
	if !f.password {
		return []string{"false", notApplicable, notApplicable, notApplicable}
	}
	used := "no_information"
	if !f.used.IsZero() {
		used = reportTime(f.used)
	}
	return []string{"true", used, reportTime(f.changed), reportTime(f.mustChange)}
}

// certificateCells are of the first two signing certificates.
func certificateCells(list []certificate) (out []string) {
	for i := range 2 {
		if i < len(list) {
			out = append(out, fmt.Sprint(list[i].active), reportTime(list[i].changed))
		} else {
			out = append(out, "false", notApplicable)
		}
	}
	return out
}
