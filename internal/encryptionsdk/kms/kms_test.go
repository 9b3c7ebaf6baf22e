package kms

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"cognate/internal/awsclient"
	"cognate/internal/awsclient/awstest"
	"cognate/internal/encryptionsdk"
)

const arn = "arn:aws:kms:us-west-2:123456789012:key/one"

var plain = bytes.Repeat([]byte{7}, encryptionsdk.KeySize)

func made(awstest.Request) (int, string) {
	return 200, `{"KeyId":"` + arn + `","Plaintext":"` + base64.StdEncoding.EncodeToString(plain) + `","CiphertextBlob":"d3JhcHBlZA=="}`
}

func open(t *testing.T, c awsclient.Config) encryptionsdk.Keyring {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s.Keyring(arn)
}

// TestDataKey looks at every parameter.
func TestDataKey(t *testing.T) {
	service := awstest.Serve(t, "kms", made, nil)
	bound := encryptionsdk.Context{"userpool-id": "us-east-1_a", "aws-crypto-public-key": "x"}
	for region, want := range map[string]string{"": "us-west-2", "ap-south-1": "ap-south-1"} {
		key, err := open(t, awsclient.Config{Endpoint: service.URL, Region: region}).DataKey(t.Context(), bound)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(key.Plain, plain) || key.Provider != "aws-kms" || string(key.Info) != arn || string(key.Wrapped) != "wrapped" {
			t.Errorf("%+v", key)
		}
		q := service.Last(t)
		var in struct {
			KeyId             string
			NumberOfBytes     int
			EncryptionContext encryptionsdk.Context
		}
		d := json.NewDecoder(bytes.NewReader(q.Body))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			t.Fatal(err)
		}
		if q.Region != want || q.Header.Get("X-Amz-Target") != "TrentService.GenerateDataKey" || in.KeyId != arn || in.NumberOfBytes != 32 ||
			len(in.EncryptionContext) != 2 || in.EncryptionContext["userpool-id"] != "us-east-1_a" || in.EncryptionContext["aws-crypto-public-key"] != "x" {
			t.Errorf("signed for %s: %s", q.Region, q.Body)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL_KMS", service.URL)
	if _, err := open(t, awsclient.Config{}).DataKey(t.Context(), bound); err != nil {
		t.Errorf("the environment's endpoint: %v", err)
	}
}

func TestFailures(t *testing.T) {
	for answer, want := range map[string]string{
		`{"__type":"NotFoundException","message":"no such key"}`:   "no such key",
		`{"KeyId":"x","Plaintext":"AAAA","CiphertextBlob":"AAAA"}`: "not a data key",
	} {
		status := 200
		if strings.Contains(answer, "__type") {
			status = 400
		}
		service := awstest.Serve(t, "kms", func(awstest.Request) (int, string) { return status, answer }, nil)
		if _, err := open(t, awsclient.Config{Endpoint: service.URL}).DataKey(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	if _, err := New(awsclient.Config{Region: "EU"}); err == nil {
		t.Error("a region that is none")
	}
	for arn, want := range map[string]string{arn: "us-west-2", "alias/x": "", "arn:aws:kms:a.b:1:key/x": "", "arn:aws:iam:us-east-1:1:key/x": ""} {
		if got := regionOf(arn); got != want {
			t.Errorf("%s: %q", arn, got)
		}
	}
}
