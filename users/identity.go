package users

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"bothy/kv"
)

// byProvider stands for a pool attribute where a user is known by the provider's own name for them.
const byProvider = "Cognito_Subject"

// maxIdentities of one user, as in AWS.
const maxIdentities = 5

// identity is who a user is at an external provider.
type identity struct {
	Provider  string
	Kind      string
	Attribute string // byProvider; of a link not used yet, perhaps the pool attribute that Value is mapped to
	Value     string
	Issuer    string `json:",omitempty"` // of SAML, the provider's entity id
	Primary   bool   `json:",omitempty"` // the user was made by it
	Created   time.Time
}

func identityKeys(u *user) [][]any {
	var keys [][]any
	for _, i := range u.Identities {
		keys = append(keys, []any{u.Pool, i.Provider, i.Attribute, i.Value})
	}
	return keys
}

// identified finds who is known at a provider by a value.
func identified(tx *kv.Tx, account, poolID, providerName, attribute, value string) (*user, error) {
	return people.Find(tx, inPool(account, poolID), "identity", poolID, providerName, attribute, value)
}

// at is the user's identity at a provider by a value; nil when it is not theirs.
func (u *user) at(providerName, attribute, value string) *identity {
	i := slices.IndexFunc(u.Identities, func(i identity) bool {
		return i.Provider == providerName && i.Attribute == attribute && i.Value == value
	})
	if i < 0 {
		return nil
	}
	return &u.Identities[i]
}

// identityClaim is an identity as tokens have it; the attribute has the same with other types.
type identityClaim struct {
	User     string  `json:"userId"`
	Provider string  `json:"providerName"`
	Kind     string  `json:"providerType"`
	Issuer   *string `json:"issuer"`
	Primary  any     `json:"primary"`     // in tokens text
	Created  any     `json:"dateCreated"` // ms since 1970, in tokens text
}

func (u *user) identityClaims() []identityClaim {
	out := []identityClaim{}
	for _, i := range u.Identities {
		c := identityClaim{i.Value, i.Provider, i.Kind, nil, strconv.FormatBool(i.Primary), strconv.FormatInt(i.Created.UnixMilli(), 10)}
		if i.Issuer != "" {
			c.Issuer = &i.Issuer
		}
		out = append(out, c)
	}
	return out
}

// identitiesText is the attribute "identities".
func (u *user) identitiesText() string {
	list := u.identityClaims()
	for n, i := range u.Identities {
		list[n].Primary, list[n].Created = i.Primary, i.Created.UnixMilli()
	}
	b, _ := json.Marshal(list) // texts, numbers and truths: cannot fail
	return string(b)
}
