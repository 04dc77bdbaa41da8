package e2e

import "testing"

// TestTables walks through DynamoDB with the clients that have values of their own: SDK v2's DocumentClient, v3's lib-dynamodb,
// and boto3's resources. The AWS CLI does it in testdata/aws/tables.txtar.
func TestTables(t *testing.T) {
	t.Parallel()
	need(t, sdks, boto)
	n := up(t)
	t.Run("clients", func(t *testing.T) {
		for _, name := range []string{"tables2", "tables3"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n.script(t, name+".mjs", "AWS_ACCESS_KEY_ID="+n.key, "AWS_SECRET_ACCESS_KEY="+n.secret)
			})
		}
		t.Run("boto3", func(t *testing.T) {
			t.Parallel()
			out, errs, err := run(t, n.root(), repo(".cache/python/bin/python"), repo("test/python/tables.py"))
			if err != nil {
				t.Fatalf("%v\n%s%s", err, out, errs)
			}
			t.Log("\n" + out)
		})
	})
}
