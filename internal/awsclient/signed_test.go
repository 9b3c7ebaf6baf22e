package awsclient

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// TestAddresses are where calls go, by the settings, the environment and AWS's names for its hosts.
func TestAddresses(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_LOGS", "http://logs.test")
	own := Config{Endpoint: "https://own.test/base/"}
	for name, tt := range map[string]struct {
		service, id string
		config      Config
		everywhere  string // AWS_ENDPOINT_URL
		call        Call
		want        string // empty for an error
	}{
		"AWS's":                 {"firehose", "FIREHOSE", Config{}, "", Call{Partition: "aws", Region: "eu-west-3", Path: "/"}, "https://firehose.eu-west-3.amazonaws.com/"},
		"in China":              {"firehose", "FIREHOSE", Config{}, "", Call{Partition: "aws-cn", Region: "cn-north-1", Path: "/"}, "https://firehose.cn-north-1.amazonaws.com.cn/"},
		"a bucket":              {"s3", "S3", Config{}, "", Call{Partition: "aws", Region: "us-east-1", Place: "logs", Path: "/a/b"}, "https://logs.s3.us-east-1.amazonaws.com/a/b"},
		"a bucket of others":    {"s3", "S3", own, "", Call{Partition: "aws", Region: "us-east-1", Place: "logs", Path: "/a/b"}, "https://own.test/base/logs/a/b"},
		"configured":            {"logs", "LOGS", own, "http://all.test", Call{Partition: "aws", Region: "us-east-1", Path: "/"}, "https://own.test/base/"},
		"environment":           {"logs", "LOGS", Config{}, "http://all.test", Call{Partition: "aws", Region: "us-east-1", Path: "/"}, "http://logs.test/"},
		"environment, of all":   {"firehose", "FIREHOSE", Config{}, "http://all.test", Call{Partition: "none", Region: "us-east-1", Path: "/"}, "http://all.test/"},
		"the default region":    {"firehose", "FIREHOSE", Config{}, "", Call{Partition: "aws", Path: "/"}, "https://firehose.eu-west-1.amazonaws.com/"},
		"an unknown partition":  {"firehose", "FIREHOSE", Config{}, "", Call{Partition: "evil.test/", Region: "us-east-1", Path: "/"}, ""},
		"a region that is none": {"firehose", "FIREHOSE", Config{}, "", Call{Partition: "aws", Region: "evil.test/", Path: "/"}, ""},
	} {
		s, err := NewService(tt.service, tt.id, tt.config)
		if err != nil {
			t.Fatal(err)
		}
		settings := &aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "session")}
		if tt.everywhere != "" {
			settings.BaseEndpoint = &tt.everywhere
		}
		s.loaded = settings
		region := tt.call.Region
		if region == "" {
			region = settings.Region
		}
		r, err := s.request(t.Context(), settings, region, tt.call)
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%s: %s", name, r.URL)
		case tt.want == "":
		case err != nil || r.URL.String() != tt.want || r.Header.Get("X-Amz-Security-Token") != "session" || r.Header.Get("Authorization") == "":
			t.Errorf("%s: %v, %v, want %s", name, r, err, tt.want)
		}
	}
}

func TestRefusalsOfServices(t *testing.T) {
	for body, want := range map[string]string{
		`{"__type":"com.amazonaws.logs#ThrottlingException","message":"slow"}`: "ThrottlingException: slow",
		`{"code":"SlowDown","message":"m"}`:                                    "SlowDown: m",
		`<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>`:      "NoSuchBucket: none",
		`<html>`: "status 503: ",
		``:       "status 503: ",
		`<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><Error><Code>&x;</Code></Error>`: "status 503: ",
	} {
		code, text := Refusal(refusal(&http.Response{StatusCode: 503, Header: http.Header{}}, []byte(body)))
		if got := code + ": " + text; got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
	header := http.Header{"X-Amzn-Errortype": {"AccessDeniedException:http://internal.amazon.com/"}}
	if code, _ := Refusal(refusal(&http.Response{StatusCode: 400, Header: header}, []byte(`{}`))); code != "AccessDeniedException" {
		t.Error(code)
	}
}
