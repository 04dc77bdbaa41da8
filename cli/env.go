package cli

import (
	"fmt"
	"path/filepath"
)

type envCommand struct{}

// Run prints shell commands: eval "$(bothy env)". Keys and profiles of another account would win over the node's own.
func (e *envCommand) Run(s *streams, t *Target) error {
	data, err := filepath.Abs(t.Data)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE\nexport AWS_ENDPOINT_URL=%[1]s\nexport AWS_REGION=%[2]s\nexport AWS_DEFAULT_REGION=%[2]s\nexport AWS_SHARED_CREDENTIALS_FILE=%[3]s\nexport AWS_CA_BUNDLE=%[4]s\nexport NODE_EXTRA_CA_CERTS=%[4]s\n",
		word(t.Endpoint), word(t.Region), quoted(filepath.Join(data, "credentials")), quoted(filepath.Join(data, "ca.pem")))
	return err
}
