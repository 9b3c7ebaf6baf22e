package authn_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/store"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// TestCustomAnswersCountOnce plays old Sessions of a sign-in again: none gets another guess, whichever order they come in.
func TestCustomAnswersCountOnce(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		first := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		second := h.asks(h.guess("alice", first.Session, "1"))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("alice", first.Session, "42"))("NotAuthorizedException", usedSession)
		third := h.asks(h.guess("alice", second.Session, "2"))("CUSTOM_CHALLENGE")
		for _, old := range []*authn.Step{first, second} {
			h.refuses(h.guess("alice", old.Session, "42"))("NotAuthorizedException", usedSession)
		}
		q.called()
		h.refuses(h.guess("alice", third.Session, "3"))("NotAuthorizedException", wrongPassword)
		if names, events := q.called(); len(names) != 2 || len(events[1].Request.Session) != 3 {
			t.Errorf("called %v", names)
		}
		for _, old := range []*authn.Step{first, second, third} {
			h.refuses(h.guess("alice", old.Session, "42"))("NotAuthorizedException", usedSession)
		}

		// Many answers to one Session at once.
		h.must(h.users.AdminSetPassword(h.Context(), h.pool, &idp.AdminSetUserPasswordRequest{Username: "alice", Password: password, Permanent: new(true)}))
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		q.called()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() { h.guess("alice", step.Session, fmt.Sprint(i)) })
		}
		all.Wait()
		names, _ := q.called()
		if n := len(slices.DeleteFunc(names, func(name string) bool { return name != "VerifyAuthChallengeResponse" })); n != 1 {
			t.Errorf("%d answers were looked at", n)
		}
	})
}

// TestCustomGuessesLock counts wrong answers as failures of the user, and of the address they come from; right ones of a sign-in that is not
// complete take none back but their own.
func TestCustomGuessesLock(t *testing.T) {
	inTime(t, func(h *house) {
		q := h.quizzes("LEGACY")
		wrong := func() (*authn.Step, error) {
			return h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "no")
		}
		for range 5 {
			h.asks(wrong())("CUSTOM_CHALLENGE")
		}
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		q.called()
		h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", "Password attempts exceeded")
		h.refuses(h.signIn("alice", password))("NotAuthorizedException", "Password attempts exceeded")
		if names, _ := q.called(); !slices.Equal(names, []string{"PreAuthentication"}) {
			t.Errorf("called %v", names)
		}
		time.Sleep(time.Second)
		h.grants(h.guess("alice", step.Session, "42")) // what was refused by the lock was not used up
		for range 4 {
			h.asks(wrong())("CUSTOM_CHALLENGE") // the count begins anew
		}

		// Right answers of a challenge that is followed by another one.
		two := q.define
		q.define = func(e customEvent) any {
			if len(e.Request.Session) == 1 {
				return map[string]any{"challengeName": "CUSTOM_CHALLENGE"}
			}
			return two(e)
		}
		for range 3 {
			h.asks(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "42"))("CUSTOM_CHALLENGE")
		}
		h.asks(wrong())("CUSTOM_CHALLENGE")
		h.refuses(h.signIn("alice", password))("NotAuthorizedException", "Password attempts exceeded")

		h.users.With(user.Options{FailuresPerAddress: 3, Triggers: trigger.New(q, slog.New(slog.DiscardHandler))})
		time.Sleep(time.Hour)
		guess := func() (*authn.Step, error) {
			step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
			return h.machine.Respond(h.Context(), &authn.Attempt{Pool: h.pool, Client: h.client, Challenge: "CUSTOM_CHALLENGE", Session: step.Session, IP: "192.0.2.1",
				Parameters: map[string]string{"USERNAME": "alice", "ANSWER": "no"}})
		}
		for range 3 {
			h.asks(guess())("CUSTOM_CHALLENGE")
		}
		h.refuses(guess())("TooManyRequestsException", "Too many requests")
	})
}

// TestCustomMostFailures: patience does not help who guesses answers.
func TestCustomMostFailures(t *testing.T) {
	inTime(t, func(h *house) {
		h.quizzes("LEGACY")
		for range 100 {
			h.asks(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "no"))("CUSTOM_CHALLENGE")
			time.Sleep(time.Hour)
		}
		time.Sleep(30 * 24 * time.Hour)
		h.refuses(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "42"))("NotAuthorizedException", "Password attempts exceeded")
	})
}

// TestCustomStateOutgrowsSession keeps what is too long for a Session, sealed, for as long as it is needed, within limits.
func TestCustomStateOutgrowsSession(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		size := 5000
		long := func(customEvent) any {
			return map[string]any{"privateChallengeParameters": map[string]string{"answer": "42", "long": strings.Repeat("s3cret", size/6)}}
		}
		q.create = long
		kept := func(flows int) (states int) {
			h.must(h.db.View(h.Context(), func(tx *store.Tx) error {
				rows, err := tx.Raw().Query("SELECT state FROM challenges WHERE pool_id = $1", h.pool.ID)
				h.must(err)
				defer rows.Close()
				n := 0
				for ; rows.Next(); n++ {
					var state []byte
					h.must(rows.Scan(&state))
					if len(state) > 0 {
						states++
					}
					if strings.Contains(string(state), "s3cret") {
						t.Error("a row shows a private parameter")
					}
				}
				if n != flows {
					t.Errorf("%d flows are kept, want %d", n, flows)
				}
				return rows.Err()
			}))
			return states
		}
		first := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		if len(first.Session) > 2048 || kept(1) != 1 {
			t.Errorf("a Session of %d", len(first.Session))
		}
		second := h.asks(h.guess("alice", first.Session, "no"))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("alice", first.Session, "42"))("NotAuthorizedException", usedSession)
		q.called()
		h.grants(h.guess("alice", second.Session, "42"))
		if _, events := q.called(); len(events[0].Request.Private["long"]) != size/6*6 {
			t.Errorf("of a private parameter %d are left", len(events[0].Request.Private["long"]))
		}
		if kept(1) != 0 {
			t.Error("a state outlives its challenge")
		}
		h.refuses(h.guess("alice", second.Session, "42"))("NotAuthorizedException", usedSession)

		// A short one after a long one, and the other way round.
		step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		q.create = newQuiz().create
		step = h.asks(h.guess("alice", step.Session, "no"))("CUSTOM_CHALLENGE")
		q.create = long
		step = h.asks(h.guess("alice", step.Session, "no"))("CUSTOM_CHALLENGE")
		h.grants(h.guess("alice", step.Session, "42"))
		kept(2)

		// What is swept away is over.
		step = h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
		_, err := h.db.Sweep(h.Context(), time.Now().Add(2*time.Hour), 100)
		h.must(err)
		kept(0)
		h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", "Invalid session for the user.")

		size = 66_000
		h.refuses(h.startCustom("alice"))("InvalidLambdaResponseException", badOutput)
		size = 60_000
		for n := 0; err == nil && n < 100; n++ {
			_, err = h.startCustom("alice")
		}
		h.wants(err, "TooManyRequestsException", "Too many requests")
		q.create = newQuiz().create
		h.grants(h.guess("alice", h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE").Session, "42"))

		q.create = func(customEvent) any {
			return map[string]any{"challengeMetadata": strings.Repeat("m", 50_000)}
		}
		h.seed("bob", "bob@example.com", "")
		q.define = func(customEvent) any { return map[string]any{"challengeName": "CUSTOM_CHALLENGE"} }
		step = h.asks(h.startCustom("bob"))("CUSTOM_CHALLENGE")
		step = h.asks(h.guess("bob", step.Session, "no"))("CUSTOM_CHALLENGE")
		h.refuses(h.guess("bob", step.Session, "no"))("InvalidLambdaResponseException", badOutput)
	})
}

// TestCustomSessionExpires: a challenge lives as long as the client says, from each step on, kept or not.
func TestCustomSessionExpires(t *testing.T) {
	inTime(t, func(h *house) {
		q := h.quizzes("LEGACY")
		for _, length := range []int{1, 5000} {
			q.create = func(customEvent) any {
				return map[string]any{"privateChallengeParameters": map[string]string{"answer": "42", "long": strings.Repeat("x", length)}}
			}
			step := h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
			time.Sleep(3*time.Minute - time.Second)
			step = h.asks(h.guess("alice", step.Session, "no"))("CUSTOM_CHALLENGE")
			time.Sleep(3*time.Minute - time.Second)
			h.grants(h.guess("alice", step.Session, "42"))
			step = h.asks(h.startCustom("alice"))("CUSTOM_CHALLENGE")
			time.Sleep(3*time.Minute + time.Second)
			h.refuses(h.guess("alice", step.Session, "42"))("NotAuthorizedException", "Invalid session for the user, session is expired.")
		}
	})
}
