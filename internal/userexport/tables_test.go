package userexport

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
)

// taken are the tables that an export takes rows of, with the columns that it takes, or makes anew.
var taken = map[string]string{
	"users":            "attributes created enabled extra id modified pool_id status sub username username_key",
	"aliases":          "alias attr pool_id sub", // derived anew, but for those that another has
	"passwords":        "pool_id salt sealed set_at sub temporary",
	"password_history": "pool_id salt sealed seq set_at sub temporary",
	"codes":            "attribute created destination expires hash pool_id purpose sub value", // recovery codes alone
	"user_groups":      "created description modified name pool_id precedence role_arn",
	"group_members":    "group_name pool_id sub",
	"devices":          "authenticated created device_key group_key last_ip modified name pool_id remembered salt sealed sub",
	"passkeys":         "attachment created flags id last_used pool_id public_key relying_party sign_count sub transports",
	"software_tokens":  "name pending pool_id sealed step sub", // but for pending: that waits for a code
	"user_identities":  "attribute created issuer kind own pool_id provider sub value",
	"user_search":      "attr pool_id sub user_id value", // derived anew
}

// left are the tables that an export leaves out, and why.
var left = map[string]string{
	"families":            "sessions end with the move",
	"login_sessions":      "sessions end with the move",
	"authorization_codes": "of the moment",
	"challenges":          "of the moment",
	"used_assertions":     "of the moment",
	"counters":            "of the moment: failures are forgiven",

	"pools":                         "the pool's: it is made before",
	"clients":                       "the pool's",
	"client_secrets":                "the pool's",
	"signing_keys":                  "the pool's",
	"resource_servers":              "the pool's",
	"domains":                       "the pool's",
	"classic_styles":                "the pool's",
	"brandings":                     "the pool's",
	"branding_assets":               "the pool's",
	"terms":                         "the pool's",
	"identity_providers":            "the pool's",
	"identity_provider_identifiers": "the pool's",
	"federation_keys":               "the pool's",
	"import_jobs":                   "the pool's",
	"import_chunks":                 "the pool's",
	"import_logs":                   "the pool's",

	"auth_events":         "what users did where they were: it would teach another server wrong",
	"risk_configurations": "the pool's settings",
	"pool_replicas":       "the pool's",
	"deleted_users":       "deleted: they are restored where they were, or not at all",

	"identity_pools":     "of identity pools",
	"pool_identities":    "of identity pools: their users are known by their sub, which stays",
	"identity_logins":    "of identity pools",
	"openid_keys":        "of identity pools",
	"access_keys":        "the server's",
	"provisioned_limits": "the server's",
	"roles":              "the server's",
	"meta":               "the server's",
}

// TestTables holds the export to say of every table, and of every column of those that it takes, what becomes of it. Whoever
// adds one to a migration decides that here, and in [user.Record] and [store.WholeUser] where users shall keep it.
func TestTables(t *testing.T) {
	db := engines.Memory(t)
	columns := map[string][]string{}
	err := db.View(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Raw().Query(`SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var table, column string
			if err := rows.Scan(&table, &column); err != nil {
				return err
			}
			columns[table] = append(columns[table], column)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	for table := range columns {
		if strings.HasPrefix(table, "sqlite_") || strings.HasPrefix(table, "goose_") {
			delete(columns, table)
		}
	}
	for _, table := range slices.Sorted(maps.Keys(columns)) {
		slices.Sort(columns[table])
		want, takes := taken[table]
		_, leaves := left[table]
		if got := strings.Join(columns[table], " "); takes && got != want {
			t.Errorf("table %s has the columns\n%s\nand the export knows\n%s", table, got, want)
		}
		if takes == leaves {
			t.Errorf("table %s is neither taken nor left out, or both: %s", table, columns[table])
		}
	}
	if len(columns) != len(taken)+len(left) {
		t.Errorf("there are %d tables, and %d are known", len(columns), len(taken)+len(left))
	}
}
