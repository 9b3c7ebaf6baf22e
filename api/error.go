package api

// Error is an error as it goes over the wire: a code, such as "NotAuthorizedException", and a text
// for people. Codes are matched exactly by clients, and so are many of the texts.
type Error struct {
	Code    string
	Message string
}

// Error joins the code and the text.
func (e *Error) Error() string { return e.Code + ": " + e.Message }
