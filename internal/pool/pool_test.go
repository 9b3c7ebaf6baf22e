package pool_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

const region = "eu-west-3"

func open(t *testing.T) *store.DB {
	t.Helper()
	db := engines.Memory(t)
	return db
}

func keyring(t *testing.T) *secret.Keyring {
	t.Helper()
	keys := secrettest.Keyring(t)
	return keys
}

func registry(t *testing.T) *pool.Registry {
	t.Helper()
	return pool.New(open(t), keyring(t), pool.Options{AccountID: "123456789012"})
}

// wantFault fails unless err is a fault of that code and text.
func wantFault(t *testing.T, err error, code, text string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != code || f.Message != text {
		t.Errorf("error is %v\nwant %s: %s", err, code, text)
	}
}

func create(t *testing.T, r *pool.Registry, in *idp.CreateUserPoolRequest) *pool.Pool {
	t.Helper()
	if in.PoolName == "" {
		in.PoolName = "p"
	}
	p, err := r.Create(t.Context(), region, in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func describe(t *testing.T, r *pool.Registry, id string) *idp.UserPoolType {
	t.Helper()
	d, err := r.Describe(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantJSON compares two documents, the members of which may come in any order.
func wantJSON(t *testing.T, got any, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(toJSON(t, got)), &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What DescribeUserPool shows of a pool that was created with a name alone.
const defaults = `{
	"Name": "bare", "DeletionProtection": "INACTIVE", "MfaConfiguration": "OFF", "UserPoolTier": "ESSENTIALS",
	"LambdaConfig": {}, "UserPoolTags": {}, "EstimatedNumberOfUsers": 0,
	"Policies": {
		"PasswordPolicy": {"MinimumLength": 8, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true,
			"RequireSymbols": true, "TemporaryPasswordValidityDays": 7},
		"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
	"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7},
	"EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
	"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"}
}`

func TestDefaults(t *testing.T) {
	r := registry(t)
	before := time.Now().Truncate(time.Millisecond)
	made := create(t, r, &idp.CreateUserPoolRequest{PoolName: "bare"})
	d := describe(t, r, made.ID)

	if !strings.HasPrefix(d.Id, region+"_") || len(d.Id) != len(region)+10 {
		t.Errorf("id is %q", d.Id)
	}
	if want := "arn:aws:cognito-idp:" + region + ":123456789012:userpool/" + d.Id; d.Arn != want || made.ARN() != want {
		t.Errorf("ARN is %q, %q", d.Arn, made.ARN())
	}
	if d.CreationDate.Before(before) || !d.CreationDate.Equal(d.LastModifiedDate.Time) {
		t.Errorf("created %v, modified %v", d.CreationDate, d.LastModifiedDate)
	}
	if diff := cmp.Diff(toJSON(t, made.Describe()), toJSON(t, d)); diff != "" {
		t.Errorf("the answer to the creation is not what is described:\n%s", diff)
	}
	rest := *d
	rest.Id, rest.Arn, rest.SchemaAttributes = "", "", nil
	rest.CreationDate.Time, rest.LastModifiedDate.Time = time.Time{}, time.Time{}
	wantJSON(t, rest, defaults)
}

func TestPartialPasswordPolicy(t *testing.T) {
	p := create(t, registry(t), &idp.CreateUserPoolRequest{Policies: &idp.UserPoolPolicyType{
		PasswordPolicy: &idp.PasswordPolicyType{RequireNumbers: new(true), TemporaryPasswordValidityDays: new(int64(0))},
	}})
	wantJSON(t, p.PasswordPolicy(), `{"MinimumLength":8,"RequireUppercase":false,"RequireLowercase":false,"RequireNumbers":true,
		"RequireSymbols":false,"TemporaryPasswordValidityDays":7}`)
	if p.TemporaryPasswordValidity() != 7*24*time.Hour {
		t.Error(p.TemporaryPasswordValidity())
	}
}

func TestLegacyMembersAreMirrored(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{
		AdminCreateUserConfig:       &idp.AdminCreateUserConfigType{UnusedAccountValidityDays: new(int64(20))},
		EmailVerificationMessage:    "legacy {####}",
		EmailVerificationSubject:    "legacy",
		VerificationMessageTemplate: &idp.VerificationMessageTemplateType{SmsMessage: "new {####}", EmailSubject: "new"},
		LambdaConfig:                &idp.LambdaConfigType{PreTokenGeneration: "arn:a", PreSignUp: "arn:b"},
	})
	d := describe(t, r, p.ID)
	wantJSON(t, d.VerificationMessageTemplate, `{"DefaultEmailOption":"CONFIRM_WITH_CODE","SmsMessage":"new {####}","EmailMessage":"legacy {####}","EmailSubject":"new"}`)
	if d.EmailVerificationMessage != "legacy {####}" || d.EmailVerificationSubject != "new" || d.SmsVerificationMessage != "new {####}" {
		t.Errorf("legacy members: %q %q %q", d.EmailVerificationMessage, d.EmailVerificationSubject, d.SmsVerificationMessage)
	}
	wantJSON(t, d.LambdaConfig, `{"PreSignUp":"arn:b","PreTokenGeneration":"arn:a","PreTokenGenerationConfig":{"LambdaVersion":"V1_0","LambdaArn":"arn:a"}}`)
	if *d.Policies.PasswordPolicy.TemporaryPasswordValidityDays != 20 || *d.AdminCreateUserConfig.UnusedAccountValidityDays != 20 {
		t.Error("the two numbers of days differ")
	}
}

// full sets what an update without it resets.
func full() *idp.CreateUserPoolRequest {
	return &idp.CreateUserPoolRequest{
		PoolName:                    "bare",
		Policies:                    &idp.UserPoolPolicyType{PasswordPolicy: &idp.PasswordPolicyType{MinimumLength: new(int64(20))}, SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}},
		DeletionProtection:          "ACTIVE",
		LambdaConfig:                &idp.LambdaConfigType{PreSignUp: "arn:b"},
		AutoVerifiedAttributes:      []string{"email"},
		EmailVerificationMessage:    "m {####}",
		SmsAuthenticationMessage:    "m {####}",
		UserAttributeUpdateSettings: &idp.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: []string{"email"}},
		MfaConfiguration:            "OPTIONAL",
		DeviceConfiguration:         &idp.DeviceConfigurationType{},
		EmailConfiguration:          &idp.EmailConfigurationType{From: "Ann <a@example.com>"},
		SmsConfiguration:            &idp.SmsConfigurationType{SnsCallerArn: "arn:c"},
		UserPoolTags:                map[string]string{"team": "a", "cognate:issuer": "aws"},
		AdminCreateUserConfig:       &idp.AdminCreateUserConfigType{AllowAdminCreateUserOnly: new(true)},
		UserPoolAddOns:              &idp.UserPoolAddOnsType{AdvancedSecurityMode: "AUDIT"},
		AccountRecoverySetting:      recovery("verified_phone_number", 1, "verified_email", 2),
		UserPoolTier:                "PLUS",
		KeyConfiguration:            &idp.KeyConfigurationType{KeyType: "AWS_OWNED_KEY"},
		IssuerConfiguration:         &idp.IssuerConfigurationType{Type: "UPDATED"},
		Schema:                      []*idp.SchemaAttributeType{{Name: "email", Required: new(true)}, {Name: "x"}},
		UsernameAttributes:          []string{"email"},
		UsernameConfiguration:       &idp.UsernameConfigurationType{CaseSensitive: false},
	}
}

func TestAccessors(t *testing.T) {
	p := create(t, registry(t), full())
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"CaseSensitive", p.CaseSensitive(), false},
		{"HasUsernameAttributes", p.HasUsernameAttributes(), true},
		{"UsernameAttribute email", p.UsernameAttribute("email"), true},
		{"UsernameAttribute phone", p.UsernameAttribute("phone_number"), false},
		{"Alias", p.Alias("email"), false},
		{"AutoVerified", p.AutoVerified("email"), true},
		{"AutoVerified phone", p.AutoVerified("phone_number"), false},
		{"VerifyBeforeUpdate", p.VerifyBeforeUpdate("email"), true},
		{"VerifyBeforeUpdate phone", p.VerifyBeforeUpdate("phone_number"), false},
		{"Issuer", p.Issuer(), "aws"},
		{"Region", p.Region, region},
		{"Name", p.Name, "bare"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v", c.what, c.got)
		}
	}
	wantJSON(t, p.Settings.DeviceConfiguration, `{"ChallengeRequiredOnNewDevice":false,"DeviceOnlyRememberedOnUserPrompt":false}`)
}

func TestUpdateReplacesEverything(t *testing.T) {
	r := registry(t)
	p := create(t, r, full())
	if err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID}); err != nil {
		t.Fatal(err)
	}
	d := describe(t, r, p.ID)
	rest := *d
	rest.Id, rest.Arn, rest.SchemaAttributes = "", "", nil
	rest.CreationDate.Time, rest.LastModifiedDate.Time = time.Time{}, time.Time{}
	// What cannot change is what it was; our own tag stays.
	want := strings.Replace(defaults, `"UserPoolTags": {}`,
		`"UserPoolTags": {"cognate:issuer": "aws"}, "UsernameAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": false}`, 1)
	wantJSON(t, rest, want)
	if toJSON(t, d.SchemaAttributes) != toJSON(t, p.Settings.SchemaAttributes) {
		t.Error("the schema changed")
	}
}

func TestUpdate(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:issuer": "aws"}})
	err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID, PoolName: "renamed", UserPoolTags: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	d := describe(t, r, p.ID)
	if d.Name != "renamed" || !maps.Equal(d.UserPoolTags, map[string]string{"a": "b"}) {
		t.Errorf("name %q, tags %v", d.Name, d.UserPoolTags)
	}
	if !d.CreationDate.Equal(p.Created) || d.LastModifiedDate.Before(p.Modified) {
		t.Errorf("created %v, modified %v", d.CreationDate, d.LastModifiedDate)
	}
	err = r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID, MfaConfiguration: "ON"})
	wantFault(t, err, idp.CodeInvalidParameter, "SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
	if toJSON(t, describe(t, r, p.ID)) != toJSON(t, d) {
		t.Error("a refused update changed the pool")
	}
	err = r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: "eu-west-3_none"})
	wantFault(t, err, idp.CodeResourceNotFound, "User pool eu-west-3_none does not exist.")
}

// What is described can be sent back as an update, as scripts do that change one member.
func TestDescribedSettingsAreAnUpdate(t *testing.T) {
	r := registry(t)
	p := create(t, r, full())
	before := describe(t, r, p.ID)
	in := new(idp.UpdateUserPoolRequest)
	if err := json.Unmarshal([]byte(toJSON(t, before)), in); err != nil {
		t.Fatal(err)
	}
	in.UserPoolId = p.ID
	if err := r.Update(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	after := *describe(t, r, p.ID)
	after.LastModifiedDate = before.LastModifiedDate
	if diff := cmp.Diff(toJSON(t, before), toJSON(t, &after)); diff != "" {
		t.Error(diff)
	}
}

func TestDelete(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{DeletionProtection: "ACTIVE"})
	wantFault(t, r.Delete(t.Context(), p.ID), idp.CodeInvalidParameter,
		"The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
	if err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID}); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	gone := "User pool " + p.ID + " does not exist."
	_, err := r.Pool(t.Context(), p.ID)
	wantFault(t, err, idp.CodeResourceNotFound, gone)
	_, err = r.Describe(t.Context(), p.ID)
	wantFault(t, err, idp.CodeResourceNotFound, gone)
	wantFault(t, r.Delete(t.Context(), p.ID), idp.CodeResourceNotFound, gone)
}

func TestPinnedPoolID(t *testing.T) {
	r := registry(t)
	for tags, want := range map[[2]string]string{
		{"cognate:id", "us-east-1_ExaMPle"}:       "us-east-1_ExaMPle",
		{"cognate:id", "ExaMPle"}:                 region + "_ExaMPle",
		{"_custom_id_", "my-region_a1"}:           "my-region_a1",
		{"floci:override-id", "local_1"}:          "local_1",
		{"ms-custom-id", "eu-central-1_Abcdefg1"}: "eu-central-1_Abcdefg1",
	} {
		p := create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{tags[0]: tags[1]}})
		if p.ID != want || p.Region+"_"+want[strings.LastIndex(want, "_")+1:] != want {
			t.Errorf("%v: id %q, region %q", tags, p.ID, p.Region)
		}
		if p.Settings.UserPoolTags[tags[0]] != tags[1] {
			t.Errorf("%v: the tag is gone", tags)
		}
	}
	_, err := r.Create(t.Context(), region, &idp.CreateUserPoolRequest{PoolName: "p", UserPoolTags: map[string]string{"cognate:id": "ExaMPle"}})
	wantFault(t, err, idp.CodeInvalidParameter, "User pool "+region+"_ExaMPle already exists.")
	_, err = r.Create(t.Context(), region, &idp.CreateUserPoolRequest{PoolName: "p", UserPoolTags: map[string]string{"_custom_id_": "my_region_a1"}})
	wantFault(t, err, idp.CodeInvalidParameter, `"my_region_a1" is not a valid user pool id.`)
	long := strings.Repeat("a", 46)
	_, err = r.Create(t.Context(), region, &idp.CreateUserPoolRequest{PoolName: "p", UserPoolTags: map[string]string{"cognate:id": long}})
	wantFault(t, err, idp.CodeInvalidParameter, `"`+region+"_"+long+`" is not a valid user pool id.`)
	_, err = r.Create(t.Context(), "../x", &idp.CreateUserPoolRequest{PoolName: "p"})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != idp.CodeInvalidParameter {
		t.Errorf("a region that no id can hold: %v", err)
	}

	p, err := r.CreateAs(t.Context(), "us-east-1_Given", &idp.CreateUserPoolRequest{PoolName: "p", UserPoolTags: map[string]string{"cognate:id": "other"}})
	if err != nil || p.ID != "us-east-1_Given" || p.Region != "us-east-1" {
		t.Errorf("%v, %v", p, err)
	}
}

func TestListPools(t *testing.T) {
	r := registry(t)
	for i := range 7 {
		create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:id": fmt.Sprint("x", i)}})
	}
	var all []string
	after := ""
	for pages := 1; ; pages++ {
		pools, next, err := r.List(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pools {
			all = append(all, p.ID)
		}
		if after = next; next == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(all) != 7 || !slices.IsSorted(all) {
		t.Errorf("listed %v", all)
	}
	// The end of the list at the end of a page.
	if _, next, err := r.List(t.Context(), "", 7); err != nil || next != "" {
		t.Errorf("next %q, %v", next, err)
	}
}

func TestPoolQuota(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{})
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 1000 {
			if err := tx.CreatePool(store.Pool{ID: fmt.Sprint("r_", i), Settings: []byte("{}")}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Create(context.Background(), region, &idp.CreateUserPoolRequest{PoolName: "p"})
	wantFault(t, err, idp.CodeLimitExceeded, "The limit of 1000 user pools is reached.")
}
