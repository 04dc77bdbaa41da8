package access

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/policy"
	"bothy/wire"
)

// get reads a document of the account as an issuer.
func (s *stage) get(url string, into any) int {
	s.Helper()
	w := httptest.NewRecorder()
	s.Issuers().ServeHTTP(w, httptest.NewRequest("GET", strings.TrimPrefix(url, "https://bothy.test"), nil))
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			s.Fatal(err)
		}
	}
	return w.Code
}

// TestOutbound: a role proves by a token who it is, to whoever reads the issuer's documents.
func TestOutbound(t *testing.T) {
	s := newStage(t)
	ask := &sts.GetWebIdentityTokenInput{Audience: []string{"https://api.example.com"}, SigningAlgorithm: some("ES384")}
	fails(s, s.root, iam.GetOutboundWebIdentityFederationInfo, &iam.GetOutboundWebIdentityFederationInfoInput{}, "FeatureDisabled", "")
	fails(s, s.root, iam.DisableOutboundWebIdentityFederation, &iam.DisableOutboundWebIdentityFederationInput{}, "FeatureDisabled", "")
	fails(s, s.root, sts.GetWebIdentityToken, ask, "OutboundWebIdentityFederationDisabledException", "")
	issuer := as(s, s.root, iam.EnableOutboundWebIdentityFederation, &iam.EnableOutboundWebIdentityFederationInput{}).IssuerIdentifier.V
	fails(s, s.root, iam.EnableOutboundWebIdentityFederation, &iam.EnableOutboundWebIdentityFederationInput{}, "FeatureEnabled", "")
	if info := as(s, s.root, iam.GetOutboundWebIdentityFederationInfo, &iam.GetOutboundWebIdentityFederationInfoInput{}); info.IssuerIdentifier.V != issuer || !info.JwtVendingEnabled.V {
		t.Errorf("info %+v", info)
	}
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	var keys jose.JSONWebKeySet
	s.get(issuer+"/.well-known/openid-configuration", &about)
	if code := s.get(about.Keys, &keys); code != 200 || about.Issuer != issuer || len(keys.Keys) != 2 || !keys.Keys[0].IsPublic() || !keys.Keys[1].IsPublic() {
		t.Fatalf("documents %+v, %+v", about, keys)
	}
	if code := s.get(issuer+"x/.well-known/jwks.json", nil); code != 404 {
		t.Errorf("another issuer: %d", code)
	}

	role := s.role("app", trustLambda, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:GetWebIdentityToken","sts:TagGetWebIdentityToken"],"Resource":"*","Condition":{"ForAllValues:StringLike":{"sts:IdentityTokenAudience":"https://api.example.com*"},"NumericLessThanEquals":{"sts:DurationSeconds":"600"}}}]}`)
	as(s, s.root, iam.TagRole, &iam.TagRoleInput{RoleName: some("app"), Tags: []iam.Tag{{Key: some("team"), Value: some("red")}}})
	issued := s.issue(Spec{RoleARN: role.Arn.V, SessionName: "s", Service: "lambda.amazonaws.com", Duration: 15 * time.Minute})
	p := s.find(issued.AccessKey, issued.Token).Principal
	for _, algorithm := range []string{"ES384", "RS256"} {
		out := as(s, p, sts.GetWebIdentityToken, &sts.GetWebIdentityTokenInput{Audience: ask.Audience, SigningAlgorithm: some(algorithm), Tags: []sts.Tag{{Key: some("Job"), Value: some("7")}}})
		signed := must(jose.ParseSignedCompact(out.WebIdentityToken.V, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)}))
		var claims struct {
			Iss, Sub, Aud, Jti string
			Exp                int64
			About              struct {
				Account string            `json:"aws_account"`
				Region  string            `json:"source_region"`
				Tags    map[string]string `json:"principal_tags"`
				Request map[string]string `json:"request_tags"`
			} `json:"https://sts.amazonaws.com/"`
		}
		if err := json.Unmarshal(must(signed.Verify(keys.Key(signed.Signatures[0].Header.KeyID)[0])), &claims); err != nil {
			t.Fatal(err)
		}
		if claims.Iss != issuer || claims.Sub != role.Arn.V || claims.Aud != ask.Audience[0] || claims.Jti == "" || claims.Exp != s.now.Add(5*time.Minute).Unix() || !out.Expiration.V.Equal(s.now.Add(5*time.Minute)) ||
			claims.About.Account != s.account || claims.About.Region != "eu-west-1" || claims.About.Tags["team"] != "red" || claims.About.Request["Job"] != "7" {
			t.Errorf("%s: %+v", algorithm, claims)
		}
		fails(s, nil, sts.AssumeRoleWithWebIdentity, &sts.AssumeRoleWithWebIdentityInput{RoleArn: role.Arn, RoleSessionName: some("me"), WebIdentityToken: out.WebIdentityToken}, "InvalidIdentityToken", "")
	}
	odd := *ask
	odd.SigningAlgorithm = some("HS256")
	fails(s, p, sts.GetWebIdentityToken, &odd, "ValidationError", "RS256 or ES384")
	odd = *ask
	odd.Audience = []string{"https://api.example.com", "https://evil.example"}
	fails(s, p, sts.GetWebIdentityToken, &odd, "AccessDenied", "sts:IdentityTokenAudience")
	odd = *ask
	odd.DurationSeconds = wire.Some(int32(601))
	fails(s, p, sts.GetWebIdentityToken, &odd, "AccessDenied", "sts:DurationSeconds")
	odd.DurationSeconds = wire.Some(int32(600))
	s.now = s.now.Add(10 * time.Minute)
	fails(s, p, sts.GetWebIdentityToken, &odd, "SessionDurationEscalationException", "ends at")

	as(s, s.root, iam.DisableOutboundWebIdentityFederation, &iam.DisableOutboundWebIdentityFederationInput{})
	fails(s, p, sts.GetWebIdentityToken, ask, "OutboundWebIdentityFederationDisabledException", "")
	if code := s.get(about.Keys, &keys); code != 200 {
		t.Errorf("keys of tokens given out before: %d", code)
	}
	if again := as(s, s.root, iam.EnableOutboundWebIdentityFederation, &iam.EnableOutboundWebIdentityFederationInput{}).IssuerIdentifier.V; again != issuer {
		t.Errorf("enabled again, the issuer is %s", again)
	}
}

// TestDecodeDenial: a refusal's header tells why, to who may know.
func TestDecodeDenial(t *testing.T) {
	s := newStage(t)
	url := s.listen()
	_, key := s.user("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"},{"Sid":"Never","Effect":"Deny","Action":"iam:CreateUser","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}}]}`)
	message := deniedHeader(t, newClients(url, key.AccessKeyId.V, key.SecretAccessKey.V, ""))
	out := as(s, s.root, sts.DecodeAuthorizationMessage, &sts.DecodeAuthorizationMessageInput{EncodedMessage: some(message)}).DecodedMessage.V
	for _, want := range []string{`"allowed":false`, `"explicitDeny":true`, `"statementId":"Never"`, `"action":"iam:CreateUser"`, `user/new`, `"key":"aws:requesttag/team"`, `"value":"red"`, `user/ann`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in %s", want, out)
		}
	}
	ann := s.find(key.AccessKeyId.V, "").Principal
	fails(s, ann, sts.DecodeAuthorizationMessage, &sts.DecodeAuthorizationMessageInput{EncodedMessage: some(message)}, "AccessDenied", "")
	for name, bad := range map[string]string{"cut": message[:len(message)-2], "changed": "A" + message[1:] + "A", "none": "x"} {
		_, err := wire.Invoke(t.Context(), s.mux, s.root, "eu-west-1", sts.DecodeAuthorizationMessage, &sts.DecodeAuthorizationMessageInput{EncodedMessage: some(bad)})
		s.refused(name, err, "InvalidAuthorizationMessageException", "")
	}
	keys := policy.Keys{}
	for i := range 50 {
		keys["aws:requesttag/"+strings.Repeat("k", 120)+string(rune('a'+i))] = []string{strings.Repeat("v", 256)}
	}
	text := s.EncodeDenial(&wire.Call{Account: s.account, Principal: ann}, wire.Access{Action: "iam:CreateUser", Resource: "*", Keys: keys}, policy.Decision{Explicit: true, Statement: "Never"})
	if text == "" || len(text) > maxDenial {
		t.Errorf("a message of %d characters", len(text))
	}
}
