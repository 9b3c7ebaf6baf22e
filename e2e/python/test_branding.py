"""The looks of the pages through boto3: classic styles, managed login and terms, and what browsers get of them."""

import struct
import urllib.error
import urllib.request
import zlib

import pytest

from conftest import Refused, server, unique

UNKNOWN = "00000000-0000-4000-8000-000000000000"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'
SETTINGS = {
    "categories": {"global": {"colorSchemeMode": "DARK", "pageHeader": {"enabled": True}}},
    "components": {"form": {"borderRadius": 4, "lightMode": {"backgroundColor": "ffffffff"}}},
}


def png(side):
    """A black square as a PNG."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" * (side + 1)) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def fetch(address):
    """The type and the body of what is at an address, whatever host it names: the server knows all of them."""
    path = address[address.index("/_cognate/") :]
    with urllib.request.urlopen(server() + path, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read()


@pytest.fixture(scope="module")
def branded_pool(idp):
    """A pool with a domain."""
    made = idp.create_user_pool(PoolName=unique("branding"))["UserPool"]["Id"]
    domain = unique("brand").lower()
    idp.create_user_pool_domain(UserPoolId=made, Domain=domain, ManagedLoginVersion=2)
    yield made
    idp.delete_user_pool_domain(UserPoolId=made, Domain=domain)
    idp.delete_user_pool(UserPoolId=made)


@pytest.fixture
def app(idp, branded_pool):
    """A new client, as the arguments that name it."""
    made = idp.create_user_pool_client(UserPoolId=branded_pool, ClientName="app")["UserPoolClient"]
    yield dict(UserPoolId=branded_pool, ClientId=made["ClientId"])
    idp.delete_user_pool_client(UserPoolId=branded_pool, ClientId=made["ClientId"])


def test_classic_styles(idp, branded_pool, pool_id, app):
    everyone = dict(UserPoolId=branded_pool, ClientId="ALL")
    with Refused("InvalidParameterException", "There has to be an existing domain associated with this user pool"):
        idp.set_ui_customization(UserPoolId=pool_id, CSS=".label-customizable{color:red}")
    assert idp.get_ui_customization(**app)["UICustomization"] == {}

    made = idp.set_ui_customization(**everyone, CSS=".label-customizable{color:red}", ImageFile=png(3))["UICustomization"]
    assert made["ClientId"] == "ALL" and made["CSSVersion"] and made["CreationDate"] == made["LastModifiedDate"]
    assert fetch(made["ImageUrl"]) == ("image/png", png(3))
    assert idp.get_ui_customization(**app)["UICustomization"] == made, "a client without a style has the pool's"

    own = idp.set_ui_customization(**app, CSS=".label-customizable{color:blue}")["UICustomization"]
    assert own["ClientId"] == app["ClientId"] and "ImageUrl" not in own
    assert idp.get_ui_customization(**app)["UICustomization"] == own
    assert idp.get_ui_customization(**everyone)["UICustomization"] == made

    for css in ("body{color:red}", ".label-customizable{background:url(//evil.example/x)}", "@import 'x';", "</style>"):
        with Refused("InvalidParameterException"):
            idp.set_ui_customization(**app, CSS=css)
    for image in (b"plain text", SVG, png(3) + bytes(100 << 10)):
        with Refused("InvalidParameterException"):
            idp.set_ui_customization(**app, ImageFile=image)
    assert idp.get_ui_customization(**app)["UICustomization"] == own, "what is refused changes nothing"

    idp.set_ui_customization(**app)
    assert idp.get_ui_customization(**app)["UICustomization"] == made
    idp.set_ui_customization(**everyone)
    assert idp.get_ui_customization(**app)["UICustomization"] == {}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(made["ImageUrl"])


def test_managed_login_branding(idp, branded_pool, app):
    by_client = idp.describe_managed_login_branding_by_client
    with Refused("ResourceNotFoundException", f"ManagedLoginBranding for client {app['ClientId']} does not exist."):
        by_client(**app)
    source = "useCognitoProvidedValues or settings should be specified (but not both)"
    with Refused("InvalidParameterException", source):
        idp.create_managed_login_branding(**app)

    logo = dict(Category="FORM_LOGO", ColorMode="DYNAMIC", Extension="SVG", Bytes=SVG)
    made = idp.create_managed_login_branding(**app, Settings=SETTINGS, Assets=[logo])["ManagedLoginBranding"]
    branding = dict(UserPoolId=branded_pool, ManagedLoginBrandingId=made["ManagedLoginBrandingId"])
    assert made["Settings"] == SETTINGS and made["Assets"] == [logo] and made["UseCognitoProvidedValues"] is False
    assert by_client(**app)["ManagedLoginBranding"] == made
    assert idp.describe_managed_login_branding(**branding)["ManagedLoginBranding"] == made
    with Refused("ManagedLoginBrandingExistsException"):
        idp.create_managed_login_branding(**app, UseCognitoProvidedValues=True)

    merged = by_client(**app, ReturnMergedResources=True)["ManagedLoginBranding"]["Settings"]
    assert set(merged) == {"categories", "components", "componentClasses"}
    assert merged["categories"]["global"]["colorSchemeMode"] == "DARK" and merged["components"]["form"]["borderRadius"] == 4
    assert merged["components"]["primaryButton"]["lightMode"]["defaults"]["backgroundColor"]

    evil = SVG.replace(b"<path", b"<script>alert(1)</script><path")
    for change in (
        dict(Settings={"colors": {}}),
        dict(Settings={"components": {"form": {"lightMode": {"backgroundColor": "red"}}}}),
        dict(Settings={}, Assets=[{**logo, "Bytes": evil}]),
        dict(Settings={}, Assets=[{**logo, "Extension": "PNG"}]),
    ):
        with Refused("InvalidParameterException"):
            idp.update_managed_login_branding(**branding, **change)
    assert by_client(**app)["ManagedLoginBranding"] == made, "what is refused changes nothing"

    icon = dict(Category="PAGE_BACKGROUND", ColorMode="LIGHT", Extension="PNG", Bytes=png(4))
    changed = idp.update_managed_login_branding(
        **branding, Settings={"components": {"form": {"borderRadius": 8}}}, Assets=[icon]
    )["ManagedLoginBranding"]
    assert changed["Assets"] == [logo, icon] and changed["Settings"]["components"]["form"]["borderRadius"] == 8
    assert changed["Settings"]["categories"] == SETTINGS["categories"], "an update keeps what it does not name"
    assert changed["CreationDate"] == made["CreationDate"] and changed["LastModifiedDate"] > made["LastModifiedDate"]
    plain = idp.update_managed_login_branding(**branding, UseCognitoProvidedValues=True)["ManagedLoginBranding"]
    assert plain["UseCognitoProvidedValues"] is True and "Settings" not in plain and plain["Assets"] == []

    idp.delete_managed_login_branding(**branding)
    for call in (idp.describe_managed_login_branding, idp.delete_managed_login_branding):
        with Refused("ResourceNotFoundException", "ManagedLoginBranding does not exist."):
            call(**branding)


def test_terms(idp, branded_pool, app):
    def create(name, links):
        return idp.create_terms(**app, TermsName=name, TermsSource="LINK", Enforcement="NONE", Links=links)["Terms"]

    def listed():
        pages = idp.get_paginator("list_terms") if idp.can_paginate("list_terms") else None
        assert pages is None, "boto3 pages now: use it"
        found, token = [], {}
        while True:
            page = idp.list_terms(UserPoolId=branded_pool, MaxResults=1, **token)
            assert len(page["Terms"]) <= 1
            found += page["Terms"]
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}

    links = {"cognito:default": "https://example.com/terms", "cognito:german": "https://example.com/agb"}
    use, privacy = create("terms-of-use", links), create("privacy-policy", {"cognito:default": "https://example.com/privacy"})
    assert use["Links"] == links and use["ClientId"] == app["ClientId"] and use["TermsSource"] == "LINK"
    assert sorted(t["TermsName"] for t in listed()) == ["privacy-policy", "terms-of-use"]
    with Refused("TermsExistsException"):
        create("terms-of-use", links)
    with Refused("InvalidParameterException"):
        create("terms-of-use", {"cognito:default": "javascript:alert(1)"})

    terms = dict(UserPoolId=branded_pool, TermsId=use["TermsId"])
    assert idp.describe_terms(**terms)["Terms"] == use
    with Refused("TermsExistsException"):
        idp.update_terms(**terms, TermsName="privacy-policy")
    changed = idp.update_terms(**terms, Links={"cognito:default": "https://example.com/new"})["Terms"]
    assert changed["Links"] == {"cognito:default": "https://example.com/new"} and changed["TermsName"] == "terms-of-use"
    assert changed["CreationDate"] == use["CreationDate"] and changed["LastModifiedDate"] > use["LastModifiedDate"]

    idp.delete_terms(**terms)
    assert [t["TermsId"] for t in listed()] == [privacy["TermsId"]]
    for gone in (terms, {**terms, "TermsId": UNKNOWN}):
        for call in (idp.describe_terms, idp.update_terms, idp.delete_terms):
            with Refused("ResourceNotFoundException"):
                call(**gone)
