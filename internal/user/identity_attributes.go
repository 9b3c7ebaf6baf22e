package user

import (
	"errors"
	"strings"

	"cognate/internal/fault"
	"cognate/internal/store"
)

// edits are the changes of a user's attributes, nil ones for a new user, that the assertion makes: what it does not tell
// of stays, what it tells to be blank goes, and what the client may not write is left out.
func (f *federated) edits(tx *store.Tx, u store.User) (map[string]string, error) {
	out := map[string]string{}
	var faults strings.Builder
	for _, name := range sorted(f.values) {
		if !f.writes(name) {
			continue
		}
		value, err := f.edit(u, name)
		if err != nil {
			faults.WriteString(attributeFault(name, err))
		} else if value != u.Attributes[name] {
			out[name] = value
		}
	}
	if faults.Len() > 0 {
		return nil, refused("Invalid user attributes: %s", faults.String())
	}
	f.vouch(u, out)
	return out, f.spare(tx, u, out)
}

// writes reports whether the client may write an attribute. Who may write an address may say that it is verified.
func (f *federated) writes(name string) bool {
	if base, flag := strings.CutSuffix(name, verified); flag {
		name = base
	}
	return f.client.CanWrite(f.pool, name)
}

// edit returns the clean value of an attribute that is delivered.
func (f *federated) edit(u store.User, name string) (string, error) {
	a, ok := f.pool.Attribute(name)
	if !ok {
		return "", schemaError("", name, "Attribute does not exist in the schema.")
	}
	value, err := clean(f.pool, a, name, f.values[name])
	if err != nil {
		return "", err
	}
	if fixed := a.Mutable != nil && !*a.Mutable; fixed && u.Attributes != nil && value != u.Attributes[name] {
		return "", schemaError("", name, "Attribute cannot be updated.")
	}
	return value, nil
}

// attributeFault is how a browser is told of a value that an attribute cannot have.
func attributeFault(name string, err error) string {
	text := err.Error()
	if f, ok := errors.AsType[*fault.Error](err); ok {
		text = strings.TrimPrefix(f.Message, "Attributes did not conform to the schema: ")
	}
	return name + ": " + strings.TrimSpace(strings.TrimPrefix(text, name+":")) + "\n "
}

// vouch keeps only what the provider says of an address that it tells itself: its word that an address is verified is
// not for another one.
func (f *federated) vouch(u store.User, edits map[string]string) {
	for _, attr := range []string{attrEmail, attrPhone} {
		if f.values[attr] == "" {
			delete(edits, attr+verified)
		} else if f.values[attr+verified] == "" {
			delete(edits, attr+verified)
		} else if edits[attr] != "" {
			// Of a new address it is said even when the same was said of the old one.
			edits[attr+verified] = strings.ToLower(f.values[attr+verified])
		}
	}
}

// spare leaves out what would take a sign-in name from a user who has others than the provider to sign in by: where
// addresses are user names, an address of somebody else's, and the loss of the only one.
func (f *federated) spare(tx *store.Tx, u store.User, edits map[string]string) error {
	for _, attr := range []string{attrEmail, attrPhone} {
		value, changes := edits[attr]
		if !changes || u.Attributes == nil || !f.pool.UsernameAttribute(attr) || madeFor(f.pool, u) {
			continue
		}
		taken := value == "" && !removable(f.pool, u.Attributes, attr) && !f.requires(attr)
		if value != "" {
			owner, err := aliasOwner(tx, f.pool, value)
			if err != nil && !isNotFound(err) {
				return err
			}
			taken = err == nil && owner != u.Sub
		}
		if taken {
			delete(edits, attr)
			delete(edits, attr+verified)
		}
	}
	return nil
}

func (f *federated) requires(name string) bool {
	a, ok := f.pool.Attribute(name)
	return ok && a.Required != nil && *a.Required
}
