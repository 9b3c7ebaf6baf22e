package idpserver_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"cognate/api"
	"cognate/api/idp"
)

// personal are the operations that take an access token, and for each a request that is right but for that.
var personal = map[string]map[string]any{
	"AssociateSoftwareToken": {}, "DeleteUser": {}, "GetUser": {}, "GetUserAuthFactors": {}, "GlobalSignOut": {}, "ListDevices": {},
	"ListWebAuthnCredentials": {}, "SetUserMFAPreference": {}, "StartWebAuthnRegistration": {},
	"ChangePassword":                   {"PreviousPassword": password, "ProposedPassword": password},
	"CompleteWebAuthnRegistration":     {"Credential": map[string]any{}},
	"ConfirmDevice":                    {"DeviceKey": device},
	"DeleteUserAttributes":             {"UserAttributeNames": []string{"name"}},
	"DeleteWebAuthnCredential":         {"CredentialId": "x"},
	"ForgetDevice":                     {"DeviceKey": device},
	"GetDevice":                        {"DeviceKey": device},
	"GetUserAttributeVerificationCode": {"AttributeName": "email"},
	"SetUserSettings":                  {"MFAOptions": []any{}},
	"UpdateDeviceStatus":               {"DeviceKey": device, "DeviceRememberedStatus": "remembered"},
	"UpdateUserAttributes":             {"UserAttributes": attribute("name", "x")},
	"VerifySoftwareToken":              {"UserCode": "123456"},
	"VerifyUserAttribute":              {"AttributeName": "email", "Code": "123456"},
}

const device = "us-east-1_00000000-0000-4000-8000-000000000000"

func attribute(name, value string) []map[string]string {
	return []map[string]string{{"Name": name, "Value": value}}
}

// TestSelfServiceNeedsTheScope brings a token without the scope of self-service to every operation that takes one
// (checklist 54). It fails when an operation comes that nobody has thought of here.
func TestSelfServiceNeedsTheScope(t *testing.T) {
	for _, op := range idp.Service.Operations {
		if slices.ContainsFunc(op.Input.Members, func(m api.Member) bool { return m.Name == "AccessToken" }) && personal[op.Name] == nil {
			t.Errorf("%s takes an access token, and is not asked", op.Name)
		}
	}
	onEngines(t, func(s *script) {
		s.Steps(
			`> CreateResourceServer {"UserPoolId":"${pool}","Identifier":"photos","Name":"Photos","Scopes":[{"ScopeName":"read","ScopeDescription":"r"}]}`, `< {"...":1}`,
			`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"machine","ClientSecret":"0123456789abcdefghijklmnopqrstuvwxyz","AllowedOAuthFlowsUserPoolClient":true,"AllowedOAuthFlows":["client_credentials"],"AllowedOAuthScopes":["photos/read"]}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${machine}"}}`,
			`>- GetClientToken {"ClientId":"${machine}","Secret":"0123456789abcdefghijklmnopqrstuvwxyz"}`, `< {"ClientAuthenticationResult":{"...":1,"AccessToken":"${narrow}"}}`)
		for op, in := range personal {
			full := maps.Clone(in)
			full["AccessToken"] = s.Kept["narrow"]
			s.refused(op, s.ask(op, full), "NotAuthorizedException: Access Token does not have required scopes")
		}
	})
}

// TestSelfServiceAttributes: whatever a user asks for, a client reads and writes what it may, what is not to change stays,
// and what is the developer's is not the user's (checklist 54).
func TestSelfServiceAttributes(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps(
			`> CreateUserPool {"PoolName":"p","Schema":[{"Name":"fixed","AttributeDataType":"String","Mutable":false},{"Name":"level","AttributeDataType":"Number","Mutable":true,"DeveloperOnlyAttribute":true},{"Name":"open","AttributeDataType":"String","Mutable":true}]}`,
			`< {"UserPool":{"...":1,"Id":"${own}"}}`,
			`> CreateUserPoolClient {"UserPoolId":"${own}","ClientName":"all","ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH"]}`, `< {"UserPoolClient":{"...":1,"ClientId":"${all}"}}`,
			`> CreateUserPoolClient {"UserPoolId":"${own}","ClientName":"few","ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH"],"ReadAttributes":["name"],"WriteAttributes":["name"]}`, `< {"UserPoolClient":{"...":1,"ClientId":"${few}"}}`,
			`> AdminCreateUser {"UserPoolId":"${own}","Username":"alice","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"custom:fixed","Value":"f"},{"Name":"dev:custom:level","Value":"1"},{"Name":"custom:open","Value":"o"},{"Name":"name","Value":"n"}]}`, `< {"...":1}`,
			`> AdminSetUserPassword {"UserPoolId":"${own}","Username":"alice","Password":"`+password+`","Permanent":true}`, `< {}`)
		const unauthorized = "NotAuthorizedException: A client attempted to write unauthorized attribute"
		tokens := map[string]string{}
		for _, client := range []string{"all", "few"} {
			d := s.door("own", client, false)
			got := d.password("alice", password)
			s.granted(client, got)
			tokens[client] = got.AuthenticationResult.AccessToken
		}
		for _, tt := range []struct{ client, name, want string }{
			{"all", "custom:fixed", "InvalidParameterException: user.custom:fixed: Attribute cannot be updated.\n"},
			{"all", "dev:custom:level", unauthorized},
			{"all", "sub", "InvalidParameterException: Cannot modify the non-mutable attribute sub"},
			{"all", "email_verified", unauthorized},
			{"few", "custom:open", unauthorized},
			{"few", "email", unauthorized},
		} {
			s.refused(tt.client+" writes "+tt.name, s.ask("UpdateUserAttributes", map[string]any{"AccessToken": tokens[tt.client], "UserAttributes": attribute(tt.name, "9")}), tt.want)
		}
		s.refused("few deletes custom:open", s.ask("DeleteUserAttributes", map[string]any{"AccessToken": tokens["few"], "UserAttributeNames": []string{"custom:open"}}), unauthorized)
		s.Kept["of-all"], s.Kept["of-few"] = tokens["all"], tokens["few"]
		s.Steps(
			`> GetUser {"AccessToken":"${of-few}"}`, `< {"Username":"alice","UserAttributes":[{"Name":"sub","Value":"*"},{"Name":"name","Value":"n"}]}`,
			`> AdminGetUser {"UserPoolId":"${own}","Username":"alice"}`,
			`< {"...":1,"UserAttributes":["*",{"Name":"custom:fixed","Value":"f"},{"Name":"custom:open","Value":"o"},{"Name":"dev:custom:level","Value":"1"},{"Name":"name","Value":"n"}]}`)
	})
}

// TestOnlyAdministratorsChangeGroups: no operation that changes groups is for users, nor is there another way to one
// (checklist 58).
func TestOnlyAdministratorsChangeGroups(t *testing.T) {
	seen := 0
	for _, op := range idp.Service.Operations {
		if strings.Contains(op.Name, "Group") {
			seen++
			if op.Auth != api.Signed {
				t.Errorf("%s is for everybody", op.Name)
			}
		}
		if op.Auth != api.Signed && slices.ContainsFunc(op.Input.Members, func(m api.Member) bool { return strings.Contains(m.Name, "Group") }) {
			t.Errorf("%s takes a group", op.Name)
		}
	}
	if seen < 9 {
		t.Errorf("there are %d operations of groups", seen)
	}
	onEngines(t, func(s *script) {
		s.Steps("! user alice "+password+" alice@group.test", "! sign-in alice "+password,
			`> CreateGroup {"UserPoolId":"${pool}","GroupName":"admins","RoleArn":"arn:aws:iam::123456789012:role/admins"}`, `< {"...":1}`)
		for _, name := range []string{"cognito:groups", "cognito:roles", "cognito:preferred_role", "custom:cognito:groups"} {
			for op, in := range map[string]map[string]any{
				"UpdateUserAttributes": {"AccessToken": s.Kept["access"], "UserAttributes": attribute(name, "admins")},
				"SignUp": {"ClientId": s.Kept["client"], "Username": "bob", "Password": password, "UserAttributes": attribute(name, "admins"),
					"ClientMetadata": map[string]string{"cognito:groups": "admins"}},
			} {
				if got := s.ask(op, in); !strings.HasPrefix(got.fault(), "InvalidParameterException") && !strings.HasPrefix(got.fault(), "NotAuthorizedException") {
					s.Errorf("%s of %s: %s", op, name, got.fault())
				}
			}
		}
		s.Steps(`> AdminListGroupsForUser {"UserPoolId":"${pool}","Username":"alice"}`, `< {"Groups":[]}`,
			`> ListUsersInGroup {"UserPoolId":"${pool}","GroupName":"admins"}`, `< {"Users":[]}`)
	})
}
