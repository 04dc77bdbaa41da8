package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	peopleWorkers = 2
	peopleEach    = 4
)

// people come, change their names and go; each has two other names to be found by. What signs up itself leaves a message in
// the outbox, in the same transaction.
type people struct {
	*tally
	pool, client string
	cells        [peopleWorkers][peopleEach]cell // the address; it changes with each change
	serial       [peopleWorkers]int              // of addresses and of who signed up
	signed       [peopleWorkers]map[string]*cell // who signed up since the last check: "yes"
	gone         [peopleWorkers][]string         // addresses nobody has any more
}

func newPeople(n *tally) *people {
	l := &people{tally: n}
	for w := range l.signed {
		l.signed[w] = map[string]*cell{}
	}
	return l
}

func (*people) name() string { return "users" }

func (l *people) setup(c *client) error {
	var pool struct{ UserPool struct{ Id string } }
	err := c.cognito("CreateUserPool", m{"PoolName": "crash", "AliasAttributes": []string{"email", "preferred_username"}, "AutoVerifiedAttributes": []string{"email"}}, &pool)
	if err != nil {
		return err
	}
	l.pool = pool.UserPool.Id
	var app struct{ UserPoolClient struct{ ClientId string } }
	err = c.cognito("CreateUserPoolClient", m{"UserPoolId": l.pool, "ClientName": "crash", "ExplicitAuthFlows": []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}}, &app)
	l.client = app.UserPoolClient.ClientId
	return err
}

func username(worker, i int) string { return fmt.Sprintf("u%d-%d", worker, i) }

// names are the attributes of who has an address: verified, so that it names them.
func names(address string) []m {
	nick, _, _ := strings.Cut(address, "@")
	return []m{{"Name": "email", "Value": address}, {"Name": "email_verified", "Value": "true"}, {"Name": "preferred_username", "Value": "nick-" + nick}}
}

func (l *people) work(c *client, worker int, r *rand.Rand) error {
	if r.IntN(6) == 0 {
		return l.signUp(c, worker)
	}
	i := r.IntN(peopleEach)
	x := &l.cells[worker][i]
	if len(x.tries) > 0 { // whether they exist is not known: the round is over
		return nil
	}
	who := m{"UserPoolId": l.pool, "Username": username(worker, i)}
	l.serial[worker]++
	address, old := fmt.Sprintf("a%d-%d@example.com", worker, l.serial[worker]), x.acked
	var err error
	switch {
	case old == "":
		who["UserAttributes"], who["MessageAction"], who["TemporaryPassword"] = names(address), "SUPPRESS", "Secret-123!"
		err = c.cognito("AdminCreateUser", who, nil)
	case r.IntN(3) == 0:
		address = ""
		err = c.cognito("AdminDeleteUser", who, nil)
	default:
		who["UserAttributes"] = names(address)
		err = c.cognito("AdminUpdateUserAttributes", who, nil)
	}
	x.note(l.tally, address, err)
	if err == nil && old != "" {
		l.gone[worker] = append(l.gone[worker], old)
	}
	if refused(err, "") {
		return err
	}
	return nil
}

func (l *people) signUp(c *client, worker int) error {
	l.serial[worker]++
	name := fmt.Sprintf("s%d-%d", worker, l.serial[worker])
	x := &cell{}
	l.signed[worker][name] = x
	err := c.cognito("SignUp", m{"ClientId": l.client, "Username": name, "Password": "Secret-123!", "UserAttributes": []m{{"Name": "email", "Value": name + "@example.org"}}}, nil)
	x.note(l.tally, "yes", err)
	if refused(err, "") {
		return err
	}
	return nil
}

func (l *people) check(c *client) error {
	var errs []error
	for w := range peopleWorkers {
		for i := range peopleEach {
			x := &l.cells[w][i]
			address, err := l.address(c, username(w, i))
			if err == nil {
				err = x.settle(l.tally, "the address of "+username(w, i), address)
			}
			errs = append(errs, err)
			if address != "" {
				errs = append(errs, l.named(c, username(w, i), address))
			}
		}
		for _, address := range l.gone[w][max(0, len(l.gone[w])-6):] {
			if _, err := l.get(c, address); !refused(err, "UserNotFoundException") {
				errs = append(errs, fmt.Errorf("%s names somebody still: %w", address, err))
			}
		}
		l.gone[w] = nil
		for name, x := range l.signed[w] {
			errs = append(errs, l.checkSigned(c, name, x))
		}
		l.signed[w] = map[string]*cell{}
	}
	return errors.Join(errs...)
}

type person struct {
	Username       string
	UserAttributes []struct{ Name, Value string }
}

func (l *people) get(c *client, name string) (*person, error) {
	var p person
	return &p, c.cognito("AdminGetUser", m{"UserPoolId": l.pool, "Username": name}, &p)
}

// address is what a user's address is, "" when there is no such user.
func (l *people) address(c *client, name string) (string, error) {
	p, err := l.get(c, name)
	if refused(err, "UserNotFoundException") {
		return "", nil
	}
	for _, a := range p.UserAttributes {
		if a.Name == "email" {
			return a.Value, err
		}
	}
	return "", err
}

// named looks for a user by each other name, and in the list.
func (l *people) named(c *client, name, address string) error {
	nick, _, _ := strings.Cut(address, "@")
	for _, alias := range []string{address, "nick-" + nick} {
		l.looked.Add(1)
		if p, err := l.get(c, alias); err != nil || p.Username != name {
			return fmt.Errorf("by %s one finds %q, not %s: %w", alias, p.Username, name, err)
		}
	}
	var list struct{ Users []person }
	err := c.cognito("ListUsers", m{"UserPoolId": l.pool, "Filter": fmt.Sprintf("email = %q", address)}, &list)
	if err != nil || len(list.Users) != 1 || list.Users[0].Username != name {
		return fmt.Errorf("listed by %s: %v, want %s: %w", address, list.Users, name, err)
	}
	return nil
}

// checkSigned looks for who signed up, and for the one message to them: both, or neither.
func (l *people) checkSigned(c *client, name string, x *cell) error {
	address, err := l.address(c, name)
	if err != nil {
		return err
	}
	found := ""
	if address != "" {
		found = "yes"
	}
	messages, err := c.messages(name + "@example.org")
	if err != nil {
		return err
	}
	l.looked.Add(1)
	if want := map[string]int{"yes": 1}[found]; messages != want {
		return fmt.Errorf("%s signed up: %q, and has %d messages", name, found, messages)
	}
	return x.settle(l.tally, "whether "+name+" signed up", found)
}
