package client

import (
	"context"
	"maps"
	"slices"

	"cognate/api/idp"
)

// NewUser is who signs up. Which attributes a user must have is up to the pool.
type NewUser struct {
	Username   string
	Password   string
	Attributes map[string]string // such as email, custom:tenant
	Validation map[string]string // for the pool's functions alone
}

// SignedUp is what [Client.SignUp] has made.
type SignedUp struct {
	Subject   string    // the user's id
	Confirmed bool      // the user can sign in
	Delivery  *Delivery // of the code for [Client.ConfirmSignUp]; nil where none was sent
}

// Delivery is where a code was sent to.
type Delivery struct {
	Medium      Factor // SMS or Email
	Destination string // in part
	Attribute   string // email or phone_number
}

func delivery(d *idp.CodeDeliveryDetailsType) *Delivery {
	if d == nil {
		return nil
	}
	return &Delivery{Factor(d.DeliveryMedium), d.Destination, d.AttributeName}
}

// SignUp makes a user, who is not signed in by it.
func (c *Client) SignUp(ctx context.Context, u NewUser) (*SignedUp, error) {
	out, err := Call(ctx, c, idp.SignUp, &idp.SignUpRequest{
		ClientId: c.config.ClientID, SecretHash: c.secretHash(u.Username), Username: u.Username, Password: u.Password,
		UserAttributes: pairs(u.Attributes), ValidationData: pairs(u.Validation), ClientMetadata: c.config.Metadata,
	})
	if err != nil {
		return nil, err
	}
	return &SignedUp{Subject: out.UserSub, Confirmed: out.UserConfirmed, Delivery: delivery(out.CodeDeliveryDetails)}, nil
}

// pairs are attributes as the service takes them, sorted by name.
func pairs(in map[string]string) (out []*idp.AttributeType) {
	for _, name := range slices.Sorted(maps.Keys(in)) {
		out = append(out, &idp.AttributeType{Name: name, Value: in[name]})
	}
	return out
}

// ConfirmSignUp gives the code that [Client.SignUp] has sent. The user can then sign in.
func (c *Client) ConfirmSignUp(ctx context.Context, username, code string) error {
	_, err := Call(ctx, c, idp.ConfirmSignUp, &idp.ConfirmSignUpRequest{ClientId: c.config.ClientID, SecretHash: c.secretHash(username),
		Username: username, ConfirmationCode: code, ClientMetadata: c.config.Metadata})
	return err
}

// ResendSignUpCode sends the code of [Client.SignUp] anew.
func (c *Client) ResendSignUpCode(ctx context.Context, username string) (*Delivery, error) {
	out, err := Call(ctx, c, idp.ResendConfirmationCode, &idp.ResendConfirmationCodeRequest{ClientId: c.config.ClientID,
		SecretHash: c.secretHash(username), Username: username, ClientMetadata: c.config.Metadata})
	if err != nil {
		return nil, err
	}
	return delivery(out.CodeDeliveryDetails), nil
}

// ForgotPassword sends a code for [Client.ResetPassword] to a user who has forgotten the password.
func (c *Client) ForgotPassword(ctx context.Context, username string) (*Delivery, error) {
	out, err := Call(ctx, c, idp.ForgotPassword, &idp.ForgotPasswordRequest{ClientId: c.config.ClientID,
		SecretHash: c.secretHash(username), Username: username, ClientMetadata: c.config.Metadata})
	if err != nil {
		return nil, err
	}
	return delivery(out.CodeDeliveryDetails), nil
}

// ResetPassword gives the code that [Client.ForgotPassword] has sent, and the new password.
func (c *Client) ResetPassword(ctx context.Context, username, code, password string) error {
	_, err := Call(ctx, c, idp.ConfirmForgotPassword, &idp.ConfirmForgotPasswordRequest{ClientId: c.config.ClientID,
		SecretHash: c.secretHash(username), Username: username, ConfirmationCode: code, Password: password, ClientMetadata: c.config.Metadata})
	return err
}
