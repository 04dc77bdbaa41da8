package e2e

import "testing"

// TestFactors has each generation of clients sign in with second factors, and on devices that are remembered.
func TestFactors(t *testing.T) {
	t.Parallel()
	need(t, sdks, "test/node/node_modules/identity-js-3")
	n := up(t)
	t.Run("clients", func(t *testing.T) {
		for _, name := range []string{"identityjs1", "identityjs3", "identityjs6", "amplify"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n.script(t, "factors-"+name+".mjs", "AWS_ACCESS_KEY_ID="+n.key, "AWS_SECRET_ACCESS_KEY="+n.secret)
			})
		}
	})
	if err := n.stop(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}
