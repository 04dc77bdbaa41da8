package e2e

import (
	"path/filepath"
	"testing"
)

// TestIdentity walks through user pools, identity pools, IAM and STS with the clients that do more than call operations: boto3 with
// pycognito, SDK v2's credentials, and v3's credential providers. The AWS CLI does it in testdata/aws.
func TestIdentity(t *testing.T) {
	t.Parallel()
	need(t, sdks, "test/node/node_modules/@aws-sdk/credential-providers", pycognito)
	n := up(t)
	t.Run("clients", func(t *testing.T) {
		for _, name := range []string{"identity2", "identity3"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n.script(t, name+".mjs", "AWS_ACCESS_KEY_ID="+n.key, "AWS_SECRET_ACCESS_KEY="+n.secret)
			})
		}
		t.Run("boto3", func(t *testing.T) {
			t.Parallel()
			out, errs, err := run(t, n.root("REQUESTS_CA_BUNDLE="+filepath.Join(n.data, "ca.pem")), repo(".cache/python/bin/python"), repo("test/python/identity.py"))
			if err != nil {
				t.Fatalf("%v\n%s%s", err, out, errs)
			}
			t.Log("\n" + out)
		})
	})
}
