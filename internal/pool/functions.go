package pool

import (
	"cognate/api/idp"
	"cognate/internal/trigger"
)

// Functions are the functions that the pool has called, each by its ARN; a trigger without one is empty, or nil.
func (p *Pool) Functions() idp.LambdaConfigType {
	if p.Settings.LambdaConfig == nil {
		return idp.LambdaConfigType{}
	}
	f := *p.Settings.LambdaConfig
	if p.Secondary() {
		f.UserMigration = "" // users are made in the pool's own region alone
	}
	return f
}

// Scene is what an event of the pool tells: its source, the client that is concerned, nil for none, and the user's name.
func (p *Pool) Scene(source string, c *Client, userName string) trigger.Scene {
	s := trigger.Scene{Source: source, Region: p.served, PoolID: p.ID, UserName: userName}
	if c != nil {
		s.ClientID = c.ID
	}
	return s
}
