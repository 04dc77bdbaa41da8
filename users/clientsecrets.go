package users

import (
	"crypto/hmac"
	"fmt"
	"slices"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// clientSecret is one secret of a client. Two live at once while programs change from one to the other.
type clientSecret struct {
	ID      string
	Sealed  []byte
	Created time.Time
}

const mostSecrets = 2

// sealSecret makes what is kept of a secret.
func (s *Service) sealSecret(account, clientID, secret string, now time.Time) clientSecret {
	return clientSecret{fmt.Sprintf("%s--%d", clientID, now.UnixMilli()), s.cfg.Sealer.Seal(secretPlace(account, clientID), []byte(secret)), now}
}

// secrets are the client's secrets, the oldest first; none: a public client. Secret is where rows of before there could be two
// have theirs.
func (cl *client) secrets() []clientSecret {
	if cl.Secret != nil {
		return append([]clientSecret{{fmt.Sprintf("%s--%d", cl.ID, cl.Settings.CreationDate.V.UnixMilli()), cl.Secret, cl.Settings.CreationDate.V}}, cl.Secrets...)
	}
	return cl.Secrets
}

// confidential tells whether the client has a secret.
func (cl *client) confidential() bool { return len(cl.secrets()) > 0 }

// openSecrets are the secrets themselves.
func (s *Service) openSecrets(account string, cl *client) ([][]byte, error) {
	var out [][]byte
	for _, k := range cl.secrets() {
		secret, err := s.cfg.Sealer.Open(secretPlace(account, cl.ID), k.Sealed)
		if err != nil {
			return nil, err
		}
		out = append(out, secret)
	}
	return out, nil
}

func secretPlace(account, id string) string { return "users.client.secret/" + account + "/" + id }

func (s *Service) mountClientSecrets(m *wire.Mux) {
	onPool(m, cognitoidp.AddUserPoolClientSecret, func(in *cognitoidp.AddUserPoolClientSecretInput) string { return in.UserPoolId.V }, s.addUserPoolClientSecret)
	onPool(m, cognitoidp.DeleteUserPoolClientSecret, func(in *cognitoidp.DeleteUserPoolClientSecretInput) string { return in.UserPoolId.V }, s.deleteUserPoolClientSecret)
	onPool(m, cognitoidp.ListUserPoolClientSecrets, func(in *cognitoidp.ListUserPoolClientSecretsInput) string { return in.UserPoolId.V }, s.listUserPoolClientSecrets)
}

// addUserPoolClientSecret gives a client its second secret. It is told this once.
func (s *Service) addUserPoolClientSecret(c *wire.Call, in *cognitoidp.AddUserPoolClientSecretInput) (*cognitoidp.AddUserPoolClientSecretOutput, error) {
	secret := in.ClientSecret.Or(randomText(lowerAndNum, 52))
	fresh := s.sealSecret(c.Account, in.ClientId.V, secret, c.Now)
	err := s.changeSecrets(c, in.UserPoolId.V, in.ClientId.V, func(have []clientSecret) ([]clientSecret, error) {
		switch {
		case len(have) == 0:
			return nil, invalid("Client %s has no secret: secrets can be added to confidential clients only.", in.ClientId.V)
		case len(have) >= mostSecrets:
			return nil, &cognitoidp.LimitExceededException{Message: wire.Some("The client has two secrets already.")}
		case have[0].ID == fresh.ID:
			fresh.ID += "-2"
		}
		return append(have, fresh), nil
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AddUserPoolClientSecretOutput{ClientSecretDescriptor: &cognitoidp.ClientSecretDescriptorType{
		ClientSecretId: wire.Some(fresh.ID), ClientSecretValue: wire.Some(secret), ClientSecretCreateDate: wire.Some(fresh.Created),
	}}, nil
}

func (s *Service) deleteUserPoolClientSecret(c *wire.Call, in *cognitoidp.DeleteUserPoolClientSecretInput) (*cognitoidp.DeleteUserPoolClientSecretOutput, error) {
	return nil, s.changeSecrets(c, in.UserPoolId.V, in.ClientId.V, func(have []clientSecret) ([]clientSecret, error) {
		i := slices.IndexFunc(have, func(k clientSecret) bool { return k.ID == in.ClientSecretId.V })
		switch {
		case i < 0:
			return nil, notFound("Client secret %s does not exist.", in.ClientSecretId.V)
		case len(have) == 1:
			return nil, invalid("The last secret of a client can not be deleted.")
		}
		return slices.Delete(have, i, i+1), nil
	})
}

func (s *Service) changeSecrets(c *wire.Call, poolID, clientID string, change func([]clientSecret) ([]clientSecret, error)) error {
	return s.update(c, func(tx *kv.Tx) error {
		cl, _, err := clientOf(tx, c.Account, poolID, clientID)
		if err != nil {
			return err
		}
		now, err := change(cl.secrets())
		if err != nil {
			return err
		}
		cl.Secret, cl.Secrets = nil, now
		return clients.Put(tx, everywhere(c.Account), cl)
	})
}

func (s *Service) listUserPoolClientSecrets(c *wire.Call, in *cognitoidp.ListUserPoolClientSecretsInput) (*cognitoidp.ListUserPoolClientSecretsOutput, error) {
	out := &cognitoidp.ListUserPoolClientSecretsOutput{ClientSecrets: []cognitoidp.ClientSecretDescriptorType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		cl, _, err := clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V)
		if err != nil {
			return err
		}
		for _, k := range cl.secrets() {
			out.ClientSecrets = append(out.ClientSecrets, cognitoidp.ClientSecretDescriptorType{ClientSecretId: wire.Some(k.ID), ClientSecretCreateDate: wire.Some(k.Created)})
		}
		return nil
	})
}

// secretHash is what a program that knows the client's secret sends along with a name; "" for public clients. The node's own
// pages are such a program.
func (s *Service) secretHash(account string, cl *client, name string) (string, error) {
	all, err := s.openSecrets(account, cl)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return hashFor(all[0], name, cl.ID), nil
}

// knows tells whether one of the secrets is the given one. All are compared.
func knows(secrets [][]byte, given string) bool {
	right := false
	for _, secret := range secrets {
		right = hmac.Equal(secret, []byte(given)) || right
	}
	return right
}
