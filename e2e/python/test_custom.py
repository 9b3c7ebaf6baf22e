"""Custom challenges by an administrator, of a function in Python that awslambdaric runs."""

import pytest
from conftest import Refused, claims, last_message, make_user, unique


@pytest.fixture
def challenge(idp):
    """Makes a pool whose challenges are a function's, with a client for them."""
    made = []

    def make(function):
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
        config = dict.fromkeys(["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"], arn)
        pool = idp.create_user_pool(PoolName=unique("custom"), LambdaConfig=config)["UserPool"]["Id"]
        made.append(pool)
        client = idp.create_user_pool_client(UserPoolId=pool, ClientName="custom", ExplicitAuthFlows=["ALLOW_CUSTOM_AUTH"])
        return {"UserPoolId": pool, "ClientId": client["UserPoolClient"]["ClientId"]}

    yield make
    for pool in made:
        idp.delete_user_pool(UserPoolId=pool)


def begin(idp, at, name):
    return idp.admin_initiate_auth(**at, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": name})


def guess(idp, at, name, session, answer, **more):
    return idp.admin_respond_to_auth_challenge(
        **at, ChallengeName="CUSTOM_CHALLENGE", Session=session, ChallengeResponses={"USERNAME": name, "ANSWER": answer}, **more
    )


def test_challenge(idp, challenge):
    at = challenge("e2e-python")
    name = make_user(idp, at["UserPoolId"])
    asked = begin(idp, at, name)
    assert asked["ChallengeParameters"] == {"USERNAME": name, "sum": "0 + 2", "from": "python"}
    again = guess(idp, at, name, asked["Session"], "no")
    signed_in = guess(idp, at, name, again["Session"], "3")["AuthenticationResult"]
    assert claims(signed_in["IdToken"])["cognito:username"] == name

    asked = begin(idp, at, name)
    for _ in range(2):
        asked = guess(idp, at, name, asked["Session"], "no")
    with Refused("NotAuthorizedException", "Incorrect username or password."):
        guess(idp, at, name, asked["Session"], "no")
    with Refused("UserLambdaValidationException", "VerifyAuthChallengeResponse failed with error Not now."):
        guess(idp, at, name, begin(idp, at, name)["Session"], "2", ClientMetadata={"never": "true"})


def test_mailed_code(idp, challenge):
    at = challenge("email-code")
    name = make_user(idp, at["UserPoolId"])
    asked = begin(idp, at, name)
    code = last_message(f"{name}@example.com", "Authentication")["code"]
    assert "AuthenticationResult" in guess(idp, at, name, asked["Session"], code)
