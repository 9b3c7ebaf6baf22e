package trigger

// event is the document of a call, in the order of Cognito's members (section 1).
type event struct {
	Version       string        `json:"version"`
	TriggerSource string        `json:"triggerSource"`
	Region        string        `json:"region"`
	UserPoolID    string        `json:"userPoolId"`
	UserName      string        `json:"userName"`
	CallerContext callerContext `json:"callerContext"`
	Request       any           `json:"request"`
	Response      any           `json:"response"`
}

type callerContext struct {
	AWSSDKVersion string `json:"awsSdkVersion"`
	ClientID      string `json:"clientId"`
}

const (
	noSDK    = "aws-sdk-unknown-unknown"
	noClient = "CLIENT_ID_NOT_APPLICABLE"
)

func newEvent(s Scene, request, response any) event {
	e := event{
		Version: s.Version, TriggerSource: s.Source, Region: s.Region, UserPoolID: s.PoolID, UserName: s.UserName,
		CallerContext: callerContext{noSDK, s.ClientID}, Request: request, Response: response,
	}
	if e.Version == "" {
		e.Version = "1"
	}
	if s.ClientID == "" {
		e.CallerContext.ClientID = noClient
	}
	return e
}
