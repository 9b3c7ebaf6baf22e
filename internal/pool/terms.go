package pool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// Terms are the addresses of the terms of use and of the privacy policy of a client, by the tag of a language, such
// as "en" or "pt-BR"; those under "" are for all others.
type Terms struct{ Use, Privacy map[string]string }

// Links returns both addresses for who reads a language, each in that language, else in the default one; both are "" unless
// there are both. A nil t has none.
func (t *Terms) Links(language string) (use, privacy string) {
	if t == nil {
		return "", ""
	}
	use, privacy = or(t.Use[language], t.Use[""]), or(t.Privacy[language], t.Privacy[""])
	if use == "" || privacy == "" {
		return "", ""
	}
	return use, privacy
}

const maxTerms = 40 // of a pool

// The names of terms, of which a client has one each.
const (
	termsOfUse    = "terms-of-use"
	privacyPolicy = "privacy-policy"
)

// termsSettings is what of terms is no column.
type termsSettings struct {
	Source      string            `json:"source"`
	Enforcement string            `json:"enforcement"`
	Links       map[string]string `json:"links"`
}

// termsLanguages are the tags of the languages that terms have links for.
var termsLanguages = map[string]string{
	"cognito:default": "", "cognito:english": "en", "cognito:french": "fr", "cognito:spanish": "es", "cognito:german": "de",
	"cognito:bahasa-indonesia": "id", "cognito:italian": "it", "cognito:japanese": "ja", "cognito:korean": "ko", "cognito:dutch": "nl",
	"cognito:portuguese-brazil": "pt-BR", "cognito:chinese-simplified": "zh-CN", "cognito:chinese-traditional": "zh-TW",
}

func byLanguage(links map[string]string) map[string]string {
	out := make(map[string]string, len(links))
	for name, link := range links {
		out[termsLanguages[name]] = link
	}
	return out
}

// CreateTerms gives a client terms of a name that it has none of.
func (r *Registry) CreateTerms(ctx context.Context, in *idp.CreateTermsRequest) (*idp.TermsType, error) {
	s := termsSettings{Source: in.TermsSource, Enforcement: in.Enforcement, Links: in.Links}
	if err := r.checkLinks(s.Links); err != nil {
		return nil, err
	}
	doc, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	row := store.Terms{ID: uuid.NewString(), PoolID: in.UserPoolId, ClientID: in.ClientId, Name: in.TermsName, Settings: doc, Created: now()}
	row.Modified = row.Created
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		if _, _, err := r.getPoolClient(tx, row.PoolID, row.ClientID); err != nil {
			return err
		}
		tx.Notify(kindLook, row.PoolID)
		return insertTerms(tx, row)
	})
	if err != nil {
		return nil, err
	}
	return describeTerms(row)
}

func insertTerms(tx *store.Tx, row store.Terms) error {
	if err := tx.CreateTerms(row); err != nil {
		return shownTerms(err, row)
	}
	n, err := tx.CountTerms(row.PoolID)
	if err == nil && n > maxTerms {
		err = fault.Newf(idp.CodeLimitExceeded, "The limit of %d terms of a user pool is reached.", maxTerms)
	}
	return err
}

// checkLinks says where terms may be: at an address of the web, which in production is https.
func (r *Registry) checkLinks(links map[string]string) error {
	if len(links) == 0 {
		return invalid("Links must be specified for the terms source LINK.")
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		u, err := url.Parse(links[name])
		if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !r.opt.Dev) {
			return invalidf("The link for %s is not an https URL.", name)
		}
	}
	return nil
}

// UpdateTerms changes what in names of terms; the rest stays.
func (r *Registry) UpdateTerms(ctx context.Context, in *idp.UpdateTermsRequest) (*idp.TermsType, error) {
	if in.Links != nil {
		if err := r.checkLinks(in.Links); err != nil {
			return nil, err
		}
	}
	var row store.Terms
	modified := now()
	err := r.db.Update(ctx, func(tx *store.Tx) (err error) {
		if row, err = r.getTerms(tx, in.UserPoolId, in.TermsId); err != nil {
			return err
		}
		if row, err = changedTerms(row, in); err != nil {
			return err
		}
		row.Modified = modified
		tx.Notify(kindLook, row.PoolID)
		return shownTerms(tx.UpdateTerms(row), row)
	})
	if err != nil {
		return nil, err
	}
	return describeTerms(row)
}

func changedTerms(row store.Terms, in *idp.UpdateTermsRequest) (store.Terms, error) {
	s, err := parseTerms(row)
	if err != nil {
		return row, err
	}
	row.Name = or(in.TermsName, row.Name)
	s.Source, s.Enforcement = or(in.TermsSource, s.Source), or(in.Enforcement, s.Enforcement)
	if in.Links != nil {
		s.Links = in.Links
	}
	row.Settings, err = json.Marshal(s, json.Deterministic(true))
	return row, err
}

// DeleteTerms deletes terms.
func (r *Registry) DeleteTerms(ctx context.Context, poolID, id string) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		row, err := r.getTerms(tx, poolID, id)
		if err != nil {
			return err
		}
		tx.Notify(kindLook, poolID)
		return tx.DeleteTerms(row.ID)
	})
}

// DescribeTerms returns terms, read afresh.
func (r *Registry) DescribeTerms(ctx context.Context, poolID, id string) (*idp.TermsType, error) {
	var row store.Terms
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = r.getTerms(tx, poolID, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return describeTerms(row)
}

// DescribeClientTerms returns the terms of a client of a pool by their name.
func (r *Registry) DescribeClientTerms(ctx context.Context, poolID, clientID, name string) (*idp.TermsType, error) {
	row := store.Terms{}
	err := r.db.View(ctx, func(tx *store.Tx) error {
		if _, _, err := r.getPoolClient(tx, poolID, clientID); err != nil {
			return err
		}
		rows, err := tx.ListClientTerms(clientID)
		i := slices.IndexFunc(rows, func(row store.Terms) bool { return row.Name == name })
		if err == nil && i < 0 {
			err = store.ErrNotFound
		}
		if err == nil {
			row = rows[i]
		}
		return shownTerms(err, row)
	})
	if err != nil {
		return nil, err
	}
	return describeTerms(row)
}

// ListTerms returns up to limit terms of a pool with ids after after, in the order of their ids, and the id to go on
// after, "" at the end.
func (r *Registry) ListTerms(ctx context.Context, poolID, after string, limit int) (terms []*idp.TermsDescriptionType, next string, err error) {
	var rows []store.Terms
	err = r.db.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = r.getPool(tx, poolID); err != nil {
			return err
		}
		rows, err = tx.ListTerms(poolID, after, limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	terms = make([]*idp.TermsDescriptionType, len(rows))
	for i, row := range rows {
		d, err := describeTerms(row)
		if err != nil {
			return nil, "", err
		}
		terms[i] = &idp.TermsDescriptionType{
			TermsId: d.TermsId, TermsName: d.TermsName, Enforcement: d.Enforcement, CreationDate: d.CreationDate, LastModifiedDate: d.LastModifiedDate,
		}
	}
	return terms, next, nil
}

// getTerms reads terms that have to be in the pool.
func (r *Registry) getTerms(tx *store.Tx, poolID, id string) (store.Terms, error) {
	if _, err := r.getPool(tx, poolID); err != nil {
		return store.Terms{}, err
	}
	row, err := tx.GetTerms(strings.ToLower(id))
	if err == nil && row.PoolID != poolID {
		err = store.ErrNotFound
	}
	return row, shownTerms(err, row)
}

// shownTerms turns the store's words for absent terms, and for those that a client has already, into the API's.
func shownTerms(err error, row store.Terms) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fault.New(idp.CodeResourceNotFound, "Terms do not exist.")
	case errors.Is(err, store.ErrExists):
		return fault.Newf(idp.CodeTermsExists, "Terms with the name %s already exist for client %s", row.Name, row.ClientID)
	}
	return err
}

func parseTerms(row store.Terms) (s termsSettings, err error) {
	if err := json.Unmarshal(row.Settings, &s); err != nil {
		return s, fmt.Errorf("pool: terms %s: %w", row.ID, err)
	}
	return s, nil
}

func describeTerms(row store.Terms) (*idp.TermsType, error) {
	s, err := parseTerms(row)
	return &idp.TermsType{
		TermsId: row.ID, UserPoolId: row.PoolID, ClientId: row.ClientID, TermsName: row.Name, TermsSource: s.Source, Enforcement: s.Enforcement,
		Links: s.Links, CreationDate: api.At(row.Created), LastModifiedDate: api.At(row.Modified),
	}, err
}

// readTerms reads what [Registry.Terms] returns.
func readTerms(tx *store.Tx, poolID, clientID string) (*Terms, error) {
	rows, err := tx.ListClientTerms(clientID)
	if err != nil {
		return nil, err
	}
	links := map[string]map[string]string{}
	for _, row := range rows {
		s, err := parseTerms(row)
		if err != nil {
			return nil, err
		}
		if row.PoolID == poolID {
			links[row.Name] = byLanguage(s.Links)
		}
	}
	if len(links[termsOfUse]) == 0 || len(links[privacyPolicy]) == 0 {
		return nil, nil
	}
	return &Terms{Use: links[termsOfUse], Privacy: links[privacyPolicy]}, nil
}
