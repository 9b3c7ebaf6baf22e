package trigger

import (
	"maps"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cognate/internal/store"
)

// The triggers of Cognito's that the server knows, with what each tells and takes (sections 4 and 5).
var (
	PreSignUp          = Trigger[PreSignUpRequest, PreSignUpResponse]{"PreSignUp"}
	PostConfirmation   = Trigger[PostConfirmationRequest, Nothing]{"PostConfirmation"}
	PreAuthentication  = Trigger[PreAuthenticationRequest, Nothing]{"PreAuthentication"}
	PostAuthentication = Trigger[PostAuthenticationRequest, Nothing]{"PostAuthentication"}
	InboundFederation  = Trigger[InboundFederationRequest, InboundFederationResponse]{"InboundFederation"}
	UserMigration      = Trigger[UserMigrationRequest, UserMigrationResponse]{"UserMigration"}
	CustomMessage      = Trigger[CustomMessageRequest, CustomMessageResponse]{"CustomMessage"}
	PreTokenV1         = Trigger[PreTokenRequestV1, PreTokenResponseV1]{preToken}
	PreTokenV2         = Trigger[PreTokenRequestV2, PreTokenResponseV2]{preToken} // and V3
)

const preToken = "PreTokenGeneration"

// The values of triggerSource.
const (
	SourcePreSignUp               = "PreSignUp_SignUp"
	SourcePreSignUpAdmin          = "PreSignUp_AdminCreateUser"
	SourcePreSignUpExternal       = "PreSignUp_ExternalProvider"
	SourceConfirmSignUp           = "PostConfirmation_ConfirmSignUp"
	SourceConfirmForgotPassword   = "PostConfirmation_ConfirmForgotPassword"
	SourcePreAuthentication       = "PreAuthentication_Authentication"
	SourcePostAuthentication      = "PostAuthentication_Authentication"
	SourceDefineAuthChallenge     = "DefineAuthChallenge_Authentication"
	SourceCreateAuthChallenge     = "CreateAuthChallenge_Authentication"
	SourceVerifyAuthChallenge     = "VerifyAuthChallengeResponse_Authentication"
	SourceInboundFederation       = "InboundFederation_ExternalProvider"
	SourceMigrateSignIn           = "UserMigration_Authentication"
	SourceMigrateForgot           = "UserMigration_ForgotPassword"
	SourceCustomMessage           = "CustomMessage_" // and the purpose of the message
	SourceTokensHosted            = "TokenGeneration_HostedAuth"
	SourceTokens                  = "TokenGeneration_Authentication"
	SourceTokensNewPassword       = "TokenGeneration_NewPasswordChallenge"
	SourceTokensDevice            = "TokenGeneration_AuthenticateDevice"
	SourceTokensRefresh           = "TokenGeneration_RefreshTokens"
	SourceTokensClientCredentials = "TokenGeneration_ClientCredentials"
)

// Attributes are those of a user, as functions see them: with sub and cognito:user_status once there is one. Nil is {}.
type Attributes map[string]string

// AttributesOf are the attributes of a user who is there.
func AttributesOf(u store.User) Attributes {
	out := Attributes{}
	maps.Copy(out, u.Attributes)
	out["sub"], out["cognito:user_status"] = u.Sub, u.Status
	return out
}

// Metadata is what the app has sent for functions; nil is null.
type Metadata map[string]string

// MarshalJSON implements json.Marshaler.
func (m Metadata) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	return json.Marshal(map[string]string(m), json.Deterministic(true))
}

// Nothing is the response of triggers that take none.
type Nothing struct{}

// PreSignUpRequest tells of a user who is about to be made.
type PreSignUpRequest struct {
	UserAttributes Attributes `json:"userAttributes"`
	ValidationData Metadata   `json:"validationData"`
	ClientMetadata Metadata   `json:"clientMetadata"`
}

// PreSignUpResponse is what of the user is settled without a code.
type PreSignUpResponse struct {
	AutoConfirmUser bool `json:"autoConfirmUser"`
	AutoVerifyEmail bool `json:"autoVerifyEmail"`
	AutoVerifyPhone bool `json:"autoVerifyPhone"`
}

// PostConfirmationRequest tells of a user who has just been confirmed.
type PostConfirmationRequest struct {
	UserAttributes Attributes `json:"userAttributes"`
	ClientMetadata Metadata   `json:"clientMetadata"`
}

// PreAuthenticationRequest tells of a sign-in before anything is proven. UserNotFound is there only where the client hides who
// exists.
type PreAuthenticationRequest struct {
	UserAttributes Attributes `json:"userAttributes"`
	ValidationData Metadata   `json:"validationData"`
	UserNotFound   *bool      `json:"userNotFound,omitzero"`
}

// PostAuthenticationRequest tells of a sign-in when all is proven.
type PostAuthenticationRequest struct {
	UserAttributes Attributes `json:"userAttributes"`
	NewDeviceUsed  bool       `json:"newDeviceUsed"`
	ClientMetadata Metadata   `json:"clientMetadata"`
}

// InboundFederationRequest tells what an identity provider has answered, before it is mapped.
type InboundFederationRequest struct {
	ProviderName string         `json:"providerName"`
	ProviderType string         `json:"providerType"`
	Attributes   map[string]any `json:"attributes"` // tokenResponse, idToken and userInfo, or samlResponse
}

// InboundFederationResponse is what is mapped in place of what the provider has answered; empty changes nothing.
type InboundFederationResponse struct {
	UserAttributesToMap map[string]jsontext.Value `json:"userAttributesToMap"`
}

// UserMigrationRequest tells of somebody whom the pool does not know, and of the password that was typed; there is none where it was
// forgotten. It is not to be logged.
type UserMigrationRequest struct {
	Password       string   `json:"password,omitzero"`
	ValidationData Metadata `json:"validationData"`
	ClientMetadata Metadata `json:"clientMetadata"`
}

// UserMigrationResponse is the user whom the function knows; without attributes it knows none. FinalUserStatus is CONFIRMED, or
// RESET_REQUIRED when it is empty.
type UserMigrationResponse struct {
	UserAttributes         map[string]string `json:"userAttributes"`
	FinalUserStatus        string            `json:"finalUserStatus"`
	MessageAction          string            `json:"messageAction"`
	DesiredDeliveryMediums []string          `json:"desiredDeliveryMediums"`
	ForceAliasCreation     bool              `json:"forceAliasCreation"`
	EnableSMSMFA           bool              `json:"enableSMSMFA"`
}

// CustomMessageRequest tells of a message that is about to be sent, and what stands in its text for the code, the link and the user's
// name; nil ones are not in it.
type CustomMessageRequest struct {
	UserAttributes    Attributes `json:"userAttributes"`
	CodeParameter     string     `json:"codeParameter"`
	LinkParameter     *string    `json:"linkParameter"`
	UsernameParameter *string    `json:"usernameParameter"`
	ClientMetadata    Metadata   `json:"clientMetadata"`
}

// CustomMessageResponse is what the message says; nil and empty are as the pool has it.
type CustomMessageResponse struct {
	SMSMessage   *string `json:"smsMessage"`
	EmailMessage *string `json:"emailMessage"`
	EmailSubject *string `json:"emailSubject"`
}

// GroupConfiguration are a user's groups and their roles.
type GroupConfiguration struct {
	GroupsToOverride   []string `json:"groupsToOverride"`
	IAMRolesToOverride []string `json:"iamRolesToOverride"`
	PreferredRole      *string  `json:"preferredRole"`
}

// PreTokenRequestV1 tells for whom tokens are about to be made (protocol page "tokens", section 10).
type PreTokenRequestV1 struct {
	UserAttributes     Attributes          `json:"userAttributes"`
	GroupConfiguration *GroupConfiguration `json:"groupConfiguration"`
	ClientMetadata     Metadata            `json:"clientMetadata"`
}

// PreTokenRequestV2 is PreTokenRequestV1 with the scopes of the access token.
type PreTokenRequestV2 struct {
	UserAttributes     Attributes          `json:"userAttributes"`
	GroupConfiguration *GroupConfiguration `json:"groupConfiguration"`
	Scopes             []string            `json:"scopes"`
	ClientMetadata     Metadata            `json:"clientMetadata"`
}

// PreTokenResponseV1 changes the claims of the ID token, all of them texts, and the groups of both tokens.
type PreTokenResponseV1 struct {
	Details *struct {
		Add      map[string]string `json:"claimsToAddOrOverride"`
		Suppress []string          `json:"claimsToSuppress"`
		Groups   GroupOverride     `json:"groupOverrideDetails"`
	} `json:"claimsOverrideDetails"`
}

// PreTokenResponseV2 changes the claims of both tokens, the scopes of the access token, and the groups.
type PreTokenResponseV2 struct {
	Details *struct {
		ID     *ClaimChange  `json:"idTokenGeneration"`
		Access *ClaimChange  `json:"accessTokenGeneration"`
		Groups GroupOverride `json:"groupOverrideDetails"`
	} `json:"claimsAndScopeOverrideDetails"`
}

// GroupOverride is what the groups of tokens are to be, when There says that the function has said so. Null is no groups.
type GroupOverride struct {
	There bool
	To    GroupConfiguration
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *GroupOverride) UnmarshalJSON(text []byte) error {
	*g = GroupOverride{There: true}
	return json.Unmarshal(text, &g.To)
}

// ClaimChange is what a token has in addition or instead, and what not. The scopes are those of access tokens.
type ClaimChange struct {
	Add            map[string]jsontext.Value `json:"claimsToAddOrOverride"`
	Suppress       []string                  `json:"claimsToSuppress"`
	ScopesAdd      []string                  `json:"scopesToAdd,omitzero"`
	ScopesSuppress []string                  `json:"scopesToSuppress,omitzero"`
}
