"""Groups through boto3, and what of them is in the tokens."""

import pytest

from conftest import PASSWORD, Refused, claims, make_user, unique

ROLE = "arn:aws:iam::123456789012:role/"


@pytest.fixture
def make_group(idp, pool_id):
    """Makes groups, which are deleted at the end."""
    made = []

    def make(what, **settings):
        group = idp.create_group(UserPoolId=pool_id, GroupName=unique(what), **settings)["Group"]
        made.append(group["GroupName"])
        return group["GroupName"]

    yield make
    for name in made:
        idp.delete_group(UserPoolId=pool_id, GroupName=name)


def all_pages(idp, operation, key, **arguments):
    """What is in the pages of an operation, which hold one each."""
    pages = list(idp.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": 1}))
    assert all(len(page[key]) <= 1 for page in pages)
    return [item for page in pages for item in page[key]]


def tokens(idp, client_id, name):
    return idp.initiate_auth(
        ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD}
    )["AuthenticationResult"]


def test_a_group_is_created_read_updated_and_deleted(idp, pool_id):
    group = dict(UserPoolId=pool_id, GroupName=unique("group"))
    made = idp.create_group(**group, Description="Zoë’s", Precedence=7, RoleArn=ROLE + "a")["Group"]
    assert (made["Description"], made["Precedence"], made["RoleArn"]) == ("Zoë’s", 7, ROLE + "a")
    with Refused("GroupExistsException"):
        idp.create_group(**group)
    assert idp.get_group(**group)["Group"] == made
    changed = idp.update_group(**group, Description="theirs", Precedence=0)["Group"]
    assert (changed["Description"], changed["Precedence"], changed["RoleArn"]) == ("theirs", 0, ROLE + "a")
    assert changed["CreationDate"] == made["CreationDate"] and changed["LastModifiedDate"] > made["LastModifiedDate"]
    idp.delete_group(**group)
    for call in (idp.get_group, idp.update_group, idp.delete_group):
        with Refused("ResourceNotFoundException"):
            call(**group)


def test_groups_and_members_are_listed_in_pages(idp, pool_id, make_group):
    groups = [make_group(f"list-{n}") for n in (2, 1, 3)]
    users = [make_user(idp, pool_id) for _ in range(3)]
    for name in users:
        idp.admin_add_user_to_group(UserPoolId=pool_id, Username=name, GroupName=groups[0])
    for name in groups:
        idp.admin_add_user_to_group(UserPoolId=pool_id, Username=users[0], GroupName=name)
    listed = [g["GroupName"] for g in all_pages(idp, "list_groups", "Groups", UserPoolId=pool_id)]
    assert [g for g in listed if g in groups] == sorted(groups)
    members = all_pages(idp, "list_users_in_group", "Users", UserPoolId=pool_id, GroupName=groups[0])
    assert sorted(u["Username"] for u in members) == sorted(users)
    mine = all_pages(idp, "admin_list_groups_for_user", "Groups", UserPoolId=pool_id, Username=users[0])
    assert [g["GroupName"] for g in mine] == sorted(groups)

    idp.admin_remove_user_from_group(UserPoolId=pool_id, Username=users[0], GroupName=groups[0])
    idp.admin_delete_user(UserPoolId=pool_id, Username=users[1])
    left = idp.list_users_in_group(UserPoolId=pool_id, GroupName=groups[0])["Users"]
    assert [u["Username"] for u in left] == [users[2]]


def test_groups_and_roles_are_in_the_tokens(idp, pool_id, client_id, make_group):
    name = make_user(idp, pool_id)
    plain = tokens(idp, client_id, name)
    for token in (plain["IdToken"], plain["AccessToken"]):
        assert not {"cognito:groups", "cognito:roles", "cognito:preferred_role"} & set(claims(token))

    staff = make_group("staff", Precedence=20, RoleArn=ROLE + "staff")
    boss = make_group("boss", Precedence=10, RoleArn=ROLE + "boss")
    bare = make_group("bare")
    for group in (staff, boss, bare):
        idp.admin_add_user_to_group(UserPoolId=pool_id, Username=name, GroupName=group)
    both = tokens(idp, client_id, name)
    identity, access = claims(both["IdToken"]), claims(both["AccessToken"])
    assert identity["cognito:groups"] == access["cognito:groups"] == [boss, staff, bare]
    assert identity["cognito:roles"] == [ROLE + "boss", ROLE + "staff"]
    assert identity["cognito:preferred_role"] == ROLE + "boss"
    assert not {"cognito:roles", "cognito:preferred_role"} & set(access)

    idp.update_group(UserPoolId=pool_id, GroupName=boss, Precedence=20)
    idp.admin_remove_user_from_group(UserPoolId=pool_id, Username=name, GroupName=bare)
    fresh = idp.initiate_auth(
        ClientId=client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": both["RefreshToken"]}
    )["AuthenticationResult"]
    identity = claims(fresh["IdToken"])
    assert identity["cognito:groups"] == [boss, staff]
    assert "cognito:preferred_role" not in identity, "two roles of one precedence: none is preferred"


def test_what_is_not_there(idp, pool_id, user, make_group):
    group = make_group("empty")
    assert idp.list_users_in_group(UserPoolId=pool_id, GroupName=group)["Users"] == []
    with Refused("UserNotFoundException", "User does not exist."):
        idp.admin_add_user_to_group(UserPoolId=pool_id, Username=unique("nobody"), GroupName=group)
    for call in (idp.admin_add_user_to_group, idp.admin_remove_user_from_group):
        with Refused("ResourceNotFoundException"):
            call(UserPoolId=pool_id, Username=user, GroupName=unique("none"))
