package server

import (
	"net/http"
	"strings"
	"testing"

	"cognate/internal/federation"
)

const someMetadata = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="corp"/>`

// TestLoginProviders opens what identity pools may trust, and says what is wrong with what cannot be.
func TestLoginProviders(t *testing.T) {
	env := federation.Env{HTTP: http.DefaultClient}
	guild := OIDCLogin{ARN: "arn:aws:iam::000000000000:oidc-provider/guild.example", Clients: []string{"a"}}
	good := Logins{OIDC: []OIDCLogin{guild}, Addresses: map[string]string{"graph.facebook.com": "https://graph.example"}}
	opened, err := good.providers(env)
	if err != nil || len(opened) != 5 || opened[guild.ARN].Clients[0] != "a" || opened["www.amazon.com"].Verifier == nil {
		t.Errorf("%v, %v", opened, err)
	}
	for want, l := range map[string]Logins{
		`logins: addresses: twitter is none of accounts.google.com`:   {Addresses: map[string]string{"twitter": "https://a"}},
		`"http://graph.example" is not an https URL`:                  {Addresses: map[string]string{"graph.facebook.com": "http://graph.example"}},
		`"ftp://guild.example" is not an https URL`:                   {OIDC: []OIDCLogin{{ARN: guild.ARN, Clients: guild.Clients, Issuer: "ftp://guild.example"}}},
		`logins: oidc: "guild.example": the arn is not arn:aws:iam::`: {OIDC: []OIDCLogin{{ARN: "guild.example", Clients: guild.Clients}}},
		`client_ids is missing`:                                       {OIDC: []OIDCLogin{{ARN: guild.ARN}}},
		`logins: saml: "Corp": the arn is not arn:aws:iam::`:          {SAML: []SAMLLogin{{ARN: "Corp"}}},
		`metadata_file: open`:                                         {SAML: []SAMLLogin{{ARN: "arn:aws:iam::000000000000:saml-provider/Corp", MetadataFile: t.TempDir() + "/none"}}},
		`saml: metadata: `:                                            {SAML: []SAMLLogin{{ARN: "arn:aws:iam::000000000000:saml-provider/Corp", MetadataFile: file(t, "m.xml", someMetadata)}}},
	} {
		if opened, err := l.providers(env); opened != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestReadLogins(t *testing.T) {
	l, err := ReadLogins(file(t, "l.yaml", "logins:\n  oidc: [{arn: a, issuer: i, client_ids: [c]}]\n  saml: [{arn: s, metadata_file: m, audience: x, recipient: y}]\n  addresses: {www.amazon.com: https://z}\n"))
	if err != nil || l.OIDC[0].Clients[0] != "c" || l.SAML[0].Recipient != "y" || l.Addresses["www.amazon.com"] != "https://z" {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := ReadLogins(file(t, "l.yaml", "logins:\n  oidc: [{arm: a}]\n")); err == nil || !strings.Contains(err.Error(), "[2:") {
		t.Error(err)
	}
}
