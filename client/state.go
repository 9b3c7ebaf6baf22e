package client

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-json-experiment/json"
)

// state is what a [Store] keeps, as JSON.
type state struct {
	PoolID   string   `json:"pool_id"`
	ClientID string   `json:"client_id"`
	Session  *Session `json:"session,omitzero"`
	Devices  []device `json:"devices,omitzero"` // this machine, as users have registered it
	// Identities are those of identity pools, by the pool's id and the user's; a guest's user has no id.
	Identities map[string]string `json:"identities,omitzero"`
}

// change reads the state, hands it to fn and saves what fn has changed, also where fn fails. Nothing else works on the state meanwhile.
func (c *Client) change(ctx context.Context, fn func(*state) error) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	before, s, err := c.load(ctx)
	if err != nil {
		return err
	}
	failed := fn(s)
	if err := c.save(ctx, before, s); err != nil {
		return err
	}
	c.current.Store(s.Session)
	return failed
}

// lock waits for this client's turn, and for the store's where others share it.
func (c *Client) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	shared, ok := c.config.Store.(Locker)
	if !ok {
		return func() { <-c.turn }, nil
	}
	open, err := shared.Lock(ctx)
	if err != nil {
		<-c.turn
		return nil, fmt.Errorf("client: the store cannot be locked: %w", err)
	}
	return func() { open(); <-c.turn }, nil
}

// load reads the state; before is what the store has of it.
func (c *Client) load(ctx context.Context) (before []byte, s *state, err error) {
	s = &state{PoolID: c.config.PoolID, ClientID: c.config.ClientID}
	text := c.unsaved
	if text == nil {
		if before, err = c.config.Store.Load(ctx); err != nil {
			return nil, nil, fmt.Errorf("client: the store cannot be read: %w", err)
		}
		text = before
	}
	if len(text) == 0 {
		return before, s, nil
	}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, nil, fmt.Errorf("client: the store holds something else: %w", err)
	}
	if s.PoolID != c.config.PoolID || s.ClientID != c.config.ClientID {
		return nil, nil, fmt.Errorf("client: the store is that of the app client %s of the pool %s", s.ClientID, s.PoolID)
	}
	return before, s, nil
}

// save saves a state unless it is what the store has. One that the store refuses is kept in memory, and saved first next time: a refresh
// token that has been rotated is lost otherwise.
func (c *Client) save(ctx context.Context, before []byte, s *state) error {
	after, err := s.encode()
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if c.unsaved == nil && bytes.Equal(before, after) {
		return nil
	}
	if err := c.config.Store.Save(ctx, after); err != nil {
		c.unsaved = append([]byte{}, after...)
		return fmt.Errorf("client: the store refuses the state: %w", err)
	}
	c.unsaved = nil
	return nil
}

// encode is what the store has of a state: nothing where there is nothing to keep.
func (s *state) encode() ([]byte, error) {
	if s.Session == nil && len(s.Devices) == 0 && len(s.Identities) == 0 {
		return nil, nil
	}
	return json.Marshal(s, json.Deterministic(true))
}
