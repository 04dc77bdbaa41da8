package access

import (
	"strings"
	"testing"

	"bothy/api/iam"
	"bothy/wire"
)

// sshLine is a public key and what ssh-keygen shows of it: making RSA keys is slow.
const (
	sshLine        = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDPqMWN+5GW209fDwiLWB0FAWkAOXBHEJz+lFJhAKvBSLMRMO4QyMsYDb71bH3Wv+OQ+rMax+H/P78NklFwgpO6uE2BlRmUHS19Jd8CPEKo8rP2BXuBxI8C4ZhwFS/4p07AKkle8JNoB9qgNn28Ymib7Gv9nGES9XgQYP42ikbtk5XVvjfTBJgokisbCmzHuHHVRNQdKiF/21Mc1kP+o5lbrmksYtim6ak1xDRjRhJE5Foo3QrdqUGpsv5jyBam4ccuNfuTUmUFOfd2CnLxwCFUmnnM5GLc5r95cJbaw/Qhu2fgooCi3l/+MF5zZ/2czuoRh0IY+LbjBwFwtCnCTEaF"
	sshFingerprint = "84:1b:8c:9f:98:c7:d7:db:f3:4a:82:1c:7a:90:f6:33"
)

func TestSSHKeys(t *testing.T) {
	s := newStage(t)
	s.user("ann")
	s.user("bob")
	up := func(user, body string) *iam.UploadSSHPublicKeyInput {
		return &iam.UploadSSHPublicKeyInput{UserName: some(user), SSHPublicKeyBody: some(body)}
	}
	made := as(s, s.root, iam.UploadSSHPublicKey, up("ann", sshLine+" ann@example")).SSHPublicKey
	if made.Fingerprint.V != sshFingerprint || made.SSHPublicKeyBody.V != sshLine || !strings.HasPrefix(made.SSHPublicKeyId.V, "APKA") || made.Status.V != "Active" {
		t.Errorf("uploaded %+v", made)
	}
	get := &iam.GetSSHPublicKeyInput{UserName: some("ann"), SSHPublicKeyId: made.SSHPublicKeyId, Encoding: some("PEM")}
	inPEM := as(s, s.root, iam.GetSSHPublicKey, get).SSHPublicKey.SSHPublicKeyBody.V
	fails(s, s.root, iam.UploadSSHPublicKey, up("ann", inPEM), "DuplicateSSHPublicKey", "")
	again := as(s, s.root, iam.UploadSSHPublicKey, up("bob", inPEM)).SSHPublicKey
	if again.Fingerprint.V != sshFingerprint {
		t.Errorf("in PEM %+v", again)
	}
	fails(s, s.root, iam.UploadSSHPublicKey, up("ann", "nonsense"), "UnrecognizedPublicKeyEncoding", "")
	fails(s, s.root, iam.UploadSSHPublicKey, up("ann", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEk8Xx0bxkOmWNEmfgpQ0iKxQH+2Fj4v9eMKRIqv1gmu"), "InvalidPublicKey", "RSA")
	fails(s, s.root, iam.UploadSSHPublicKey, up("nobody", sshLine), "NoSuchEntity", "nobody")

	foreign := &iam.UpdateSSHPublicKeyInput{UserName: some("bob"), SSHPublicKeyId: made.SSHPublicKeyId, Status: some("Inactive")}
	fails(s, s.root, iam.UpdateSSHPublicKey, foreign, "NoSuchEntity", "Public Key")
	foreign.UserName = some("ann")
	as(s, s.root, iam.UpdateSSHPublicKey, foreign)
	if l := as(s, s.root, iam.ListSSHPublicKeys, &iam.ListSSHPublicKeysInput{UserName: some("ann")}).SSHPublicKeys; len(l) != 1 || l[0].Status.V != "Inactive" {
		t.Errorf("keys %+v", l)
	}
	as(s, s.root, iam.DeleteSSHPublicKey, &iam.DeleteSSHPublicKeyInput{UserName: some("ann"), SSHPublicKeyId: made.SSHPublicKeyId})
	fails(s, s.root, iam.GetSSHPublicKey, get, "NoSuchEntity", "Public Key")
}

func TestServiceCredentials(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", allowAll)
	s.user("bob")
	in := func(service string) *iam.CreateServiceSpecificCredentialInput {
		return &iam.CreateServiceSpecificCredentialInput{UserName: some("ann"), ServiceName: some(service)}
	}
	const git = "codecommit.amazonaws.com"
	made := as(s, s.root, iam.CreateServiceSpecificCredential, in(git)).ServiceSpecificCredential
	second := as(s, s.root, iam.CreateServiceSpecificCredential, in(git)).ServiceSpecificCredential
	if made.ServiceUserName.V != "ann-at-"+s.account || second.ServiceUserName.V != "ann+1-at-"+s.account || len(made.ServicePassword.V) < 40 || made.ServicePassword == second.ServicePassword {
		t.Errorf("made %+v, %+v", made, second)
	}
	fails(s, s.root, iam.CreateServiceSpecificCredential, in(git), "LimitExceeded", "2")
	fails(s, s.root, iam.CreateServiceSpecificCredential, in("s3.amazonaws.com"), "NotSupportedService", "s3")
	aged := in(git)
	aged.CredentialAgeDays = wire.Some(int32(1))
	fails(s, s.root, iam.CreateServiceSpecificCredential, aged, "ValidationError", "CredentialAgeDays")
	aged.ServiceName = some(keyService)
	if key := as(s, s.root, iam.CreateServiceSpecificCredential, aged).ServiceSpecificCredential; !key.ServiceCredentialSecret.Set || key.ServicePassword.Set || !key.ExpirationDate.V.Equal(s.now.AddDate(0, 0, 1)) {
		t.Errorf("key %+v", key)
	}
	s.now = s.now.AddDate(0, 0, 1)
	list := as(s, ann, iam.ListServiceSpecificCredentials, &iam.ListServiceSpecificCredentialsInput{ServiceName: some(keyService)}).ServiceSpecificCredentials
	if len(list) != 1 || list[0].Status.V != "Expired" {
		t.Errorf("list %+v", list)
	}
	reset := as(s, ann, iam.ResetServiceSpecificCredential, &iam.ResetServiceSpecificCredentialInput{ServiceSpecificCredentialId: made.ServiceSpecificCredentialId}).ServiceSpecificCredential
	if reset.ServicePassword == made.ServicePassword || reset.ServiceUserName != made.ServiceUserName {
		t.Errorf("reset %+v", reset)
	}
	update := &iam.UpdateServiceSpecificCredentialInput{UserName: some("bob"), ServiceSpecificCredentialId: made.ServiceSpecificCredentialId, Status: some("Inactive")}
	fails(s, s.root, iam.UpdateServiceSpecificCredential, update, "NoSuchEntity", "")
	update.UserName = some("ann")
	as(s, s.root, iam.UpdateServiceSpecificCredential, update)
	all := as(s, s.root, iam.ListServiceSpecificCredentials, &iam.ListServiceSpecificCredentialsInput{AllUsers: wire.Some(true), ServiceName: some(git)}).ServiceSpecificCredentials
	states := map[string]int{}
	for _, c := range all {
		states[c.Status.V]++
	}
	if states["Active"] != 1 || states["Inactive"] != 1 {
		t.Errorf("all %+v", all)
	}
	for _, c := range append(all, list...) {
		as(s, s.root, iam.DeleteServiceSpecificCredential, &iam.DeleteServiceSpecificCredentialInput{UserName: some("ann"), ServiceSpecificCredentialId: c.ServiceSpecificCredentialId})
	}
	fails(s, s.root, iam.DeleteServiceSpecificCredential, &iam.DeleteServiceSpecificCredentialInput{UserName: some("ann"), ServiceSpecificCredentialId: made.ServiceSpecificCredentialId}, "NoSuchEntity", "")
}

func TestInstanceProfiles(t *testing.T) {
	s := newStage(t)
	s.role("app", trustLambda)
	s.role("spare", trustLambda)
	name := some("machines")
	made := as(s, s.root, iam.CreateInstanceProfile, &iam.CreateInstanceProfileInput{InstanceProfileName: name, Path: some("/x/"), Tags: []iam.Tag{{Key: some("k"), Value: some("v")}}}).InstanceProfile
	if made.Arn.V != "arn:aws:iam::"+s.account+":instance-profile/x/machines" || len(made.Roles) != 0 {
		t.Errorf("made %+v", made)
	}
	fails(s, s.root, iam.CreateInstanceProfile, &iam.CreateInstanceProfileInput{InstanceProfileName: some("Machines")}, "EntityAlreadyExists", "")
	add := func(role string) *iam.AddRoleToInstanceProfileInput {
		return &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: some(role)}
	}
	nobody, _ := s.user("nopass", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"}}`)
	fails(s, nobody, iam.AddRoleToInstanceProfile, add("app"), "AccessDenied", "iam:PassRole")
	fails(s, s.root, iam.AddRoleToInstanceProfile, add("none"), "NoSuchEntity", "role with name none")
	as(s, s.root, iam.AddRoleToInstanceProfile, add("app"))
	fails(s, s.root, iam.AddRoleToInstanceProfile, add("spare"), "LimitExceeded", "1")
	if p := as(s, s.root, iam.GetInstanceProfile, &iam.GetInstanceProfileInput{InstanceProfileName: name}).InstanceProfile; len(p.Roles) != 1 || p.Roles[0].RoleName.V != "app" {
		t.Errorf("profile %+v", p)
	}
	if l := as(s, s.root, iam.ListInstanceProfilesForRole, &iam.ListInstanceProfilesForRoleInput{RoleName: some("app")}).InstanceProfiles; len(l) != 1 {
		t.Errorf("of the role %+v", l)
	}
	if l := as(s, s.root, iam.ListInstanceProfiles, &iam.ListInstanceProfilesInput{PathPrefix: some("/x/")}).InstanceProfiles; len(l) != 1 {
		t.Errorf("all %+v", l)
	}
	fails(s, s.root, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: some("app")}, "DeleteConflict", "instance profile")
	fails(s, s.root, iam.DeleteInstanceProfile, &iam.DeleteInstanceProfileInput{InstanceProfileName: name}, "DeleteConflict", "remove roles")
	as(s, s.root, iam.TagInstanceProfile, &iam.TagInstanceProfileInput{InstanceProfileName: name, Tags: []iam.Tag{{Key: some("a"), Value: some("b")}}})
	as(s, s.root, iam.UntagInstanceProfile, &iam.UntagInstanceProfileInput{InstanceProfileName: name, TagKeys: []string{"k"}})
	if l := as(s, s.root, iam.ListInstanceProfileTags, &iam.ListInstanceProfileTagsInput{InstanceProfileName: name}).Tags; len(l) != 1 || l[0].Key.V != "a" {
		t.Errorf("tags %+v", l)
	}
	remove := &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: some("spare")}
	fails(s, s.root, iam.RemoveRoleFromInstanceProfile, remove, "NoSuchEntity", "spare")
	remove.RoleName = some("app")
	as(s, s.root, iam.RemoveRoleFromInstanceProfile, remove)
	as(s, s.root, iam.DeleteInstanceProfile, &iam.DeleteInstanceProfileInput{InstanceProfileName: name})
	as(s, s.root, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: some("app")})
	fails(s, s.root, iam.GetInstanceProfile, &iam.GetInstanceProfileInput{InstanceProfileName: name}, "NoSuchEntity", "machines")
}
