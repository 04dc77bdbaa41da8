package access

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// Condition keys of the second factor. A request with a long-lived key has neither; one of a session always has the first.
const (
	mfaPresent = "aws:multifactorauthpresent"
	mfaAge     = "aws:multifactorauthage"
)

// errCode says that a code was refused; the reason is the operator's.
var errCode = errors.New("access: one-time code refused")

// useCode checks a code of a device of the user, "" for any of them, and uses it up.
func (s *Service) useCode(ctx context.Context, account, userID, serial, code string) error {
	if err := s.begin(ctx, account, codeSubject(userID)); err != nil {
		return lockedAs(err, wire.Because(errCode, "too many wrong codes of %s", userID))
	}
	return s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		owned, err := devices().All(tx, of(account), "user", userID)
		if err != nil {
			return err
		}
		for _, row := range owned {
			step, ok, err := s.match(row, code, s.cfg.Now())
			if err != nil {
				return err
			}
			if !ok || serial != "" && row.Serial != serial {
				continue
			}
			row.LastStep = step
			if err := devices().Put(tx, of(account), row); err != nil {
				return err
			}
			return forget(tx, account, codeSubject(userID))
		}
		return wire.Because(errCode, "no device %s of %s shows the code now, or it was used before", serial, userID)
	})
}

// secondFactor checks the code of a console sign-in; a user without a device needs none.
func (s *Service) secondFactor(ctx context.Context, who *SignIn, code string) (bool, error) {
	var owned []*deviceRow
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		owned, err = devices().All(tx, of(who.Account), "user", who.UserID)
		return err
	})
	if err != nil || len(owned) == 0 {
		return false, err
	}
	if code == "" {
		return false, ErrCode
	}
	if err = s.useCode(ctx, who.Account, who.UserID, "", code); errors.Is(err, errCode) {
		err = ErrCode
	}
	return err == nil, err
}

// proveMFA checks the code that came with a call and says so in the caller's condition keys, for the rest of the call. A call without one
// stays as it is.
func (s *Service) proveMFA(c *wire.Call, serial, code wire.Opt[string]) error {
	p := c.Principal
	switch {
	case !serial.Set && !code.Set:
		return nil
	case !serial.Set || !code.Set:
		return wire.Fail(403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	case p == nil || p.Kind != wire.User || !strings.HasPrefix(p.UserID, "AIDA"):
		return wire.Because(mfaFailed(), "only a user has MFA devices")
	}
	if err := s.useCode(c, p.Account, p.UserID, serial.V, code.V); err != nil {
		if errors.Is(err, errCode) {
			return wire.Because(mfaFailed(), "%s", wire.ReasonOf(err))
		}
		return err
	}
	shown := *p
	shown.Keys = maps.Clone(p.Keys)
	if shown.Keys == nil {
		shown.Keys = policy.Keys{}
	}
	shown.Keys[mfaPresent], shown.Keys[mfaAge] = []string{"true"}, []string{"0"}
	c.Principal = &shown
	return nil
}

// mfaFailed does not tell a wrong code from one of another's device.
func mfaFailed() error {
	return wire.Fail(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
}

// withAge adds how long ago the code of a session was shown.
func withAge(keys policy.Keys, shown int64, now time.Time) policy.Keys {
	out := maps.Clone(keys)
	out[mfaAge] = []string{strconv.FormatInt(max(0, now.Unix()-shown), 10)}
	return out
}
