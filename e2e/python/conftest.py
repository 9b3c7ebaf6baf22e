"""What the tests share: the client, a pool of their own, names nobody has used, the inbox."""

import base64
import json
import os
import secrets
import time
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

PASSWORD = "Corr3ct-Horse!"
FLOWS = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"]


def pytest_configure():
    if not os.environ.get("COGNATE_URL"):
        pytest.exit("COGNATE_URL is not set: the address of the running server", returncode=2)


def server():
    return os.environ["COGNATE_URL"].rstrip("/")


def unique(what):
    """A name that no other run has used."""
    return f"e2e-py-{what}-{int(time.time()):x}-{secrets.token_hex(4)}"


def last_message(destination, purpose):
    """The newest message to a destination, which must be there already."""
    query = urllib.parse.urlencode({"destination": destination})
    with urllib.request.urlopen(f"{server()}/_cognate/inbox.json?{query}", timeout=10) as answer:
        messages = json.load(answer)
    assert messages, f"no message to {destination}"
    assert messages[-1]["purpose"] == purpose
    return messages[-1]


def attributes(items):
    """A list of name and value pairs as a dictionary."""
    return {a["Name"]: a["Value"] for a in items}


def claims(token):
    """The claims of a token, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def make_user(idp, pool_id, **more):
    """Makes a confirmed user with the usual password, an address and maybe more attributes."""
    name = unique("user")
    given = {"email": f"{name}@example.com", "email_verified": "true", **more}
    idp.admin_create_user(
        UserPoolId=pool_id,
        Username=name,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": key, "Value": value} for key, value in given.items()],
    )
    idp.admin_set_user_password(UserPoolId=pool_id, Username=name, Password=PASSWORD, Permanent=True)
    return name


class Refused:
    """Expects a ClientError of a code, and of a message when one is given."""

    def __init__(self, code, message=None):
        self.code, self.message = code, message

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        assert kind is not None, f"{self.code} was expected"
        if not isinstance(error, ClientError):
            return False
        got = error.response["Error"]
        assert got["Code"] == self.code, got
        if self.message is not None:
            assert got["Message"] == self.message, got
        return True


@pytest.fixture(scope="session")
def idp():
    """The client of the pool service; any credentials do in development."""
    return boto3.client(
        "cognito-idp",
        endpoint_url=server(),
        region_name="us-east-1",
        aws_access_key_id="AKIAEXAMPLEEXAMPLE12",
        aws_secret_access_key="example",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=30),
    )


@pytest.fixture(scope="session")
def pool_id(idp):
    """A pool with e-mail verification, deleted at the end."""
    made = idp.create_user_pool(
        PoolName=unique("pool"),
        AutoVerifiedAttributes=["email"],
        Schema=[{"Name": "plan", "AttributeDataType": "String", "Mutable": True}],
    )["UserPool"]["Id"]
    yield made
    idp.delete_user_pool(UserPoolId=made)
    with Refused("ResourceNotFoundException", f"User pool {made} does not exist."):
        idp.describe_user_pool(UserPoolId=made)


@pytest.fixture(scope="session")
def client_id(idp, pool_id):
    """A client without a secret."""
    return idp.create_user_pool_client(
        UserPoolId=pool_id, ClientName="open", ExplicitAuthFlows=[*FLOWS, "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]


@pytest.fixture
def user(idp, pool_id):
    """A confirmed user with the usual password."""
    return make_user(idp, pool_id)
