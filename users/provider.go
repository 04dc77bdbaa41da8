package users

import (
	"slices"
	"time"

	"bothy/kv"
	"bothy/record"
)

// Types of providers, by their names on the wire. Those but kindOIDC and kindSAML name one provider each, which has that name.
const (
	kindOIDC     = "OIDC"
	kindSAML     = "SAML"
	kindGoogle   = "Google"
	kindFacebook = "Facebook"
	kindApple    = "SignInWithApple"
	kindAmazon   = "LoginWithAmazon"
)

// ownProvider is the name under which clients list the pool itself among their providers.
const ownProvider = "COGNITO"

// provider is an external identity provider of a pool.
type provider struct {
	Pool        string
	Name        string
	Kind        string
	Details     map[string]string // ProviderDetails, without the secret and the metadata
	Secret      []byte            `json:",omitempty"` // sealed: client_secret, or Apple's private_key
	Mapping     map[string]string `json:",omitempty"` // attributes of the pool ← names of the provider
	Identifiers []string          `json:",omitempty"`
	Metadata    []byte            `json:",omitempty"` // of SAML, as last read
	Read        time.Time         `json:",omitzero"`  // when it was
	Missed      time.Time         `json:",omitzero"`  // when it last could not be read again
	Created     time.Time
	Modified    time.Time
}

var providers = record.Table[provider]{
	Name: "users.provider", Version: 1, Key: func(i *provider) []any { return []any{i.Pool, i.Name} },
	Indexes: []record.Index[provider]{{Name: "identifier", Unique: true, Keys: func(i *provider) [][]any {
		var keys [][]any
		for _, id := range i.Identifiers {
			keys = append(keys, []any{i.Pool, id})
		}
		return keys
	}}},
}

func noProvider(name string) error { return notFound("Identity provider %s does not exist.", name) }

// providerByName reads a provider of a pool, or fails as AWS does.
func providerByName(tx *kv.Tx, account, poolID, name string) (*provider, error) {
	idp, err := providers.Get(tx, inPool(account, poolID), poolID, name)
	if absent(err) {
		return nil, noProvider(name)
	}
	return idp, err
}

// providerByIdentifier finds the provider that one of its IdpIdentifiers names.
func providerByIdentifier(tx *kv.Tx, account, poolID, identifier string) (*provider, error) {
	idp, err := providers.Find(tx, inPool(account, poolID), "identifier", poolID, identifier)
	if absent(err) {
		return nil, noProvider(identifier)
	}
	return idp, err
}

// offers tells whether the client lets people in by the provider.
func (cl *client) offers(name string) bool {
	return slices.Contains(cl.Settings.SupportedIdentityProviders, name)
}
