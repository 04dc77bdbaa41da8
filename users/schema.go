package users

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

const (
	customPrefix = "custom:"
	devPrefix    = "dev:"
	maxSchema    = 50 // custom attributes
)

// standardSchema are the attributes every pool has (OpenID Connect Core 5.1, with Cognito's limits).
func standardSchema() []cognitoidp.SchemaAttributeType {
	text := func(name string, shortest, longest string) cognitoidp.SchemaAttributeType {
		return cognitoidp.SchemaAttributeType{
			Name: wire.Some(name), AttributeDataType: wire.Some("String"), DeveloperOnlyAttribute: wire.Some(false),
			Mutable: wire.Some(true), Required: wire.Some(false),
			StringAttributeConstraints: &cognitoidp.StringAttributeConstraintsType{MinLength: wire.Some(shortest), MaxLength: wire.Some(longest)},
		}
	}
	flag := func(name string) cognitoidp.SchemaAttributeType {
		a := text(name, "", "")
		a.AttributeDataType, a.StringAttributeConstraints = wire.Some("Boolean"), nil
		return a
	}
	sub := text("sub", "1", "2048")
	sub.Mutable, sub.Required = wire.Some(false), wire.Some(true)
	all := []cognitoidp.SchemaAttributeType{sub}
	for _, name := range strings.Fields("name given_name family_name middle_name nickname preferred_username profile picture website email") {
		all = append(all, text(name, "0", "2048"))
	}
	all = append(all, flag("email_verified"), text("gender", "0", "2048"), text("birthdate", "10", "10"))
	for _, name := range strings.Fields("zoneinfo locale phone_number") {
		all = append(all, text(name, "0", "2048"))
	}
	updated := flag("updated_at")
	updated.AttributeDataType = wire.Some("Number")
	updated.NumberAttributeConstraints = &cognitoidp.NumberAttributeConstraintsType{MinValue: wire.Some("0")}
	return append(all, flag("phone_number_verified"), text("address", "0", "2048"), updated)
}

// schemaOf is the schema of a pool made with the given attributes: changes to standard ones, and custom ones.
func schemaOf(given []cognitoidp.SchemaAttributeType) ([]cognitoidp.SchemaAttributeType, error) {
	all := standardSchema()
	for _, a := range given {
		i := slices.IndexFunc(all, func(b cognitoidp.SchemaAttributeType) bool { return b.Name.V == a.Name.V })
		if i < 0 {
			var err error
			if all, err = addCustom(all, a); err != nil {
				return nil, err
			}
			continue
		}
		if a.AttributeDataType.Set && a.AttributeDataType.V != all[i].AttributeDataType.V || a.DeveloperOnlyAttribute.V {
			return nil, invalid("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute %s", a.Name.V)
		}
		if a.Name.V == "sub" {
			continue
		}
		all[i].Required, all[i].Mutable = wire.Some(a.Required.V), wire.Some(a.Mutable.Or(true))
		if a.StringAttributeConstraints != nil {
			all[i].StringAttributeConstraints = a.StringAttributeConstraints
		}
		if err := checkConstraints(&all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addCustom appends a custom attribute to a schema.
func addCustom(all []cognitoidp.SchemaAttributeType, a cognitoidp.SchemaAttributeType) ([]cognitoidp.SchemaAttributeType, error) {
	if a.Required.V {
		return nil, invalid("Required custom attributes are not supported currently.")
	}
	a.AttributeDataType = wire.Some(a.AttributeDataType.Or("String"))
	name := customPrefix + strings.TrimPrefix(a.Name.V, customPrefix)
	if a.DeveloperOnlyAttribute.V {
		name = devPrefix + name
	}
	a.Name = wire.Some(name)
	a.Mutable, a.Required = wire.Some(a.Mutable.Or(true)), wire.Some(false)
	a.DeveloperOnlyAttribute = wire.Some(a.DeveloperOnlyAttribute.V)
	if slices.ContainsFunc(all, func(b cognitoidp.SchemaAttributeType) bool { return b.Name.V == name }) {
		return nil, invalid("%s: Existing attribute already has name %s.", name, name)
	}
	if len(all)-len(standardSchema()) >= maxSchema {
		return nil, invalid("Number of custom attributes exceeds the limit of %d.", maxSchema)
	}
	if err := checkConstraints(&a); err != nil {
		return nil, err
	}
	return append(all, a), nil
}

// checkConstraints refuses limits that are no numbers, that exclude each other, or that do not go with the attribute's type: all of
// them would let every value pass, or none.
func checkConstraints(a *cognitoidp.SchemaAttributeType) error {
	var least, most string
	switch {
	case a.StringAttributeConstraints != nil && a.AttributeDataType.V == "String":
		least, most = a.StringAttributeConstraints.MinLength.V, a.StringAttributeConstraints.MaxLength.V
	case a.NumberAttributeConstraints != nil && a.AttributeDataType.V == "Number":
		least, most = a.NumberAttributeConstraints.MinValue.V, a.NumberAttributeConstraints.MaxValue.V
	case a.StringAttributeConstraints != nil, a.NumberAttributeConstraints != nil:
		return invalid("%s: the constraints do not match the data type %s.", a.Name.V, a.AttributeDataType.V)
	}
	low, lowIs := new(big.Int).SetString(least, 10)
	high, highIs := new(big.Int).SetString(most, 10)
	switch text := a.AttributeDataType.V == "String"; {
	case least != "" && !lowIs, most != "" && !highIs, lowIs && text && low.Sign() < 0, highIs && text && high.Cmp(longestValue) > 0:
		return invalid("%s: invalid constraints.", a.Name.V)
	case lowIs && highIs && low.Cmp(high) > 0:
		return invalid("%s: the minimum is above the maximum.", a.Name.V)
	}
	return nil
}

// longestValue is how many characters a value has at the most.
var longestValue = big.NewInt(2048)

func (p *pool) attribute(name string) *cognitoidp.SchemaAttributeType {
	for i := range p.Settings.SchemaAttributes {
		if p.Settings.SchemaAttributes[i].Name.V == name {
			return &p.Settings.SchemaAttributes[i]
		}
	}
	return nil
}

// checkValue refuses a value that the attribute's type or limits exclude.
func checkValue(a *cognitoidp.SchemaAttributeType, value string) error {
	name := a.Name.V
	switch {
	case name == "email" && value != "" && !emailShape.MatchString(value):
		return invalid("Invalid email address format.")
	case name == "phone_number" && value != "" && !isPhone(value):
		return invalid("Invalid phone number format.")
	case name == "birthdate" && value != "":
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return badSchema(name, "Invalid birthdate format, please use YYYY-MM-DD")
		}
	}
	if value == "" {
		return nil // no value: it takes the attribute away
	}
	switch a.AttributeDataType.V {
	case "Number":
		return checkNumber(a, value)
	case "Boolean":
		if value != "true" && value != "false" {
			return badSchema(name, "Attribute value must be true or false.")
		}
	case "DateTime":
		if _, err := time.Parse(time.RFC3339, value); err != nil {
			return badSchema(name, "Attribute value is not a date and time.")
		}
	default:
		if c := a.StringAttributeConstraints; c != nil {
			n := len([]rune(value))
			if least, err := strconv.Atoi(c.MinLength.V); err == nil && n < least {
				return badSchema(name, "String must be at least "+c.MinLength.V+" characters long")
			}
			if most, err := strconv.Atoi(c.MaxLength.V); err == nil && n > most {
				return badSchema(name, "String must be no longer than "+c.MaxLength.V+" characters")
			}
		}
	}
	return nil
}

func checkNumber(a *cognitoidp.SchemaAttributeType, value string) error {
	n, ok := new(big.Int).SetString(value, 10)
	if !ok || len(value) > 32 {
		return badSchema(a.Name.V, "Attribute value is not a number.")
	}
	c := a.NumberAttributeConstraints
	if c == nil {
		return nil
	}
	if least, ok := new(big.Int).SetString(c.MinValue.V, 10); ok && n.Cmp(least) < 0 {
		return badSchema(a.Name.V, "Number must be at least "+c.MinValue.V)
	}
	if most, ok := new(big.Int).SetString(c.MaxValue.V, 10); ok && n.Cmp(most) > 0 {
		return badSchema(a.Name.V, "Number must be no greater than "+c.MaxValue.V)
	}
	return nil
}

// mayWrite refuses attributes the client has no right to write.
func (c *client) mayWrite(names []string) error {
	for _, name := range names {
		own := name == "email_verified" || name == "phone_number_verified" || name == "sub" || strings.HasPrefix(name, devPrefix)
		if own || len(c.Settings.WriteAttributes) > 0 && !slices.Contains(c.Settings.WriteAttributes, name) {
			return wire.Because(notAuthorized("A client attempted to write unauthorized attribute"), "client %s may not write %s", c.ID, name)
		}
	}
	return nil
}

// mayRead tells whether the client sees an attribute.
func (c *client) mayRead(name string) bool {
	if strings.HasPrefix(name, devPrefix) {
		return false
	}
	return name == "sub" || len(c.Settings.ReadAttributes) == 0 || slices.Contains(c.Settings.ReadAttributes, name)
}

// valuesOf checks a list of attributes against the schema and returns it as a map.
func (p *pool) valuesOf(given []cognitoidp.AttributeType) (map[string]string, error) {
	values := map[string]string{}
	for _, g := range given {
		a := p.attribute(g.Name.V)
		if a == nil {
			return nil, badSchema(g.Name.V, "Attribute does not exist in the schema.")
		}
		if g.Name.V == "sub" {
			return nil, badSchema("sub", "Attribute cannot be updated.")
		}
		if err := checkValue(a, g.Value.V); err != nil {
			return nil, err
		}
		values[g.Name.V] = g.Value.V
	}
	return values, nil
}

// checkRequired refuses a user who lacks what the pool requires.
func (p *pool) checkRequired(values map[string]string) error {
	for _, a := range p.Settings.SchemaAttributes {
		if a.Required.V && a.Name.V != "sub" && values[a.Name.V] == "" {
			return badSchema(a.Name.V, "The attribute is required")
		}
	}
	return nil
}

// change sets attributes of an existing user. A changed address is not verified until somebody says so.
func (p *pool) change(u *user, values map[string]string) error {
	for name := range values {
		if a := p.attribute(name); a != nil && !a.Mutable.Or(true) && u.Attributes[name] != values[name] {
			return badSchema(name, "Attribute cannot be updated.")
		}
	}
	for _, address := range []string{"email", "phone_number"} {
		v, given := values[address]
		if given && v != "" && v != u.Attributes[address] {
			u.Attributes[address+"_verified"] = "false"
		}
	}
	for _, name := range sortedKeys(values) {
		switch v := values[name]; {
		case v != "":
			u.Attributes[name] = v
		case u.Attributes[name] != "":
			if err := p.drop(u, []string{name}); err != nil {
				return err
			}
		}
	}
	return p.checkRequired(u.Attributes)
}

// dropEmpty takes attributes without a value away, and with an address its mark of being verified.
func dropEmpty(attributes map[string]string) {
	maps.DeleteFunc(attributes, func(_, v string) bool { return v == "" })
	for _, address := range []string{"email", "phone_number"} {
		if attributes[address] == "" {
			delete(attributes, address+"_verified")
		}
	}
}

// attributesOf is the user's attributes as the API lists them, sub first, then by name; only those see lets pass.
func attributesOf(u *user, see func(name string) bool) []cognitoidp.AttributeType {
	out := []cognitoidp.AttributeType{}
	if see("sub") {
		out = append(out, cognitoidp.AttributeType{Name: wire.Some("sub"), Value: wire.Some(u.Sub)})
	}
	for _, name := range sortedKeys(u.Attributes) {
		if see(name) {
			out = append(out, cognitoidp.AttributeType{Name: wire.Some(name), Value: wire.Some(u.Attributes[name])})
		}
	}
	if len(u.Identities) > 0 {
		out = append(out, cognitoidp.AttributeType{Name: wire.Some("identities"), Value: wire.Some(u.identitiesText())})
	}
	return out
}
