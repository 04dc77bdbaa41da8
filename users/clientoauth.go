package users

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// OAuth flows of a client.
const (
	flowCode    = "code"
	flowToken   = "implicit"
	flowMachine = "client_credentials"
)

// ownScopes are the scopes every pool has.
var ownScopes = []string{"openid", "email", "phone", "profile", selfScope}

func badFlow(format string, a ...any) error {
	return &cognitoidp.InvalidOAuthFlowException{Message: wire.Some(fmt.Sprintf(format, a...))}
}

// checkOAuth refuses OAuth settings that AWS refuses: flows that do not go together, scopes and providers that do not exist, and
// addresses that are no safe place to send codes to.
func (cl *client) checkOAuth(tx *kv.Tx, account string, in *cognitoidp.UpdateUserPoolClientInput) error {
	for _, list := range [][]string{in.CallbackURLs, in.LogoutURLs} {
		for _, u := range list {
			if err := checkRedirect(u); err != nil {
				return err
			}
		}
	}
	if err := checkProviders(tx, account, cl.Pool, in.SupportedIdentityProviders); err != nil {
		return err
	}
	if in.DefaultRedirectURI.V != "" && !slices.Contains(in.CallbackURLs, in.DefaultRedirectURI.V) {
		return invalid("DefaultRedirectURI must be in the list of CallbackURLs.")
	}
	if err := checkScopes(tx, account, cl.Pool, in.AllowedOAuthScopes); err != nil {
		return err
	}
	if in.AllowedOAuthFlowsUserPoolClient.V && (len(in.AllowedOAuthFlows) == 0 || len(in.AllowedOAuthScopes) == 0) {
		return invalid("AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.")
	}
	return cl.checkOAuthFlows(in)
}

func (cl *client) checkOAuthFlows(in *cognitoidp.UpdateUserPoolClientInput) error {
	people := slices.Contains(in.AllowedOAuthFlows, flowCode) || slices.Contains(in.AllowedOAuthFlows, flowToken)
	machine := slices.Contains(in.AllowedOAuthFlows, flowMachine)
	switch {
	case people && machine:
		return badFlow("%s flow can not be selected along with code flow or implicit flow.", flowMachine)
	case machine && !cl.confidential():
		return badFlow("%s flow can not be selected if client does not have a client secret.", flowMachine)
	case people && len(in.CallbackURLs) == 0:
		return badFlow("code flow and implicit flow need at least one callback URL.")
	}
	if machine && slices.ContainsFunc(in.AllowedOAuthScopes, func(scope string) bool { return slices.Contains(ownScopes, scope) }) {
		return badFlow("%s flow can be used with scopes of resource servers only.", flowMachine)
	}
	return nil
}

func checkScopes(tx *kv.Tx, account, poolID string, scopes []string) error {
	if len(scopes) == 0 {
		return nil
	}
	custom, err := customScopes(tx, account, poolID)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		if !slices.Contains(ownScopes, scope) && !slices.Contains(custom, scope) {
			return &cognitoidp.ScopeDoesNotExistException{Message: wire.Some("Invalid scope: " + scope)}
		}
	}
	return nil
}

// checkRedirect refuses an address that nobody may be sent to with a code: it must be absolute and without a fragment, and not go
// in the clear to another machine. Apps have schemes of their own; those that browsers run or show are none.
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "":
		return invalid("%s is not an absolute URI.", text)
	case strings.Contains(text, "#"):
		return invalid("%s cannot have a fragment.", text)
	case slices.Contains([]string{"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"}, u.Scheme):
		return invalid("%s cannot use the scheme %s.", text, u.Scheme)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }):
		return invalid("%s contains characters that a URI can not have.", text)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil
	case u.Host == "" || u.User != nil:
		return invalid("%s is not an absolute URI of a host.", text)
	case u.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()):
		return invalid("%s cannot use the HTTP protocol.", text)
	}
	return nil
}

// checkLink refuses an address that a page must not link to.
func checkLink(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return invalid("%s is not a web address.", text)
	}
	return nil
}

// mayFlow tells whether the client may use an OAuth flow.
func (cl *client) mayFlow(flow string) bool {
	return cl.Settings.AllowedOAuthFlowsUserPoolClient.V && slices.Contains(cl.Settings.AllowedOAuthFlows, flow)
}
