"""Threat protection through boto3: risk configurations, what users do, adaptive second factors, feedback."""

import html
import http.cookiejar
import json
import re
import time
import urllib.parse
import urllib.request

import pytest

from conftest import PASSWORD, Refused, claims, make_user, server, unique

BLOCKED = ("NotAuthorizedException", "Unable to login because of security reasons.")
SOURCE = "arn:aws:ses:us-east-1:123456789012:identity/us@example.com"


@pytest.fixture(scope="module")
def pool_id(idp):
    """A pool that acts on risk, in which users can have codes by e-mail for a second factor."""
    made = idp.create_user_pool(
        PoolName=unique("threat"),
        UserPoolTier="PLUS",
        AutoVerifiedAttributes=["email"],
        UserPoolAddOns={"AdvancedSecurityMode": "ENFORCED", "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": "AUDIT"}},
    )["UserPool"]["Id"]
    idp.set_user_pool_mfa_config(UserPoolId=made, MfaConfiguration="OPTIONAL", EmailMfaConfiguration={})
    yield made
    idp.delete_user_pool(UserPoolId=made)


@pytest.fixture(scope="module")
def client_id(idp, pool_id):
    return idp.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="threat",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"],
    )["UserPoolClient"]["ClientId"]


def sign_in(idp, pool_id, client_id, name, ip, agent):
    """A sign-in of somebody at an address, through the app's server."""
    return idp.admin_initiate_auth(
        UserPoolId=pool_id,
        ClientId=client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        ContextData={
            "IpAddress": ip,
            "ServerName": "app.example.com",
            "ServerPath": "/login",
            "HttpHeaders": [{"headerName": "User-Agent", "headerValue": agent}],
        },
    )


def configure(idp, pool_id, action, **more):
    every = {"Notify": True, "EventAction": action}
    return idp.set_risk_configuration(
        UserPoolId=pool_id,
        AccountTakeoverRiskConfiguration={
            "NotifyConfiguration": {"SourceArn": SOURCE, "From": "us@example.com", **more},
            "Actions": {"LowAction": every, "MediumAction": every, "HighAction": every},
        },
    )["RiskConfiguration"]


def events(idp, pool_id, name):
    found, more = [], {}
    while True:
        page = idp.admin_list_user_auth_events(UserPoolId=pool_id, Username=name, MaxResults=2, **more)
        found += page["AuthEvents"]
        if "NextToken" not in page:
            return found
        more = {"NextToken": page["NextToken"]}


def test_off(idp):
    made = idp.create_user_pool(PoolName=unique("off"))["UserPool"]["Id"]
    try:
        with Refused("UserPoolAddOnNotEnabledException"):
            idp.describe_risk_configuration(UserPoolId=made)
    finally:
        idp.delete_user_pool(UserPoolId=made)


def test_configuration(idp, pool_id, client_id):
    given = configure(idp, pool_id, "NO_ACTION")
    shown = idp.describe_risk_configuration(UserPoolId=pool_id)["RiskConfiguration"]
    assert shown == given and shown["AccountTakeoverRiskConfiguration"]["Actions"]["LowAction"]["EventAction"] == "NO_ACTION"
    own = idp.set_risk_configuration(
        UserPoolId=pool_id, ClientId=client_id, RiskExceptionConfiguration={"BlockedIPRangeList": ["192.0.2.0/24"]}
    )["RiskConfiguration"]
    assert own == idp.describe_risk_configuration(UserPoolId=pool_id, ClientId=client_id)["RiskConfiguration"]
    name = make_user(idp, pool_id)
    with Refused(*BLOCKED):
        sign_in(idp, pool_id, client_id, name, "192.0.2.9", "curl/8")
    idp.set_risk_configuration(UserPoolId=pool_id, ClientId=client_id)
    sign_in(idp, pool_id, client_id, name, "192.0.2.9", "curl/8")


def test_adaptive(idp, pool_id, client_id):
    configure(idp, pool_id, "MFA_REQUIRED")
    name = make_user(idp, pool_id)
    result = sign_in(idp, pool_id, client_id, name, "203.0.113.1", "Firefox/1 Linux")["AuthenticationResult"]
    first = events(idp, pool_id, name)[0]
    assert first["EventId"] == claims(result["AccessToken"])["event_id"]
    assert first["EventRisk"] == {"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": False}
    asked = sign_in(idp, pool_id, client_id, name, "198.51.100.1", "Chrome/1 Windows")
    assert asked["ChallengeName"] == "EMAIL_OTP"
    code = messages(name, "Authentication")[-1]["code"]
    idp.admin_respond_to_auth_challenge(
        UserPoolId=pool_id,
        ClientId=client_id,
        ChallengeName="EMAIL_OTP",
        Session=asked["Session"],
        ChallengeResponses={"USERNAME": name, "EMAIL_OTP_CODE": code},
    )
    last = events(idp, pool_id, name)[0]
    assert (last["EventResponse"], last["EventRisk"]["RiskLevel"]) == ("Pass", "Medium")
    assert [c["ChallengeName"] for c in last["ChallengeResponses"]] == ["Password", "Mfa"]
    assert last["EventContextData"] == {"IpAddress": "198.51.100.1", "DeviceName": "Chrome, Windows"}


def messages(name, purpose):
    """All messages of a purpose to a user, which may still be on their way."""
    query = urllib.parse.urlencode({"destination": f"{name}@example.com"})
    for _ in range(50):
        with urllib.request.urlopen(f"{server()}/_cognate/inbox.json?{query}", timeout=10) as answer:
            found = [m for m in json.load(answer) if m["purpose"] == purpose]
        if found:
            return found
        time.sleep(0.1)
    return []


def press(link):
    """Follows a link of a mail, and presses the button of the page."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = browser.open(link, timeout=10).read().decode()
    form = {
        html.unescape(n): html.unescape(v)
        for n, v in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    }
    to = urllib.parse.urljoin(link, html.unescape(re.search(r'<form class="stack" method="post" action="([^"]+)"', page)[1]))
    return browser.open(to, urllib.parse.urlencode(form).encode(), timeout=10).read().decode()


def test_feedback(idp, pool_id, client_id):
    text = "id={event-id} token={feedback-token} from={ip-address} valid={one-click-link-valid} end"
    configure(idp, pool_id, "BLOCK", BlockEmail={"Subject": "Blocked: {device-name}", "HtmlBody": text, "TextBody": text})
    name = make_user(idp, pool_id)
    sign_in(idp, pool_id, client_id, name, "203.0.113.1", "Firefox/1 Linux")
    with Refused(*BLOCKED):
        sign_in(idp, pool_id, client_id, name, "198.51.100.1", "Chrome/1 Windows")
    blocked = events(idp, pool_id, name)[0]
    assert blocked["EventRisk"]["RiskDecision"] == "Block"
    mail = messages(name, "AccountTakeOverNotification")[0]
    assert mail["subject"] == "Blocked: Chrome, Windows"
    found = dict(part.split("=", 1) for part in html.unescape(mail["body"]).split() if "=" in part)
    assert (found["id"], found["from"]) == (blocked["EventId"], "198.51.100.1")
    with Refused("NotAuthorizedException", "Invalid feedback token."):
        idp.update_auth_event_feedback(
            UserPoolId=pool_id, Username=name, EventId=found["id"], FeedbackToken="forged", FeedbackValue="Valid"
        )
    idp.update_auth_event_feedback(
        UserPoolId=pool_id, Username=name, EventId=found["id"], FeedbackToken=found["token"], FeedbackValue="Invalid"
    )
    assert events(idp, pool_id, name)[0]["EventFeedback"]["FeedbackValue"] == "Invalid"
    assert "Thank you" in press(found["valid"])
    assert events(idp, pool_id, name)[0]["EventFeedback"]["FeedbackValue"] == "Valid"
    sign_in(idp, pool_id, client_id, name, "198.51.100.1", "Chrome/1 Windows")
    last = events(idp, pool_id, name)[0]
    assert (last["EventResponse"], last["EventRisk"]["RiskDecision"]) == ("Pass", "NoRisk")
    idp.admin_update_auth_event_feedback(UserPoolId=pool_id, Username=name, EventId=last["EventId"], FeedbackValue="Invalid")
    with Refused(*BLOCKED):
        sign_in(idp, pool_id, client_id, name, "198.51.100.2", "Chrome/1 Windows")
    assert events(idp, pool_id, name)[0]["EventRisk"]["RiskLevel"] == "High"


def test_public_client(idp, pool_id, client_id):
    """What a request comes by is known by itself, and what Amazon's libraries collect is read."""
    configure(idp, pool_id, "NO_ACTION")
    name = make_user(idp, pool_id)
    with Refused("NotAuthorizedException"):
        idp.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": "Wr0ng-Horse!"})
    idp.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD})
    passed, failed = events(idp, pool_id, name)
    assert (passed["EventResponse"], failed["EventResponse"]) == ("Pass", "Fail")
    assert passed["EventContextData"]["IpAddress"] == "127.0.0.1" and passed["EventContextData"]["DeviceName"].startswith("Boto3/")
