package intrusion

import (
	"maps"
	"testing"
	"time"

	"bothy/test/srp"
)

// signInAttempts try to be somebody without their password.
func signInAttempts(t *testing.T, w *world) []attempt {
	pool, client := w.pool(t), w.client(t)
	w.register(t, "victim")
	_, attributes := w.find(t, "AWS::Cognito::UserPool", "user-signin")
	native := attributes["user-pools-client-id"]
	// answering signs in as the victim with the right proof, changed.
	answering := func(change func(proof map[string]string)) func(*testing.T) answer {
		return func(t *testing.T) answer {
			s := w.begin(t, pool, client, "victim")
			proof := s.proof(t, password)
			change(proof)
			return s.respond(t, proof)
		}
	}
	start := func(flow string, more map[string]string) func(*testing.T) answer {
		in := map[string]string{"USERNAME": "victim"}
		maps.Copy(in, more)
		return func(t *testing.T) answer {
			return w.anyone.idp(t, "InitiateAuth", map[string]any{"ClientId": client, "AuthFlow": flow, "AuthParameters": in})
		}
	}
	byPassword := func(client, name, password string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			s := w.begin(t, pool, client, name)
			return s.respond(t, s.proof(t, password))
		}
	}
	const no, wrong = "NotAuthorizedException", "InvalidParameterException"
	return []attempt{
		{"wrong password", byPassword(client, "victim", "Wrong-horse-8"), 400, no, `(?i)proof|password`},
		{"unknown user", start("USER_SRP_AUTH", map[string]string{"USERNAME": "nobody", "SRP_A": "abcd"}), 400, "UserNotFoundException", `User does not exist`},
		{"unknown user of a client that hides them", byPassword(w.discreet(t), "nobody", password), 400, no, `(?i)no (such )?user|unknown|does not exist`},
		{"wrong proof", answering(func(p map[string]string) {
			p["PASSWORD_CLAIM_SIGNATURE"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		}), 400, no, `(?i)proof|signature`},
		{"no proof", answering(func(p map[string]string) { delete(p, "PASSWORD_CLAIM_SIGNATURE") }), 400, wrong, `PASSWORD_CLAIM_SIGNATURE`},
		{"another timestamp", answering(func(p map[string]string) { p["TIMESTAMP"] = "Mon Jan 1 00:00:00 UTC 2035" }), 400, no, `(?i)proof|signature`},
		{"proof for another user", answering(func(p map[string]string) { p["USERNAME"] = "neighbour" }), 400, no, `another user`},
		{"a changed secret block", answering(func(p map[string]string) {
			block := []byte(p["PASSWORD_CLAIM_SECRET_BLOCK"])
			other := map[bool]byte{true: 'B', false: 'A'} // base64 still
			block[20] = other[block[20] == 'A']
			p["PASSWORD_CLAIM_SECRET_BLOCK"] = string(block)
		}), 400, no, `not made here, or was changed`},
		{"a replayed secret block", func(t *testing.T) answer {
			s := w.begin(t, pool, client, "victim")
			proof := s.proof(t, password)
			s.respond(t, proof).must(t, nil)
			return s.respond(t, proof)
		}, 400, no, `answered before`},
		{"a second guess at one challenge", func(t *testing.T) answer {
			s := w.begin(t, pool, client, "victim")
			s.respond(t, s.proof(t, "Wrong-horse-8"))
			return s.respond(t, s.proof(t, password))
		}, 400, no, `answered before`},
		{"a late answer", func(t *testing.T) (a answer) {
			s := w.begin(t, pool, client, "victim")
			w.later(10*time.Minute, func() { a = s.respond(t, s.proof(t, password)) })
			return a
		}, 400, no, `the challenge ended at`},
		{"the answer to another client", func(t *testing.T) answer {
			s := w.begin(t, pool, client, "victim")
			s.client = native
			return s.respond(t, s.proof(t, password))
		}, 400, no, `(?i)SECRET_HASH|made for client`},
		{"SRP_A of nothing", start("USER_SRP_AUTH", map[string]string{"SRP_A": "0"}), 400, wrong, `SRP_A`},
		{"SRP_A of N", start("USER_SRP_AUTH", map[string]string{"SRP_A": srp.Prime}), 400, wrong, `SRP_A`},
		{"SRP_A of 2N", start("USER_SRP_AUTH", map[string]string{"SRP_A": number(t, srp.Prime).Lsh(number(t, srp.Prime), 1).Text(16)}), 400, wrong, `SRP_A`},
		{"a password in the clear", start("USER_PASSWORD_AUTH", map[string]string{"PASSWORD": password}), 400, wrong, `USER_PASSWORD_AUTH`},
		{"as an administrator", func(t *testing.T) answer {
			return w.mallory.idp(t, "AdminSetUserPassword", map[string]any{"UserPoolId": pool, "Username": "victim", "Password": password, "Permanent": true})
		}, 400, "AccessDeniedException", `cognito-idp:AdminSetUserPassword`},
		{"as an unsigned administrator", func(t *testing.T) answer {
			return w.anyone.idp(t, "AdminGetUser", map[string]any{"UserPoolId": pool, "Username": "victim"})
		}, 400, "MissingAuthenticationTokenException", `no signature`},
		{"a wrong code", func(t *testing.T) answer {
			w.anyone.idp(t, "ForgotPassword", map[string]any{"ClientId": client, "Username": "victim"}).must(t, nil)
			return w.anyone.idp(t, "ConfirmForgotPassword", map[string]any{"ClientId": client, "Username": "victim", "Password": password, "ConfirmationCode": "000000"})
		}, 400, "CodeMismatchException", `wrong code`},
		{"a replayed session", w.replayedSession, 400, no, `used before|answered before`},
		{"the right password after too many guesses", w.lockedOut, 400, no, `5 failed sign-ins; locked until`},
		{"another sign-in after too many guesses", start("USER_SRP_AUTH", map[string]string{"USERNAME": "locked", "SRP_A": "abcd"}), 400, no, `locked until`},
	}
}

// replayedSession answers a challenge that carries a session twice.
func (w *world) replayedSession(t *testing.T) answer {
	const temporary = "Temporary-horse-1"
	w.root.idp(t, "AdminCreateUser", map[string]any{"UserPoolId": w.pool(t), "Username": "invited", "TemporaryPassword": temporary, "MessageAction": "SUPPRESS"}).must(t, nil)
	s := w.begin(t, w.pool(t), w.client(t), "invited")
	var asked struct{ ChallengeName, Session string }
	s.respond(t, s.proof(t, temporary)).must(t, &asked)
	if asked.ChallengeName != "NEW_PASSWORD_REQUIRED" {
		t.Fatalf("the challenge is %q", asked.ChallengeName)
	}
	choose := func(password string) answer {
		return w.anyone.idp(t, "RespondToAuthChallenge", map[string]any{
			"ClientId": w.client(t), "ChallengeName": asked.ChallengeName, "Session": asked.Session,
			"ChallengeResponses": map[string]string{"USERNAME": "invited", "NEW_PASSWORD": password},
		})
	}
	choose(password).must(t, nil)
	return choose("Mallorys-horse-6")
}

// discreet is a client of the pool that does not tell who exists.
func (w *world) discreet(t *testing.T) string {
	t.Helper()
	var c struct{ UserPoolClient struct{ ClientId string } }
	w.root.idp(t, "CreateUserPoolClient", map[string]any{"UserPoolId": w.pool(t), "ClientName": "discreet", "PreventUserExistenceErrors": "ENABLED", "ExplicitAuthFlows": []string{"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}}).must(t, &c)
	return c.UserPoolClient.ClientId
}

// lockedOut collects challenges, guesses as often as is free, and then has the right password.
func (w *world) lockedOut(t *testing.T) answer {
	w.register(t, "locked")
	tries := make([]*signIn, 6)
	for i := range tries {
		tries[i] = w.begin(t, w.pool(t), w.client(t), "locked")
	}
	last := len(tries) - 1
	for _, s := range tries[:last] {
		s.respond(t, s.proof(t, "Wrong-horse-8"))
	}
	return tries[last].respond(t, tries[last].proof(t, password))
}
