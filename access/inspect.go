package access

import "bothy/record"

// Inspectors look at the rows of this package, for who checks a whole store.
func Inspectors() map[string]record.Inspect {
	return record.Inspectors(
		nodes(),
		keys(),
		roles(),
		users(),
		groups(),
		members(),
		policies(),
		settings(),
		uses(),
		jobs(),
		reports(),
		logins(),
		passwordPolicies(),
		attempts(),
		devices(),
		sshKeys(),
		signingCerts(),
		serverCerts(),
		serviceCreds(),
		profiles(),
		oidcProviders(),
		samlProviders(),
		assertions(),
		outbounds(),
	)
}
