package users

import (
	"errors"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// terms are a document that the sign-up page of a client links to.
type terms struct {
	Pool, ID, Client  string
	Name              string            // terms-of-use or privacy-policy
	Source            string            // LINK
	Enforcement       string            // NONE
	Links             map[string]string // by AWS's names of languages: cognito:english
	Created, Modified time.Time
}

var termsTable = record.Table[terms]{
	Name: "users.terms", Version: 1, Key: func(t *terms) []any { return []any{t.Pool, t.ID} },
	Indexes: []record.Index[terms]{
		{Name: "client", Unique: true, Keys: func(t *terms) [][]any { return [][]any{{t.Pool, t.Client, t.Name}} }},
	},
}

func (s *Service) mountTerms(m *wire.Mux) {
	onPool(m, cognitoidp.CreateTerms, func(in *cognitoidp.CreateTermsInput) string { return in.UserPoolId.V }, s.createTerms)
	onPool(m, cognitoidp.DescribeTerms, func(in *cognitoidp.DescribeTermsInput) string { return in.UserPoolId.V }, s.describeTerms)
	onPool(m, cognitoidp.DescribeTermsByClient, func(in *cognitoidp.DescribeTermsByClientInput) string { return in.UserPoolId.V }, s.describeTermsByClient)
	onPool(m, cognitoidp.UpdateTerms, func(in *cognitoidp.UpdateTermsInput) string { return in.UserPoolId.V }, s.updateTerms)
	onPool(m, cognitoidp.DeleteTerms, func(in *cognitoidp.DeleteTermsInput) string { return in.UserPoolId.V }, s.deleteTerms)
	onPool(m, cognitoidp.ListTerms, func(in *cognitoidp.ListTermsInput) string { return in.UserPoolId.V }, s.listTerms)
}

func (t *terms) shown() *cognitoidp.TermsType {
	return &cognitoidp.TermsType{
		TermsId: wire.Some(t.ID), UserPoolId: wire.Some(t.Pool), ClientId: wire.Some(t.Client), TermsName: wire.Some(t.Name), TermsSource: wire.Some(t.Source),
		Enforcement: wire.Some(t.Enforcement), Links: t.Links, CreationDate: wire.Some(t.Created), LastModifiedDate: wire.Some(t.Modified),
	}
}

// check refuses links that a page must not have.
func (t *terms) check() error {
	if t.Links["cognito:default"] == "" {
		return invalid("Links need one for cognito:default.")
	}
	for _, link := range t.Links {
		if err := checkLink(link); err != nil {
			return err
		}
	}
	return nil
}

func (t *terms) put(tx *kv.Tx, account string) error {
	err := termsTable.Put(tx, inPool(account, t.Pool), t)
	if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
		return &cognitoidp.TermsExistsException{Message: wire.Some("The client has " + t.Name + " already.")}
	}
	return err
}

func (s *Service) createTerms(c *wire.Call, in *cognitoidp.CreateTermsInput) (*cognitoidp.CreateTermsOutput, error) {
	t := &terms{
		Pool: in.UserPoolId.V, ID: wire.NewUUID(), Client: in.ClientId.V, Name: in.TermsName.V, Source: in.TermsSource.V, Enforcement: in.Enforcement.V,
		Links: in.Links, Created: c.Now, Modified: c.Now,
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return &cognitoidp.CreateTermsOutput{Terms: t.shown()}, s.update(c, func(tx *kv.Tx) error {
		if _, _, err := clientOf(tx, c.Account, t.Pool, t.Client); err != nil {
			return err
		}
		return t.put(tx, c.Account)
	})
}

// termsByID reads terms of a pool.
func termsByID(tx *kv.Tx, account, poolID, id string) (*terms, error) {
	if _, err := poolByID(tx, account, poolID); err != nil {
		return nil, err
	}
	t, err := termsTable.Get(tx, inPool(account, poolID), poolID, id)
	if absent(err) {
		return nil, notFound("Terms %s do not exist.", id)
	}
	return t, err
}

func (s *Service) describeTerms(c *wire.Call, in *cognitoidp.DescribeTermsInput) (*cognitoidp.DescribeTermsOutput, error) {
	out := &cognitoidp.DescribeTermsOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		t, err := termsByID(tx, c.Account, in.UserPoolId.V, in.TermsId.V)
		if err == nil {
			out.Terms = t.shown()
		}
		return err
	})
}

func (s *Service) describeTermsByClient(c *wire.Call, in *cognitoidp.DescribeTermsByClientInput) (*cognitoidp.DescribeTermsByClientOutput, error) {
	out := &cognitoidp.DescribeTermsByClientOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, _, err := clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V); err != nil {
			return err
		}
		t, err := termsTable.Find(tx, inPool(c.Account, in.UserPoolId.V), "client", in.UserPoolId.V, in.ClientId.V, in.TermsName.V)
		if absent(err) {
			return notFound("The client has no terms %s.", in.TermsName.V)
		}
		if err == nil {
			out.Terms = t.shown()
		}
		return err
	})
}

func (s *Service) updateTerms(c *wire.Call, in *cognitoidp.UpdateTermsInput) (*cognitoidp.UpdateTermsOutput, error) {
	out := &cognitoidp.UpdateTermsOutput{}
	return out, s.update(c, func(tx *kv.Tx) error {
		t, err := termsByID(tx, c.Account, in.UserPoolId.V, in.TermsId.V)
		if err != nil {
			return err
		}
		t.Name, t.Source, t.Enforcement = in.TermsName.Or(t.Name), in.TermsSource.Or(t.Source), in.Enforcement.Or(t.Enforcement)
		if in.Links != nil {
			t.Links = in.Links
		}
		t.Modified = c.Now
		if err := t.check(); err != nil {
			return err
		}
		out.Terms = t.shown()
		return t.put(tx, c.Account)
	})
}

func (s *Service) deleteTerms(c *wire.Call, in *cognitoidp.DeleteTermsInput) (*cognitoidp.DeleteTermsOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		t, err := termsByID(tx, c.Account, in.UserPoolId.V, in.TermsId.V)
		if err != nil {
			return err
		}
		return termsTable.Delete(tx, inPool(c.Account, t.Pool), t.Pool, t.ID)
	})
}

func (s *Service) listTerms(c *wire.Call, in *cognitoidp.ListTermsInput) (*cognitoidp.ListTermsOutput, error) {
	out := &cognitoidp.ListTermsOutput{Terms: []cognitoidp.TermsDescriptionType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		pg := page(in.NextToken, in.MaxResults)
		pg.Prefix = []any{in.UserPoolId.V}
		rows, next, err := termsTable.List(tx, inPool(c.Account, in.UserPoolId.V), pg)
		for _, t := range rows {
			out.Terms = append(out.Terms, cognitoidp.TermsDescriptionType{
				TermsId: wire.Some(t.ID), TermsName: wire.Some(t.Name), Enforcement: wire.Some(t.Enforcement), CreationDate: wire.Some(t.Created), LastModifiedDate: wire.Some(t.Modified),
			})
		}
		out.NextToken = wire.NonEmpty(next)
		return badToken(err)
	})
}
