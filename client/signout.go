package client

import (
	"context"

	"cognate/api/idp"
)

// SignOut ends the session: the store forgets it, and the service takes its refresh token, and at its own operations its access tokens,
// no more. Other services take the access token until it expires. Where the service cannot be reached the store forgets the session all
// the same, and the error tells. Without a session it does nothing.
func (c *Client) SignOut(ctx context.Context) error {
	return c.change(ctx, func(s *state) error {
		had := s.Session
		if had == nil {
			return nil
		}
		s.Session = nil
		var is claims
		if err := payload(had.Access, &is); err != nil {
			return err
		}
		if is.Origin == "" { // the app client's sessions cannot be revoked
			return nil
		}
		_, err := Call(ctx, c, idp.RevokeToken, &idp.RevokeTokenRequest{Token: had.Refresh, ClientId: c.config.ClientID, ClientSecret: c.config.ClientSecret})
		return err
	})
}

// SignOutEverywhere ends all sessions of the user, on all machines. When it fails, this one stays; without one it is [ErrNoSession].
func (c *Client) SignOutEverywhere(ctx context.Context) error {
	s, err := c.Session(ctx)
	if err != nil {
		return err
	}
	if _, err := Call(ctx, c, idp.GlobalSignOut, &idp.GlobalSignOutRequest{AccessToken: s.Access}); err != nil && !hasCode(err, idp.CodeNotAuthorized) {
		return err
	}
	return c.change(ctx, func(st *state) error {
		if st.Session != nil && st.Session.Subject == s.Subject {
			st.Session = nil
		}
		return nil
	})
}
