package server

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cognate/internal/fault"
	"cognate/internal/outbound"
	"cognate/internal/trigger"
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// configured makes the dispatcher of a configuration.
func configured(t *testing.T, c Config) (*trigger.Dispatcher, *Server, error) {
	t.Helper()
	s := &Server{config: c, logger: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() { s.functions.Close() })
	d, err := s.dispatcher()
	return d, s, err
}

// TestFunctions chooses how to run a function by its ARN, then by its name.
func TestFunctions(t *testing.T) {
	const prefix = "arn:aws:lambda:us-east-1:123456789012:function:"
	answers := map[string]*httptest.Server{}
	functions := Functions{}
	for _, name := range []string{prefix + "one", prefix + "one:prod", "one", "one:test", "two", "*"} {
		answers[name] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
		defer answers[name].Close()
		functions[name] = Function{Webhook: &Webhook{URL: answers[name].URL, SecretFile: file(t, "secret", webhookSecret)}}
	}
	_, s, err := configured(t, Config{Dev: true, Functions: functions})
	if err != nil {
		t.Fatal(err)
	}
	for arn, want := range map[string]string{
		prefix + "one": prefix + "one", prefix + "one:prod": prefix + "one:prod", prefix + "one:other": prefix + "one", prefix + "one:test": prefix + "one",
		"arn:aws:lambda:eu-west-1:123456789012:function:one": "one", "arn:aws:lambda:eu-west-1:123456789012:function:one:test": "one:test", "arn:aws:lambda:eu-west-1:123456789012:function:one:prod": "one",
		prefix + "two": "two", prefix + "two:x": "two", prefix + "three": "*", "arn:aws:other": "*", "one": "one",
	} {
		if answer, err := s.functions.Invoke(t.Context(), arn, []byte("{}")); err != nil || string(answer) != want {
			t.Errorf("%s: called %s, %v; want %s", arn, answer, err, want)
		}
	}
	delete(s.functions.named, "*")
	if r := s.functions.of(prefix + "three"); r != s.functions.others {
		t.Errorf("without any: %T", r)
	}
}

// TestFunctionKinds calls a function of each kind, and closes what it has started.
func TestFunctionKinds(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_REGION": "", "OWN": webhookSecret} {
		t.Setenv(name, value)
	}
	region := ""
	lambdas := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		region = r.Header.Get("Authorization")
		io.WriteString(w, `{"response":{"autoVerifyEmail":true}}`)
	}))
	defer lambdas.Close()
	program := file(t, "function.mjs", `const api = `+"`http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`"+`;
for (;;) {
  const next = await fetch(api + "/next");
  const event = await next.json();
  event.response.autoConfirmUser = process.env.NUMBER === "7";
  await fetch(api + "/" + next.headers.get("lambda-runtime-aws-request-id") + "/response", { method: "POST", body: JSON.stringify(event) });
}
`)
	var c Config
	err := c.ReadFunctions(file(t, "functions.yaml", `
functions:
  far: {lambda: {endpoint: "`+lambdas.URL+`", region: eu-central-1}}
  here:
    process:
      command: [node, `+program+`]
      env: {NUMBER: 7}
      concurrency: 2
  inside: {webhook: {url: "https://127.0.0.1:1/", secret_env: OWN}}
  mail: {builtin: {name: email-code}}
  "*": {ignore: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	d, s, err := configured(t, c)
	if err != nil {
		t.Fatal(err)
	}
	call := func(name string) (trigger.PreSignUpResponse, error) {
		return trigger.PreSignUp.Call(t.Context(), d, "arn:aws:lambda:us-east-1:1:function:"+name, trigger.Scene{}, trigger.PreSignUpRequest{})
	}
	for name, want := range map[string]trigger.PreSignUpResponse{"far": {AutoVerifyEmail: true}, "here": {AutoConfirmUser: true}, "elsewhere": {}} {
		if got, err := call(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if !strings.Contains(region, "/eu-central-1/lambda/") {
		t.Errorf("signed as %s", region)
	}
	next, err := trigger.DefineAuthChallenge.Call(t.Context(), d, "arn:aws:lambda:us-east-1:1:function:mail", trigger.Scene{Source: trigger.SourceDefineAuthChallenge}, trigger.DefineAuthChallengeRequest{})
	if err != nil || *next.ChallengeName != "CUSTOM_CHALLENGE" {
		t.Errorf("a built-in one: %+v, %v", next, err)
	}
	_, err = call("inside")
	if f, ok := errors.AsType[*fault.Error](err); !ok || !errors.Is(err, outbound.ErrAddress) || f.Message != "PreSignUp invocation failed due to error ServiceException." {
		t.Errorf("inside: %v", err)
	}
	s.functions.Close()
	if _, err := call("here"); err == nil {
		t.Error("works when it is closed")
	}
}

// TestFunctionRefusals names what is wrong, its line, and no secret.
func TestFunctionRefusals(t *testing.T) {
	t.Setenv("OWN", webhookSecret)
	for text, want := range map[string]string{
		"functions:\n  f: {}\n":                                                                           "f (line 2): name exactly one of",
		"functions:\n\n  f:\n    ignore: false\n":                                                         "f (line 4): name exactly one of",
		"functions:\n  f: {ignore: true, lambda: {}}\n":                                                   "f (line 2): name exactly one of",
		"functions:\n  \"a b\": {ignore: true}\n":                                                         "a b (line 2): neither",
		"functions:\n  \"\": {ignore: true}\n":                                                            "(line 2): neither",
		"functions:\n  \"arn:aws:iam::1:role/r\": {ignore: true}\n":                                       "(line 2): neither",
		"functions:\n  f: {builtin: {name: sms-code}}\n":                                                  "f (line 2): the name is neither",
		"functions:\n  f: {builtin: {name: magic-link}}\n":                                                "f (line 2): the url is not",
		"functions:\n  f: {builtin: {name: magic-link, url: \"http://a.example#{code}\"}}\n":              "f (line 2): the url is not https",
		"functions:\n  f: {builtin: {name: email-code}, ignore: true}\n":                                  "f (line 2): name exactly one of",
		"functions:\n  f: {process: {}}\n":                                                                "f (line 2): the command is missing",
		"functions:\n  f: {process: {command: [/nowhere/program]}}\n":                                     "f (line 2): ",
		"functions:\n  f: {process: {command: [sh], concurrency: -1}}":                                    "f (line 2): a concurrency",
		"functions:\n  f: {lambda: {region: EU}}\n":                                                       "f (line 2): \"EU\" is not a region",
		"functions:\n  f: {webhook: {url: \"https://a.example\"}}\n":                                      "f (line 2): name either a file or an environment variable",
		"functions:\n  f: {webhook: {url: \"http://a.example\", secret_env: OWN}}\n":                      "f (line 2): the url is not https",
		"functions:\n  f: {webhook: {url: \"https://a.example\", secret_env: OWN, networks: [inside]}}\n": "f (line 2): networks: \"inside\"",
		"functions:\n  f: {webhook: {url: \"https://a.example\", secret_env: PATH}}\n":                    "f (line 2): the secret is not",
		"functions:\n  f:\n    webhook: {url: \"https://a.example\", secret: word}\n":                     "[3:",
		"functions:\n  f: {ignore: true}\n  f: {ignore: true}\n":                                          "[3:",
		"functions: [word]\n":  "[1:",
		"functions: {f: word}": "[1:",
		"addr: word\n":         "[1:",
	} {
		var c Config
		err := c.ReadFunctions(file(t, "functions.yaml", text))
		if err == nil {
			_, _, err = configured(t, c)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "word") || strings.Contains(err.Error(), webhookSecret) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
	c, err := ReadConfig(file(t, "c.yaml", "addr: a\nfunctions:\n  f: {ignore: true}\n"))
	if err != nil || !c.Functions["f"].Ignore || c.Functions["f"].line != 3 {
		t.Errorf("%+v, %v", c.Functions, err)
	}
}
