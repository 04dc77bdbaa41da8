package users

import "bothy/record"

// Inspectors look at the rows of this package, for who checks a whole store.
func Inspectors() map[string]record.Inspect {
	return record.Inspectors(
		&pools,
		&clients,
		&people,
		&groups,
		&members,
		&sessions,
		&usedOnce,
		&failures,
		&dooms,
		&signings,
		&codes,
		&pasts,
		&risks,
		&events,
		&addresses,
		&rounds,
		&passkeys,
		&ceremonies,
		&providers,
		&requestKeys,
		&guesses,
		&totps,
		&devices,
		&turns,
		&jobs,
		&uploads,
		&loggings,
		&domains,
		&resourceServers,
		&customizations,
		&brandings,
		&termsTable,
		&assets,
		&authCodes,
		&browsers,
		&journeys,
	)
}
