package saml

import (
	"encoding/base64"

	"github.com/beevik/etree"

	"cognate/internal/federation"
)

// Metadata describes a pool to a SAML provider, as an XML document: where to post answers to, where to post those to
// logouts, and the certificates of keys, which may be nil. An slo of "" leaves logouts out. It does not say whether sign-in
// requests are signed, which is a matter of each provider's details.
func Metadata(poolID, acs, slo string, keys *federation.Keys) ([]byte, error) {
	e := etree.NewElement("md:EntityDescriptor")
	e.CreateAttr("xmlns:md", nsMetadata)
	e.CreateAttr("entityID", entityID(poolID))
	role := e.CreateElement("md:SPSSODescriptor")
	role.CreateAttr("WantAssertionsSigned", "true")
	role.CreateAttr("protocolSupportEnumeration", nsProtocol)
	if keys != nil {
		describeKeys(role, keys)
	}
	if slo != "" {
		describeEndpoint(role, "SingleLogoutService", slo)
	}
	consumer := describeEndpoint(role, "AssertionConsumerService", acs)
	consumer.CreateAttr("index", "0")
	consumer.CreateAttr("isDefault", "true")
	d := etree.NewDocument()
	d.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	d.SetRoot(e)
	d.Indent(2)
	return d.WriteToBytes()
}

func describeKeys(role *etree.Element, keys *federation.Keys) {
	if keys.Certificate != nil {
		describeKey(role, "signing", keys.Certificate)
	}
	if keys.Encryption == nil {
		return
	}
	key := describeKey(role, "encryption", keys.Encryption)
	for _, method := range []string{nsEncryption11 + "aes256-gcm", nsEncryption11 + "aes128-gcm", nsEncryption + "rsa-oaep-mgf1p"} {
		key.CreateElement("md:EncryptionMethod").CreateAttr("Algorithm", method)
	}
}

func describeKey(role *etree.Element, use string, certificate []byte) *etree.Element {
	key := role.CreateElement("md:KeyDescriptor")
	key.CreateAttr("use", use)
	info := key.CreateElement("ds:KeyInfo")
	info.CreateAttr("xmlns:ds", nsSignature)
	info.CreateElement("ds:X509Data").CreateElement("ds:X509Certificate").SetText(base64.StdEncoding.EncodeToString(certificate))
	return key
}

func describeEndpoint(role *etree.Element, service, location string) *etree.Element {
	e := role.CreateElement("md:" + service)
	e.CreateAttr("Binding", bindingPost)
	e.CreateAttr("Location", location)
	return e
}
