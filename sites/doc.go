// Package sites serves public files as websites: the website endpoints of buckets, and distributions with their domains
// behind the CloudFront API. It must not know how objects are stored or who may read them: the objects it is given decide
// as for an anonymous caller. It caches nothing, so an invalidation is complete when it is made.
//
// Rows, all in the scope (account, ""):
//
//	sites.distribution (id)                 distribution; unique indexes "domain" (host name) and "reference" (caller reference)
//	sites.invalidation (distribution, id)   what was invalidated; ids sort newest first
package sites
