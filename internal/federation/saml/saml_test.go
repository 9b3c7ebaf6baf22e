package saml

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/outbound"
)

// devKind calls servers on this machine.
func devKind() Kind {
	return Kind{Env: federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true, Skew: time.Minute}}
}

func wantFault(t *testing.T, err error, text string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != idp.CodeInvalidParameter || f.Message != text {
		t.Errorf("got %v, want %s", err, text)
	}
}

func TestCheckCompletes(t *testing.T) {
	text := describe(idpSigner(t))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(text)) }))
	defer s.Close()
	given := map[string]string{detailURL: s.URL, detailFile: "old", detailSLO: "https://old.example.com", detailSignout: "true", detailInit: "false", detailEncrypted: "false", detailSigning: "rsa-sha256"}
	got, err := devKind().Check(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		detailURL: s.URL, detailFile: text, detailSSO: idpSSO, detailSLO: idpSLO,
		detailSignout: "true", detailInit: "false", detailEncrypted: "false", detailSigning: "rsa-sha256",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if given[detailFile] != "old" {
		t.Error("what was given is changed")
	}
	if got, err = devKind().Check(t.Context(), got); err != nil || cmp.Diff(want, got) != "" { // once more, as it is described
		t.Errorf("got %v, %v", got, err)
	}
	without := "\ufeff" + strings.Replace(text, "SingleLogoutService", "OtherService", 1)
	got, err = Kind{}.Check(t.Context(), map[string]string{detailFile: without, detailSLO: "https://old.example.com"})
	if diff := cmp.Diff(map[string]string{detailFile: without, detailSSO: idpSSO}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestCheckRefusesDetails(t *testing.T) {
	file := describe(idpSigner(t))
	for _, tt := range []struct {
		details map[string]string
		text    string
	}{
		{nil, "At least one of the MetadataURL or MetadataFile should be provided."},
		{map[string]string{detailFile: "", detailURL: ""}, "At least one of the MetadataURL or MetadataFile should be provided."},
		{map[string]string{detailFile: file, "client_id": "x"}, "Unsupported provider detail client_id for a SAML provider."},
		{map[string]string{detailFile: file, detailInit: "yes"}, "Invalid value for the provider detail IDPInit."},
		{map[string]string{detailFile: file, detailSignout: ""}, "Invalid value for the provider detail IDPSignout."},
		{map[string]string{detailFile: file, detailEncrypted: "True"}, "Invalid value for the provider detail EncryptedResponses."},
		{map[string]string{detailFile: file, detailSigning: "rsa-sha1"}, "Invalid value for the provider detail RequestSigningAlgorithm."},
	} {
		_, err := Kind{}.Check(t.Context(), tt.details)
		wantFault(t, err, tt.text)
	}
}

// Checklist 51: metadata are read over TLS, and from no address of the operator's own network.
func TestCheckFetches(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			w.Write(make([]byte, federation.MaxAnswer+1))
			return
		}
		http.Error(w, "no", http.StatusNotFound)
	}))
	defer s.Close()
	check := func(k Kind, url string) error {
		_, err := k.Check(t.Context(), map[string]string{detailURL: url})
		return err
	}
	wantFault(t, check(devKind(), s.URL+"/x"), "Non-ok status code 404 returned from remote metadata source "+s.URL+"/x")
	wantFault(t, check(devKind(), s.URL+"/long"), "Error retrieving metadata from "+s.URL+"/long")
	strict := Kind{Env: federation.Env{HTTP: outbound.NewClient(false, []netip.Prefix{})}}
	err := check(strict, "https"+strings.TrimPrefix(s.URL, "http")+"/x")
	wantFault(t, err, "Error retrieving metadata from https"+strings.TrimPrefix(s.URL, "http")+"/x")
	if !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("the cause is %v", errors.Unwrap(err))
	}
	for _, url := range []string{"http://idp.example.com/", "ftp://idp.example.com/", "https://u:p@idp.example.com/", "https:///x", "::"} {
		wantFault(t, check(strict, url), "Error retrieving metadata from "+url)
	}
	s.Close()
	wantFault(t, check(devKind(), s.URL), "Error retrieving metadata from "+s.URL)
}

func TestCheckRefusesMetadata(t *testing.T) {
	good := describe(idpSigner(t))
	expired := certify(t, fileKey(t, "idp"), time.Now().Add(-time.Hour))
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string { return strings.Replace(good, old, new, -1) }
	from, to := strings.Index(good, "<ds:X509Certificate>"), strings.Index(good, "</ds:X509Certificate>")
	many := make([]signer, maxCertificates+1)
	for i := range many {
		many[i] = idpSigner(t)
	}
	for text, file := range map[string]string{
		"the document is no EntityDescriptor":                       replace("EntityDescriptor", "Entity"),
		"EntityDescriptor has no IDPSSODescriptor":                  replace("IDPSSODescriptor", "SPSSODescriptor"),
		"the entityID is missing":                                   replace("entityID", "id2"),
		"no SingleSignOnService has the HTTP-Redirect binding":      replace(bindingRedirect, bindingPost),
		"SingleSignOnService: the address is not an https URL":      replace(idpSSO, "javascript:alert(1)"),
		"SingleLogoutService: the address is not an https URL":      replace(idpSLO, "http://idp.example.com"),
		"the signing certificate is missing":                        replace(`use="signing"`, `use="encryption"`),
		"the signing certificate has expired":                       describe(expired),
		"a signing certificate is not in base64":                    replace("<ds:X509Certificate>", "<ds:X509Certificate>?"),
		"a signing certificate cannot be read":                      replace("<ds:X509Certificate>", "<ds:X509Certificate>AAAA"),
		"a signing certificate is too long":                         good[:from] + "<ds:X509Certificate>" + strings.Repeat("A", maxCertificateText+1) + good[to:],
		"a signing certificate has neither an RSA nor an ECDSA key": describe(certify(t, private, time.Now().Add(time.Hour))),
		"there are too many signing certificates":                   describe(many...),
		"a document type is not accepted":                           replace("?>", "?><!DOCTYPE x>"),
		"EntitiesDescriptor has more than one EntityDescriptor":     `<EntitiesDescriptor xmlns="` + nsMetadata + `"><EntityDescriptor/><EntityDescriptor/></EntitiesDescriptor>`,
		"XML syntax error on line 1: unexpected EOF":                "<a>",
		"the document is empty":                                     " ",
	} {
		_, err := Kind{}.Check(t.Context(), map[string]string{detailFile: file})
		wantFault(t, err, "The SAML metadata are invalid: "+text+".")
	}
	list := `<EntitiesDescriptor xmlns="` + nsMetadata + `">` + good[strings.Index(good, "<md:"):] + `</EntitiesDescriptor>`
	for _, file := range []string{list, replace(` use="signing"`, ""), describe(expired, idpSigner(t))} {
		if _, err := (Kind{}).Check(t.Context(), map[string]string{detailFile: file}); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenWantsKeys(t *testing.T) {
	file := describe(idpSigner(t))
	for _, details := range []map[string]string{{detailSigning: "rsa-sha256"}, {detailSignout: "true"}, {detailEncrypted: "true"}} {
		details[detailFile] = file
		for _, keys := range []*federation.Keys{nil, {}} {
			if _, err := (Kind{}).Open(federation.Settings{PoolID: poolID, Name: "Corp", Details: details, Keys: keys}); err == nil {
				t.Errorf("%v: opened without keys", details)
			}
		}
	}
	if _, err := (Kind{}).Open(federation.Settings{PoolID: poolID, Name: "Corp", Details: map[string]string{detailFile: file}}); err != nil {
		t.Error(err)
	}
	if _, err := (Kind{}).Open(federation.Settings{PoolID: poolID, Name: "Corp"}); err == nil {
		t.Error("opened without metadata")
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add(describe(idpSigner(f)))
	f.Add(strings.Replace(describe(idpSigner(f)), ` use="signing"`, "", 1))
	f.Add(`<EntitiesDescriptor xmlns="` + nsMetadata + `"><EntityDescriptor entityID="x"><IDPSSODescriptor/></EntityDescriptor></EntitiesDescriptor>`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Kind{}.Check(context.Background(), map[string]string{detailFile: text})
		if err != nil {
			return
		}
		if _, err := (Kind{}).Open(federation.Settings{PoolID: poolID, Name: "Corp", Details: got}); err != nil || !strings.HasPrefix(got[detailSSO], "https://") {
			t.Errorf("got %v, %v", got, err)
		}
	})
}
