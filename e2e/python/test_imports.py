"""Import jobs: a file by the pre-signed URL, progress, the log, and sign-ins of who came with a password hash."""

import re
import time
import urllib.error
import urllib.request

import pytest
from conftest import Refused, unique

ROLE = "arn:aws:iam::000000000000:role/logs"
# scrypt of IMPORTED, by OpenSSL.
IMPORTED = "Passw0rd!"
HASH = "16384$8$1$00112233445566778899aabbccddeeff$b5492f580a399175171092a709f7896aa830667110f04fa1dac2c89aac4c34ea"


@pytest.fixture(scope="module")
def imports(idp):
    """A pool and a client to import into."""
    pool = idp.create_user_pool(PoolName=unique("imports"), AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    client = idp.create_user_pool_client(
        UserPoolId=pool, ClientName="imports", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]
    yield pool, client
    idp.delete_user_pool(UserPoolId=pool)


def csv(header, rows):
    """A file of rows, each a dictionary."""
    lines = [header, *([row.get(column, "") for column in header] for row in rows)]
    return "".join(",".join(value.replace(",", "\\,") for value in line) + "\n" for line in lines).encode()


def put(url, body):
    """Uploads as Cognito's documentation says; the status of the answer."""
    request = urllib.request.Request(url, data=body, method="PUT", headers={"x-amz-server-side-encryption": "aws:kms"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def finish(idp, pool, job):
    """The job once it is over."""
    for _ in range(600):
        found = idp.describe_user_import_job(UserPoolId=pool, JobId=job)["UserImportJob"]
        if "CompletionDate" in found:
            return found
        time.sleep(0.05)
    pytest.fail("the job is not over")


def user(i, **more):
    name = f"import-{i}"
    return {"cognito:username": name, "email": f"{name}@example.com", "email_verified": "true", **more}


def test_import(idp, imports):
    pool, client = imports
    header = idp.get_csv_header(UserPoolId=pool)["CSVHeader"]
    assert header[0] == "name" and header[-1] == "cognito:username"
    job = idp.create_user_import_job(JobName="all", UserPoolId=pool, CloudWatchLogsRoleArn=ROLE, PasswordHashingAlgorithm="SCRYPT")["UserImportJob"]
    assert job["Status"] == "Created" and job["PasswordHashingAlgorithm"] == "SCRYPT"
    rows = [user(i) for i in range(1500)]
    rows[0] |= {"password_hash": HASH, "name": "Doe, Jane", "birthdate": "02/29/2000"}
    rows[7] |= {"email_verified": "false"}
    body = csv([*header, "password_hash"], [*rows, user(1)])
    assert put(job["PreSignedUrl"] + "x", body) == 403
    assert put(job["PreSignedUrl"], body) == 200
    assert put(job["PreSignedUrl"], body) == 409
    started = idp.start_user_import_job(UserPoolId=pool, JobId=job["JobId"])["UserImportJob"]
    assert started["Status"] == "Pending"
    done = finish(idp, pool, job["JobId"])
    assert (done["Status"], done["ImportedUsers"], done["SkippedUsers"], done["FailedUsers"]) == ("Succeeded", 1499, 1, 1)

    link = re.search(r" Log: (\S+)$", done["CompletionMessage"])
    with urllib.request.urlopen(link[1], timeout=10) as answer:
        log = answer.read().decode().splitlines()
    assert len(log) == 1501
    assert log[0] == "[SUCCEEDED] Line Number 2 - The import succeeded."
    assert log[7].startswith("[FAILED] Line Number 9 - The User Record does not set any of the auto verified attributes to true.")
    assert log[-1] == "[SKIPPED] Line Number 1502 - The user already exists."

    signed_in = idp.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "import-0", "PASSWORD": IMPORTED}
    )
    assert signed_in["AuthenticationResult"]["AccessToken"]
    found = {a["Name"]: a["Value"] for a in idp.admin_get_user(UserPoolId=pool, Username="import-0")["UserAttributes"]}
    assert found["name"] == "Doe, Jane" and found["birthdate"] == "2000-02-29"
    with Refused("PasswordResetRequiredException", "Password reset required for the user"):
        idp.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "import-1", "PASSWORD": IMPORTED})
    listed = idp.list_user_import_jobs(UserPoolId=pool, MaxResults=10)["UserImportJobs"]
    assert [j["JobId"] for j in listed] == [job["JobId"]]


def test_refusals(idp, imports):
    pool, _ = imports
    job = idp.create_user_import_job(JobName="none", UserPoolId=pool, CloudWatchLogsRoleArn=ROLE)["UserImportJob"]["JobId"]
    with Refused("PreconditionNotMetException"):
        idp.start_user_import_job(UserPoolId=pool, JobId=job)
    with Refused("PreconditionNotMetException"):
        idp.stop_user_import_job(UserPoolId=pool, JobId=job)
    with Refused("ResourceNotFoundException"):
        idp.describe_user_import_job(UserPoolId=pool, JobId="import-none")
