"""Second factors and devices of users through boto3, as an administrator sees them."""

import base64
import hashlib
import hmac
import json
import secrets
import struct
import time

import pytest

from conftest import FLOWS, PASSWORD, Refused, attributes, claims, last_message, make_user, unique

WRONG = ("CodeMismatchException", "Invalid code received for user")
SMS = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}}


class Authenticator:
    """An authenticator app (RFC 6238). The server takes each code once, and those of the steps beside the
    present one: so the first three codes come at once, and a further one waits for its time."""

    def __init__(self, secret):
        self.key, self.used = base64.b32decode(secret + "=" * (-len(secret) % 8)), 0

    def code(self):
        step = max(self.used + 1, int(time.time() + 2) // 30 - 1)  # an old one must live for two more seconds
        time.sleep(max(0, (step - 1) * 30 - time.time()))
        self.used = step
        mac = hmac.digest(self.key, struct.pack(">Q", step), hashlib.sha1)
        at = mac[-1] & 15
        return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def other_than(code):
    return str((int(code[0]) + 1) % 10) + code[1:]


@pytest.fixture(scope="module")
def pool_id(idp):
    """A pool with every second factor that remembers devices when the user asks for it."""
    made = idp.create_user_pool(
        PoolName=unique("factors"),
        AutoVerifiedAttributes=["email"],
        DeviceConfiguration={"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": True},
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]}},
    )["UserPool"]["Id"]
    idp.set_user_pool_mfa_config(
        UserPoolId=made,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
        SmsMfaConfiguration=SMS,
        EmailMfaConfiguration={"Subject": "Your code", "Message": "Type {####}."},
    )
    yield made
    idp.delete_user_pool(UserPoolId=made)


@pytest.fixture(scope="module")
def client_id(idp, pool_id):
    return idp.create_user_pool_client(
        UserPoolId=pool_id, ClientName="open", ExplicitAuthFlows=[*FLOWS, "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]


class Member:
    """A user with an address and a phone, and what is done for it."""

    def __init__(self, idp, pool_id, client_id):
        self.idp, self.pool = idp, dict(UserPoolId=pool_id)
        self.phone = f"+1555{secrets.randbelow(10**10):010}"
        self.name = make_user(idp, pool_id, phone_number=self.phone, phone_number_verified="true")
        self.email = f"{self.name}@example.com"
        self.who = dict(**self.pool, Username=self.name)
        self.client = dict(**self.pool, ClientId=client_id)

    def start(self, **more):
        parameters = {"USERNAME": self.name, "PASSWORD": PASSWORD, **more}
        return self.idp.admin_initiate_auth(**self.client, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters)

    def answer(self, step, **responses):
        return self.idp.admin_respond_to_auth_challenge(
            **self.client,
            ChallengeName=step["ChallengeName"],
            Session=step["Session"],
            ChallengeResponses={"USERNAME": self.name, **responses},
        )

    def enrol(self):
        """Registers an authenticator app."""
        access = self.start()["AuthenticationResult"]["AccessToken"]
        app = Authenticator(self.idp.associate_software_token(AccessToken=access)["SecretCode"])
        assert self.idp.verify_software_token(AccessToken=access, UserCode=app.code())["Status"] == "SUCCESS"
        return app

    def prefer(self, **settings):
        self.idp.admin_set_user_mfa_preference(**self.who, **settings)

    def choice(self):
        read = self.idp.admin_get_user(**self.who)
        return read.get("PreferredMfaSetting"), read.get("UserMFASettingList")


@pytest.fixture
def member(idp, pool_id, client_id):
    return Member(idp, pool_id, client_id)


def test_mfa_configuration_reads_back(idp, pool_id):
    read = idp.get_user_pool_mfa_config(UserPoolId=pool_id)
    del read["ResponseMetadata"]
    assert read == {
        "MfaConfiguration": "OPTIONAL",
        "SoftwareTokenMfaConfiguration": {"Enabled": True},
        "SmsMfaConfiguration": SMS,
        "EmailMfaConfiguration": {"Subject": "Your code", "Message": "Type {####}."},
    }
    with Refused("InvalidParameterException", "Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration."):
        idp.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration="ON")
    assert idp.describe_user_pool(UserPoolId=pool_id)["UserPool"]["MfaConfiguration"] == "OPTIONAL"


def test_software_token(member):
    with Refused("InvalidParameterException", "User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA"):
        member.prefer(SoftwareTokenMfaSettings={"Enabled": True})
    app = member.enrol()
    assert member.choice() == (None, None)
    member.prefer(SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    assert member.choice() == ("SOFTWARE_TOKEN_MFA", ["SOFTWARE_TOKEN_MFA"])
    step = member.start()
    assert step["ChallengeName"] == "SOFTWARE_TOKEN_MFA" and "AuthenticationResult" not in step
    code = app.code()
    with Refused(*WRONG):
        member.answer(step, SOFTWARE_TOKEN_MFA_CODE=other_than(code))
    tokens = member.answer(step, SOFTWARE_TOKEN_MFA_CODE=code)["AuthenticationResult"]
    assert claims(tokens["AccessToken"])["username"] == member.name
    with Refused("ExpiredCodeException", "Your software token has already been used once."):
        member.answer(member.start(), SOFTWARE_TOKEN_MFA_CODE=code)


def test_set_up_during_the_sign_in(idp):
    pool_id = idp.create_user_pool(PoolName=unique("required"), AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    try:
        idp.set_user_pool_mfa_config(
            UserPoolId=pool_id, MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": True}
        )
        made = idp.create_user_pool_client(UserPoolId=pool_id, ClientName="open", ExplicitAuthFlows=FLOWS)
        member = Member(idp, pool_id, made["UserPoolClient"]["ClientId"])
        step = member.start()
        assert step["ChallengeName"] == "MFA_SETUP"
        assert json.loads(step["ChallengeParameters"]["MFAS_CAN_SETUP"]) == ["SOFTWARE_TOKEN_MFA"]
        with Refused("NotAuthorizedException", "Invalid session for the user."):
            member.answer(step)
        begun = idp.associate_software_token(Session=step["Session"])
        app = Authenticator(begun["SecretCode"])
        verified = idp.verify_software_token(Session=begun["Session"], UserCode=app.code())
        assert verified["Status"] == "SUCCESS"
        assert member.answer({**step, "Session": verified["Session"]})["AuthenticationResult"]["AccessToken"]
        assert member.start()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    finally:
        idp.delete_user_pool(UserPoolId=pool_id)


@pytest.mark.parametrize(
    "setting, challenge, answer, to, digits",
    [
        ("SMSMfaSettings", "SMS_MFA", "SMS_MFA_CODE", "phone", 6),
        ("EmailMfaSettings", "EMAIL_OTP", "EMAIL_OTP_CODE", "email", 8),
    ],
)
def test_sent_codes(member, setting, challenge, answer, to, digits):
    member.prefer(**{setting: {"Enabled": True, "PreferredMfa": True}})
    assert member.choice() == (challenge, [challenge])
    step = member.start()
    assert step["ChallengeName"] == challenge
    code = last_message(getattr(member, to), "Authentication")["code"]
    assert len(code) == digits and code.isdigit()
    with Refused("CodeMismatchException", "Invalid code or auth state for the user."):
        member.answer(step, **{answer: other_than(code)})
    assert member.answer(step, **{answer: code})["AuthenticationResult"]["IdToken"]


def test_choice_of_the_second_factor(member):
    app = member.enrol()
    on = {"Enabled": True}
    member.prefer(SMSMfaSettings=on, SoftwareTokenMfaSettings=on, EmailMfaSettings=on)
    every = ["SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP"]
    assert member.choice() == (None, every)
    step = member.start()
    assert step["ChallengeName"] == "SELECT_MFA_TYPE"
    assert json.loads(step["ChallengeParameters"]["MFAS_CAN_CHOOSE"]) == every
    step = member.answer(step, ANSWER="SOFTWARE_TOKEN_MFA")
    assert step["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert member.answer(step, SOFTWARE_TOKEN_MFA_CODE=app.code())["AuthenticationResult"]["AccessToken"]
    with Refused("InvalidParameterException"):
        member.prefer(SMSMfaSettings={**on, "PreferredMfa": True}, EmailMfaSettings={**on, "PreferredMfa": True})
    member.prefer(EmailMfaSettings={**on, "PreferredMfa": True})
    assert member.choice() == ("EMAIL_OTP", every)
    assert member.start()["ChallengeName"] == "EMAIL_OTP"


def test_user_settings(idp, member):
    options = [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]
    idp.admin_set_user_settings(**member.who, MFAOptions=options)
    assert idp.admin_get_user(**member.who)["MFAOptions"] == options
    assert member.start()["ChallengeName"] == "SMS_MFA"
    idp.admin_set_user_settings(**member.who, MFAOptions=[])
    assert "MFAOptions" not in idp.admin_get_user(**member.who)
    assert member.start()["AuthenticationResult"]["AccessToken"]


def test_auth_factors(idp, member):
    read = lambda: idp.admin_get_user_auth_factors(**member.who)
    assert read()["Username"] == member.name
    assert read()["ConfiguredUserAuthFactors"] == ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]
    assert "UserMFASettingList" not in read() and "PreferredMfaSetting" not in read()
    member.prefer(EmailMfaSettings={"Enabled": True, "PreferredMfa": True})
    assert (read()["PreferredMfaSetting"], read()["UserMFASettingList"]) == ("EMAIL_OTP", ["EMAIL_OTP"])


def test_first_factor(member):
    def start(**more):
        return member.idp.admin_initiate_auth(
            **member.client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": member.name, **more}
        )

    step = start()
    assert step["ChallengeName"] == "SELECT_CHALLENGE"
    assert step["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]
    step = member.answer(step, ANSWER="SMS_OTP")
    assert step["ChallengeName"] == "SMS_OTP"
    code = last_message(member.phone, "Authentication")["code"]
    assert member.answer(step, SMS_OTP_CODE=code)["AuthenticationResult"]["AccessToken"]
    assert start(PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)["AuthenticationResult"]["AccessToken"]


def test_devices(idp, member):
    keys = []
    for n in range(3):
        tokens = member.start()["AuthenticationResult"]
        assert tokens["NewDeviceMetadata"]["DeviceGroupKey"]
        keys.append(tokens["NewDeviceMetadata"]["DeviceKey"])
        confirmed = idp.confirm_device(
            AccessToken=tokens["AccessToken"],
            DeviceKey=keys[n],
            DeviceName=f"Phone {n}",
            DeviceSecretVerifierConfig={
                "Salt": base64.b64encode(secrets.token_bytes(16)).decode(),
                "PasswordVerifier": base64.b64encode(b"\x01" + secrets.token_bytes(383)).decode(),
            },
        )
        assert confirmed["UserConfirmationNecessary"] is True
    first = idp.admin_list_devices(**member.who, Limit=2)
    second = idp.admin_list_devices(**member.who, Limit=2, PaginationToken=first["PaginationToken"])
    assert [d["DeviceKey"] for d in first["Devices"] + second["Devices"]] == sorted(keys)
    assert "PaginationToken" not in second

    device = dict(**member.who, DeviceKey=keys[0])
    read = lambda: attributes(idp.admin_get_device(**device)["Device"]["DeviceAttributes"])
    assert (read()["device_name"], read()["dev:device_remembered_status"]) == ("Phone 0", "not_remembered")
    idp.admin_update_device_status(**device, DeviceRememberedStatus="remembered")
    assert read()["dev:device_remembered_status"] == "remembered"
    assert member.start(DEVICE_KEY=keys[0])["ChallengeName"] == "DEVICE_SRP_AUTH"
    assert member.start(DEVICE_KEY=keys[1])["AuthenticationResult"]["NewDeviceMetadata"]["DeviceKey"] not in keys
    idp.admin_forget_device(**device)
    for call in (idp.admin_get_device, idp.admin_forget_device):
        with Refused("ResourceNotFoundException", "Device does not exist."):
            call(**device)
    with Refused("ResourceNotFoundException", "Device does not exist."):
        member.start(DEVICE_KEY=keys[0])
    assert [d["DeviceKey"] for d in idp.admin_list_devices(**member.who)["Devices"]] == sorted(keys[1:])
