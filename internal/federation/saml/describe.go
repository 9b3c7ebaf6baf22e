package saml

import (
	"strings"

	"cognate/internal/federation"
)

// Describe implements [federation.Describer]. Where answers are not encrypted, no key to encrypt them with is named.
func (p *provider) Describe(acs, slo string) ([]byte, error) {
	if !p.ends {
		slo = ""
	}
	keys := new(federation.Keys)
	if p.keys != nil {
		*keys = *p.keys
	}
	if !p.encrypted {
		keys.Encryption = nil
	}
	return Metadata(strings.TrimPrefix(p.entityID, entityID("")), acs, slo, keys)
}
