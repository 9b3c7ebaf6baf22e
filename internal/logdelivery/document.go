package logdelivery

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Notification is a message that was not delivered.
type Notification struct {
	Time    time.Time
	PoolID  string
	Details string // without a code, a text or a whole destination
}

// Activity is what a user did: an event of AdminListUserAuthEvents, whose words the members have, with whom it is about. It has no
// secret.
type Activity struct {
	EventID   string
	EventType string // SignIn, SignUp, ForgotPassword, PasswordChange or ResendCode
	Created   time.Time
	Response  string // Pass, Fail or InProgress

	PoolID, ClientID string
	Sub, Username    string
	RequestID        string
	Provider         string // through which the user came; empty for the pool's own

	RiskDecision string // NoRisk, AccountTakeover or Block
	RiskLevel    string // Low, Medium or High; empty for none
	Compromised  bool
	Challenges   []Challenge

	HasContext                           bool // whether the app has told of the user's device
	DeviceName, IPAddress, City, Country string
	FeedbackValue, FeedbackProvider      string // empty without feedback
	FeedbackTime                         time.Time
}

// Challenge is one that a user has answered.
type Challenge struct {
	Name     string `json:"challengeName"`     // Password or Mfa
	Response string `json:"challengeResponse"` // Success or Failure
}

// record is something to be logged.
type record interface {
	pool() string
	source() Source
	at() time.Time
	message() any
}

// The documents, as the developer guide shows them ("Exporting logs from Amazon Cognito user pools").
type document struct {
	Timestamp string   `json:"eventTimestamp"` // milliseconds since the epoch
	Source    string   `json:"eventSource"`
	Level     string   `json:"logLevel"`
	Message   any      `json:"message"`
	Of        sourceID `json:"logSourceId"`
}

type sourceID struct {
	PoolID string `json:"userPoolId"`
}

type notification struct {
	Details string `json:"details"`
}

type activity struct {
	Version          string      `json:"version"`
	EventID          string      `json:"eventId"`
	EventType        string      `json:"eventType"`
	Sub              string      `json:"userSub"`
	Username         string      `json:"userName"`
	PoolID           string      `json:"userPoolId"`
	ClientID         string      `json:"clientId"`
	Created          string      `json:"creationDate"`
	Response         string      `json:"eventResponse"`
	RiskLevel        string      `json:"riskLevel"`
	RiskDecision     string      `json:"riskDecision"`
	Challenges       []Challenge `json:"challenges"`
	DeviceName       string      `json:"deviceName"`
	IPAddress        string      `json:"ipAddress"`
	RequestID        string      `json:"requestId"`
	Provider         string      `json:"idpName"`
	Compromised      string      `json:"compromisedCredentialDetected"`
	City             string      `json:"city"`
	Country          string      `json:"country"`
	FeedbackValue    string      `json:"eventFeedbackValue"`
	FeedbackDate     string      `json:"eventFeedbackDate"`
	FeedbackProvider string      `json:"eventFeedbackProvider"`
	HasContext       string      `json:"hasContextData"`
}

// Level is that of all documents of a source: no other can be configured.
func (s Source) Level() string {
	if s == Notifications {
		return "ERROR"
	}
	return "INFO"
}

// name is what documents call a source.
func (s Source) name() string {
	if s == Notifications {
		return "USER_NOTIFICATION"
	}
	return "USER_ACTIVITY"
}

func (n Notification) pool() string   { return n.PoolID }
func (n Notification) source() Source { return Notifications }
func (n Notification) at() time.Time  { return n.Time }
func (n Notification) message() any   { return notification{n.Details} }

func (a Activity) pool() string   { return a.PoolID }
func (a Activity) source() Source { return Activities }
func (a Activity) at() time.Time  { return a.Created }

func (a Activity) message() any {
	challenges := a.Challenges
	if challenges == nil {
		challenges = []Challenge{}
	}
	return activity{
		Version: "1", EventID: a.EventID, EventType: a.EventType, Sub: a.Sub, Username: a.Username, PoolID: a.PoolID, ClientID: a.ClientID,
		Created: date(a.Created), Response: a.Response, RiskLevel: a.RiskLevel, RiskDecision: decision(a.RiskDecision), Challenges: challenges,
		DeviceName: a.DeviceName, IPAddress: a.IPAddress, RequestID: a.RequestID, Provider: a.Provider,
		Compromised: strconv.FormatBool(a.Compromised), City: a.City, Country: a.Country, FeedbackValue: a.FeedbackValue,
		FeedbackDate: date(a.FeedbackTime), FeedbackProvider: a.FeedbackProvider, HasContext: strconv.FormatBool(a.HasContext),
	}
}

// date is a time as Java prints it; empty for none.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("Mon Jan 02 15:04:05 UTC 2006")
}

// decision is what documents call a decision.
func decision(risk string) string {
	if risk == "NoRisk" {
		return "PASS"
	}
	return risk
}

// entryOf makes the document of a record.
func entryOf(r record) (Entry, error) {
	text, err := json.Marshal(document{
		Timestamp: strconv.FormatInt(r.at().UnixMilli(), 10), Source: r.source().name(), Level: r.source().Level(),
		Message: r.message(), Of: sourceID{r.pool()},
	}, jsontext.AllowInvalidUTF8(true))
	return Entry{Time: r.at(), Document: text}, err
}
