"""An unchanged function for custom challenges, as it would be in Lambda: it asks for a sum, three times at most."""


def define(request, response):
    session = request["session"]
    last = session[-1] if session else {"challengeName": None, "challengeResult": False}
    custom = [c for c in session if c["challengeName"] == "CUSTOM_CHALLENGE"]
    response["issueTokens"] = last["challengeName"] == "CUSTOM_CHALLENGE" and last["challengeResult"]
    response["failAuthentication"] = sum(not c["challengeResult"] for c in custom) == 3
    response["challengeName"] = "PASSWORD_VERIFIER" if last["challengeName"] == "SRP_A" else "CUSTOM_CHALLENGE"


def create(request, response):
    n = len(request["session"])
    response["publicChallengeParameters"] = {"sum": f"{n} + 2", "from": "python"}
    response["privateChallengeParameters"] = {"answer": str(n + 2)}
    response["challengeMetadata"] = f"SUM_{n}"


def verify(request, response):
    if (request.get("clientMetadata") or {}).get("never"):
        raise ValueError("Not now")
    response["answerCorrect"] = request["challengeAnswer"] == request["privateChallengeParameters"]["answer"]


HANDLERS = {
    "DefineAuthChallenge_Authentication": define,
    "CreateAuthChallenge_Authentication": create,
    "VerifyAuthChallengeResponse_Authentication": verify,
}


def handler(event, _context):
    HANDLERS[event["triggerSource"]](event["request"], event["response"])
    return event
