package awsjson

import "cognate/api"

// Compile builds the constraints of a shape, as its first use would.
func Compile(s *api.Shape) { constraintsOf(s) }
