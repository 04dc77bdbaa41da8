package access

import (
	"strings"
	"testing"
)

// What strangers send is parsed without a panic, whatever it is.

func FuzzClaimedIssuer(f *testing.F) {
	f.Add("e30.eyJpc3MiOiJodHRwczovL2EifQ.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if claimedIssuer(token) != "" && strings.Count(token, ".") != 2 {
			t.Errorf("%q has an issuer", token)
		}
	})
}

func FuzzSSHKey(f *testing.F) {
	f.Add(sshLine)
	f.Add("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
	f.Fuzz(func(t *testing.T, body string) {
		row, err := readSSHKey(body)
		if err != nil {
			return
		}
		for _, form := range []string{row.Body, row.PEM} {
			if again, err := readSSHKey(form); err != nil || again.Fingerprint != row.Fingerprint {
				t.Errorf("%q reads as %v, %v", form, again, err)
			}
		}
	})
}

func FuzzCertificates(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
	f.Fuzz(func(t *testing.T, text string) {
		if certs, err := readCertificates(text); err == nil && len(certs) == 0 {
			t.Error("neither certificates nor an error")
		}
	})
}
