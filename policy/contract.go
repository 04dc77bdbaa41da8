package policy

// Keys are condition keys and their values, by lower-case name: "aws:sourceip", "dynamodb:leadingkeys",
// "cognito-identity.amazonaws.com:sub". A key with no values is absent for Null and IfExists.
type Keys map[string][]string

// Source is a policy and where it stands, for reasons: "role p_auth/inline signin", "bucket notes".
type Source struct {
	Name   string
	Policy *Policy
}

// Attached is everything on the principal's side that decides. The zero value allows nothing.
type Attached struct {
	Unlimited bool // account root: everything, unless a resource policy denies it
	Identity  []Source
	Boundary  *Source  // nil: none
	Session   []Source // nil: none; otherwise each action must be allowed here too
}
