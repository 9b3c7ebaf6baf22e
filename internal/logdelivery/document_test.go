package logdelivery

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDocuments are those of the developer guide, "Exporting logs from Amazon Cognito user pools".
func TestDocuments(t *testing.T) {
	for name, tt := range map[string]struct {
		record record
		want   string
	}{
		"notification": {Notification{Time: time.UnixMilli(1687297330677), PoolID: "us-west-2_EXAMPLE", Details: "String"}, `{
			"eventTimestamp": "1687297330677", "eventSource": "USER_NOTIFICATION", "logLevel": "ERROR", "message": {"details": "String"},
			"logSourceId": {"userPoolId": "us-west-2_EXAMPLE"}}`},
		"activity": {Activity{
			EventID: "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", EventType: "SignUp", Created: time.Date(2024, 7, 17, 19, 25, 55, 0, time.FixedZone("", 7200)),
			Response: "InProgress", PoolID: "us-west-2_EXAMPLE", ClientID: "1example23456789", Sub: "a1b2c3d4-5678-90ab-cdef-EXAMPLE22222",
			Username: "test-user", RequestID: "a1b2c3d4-5678-90ab-cdef-EXAMPLE33333", RiskDecision: "NoRisk", HasContext: true,
			DeviceName: "Other, Other", IPAddress: "192.0.2.1", City: "Seattle", Country: "United States",
		}, `{"eventTimestamp": "1721237155000", "eventSource": "USER_ACTIVITY", "logLevel": "INFO", "message": {
			"version": "1", "eventId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", "eventType": "SignUp",
			"userSub": "a1b2c3d4-5678-90ab-cdef-EXAMPLE22222", "userName": "test-user", "userPoolId": "us-west-2_EXAMPLE",
			"clientId": "1example23456789", "creationDate": "Wed Jul 17 17:25:55 UTC 2024", "eventResponse": "InProgress", "riskLevel": "",
			"riskDecision": "PASS", "challenges": [], "deviceName": "Other, Other", "ipAddress": "192.0.2.1",
			"requestId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE33333", "idpName": "", "compromisedCredentialDetected": "false", "city": "Seattle",
			"country": "United States", "eventFeedbackValue": "", "eventFeedbackDate": "", "eventFeedbackProvider": "",
			"hasContextData": "true"}, "logSourceId": {"userPoolId": "us-west-2_EXAMPLE"}}`},
		"risk": {Activity{
			Created: time.UnixMilli(0), RiskDecision: "Block", RiskLevel: "High", Compromised: true, Provider: "Google", Username: "a\n\"<\xff",
			Challenges: []Challenge{{"Password", "Success"}, {"Mfa", "Failure"}}, FeedbackValue: "Invalid", FeedbackProvider: "Admin",
			FeedbackTime: time.UnixMilli(1000),
		}, `{"eventTimestamp": "0", "eventSource": "USER_ACTIVITY", "logLevel": "INFO", "message": {
			"version": "1", "eventId": "", "eventType": "", "userSub": "", "userName": "a\n\"<` + "\ufffd" + `", "userPoolId": "", "clientId": "",
			"creationDate": "Thu Jan 01 00:00:00 UTC 1970", "eventResponse": "", "riskLevel": "High", "riskDecision": "Block",
			"challenges": [{"challengeName": "Password", "challengeResponse": "Success"}, {"challengeName": "Mfa", "challengeResponse": "Failure"}],
			"deviceName": "", "ipAddress": "", "requestId": "", "idpName": "Google", "compromisedCredentialDetected": "true", "city": "", "country": "",
			"eventFeedbackValue": "Invalid", "eventFeedbackDate": "Thu Jan 01 00:00:01 UTC 1970", "eventFeedbackProvider": "Admin",
			"hasContextData": "false"}, "logSourceId": {"userPoolId": ""}}`},
	} {
		e, err := entryOf(tt.record)
		if err != nil || strings.Contains(string(e.Document), "\n") || !e.Time.Equal(tt.record.at()) {
			t.Errorf("%s: %s, %v", name, e.Document, err)
		}
		var got, want any
		if err := json.Unmarshal(e.Document, &got); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestParseARN(t *testing.T) {
	for text, want := range map[string]ARN{
		"arn:aws:logs:us-west-2:123456789012:log-group:example-user-pool-exported": {LogGroup, "aws", "us-west-2", "123456789012", "example-user-pool-exported"},
		"arn:aws:logs:us-west-2:123456789012:log-group:/aws/vendedlogs/a_b.c#d:*":  {LogGroup, "aws", "us-west-2", "123456789012", "/aws/vendedlogs/a_b.c#d"},
		"arn:aws:firehose:eu-west-3:123456789012:deliverystream/a-b_c.d":           {Stream, "aws", "eu-west-3", "123456789012", "a-b_c.d"},
		"arn:aws-cn:s3:::amzn-s3-demo-bucket1":                                     {Bucket, "aws-cn", "", "", "amzn-s3-demo-bucket1"},
	} {
		if got, ok := ParseARN(text); !ok || got != want {
			t.Errorf("%s: %+v, %t", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "arn", "arn:aws:logs", "arn:aws:logs:us-west-2:123456789012:log-group:", "arn:aws:logs:us-west-2:123456789012:log-group:a:log-stream:b",
		"arn:aws:logs::123456789012:log-group:a", "arn:aws:logs:us-west-2::log-group:a", "arn:aws:logs:us-west-2:123456789012:a",
		"arn:aws:firehose:eu-west-3:123456789012:stream/a", "arn:aws:firehose:eu-west-3:123456789012:deliverystream/a/b",
		"arn:aws:s3:::a/b", "arn:aws:s3:eu-west-3::a", "arn:aws:s3:::", "arn:aws:s3:::../a", "arn:aws:s3:::A", "arn::s3:::a",
		"arn:aws:sns:us-west-2:123456789012:a", "arn:aws:s3:::a\n", "arn:aws:logs:us-west-2:123456789012:log-group:" + strings.Repeat("a", 513),
	} {
		if got, ok := ParseARN(text); ok {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// FuzzParseARN holds that a name goes into an address as it is.
func FuzzParseARN(f *testing.F) {
	f.Add("arn:aws:logs:us-west-2:123456789012:log-group:/a/b:*")
	f.Add("arn:aws:s3:::bucket")
	f.Add("arn:aws:firehose:eu-west-3:123456789012:deliverystream/a")
	f.Fuzz(func(t *testing.T, text string) {
		a, ok := ParseARN(text)
		if !ok {
			return
		}
		if a.Name == "" || a.Partition == "" || strings.Contains(a.Name, "..") || strings.ContainsAny(a.Name, "?%&:@\\ \r\n\x00") ||
			a.Kind != LogGroup && strings.Contains(a.Name, "/") || !strings.Contains(text, a.Name) {
			t.Errorf("%q: %+v", text, a)
		}
	})
}
