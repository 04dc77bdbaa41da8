"""People and keys as boto3 and pycognito have them: SRP, second factors, codes in place of passwords, refreshed tokens, and AWS keys."""
import json
import os
import socket
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from pycognito import Cognito
from pycognito.exceptions import SMSMFAChallengeException

node = urllib.parse.urlsplit(os.environ["BOTHY_URL"])
lookup = socket.getaddrinfo


def hosts(host, port, *more, **params):
    """As a hosts file would do it: pycognito reads a pool's keys where AWS has them."""
    ours = str(host).endswith(".amazonaws.com")
    return lookup(node.hostname if ours else host, node.port if ours else port, *more, **params)


socket.getaddrinfo = hosts
admin = boto3.client("cognito-idp")
app = boto3.client("cognito-idp", config=Config(signature_version=UNSIGNED))  # as in an app: without keys
identity = boto3.client("cognito-identity", config=Config(signature_version=UNSIGNED))
iam = boto3.client("iam")
password = "Correct-Horse-7"


@contextmanager
def step(name):
    began = time.monotonic()
    yield
    print(f"ok {name} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def refused(error, message, call, **params):
    try:
        call(**params)
    except error as e:
        same((e.response["Error"]["Code"], e.response["Error"]["Message"]), (error.__name__, message))
        return
    raise AssertionError("it was allowed")


def code_for(to):
    with urllib.request.urlopen(f"{os.environ['BOTHY_URL']}/_bothy/test/outbox?to={urllib.parse.quote(to)}&wait=10s") as answer:
        return json.load(answer)["fields"]["code"]


def client(pool, *flows, **more):
    out = admin.create_user_pool_client(UserPoolId=pool, ClientName="app", ExplicitAuthFlows=[f"ALLOW_{f}" for f in flows], **more)["UserPoolClient"]
    return out["ClientId"], out.get("ClientSecret")


def person(pool, name, **attributes):
    told = [{"Name": k, "Value": v} for k, v in attributes.items()]
    admin.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS", UserAttributes=told)
    admin.admin_set_user_password(UserPoolId=pool, Username=name, Password=password, Permanent=True)


with step("pools"):
    pool = admin.create_user_pool(PoolName="boto", AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    app_id, _ = client(pool, "USER_SRP_AUTH", "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")
    secret_id, secret = client(pool, "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH", GenerateSecret=True)

with step("sign-up, by pycognito"):
    ann = Cognito(pool, app_id)
    ann.set_base_attributes(email="ann@boto.example")
    same(ann.register("ann", password)["UserConfirmed"], False)
    refused(ann.client.exceptions.UsernameExistsException, "User already exists", ann.register, username="ann", password=password)
    refused(ann.client.exceptions.CodeMismatchException, "Invalid verification code provided, please try again.", ann.confirm_sign_up, confirmation_code="000000", username="ann")
    ann.confirm_sign_up(code_for("ann@boto.example"), "ann")

with step("SRP, by pycognito"):
    ann = Cognito(pool, app_id, username="ann")
    refused(ann.client.exceptions.NotAuthorizedException, "Incorrect username or password.", ann.authenticate, password=password + "x")
    ann.authenticate(password=password)
    same((ann.access_claims["username"], ann.id_claims["email"]), ("ann", "ann@boto.example"))  # it checks the tokens by the pool's keys
    first = ann.access_token
    ann.renew_access_token()
    assert ann.access_token != first
    same(ann.get_user().email_verified, True)
    ann.change_password(password, password + "8")
    last = ann.access_token
    ann.logout()
    refused(ann.client.exceptions.NotAuthorizedException, "Access Token has been revoked", ann.client.get_user, AccessToken=last)

with step("SRP with a client's secret, and a first password"):
    admin.admin_create_user(UserPoolId=pool, Username="bob", TemporaryPassword="First-Horse-7", MessageAction="SUPPRESS")
    bob = Cognito(pool, secret_id, username="bob", client_secret=secret)
    bob.new_password_challenge("First-Horse-7", password)
    bob.authenticate(password=password)
    same(bob.id_claims["cognito:username"], "bob")
    refused(app.exceptions.NotAuthorizedException, f"Client {secret_id} is configured with secret but SECRET_HASH was not received",
            app.initiate_auth, ClientId=secret_id, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "bob", "SRP_A": "a1"})

with step("a second factor by SMS"):
    sms = admin.create_user_pool(PoolName="boto-sms", SmsConfiguration={"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}, AutoVerifiedAttributes=["phone_number"])["UserPool"]["Id"]
    admin.set_user_pool_mfa_config(UserPoolId=sms, MfaConfiguration="OPTIONAL", SmsMfaConfiguration={"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}})
    sms_id, _ = client(sms, "USER_PASSWORD_AUTH", "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH")
    person(sms, "cem", phone_number="+15550142001", phone_number_verified="true")
    admin.admin_set_user_mfa_preference(UserPoolId=sms, Username="cem", SMSMfaSettings={"Enabled": True, "PreferredMfa": True})
    asked = app.initiate_auth(ClientId=sms_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "cem", "PASSWORD": password})
    same((asked["ChallengeName"], asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]), ("SMS_MFA", "+*******2001"))
    code = code_for("+15550142001")
    answer = {"ClientId": sms_id, "ChallengeName": "SMS_MFA", "Session": asked["Session"]}
    wrong = "000000" if code != "000000" else "111111"
    refused(app.exceptions.CodeMismatchException, "Invalid code or auth state for the user.", app.respond_to_auth_challenge, **answer, ChallengeResponses={"USERNAME": "cem", "SMS_MFA_CODE": wrong})
    tokens = app.respond_to_auth_challenge(**answer, ChallengeResponses={"USERNAME": "cem", "SMS_MFA_CODE": code})["AuthenticationResult"]
    same(app.get_user(AccessToken=tokens["AccessToken"])["PreferredMfaSetting"], "SMS_MFA")
    cem = Cognito(sms, sms_id, username="cem")
    try:
        cem.authenticate(password=password)
        raise AssertionError("no second factor")
    except SMSMFAChallengeException as e:
        cem.respond_to_sms_mfa_challenge(code_for("+15550142001"), e.get_tokens())
    same(cem.id_claims["phone_number"], "+15550142001")

with step("a code by e-mail in place of a password"):
    mail = admin.create_user_pool(PoolName="boto-mail", Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}})["UserPool"]["Id"]
    mail_id, _ = client(mail, "USER_AUTH", "REFRESH_TOKEN_AUTH")
    person(mail, "dan", email="dan@boto.example", email_verified="true")
    asked = app.initiate_auth(ClientId=mail_id, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": "dan"})
    same((asked["ChallengeName"], sorted(asked["AvailableChallenges"])), ("SELECT_CHALLENGE", ["EMAIL_OTP", "PASSWORD", "PASSWORD_SRP"]))
    asked = app.respond_to_auth_challenge(ClientId=mail_id, ChallengeName="SELECT_CHALLENGE", Session=asked["Session"], ChallengeResponses={"USERNAME": "dan", "ANSWER": "EMAIL_OTP"})
    same(asked["ChallengeName"], "EMAIL_OTP")
    tokens = app.respond_to_auth_challenge(
        ClientId=mail_id, ChallengeName="EMAIL_OTP", Session=asked["Session"], ChallengeResponses={"USERNAME": "dan", "EMAIL_OTP_CODE": code_for("dan@boto.example")})["AuthenticationResult"]
    same(app.get_user_auth_factors(AccessToken=tokens["AccessToken"])["Username"], "dan")

with step("refresh tokens that change"):
    turn_id, _ = client(pool, "USER_PASSWORD_AUTH", RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0})
    person(pool, "eve")
    tokens = app.initiate_auth(ClientId=turn_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "eve", "PASSWORD": password})["AuthenticationResult"]
    fresh = app.get_tokens_from_refresh_token(ClientId=turn_id, RefreshToken=tokens["RefreshToken"])["AuthenticationResult"]
    assert fresh["RefreshToken"] != tokens["RefreshToken"]
    refused(app.exceptions.RefreshTokenReuseException, "Refresh token has been reused", app.get_tokens_from_refresh_token, ClientId=turn_id, RefreshToken=tokens["RefreshToken"])

with step("keys, and a call with them"):
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": "cognito-identity.amazonaws.com"}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}}}]}
    own = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:GetItem"], "Resource": "*",
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${cognito-identity.amazonaws.com:sub}"]}}}]}
    role = iam.create_role(RoleName="boto", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.get_waiter("role_exists").wait(RoleName="boto")
    iam.put_role_policy(RoleName="boto", PolicyName="own", PolicyDocument=json.dumps(own))
    provider = f"cognito-idp.us-east-1.amazonaws.com/{pool}"
    signed = boto3.client("cognito-identity")
    people = signed.create_identity_pool(IdentityPoolName="boto", AllowUnauthenticatedIdentities=False, CognitoIdentityProviders=[{"ProviderName": provider, "ClientId": secret_id}])["IdentityPoolId"]
    signed.set_identity_pool_roles(IdentityPoolId=people, Roles={"authenticated": role})
    logins = {provider: bob.id_token}
    refused(identity.exceptions.NotAuthorizedException, "Unauthenticated access is not supported for this identity pool.", identity.get_id, IdentityPoolId=people)
    me = identity.get_id(IdentityPoolId=people, Logins=logins)["IdentityId"]
    keys = identity.get_credentials_for_identity(IdentityId=me, Logins=logins)["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretKey"], keys["SessionToken"])
    assert session.client("sts").get_caller_identity()["Arn"].endswith(":assumed-role/boto/CognitoIdentityCredentials")
    boto3.client("dynamodb").create_table(
        TableName="own", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "who", "AttributeType": "S"}], KeySchema=[{"AttributeName": "who", "KeyType": "HASH"}])
    boto3.client("dynamodb").get_waiter("table_exists").wait(TableName="own")
    table = session.resource("dynamodb").Table("own")
    table.put_item(Item={"who": me, "n": 1})
    same(table.get_item(Key={"who": me})["Item"], {"who": me, "n": 1})
    try:
        table.get_item(Key={"who": "another"})
        raise AssertionError("it read what is another's")
    except session.client("dynamodb").exceptions.ClientError as e:
        same(e.response["Error"]["Code"], "AccessDeniedException")

with step("pages"):
    for i in range(5):
        admin.admin_create_user(UserPoolId=pool, Username=f"page-{i}", MessageAction="SUPPRESS")
        admin.create_group(UserPoolId=pool, GroupName=f"group-{i}", Precedence=i)
        admin.admin_add_user_to_group(UserPoolId=pool, Username="page-0", GroupName=f"group-{i}")
        admin.admin_add_user_to_group(UserPoolId=pool, Username=f"page-{i}", GroupName="group-0")

    def pages(name, key, size, **params):
        got = list(admin.get_paginator(name).paginate(UserPoolId=pool, PaginationConfig={"PageSize": size}, **params))
        assert len(got) > 1 and all(len(p[key]) <= size for p in got), [len(p[key]) for p in got]
        return [x for p in got for x in p[key]]
    same(sorted(u["Username"] for u in pages("list_users", "Users", 3)), ["ann", "bob", "eve"] + [f"page-{i}" for i in range(5)])
    same(sorted(g["GroupName"] for g in pages("list_groups", "Groups", 2)), [f"group-{i}" for i in range(5)])
    same(sorted(g["GroupName"] for g in pages("admin_list_groups_for_user", "Groups", 2, Username="page-0")), [f"group-{i}" for i in range(5)])
    same(sorted(u["Username"] for u in pages("list_users_in_group", "Users", 2, GroupName="group-0")), [f"page-{i}" for i in range(5)])
    same(sorted(c["ClientId"] for c in pages("list_user_pool_clients", "UserPoolClients", 1)), sorted([app_id, secret_id, turn_id]))
    found = admin.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 1}).search("UserPools[].Name")
    same(sorted(name for name in found if name.startswith("boto")), ["boto", "boto-mail", "boto-sms"])
    for name in ("one", "two", "three"):
        iam.create_user(UserName=name, Path="/boto/")
        iam.get_waiter("user_exists").wait(UserName=name)
    same(sorted(iam.get_paginator("list_users").paginate(PathPrefix="/boto/", PaginationConfig={"PageSize": 1}).search("Users[].UserName")), ["one", "three", "two"])

with step("errors by their classes"):
    refused(admin.exceptions.UserNotFoundException, "User does not exist.", admin.admin_get_user, UserPoolId=pool, Username="none")
    refused(admin.exceptions.ResourceNotFoundException, "User pool us-east-1_none does not exist.", admin.describe_user_pool, UserPoolId="us-east-1_none")
    refused(admin.exceptions.GroupExistsException, "A group with the name already exists.", admin.create_group, UserPoolId=pool, GroupName="group-0")
