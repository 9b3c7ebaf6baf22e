// The signed operations, through the AWS SDK for JavaScript v3, on a pool of the test's own.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { claims, lastMessage, outcome, password, person, refused, sdk, signIn, unique } from './cognate.js';

const client = sdk();
const send = (name, input) => client.send(new cognito[`${name}Command`](input));
const wrongPassword = ['NotAuthorizedException', 'Incorrect username or password.'];

let UserPoolId;
let open; // a client without a secret
let guarded; // one with a secret
let rotating; // one whose refresh tokens change at each use

before(async () => {
	const pool = (await send('CreateUserPool', { PoolName: unique('node'), AutoVerifiedAttributes: ['email'] })).UserPool;
	UserPoolId = pool.Id;
	assert.match(UserPoolId, /^us-east-1_[0-9a-zA-Z]{9}$/);
	const flows = ['ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_ADMIN_USER_PASSWORD_AUTH'];
	const make = async input => (await send('CreateUserPoolClient', { UserPoolId, ExplicitAuthFlows: flows, ...input })).UserPoolClient;
	open = await make({ ClientName: 'open', ExplicitAuthFlows: [...flows, 'ALLOW_REFRESH_TOKEN_AUTH'] });
	guarded = await make({ ClientName: 'guarded', GenerateSecret: true, ExplicitAuthFlows: [...flows, 'ALLOW_REFRESH_TOKEN_AUTH'] });
	rotating = await make({ ClientName: 'rotating', RefreshTokenRotation: { Feature: 'ENABLED', RetryGracePeriodSeconds: 0 } });
});

after(async () => {
	if (UserPoolId) {
		await send('DeleteUserPool', { UserPoolId });
		await refused(send('DescribeUserPool', { UserPoolId }), 'ResourceNotFoundException', `User pool ${UserPoolId} does not exist.`);
	}
	client.destroy();
});

const hash = (username, of = guarded) => createHmac('sha256', of.ClientSecret).update(username + of.ClientId).digest('base64');

/** A confirmed user with the usual password. */
async function user(what) {
	const Username = unique(what);
	await send('AdminCreateUser', {
		UserPoolId, Username, MessageAction: 'SUPPRESS',
		UserAttributes: [{ Name: 'email', Value: `${Username}@example.com` }, { Name: 'email_verified', Value: 'true' }],
	});
	await send('AdminSetUserPassword', { UserPoolId, Username, Password: password, Permanent: true });
	return Username;
}

const start = (Username, of = open, extra = {}) =>
	send('InitiateAuth', { ClientId: of.ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: Username, PASSWORD: password, ...extra } });

const value = (attributes, name) => attributes.find(a => a.Name === name)?.Value;

test('the pool and its clients read back as made', async () => {
	const pool = (await send('DescribeUserPool', { UserPoolId })).UserPool;
	assert.deepEqual(pool.AutoVerifiedAttributes, ['email']);
	assert.equal(pool.MfaConfiguration, 'OFF');
	assert.equal(pool.Policies.PasswordPolicy.MinimumLength, 8);
	assert.ok(pool.CreationDate instanceof Date && Math.abs(Date.now() - pool.CreationDate) < 600_000);
	assert.equal(open.ClientSecret, undefined);
	assert.match(guarded.ClientSecret, /^\w{51,52}$/);
	const read = (await send('DescribeUserPoolClient', { UserPoolId, ClientId: guarded.ClientId })).UserPoolClient;
	assert.equal(read.ClientSecret, guarded.ClientSecret);
	const listed = (await send('ListUserPoolClients', { UserPoolId, MaxResults: 60 })).UserPoolClients;
	assert.deepEqual(listed.map(c => c.ClientName).sort(), ['guarded', 'open', 'rotating']);
});

test('an invited user sets a password, through amazon-cognito-identity-js', async () => {
	const Username = unique('invited');
	const email = `${Username}@example.com`;
	const made = (await send('AdminCreateUser', {
		UserPoolId, Username, DesiredDeliveryMediums: ['EMAIL'], UserAttributes: [{ Name: 'email', Value: email }],
	})).User;
	assert.equal(made.UserStatus, 'FORCE_CHANGE_PASSWORD');
	assert.equal(made.Enabled, true);
	assert.ok(value(made.Attributes, 'sub'));
	const invitation = await lastMessage(email, 'AdminCreateUser');
	assert.ok(invitation.body.includes(Username), 'the invitation names the user');

	const invited = person(Username, { UserPoolId, ClientId: open.ClientId });
	const wanted = await signIn(invited, invitation.code, { newPasswordRequired: (attributes, required) => ({ attributes, required }) });
	assert.equal(wanted.attributes.email, email);
	assert.deepEqual(wanted.required, []);
	const session = await outcome(callbacks => invited.completeNewPasswordChallenge(password, {}, callbacks));
	assert.equal(claims(session.getIdToken().getJwtToken())['cognito:username'], Username);
	assert.equal((await send('AdminGetUser', { UserPoolId, Username })).UserStatus, 'CONFIRMED');
	await signIn(person(Username, { UserPoolId, ClientId: open.ClientId }), password);
	await refused(signIn(person(Username, { UserPoolId, ClientId: open.ClientId }), invitation.code), ...wrongPassword);
});

test('an invited user sets a password, through AdminRespondToAuthChallenge', async () => {
	const Username = unique('invited');
	const temporary = 'Temp0rary-Horse!';
	await send('AdminCreateUser', { UserPoolId, Username, TemporaryPassword: temporary, MessageAction: 'SUPPRESS' });
	const begin = { UserPoolId, ClientId: open.ClientId, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', AuthParameters: { USERNAME: Username, PASSWORD: temporary } };
	const step = await send('AdminInitiateAuth', begin);
	assert.equal(step.ChallengeName, 'NEW_PASSWORD_REQUIRED');
	assert.equal(step.ChallengeParameters.USER_ID_FOR_SRP, Username);
	assert.deepEqual(JSON.parse(step.ChallengeParameters.requiredAttributes), []);
	assert.equal(step.AuthenticationResult, undefined);
	const answer = NEW_PASSWORD => send('AdminRespondToAuthChallenge', {
		UserPoolId, ClientId: open.ClientId, ChallengeName: step.ChallengeName, Session: step.Session,
		ChallengeResponses: { USERNAME: Username, NEW_PASSWORD },
	});
	await refused(answer('short'), 'InvalidPasswordException', 'Password does not conform to policy: Password not long enough');
	const done = await answer(password);
	assert.equal(done.AuthenticationResult.TokenType, 'Bearer');
	assert.equal(done.AuthenticationResult.ExpiresIn, 3600);
	await refused(answer(password), 'NotAuthorizedException');
	const me = await send('GetUser', { AccessToken: done.AuthenticationResult.AccessToken });
	assert.equal(me.Username, Username);
});

test('an invited user must exist once, and a weak temporary password is refused', async () => {
	const Username = await user('twice');
	await refused(send('AdminCreateUser', { UserPoolId, Username }), 'UsernameExistsException', 'User account already exists');
	await refused(send('AdminCreateUser', { UserPoolId, Username: unique('weak'), TemporaryPassword: 'weakling' }), 'InvalidPasswordException',
		/^Password did not conform with password policy: /);
});

test('users are found by filters, in pages', async () => {
	const prefix = unique('list');
	for (const n of [3, 1, 2]) {
		const Username = `${prefix}-${n}`;
		await send('AdminCreateUser', {
			UserPoolId, Username, MessageAction: 'SUPPRESS',
			UserAttributes: [{ Name: 'email', Value: `${Username}@example.com` }, { Name: 'given_name', Value: `Name "${n}"` }],
		});
	}
	await send('AdminSetUserPassword', { UserPoolId, Username: `${prefix}-2`, Password: password, Permanent: true });
	await send('AdminDisableUser', { UserPoolId, Username: `${prefix}-3` });
	const found = async (Filter, more = {}) => (await send('ListUsers', { UserPoolId, Filter, ...more })).Users.map(u => u.Username).filter(n => n.startsWith(prefix));

	assert.deepEqual(await found(`username = "${prefix}-1"`), [`${prefix}-1`]);
	assert.deepEqual(await found(`username ^= "${prefix}"`), [1, 2, 3].map(n => `${prefix}-${n}`));
	assert.deepEqual(await found(`email = "${prefix}-2@example.com"`), [`${prefix}-2`]);
	assert.deepEqual(await found(`email ^= "${prefix}-"`), [1, 2, 3].map(n => `${prefix}-${n}`));
	assert.deepEqual(await found(`email = "${prefix}"`), []);
	assert.deepEqual(await found(`given_name = "Name \\"3\\""`), [`${prefix}-3`]);
	assert.ok((await found('cognito:user_status = "CONFIRMED"')).includes(`${prefix}-2`));
	assert.ok(!(await found('cognito:user_status = "CONFIRMED"')).includes(`${prefix}-1`));
	assert.ok((await found('status = "Disabled"')).includes(`${prefix}-3`));
	await refused(send('ListUsers', { UserPoolId, Filter: 'custom:foo = "x"' }), 'InvalidParameterException', 'Invalid search attribute: custom:foo');
	await refused(send('ListUsers', { UserPoolId, Filter: 'email = ' }), 'InvalidParameterException');

	const seen = [];
	let PaginationToken;
	do {
		const page = await send('ListUsers', { UserPoolId, Filter: `username ^= "${prefix}"`, Limit: 1, PaginationToken });
		assert.ok(page.Users.length <= 1);
		seen.push(...page.Users.map(u => u.Username));
		PaginationToken = page.PaginationToken;
	} while (PaginationToken && seen.length < 10);
	assert.deepEqual(seen, [1, 2, 3].map(n => `${prefix}-${n}`));

	const narrow = (await send('ListUsers', { UserPoolId, Filter: `username = "${prefix}-1"`, AttributesToGet: ['email'] })).Users;
	assert.deepEqual(narrow[0].Attributes, [{ Name: 'email', Value: `${prefix}-1@example.com` }]);
});

test('a disabled user cannot sign in until enabled', async () => {
	const Username = await user('disabled');
	const session = await start(Username);
	await send('AdminDisableUser', { UserPoolId, Username });
	await refused(start(Username), 'NotAuthorizedException', 'User is disabled.');
	await refused(send('InitiateAuth', { ClientId: open.ClientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: session.AuthenticationResult.RefreshToken } }),
		'NotAuthorizedException');
	await send('AdminEnableUser', { UserPoolId, Username });
	assert.ok((await start(Username)).AuthenticationResult.AccessToken);
});

test('a client with a secret wants its hash everywhere', async () => {
	const Username = await user('secret');
	const { ClientId } = guarded;
	await refused(start(Username, guarded), 'NotAuthorizedException', `Client ${ClientId} is configured with secret but SECRET_HASH was not received`);
	await refused(start(Username, guarded, { SECRET_HASH: hash(`${Username}x`) }), 'NotAuthorizedException', `Unable to verify secret hash for client ${ClientId}`);
	const session = (await start(Username, guarded, { SECRET_HASH: hash(Username) })).AuthenticationResult;
	const refresh = extra => send('InitiateAuth', { ClientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: session.RefreshToken, ...extra } });
	await refused(refresh({}), 'NotAuthorizedException');
	const fresh = (await refresh({ SECRET_HASH: hash(Username) })).AuthenticationResult;
	assert.equal(fresh.RefreshToken, undefined);
	assert.equal(claims(fresh.AccessToken).origin_jti, claims(session.AccessToken).origin_jti);

	const email = `${unique('secret')}@example.com`;
	const newcomer = email.split('@')[0];
	const signUp = { ClientId, Username: newcomer, Password: password, UserAttributes: [{ Name: 'email', Value: email }] };
	await refused(send('SignUp', signUp), 'NotAuthorizedException', `Client ${ClientId} is configured with secret but SECRET_HASH was not received`);
	await send('SignUp', { ...signUp, SecretHash: hash(newcomer) });
	const { code } = await lastMessage(email, 'SignUp');
	await refused(send('ConfirmSignUp', { ClientId, Username: newcomer, ConfirmationCode: code, SecretHash: hash('x') }), 'NotAuthorizedException');
	await send('ConfirmSignUp', { ClientId, Username: newcomer, ConfirmationCode: code, SecretHash: hash(newcomer) });
	assert.ok((await start(newcomer, guarded, { SECRET_HASH: hash(newcomer) })).AuthenticationResult.IdToken);
});

test('a revoked refresh token takes its access tokens along, and only its own client may revoke it', async () => {
	const Username = await user('revoke');
	const one = (await start(Username)).AuthenticationResult;
	const two = (await start(Username)).AuthenticationResult;
	await assert.rejects(send('RevokeToken', { Token: one.RefreshToken, ClientId: guarded.ClientId, ClientSecret: guarded.ClientSecret }));
	await send('GetUser', { AccessToken: one.AccessToken });
	await send('RevokeToken', { Token: one.RefreshToken, ClientId: open.ClientId });
	await refused(send('GetUser', { AccessToken: one.AccessToken }), 'NotAuthorizedException', 'Access Token has been revoked');
	await refused(send('InitiateAuth', { ClientId: open.ClientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: one.RefreshToken } }),
		'NotAuthorizedException', 'Refresh Token has been revoked');
	assert.equal((await send('GetUser', { AccessToken: two.AccessToken })).Username, Username, 'another sign-in stays');
});

test('GetTokensFromRefreshToken rotates, and the old token is dead at once', async () => {
	const Username = await user('rotate');
	const first = (await start(Username, rotating)).AuthenticationResult;
	const rotate = RefreshToken => send('GetTokensFromRefreshToken', { ClientId: rotating.ClientId, RefreshToken });
	const second = (await rotate(first.RefreshToken)).AuthenticationResult;
	assert.ok(second.RefreshToken && second.RefreshToken !== first.RefreshToken);
	assert.equal(claims(second.AccessToken).origin_jti, claims(first.AccessToken).origin_jti);
	const third = (await rotate(second.RefreshToken)).AuthenticationResult;
	assert.ok(third.RefreshToken !== second.RefreshToken);
	await refused(rotate(first.RefreshToken), 'RefreshTokenReuseException');
});

test('GetTokensFromRefreshToken without rotation, with a client secret', async () => {
	const Username = await user('renew');
	const first = (await start(Username, guarded, { SECRET_HASH: hash(Username) })).AuthenticationResult;
	const renew = ClientSecret => send('GetTokensFromRefreshToken', { ClientId: guarded.ClientId, ClientSecret, RefreshToken: first.RefreshToken });
	await refused(renew('x'.repeat(51)), 'NotAuthorizedException');
	const fresh = (await renew(guarded.ClientSecret)).AuthenticationResult;
	assert.ok(fresh.AccessToken && fresh.IdToken);
	assert.equal(fresh.RefreshToken, undefined);
});

test('attributes are set, read and deleted', async () => {
	const Username = await user('attributes');
	const read = async () => (await send('AdminGetUser', { UserPoolId, Username })).UserAttributes;
	await send('AdminUpdateUserAttributes', { UserPoolId, Username, UserAttributes: [{ Name: 'nickname', Value: '🐴' }, { Name: 'locale', Value: 'pl' }] });
	assert.equal(value(await read(), 'nickname'), '🐴');
	await send('AdminDeleteUserAttributes', { UserPoolId, Username, UserAttributeNames: ['nickname'] });
	const left = await read();
	assert.equal(value(left, 'nickname'), undefined);
	assert.equal(value(left, 'locale'), 'pl');
	await refused(send('AdminUpdateUserAttributes', { UserPoolId, Username, UserAttributes: [{ Name: 'custom:none', Value: 'x' }] }), 'InvalidParameterException');
});

test('what is not there is named as on AWS', async () => {
	await refused(send('AdminGetUser', { UserPoolId, Username: unique('nobody') }), 'UserNotFoundException', 'User does not exist.');
	await refused(send('AdminGetUser', { UserPoolId: 'us-east-1_NoSuch000', Username: 'x' }), 'ResourceNotFoundException', 'User pool us-east-1_NoSuch000 does not exist.');
	await refused(send('InitiateAuth', { ClientId: 'nosuchclient', AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'x', PASSWORD: 'y' } }),
		'ResourceNotFoundException', 'User pool client nosuchclient does not exist.');
	await refused(send('GetUser', { AccessToken: 'not.a.token' }), 'NotAuthorizedException', 'Invalid Access Token');
	const Username = await user('gone');
	await send('AdminDeleteUser', { UserPoolId, Username });
	await refused(send('AdminDeleteUser', { UserPoolId, Username }), 'UserNotFoundException', 'User does not exist.');
});
