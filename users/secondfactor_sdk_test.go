package users

import (
	"context"
	"encoding/base64"
	"math/big"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"bothy/otp"
)

// code is what an authenticator app with the secret shows, some steps from now.
func (w *world) code(secret string, steps int64) string {
	w.t.Helper()
	b, err := otp.Decode(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	return otp.Code(b, otp.StepAt(w.now())+steps)
}

// factors tells the story of second factors and devices through the SDK.
func (w *world) factors(ctx context.Context, c *sdk.Client) {
	w.t.Helper()
	ok := func(_ any, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	made, err := c.CreateUserPool(ctx, &sdk.CreateUserPoolInput{PoolName: aws.String("secure"), DeviceConfiguration: &types.DeviceConfigurationType{ChallengeRequiredOnNewDevice: true}})
	ok(made, err)
	p, alice := made.UserPool.Id, aws.String("alice")
	client, err := c.CreateUserPoolClient(ctx, &sdk.CreateUserPoolClientInput{UserPoolId: p, ClientName: aws.String("web"), ExplicitAuthFlows: []types.ExplicitAuthFlowsType{
		types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth,
	}})
	ok(client, err)
	cl := client.UserPoolClient.ClientId
	ok(c.SetUserPoolMfaConfig(ctx, &sdk.SetUserPoolMfaConfigInput{UserPoolId: p, MfaConfiguration: types.UserPoolMfaTypeOptional,
		SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true},
		SmsMfaConfiguration:           &types.SmsMfaConfigType{SmsConfiguration: &types.SmsConfigurationType{SnsCallerArn: aws.String("arn:aws:iam::123456789012:role/sms")}},
	}))
	ok(c.AdminCreateUser(ctx, &sdk.AdminCreateUserInput{UserPoolId: p, Username: alice, MessageAction: types.MessageActionTypeSuppress, UserAttributes: []types.AttributeType{
		{Name: aws.String("phone_number"), Value: aws.String("+15555550123")}, {Name: aws.String("phone_number_verified"), Value: aws.String("true")},
	}}))
	ok(c.AdminSetUserPassword(ctx, &sdk.AdminSetUserPasswordInput{UserPoolId: p, Username: alice, Password: aws.String(good), Permanent: true}))
	begin := func(device string) *sdk.AdminInitiateAuthOutput {
		w.t.Helper()
		given := map[string]string{"USERNAME": "alice", "PASSWORD": good}
		if device != "" {
			given["DEVICE_KEY"] = device
		}
		out, err := c.AdminInitiateAuth(ctx, &sdk.AdminInitiateAuthInput{UserPoolId: p, ClientId: cl, AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth, AuthParameters: given})
		ok(out, err)
		return out
	}
	first := begin("").AuthenticationResult
	if first.NewDeviceMetadata == nil {
		w.t.Fatal("no key for the new device")
	}
	token, device := first.AccessToken, first.NewDeviceMetadata.DeviceKey
	ok(c.ConfirmDevice(ctx, &sdk.ConfirmDeviceInput{AccessToken: token, DeviceKey: device, DeviceSecretVerifierConfig: &types.DeviceSecretVerifierConfigType{
		Salt: aws.String("AQIDBAUGBwgJCgsMDQ4PEA=="), PasswordVerifier: aws.String(base64.StdEncoding.EncodeToString(new(big.Int).Sub(prime, big.NewInt(7)).Bytes())),
	}}))
	secret, err := c.AssociateSoftwareToken(ctx, &sdk.AssociateSoftwareTokenInput{AccessToken: token})
	ok(secret, err)
	ok(c.VerifySoftwareToken(ctx, &sdk.VerifySoftwareTokenInput{AccessToken: token, UserCode: aws.String(w.code(*secret.SecretCode, 0))}))
	ok(c.SetUserMFAPreference(ctx, &sdk.SetUserMFAPreferenceInput{AccessToken: token, SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{Enabled: true, PreferredMfa: true}}))
	ok(c.SetUserSettings(ctx, &sdk.SetUserSettingsInput{AccessToken: token, MFAOptions: []types.MFAOptionType{{DeliveryMedium: types.DeliveryMediumTypeSms, AttributeName: aws.String("phone_number")}}}))
	me, err := c.GetUser(ctx, &sdk.GetUserInput{AccessToken: token})
	ok(me, err)
	if len(me.UserMFASettingList) != 2 || *me.PreferredMfaSetting != "SOFTWARE_TOKEN_MFA" || len(me.MFAOptions) != 1 {
		w.t.Fatalf("%+v", me)
	}
	asked := begin("")
	if asked.ChallengeName != types.ChallengeNameTypeSoftwareTokenMfa {
		w.t.Fatalf("%+v", asked)
	}
	in, err := c.AdminRespondToAuthChallenge(ctx, &sdk.AdminRespondToAuthChallengeInput{UserPoolId: p, ClientId: cl, ChallengeName: asked.ChallengeName, Session: asked.Session,
		ChallengeResponses: map[string]string{"USERNAME": "alice", "SOFTWARE_TOKEN_MFA_CODE": w.code(*secret.SecretCode, 1)}})
	ok(in, err)
	if in.AuthenticationResult == nil {
		w.t.Fatalf("%+v", in)
	}
	if trusted := begin(*device); trusted.ChallengeName != types.ChallengeNameTypeDeviceSrpAuth {
		w.t.Fatalf("%+v", trusted)
	}
	ok(c.AdminSetUserSettings(ctx, &sdk.AdminSetUserSettingsInput{UserPoolId: p, Username: alice, MFAOptions: []types.MFAOptionType{}}))
	ok(c.AdminSetUserMFAPreference(ctx, &sdk.AdminSetUserMFAPreferenceInput{UserPoolId: p, Username: alice, SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{}}))
	status := types.DeviceRememberedStatusTypeNotRemembered
	ok(c.UpdateDeviceStatus(ctx, &sdk.UpdateDeviceStatusInput{AccessToken: token, DeviceKey: device, DeviceRememberedStatus: status}))
	ok(c.AdminUpdateDeviceStatus(ctx, &sdk.AdminUpdateDeviceStatusInput{UserPoolId: p, Username: alice, DeviceKey: device, DeviceRememberedStatus: status}))
	ok(c.ListDevices(ctx, &sdk.ListDevicesInput{AccessToken: token}))
	ok(c.AdminListDevices(ctx, &sdk.AdminListDevicesInput{UserPoolId: p, Username: alice}))
	ok(c.GetDevice(ctx, &sdk.GetDeviceInput{AccessToken: token, DeviceKey: device}))
	ok(c.AdminGetDevice(ctx, &sdk.AdminGetDeviceInput{UserPoolId: p, Username: alice, DeviceKey: device}))
	ok(c.ForgetDevice(ctx, &sdk.ForgetDeviceInput{AccessToken: token, DeviceKey: device}))
	if _, err := c.AdminForgetDevice(ctx, &sdk.AdminForgetDeviceInput{UserPoolId: p, Username: alice, DeviceKey: device}); err == nil {
		w.t.Fatal("a forgotten device was forgotten again")
	}
}
