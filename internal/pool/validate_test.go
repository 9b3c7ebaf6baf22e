package pool_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cognate/api/idp"
)

// Each of these pools is refused, in these words.
var refusedPools = map[string]struct {
	in   idp.CreateUserPoolRequest
	code string
	text string
}{
	"aliases and username attributes": {idp.CreateUserPoolRequest{AliasAttributes: []string{"email"}, UsernameAttributes: []string{"email"}},
		idp.CodeInvalidParameter, "Only one of the aliasAttributes or usernameAttributes can be set in a User pool."},
	"MFA without SMS": {idp.CreateUserPoolRequest{MfaConfiguration: "OPTIONAL"},
		idp.CodeInvalidParameter, "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"},
	"no password": {idp.CreateUserPoolRequest{Policies: &idp.UserPoolPolicyType{SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"EMAIL_OTP"}}}},
		idp.CodeInvalidParameter, "Password should be configured as one of the allowed first auth factors."},
	"threat protection": {idp.CreateUserPoolRequest{UserPoolAddOns: &idp.UserPoolAddOnsType{AdvancedSecurityMode: "ENFORCED"}},
		idp.CodeFeatureUnavailableInTier, "The following features need to be disabled for the ESSENTIALS pricing tier configured: Threat Protection"},
	"LITE": {idp.CreateUserPoolRequest{UserPoolTier: "LITE", Policies: &idp.UserPoolPolicyType{SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "WEB_AUTHN"}}}},
		idp.CodeFeatureUnavailableInTier, "The following features need to be disabled for the LITE pricing tier configured: Passwordless Sign-In"},
	"two numbers of days": {idp.CreateUserPoolRequest{
		Policies:              &idp.UserPoolPolicyType{PasswordPolicy: &idp.PasswordPolicyType{TemporaryPasswordValidityDays: new(int64(3))}},
		AdminCreateUserConfig: &idp.AdminCreateUserConfigType{UnusedAccountValidityDays: new(int64(4))}},
		idp.CodeInvalidParameter, "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"},
	"unverified update": {idp.CreateUserPoolRequest{UserAttributeUpdateSettings: &idp.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: []string{"email"}}},
		idp.CodeInvalidParameter, "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes"},
	"admin_only and more": {idp.CreateUserPoolRequest{AccountRecoverySetting: recovery("admin_only", 1, "verified_email", 2)},
		idp.CodeInvalidParameter, "Invalid account recovery setting parameter. Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms."},
	"same priority": {idp.CreateUserPoolRequest{AccountRecoverySetting: recovery("verified_phone_number", 1, "verified_email", 1)},
		idp.CodeInvalidParameter, "Invalid account recovery setting parameter. Account Recovery Setting cannot have duplicate priorities or recovery mechanisms."},
	"same mechanism": {idp.CreateUserPoolRequest{AccountRecoverySetting: recovery("verified_email", 1, "verified_email", 2)},
		idp.CodeInvalidParameter, "Invalid account recovery setting parameter. Account Recovery Setting cannot have duplicate priorities or recovery mechanisms."},
	"header injection": {idp.CreateUserPoolRequest{EmailConfiguration: &idp.EmailConfigurationType{From: "a@example.com\r\nBcc: b@example.com"}},
		idp.CodeInvalidParameter, "Provided From email address is invalid"},
	"developer without ARN": {idp.CreateUserPoolRequest{EmailConfiguration: &idp.EmailConfigurationType{EmailSendingAccount: "DEVELOPER"}},
		idp.CodeInvalidParameter, "Source ARN is required to use DEVELOPER email sending owner"},
	"sender without key": {idp.CreateUserPoolRequest{LambdaConfig: &idp.LambdaConfigType{CustomSMSSender: &idp.CustomSMSLambdaVersionConfigType{LambdaVersion: "V1_0", LambdaArn: "arn:x"}}},
		idp.CodeInvalidParameter, "KMSKeyId parameter is required when Custom SMS/Email Lambda trigger is used."},
	"invitation without name": {idp.CreateUserPoolRequest{AdminCreateUserConfig: &idp.AdminCreateUserConfigType{InviteMessageTemplate: &idp.MessageTemplateType{SMSMessage: "code {####}"}}},
		idp.CodeInvalidParameter, "Invalid SMS message for Admin create user flow parameter"},
	"invitation without password": {idp.CreateUserPoolRequest{AdminCreateUserConfig: &idp.AdminCreateUserConfigType{InviteMessageTemplate: &idp.MessageTemplateType{EmailMessage: "hello {username}"}}},
		idp.CodeInvalidParameter, "Invalid email message for Admin create user flow parameter"},
	"required custom": {schema(idp.SchemaAttributeType{Name: "x", Required: new(true)}),
		idp.CodeInvalidParameter, "Required custom attributes are not supported currently."},
	"type of a standard": {schema(idp.SchemaAttributeType{Name: "family_name", AttributeDataType: "Number"}),
		idp.CodeInvalidParameter, "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute family_name"},
	"developer standard": {schema(idp.SchemaAttributeType{Name: "email", DeveloperOnlyAttribute: new(true)}),
		idp.CodeInvalidParameter, "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute email"},
	"twice": {schema(idp.SchemaAttributeType{Name: "x"}, idp.SchemaAttributeType{Name: "x"}),
		idp.CodeInvalidParameter, "Duplicate custom attribute names custom:x are not allowed in a user pool schema."},
	"lengths": {schema(idp.SchemaAttributeType{Name: "x", StringAttributeConstraints: &idp.StringAttributeConstraintsType{MinLength: "5", MaxLength: "4"}}),
		idp.CodeInvalidParameter, "Attribute custom:x cannot have a max length shorter than it's min length"},
	"too long": {schema(idp.SchemaAttributeType{Name: "x", StringAttributeConstraints: &idp.StringAttributeConstraintsType{MaxLength: "2049"}}),
		idp.CodeInvalidParameter, "Attribute custom:x cannot have a length of more than 2048 characters."},
	"no length": {schema(idp.SchemaAttributeType{Name: "x", StringAttributeConstraints: &idp.StringAttributeConstraintsType{MaxLength: "1e3"}}),
		idp.CodeInvalidParameter, "Attribute custom:x has invalid string length constraints."},
	"numbers": {schema(idp.SchemaAttributeType{Name: "x", AttributeDataType: "Number", NumberAttributeConstraints: &idp.NumberAttributeConstraintsType{MinValue: "5", MaxValue: "-4"}}),
		idp.CodeInvalidParameter, "Attribute custom:x cannot have a max value smaller than it's min value"},
	"huge number": {schema(idp.SchemaAttributeType{Name: "x", AttributeDataType: "Number", NumberAttributeConstraints: &idp.NumberAttributeConstraintsType{MaxValue: strings.Repeat("9", 400)}}),
		idp.CodeInvalidParameter, "Attribute custom:x has invalid number constraints."},
	"reserved tag": {tagged("aws:x", "y"),
		idp.CodeUserPoolTagging, "Tag keys that begin with aws: are reserved."},
	"odd tag": {tagged("a<b", "y"),
		idp.CodeUserPoolTagging, `The tag "a<b" is invalid.`},
	"http issuer": {tagged("cognate:issuer", "http://id.example.com"),
		idp.CodeInvalidParameter, "The tag cognate:issuer must be self, aws or an https URL without query, fragment and final slash."},
	"issuer with slash": {tagged("cognate:issuer", "https://id.example.com/"),
		idp.CodeInvalidParameter, "The tag cognate:issuer must be self, aws or an https URL without query, fragment and final slash."},
	"bad id": {tagged("cognate:id", "eu-west-3_a_b-c"),
		idp.CodeInvalidParameter, `"eu-west-3_a_b-c" is not a valid user pool id.`},
	"bad client id": {tagged("cognate:client-id:web", "a-b"),
		idp.CodeInvalidParameter, "The tag cognate:client-id:web does not hold a valid client id."},
	"two functions": {idp.CreateUserPoolRequest{LambdaConfig: &idp.LambdaConfigType{PreTokenGeneration: "arn:a", PreTokenGenerationConfig: &idp.PreTokenGenerationVersionConfigType{LambdaVersion: "V2_0", LambdaArn: "arn:b"}}},
		idp.CodeInvalidParameter, "PreTokenGeneration and PreTokenGenerationConfig must name the same Lambda function."},
}

func recovery(name1 string, priority1 int64, name2 string, priority2 int64) *idp.AccountRecoverySettingType {
	return &idp.AccountRecoverySettingType{RecoveryMechanisms: []*idp.RecoveryOptionType{{Name: name1, Priority: priority1}, {Name: name2, Priority: priority2}}}
}

func schema(all ...idp.SchemaAttributeType) (in idp.CreateUserPoolRequest) {
	for _, a := range all {
		in.Schema = append(in.Schema, &a)
	}
	return in
}

func tagged(k, v string) idp.CreateUserPoolRequest {
	return idp.CreateUserPoolRequest{UserPoolTags: map[string]string{k: v}}
}

func TestRefusedPools(t *testing.T) {
	r := registry(t)
	for name, c := range refusedPools {
		t.Run(name, func(t *testing.T) {
			c.in.PoolName = "p"
			_, err := r.Create(t.Context(), region, &c.in)
			wantFault(t, err, c.code, c.text)
			if len(idp.CreateUserPool.Errors) == 0 || !slices.Contains(idp.CreateUserPool.Errors, c.code) {
				t.Errorf("the model does not declare %s", c.code)
			}
		})
	}
	pools, _, err := r.List(t.Context(), "", 60)
	if err != nil || len(pools) != 0 {
		t.Errorf("refused pools were made: %v, %v", pools, err)
	}
}

func TestTooManyTags(t *testing.T) {
	tags := map[string]string{}
	for i := range 51 {
		tags[fmt.Sprint("k", i)] = ""
	}
	_, err := registry(t).Create(t.Context(), region, &idp.CreateUserPoolRequest{PoolName: "p", UserPoolTags: tags})
	wantFault(t, err, idp.CodeUserPoolTagging, "A user pool can have at most 50 tags.")
}
