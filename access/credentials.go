package access

import (
	"context"
	"strings"

	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// Find is wire.Credentials: the credential behind an access key, with everything that decides about its principal.
func (s *Service) Find(ctx context.Context, accessKey, token string) (*wire.Credential, error) {
	if token != "" || strings.HasPrefix(accessKey, "ASIA") {
		return s.findSession(ctx, accessKey, token)
	}
	var k *key
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		k, err = s.compiledKey(tx, accessKey)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, invalidToken("access key %s is unknown", accessKey)
	case k.row.Inactive:
		return nil, invalidToken("access key %s is inactive", accessKey)
	case k.row.User != "" && k.holder == nil:
		return nil, invalidToken("user %s of access key %s is gone", k.row.User, accessKey)
	}
	p := k.principal()
	p.AccessKey = accessKey
	return &wire.Credential{Secret: k.secret, Principal: p}, nil
}

// principal is who holds a long-lived key.
func (k *key) principal() *wire.Principal {
	if k.holder == nil {
		return rootPrincipal(k.row.Account)
	}
	return k.holder.userPrincipal(k.row.Account)
}

func rootPrincipal(account string) *wire.Principal {
	return &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account,
		Policies: policy.Attached{Unlimited: true}}
}

func (c *compiled) userPrincipal(account string) *wire.Principal {
	return &wire.Principal{Kind: wire.User, Account: account, ARN: c.user.ARN, UserID: c.user.ID, Policies: c.policies, Keys: c.tags}
}

// invalidToken is AWS's answer to a key or token it does not know, whatever the reason.
func invalidToken(format string, a ...any) error {
	return wire.Because(wire.Fail(403, "InvalidClientTokenId", "The security token included in the request is invalid."), format, a...)
}

func expiredToken(format string, a ...any) error {
	return wire.Because(wire.Fail(403, "ExpiredToken", "The security token included in the request is expired"), format, a...)
}
