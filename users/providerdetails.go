package users

import (
	"maps"
	"slices"
	"strings"

	"bothy/federation/oidc"
)

// Keys of ProviderDetails that hold URLs.
var detailURLs = []string{"oidc_issuer", "authorize_url", "token_url", "attributes_url", "jwks_uri", "MetadataURL"}

// endpointDetails may be given for every type but SAML: they replace what is known or discovered.
var endpointDetails = []string{"oidc_issuer", "authorize_url", "token_url", "token_request_method", "attributes_url", "attributes_url_add_attributes", "jwks_uri"}

// detailsOf says, for each type, which ProviderDetails it needs and which it takes besides.
var detailsOf = map[string]struct{ needs, takes []string }{
	kindOIDC:     {[]string{"client_id", "attributes_request_method", "oidc_issuer", "authorize_scopes"}, append([]string{"client_secret"}, endpointDetails...)},
	kindGoogle:   {[]string{"client_id", "client_secret", "authorize_scopes"}, endpointDetails},
	kindFacebook: {[]string{"client_id", "client_secret", "authorize_scopes"}, append([]string{"api_version"}, endpointDetails...)},
	kindAmazon:   {[]string{"client_id", "client_secret", "authorize_scopes"}, endpointDetails},
	kindApple:    {[]string{"client_id", "team_id", "key_id", "private_key", "authorize_scopes"}, endpointDetails},
	kindSAML: {nil, []string{"MetadataURL", "MetadataFile", "IDPSignout", "IDPInit", "EncryptedResponses", "RequestSigningAlgorithm",
		"SSORedirectBindingURI", "SLORedirectBindingURI", "ActiveEncryptionCertificate"}}, // the last three are told, and taken back unread
}

// secretDetail is the key of the type's secret among ProviderDetails.
func secretDetail(kind string) string {
	if kind == kindApple {
		return "private_key"
	}
	return "client_secret"
}

// checkDetails refuses details that the type lacks, does not know or does not act on.
func checkDetails(kind string, given map[string]string) error {
	rule := detailsOf[kind]
	for _, name := range rule.needs {
		if given[name] == "" {
			return invalid("The following ProviderDetails are required for %s: %s", kind, strings.Join(rule.needs, ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(rule.needs, name) && !slices.Contains(rule.takes, name) {
			return invalid("ProviderDetails of %s do not have the key %s.", kind, name)
		}
		if slices.Contains(detailURLs, name) && oidc.CheckURL(given[name]) != nil {
			return invalid("%s in ProviderDetails must be an https URL.", name)
		}
	}
	switch kind {
	case kindSAML:
		return checkSAMLDetails(given)
	case kindOIDC:
		if !slices.Contains(scopesOf(given), "openid") {
			return invalid("authorize_scopes must include openid.")
		}
		if m := given["attributes_request_method"]; m != "GET" && m != "POST" {
			return invalid("attributes_request_method must be GET or POST.")
		}
	case kindApple:
		if _, err := oidc.ParseAppleKey(given["private_key"]); err != nil {
			return invalid("private_key is not a private key of Apple: PKCS #8 of curve P-256.")
		}
	}
	return nil
}

func checkSAMLDetails(given map[string]string) error {
	if (given["MetadataURL"] == "") == (given["MetadataFile"] == "") {
		return invalid("Exactly one of MetadataURL and MetadataFile is required for SAML.")
	}
	for _, name := range []string{"IDPSignout", "IDPInit", "EncryptedResponses"} {
		if v, set := given[name]; set && v != "true" && v != "false" {
			return invalid("%s must be true or false.", name)
		}
	}
	if given["IDPSignout"] == "true" {
		return invalid("IDPSignout is not supported by this server: signing out here does not sign out at the provider.")
	}
	if given["EncryptedResponses"] == "true" {
		return invalid("EncryptedResponses is not supported by this server: have the provider sign its assertions and send them over TLS.")
	}
	if a, set := given["RequestSigningAlgorithm"]; set && a != "rsa-sha256" {
		return invalid("RequestSigningAlgorithm must be rsa-sha256.")
	}
	return nil
}

// knownDetails are what is known of a type without being told. What is given takes their place.
func knownDetails(kind string, given map[string]string) map[string]string {
	switch kind {
	case kindGoogle:
		return map[string]string{"oidc_issuer": "https://accounts.google.com", "authorize_url": "https://accounts.google.com/o/oauth2/v2/auth",
			"token_url": "https://www.googleapis.com/oauth2/v4/token", "token_request_method": "POST",
			"attributes_url": "https://people.googleapis.com/v1/people/me?personFields=", "attributes_url_add_attributes": "true"}
	case kindFacebook:
		version := given["api_version"]
		if version == "" {
			version = "v17.0"
		}
		return map[string]string{"api_version": version, "authorize_url": "https://www.facebook.com/" + version + "/dialog/oauth",
			"token_url": "https://graph.facebook.com/" + version + "/oauth/access_token", "token_request_method": "GET",
			"attributes_url": "https://graph.facebook.com/" + version + "/me?fields=", "attributes_url_add_attributes": "true"}
	case kindAmazon:
		return map[string]string{"authorize_url": "https://www.amazon.com/ap/oa", "token_url": "https://api.amazon.com/auth/o2/token", "token_request_method": "POST",
			"attributes_url": "https://api.amazon.com/user/profile", "attributes_url_add_attributes": "false"}
	case kindApple:
		return map[string]string{"oidc_issuer": "https://appleid.apple.com", "authorize_url": "https://appleid.apple.com/auth/authorize",
			"token_url": "https://appleid.apple.com/auth/token", "token_request_method": "POST", "attributes_url_add_attributes": "false"}
	case kindOIDC:
		return map[string]string{"attributes_url_add_attributes": "false"}
	}
	return nil
}

func scopesOf(details map[string]string) []string {
	return strings.FieldsFunc(details["authorize_scopes"], func(r rune) bool { return r == ' ' || r == ',' })
}

// subjectClaim is the claim that names a user of the type's providers; "" for SAML, whose NameID does.
func subjectClaim(kind string) string {
	switch kind {
	case kindFacebook:
		return "id"
	case kindAmazon:
		return "user_id"
	case kindSAML:
		return ""
	}
	return "sub"
}
