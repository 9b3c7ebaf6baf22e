"""Export and import by the command: boto3 signs users in at another server, with their passwords and second factors."""

import base64
import hashlib
import hmac
import os
import socket
import struct
import subprocess
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config
from conftest import PASSWORD, Refused, attributes, make_user

POOL = "us-east-1_E2eExport1"
PASSPHRASE = "correct horse battery staple"


class Server:
    """A development server of the built binary, with a database of its own."""

    def __init__(self, folder, pool):
        self.data, self.pool = folder / "data", pool
        self.passphrase = folder / "passphrase"
        self.passphrase.touch(0o600)
        self.passphrase.write_text(PASSPHRASE)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [os.environ["COGNATE_BINARY"], "dev", "--addr", f"127.0.0.1:{port}", "--data", self.data], stdout=self.log, stderr=self.log
        )
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{self.url}/_cognate/ready", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        self.idp = boto3.client(
            "cognito-idp", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="AKIAEXAMPLEEXAMPLE12",
            aws_secret_access_key="example", config=Config(retries={"total_max_attempts": 1}),
        )
        self.idp.create_user_pool(
            PoolName="export", AliasAttributes=["email"], AutoVerifiedAttributes=["email"], UserPoolTags={"cognate:id": pool},
            Schema=[{"Name": "plan", "AttributeDataType": "String", "Mutable": True}],
        )
        self.idp.set_user_pool_mfa_config(
            UserPoolId=pool, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True}
        )
        self.client = self.idp.create_user_pool_client(
            UserPoolId=pool, ClientName="export", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        )["UserPoolClient"]["ClientId"]

    def run(self, verb, *args):
        """Runs a command about the pool; what it says."""
        return subprocess.run(
            [os.environ["COGNATE_BINARY"], verb, "--data", self.data, "--pool", self.pool, "--passphrase-file", self.passphrase, *args],
            check=True, capture_output=True, text=True, timeout=60,
        ).stderr

    def sign_in(self, name, password=PASSWORD):
        return self.idp.initiate_auth(
            ClientId=self.client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": password}
        )

    def factors(self, name):
        """What USER_AUTH offers."""
        return self.idp.initiate_auth(ClientId=self.client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": name})["AvailableChallenges"]

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


@pytest.fixture
def serve(tmp_path):
    servers = []

    def begin(pool):
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(Server(folder, pool))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


def totp(seed, at):
    """RFC 6238, of a seed in base32."""
    key = base64.b32decode(seed + "=" * (-len(seed) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def test_export(serve, tmp_path):
    there, here, other = serve(POOL), serve(POOL), serve("us-east-1_E2eExport2")
    name = make_user(there.idp, POOL, **{"custom:plan": "gold, silver"})
    token = there.sign_in(name)["AuthenticationResult"]["AccessToken"]
    seed = there.idp.associate_software_token(AccessToken=token)["SecretCode"]
    there.idp.verify_software_token(AccessToken=token, UserCode=totp(seed, time.time()))
    there.idp.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    there.idp.create_group(UserPoolId=POOL, GroupName="staff")
    there.idp.admin_add_user_to_group(UserPoolId=POOL, Username=name, GroupName="staff")
    file = tmp_path / "users.age"
    assert "exported 1 users and 1 groups" in there.run("export", "--out", file)
    assert name.encode() not in file.read_bytes()

    for server in here, other:
        assert "1 users imported, 0 skipped, 0 failed" in server.run("import", file)
        assert ("PASSWORD_SRP" in server.factors(name)) == (server is here)
        with Refused("NotAuthorizedException"):
            server.sign_in(name, "wrong")
        asked = server.sign_in(f"{name}@example.com")
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        done = server.idp.respond_to_auth_challenge(
            ClientId=server.client, ChallengeName="SOFTWARE_TOKEN_MFA", Session=asked["Session"],
            ChallengeResponses={"USERNAME": name, "SOFTWARE_TOKEN_MFA_CODE": totp(seed, time.time() + 30)},
        )
        assert done["AuthenticationResult"]["AccessToken"]
        assert "PASSWORD_SRP" in server.factors(name)
        was, found = (s.idp.admin_get_user(UserPoolId=s.pool, Username=name) for s in (there, server))
        assert attributes(found["UserAttributes"]) == attributes(was["UserAttributes"])
        assert found["UserCreateDate"] == was["UserCreateDate"] and found["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
        groups = server.idp.admin_list_groups_for_user(UserPoolId=server.pool, Username=name)["Groups"]
        assert [g["GroupName"] for g in groups] == ["staff"]
