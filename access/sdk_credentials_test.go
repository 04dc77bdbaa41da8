package access

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/go-jose/go-jose/v4"

	"bothy/otp"
)

// TestSDKPasswords: what a user signs in to the console with.
func TestSDKPasswords(t *testing.T) {
	s := newStage(t)
	url := s.listen()
	root := newClients(url, s.key, s.secret, "")
	ctx := t.Context()
	must(root.iam.CreateUser(ctx, &awsiam.CreateUserInput{UserName: aws.String("ann")}))
	key := must(root.iam.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: aws.String("ann")})).AccessKey
	must(root.iam.UpdateAccountPasswordPolicy(ctx, &awsiam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(12), AllowUsersToChangePassword: true, MaxPasswordAge: aws.Int32(90)}))
	if p := must(root.iam.GetAccountPasswordPolicy(ctx, &awsiam.GetAccountPasswordPolicyInput{})).PasswordPolicy; *p.MinimumPasswordLength != 12 || !p.ExpirePasswords || *p.MaxPasswordAge != 90 || p.PasswordReusePrevention != nil {
		t.Errorf("policy %+v", p)
	}
	_, err := root.iam.CreateLoginProfile(ctx, &awsiam.CreateLoginProfileInput{UserName: aws.String("ann"), Password: aws.String("short")})
	coded(t, "short", err, "PasswordPolicyViolation")
	made := must(root.iam.CreateLoginProfile(ctx, &awsiam.CreateLoginProfileInput{UserName: aws.String("ann"), Password: aws.String(goodPassword), PasswordResetRequired: true})).LoginProfile
	if !made.PasswordResetRequired || made.CreateDate.IsZero() {
		t.Errorf("login profile %+v", made)
	}
	ann := newClients(url, *key.AccessKeyId, *key.SecretAccessKey, "")
	_, err = ann.iam.ChangePassword(ctx, &awsiam.ChangePasswordInput{OldPassword: aws.String("wrong"), NewPassword: aws.String(otherPassword)})
	coded(t, "wrong", err, "AccessDenied")
	must(ann.iam.ChangePassword(ctx, &awsiam.ChangePasswordInput{OldPassword: aws.String(goodPassword), NewPassword: aws.String(otherPassword)}))
	if p := must(root.iam.GetLoginProfile(ctx, &awsiam.GetLoginProfileInput{UserName: aws.String("ann")})).LoginProfile; p.PasswordResetRequired {
		t.Errorf("login profile %+v", p)
	}
	must(root.iam.UpdateLoginProfile(ctx, &awsiam.UpdateLoginProfileInput{UserName: aws.String("ann"), Password: aws.String(goodPassword)}))
	must(root.iam.DeleteLoginProfile(ctx, &awsiam.DeleteLoginProfileInput{UserName: aws.String("ann")}))
	must(root.iam.DeleteAccountPasswordPolicy(ctx, &awsiam.DeleteAccountPasswordPolicyInput{}))
	_, err = root.iam.GetAccountPasswordPolicy(ctx, &awsiam.GetAccountPasswordPolicyInput{})
	coded(t, "no policy", err, "NoSuchEntity")
}

// TestSDKMFA: a device is made, paired and used, by the clients people use.
func TestSDKMFA(t *testing.T) {
	s := newStage(t)
	url := s.listen()
	root := newClients(url, s.key, s.secret, "")
	ctx := t.Context()
	must(root.iam.CreateUser(ctx, &awsiam.CreateUserInput{UserName: aws.String("ann")}))
	must(root.iam.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"), PolicyDocument: aws.String(needMFA)}))
	key := must(root.iam.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: aws.String("ann")})).AccessKey
	device := must(root.iam.CreateVirtualMFADevice(ctx, &awsiam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})).VirtualMFADevice
	seed := must(otp.Decode(string(device.Base32StringSeed)))
	if len(device.QRCodePNG) < 100 || string(device.QRCodePNG[1:4]) != "PNG" {
		t.Errorf("QR code of %d bytes", len(device.QRCodePNG))
	}
	must(root.iam.EnableMFADevice(ctx, &awsiam.EnableMFADeviceInput{UserName: aws.String("ann"), SerialNumber: device.SerialNumber,
		AuthenticationCode1: aws.String(s.code(seed, -1)), AuthenticationCode2: aws.String(s.code(seed, 0))}))
	if l := must(root.iam.ListMFADevices(ctx, &awsiam.ListMFADevicesInput{UserName: aws.String("ann")})).MFADevices; len(l) != 1 || *l[0].SerialNumber != *device.SerialNumber || l[0].EnableDate.IsZero() {
		t.Errorf("devices %+v", l)
	}
	pages := awsiam.NewListVirtualMFADevicesPaginator(root.iam, &awsiam.ListVirtualMFADevicesInput{AssignmentStatus: iamtypes.AssignmentStatusTypeAssigned})
	if l := must(pages.NextPage(ctx)).VirtualMFADevices; len(l) != 1 || *l[0].User.UserName != "ann" {
		t.Errorf("virtual devices %+v", l)
	}
	ann := newClients(url, *key.AccessKeyId, *key.SecretAccessKey, "")
	_, err := ann.iam.GetUser(ctx, &awsiam.GetUserInput{})
	coded(t, "without a code", err, "AccessDenied")
	ask := &awssts.GetSessionTokenInput{SerialNumber: device.SerialNumber, TokenCode: aws.String(s.code(seed, 1))}
	c := must(ann.sts.GetSessionToken(ctx, ask)).Credentials
	must(newClients(url, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken).iam.GetUser(ctx, &awsiam.GetUserInput{}))
	_, err = ann.sts.GetSessionToken(ctx, ask)
	coded(t, "twice", err, "AccessDenied")
}

// TestSDKFederation: sessions by every kind of federation, each of which knows who it is.
func TestSDKFederation(t *testing.T) {
	s := newSAMLStage(t)
	url := s.listen()
	root := newClients(url, s.key, s.secret, "")
	anonymous := awssts.New(awssts.Options{Region: "eu-west-1", BaseEndpoint: aws.String(url), RetryMaxAttempts: 1})
	ctx := t.Context()
	whoami := func(c *ststypes.Credentials, want string) {
		t.Helper()
		if who := must(newClients(url, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken).sts.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})); *who.Arn != want {
			t.Errorf("the session is %s, want %s", *who.Arn, want)
		}
	}
	bySAML := must(anonymous.AssumeRoleWithSAML(ctx, &awssts.AssumeRoleWithSAMLInput{RoleArn: aws.String(s.samlRole.Arn.V), PrincipalArn: aws.String(s.arn),
		SAMLAssertion: aws.String(base64.StdEncoding.EncodeToString([]byte(responseOf(s.idp.sign(t, s.good().text()), s.now))))}))
	whoami(bySAML.Credentials, *bySAML.AssumedRoleUser.Arn)

	i := newIDP(t, s.now)
	provider := must(root.iam.CreateOpenIDConnectProvider(ctx, &awsiam.CreateOpenIDConnectProviderInput{Url: aws.String(i.url), ClientIDList: []string{"app"}, ThumbprintList: []string{i.print}}))
	role := must(root.iam.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trustOIDC(*provider.OpenIDConnectProviderArn, withoutScheme(i.url), ""))})).Role
	byToken := must(anonymous.AssumeRoleWithWebIdentity(ctx, &awssts.AssumeRoleWithWebIdentityInput{RoleArn: role.Arn, RoleSessionName: aws.String("web"),
		WebIdentityToken: aws.String(signJWT(t, jose.ES256, i.key, i.claims(s.now, nil)))}))
	whoami(byToken.Credentials, *byToken.AssumedRoleUser.Arn)

	federated := must(root.sts.GetFederationToken(ctx, &awssts.GetFederationTokenInput{Name: aws.String("joe"), Policy: aws.String(allowS3)}))
	whoami(federated.Credentials, *federated.FederatedUser.Arn)

	must(root.iam.EnableOutboundWebIdentityFederation(ctx, &awsiam.EnableOutboundWebIdentityFederationInput{}))
	token := must(root.sts.GetWebIdentityToken(ctx, &awssts.GetWebIdentityTokenInput{Audience: []string{"a"}, SigningAlgorithm: aws.String("ES384"), DurationSeconds: aws.Int32(60)}))
	if time.Until(*token.Expiration) > time.Minute || len(*token.WebIdentityToken) < 100 {
		t.Errorf("token %+v", token)
	}
}

// TestSDKCertificates: what else a user or an account may hold.
func TestSDKCertificates(t *testing.T) {
	s := newStage(t)
	root := newClients(s.listen(), s.key, s.secret, "")
	ctx := t.Context()
	must(root.iam.CreateUser(ctx, &awsiam.CreateUserInput{UserName: aws.String("ann")}))
	ca, body := certify(t, nil, "example.com", s.now.AddDate(1, 0, 0))
	server := must(root.iam.UploadServerCertificate(ctx, &awsiam.UploadServerCertificateInput{ServerCertificateName: aws.String("web"), CertificateBody: aws.String(body), PrivateKey: aws.String(ca.pem())}))
	if server.ServerCertificateMetadata.Expiration.IsZero() {
		t.Errorf("server certificate %+v", server)
	}
	must(root.iam.UploadSigningCertificate(ctx, &awsiam.UploadSigningCertificateInput{UserName: aws.String("ann"), CertificateBody: aws.String(body)}))
	if key := must(root.iam.UploadSSHPublicKey(ctx, &awsiam.UploadSSHPublicKeyInput{UserName: aws.String("ann"), SSHPublicKeyBody: aws.String(sshLine)})).SSHPublicKey; *key.Fingerprint != sshFingerprint {
		t.Errorf("SSH key %+v", key)
	}
	if c := must(root.iam.CreateServiceSpecificCredential(ctx, &awsiam.CreateServiceSpecificCredentialInput{UserName: aws.String("ann"), ServiceName: aws.String("codecommit.amazonaws.com")})).ServiceSpecificCredential; *c.ServicePassword == "" {
		t.Errorf("credential %+v", c)
	}
	must(root.iam.CreateInstanceProfile(ctx, &awsiam.CreateInstanceProfileInput{InstanceProfileName: aws.String("p")}))
	must(root.iam.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trustLambda)}))
	must(root.iam.AddRoleToInstanceProfile(ctx, &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("p"), RoleName: aws.String("r")}))
	if p := must(root.iam.GetInstanceProfile(ctx, &awsiam.GetInstanceProfileInput{InstanceProfileName: aws.String("p")})).InstanceProfile; len(p.Roles) != 1 {
		t.Errorf("profile %+v", p)
	}
	_, err := root.iam.DeleteUser(ctx, &awsiam.DeleteUserInput{UserName: aws.String("ann")})
	coded(t, "delete", err, "DeleteConflict")
}
