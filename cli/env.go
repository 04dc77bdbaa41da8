package cli

import (
	"fmt"
	"path/filepath"
)

type envCommand struct{}

// Run prints shell assignments: eval "$(bothy env)".
func (e *envCommand) Run(s *streams, t *Target) error {
	data, err := filepath.Abs(t.Data)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "export AWS_ENDPOINT_URL=%s\nexport AWS_REGION=%s\nexport AWS_SHARED_CREDENTIALS_FILE='%s'\nexport AWS_CA_BUNDLE='%s'\nexport NODE_EXTRA_CA_CERTS='%s'\n",
		t.Endpoint, t.Region, filepath.Join(data, "credentials"), filepath.Join(data, "ca.pem"), filepath.Join(data, "ca.pem"))
	return err
}
