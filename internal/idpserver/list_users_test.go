package idpserver

import (
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/message/inbox"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/user"
)

// newUserDoor serves all operations over an empty database, without tokens.
func newUserDoor(t *testing.T) *poolDoor {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	s := &Service{pools: pool.New(db, keys, pool.Options{AccountID: "123456789012"}), users: user.New(db, keys, inbox.New())}
	m := awsjson.New(awsjson.Config{
		Authenticate: func(*http.Request, []byte, string) (awsjson.Principal, error) {
			return awsjson.Principal{AccessKeyID: "AKID", Region: "eu-west-3"}, nil
		},
		Logger:     slog.New(slog.DiscardHandler),
		Undeclared: func(op, code string) { t.Errorf("%s answers %s, which the model does not declare", op, code) },
	})
	s.Register(m)
	return &poolDoor{t, m}
}

// crowd makes a pool of n users.
func (d *poolDoor) crowd(name string, n int) (id string) {
	d.Helper()
	id = d.newPool(name, "")
	for i := range n {
		d.call("AdminCreateUser", `{"UserPoolId":%q,"Username":"user%d","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"email","Value":"u%d@%s.example"},{"Name":"name","Value":"N"}]}`, id, i, i, name)
	}
	return id
}

// TestListUsersTokens covers item 56 of the security checklist: a token is good for its pool and query alone.
func TestListUsersTokens(t *testing.T) {
	d := newUserDoor(t)
	a, b := d.crowd("a", 3), d.crowd("b", 3)
	const filter = `"Filter":"email ^= \"u\""`
	first := d.call("ListUsers", `{"UserPoolId":%q,"Limit":1,%s}`, a, filter)
	token := first["PaginationToken"].(string)
	elsewhere := d.call("ListUserPools", `{"MaxResults":1}`)["NextToken"].(string)
	for what, body := range map[string]string{
		"another pool":       fmt.Sprintf(`{"UserPoolId":%q,"PaginationToken":%q,%s}`, b, token, filter),
		"another filter":     fmt.Sprintf(`{"UserPoolId":%q,"PaginationToken":%q,"Filter":"email ^= \"u1\""}`, a, token),
		"no filter":          fmt.Sprintf(`{"UserPoolId":%q,"PaginationToken":%q}`, a, token),
		"other attributes":   fmt.Sprintf(`{"UserPoolId":%q,"PaginationToken":%q,"AttributesToGet":["name"],%s}`, a, token, filter),
		"another operation":  fmt.Sprintf(`{"UserPoolId":%q,"PaginationToken":%q}`, a, elsewhere),
		"a changed token":    fmt.Sprintf(`{"UserPoolId":%q,"PaginationToken":%q,%s}`, a, token[:len(token)-2]+"xx", filter),
		"an invented token":  fmt.Sprintf(`{"UserPoolId":%q,"PaginationToken":"1",%s}`, a, filter),
		"attributes in text": fmt.Sprintf(`{"UserPoolId":%q,"PaginationToken":%q,"Filter":"name = \"x\"","AttributesToGet":["email"]}`, a, token),
	} {
		t.Run(what, func(t *testing.T) {
			(&poolDoor{t, d.mux}).refuse("ListUsers", "InvalidParameterException", "Invalid pagination token.", "%s", body)
		})
	}
	seen := map[any]bool{first["Users"].([]any)[0].(map[string]any)["Username"]: true}
	for pages := 0; token != "" && pages < 10; pages++ {
		next := d.call("ListUsers", `{"UserPoolId":%q,"Limit":2,"PaginationToken":%q,%s}`, a, token, filter)
		for _, u := range next["Users"].([]any) {
			seen[u.(map[string]any)["Username"]] = true
		}
		token, _ = next["PaginationToken"].(string)
	}
	if len(seen) != 3 || token != "" {
		t.Errorf("saw %v, token %q", seen, token)
	}
}

// TestListUsersInjection looks for SQL in filters.
func TestListUsersInjection(t *testing.T) {
	d := newUserDoor(t)
	id := d.crowd("a", 2)
	for _, value := range []string{`' OR '1'='1`, `%`, `_`, `u0@a.example' --`, `\\`, `\"; DROP TABLE users; --`, `*`} {
		for _, attr := range []string{"email", "username", "sub", "cognito:user_status", "status", "name"} {
			for _, op := range []string{"=", "^="} {
				out := d.call("ListUsers", `{"UserPoolId":%q,"Filter":%q}`, id, attr+op+`"`+value+`"`)
				if n := len(out["Users"].([]any)); n != 0 {
					t.Errorf("%s %s %s finds %d users", attr, op, value, n)
				}
			}
		}
	}
	if n := len(d.call("ListUsers", `{"UserPoolId":%q}`, id)["Users"].([]any)); n != 2 {
		t.Errorf("%d users are left", n)
	}
}

func TestAdminUserShapes(t *testing.T) {
	d := newUserDoor(t)
	id := d.newPool("p", "")
	made := d.call("AdminCreateUser", `{"UserPoolId":%q,"Username":"ann","UserAttributes":[{"Name":"email","Value":"a@example.com"},{"Name":"email_verified","Value":"true"}]}`, id)["User"].(map[string]any)
	got := d.call("AdminGetUser", `{"UserPoolId":%q,"Username":"ann"}`, id)
	got["Attributes"] = got["UserAttributes"]
	delete(got, "UserAttributes")
	if fmt.Sprint(got) != fmt.Sprint(made) || len(made) != 6 || made["Enabled"] != true || made["UserStatus"] != idp.UserStatusTypeForceChangePassword {
		t.Errorf("created %v\nread %v", made, got)
	}
	for _, step := range [][2]string{
		{"AdminSetUserPassword", `,"Password":"Passw0rd!","Permanent":true`}, {"AdminDisableUser", ""}, {"AdminEnableUser", ""}, {"AdminResetUserPassword", ""},
		{"AdminUpdateUserAttributes", `,"UserAttributes":[{"Name":"name","Value":"Ann"}]`}, {"AdminDeleteUserAttributes", `,"UserAttributeNames":["name"]`},
	} {
		if out := d.call(step[0], `{"UserPoolId":%q,"Username":"ann"%s}`, id, step[1]); len(out) != 0 {
			t.Errorf("%s answers %v", step[0], out)
		}
		d.refuse(step[0], "UserNotFoundException", "User does not exist.", `{"UserPoolId":%q,"Username":"bob"%s}`, id, step[1])
		d.refuse(step[0], "ResourceNotFoundException", "User pool eu-west-3_none does not exist.", `{"UserPoolId":"eu-west-3_none","Username":"ann"%s}`, step[1])
	}
	d.refuse("AdminConfirmSignUp", "NotAuthorizedException", "User cannot be confirmed. Current status is RESET_REQUIRED", `{"UserPoolId":%q,"Username":"ann"}`, id)
	if status, text := d.post("AdminDeleteUser", fmt.Sprintf(`{"UserPoolId":%q,"Username":"ann"}`, id)); status != 200 || text != "" {
		t.Errorf("AdminDeleteUser: %d %q", status, text)
	}
	d.refuse("AdminGetUser", "UserNotFoundException", "User does not exist.", `{"UserPoolId":%q,"Username":"ann"}`, id)
}
