package users

import (
	"encoding/base64"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// phone is the client's side of a device, written from the protocol.
type phone struct{ key, group, password string }

func (ph *phone) verifier() *cognitoidp.DeviceSecretVerifierConfigType {
	salt := []byte("\xf1 sixteen bytes \x01")
	x := new(big.Int).SetBytes(digest(pad(new(big.Int).SetBytes(salt)), digest([]byte(ph.group+ph.key+":"+ph.password))))
	return &cognitoidp.DeviceSecretVerifierConfigType{
		Salt:             str(base64.StdEncoding.EncodeToString(pad(new(big.Int).SetBytes(salt)))),
		PasswordVerifier: str(base64.StdEncoding.EncodeToString(pad(new(big.Int).Exp(big.NewInt(2), x, prime)))),
	}
}

// answer computes the proof that the challenge asks for.
func (ph *phone) answer(k *srpClient, name string, ch map[string]string) map[string]string {
	ch = with(ch, "USER_ID_FOR_SRP", ph.key)
	out := k.answer("pool_"+ph.group, ch, ph.password, aTimestamp)
	out["USERNAME"], out["DEVICE_KEY"] = name, ph.key
	return out
}

// tracking makes a pool that looks at devices, with second factors as well.
func (w *world) tracking(trust, prompt bool) (p, cl string) {
	w.t.Helper()
	p = w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.DeviceConfiguration = &cognitoidp.DeviceConfigurationType{ChallengeRequiredOnNewDevice: wire.Some(trust), DeviceOnlyRememberedOnUserPrompt: wire.Some(prompt)}
	})
	must(w, w.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(p), MfaConfiguration: str("OPTIONAL"), SmsMfaConfiguration: &cognitoidp.SmsMfaConfigType{
		SmsConfiguration: &cognitoidp.SmsConfigurationType{SnsCallerArn: str("arn:aws:iam::123456789012:role/sms")}}})
	return p, w.client(p)
}

// confirm makes the device of a sign-in known.
func (w *world) confirm(in *cognitoidp.AuthenticationResultType) *phone {
	w.t.Helper()
	if in.NewDeviceMetadata == nil {
		w.t.Fatal("no key for the new device")
	}
	ph := &phone{in.NewDeviceMetadata.DeviceKey.V, in.NewDeviceMetadata.DeviceGroupKey.V, "made by the device"}
	must(w, w.s.confirmDevice, &cognitoidp.ConfirmDeviceInput{AccessToken: in.AccessToken, DeviceKey: str(ph.key), DeviceName: str("A phone"), DeviceSecretVerifierConfig: ph.verifier()})
	return ph
}

// onDevice begins a sign-in by password that names a device.
func onDevice(clientID, name, key string) *cognitoidp.InitiateAuthInput {
	in := passwordAuth(clientID, name, good)
	in.AuthParameters["DEVICE_KEY"] = key
	return in
}

// begin wants the device's turn and returns what is asked of it, as clients without a session do it.
func (w *world) begin(clientID, name string, ph *phone, k *srpClient) map[string]string {
	w.t.Helper()
	out := must(w, w.s.respondToAuthChallenge, beginDevice(clientID, name, ph, k))
	if out.ChallengeName.V != devicePasswordVerifier {
		w.t.Fatalf("%+v", out)
	}
	return out.ChallengeParameters
}

func beginDevice(clientID, name string, ph *phone, k *srpClient) *cognitoidp.RespondToAuthChallengeInput {
	return &cognitoidp.RespondToAuthChallengeInput{ClientId: str(clientID), ChallengeName: str(deviceSRPAuth), ChallengeResponses: map[string]string{"USERNAME": name, "DEVICE_KEY": ph.key, "SRP_A": k.A.Text(16)}}
}

func proofOf(clientID string, answer map[string]string) *cognitoidp.RespondToAuthChallengeInput {
	return &cognitoidp.RespondToAuthChallengeInput{ClientId: str(clientID), ChallengeName: str(devicePasswordVerifier), ChallengeResponses: answer}
}

// signInOn signs alice in on her device.
func (w *world) signInOn(clientID string, ph *phone) *cognitoidp.AuthenticationResultType {
	w.t.Helper()
	if out := must(w, w.s.initiateAuth, onDevice(clientID, "alice", ph.key)); out.ChallengeName.V != deviceSRPAuth {
		w.t.Fatalf("%+v", out)
	}
	k := newSRPClient()
	return w.enters(proofOf(clientID, ph.answer(k, "alice", w.begin(clientID, "alice", ph, k))))
}

func TestDeviceRemembered(t *testing.T) {
	w := newWorld(t)
	p, cl := w.tracking(true, false)
	w.person(p, "alice")
	first := w.signIn(p, cl, "alice")
	ph := w.confirm(first)
	if claimsOf(t, first.AccessToken.V)["device_key"] != ph.key || claimsOf(t, first.IdToken.V)["device_key"] != nil || !strings.HasPrefix(ph.key, "us-east-1_") {
		t.Fatalf("%v %s", claimsOf(t, first.AccessToken.V), ph.key)
	}
	w.turnOn(p, "alice", false, smsMFA)
	w.challenged(cl, "alice", smsMFA) // on any other device
	w.wait(time.Hour)
	again := w.signInOn(cl, ph)
	if again.NewDeviceMetadata != nil || claimsOf(t, again.AccessToken.V)["device_key"] != ph.key {
		t.Fatalf("%+v", again)
	}
	d := must(w, w.s.getDevice, &cognitoidp.GetDeviceInput{AccessToken: again.AccessToken, DeviceKey: str(ph.key)}).Device
	if !d.DeviceLastAuthenticatedDate.V.After(d.DeviceCreateDate.V) || !slices.Contains(d.DeviceAttributes, cognitoidp.AttributeType{Name: str("device_name"), Value: str("A phone")}) {
		t.Fatalf("%+v", d)
	}
	if all := must(w, w.s.adminListDevices, &cognitoidp.AdminListDevicesInput{UserPoolId: str(p), Username: str("alice")}); len(all.Devices) != 1 {
		t.Fatalf("%+v", all)
	}
	must(w, w.s.updateDeviceStatus, &cognitoidp.UpdateDeviceStatusInput{AccessToken: again.AccessToken, DeviceKey: str(ph.key), DeviceRememberedStatus: str("not_remembered")})
	ask := must(w, w.s.initiateAuth, onDevice(cl, "alice", ph.key)) // the device does not stand for the second factor any more
	if ask.ChallengeName.V != smsMFA {
		t.Fatalf("%+v", ask)
	}
	next := must(w, w.s.respondToAuthChallenge, answer(cl, smsMFA, ask.Session.V, "SMS_MFA_CODE", w.lastCode()))
	if next.ChallengeName.V != deviceSRPAuth {
		t.Fatalf("%+v", next)
	}
	k := newSRPClient()
	w.enters(proofOf(cl, ph.answer(k, "alice", w.begin(cl, "alice", ph, k))))
}

// TestDevicesOnlyTracked has a pool that remembers devices and asks for the second factor all the same.
func TestDevicesOnlyTracked(t *testing.T) {
	w := newWorld(t)
	p, cl := w.tracking(false, true)
	w.person(p, "alice")
	in := w.signIn(p, cl, "alice")
	ph := &phone{in.NewDeviceMetadata.DeviceKey.V, in.NewDeviceMetadata.DeviceGroupKey.V, "x"}
	confirmed := must(w, w.s.confirmDevice, &cognitoidp.ConfirmDeviceInput{AccessToken: in.AccessToken, DeviceKey: str(ph.key), DeviceSecretVerifierConfig: ph.verifier()})
	if !confirmed.UserConfirmationNecessary.V {
		t.Fatalf("%+v", confirmed)
	}
	must(w, w.s.updateDeviceStatus, &cognitoidp.UpdateDeviceStatusInput{AccessToken: in.AccessToken, DeviceKey: str(ph.key), DeviceRememberedStatus: str("remembered")})
	w.signInOn(cl, ph)
	w.turnOn(p, "alice", false, smsMFA)
	if ask := must(w, w.s.initiateAuth, onDevice(cl, "alice", ph.key)); ask.ChallengeName.V != smsMFA {
		t.Fatalf("%+v", ask)
	}
}

// TestUnknownDevice has the client name a device the pool does not know: it forgets it and answers the same challenge again.
func TestUnknownDevice(t *testing.T) {
	w := newWorld(t)
	p, cl := w.tracking(true, false)
	w.person(p, "alice")
	w.person(p, "bob")
	bobs := w.confirm(w.signIn(p, cl, "bob"))
	for _, key := range []string{"us-east-1_00000000-0000-4000-8000-000000000000", bobs.key, "x"} {
		k := newSRPClient()
		right := k.answer(p, w.offer(cl, "alice", k), good, aTimestamp)
		refused(w, w.s.respondToAuthChallenge, respond(cl, with(right, "DEVICE_KEY", key)), "ResourceNotFoundException", "Device does not exist.")
		if out := must(w, w.s.respondToAuthChallenge, respond(cl, right)); out.AuthenticationResult == nil {
			t.Fatalf("%+v", out)
		}
		refused(w, w.s.respondToAuthChallenge, respond(cl, right), "NotAuthorizedException", "session can only be used once.")
		wrong := passwordAuth(cl, "alice", "Wr0ng!pass")
		wrong.AuthParameters["DEVICE_KEY"] = key
		refused(w, w.s.initiateAuth, wrong, "NotAuthorizedException", "Incorrect username or password.") // devices are not told to who does not know the password
	}
	untracked := w.pool()
	other := w.client(untracked)
	w.member(other, "carol")
	if out := must(w, w.s.initiateAuth, onDevice(other, "carol", bobs.key)); out.AuthenticationResult == nil || out.AuthenticationResult.NewDeviceMetadata != nil {
		t.Fatalf("%+v", out)
	}
}

// TestDeviceIntruders has who knows a device's secret, or the password, or neither, try to get in on a device.
func TestDeviceIntruders(t *testing.T) {
	w := newWorld(t)
	p, cl := w.tracking(true, false)
	other := w.client(p)
	foreignPool, foreign := w.tracking(true, false)
	w.person(p, "alice")
	w.person(p, "bob")
	w.person(foreignPool, "alice")
	ph, bobs := w.confirm(w.signIn(p, cl, "alice")), w.confirm(w.signIn(p, cl, "bob"))
	w.turnOn(p, "alice", false, smsMFA)
	expired := "Invalid session for the user, session is expired."
	k := newSRPClient()

	t.Run("a device is no sign-in", func(t *testing.T) {
		refused(w, w.s.respondToAuthChallenge, beginDevice(cl, "alice", ph, k), "NotAuthorizedException", expired)
		refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "Wr0ng!pass"), "NotAuthorizedException", "")
		refused(w, w.s.respondToAuthChallenge, beginDevice(cl, "alice", ph, k), "NotAuthorizedException", expired)
		refused(w, w.s.respondToAuthChallenge, beginDevice(cl, "nobody", ph, k), "UserNotFoundException", "")
		refused(w, w.s.respondToAuthChallenge, beginDevice(w.client(p, hiding), "nobody", ph, k), "NotAuthorizedException", expired)
	})
	begin := func() { must(w, w.s.initiateAuth, onDevice(cl, "alice", ph.key)) }
	t.Run("a turn is for one beginning", func(t *testing.T) {
		begin()
		refused(w, w.s.respondToAuthChallenge, beginDevice(other, "alice", ph, k), "NotAuthorizedException", expired)
		refused(w, w.s.respondToAuthChallenge, beginDevice(foreign, "alice", ph, k), "NotAuthorizedException", expired)
		refused(w, w.s.respondToAuthChallenge, beginDevice(cl, "bob", ph, k), "NotAuthorizedException", expired)
		refused(w, w.s.respondToAuthChallenge, beginDevice(cl, "alice", bobs, k), "NotAuthorizedException", expired)
		w.begin(cl, "alice", ph, k)
		refused(w, w.s.respondToAuthChallenge, beginDevice(cl, "alice", ph, k), "NotAuthorizedException", expired)
		begin()
		w.wait(challengeLife + time.Second)
		refused(w, w.s.respondToAuthChallenge, beginDevice(cl, "alice", ph, k), "NotAuthorizedException", expired)
	})
	for name, c := range map[string]struct {
		spoil         func(map[string]string) (string, map[string]string)
		code, message string
	}{
		"another client": {func(a map[string]string) (string, map[string]string) { return other, a }, "NotAuthorizedException", expired},
		"another pool":   {func(a map[string]string) (string, map[string]string) { return foreign, a }, "NotAuthorizedException", expired},
		"another user":   {func(a map[string]string) (string, map[string]string) { return cl, with(a, "USERNAME", "bob") }, "NotAuthorizedException", expired},
		"another device": {func(a map[string]string) (string, map[string]string) { return cl, with(a, "DEVICE_KEY", bobs.key) }, "NotAuthorizedException", expired},
		"no device":      {func(a map[string]string) (string, map[string]string) { return cl, with(a, "DEVICE_KEY", "") }, "NotAuthorizedException", expired},
		"a wrong proof": {func(a map[string]string) (string, map[string]string) {
			return cl, with(a, "PASSWORD_CLAIM_SIGNATURE", "AAAA")
		}, "NotAuthorizedException", "Incorrect username or password."},
		"late": {func(a map[string]string) (string, map[string]string) {
			w.wait(challengeLife + time.Second)
			return cl, a
		}, "NotAuthorizedException", expired},
		"password changed meanwhile": {func(a map[string]string) (string, map[string]string) {
			must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str(good), Permanent: wire.Some(true)})
			return cl, a
		}, "NotAuthorizedException", expired},
		"a block of the password's": {func(a map[string]string) (string, map[string]string) {
			return cl, with(a, "PASSWORD_CLAIM_SECRET_BLOCK", w.offer(cl, "alice", k)["SECRET_BLOCK"])
		}, "NotAuthorizedException", expired},
		"disabled meanwhile": {func(a map[string]string) (string, map[string]string) {
			must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("alice")})
			return cl, a
		}, "NotAuthorizedException", "User is disabled."},
	} {
		t.Run(name, func(t *testing.T) {
			w.wait(longestWait)
			begin()
			right := ph.answer(k, "alice", w.begin(cl, "alice", ph, k))
			id, spoiled := c.spoil(maps.Clone(right))
			refused(w, w.s.respondToAuthChallenge, proofOf(id, spoiled), c.code, c.message)
			must(w, w.s.adminEnableUser, &cognitoidp.AdminEnableUserInput{UserPoolId: str(p), Username: str("alice")})
		})
	}
	t.Run("a proof serves once", func(t *testing.T) {
		begin()
		right := ph.answer(k, "alice", w.begin(cl, "alice", ph, k))
		var wg sync.WaitGroup
		var in atomic.Int32
		for range 6 {
			wg.Go(func() {
				if _, err := w.s.respondToAuthChallenge(w.call(), proofOf(cl, right)); err == nil {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Fatalf("%d times", in.Load())
		}
	})
	t.Run("a wrong proof uses the block up", func(t *testing.T) {
		begin()
		right := ph.answer(k, "alice", w.begin(cl, "alice", ph, k))
		refused(w, w.s.respondToAuthChallenge, proofOf(cl, with(right, "PASSWORD_CLAIM_SIGNATURE", "AAAA")), "NotAuthorizedException", "")
		refused(w, w.s.respondToAuthChallenge, proofOf(cl, right), "NotAuthorizedException", "session can only be used once.")
	})
	t.Run("a device forgotten meanwhile", func(t *testing.T) {
		begin()
		right := ph.answer(k, "alice", w.begin(cl, "alice", ph, k))
		must(w, w.s.adminForgetDevice, &cognitoidp.AdminForgetDeviceInput{UserPoolId: str(p), Username: str("alice"), DeviceKey: str(ph.key)})
		refused(w, w.s.respondToAuthChallenge, proofOf(cl, right), "ResourceNotFoundException", "Device does not exist.")
	})
}

// TestProvedDeviceStays has the pool want a second factor after a device was proved: naming another one then changes nothing.
func TestProvedDeviceStays(t *testing.T) {
	w := newWorld(t)
	p, cl := w.tracking(true, false)
	w.person(p, "alice")
	ph, other := w.confirm(w.signIn(p, cl, "alice")), w.confirm(w.signIn(p, cl, "alice"))
	w.turnOn(p, "alice", false, smsMFA)
	must(w, w.s.initiateAuth, onDevice(cl, "alice", ph.key))
	k := newSRPClient()
	right := ph.answer(k, "alice", w.begin(cl, "alice", ph, k))
	must(w, w.s.updateUserPool, &cognitoidp.UpdateUserPoolInput{UserPoolId: str(p), MfaConfiguration: str("OPTIONAL"), DeviceConfiguration: &cognitoidp.DeviceConfigurationType{},
		SmsConfiguration: &cognitoidp.SmsConfigurationType{SnsCallerArn: str("arn:aws:iam::123456789012:role/sms")}})
	ask := must(w, w.s.respondToAuthChallenge, proofOf(cl, right))
	if ask.ChallengeName.V != smsMFA {
		t.Fatalf("%+v", ask)
	}
	in := w.enters(answer(cl, smsMFA, ask.Session.V, "SMS_MFA_CODE", w.lastCode(), "DEVICE_KEY", other.key))
	if on := claimsOf(t, in.AccessToken.V)["device_key"]; on != ph.key {
		t.Fatalf("the session is on %v", on)
	}
}

func TestConfirmDeviceRefused(t *testing.T) {
	w := newWorld(t)
	p, cl := w.tracking(true, false)
	w.person(p, "alice")
	in := w.signIn(p, cl, "alice")
	ph := &phone{in.NewDeviceMetadata.DeviceKey.V, in.NewDeviceMetadata.DeviceGroupKey.V, "x"}
	other := w.signIn(p, cl, "alice")
	b64 := base64.StdEncoding.EncodeToString
	good := ph.verifier()
	try := func(key string, config *cognitoidp.DeviceSecretVerifierConfigType) *cognitoidp.ConfirmDeviceInput {
		return &cognitoidp.ConfirmDeviceInput{AccessToken: in.AccessToken, DeviceKey: str(key), DeviceSecretVerifierConfig: config}
	}
	for name, config := range map[string]*cognitoidp.DeviceSecretVerifierConfigType{
		"nothing":             nil,
		"no salt":             {PasswordVerifier: good.PasswordVerifier},
		"a long salt":         {PasswordVerifier: good.PasswordVerifier, Salt: str(b64(make([]byte, 65)))},
		"no verifier":         {Salt: good.Salt},
		"not base64":          {Salt: good.Salt, PasswordVerifier: str("§")},
		"a verifier of one":   {Salt: good.Salt, PasswordVerifier: str(b64([]byte{1}))},
		"a verifier too high": {Salt: good.Salt, PasswordVerifier: str(b64(prime.Bytes()))},
	} {
		t.Run(name, func(t *testing.T) {
			refused(w, w.s.confirmDevice, try(ph.key, config), "InvalidParameterException", "")
		})
	}
	refused(w, w.s.confirmDevice, try(other.NewDeviceMetadata.DeviceKey.V, good), "ResourceNotFoundException", "Device does not exist.")
	must(w, w.s.confirmDevice, try(ph.key, good))
	refused(w, w.s.confirmDevice, try(ph.key, (&phone{ph.key, ph.group, "another"}).verifier()), "DeviceKeyExistsException", "")
	must(w, w.s.forgetDevice, &cognitoidp.ForgetDeviceInput{AccessToken: in.AccessToken, DeviceKey: str(ph.key)})
	refused(w, w.s.confirmDevice, try(ph.key, good), "DeviceKeyExistsException", "")
	refused(w, w.s.getDevice, &cognitoidp.GetDeviceInput{AccessToken: in.AccessToken, DeviceKey: str(ph.key)}, "ResourceNotFoundException", "Device does not exist.")
	refused(w, w.s.updateDeviceStatus, &cognitoidp.UpdateDeviceStatusInput{AccessToken: in.AccessToken, DeviceKey: str(ph.key)}, "ResourceNotFoundException", "Device does not exist.")
}

func TestSessionsOnDevices(t *testing.T) {
	w := newWorld(t)
	p, cl := w.tracking(true, false)
	w.person(p, "alice")
	renew := func(in *cognitoidp.AuthenticationResultType, key string) *cognitoidp.InitiateAuthInput {
		return &cognitoidp.InitiateAuthInput{ClientId: str(cl), AuthFlow: str("REFRESH_TOKEN_AUTH"), AuthParameters: map[string]string{"REFRESH_TOKEN": in.RefreshToken.V, "DEVICE_KEY": key}}
	}
	in := w.signIn(p, cl, "alice")
	key := in.NewDeviceMetadata.DeviceKey.V
	must(w, w.s.initiateAuth, renew(in, "")) // the client did not confirm it
	must(w, w.s.initiateAuth, renew(in, key))
	refused(w, w.s.initiateAuth, renew(in, "us-east-1_0"), "NotAuthorizedException", "Invalid Refresh Token")
	ph := w.confirm(in)
	out := must(w, w.s.initiateAuth, renew(in, key)).AuthenticationResult
	if out.NewDeviceMetadata != nil || claimsOf(t, out.AccessToken.V)["device_key"] != key {
		t.Fatalf("%+v", out)
	}
	other := w.confirm(w.signIn(p, cl, "alice"))
	for _, wrong := range []string{"", "us-east-1_0", other.key} {
		refused(w, w.s.initiateAuth, renew(in, wrong), "NotAuthorizedException", "Invalid Refresh Token")
	}
	refused(w, w.s.getTokensFromRefreshToken, &cognitoidp.GetTokensFromRefreshTokenInput{ClientId: str(cl), RefreshToken: in.RefreshToken}, "NotAuthorizedException", "Invalid Refresh Token")
	must(w, w.s.getTokensFromRefreshToken, &cognitoidp.GetTokensFromRefreshTokenInput{ClientId: str(cl), RefreshToken: in.RefreshToken, DeviceKey: str(key)})
	second := w.signInOn(cl, ph)
	must(w, w.s.initiateAuth, renew(second, key))
	must(w, w.s.forgetDevice, &cognitoidp.ForgetDeviceInput{AccessToken: second.AccessToken, DeviceKey: str(key)})
	for _, lost := range []*cognitoidp.AuthenticationResultType{in, second} {
		refused(w, w.s.initiateAuth, renew(lost, key), "NotAuthorizedException", "Invalid Refresh Token")
	}
	must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: str("alice")})
	w.person(p, "alice")
	if all := must(w, w.s.adminListDevices, &cognitoidp.AdminListDevicesInput{UserPoolId: str(p), Username: str("alice")}); len(all.Devices) != 0 {
		t.Fatalf("%+v", all)
	}
}

// TestPoolsTakeFactorsAlong deletes a pool in which everything waits that second factors and devices keep.
func TestPoolsTakeFactorsAlong(t *testing.T) {
	w := newWorld(t)
	p, cl := w.tracking(true, false)
	must(w, w.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(p), MfaConfiguration: str("OPTIONAL"), SoftwareTokenMfaConfiguration: &cognitoidp.SoftwareTokenMfaConfigType{Enabled: wire.Some(true)}})
	w.person(p, "alice")
	in := w.signIn(p, cl, "alice")
	ph := w.confirm(in)
	secret := w.app(in.AccessToken.V)
	wantFault(t, w.wrongly(cl, w.challenged(cl, "alice", softwareTokenMFA).Session.V, secret), "CodeMismatchException", "")
	must(w, w.s.initiateAuth, onDevice(cl, "alice", ph.key))
	must(w, w.s.deleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: str(p)})
	if n := w.rows(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

func FuzzDeviceCredential(f *testing.F) {
	ph := &phone{"k", "g", "x"}
	f.Add(ph.verifier().Salt.V, ph.verifier().PasswordVerifier.V)
	f.Add("", "AQ==")
	f.Fuzz(func(t *testing.T, salt, verifier string) {
		c, err := deviceCredential(&cognitoidp.DeviceSecretVerifierConfigType{Salt: str(salt), PasswordVerifier: str(verifier)})
		if err == nil && (len(c.salt) == 0 || c.verifier.Cmp(big.NewInt(1)) <= 0 || c.verifier.Cmp(prime) >= 0) {
			t.Fatalf("%v", c)
		}
	})
}
