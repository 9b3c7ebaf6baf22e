"""The admin side of a user pool through boto3."""

import base64
import datetime
import hashlib
import hmac
import json

import pytest

from conftest import FLOWS, PASSWORD, Refused, attributes, claims, last_message, unique

WRONG = ("NotAuthorizedException", "Incorrect username or password.")


def sign_in(idp, pool_id, client_id, name, password=PASSWORD, **more):
    return idp.admin_initiate_auth(
        UserPoolId=pool_id,
        ClientId=client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password, **more},
    )


def test_pool_reads_back(idp, pool_id):
    pool = idp.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    assert pool["AutoVerifiedAttributes"] == ["email"]
    assert pool["MfaConfiguration"] == "OFF"
    assert pool["Policies"]["PasswordPolicy"] == {
        "MinimumLength": 8,
        "RequireUppercase": True,
        "RequireLowercase": True,
        "RequireNumbers": True,
        "RequireSymbols": True,
        "TemporaryPasswordValidityDays": 7,
    }
    custom = next(a for a in pool["SchemaAttributes"] if a["Name"] == "custom:plan")
    assert custom["AttributeDataType"] == "String" and custom["Mutable"]
    age = datetime.datetime.now(datetime.timezone.utc) - pool["CreationDate"]
    assert abs(age) < datetime.timedelta(minutes=10)


def test_pools_are_listed_in_pages(idp, pool_id):
    seen, more = [], {}
    for _ in range(1000):
        page = idp.list_user_pools(MaxResults=1, **more)
        assert len(page["UserPools"]) <= 1
        seen += [p["Id"] for p in page["UserPools"]]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert pool_id in seen and "us-east-1_ExaMPle" in seen
    assert len(seen) == len(set(seen))


def test_invitation_and_first_sign_in(idp, pool_id, client_id):
    name = unique("invited")
    email = f"{name}@example.com"
    made = idp.admin_create_user(
        UserPoolId=pool_id,
        Username=name,
        DesiredDeliveryMediums=["EMAIL"],
        UserAttributes=[{"Name": "email", "Value": email}, {"Name": "custom:plan", "Value": "gold"}],
    )["User"]
    assert made["Username"] == name and made["UserStatus"] == "FORCE_CHANGE_PASSWORD" and made["Enabled"]
    assert attributes(made["Attributes"])["custom:plan"] == "gold"

    temporary = last_message(email, "AdminCreateUser")["code"]
    step = sign_in(idp, pool_id, client_id, name, temporary)
    assert step["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert json.loads(step["ChallengeParameters"]["userAttributes"])["email"] == email
    assert "AuthenticationResult" not in step

    def answer(password):
        return idp.admin_respond_to_auth_challenge(
            UserPoolId=pool_id,
            ClientId=client_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=step["Session"],
            ChallengeResponses={"USERNAME": name, "NEW_PASSWORD": password},
        )

    with Refused("InvalidPasswordException", "Password does not conform to policy: Password not long enough"):
        answer("short")
    done = answer(PASSWORD)["AuthenticationResult"]
    assert done["TokenType"] == "Bearer" and done["ExpiresIn"] == 3600
    assert claims(done["IdToken"])["cognito:username"] == name
    with Refused("NotAuthorizedException"):
        answer(PASSWORD)
    assert idp.admin_get_user(UserPoolId=pool_id, Username=name)["UserStatus"] == "CONFIRMED"
    with Refused(*WRONG):
        sign_in(idp, pool_id, client_id, name, temporary)


def test_invitation_again(idp, pool_id, client_id):
    name = unique("again")
    email = f"{name}@example.com"
    invite = dict(UserPoolId=pool_id, Username=name, DesiredDeliveryMediums=["EMAIL"])
    with Refused("UserNotFoundException"):
        idp.admin_create_user(**invite, MessageAction="RESEND")
    idp.admin_create_user(**invite, UserAttributes=[{"Name": "email", "Value": email}])
    first = last_message(email, "AdminCreateUser")["code"]
    idp.admin_create_user(**invite, MessageAction="RESEND")
    second = last_message(email, "AdminCreateUser")["code"]
    assert first != second
    with Refused(*WRONG):
        sign_in(idp, pool_id, client_id, name, first)
    assert sign_in(idp, pool_id, client_id, name, second)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_user_is_updated_and_deleted(idp, pool_id, user):
    who = dict(UserPoolId=pool_id, Username=user)
    read = lambda: attributes(idp.admin_get_user(**who)["UserAttributes"])
    assert read()["email_verified"] == "true"
    idp.admin_update_user_attributes(**who, UserAttributes=[{"Name": "name", "Value": "Zoë 🐴"}, {"Name": "custom:plan", "Value": "1"}])
    assert read()["name"] == "Zoë 🐴" and read()["custom:plan"] == "1"
    idp.admin_delete_user_attributes(**who, UserAttributeNames=["custom:plan"])
    assert "custom:plan" not in read() and read()["name"] == "Zoë 🐴"
    with Refused("UsernameExistsException", "User account already exists"):
        idp.admin_create_user(**who)
    idp.admin_delete_user(**who)
    for call in (idp.admin_get_user, idp.admin_delete_user):
        with Refused("UserNotFoundException", "User does not exist."):
            call(**who)


def test_list_users(idp, pool_id):
    prefix = unique("list")
    for n in (2, 1, 3):
        idp.admin_create_user(
            UserPoolId=pool_id,
            Username=f"{prefix}-{n}",
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": f"{prefix}-{n}@example.com"}],
        )
    pages = idp.get_paginator("list_users").paginate(
        UserPoolId=pool_id, Filter=f'username ^= "{prefix}"', PaginationConfig={"PageSize": 2}
    )
    assert [u["Username"] for page in pages for u in page["Users"]] == [f"{prefix}-{n}" for n in (1, 2, 3)]

    def find(condition):
        return [u["Username"] for u in idp.list_users(UserPoolId=pool_id, Filter=condition)["Users"]]

    assert find(f'email = "{prefix}-2@example.com"') == [f"{prefix}-2"]
    assert find(f'email = "{prefix}"') == []
    assert f"{prefix}-1" in find('cognito:user_status = "FORCE_CHANGE_PASSWORD"')
    sub = attributes(idp.admin_get_user(UserPoolId=pool_id, Username=f"{prefix}-3")["UserAttributes"])["sub"]
    assert find(f'sub = "{sub}"') == [f"{prefix}-3"]
    with Refused("InvalidParameterException", "Invalid search attribute: custom:plan"):
        find('custom:plan = "x"')


def test_disabled_user(idp, pool_id, client_id, user):
    session = sign_in(idp, pool_id, client_id, user)["AuthenticationResult"]
    idp.admin_disable_user(UserPoolId=pool_id, Username=user)
    assert idp.admin_get_user(UserPoolId=pool_id, Username=user)["Enabled"] is False
    with Refused("NotAuthorizedException", "User is disabled."):
        sign_in(idp, pool_id, client_id, user)
    with Refused("NotAuthorizedException"):
        idp.get_user(AccessToken=session["AccessToken"])
    idp.admin_enable_user(UserPoolId=pool_id, Username=user)
    assert sign_in(idp, pool_id, client_id, user)["AuthenticationResult"]["AccessToken"]


def test_global_sign_out(idp, pool_id, client_id, user):
    session = sign_in(idp, pool_id, client_id, user)["AuthenticationResult"]
    assert idp.get_user(AccessToken=session["AccessToken"])["Username"] == user
    idp.admin_user_global_sign_out(UserPoolId=pool_id, Username=user)
    with Refused("NotAuthorizedException", "Access Token has been revoked"):
        idp.get_user(AccessToken=session["AccessToken"])
    with Refused("NotAuthorizedException", "Refresh Token has been revoked"):
        idp.initiate_auth(
            ClientId=client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": session["RefreshToken"]}
        )


def test_secret_hash(idp, pool_id, user):
    made = idp.create_user_pool_client(
        UserPoolId=pool_id, ClientName="guarded", GenerateSecret=True, ExplicitAuthFlows=FLOWS
    )["UserPoolClient"]
    client_id = made["ClientId"]
    digest = lambda name: base64.b64encode(
        hmac.digest(made["ClientSecret"].encode(), (name + client_id).encode(), hashlib.sha256)
    ).decode()
    with Refused("NotAuthorizedException", f"Client {client_id} is configured with secret but SECRET_HASH was not received"):
        sign_in(idp, pool_id, client_id, user)
    with Refused("NotAuthorizedException", f"Unable to verify secret hash for client {client_id}"):
        sign_in(idp, pool_id, client_id, user, SECRET_HASH=digest("other"))
    assert sign_in(idp, pool_id, client_id, user, SECRET_HASH=digest(user))["AuthenticationResult"]["IdToken"]
    idp.delete_user_pool_client(UserPoolId=pool_id, ClientId=client_id)
    with Refused("ResourceNotFoundException", f"User pool client {client_id} does not exist."):
        idp.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)


def test_rotation(idp, pool_id, user):
    client_id = idp.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="rotating",
        ExplicitAuthFlows=FLOWS,
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
    )["UserPoolClient"]["ClientId"]
    first = sign_in(idp, pool_id, client_id, user)["AuthenticationResult"]
    rotate = lambda token: idp.get_tokens_from_refresh_token(ClientId=client_id, RefreshToken=token)["AuthenticationResult"]
    second = rotate(first["RefreshToken"])
    assert second["RefreshToken"] != first["RefreshToken"]
    assert claims(second["AccessToken"])["origin_jti"] == claims(first["AccessToken"])["origin_jti"]
    with pytest.raises(idp.exceptions.RefreshTokenReuseException):
        rotate(first["RefreshToken"])


def test_revoke(idp, pool_id, client_id, user):
    session = sign_in(idp, pool_id, client_id, user)["AuthenticationResult"]
    idp.revoke_token(Token=session["RefreshToken"], ClientId=client_id)
    with pytest.raises(idp.exceptions.NotAuthorizedException, match="Access Token has been revoked"):
        idp.get_user(AccessToken=session["AccessToken"])


def test_password_reset_by_an_admin(idp, pool_id, client_id, user):
    idp.admin_reset_user_password(UserPoolId=pool_id, Username=user)
    assert idp.admin_get_user(UserPoolId=pool_id, Username=user)["UserStatus"] == "RESET_REQUIRED"
    with Refused("PasswordResetRequiredException", "Password reset required for the user"):
        sign_in(idp, pool_id, client_id, user)
    code = last_message(f"{user}@example.com", "ForgotPassword")["code"]
    with Refused("CodeMismatchException", "Invalid verification code provided, please try again."):
        wrong = str((int(code[0]) + 1) % 10) + code[1:]
        idp.confirm_forgot_password(ClientId=client_id, Username=user, ConfirmationCode=wrong, Password="N3w-Horse!x")
    idp.confirm_forgot_password(ClientId=client_id, Username=user, ConfirmationCode=code, Password="N3w-Horse!x")
    assert sign_in(idp, pool_id, client_id, user, "N3w-Horse!x")["AuthenticationResult"]["AccessToken"]


def test_sign_up_confirmed_by_an_admin(idp, pool_id, client_id):
    name = unique("signup")
    made = idp.sign_up(ClientId=client_id, Username=name, Password=PASSWORD)
    assert made["UserConfirmed"] is False and "CodeDeliveryDetails" not in made
    with Refused("UserNotConfirmedException", "User is not confirmed."):
        sign_in(idp, pool_id, client_id, name)
    idp.admin_confirm_sign_up(UserPoolId=pool_id, Username=name)
    with Refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        idp.admin_confirm_sign_up(UserPoolId=pool_id, Username=name)
    assert claims(sign_in(idp, pool_id, client_id, name)["AuthenticationResult"]["AccessToken"])["sub"] == made["UserSub"]


def test_validation_is_worded_as_on_aws(idp, pool_id):
    with pytest.raises(idp.exceptions.InvalidParameterException, match=r"^.*1 validation error detected: Value .* at 'userPoolId' failed to satisfy constraint: "):
        idp.admin_get_user(UserPoolId="no pool", Username="x")
