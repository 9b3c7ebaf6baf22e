package outbound

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// minKey and maxKey are how many bytes a key has (Standard Webhooks, "Signature scheme").
const (
	minKey = 24
	maxKey = 64
)

// Hook is an address that documents are posted to, signed as Standard Webhooks says
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
type Hook struct {
	url string
	key []byte
}

// NewHook makes a hook. The address is https, or http too when clear is set; the secret is 24 to 64 bytes in base64, after "whsec_"
// perhaps. No error shows either.
func NewHook(address string, clear bool, secret string) (*Hook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("the url is not one of a server") // which may hold a secret
	}
	if u.Scheme != "https" && !(clear && u.Scheme == "http") {
		return nil, errors.New("the url is not https")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("the secret is not %d to %d bytes in base64", minKey, maxKey)
	}
	return &Hook{url: address, key: key}, nil
}

// Request is one that posts a JSON document, under an id that tells it from others.
func (h *Hook) Request(ctx context.Context, id string, document []byte) (*http.Request, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(document)
	q.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Cognate"},
		"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
	return q, nil
}
