package scripttest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"cognate/api"
	"cognate/internal/srp"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
)

// Run runs the scripts under testdata, one for each operation of a service, on both engines, over HTTP. A script
// is steps; blank lines and lines that begin with # mean nothing.
//
//	> Operation {"Member": "value"}     calls an operation of the service, or else of another one; the JSON may go on
//	                                    over several lines
//	>- Operation {"Member": "value"}    calls it without a signature
//	> Cognate.Operation {...}           calls an operation of our own
//	< {"Member": "*", "Id": "${id}"}    the answer: exactly these members; "*" is any value, and
//	                                    ${id} any value that is kept under that name, or the kept one
//	< {"...": 1, "Member": "value"}     the answer has these members, and maybe others
//	< NotAuthorizedException: A text.   the error; the text is all that follows, with \n for a line end
//	< empty                             an answer without a body
//	! code DESTINATION                  keeps the last code sent there as ${code}
//	! word NAME DESTINATION BEFORE      keeps the word that follows another in the next message there
//	! sign-in USER PASSWORD             signs in by password at ${client}; keeps ${access}, ${id}, ${refresh}
//	! hash USERNAME CLIENT SECRET       keeps the SECRET_HASH as ${hash}
//	! let NAME VALUE                    keeps a value
//	! totp SEED [OFFSET]                keeps the software token's code of now as ${totp}, or of OFFSET steps later
//	! new-passkey ORIGIN [PARTY]        makes a passkey for the user of ${access}, in a browser that is at ORIGIN; keeps
//	                                    what it sends to register it as ${credential}
//	! again-passkey ORIGIN              the same with the passkey that was made last
//	! use-passkey ORIGIN OPTIONS        answers a sign-in's options with that passkey; keeps the text as ${proof}
//	! user NAME PASSWORD [EMAIL]        makes a confirmed user in ${pool}, with a verified address
//	! secret-client                     makes one more client, that has a secret; keeps ${secret-client}, ${secret}
//	! other-pool                        makes a second pool like ${pool}; keeps ${other-pool}, ${other-client}
//	! federate PROVIDER SUBJECT [NAME=VALUE...]
//	                                    signs in through a provider, as it comes to ${client} with claims; keeps ${sub}
//	! claims TOKEN SECONDS PATTERN      wants the claims of a token to fit a pattern, as an answer's members, but for iat and
//	                                    exp, which are so many seconds apart
//	! session KEY TOKEN PATTERN         wants the session of credentials to fit a pattern: what its token holds but for its secret
//	! import-header                     keeps the columns of a file to import into ${pool}, between commas, as ${header}, and
//	                                    as many commas, less one, as ${none}
//	! put URL STATUS [LINE...]          uploads lines and gets the HTTP status
//	! wait-import JOB                   waits until an import job of ${pool} is over, and keeps its log as ${log}, a "|" for
//	                                    the end of each line
//	! log TEXT                          ${log} is this text
//	! in REGION                         what follows is asked of a server of that region, over the same database
//	! take-up                           that server takes up and gives up replicas
//	! alg-none TOKEN                    keeps the token with alg none and no signature as ${alg-none}
//
// Every script begins in a pool of its own, ${pool}, of Cognito's defaults with e-mail verified by the
// pool and case-insensitive names, and with a client without a secret, ${client}, that allows every flow.
// A word between ${ and } stands for what is kept under it, in every line; ${invalid-utf8} is a byte that
// is no UTF-8.
func Run(t *testing.T, service *api.Service) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	engines.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".txt")
			t.Run(name, func(t *testing.T) { newScript(t, h, service).run(file) })
		}
	})
}

// Script is one run of a script's steps. Its methods fail the test when a step does.
type Script struct {
	*testing.T
	House *House
	Kept  map[string]string // what ${...} stands for

	service *api.Service
	region  *House // that calls go to; nil is House
	where   string
	browser authenticator
	code    int
	last    []byte // the answer that waits to be looked at; nil when there is none
}

// New begins a script that the caller gives step by step, in a house and a pool of its own.
func New(t *testing.T, db *store.DB, service *api.Service) *Script {
	s := newScript(t, newHouse(t, db), service)
	s.where = "flow"
	return s
}

func newScript(t *testing.T, h *House, service *api.Service) *Script {
	s := &Script{T: t, House: h, service: service, where: "prelude", Kept: map[string]string{"invalid-utf8": "\xff"}}
	s.newPool("pool", "client")
	return s
}

func (s *Script) run(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); {
		s.where = fmt.Sprintf("%s:%d", file, i+1)
		step := lines[i]
		for i++; i < len(lines) && !begins(lines[i]); i++ {
			step += "\n" + lines[i]
		}
		s.Step(strings.TrimSpace(step))
	}
	s.settled()
}

// begins reports whether a line begins a step, or is none of the step before.
func begins(line string) bool {
	return line == "" || strings.ContainsAny(line[:1], "><!#")
}

// newPool makes a pool and its client, and keeps their ids under the names.
func (s *Script) newPool(pool, client string) {
	s.Helper()
	s.Steps(`> CreateUserPool {"PoolName":"script","AutoVerifiedAttributes":["email"],"UsernameConfiguration":{"CaseSensitive":false}}`,
		`< {"UserPool":{"...":1,"Id":"${`+pool+`}"}}`)
	s.Steps(`> CreateUserPoolClient {"UserPoolId":"${`+pool+`}","ClientName":"script","ExplicitAuthFlows":`+EveryFlow+`}`,
		`< {"UserPoolClient":{"...":1,"ClientId":"${`+client+`}"}}`)
}

// EveryFlow is the ExplicitAuthFlows of the clients that scripts begin with.
const EveryFlow = `["ALLOW_USER_SRP_AUTH","ALLOW_USER_PASSWORD_AUTH","ALLOW_ADMIN_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]`

// Steps is Step for each of texts.
func (s *Script) Steps(texts ...string) {
	s.Helper()
	for _, text := range texts {
		s.Step(text)
	}
}

// Step runs one step of a script, as [Run] describes them.
func (s *Script) Step(text string) {
	s.Helper()
	if text == "" || text[0] == '#' {
		return
	}
	mark, rest := text[0], strings.TrimSpace(text[1:])
	switch mark {
	case '>':
		s.settled()
		rest, unsigned := strings.CutPrefix(rest, "- ")
		op, body, _ := strings.Cut(rest, " ")
		s.call(op, s.fill(body), !unsigned)
	case '<':
		s.expect(rest)
	case '!':
		s.settled()
		if want, ok := strings.CutPrefix(rest, "log "); ok {
			s.matchText("log", s.Kept["log"], want)
			return
		}
		s.do(strings.Fields(s.fill(rest)))
	default:
		s.Fatalf("%s: not a step: %s", s.where, text)
	}
}

// settled sees to it that every answer is looked at.
func (s *Script) settled() {
	s.Helper()
	if s.last != nil {
		s.Fatalf("%s: the answer before this was not looked at: %s", s.where, s.last)
	}
}

var keptName = regexp.MustCompile(`\$\{([\w.-]+)\}`)

// fill puts what is kept in the place of its names.
func (s *Script) fill(text string) string {
	return keptName.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		value, ok := s.Kept[name]
		if !ok {
			s.Fatalf("%s: nothing is kept under %s", s.where, name)
		}
		return value
	})
}

// Call calls an operation with a body, and returns the answer's status and body. It may be called from many goroutines at
// once.
func (s *Script) Call(op, body string, signed bool) (status int, out []byte) {
	s.Helper()
	r, err := http.NewRequest("POST", cmp.Or(s.region, s.House).URL, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	target, of := s.target(op)
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("X-Amz-Date", "20260101T000000Z")
	if signed {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/"+of+
			"/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=00")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	if out, err = io.ReadAll(answer.Body); err != nil {
		s.Fatal(err)
	}
	return answer.StatusCode, out
}

// target is the X-Amz-Target of an operation, and the name of its service in signatures: that of the script before the
// others.
func (s *Script) target(op string) (target, service string) {
	if strings.Contains(op, ".") {
		return op, s.service.Name
	}
	in := s.service
	for _, other := range services {
		if !has(in, op) && has(other, op) {
			in = other
		}
	}
	return in.TargetPrefix + "." + op, in.Name
}

func has(s *api.Service, op string) bool {
	return slices.ContainsFunc(s.Operations, func(d *api.Descriptor) bool { return d.Name == op })
}

func (s *Script) call(op, body string, signed bool) {
	s.Helper()
	s.code, s.last = s.Call(op, body, signed)
}

func (s *Script) expect(want string) {
	s.Helper()
	got := s.last
	if got == nil {
		s.Fatalf("%s: there is no answer to look at", s.where)
	}
	s.last = nil
	switch {
	case want == "empty":
		if len(got) > 0 || s.code != 200 {
			s.Errorf("%s: got %d %s, want an empty answer", s.where, s.code, got)
		}
	case strings.HasPrefix(want, "{"):
		var have, pattern any
		if err := json.Unmarshal([]byte(want), &pattern); err != nil {
			s.Fatalf("%s: %v", s.where, err)
		}
		if err := json.Unmarshal(got, &have); s.code != 200 || err != nil {
			s.Fatalf("%s: got %d %s, want success", s.where, s.code, got)
		}
		s.match("answer", have, pattern)
	default:
		s.expectError(got, s.fill(want))
	}
}

func (s *Script) expectError(got []byte, want string) {
	s.Helper()
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(got, &e); err != nil || s.code == 200 {
		s.Fatalf("%s: got %d %s, want %s", s.where, s.code, got, want)
	}
	text := strings.ReplaceAll(strings.TrimRight(e.Type+": "+e.Message, " "), "\n", `\n`)
	if text != want || s.code != 400 {
		s.Errorf("%s: got %d %s\nwant %s", s.where, s.code, text, want)
	}
}

// match compares a JSON value with a pattern.
func (s *Script) match(at string, have, pattern any) {
	s.Helper()
	switch want := pattern.(type) {
	case map[string]any:
		s.matchObject(at, have, want)
	case []any:
		list, ok := have.([]any)
		if !ok || len(list) != len(want) {
			s.Errorf("%s: %s is %v, want %v", s.where, at, have, want)
			return
		}
		for i := range want {
			s.match(fmt.Sprintf("%s[%d]", at, i), list[i], want[i])
		}
	case string:
		s.matchText(at, have, want)
	default:
		if !reflect.DeepEqual(have, pattern) {
			s.Errorf("%s: %s is %v, want %v", s.where, at, have, pattern)
		}
	}
}

func (s *Script) matchObject(at string, have any, want map[string]any) {
	s.Helper()
	object, ok := have.(map[string]any)
	if !ok {
		s.Errorf("%s: %s is %v, want an object", s.where, at, have)
		return
	}
	_, open := want["..."]
	for name := range object {
		if _, ok := want[name]; !ok && !open {
			s.Errorf("%s: %s has the member %s, which is not expected: %v", s.where, at, name, object[name])
		}
	}
	for name, pattern := range want {
		value, ok := object[name]
		if name != "..." && !ok {
			s.Errorf("%s: %s lacks the member %s", s.where, at, name)
		} else if name != "..." {
			s.match(at+"."+name, value, pattern)
		}
	}
}

func (s *Script) matchText(at string, have any, want string) {
	s.Helper()
	if want == "*" {
		return
	}
	if m := keptName.FindStringSubmatch(want); m != nil && m[0] == want {
		if _, ok := s.Kept[m[1]]; !ok {
			s.Kept[m[1]] = fmt.Sprint(have)
			return
		}
	}
	if have != s.fill(want) {
		s.Errorf("%s: %s is %v, want %s", s.where, at, have, s.fill(want))
	}
}

// do runs a step that is no operation.
func (s *Script) do(words []string) {
	s.Helper()
	switch {
	case words[0] == "code" && len(words) == 2:
		sent := s.House.Inbox.Messages(words[1])
		if len(sent) == 0 {
			s.Fatalf("%s: nothing was sent to %s", s.where, words[1])
		}
		s.Kept["code"] = string(sent[len(sent)-1].Code)
	case words[0] == "word" && len(words) == 4:
		s.Kept[words[1]] = s.word(words[2], words[3])
	case words[0] == "sign-in" && len(words) == 3:
		s.signIn(words[1], words[2])
	case words[0] == "hash" && len(words) == 4:
		s.Kept["hash"] = srp.SecretHash(words[1], words[2], words[3])
	case words[0] == "let" && len(words) == 3:
		s.Kept[words[1]] = words[2]
	case words[0] == "totp" && len(words) > 1:
		s.Kept["totp"] = s.TOTP(words[1], words[2:]...)
	case words[0] == "in" && len(words) == 2:
		s.region = s.House.In(words[1])
	case words[0] == "take-up" && s.region != nil:
		if err := s.region.Pools.TakeUp(s.Context()); err != nil {
			s.Fatalf("%s: %v", s.where, err)
		}
	case words[0] == "alg-none" && len(words) == 2:
		s.Kept["alg-none"] = AlgNone(words[1])
	case words[0] == "claims" && len(words) > 3:
		s.claims(words[1], words[2], strings.Join(words[3:], " "))
	case words[0] == "session" && len(words) > 3:
		s.session(words[1], words[2], strings.Join(words[3:], " "))
	default:
		s.make(words)
	}
}

// word waits for a message that nobody waits for, and takes a word of it.
func (s *Script) word(destination, before string) string {
	s.Helper()
	s.House.Users.Wait()
	sent := s.House.Inbox.Messages(destination)
	if len(sent) == 0 {
		s.Fatalf("%s: nothing was sent to %s", s.where, destination)
	}
	words := strings.Fields(sent[len(sent)-1].Body)
	at := slices.Index(words, before)
	if at < 0 || at+1 == len(words) {
		s.Fatalf("%s: no word follows %s in %s", s.where, before, sent[len(sent)-1].Body)
	}
	return words[at+1]
}

// TOTP is the code of a software token's seed in the present step of 30 seconds, or as many later as offset
// says. It waits for the next step when this one is nearly over, so that what follows is in the same.
func (s *Script) TOTP(seed string, offset ...string) string {
	s.Helper()
	const step, spare = 30 * time.Second, 3 * time.Second
	if left := step - time.Duration(time.Now().UnixNano())%step; left < spare {
		time.Sleep(left)
	}
	at := time.Now()
	if len(offset) > 0 {
		n, err := strconv.Atoi(offset[0])
		if err != nil {
			s.Fatal(err)
		}
		at = at.Add(time.Duration(n) * step)
	}
	code, err := totp.GenerateCode(seed, at)
	if err != nil {
		s.Fatal(err)
	}
	return code
}

// make runs a step that makes something by several operations.
func (s *Script) make(words []string) {
	s.Helper()
	switch {
	case words[0] == "new-passkey" && len(words) > 1:
		s.browser = newAuthenticator()
		s.offerPasskey(words[1], words[2:]...)
	case words[0] == "again-passkey" && len(words) == 2:
		s.offerPasskey(words[1])
	case words[0] == "use-passkey" && len(words) == 3:
		s.UsePasskey(words[1], words[2])
	case words[0] == "user" && len(words) == 3:
		s.user(words[1], words[2], "[]")
	case words[0] == "user" && len(words) == 4:
		s.user(words[1], words[2], `[{"Name":"email","Value":"`+words[3]+`"},{"Name":"email_verified","Value":"true"}]`)
	case words[0] == "secret-client" && len(words) == 1:
		s.Steps(`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"secret","GenerateSecret":true,"ExplicitAuthFlows":`+EveryFlow+`}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${secret-client}","ClientSecret":"${secret}"}}`)
	case words[0] == "federate" && len(words) > 2:
		s.federate(words[1], words[2], words[3:])
	case words[0] == "import-header" && len(words) == 1:
		s.importHeader()
	case words[0] == "put" && len(words) > 2:
		s.put(words[1], words[2], words[3:])
	case words[0] == "wait-import" && len(words) == 2:
		s.waitImport(words[1])
	case words[0] == "other-pool" && len(words) == 1:
		s.newPool("other-pool", "other-client")
	default:
		s.Fatalf("%s: no such step: %s", s.where, strings.Join(words, " "))
	}
}

func (s *Script) user(name, password, attributes string) {
	s.Helper()
	s.Steps(`> AdminCreateUser {"UserPoolId":"${pool}","Username":"`+name+`","MessageAction":"SUPPRESS","UserAttributes":`+attributes+`}`, `< {"...":1}`,
		`> AdminSetUserPassword {"UserPoolId":"${pool}","Username":"`+name+`","Password":"`+password+`","Permanent":true}`, `< {}`)
}

func (s *Script) signIn(name, password string) {
	s.Helper()
	body, err := json.Marshal(map[string]any{
		"ClientId": s.Kept["client"], "AuthFlow": "USER_PASSWORD_AUTH",
		"AuthParameters": map[string]string{"USERNAME": name, "PASSWORD": password},
	})
	if err != nil {
		s.Fatal(err)
	}
	for _, name := range []string{"access", "id", "refresh"} {
		delete(s.Kept, name)
	}
	s.call("InitiateAuth", string(body), true)
	s.expect(`{"ChallengeParameters":{},"AuthenticationResult":{"...":1,"AccessToken":"${access}","IdToken":"${id}","RefreshToken":"${refresh}"}}`)
}
