package user

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/meter"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/trigger"
)

// Options are what an operator adds to what Cognito does. The zero value adds nothing.
type Options struct {
	// FailuresPerAddress is how many attempts from one address may fail in a quarter of an hour, whoever they
	// are about; 0 is any number.
	FailuresPerAddress int
	// MessagesPerAddress is how many messages the requests of one address may cause in an hour; 0 is any number.
	MessagesPerAddress int
	// MessagesPerDestination is how many messages users may have sent to one address or number in an hour, a
	// fifth of them to confirm new accounts; 0 is any number.
	MessagesPerDestination int
	// SMSPerDay is how many text messages the users of a pool may cause in a day, a twentieth of them to
	// numbers that differ in their last four digits only; 0 is any number.
	SMSPerDay int
	// Breached tells passwords that nobody may choose; nil knows of none.
	Breached Breached
	// Threat protects the accounts of pools that want it; nil protects none.
	Threat *threat.Service
	// Triggers calls the functions of pools; nil has nothing that runs them, and refuses where a pool names one.
	Triggers *trigger.Dispatcher
	// Seal seals codes for the functions that send messages; nil has nothing that does, and no code reaches them.
	Seal Sealer
	// Report is told what becomes of the messages that functions send; nil is not.
	Report message.Reporter
	// Notify tells users of changes to what guards their accounts.
	Notify bool
	// Pages gives what the addresses of a pool's pages begin with: a scheme and a host, without a slash at the
	// end. It must not depend on any request, for the links of messages are made with it. Without it, sign-ups
	// are confirmed by codes only.
	Pages func(*pool.Pool) string
}

// With sets the options. It is not for a directory that is in use.
func (d *Directory) With(o Options) *Directory {
	d.options = o
	d.failuresFrom = meter.New(o.FailuresPerAddress, 15*time.Minute)
	d.messagesFrom = meter.New(o.MessagesPerAddress, time.Hour)
	return d
}

// errTooMany is the answer to an address that has done too much.
var errTooMany = fault.New(idp.CodeTooManyRequests, "Too many requests")

// Watched runs an attempt of somebody at an IP address, unless too many attempts from there have failed. An
// attempt fails when its error may be that of a wrong guess: of a password, a code, or who exists. It counts
// while it runs, so that of many at once no more get through. An empty address is not watched.
func Watched[T any](d *Directory, address string, attempt func() (T, error)) (out T, err error) {
	if !d.failuresFrom.Take(address) {
		return out, errTooMany
	}
	out, err = attempt()
	if !guessed(err) {
		d.failuresFrom.GiveBack(address)
	}
	return out, err
}

// watched is Watched for an operation that whoever sends the request does for itself.
func watched[T any](ctx context.Context, d *Directory, attempt func() (T, error)) (T, error) {
	return Watched(d, awsjson.CallerFrom(ctx).OwnAddress(), attempt)
}

// watch is watched for an operation that answers nothing.
func (d *Directory) watch(ctx context.Context, attempt func() error) error {
	_, err := watched(ctx, d, func() (struct{}, error) { return struct{}{}, attempt() })
	return err
}

func guessed(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return false
	}
	switch f.Code {
	case idp.CodeNotAuthorized, idp.CodeUserNotFound, idp.CodeUsernameExists, idp.CodeAliasExists,
		idp.CodeCodeMismatch, idp.CodeExpiredCode, idp.CodeEnableSoftwareTokenMFA,
		idp.CodeUserLambdaValidation: // so does a function refuse a password that it knows of (UserMigration)
		return true
	}
	return false
}

// causeMessage counts a message that a request makes the server send, before anything tells whether it is
// sent.
func (d *Directory) causeMessage(ctx context.Context) error {
	if !d.messagesFrom.Take(awsjson.CallerFrom(ctx).OwnAddress()) {
		return errTooMany
	}
	return nil
}

// allowance is how often something may be sent to a subject: a destination or many of them.
type allowance struct {
	subject, kind string
	most          int
	window        time.Duration
}

// spendMessage counts a message of a user to a destination, in the transaction that keeps its code, or
// returns errLimit.
func (d *Directory) spendMessage(tx *store.Tx, p *pool.Pool, purpose message.Purpose, attr, to string) error {
	for _, a := range d.allowances(p, purpose, medium(attr), to) {
		if err := spendWithin(tx, p, a.subject, limit{a.kind, a.most}, a.window); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) allowances(p *pool.Pool, purpose message.Purpose, by message.Medium, to string) (out []allowance) {
	if n := d.options.MessagesPerDestination; n > 0 {
		one := d.destination(p, by, mailbox(by, to))
		out = append(out, allowance{one, "messages", n, time.Hour})
		if purpose == message.SignUp {
			out = append(out, allowance{one, "sign-up-messages", max(1, n/5), time.Hour})
		}
	}
	if n := d.options.SMSPerDay; n > 0 && by == message.SMS {
		block := to[:max(0, len(to)-4)]
		out = append(out,
			allowance{d.destination(p, by, block+"****"), "sms", max(1, n/20), 24 * time.Hour},
			allowance{d.destination(p, by, ""), "sms", n, 24 * time.Hour})
	}
	return out
}

// destination is the subject of counters for where messages go. It does not show the address.
func (d *Directory) destination(p *pool.Pool, by message.Medium, to string) string {
	return ">" + hex.EncodeToString(d.keys.MAC("destination", p.ID, string(by), to))[:35]
}

// mailbox is one text for all addresses that are likely to be one mailbox: whatever their case, and with or
// without a tag.
func mailbox(by message.Medium, to string) string {
	at := strings.LastIndexByte(to, '@')
	if by != message.Email || at < 0 {
		return to
	}
	local, _, _ := strings.Cut(to[:at], "+")
	return strings.ToLower(local + to[at:])
}
