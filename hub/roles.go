package hub

import (
	"strings"

	"bothy/api/cognitoidentity"
	"bothy/api/iam"
	"bothy/wire"
)

func (r *run) roleARN(what string) string {
	return "arn:aws:iam::" + r.account + ":role/" + r.row.pool(what)
}

// role makes a role, or brings its trust policy up to date.
func (r *run) role(key, what, feature, trust string) (arn string, err error) {
	r.want(key)
	name := wire.Some(r.row.pool(what))
	have, err := call(r, iam.GetRole, &iam.GetRoleInput{RoleName: name})
	switch {
	case failed(err, "NoSuchEntity"):
		out, err := call(r, iam.CreateRole, &iam.CreateRoleInput{
			RoleName: name, AssumeRolePolicyDocument: wire.Some(trust), Description: wire.Some("Project " + r.row.Name),
		})
		if err != nil {
			return "", err
		}
		arn = out.Role.Arn.V
	case err != nil:
		return "", err
	default:
		arn = have.Role.Arn.V
		if _, err := call(r, iam.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: wire.Some(trust)}); err != nil {
			return "", err
		}
	}
	return arn, r.note(made{Key: key, Type: "AWS::IAM::Role", Name: name.V, ARN: arn, Feature: feature, Attrs: authType(key)})
}

// authType says of whom a role is, where it is of app users.
func authType(role string) map[string]string {
	switch role {
	case "role/auth":
		return map[string]string{"authType": "authenticated"}
	case "role/unauth":
		return map[string]string{"authType": "unauthenticated"}
	}
	return map[string]string{}
}

// policy puts an inline policy of a role made before; an empty document means that the role has none by this name.
func (r *run) policy(role, what, feature, document string) error {
	if document == "" {
		return nil // sweep removes what there was
	}
	m := r.row.find(role)
	name := r.row.pool(what)
	if _, err := call(r, iam.PutRolePolicy, &iam.PutRolePolicyInput{
		RoleName: wire.Some(m.Name), PolicyName: wire.Some(name), PolicyDocument: wire.Some(document),
	}); err != nil {
		return err
	}
	attrs := authType(role)
	attrs["role"] = m.Name
	return r.note(made{
		Key: "policy/" + what + "/" + strings.TrimPrefix(role, "role/"), Type: "AWS::IAM::Policy", Name: name, ID: m.Name, Feature: feature, Attrs: attrs,
	})
}

// roles makes those of users, guests and functions, and gives the first two to the identity pool.
func (r *run) roles() error {
	pool := r.row.find("identitypool")
	auth, err := r.role("role/auth", "auth", "user-signin", trustIdentities(pool.ID, "authenticated"))
	if err != nil {
		return err
	}
	roles := map[string]string{"authenticated": auth}
	if r.guests() {
		if roles["unauthenticated"], err = r.role("role/unauth", "unauth", "user-signin", trustIdentities(pool.ID, "unauthenticated")); err != nil {
			return err
		}
	}
	if len(r.p.APIs) > 0 {
		if _, err := r.role("role/lambda", "lambdaexecutionrole", "cloud-api", trustService("lambda.amazonaws.com", nil)); err != nil {
			return err
		}
	}
	have, err := call(r, cognitoidentity.GetIdentityPoolRoles, &cognitoidentity.GetIdentityPoolRolesInput{IdentityPoolId: wire.Some(pool.ID)})
	if err != nil {
		return err
	}
	_, err = call(r, cognitoidentity.SetIdentityPoolRoles, &cognitoidentity.SetIdentityPoolRolesInput{
		IdentityPoolId: wire.Some(pool.ID), Roles: roles, RoleMappings: have.RoleMappings, // mappings are the owner's own
	})
	return err
}

// guests tells whether the app may be used without signing in.
func (r *run) guests() bool { return r.p.SignIn == nil || r.p.SignIn.Optional }

// policies gives every role what the features need, and nothing else.
func (r *run) policies() error {
	tables := r.tableAccess()
	for _, kind := range []struct {
		role string
		user bool
	}{{"role/auth", true}, {"role/unauth", false}} {
		if !r.wanted[kind.role] {
			continue
		}
		if err := r.appPolicies(kind.role, kind.user, tables); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) appPolicies(role string, user bool, tables []tableAccess) error {
	pool := "arn:aws:cognito-identity:" + r.row.Region + ":" + r.account + ":identitypool/" + r.row.find("identitypool").ID
	list := []struct{ what, feature, document string }{
		{"signin", "user-signin", signInPolicy(pool)},
		{"nosqldatabase", "database", tablesPolicy(tables, user)},
		{"cloudlogic", "cloud-api", invokePolicy(r.row.Region, r.account, r.apiIDs(user))},
	}
	if r.p.UserFiles {
		list = append(list, struct{ what, feature, document string }{"userfiles", "user-data", userFilesPolicy(r.row.bucket("userfiles"), user)})
	}
	if r.p.Hosting != nil && !r.p.Hosting.Global {
		list = append(list, struct{ what, feature, document string }{"hosting", "hosting", hostingPolicy(r.row.bucket("hosting"))})
	}
	for _, p := range list {
		if err := r.policy(role, p.what, p.feature, p.document); err != nil {
			return err
		}
	}
	return nil
}

// apiIDs are the APIs that a user, or a guest, may call.
func (r *run) apiIDs(user bool) (ids []string) {
	for _, a := range r.p.APIs {
		if m := r.row.find("api/" + a.Name); m != nil && (user || !a.RequiresSignIn) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
