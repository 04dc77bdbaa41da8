package intrusion

import (
	"testing"
	"time"

	"bothy/otp"
	"bothy/test/srp"
)

// TestNoWayAroundTheSecondFactor: somebody knows the password of a user with an authenticator app, and tries each way in. All lead to
// the app, or nowhere.
func TestNoWayAroundTheSecondFactor(t *testing.T) {
	w := newWorld(t)
	for _, use := range []string{"OPTIONAL", "ON"} {
		t.Run(use, func(t *testing.T) {
			settings := map[string]any{"Policies": map[string]any{"SignInPolicy": map[string]any{"AllowedFirstAuthFactors": []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP"}}}}
			settings["AccountRecoverySetting"] = bothWays["AccountRecoverySetting"]
			r := w.realm(t, settings)
			r.secondFactors(t, "OPTIONAL")
			r.user(t, "ann")
			before, _, refresh := r.byPassword(t, "ann", password).entered(t)
			device := r.enrol(t, before)
			r.secondFactors(t, use)
			w.anyone.idp(t, "GlobalSignOut", map[string]any{"AccessToken": before}).must(t, nil)
			r.wayAround(t, device)
			w.attempts(t, []attempt{
				{"a refresh token of before", func(t *testing.T) answer {
					return r.initiate(t, "REFRESH_TOKEN_AUTH", "ann", "REFRESH_TOKEN", refresh).answer
				}, 400, "NotAuthorizedException", `was ended`},
				{"the app replaced with a token of before", func(t *testing.T) answer {
					return w.anyone.idp(t, "AssociateSoftwareToken", map[string]any{"AccessToken": before})
				}, 400, "NotAuthorizedException", `was ended`},
				{"the app switched off with a token of before", func(t *testing.T) answer {
					return w.anyone.idp(t, "SetUserMFAPreference", map[string]any{"AccessToken": before, "SoftwareTokenMfaSettings": map[string]any{"Enabled": false}})
				}, 400, "NotAuthorizedException", `was ended`},
				{"the app replaced in the sign-in", func(t *testing.T) answer {
					return w.anyone.idp(t, "AssociateSoftwareToken", map[string]any{"Session": r.byPassword(t, "ann", password).asked(t, "SOFTWARE_TOKEN_MFA").Session})
				}, 400, "NotAuthorizedException", `the challenge is SOFTWARE_TOKEN_MFA, the answer is to MFA_SETUP`},
				{"a factor of one's choice", tried(func(t *testing.T) stage {
					return r.respond(t, "SELECT_MFA_TYPE", r.byPassword(t, "ann", password).Session, "ann", "ANSWER", "SMS_MFA")
				}), 400, "NotAuthorizedException", `the challenge is SOFTWARE_TOKEN_MFA`},
				{"a code by mail in the place of the app's", tried(func(t *testing.T) stage {
					return r.respond(t, "EMAIL_OTP", r.byPassword(t, "ann", password).Session, "ann", "EMAIL_OTP_CODE", "123456")
				}), 400, "NotAuthorizedException", `the challenge is SOFTWARE_TOKEN_MFA`},
				{"a custom flow that the pool has not", tried(func(t *testing.T) stage { return r.initiate(t, "CUSTOM_AUTH", "ann") }), 400, "InvalidParameterException", `not configured`},
				{"an operator's flow by anybody", tried(func(t *testing.T) stage {
					return r.initiate(t, "ADMIN_USER_PASSWORD_AUTH", "ann", "PASSWORD", password)
				}), 400, "InvalidParameterException", `not supported`},
				{"a device in the place of the app", tried(func(t *testing.T) stage {
					half := srp.Begin(r.pool)
					return r.respond(t, "DEVICE_SRP_AUTH", r.byPassword(t, "ann", password).Session, "ann", "SRP_A", half.Public(), "DEVICE_KEY", region+"_x")
				}), 400, "NotAuthorizedException", `no sign-in of the user waits for device`},
				{"a wrong code", tried(func(t *testing.T) stage {
					return r.respond(t, "SOFTWARE_TOKEN_MFA", r.byPassword(t, "ann", password).Session, "ann", "SOFTWARE_TOKEN_MFA_CODE", "000000")
				}), 400, "CodeMismatchException", `try 1 of 5 of the session`},
				{"a code that was shown before", tried(func(t *testing.T) stage {
					return r.respond(t, "SOFTWARE_TOKEN_MFA", r.byPassword(t, "ann", password).Session, "ann", "SOFTWARE_TOKEN_MFA_CODE", otp.Code(device.secret, device.last))
				}), 400, "ExpiredCodeException", `was shown before`},
			})
		})
	}
}

// wayAround goes every way that begins with the right password.
func (r *realm) wayAround(t *testing.T, device *app) {
	bySRP := func(t *testing.T, name string) stage {
		half := srp.Begin(r.pool)
		begun := r.initiate(t, "USER_SRP_AUTH", name, "SRP_A", half.Public()).asked(t, "PASSWORD_VERIFIER")
		proof, err := half.Prove(begun.ChallengeParameters, password, r.w.now())
		if err != nil {
			t.Fatal(err)
		}
		in := map[string]any{"ClientId": r.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": proof}
		return staged(t, r.w.anyone.idp(t, "RespondToAuthChallenge", in))
	}
	ways := map[string]func(*testing.T) stage{
		"password": func(t *testing.T) stage { return r.byPassword(t, "ann", password) },
		"SRP":      func(t *testing.T) stage { return bySRP(t, "ann") },
		"an operator's program": func(t *testing.T) stage {
			return staged(t, r.admin(t, "AdminInitiateAuth", map[string]any{"ClientId": r.client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": params("ann", "PASSWORD", password)}))
		},
		"choice of the password": func(t *testing.T) stage {
			return r.initiate(t, "USER_AUTH", "ann", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password)
		},
		"choice, asked": func(t *testing.T) stage {
			chosen := r.initiate(t, "USER_AUTH", "ann").asked(t, "SELECT_CHALLENGE")
			for _, way := range chosen.AvailableChallenges {
				if way != "PASSWORD" && way != "PASSWORD_SRP" {
					t.Errorf("%s is offered to who has a second factor", way)
				}
			}
			return r.respond(t, "SELECT_CHALLENGE", chosen.Session, "ann", "ANSWER", "PASSWORD", "PASSWORD", password)
		},
		"a code by mail that was wished for": func(t *testing.T) stage {
			begun := r.initiate(t, "USER_AUTH", "ann", "PREFERRED_CHALLENGE", "EMAIL_OTP").asked(t, "SELECT_CHALLENGE")
			if s := r.respond(t, "SELECT_CHALLENGE", begun.Session, "ann", "ANSWER", "EMAIL_OTP"); s.status != 400 || s.AuthenticationResult != nil {
				t.Errorf("%d %s", s.status, s.body)
			}
			return r.respond(t, "SELECT_CHALLENGE", begun.Session, "ann", "ANSWER", "PASSWORD", "PASSWORD", password)
		},
		"a forgotten password": func(t *testing.T) stage {
			r.w.anyone.idp(t, "ForgotPassword", map[string]any{"ClientId": r.client, "Username": "ann"}).must(t, nil)
			r.w.anyone.idp(t, "ConfirmForgotPassword", map[string]any{"ClientId": r.client, "Username": "ann", "ConfirmationCode": r.w.sent(t, phone("ann")), "Password": password}).must(t, nil)
			return r.byPassword(t, "ann", password)
		},
		"a password by the operator": func(t *testing.T) stage {
			r.admin(t, "AdminSetUserPassword", map[string]any{"Username": "ann", "Password": password, "Permanent": true}).must(t, nil)
			return r.byPassword(t, "ann", password)
		},
		"a temporary password": func(t *testing.T) stage {
			r.admin(t, "AdminSetUserPassword", map[string]any{"Username": "ann", "Password": "Temporary-7x"}).must(t, nil)
			asked := r.byPassword(t, "ann", "Temporary-7x").asked(t, "NEW_PASSWORD_REQUIRED")
			return r.respond(t, "NEW_PASSWORD_REQUIRED", asked.Session, "ann", "NEW_PASSWORD", password)
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			asked := way(t).asked(t, "SOFTWARE_TOKEN_MFA")
			access, _, _ := r.respond(t, "SOFTWARE_TOKEN_MFA", asked.Session, "ann", "SOFTWARE_TOKEN_MFA_CODE", device.code()).entered(t)
			r.w.anyone.idp(t, "GetUser", map[string]any{"AccessToken": access}).must(t, nil)
		})
	}
}

// TestTheFactorOfATemporaryPassword: who knows a temporary password has the code sent to themselves, with the new password.
func TestTheFactorOfATemporaryPassword(t *testing.T) {
	w := newWorld(t)
	r := w.realm(t, bothWays)
	r.secondFactors(t, "ON")
	r.user(t, "ann")
	r.admin(t, "AdminSetUserPassword", map[string]any{"Username": "ann", "Password": "Temporary-7x"}).must(t, nil)
	session := r.byPassword(t, "ann", "Temporary-7x").asked(t, "NEW_PASSWORD_REQUIRED").Session
	for _, at := range [][2]string{{"phone_number", phone("eve")}, {"email", "eve@example.com"}, {"phone_number", ""}} {
		t.Run(at[0]+" "+at[1], func(t *testing.T) {
			s := r.respond(t, "NEW_PASSWORD_REQUIRED", session, "ann", "NEW_PASSWORD", password, "userAttributes."+at[0], at[1])
			w.refused(t, s.answer, 400, "NotAuthorizedException", `Cannot modify an already provided `+at[0])
		})
	}
	r.respond(t, "NEW_PASSWORD_REQUIRED", session, "ann", "NEW_PASSWORD", password).asked(t, "SELECT_MFA_TYPE")
}

// TestSessionsAreForOneQuestion: the session of every challenge is answered to every other, by the right person with the right answer.
func TestSessionsAreForOneQuestion(t *testing.T) {
	w := newWorld(t)
	r := w.realm(t, map[string]any{
		"Policies":               map[string]any{"SignInPolicy": map[string]any{"AllowedFirstAuthFactors": []string{"PASSWORD", "EMAIL_OTP"}}},
		"AccountRecoverySetting": bothWays["AccountRecoverySetting"],
	})
	r.secondFactors(t, "OPTIONAL")
	other, elsewhere := r.app(t, nil), w.realm(t, nil)
	for _, name := range []string{"plain", "app", "both", "temp", "eve"} {
		r.user(t, name)
	}
	elsewhere.user(t, "app")
	access, _, _ := r.byPassword(t, "app", password).entered(t)
	device := r.enrol(t, access)
	r.admin(t, "AdminSetUserMFAPreference", map[string]any{"Username": "both", "EmailMfaSettings": map[string]any{"Enabled": true}, "SMSMfaSettings": map[string]any{"Enabled": true}}).must(t, nil)
	r.admin(t, "AdminSetUserPassword", map[string]any{"Username": "temp", "Password": "Temporary-7x"}).must(t, nil)

	sessions := []struct {
		kind, name string
		begin      func(*testing.T) stage
	}{
		{"SOFTWARE_TOKEN_MFA", "app", func(t *testing.T) stage { return r.byPassword(t, "app", password) }},
		{"SELECT_MFA_TYPE", "both", func(t *testing.T) stage { return r.byPassword(t, "both", password) }},
		{"NEW_PASSWORD_REQUIRED", "temp", func(t *testing.T) stage { return r.byPassword(t, "temp", "Temporary-7x") }},
		{"SELECT_CHALLENGE", "plain", func(t *testing.T) stage { return r.initiate(t, "USER_AUTH", "plain") }},
		{"PASSWORD", "plain", func(t *testing.T) stage {
			return r.initiate(t, "USER_AUTH", "plain", "PREFERRED_CHALLENGE", "PASSWORD")
		}},
		{"EMAIL_OTP", "plain", func(t *testing.T) stage {
			return r.initiate(t, "USER_AUTH", "plain", "PREFERRED_CHALLENGE", "EMAIL_OTP")
		}},
	}
	right := func(name string) []string {
		return []string{"ANSWER", "EMAIL_OTP", "NEW_PASSWORD", "Another-pass-7", "PASSWORD", password, "EMAIL_OTP_CODE", "12345678", "SMS_MFA_CODE", "123456", "SMS_OTP_CODE", "12345678",
			"SOFTWARE_TOKEN_MFA_CODE", "123456", "CREDENTIAL", "{}", "SRP_A", srp.Begin(r.pool).Public()}
	}
	all := []string{"SOFTWARE_TOKEN_MFA", "SMS_MFA", "EMAIL_OTP", "SELECT_MFA_TYPE", "NEW_PASSWORD_REQUIRED", "SELECT_CHALLENGE", "PASSWORD", "PASSWORD_SRP", "SMS_OTP", "WEB_AUTHN", "MFA_SETUP", "CUSTOM_CHALLENGE"}
	const no = "NotAuthorizedException"
	var list []attempt
	for _, s := range sessions {
		session := s.begin(t).asked(t, s.kind).Session
		for _, to := range all {
			if to != s.kind {
				list = append(list, attempt{s.kind + " to " + to, tried(func(t *testing.T) stage { return r.respond(t, to, session, s.name, right(s.name)...) }), 400, no, `the challenge is .*` + s.kind + `, the answer is to`})
			}
		}
		for _, op := range []string{"AssociateSoftwareToken", "VerifySoftwareToken"} {
			list = append(list, attempt{s.kind + " to " + op, func(t *testing.T) answer {
				in := map[string]any{"Session": session}
				if op == "VerifySoftwareToken" {
					in["UserCode"] = "123456"
				}
				return w.anyone.idp(t, op, in)
			}, 400, no, `the challenge is .*` + s.kind})
		}
		mine := right(s.name)
		if s.kind == "SOFTWARE_TOKEN_MFA" {
			mine = []string{"SOFTWARE_TOKEN_MFA_CODE", device.code()}
		}
		list = append(list,
			attempt{s.kind + " of another user", tried(func(t *testing.T) stage { return r.respond(t, s.kind, session, "eve", mine...) }), 400, no, `made for another user name`},
			attempt{s.kind + " by another client", tried(func(t *testing.T) stage { return r.respondAs(t, other, s.kind, session, s.name, mine...) }), 400, no, `made for client`},
			attempt{s.kind + " in another pool", tried(func(t *testing.T) stage {
				return r.respondAs(t, elsewhere.client, s.kind, session, s.name, mine...)
			}), 400, no, `made for client`},
			attempt{s.kind + " changed", tried(func(t *testing.T) stage { return r.respond(t, s.kind, changed(session), s.name, mine...) }), 400, no, `not made here, or was changed`},
			attempt{s.kind + " late", tried(func(t *testing.T) (late stage) {
				w.later(16*time.Minute, func() { late = r.respond(t, s.kind, session, s.name, mine...) })
				return late
			}), 400, no, `the challenge ended at`},
		)
	}
	w.attempts(t, list)

	asked := r.byPassword(t, "app", password).asked(t, "SOFTWARE_TOKEN_MFA")
	r.respond(t, "SOFTWARE_TOKEN_MFA", asked.Session, "app", "SOFTWARE_TOKEN_MFA_CODE", device.code()).entered(t)
	second := r.byPassword(t, "app", password).asked(t, "SOFTWARE_TOKEN_MFA")
	r.admin(t, "AdminSetUserPassword", map[string]any{"Username": "app", "Password": password, "Permanent": true}).must(t, nil)
	temp := r.byPassword(t, "temp", "Temporary-7x").asked(t, "NEW_PASSWORD_REQUIRED")
	r.admin(t, "AdminSetUserPassword", map[string]any{"Username": "temp", "Password": "Temporary-8x"}).must(t, nil)
	w.attempts(t, []attempt{
		{"a session that was answered", tried(func(t *testing.T) stage {
			return r.respond(t, "SOFTWARE_TOKEN_MFA", asked.Session, "app", "SOFTWARE_TOKEN_MFA_CODE", device.code())
		}), 400, no, `the session was used before`},
		{"a session of the password before", tried(func(t *testing.T) stage {
			return r.respond(t, "SOFTWARE_TOKEN_MFA", second.Session, "app", "SOFTWARE_TOKEN_MFA_CODE", device.code())
		}), 400, no, `has another password by now`},
		{"a temporary password that was replaced", tried(func(t *testing.T) stage {
			return r.respond(t, "NEW_PASSWORD_REQUIRED", temp.Session, "temp", "NEW_PASSWORD", "Another-pass-7")
		}), 400, no, `has another password by now`},
	})
}

// changed is a session with one of its characters replaced.
func changed(session string) string {
	const at = 40
	other := "A"
	if session[at] == 'A' {
		other = "B"
	}
	return session[:at] + other + session[at+1:]
}
