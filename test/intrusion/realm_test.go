package intrusion

import (
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"

	"bothy/otp"
)

// realm is a user pool of its own with an app, beside the project's: for what the project has not switched on.
type realm struct {
	w            *world
	pool, client string
}

// flows are all by which an app may sign people in, for those who look for the weakest.
var flows = []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}

// realm makes a pool, with settings besides the usual ones.
func (w *world) realm(t *testing.T, settings map[string]any) *realm {
	t.Helper()
	in := map[string]any{"PoolName": "realm", "AutoVerifiedAttributes": []string{"email"}}
	maps.Copy(in, settings)
	var p struct{ UserPool struct{ Id string } }
	w.root.idp(t, "CreateUserPool", in).must(t, &p)
	r := &realm{w: w, pool: p.UserPool.Id}
	r.client = r.app(t, nil)
	return r
}

// app makes a client, with settings besides the usual ones.
func (r *realm) app(t *testing.T, settings map[string]any) string {
	t.Helper()
	in := map[string]any{"UserPoolId": r.pool, "ClientName": "app", "ExplicitAuthFlows": flows}
	maps.Copy(in, settings)
	var c struct{ UserPoolClient struct{ ClientId string } }
	r.w.root.idp(t, "CreateUserPoolClient", in).must(t, &c)
	return c.UserPoolClient.ClientId
}

// secondFactors switches them all on: for all people, or for those who want one.
func (r *realm) secondFactors(t *testing.T, use string) {
	t.Helper()
	r.w.root.idp(t, "SetUserPoolMfaConfig", map[string]any{
		"UserPoolId": r.pool, "MfaConfiguration": use, "SoftwareTokenMfaConfiguration": map[string]any{"Enabled": true}, "EmailMfaConfiguration": map[string]any{},
		"SmsMfaConfiguration": map[string]any{"SmsConfiguration": map[string]any{"SnsCallerArn": "arn:aws:iam::" + r.w.account(t) + ":role/sms", "ExternalId": "x"}},
	}).must(t, nil)
}

// bothWays lets people recover by mail and by phone: with mail as a second factor, mail alone is refused.
var bothWays = map[string]any{"AccountRecoverySetting": map[string]any{"RecoveryMechanisms": []any{
	map[string]any{"Name": "verified_phone_number", "Priority": 1}, map[string]any{"Name": "verified_email", "Priority": 2},
}}}

func (r *realm) admin(t *testing.T, op string, more map[string]any) answer {
	t.Helper()
	in := map[string]any{"UserPoolId": r.pool}
	maps.Copy(in, more)
	return r.w.root.idp(t, op, in)
}

// phone is a number for a name: always another.
var phones = map[string]string{}

func phone(name string) string {
	if phones[name] == "" {
		phones[name] = "+1415555" + string([]byte{'0' + byte(len(phones)/1000), '0' + byte(len(phones)/100%10), '0' + byte(len(phones)/10%10), '0' + byte(len(phones)%10)})
	}
	return phones[name]
}

func attribute(name, value string) map[string]string {
	return map[string]string{"Name": name, "Value": value}
}

// user makes somebody with a password, and with addresses that are known to be theirs.
func (r *realm) user(t *testing.T, name string) {
	t.Helper()
	mail := name
	if !strings.Contains(mail, "@") {
		mail += "@example.com"
	}
	r.admin(t, "AdminCreateUser", map[string]any{"Username": name, "MessageAction": "SUPPRESS", "UserAttributes": []any{
		attribute("email", mail), attribute("email_verified", "true"), attribute("phone_number", phone(name)), attribute("phone_number_verified", "true"),
	}}).must(t, nil)
	r.admin(t, "AdminSetUserPassword", map[string]any{"Username": name, "Password": password, "Permanent": true}).must(t, nil)
}

// stage is what the node answers to a step of a sign-in.
type stage struct {
	answer
	ChallengeName, Session string
	ChallengeParameters    map[string]string
	AvailableChallenges    []string
	AuthenticationResult   *struct{ AccessToken, IdToken, RefreshToken string }
}

func staged(t *testing.T, a answer) stage {
	t.Helper()
	s := stage{answer: a}
	if a.status == 200 {
		if err := json.Unmarshal(a.body, &s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// params are pairs of names and values, with a user name.
func params(name string, pairs ...string) map[string]string {
	out := map[string]string{"USERNAME": name}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

func (r *realm) initiate(t *testing.T, flow, name string, pairs ...string) stage {
	t.Helper()
	return staged(t, r.w.anyone.idp(t, "InitiateAuth", map[string]any{"ClientId": r.client, "AuthFlow": flow, "AuthParameters": params(name, pairs...)}))
}

func (r *realm) respond(t *testing.T, challenge, session, name string, pairs ...string) stage {
	t.Helper()
	return r.respondAs(t, r.client, challenge, session, name, pairs...)
}

func (r *realm) respondAs(t *testing.T, client, challenge, session, name string, pairs ...string) stage {
	t.Helper()
	in := map[string]any{"ClientId": client, "ChallengeName": challenge, "ChallengeResponses": params(name, pairs...)}
	if session != "" {
		in["Session"] = session
	}
	return staged(t, r.w.anyone.idp(t, "RespondToAuthChallenge", in))
}

// byPassword signs somebody in as far as their password leads.
func (r *realm) byPassword(t *testing.T, name, password string) stage {
	t.Helper()
	return r.initiate(t, "USER_PASSWORD_AUTH", name, "PASSWORD", password)
}

// asked wants a step to ask for a challenge, and to give no token.
func (s stage) asked(t *testing.T, challenge string) stage {
	t.Helper()
	if s.status != 200 || s.ChallengeName != challenge || s.AuthenticationResult != nil {
		t.Fatalf("asked for %q, want %s; tokens: %t; %d %s %s", s.ChallengeName, challenge, s.AuthenticationResult != nil, s.status, s.code, s.message)
	}
	return s
}

// entered wants a step to give tokens.
func (s stage) entered(t *testing.T) (access, id, refresh string) {
	t.Helper()
	if s.AuthenticationResult == nil {
		t.Fatalf("no tokens: %d %s %s %s", s.status, s.code, s.message, s.ChallengeName)
	}
	return s.AuthenticationResult.AccessToken, s.AuthenticationResult.IdToken, s.AuthenticationResult.RefreshToken
}

// app is an authenticator app: it shows a code once.
type app struct {
	w      *world
	secret []byte
	last   int64
}

// code is the next code; the clock goes on when the present one was shown.
func (a *app) code() string {
	step := otp.StepAt(a.w.now())
	if step <= a.last {
		a.w.skip.Add(int64(otp.Step) * (a.last + 1 - step))
		step = a.last + 1
	}
	a.last = step
	return otp.Code(a.secret, step)
}

// enrol gives somebody, who is signed in, an authenticator app that they are then asked for.
func (r *realm) enrol(t *testing.T, access string) *app {
	t.Helper()
	var made struct{ SecretCode string }
	r.w.anyone.idp(t, "AssociateSoftwareToken", map[string]any{"AccessToken": access}).must(t, &made)
	secret, err := otp.Decode(made.SecretCode)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{w: r.w, secret: secret}
	r.w.anyone.idp(t, "VerifySoftwareToken", map[string]any{"AccessToken": access, "UserCode": a.code()}).must(t, nil)
	r.w.anyone.idp(t, "SetUserMFAPreference", map[string]any{"AccessToken": access, "SoftwareTokenMfaSettings": map[string]any{"Enabled": true, "PreferredMfa": true}}).must(t, nil)
	return a
}

// sent is the last code that was sent to an address.
func (w *world) sent(t *testing.T, to string) string {
	t.Helper()
	var list struct {
		Messages []struct{ Fields map[string]string }
	}
	w.root.send(t, request{service: "bothy", method: "GET", path: "/_bothy/outbox?to=" + url.QueryEscape(to)}).must(t, &list)
	for _, m := range list.Messages {
		if m.Fields["code"] != "" {
			return m.Fields["code"]
		}
	}
	t.Fatalf("no code was sent to %s", to)
	return ""
}

// tried makes a step an attempt: whatever it answers, it gives no tokens.
func tried(a func(t *testing.T) stage) func(*testing.T) answer {
	return func(t *testing.T) answer {
		s := a(t)
		if s.AuthenticationResult != nil {
			t.Error("there are tokens")
		}
		return s.answer
	}
}
