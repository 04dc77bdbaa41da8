package access

import (
	"bytes"
	"image/png"
	"testing"
	"time"

	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/otp"
	"bothy/policy"
	"bothy/wire"
)

// device makes a device and pairs it with a user.
func (s *stage) device(user, name string) (serial string, seed []byte) {
	s.Helper()
	made := as(s, s.root, iam.CreateVirtualMFADevice, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: some(name)}).VirtualMFADevice
	seed, err := otp.Decode(string(made.Base32StringSeed))
	if err != nil {
		s.Fatal(err)
	}
	as(s, s.root, iam.EnableMFADevice, s.pairing(user, made.SerialNumber.V, seed, -1))
	return made.SerialNumber.V, seed
}

func (s *stage) pairing(user, serial string, seed []byte, from int64) *iam.EnableMFADeviceInput {
	return &iam.EnableMFADeviceInput{UserName: some(user), SerialNumber: some(serial), AuthenticationCode1: some(s.code(seed, from)), AuthenticationCode2: some(s.code(seed, from+1))}
}

// code is what a device shows some steps from now.
func (s *stage) code(seed []byte, steps int64) string { return otp.Code(seed, otp.StepAt(s.now)+steps) }

func TestMFADevices(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann")
	s.user("bob")
	made := as(s, s.root, iam.CreateVirtualMFADevice, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: some("phone"), Path: some("/x/"),
		Tags: []iam.Tag{{Key: some("k"), Value: some("v")}}}).VirtualMFADevice
	serial := made.SerialNumber.V
	if serial != "arn:aws:iam::"+s.account+":mfa/x/phone" {
		t.Errorf("serial number %s", serial)
	}
	if _, err := png.Decode(bytes.NewReader(made.QRCodePNG)); err != nil {
		t.Error(err)
	}
	seed, err := otp.Decode(string(made.Base32StringSeed))
	if err != nil {
		t.Fatal(err)
	}
	fails(s, s.root, iam.CreateVirtualMFADevice, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: some("phone"), Path: some("/x/")}, "EntityAlreadyExists", "")
	pair := func(user string, from int64) *iam.EnableMFADeviceInput { return s.pairing(user, serial, seed, from) }
	swapped := pair("ann", -1)
	swapped.AuthenticationCode1, swapped.AuthenticationCode2 = swapped.AuthenticationCode2, swapped.AuthenticationCode1
	fails(s, s.root, iam.EnableMFADevice, swapped, "InvalidAuthenticationCode", "not valid")
	fails(s, s.root, iam.EnableMFADevice, pair("ann", -9), "InvalidAuthenticationCode", "")
	fails(s, s.root, iam.EnableMFADevice, pair("nobody", -1), "NoSuchEntity", "user with name nobody")
	fails(s, s.root, iam.EnableMFADevice, s.pairing("ann", serial+"x", seed, -1), "NoSuchEntity", "VirtualMFADevice")
	fails(s, ann, iam.EnableMFADevice, pair("ann", -1), "AccessDenied", "")
	as(s, s.root, iam.EnableMFADevice, pair("ann", -1))
	fails(s, s.root, iam.EnableMFADevice, pair("bob", 0), "EntityAlreadyExists", "already in use")
	fails(s, s.root, iam.DeleteVirtualMFADevice, &iam.DeleteVirtualMFADeviceInput{SerialNumber: some(serial)}, "DeleteConflict", "assigned")

	if l := as(s, s.root, iam.ListMFADevices, &iam.ListMFADevicesInput{UserName: some("ann")}).MFADevices; len(l) != 1 || l[0].SerialNumber.V != serial || !l[0].EnableDate.V.Equal(s.now) {
		t.Errorf("devices of ann %+v", l)
	}
	as(s, s.root, iam.CreateVirtualMFADevice, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: some("spare")})
	for status, want := range map[string]int{"Assigned": 1, "Unassigned": 1, "Any": 2} {
		l := as(s, s.root, iam.ListVirtualMFADevices, &iam.ListVirtualMFADevicesInput{AssignmentStatus: some(status)}).VirtualMFADevices
		if len(l) != want || l[0].Base32StringSeed != nil || status == "Assigned" && l[0].User.UserName.V != "ann" {
			t.Errorf("%s: %+v", status, l)
		}
	}
	if d := as(s, s.root, iam.GetMFADevice, &iam.GetMFADeviceInput{SerialNumber: some(serial), UserName: some("ann")}); d.UserName.V != "ann" {
		t.Errorf("device %+v", d)
	}
	fails(s, s.root, iam.GetMFADevice, &iam.GetMFADeviceInput{SerialNumber: some(serial), UserName: some("bob")}, "NoSuchEntity", "")
	as(s, s.root, iam.TagMFADevice, &iam.TagMFADeviceInput{SerialNumber: some(serial), Tags: []iam.Tag{{Key: some("a"), Value: some("b")}}})
	as(s, s.root, iam.UntagMFADevice, &iam.UntagMFADeviceInput{SerialNumber: some(serial), TagKeys: []string{"K"}})
	if l := as(s, s.root, iam.ListMFADeviceTags, &iam.ListMFADeviceTagsInput{SerialNumber: some(serial)}).Tags; len(l) != 1 || l[0].Key.V != "a" {
		t.Errorf("tags %+v", l)
	}

	fails(s, s.root, iam.DeactivateMFADevice, &iam.DeactivateMFADeviceInput{UserName: some("bob"), SerialNumber: some(serial)}, "NoSuchEntity", "")
	for _, k := range as(s, s.root, iam.ListAccessKeys, &iam.ListAccessKeysInput{UserName: some("ann")}).AccessKeyMetadata {
		as(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: some("ann"), AccessKeyId: k.AccessKeyId})
	}
	fails(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("ann")}, "DeleteConflict", "MFA device")
	as(s, s.root, iam.DeactivateMFADevice, &iam.DeactivateMFADeviceInput{UserName: some("ann"), SerialNumber: some(serial)})
	as(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("ann")})
	fails(s, s.root, iam.EnableMFADevice, pair("bob", -1), "InvalidAuthenticationCode", "") // codes that were used once
	as(s, s.root, iam.DeleteVirtualMFADevice, &iam.DeleteVirtualMFADeviceInput{SerialNumber: some(serial)})
	fails(s, s.root, iam.ListMFADeviceTags, &iam.ListMFADeviceTagsInput{SerialNumber: some(serial)}, "NoSuchEntity", "doesn't exist")
}

func TestMaxDevices(t *testing.T) {
	s := newStage(t)
	s.user("ann")
	for i := range maxDevices {
		s.device("ann", "d"+string(rune('0'+i)))
	}
	made := as(s, s.root, iam.CreateVirtualMFADevice, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: some("more")}).VirtualMFADevice
	seed, _ := otp.Decode(string(made.Base32StringSeed))
	fails(s, s.root, iam.EnableMFADevice, s.pairing("ann", made.SerialNumber.V, seed, -1), "LimitExceeded", "8")
}

// TestResync: a device whose clock is ten minutes ahead is refused until it is synchronized.
func TestResync(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann")
	serial, seed := s.device("ann", "phone")
	ask := func(steps int64) *sts.GetSessionTokenInput {
		return &sts.GetSessionTokenInput{SerialNumber: some(serial), TokenCode: some(s.code(seed, steps))}
	}
	fails(s, ann, sts.GetSessionToken, ask(20), "AccessDenied", "shows the code")
	resync := func(from int64) *iam.ResyncMFADeviceInput {
		return &iam.ResyncMFADeviceInput{UserName: some("ann"), SerialNumber: some(serial), AuthenticationCode1: some(s.code(seed, from)), AuthenticationCode2: some(s.code(seed, from+1))}
	}
	fails(s, s.root, iam.ResyncMFADevice, resync(100), "InvalidAuthenticationCode", "")
	s.user("bob")
	other := resync(20)
	other.UserName = some("bob")
	fails(s, s.root, iam.ResyncMFADevice, other, "NoSuchEntity", "")
	as(s, s.root, iam.ResyncMFADevice, resync(20))
	fails(s, s.root, iam.ResyncMFADevice, resync(20), "InvalidAuthenticationCode", "")
	fails(s, ann, sts.GetSessionToken, ask(21), "AccessDenied", "") // used to synchronize
	as(s, ann, sts.GetSessionToken, ask(22))
}

const needMFA = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","iam:GetUser"],"Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}},{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`

// TestMFASessions: a code makes a session that conditions know, once.
func TestMFASessions(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", needMFA)
	bob, _ := s.user("bob", needMFA)
	serial, seed := s.device("ann", "phone")
	s.now = s.now.Add(time.Minute)
	ask := func(code string) *sts.GetSessionTokenInput {
		return &sts.GetSessionTokenInput{SerialNumber: some(serial), TokenCode: some(code)}
	}
	fails(s, ann, sts.GetSessionToken, &sts.GetSessionTokenInput{SerialNumber: some(serial)}, "AccessDenied", "must provide both")
	fails(s, ann, sts.GetSessionToken, &sts.GetSessionTokenInput{TokenCode: some("123456")}, "AccessDenied", "must provide both")
	fails(s, bob, sts.GetSessionToken, ask(s.code(seed, 0)), "AccessDenied", "invalid MFA one time pass code") // another's device
	fails(s, s.root, sts.GetSessionToken, ask(s.code(seed, 0)), "AccessDenied", "invalid MFA one time pass code")
	fails(s, ann, sts.GetSessionToken, ask(s.code(seed, -2)), "AccessDenied", "invalid MFA one time pass code")
	fails(s, ann, sts.GetSessionToken, &sts.GetSessionTokenInput{SerialNumber: some(serial + "x"), TokenCode: some(s.code(seed, 0))}, "AccessDenied", "invalid MFA")
	out := as(s, ann, sts.GetSessionToken, ask(s.code(seed, 0))).Credentials
	fails(s, ann, sts.GetSessionToken, ask(s.code(seed, 0)), "AccessDenied", "used before")
	fails(s, ann, sts.GetSessionToken, ask(s.code(seed, -1)), "AccessDenied", "used before") // older than the last
	plain := as(s, ann, sts.GetSessionToken, &sts.GetSessionTokenInput{}).Credentials

	s.now = s.now.Add(100 * time.Second)
	with, without := s.find(out.AccessKeyId.V, out.SessionToken.V).Principal, s.find(plain.AccessKeyId.V, plain.SessionToken.V).Principal
	if got := with.Keys[mfaAge]; len(got) != 1 || got[0] != "100" || without.Keys[mfaAge] != nil || without.Keys[mfaPresent][0] != "false" || ann.Keys[mfaPresent] != nil {
		t.Errorf("age %v, without %v, long-lived %v", got, without.Keys, ann.Keys)
	}
	for name, c := range map[string]struct {
		p    *wire.Principal
		want bool
	}{"with": {with, true}, "without": {without, false}, "long-lived": {ann, false}} {
		if may(c.p, "s3:GetObject", "*", nil).Allowed != c.want {
			t.Errorf("%s: is not %v", name, c.want)
		}
	}
	as(s, with, iam.GetUser, &iam.GetUserInput{}) // with a second factor IAM is open
	fails(s, without, iam.GetUser, &iam.GetUserInput{}, "AccessDenied", "")
	fails(s, with, sts.GetFederationToken, &sts.GetFederationTokenInput{Name: some("joe")}, "AccessDenied", "NoSTS")

	// The usual Deny: BoolIfExists spares nobody without a second factor, Bool spares the long-lived key.
	for operator, spared := range map[string]bool{"BoolIfExists": false, "Bool": true} {
		deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"` + operator + `":{"aws:MultiFactorAuthPresent":"false"}}}]}`
		for name, c := range map[string]struct {
			keys policy.Keys
			want bool
		}{"with": {with.Keys, true}, "without": {without.Keys, false}, "long-lived": {ann.Keys, spared}} {
			p := &wire.Principal{ARN: ann.ARN, Account: s.account, Policies: policy.Attached{Identity: []policy.Source{s.source("p", deny)}}, Keys: c.keys}
			if may(p, "s3:GetObject", "*", nil).Allowed != c.want {
				t.Errorf("%s %s: is not %v", operator, name, c.want)
			}
		}
	}
}

// TestMFARole: a trust policy that wants a second factor, fresh or not.
func TestMFARole(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", needMFA)
	serial, seed := s.device("ann", "phone")
	role := s.role("careful", trustAWS(s.account, `,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"300"}}`), needMFA)
	s.now = s.now.Add(time.Minute)
	in := func(code string) *sts.AssumeRoleInput {
		return &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("me"), SerialNumber: some(serial), TokenCode: some(code)}
	}
	plain := &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: some("me")}
	fails(s, ann, sts.AssumeRole, plain, "AccessDenied", "aws:MultiFactorAuthPresent")
	fails(s, ann, sts.AssumeRole, in("000000"), "AccessDenied", "MultiFactorAuthentication failed")
	out := as(s, ann, sts.AssumeRole, in(s.code(seed, 0))).Credentials
	if p := s.find(out.AccessKeyId.V, out.SessionToken.V).Principal; !may(p, "s3:GetObject", "*", nil).Allowed {
		t.Error("the role's session does not know of the second factor")
	}
	fails(s, ann, sts.AssumeRole, in(s.code(seed, 0)), "AccessDenied", "used before")

	s.now = s.now.Add(time.Minute)
	token := as(s, ann, sts.GetSessionToken, &sts.GetSessionTokenInput{SerialNumber: some(serial), TokenCode: some(s.code(seed, 0))}).Credentials
	session := s.find(token.AccessKeyId.V, token.SessionToken.V).Principal
	out = as(s, session, sts.AssumeRole, plain).Credentials
	if p := s.find(out.AccessKeyId.V, out.SessionToken.V).Principal; may(p, "s3:GetObject", "*", nil).Allowed {
		t.Error("a second factor went on to the session of another role")
	}
	s.now = s.now.Add(5 * time.Minute)
	session = s.find(token.AccessKeyId.V, token.SessionToken.V).Principal
	fails(s, session, sts.AssumeRole, plain, "AccessDenied", "aws:MultiFactorAuthAge")
}

// TestGuessingCodes: after five wrong codes the right one is refused too, for a while.
func TestGuessingCodes(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann")
	serial, seed := s.device("ann", "phone")
	s.now = s.now.Add(time.Minute)
	ask := func(code string) *sts.GetSessionTokenInput {
		return &sts.GetSessionTokenInput{SerialNumber: some(serial), TokenCode: some(code)}
	}
	for range freeFailures {
		fails(s, ann, sts.GetSessionToken, ask("x00000"[:6]), "ValidationError", "")
		fails(s, ann, sts.GetSessionToken, ask(otp.Code(seed, 1)), "AccessDenied", "shows the code")
	}
	fails(s, ann, sts.GetSessionToken, ask(s.code(seed, 0)), "AccessDenied", "too many")
	s.now = s.now.Add(time.Second)
	as(s, ann, sts.GetSessionToken, ask(s.code(seed, 0)))
	s.now = s.now.Add(time.Minute)
	as(s, ann, sts.GetSessionToken, ask(s.code(seed, 0))) // the count began anew
}
