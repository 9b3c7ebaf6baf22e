package server

import (
	"context"
	"net/http"

	"cognate/internal/message"
	"cognate/internal/message/inbox"
	"cognate/internal/user"
)

// post is what messages go through.
type post struct {
	inbox  *inbox.Inbox // mounted in development alone
	sender message.Sender
	// seal and report are for messages that functions send.
	seal   user.Sealer
	report message.Reporter
	counts http.Handler // shows what has become of messages; nil where nobody may see
}

func (s *Server) openPost(ctx context.Context) (p post, err error) {
	counter := newMessageCounter()
	p.inbox = inbox.New()
	p.report = message.Reports{message.Log(s.logger), countMessages(counter), s.logFailure}.Report
	if p.sender, err = s.sender(ctx, p.inbox, p.report); err != nil {
		return p, err
	}
	if s.config.Dev { // there the inbox has all messages, those of functions as well
		p.report = message.Reports{p.report, p.inbox.Report}.Report
	}
	if p.seal, err = s.config.CustomSenders.sealer(); err != nil {
		return p, err
	}
	p.counts, err = s.config.metricsHandler(counter, s.throttled, s.logged)
	return p, err
}
