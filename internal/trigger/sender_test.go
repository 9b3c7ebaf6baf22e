package trigger

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// failing runs functions that fail a number of times.
type failing struct {
	times  int
	hangs  bool
	called []string
}

func (f *failing) Invoke(ctx context.Context, _ string, event []byte) ([]byte, error) {
	f.called = append(f.called, string(event))
	if f.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if len(f.called) <= f.times {
		return nil, &Thrown{Type: "Error", Message: "not yet"}
	}
	return []byte("anything"), nil
}

// TestTell calls again what fails, three times at most, and within the time that there is.
func TestTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for times, want := range []struct {
			calls int
			took  time.Duration
			fails bool
		}{{1, 0, false}, {2, time.Second, false}, {3, 5 * time.Second, false}, {3, 5 * time.Second, true}} {
			f := &failing{times: times}
			start := time.Now()
			err := CustomSMSSender.Tell(t.Context(), New(f, slog.New(slog.DiscardHandler)), "arn", Scene{Source: CustomSMSSender.Source("SignUp"), PoolID: "p", UserName: "u"}, SenderRequest{})
			if len(f.called) != want.calls || time.Since(start) != want.took || (err != nil) != want.fails {
				t.Errorf("fails %d times: %d calls in %s, %v", times, len(f.called), time.Since(start), err)
			}
			const event = `{"version":"1","triggerSource":"CustomSMSSender_SignUp","region":"","userPoolId":"p","userName":"u","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT_ID_NOT_APPLICABLE"},` +
				`"request":{"type":"customSMSSenderRequestV1","code":null,"clientMetadata":null,"userAttributes":{}},"response":{}}`
			for _, got := range f.called {
				if got != event {
					t.Errorf("called with %s\nwant %s", got, event)
				}
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		f := &failing{hangs: true}
		err := CustomEmailSender.Tell(ctx, New(f, slog.New(slog.DiscardHandler)), "arn", Scene{}, SenderRequest{})
		if !errors.Is(err, context.DeadlineExceeded) || len(f.called) != 2 {
			t.Errorf("hangs: %d calls, %v", len(f.called), err)
		}
	})
	if err := CustomEmailSender.Tell(t.Context(), nil, "arn", Scene{}, SenderRequest{}); err == nil {
		t.Error("nothing runs functions, and that is no error")
	}
}
