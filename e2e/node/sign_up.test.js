// The life of a user who signs up alone, through amazon-cognito-identity-js.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claims, inbox, lastMessage, otherThan, outcome, password, person, poolId, refused, result, signIn, signUp, unique } from './cognate.js';

const wrongCode = ['CodeMismatchException', 'Invalid verification code provided, please try again.'];
const wrongPassword = ['NotAuthorizedException', 'Incorrect username or password.'];

/** A new user with a confirmed address. */
async function confirmed(what) {
	const username = unique(what);
	const email = `${username}@example.com`;
	await signUp(username, password, { email });
	const user = person(username);
	const { code } = await lastMessage(email, 'SignUp');
	assert.equal(await result(done => user.confirmRegistration(code, false, done)), 'SUCCESS');
	return { username, email, user };
}

test('sign-up, a wrong code, the right code, sign-in', async () => {
	const username = unique('sign-up');
	const email = `${username}@example.com`;
	const made = await signUp(username, password, { email, name: 'Zoë Żółć' });
	assert.equal(made.userConfirmed, false);
	assert.match(made.userSub, /^[0-9a-f-]{36}$/);
	assert.deepEqual(made.codeDeliveryDetails, { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: 'e***@e***' });

	const user = person(username);
	await refused(signIn(user, password), 'UserNotConfirmedException', 'User is not confirmed.');
	const message = await lastMessage(email, 'SignUp');
	assert.match(message.code, /^\d{6}$/);
	assert.deepEqual(Object.keys(message).sort(),
		['body', 'code', 'destination', 'error', 'id', 'medium', 'poolId', 'purpose', 'status', 'subject', 'time', 'username']);
	assert.deepEqual([message.status, message.error], ['sent', '']);
	assert.equal(message.poolId, poolId);
	assert.equal(message.username, username);
	assert.equal(message.medium, 'EMAIL');
	assert.equal(message.subject, 'Your verification code');

	await refused(result(done => user.confirmRegistration(otherThan(message.code), false, done)), ...wrongCode);
	assert.equal(await result(done => user.confirmRegistration(message.code, false, done)), 'SUCCESS');
	await refused(result(done => user.confirmRegistration(message.code, false, done)), 'NotAuthorizedException',
		'User cannot be confirmed. Current status is CONFIRMED');

	const id = claims((await signIn(user, password)).getIdToken().getJwtToken());
	assert.equal(id.sub, made.userSub);
	assert.equal(id.name, 'Zoë Żółć');
	assert.equal(id.email_verified, true);
});

test('a name that is taken and a password that is too weak are refused', async () => {
	const { username } = await confirmed('taken');
	await refused(signUp(username, password, { email: 'other@example.com' }), 'UsernameExistsException', 'User already exists');
	await refused(signUp(unique('weak'), 'Sh0rt!', {}), 'InvalidPasswordException', 'Password did not conform with policy: Password not long enough');
	await refused(signUp(unique('weak'), 'alllowercase', {}), 'InvalidPasswordException', /^Password did not conform with policy: Password must have /);
});

test('a code that is sent again takes the place of the first', async () => {
	const username = unique('resend');
	const email = `${username}@example.com`;
	await signUp(username, password, { email });
	const first = (await lastMessage(email, 'SignUp')).code;
	const user = person(username);
	const sent = await result(done => user.resendConfirmationCode(done));
	assert.deepEqual(sent.CodeDeliveryDetails, { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: 'e***@e***' });
	const second = (await lastMessage(email, 'ResendCode')).code;
	assert.equal((await inbox(email)).length, 2);
	if (first !== second) {
		await refused(result(done => user.confirmRegistration(first, false, done)), ...wrongCode);
	}
	assert.equal(await result(done => user.confirmRegistration(second, false, done)), 'SUCCESS');
});

test('a signed-in user changes the password', async () => {
	const { user, username } = await confirmed('change');
	await signIn(user, password);
	const next = 'An0ther-Horse!';
	await refused(result(done => user.changePassword('Wr0ng-Horse!', next, done)), ...wrongPassword);
	await refused(result(done => user.changePassword(password, 'short', done)), 'InvalidPasswordException', /^Password does not conform to policy: /);
	assert.equal(await result(done => user.changePassword(password, next, done)), 'SUCCESS');
	await refused(signIn(person(username), password), ...wrongPassword);
	await signIn(person(username), next);
});

test('a user who forgot the password sets a new one with a code', async () => {
	const { user, username, email } = await confirmed('forgot');
	const sent = await outcome(callbacks => user.forgotPassword(callbacks), { inputVerificationCode: data => data });
	assert.deepEqual(sent.CodeDeliveryDetails, { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: 'e***@e***' });
	const { code } = await lastMessage(email, 'ForgotPassword');
	await signIn(person(username), password); // the old one holds until then

	const next = 'Rem3mbered-Horse!';
	await refused(outcome(callbacks => user.confirmPassword(otherThan(code), next, callbacks)), ...wrongCode);
	await outcome(callbacks => user.confirmPassword(code, next, callbacks));
	await signIn(person(username), next);
	await refused(signIn(person(username), password), ...wrongPassword);
	await assert.rejects(outcome(callbacks => user.confirmPassword(code, 'Thi5-Too-Late!', callbacks)), 'a code works once');
	await signIn(person(username), next);
});

test('after a global sign-out every token of the user is dead', async () => {
	const { user, username } = await confirmed('sign-out');
	const session = await signIn(user, password);
	const elsewhere = person(username);
	const other = await signIn(elsewhere, password);
	await outcome(callbacks => user.globalSignOut(callbacks));

	elsewhere.setSignInUserSession(other);
	await refused(result(done => elsewhere.getUserData(done, { bypassCache: true })), 'NotAuthorizedException', 'Access Token has been revoked');
	for (const dead of [session, other]) {
		await refused(result(done => person(username).refreshSession(dead.getRefreshToken(), done)), 'NotAuthorizedException',
			'Refresh Token has been revoked');
	}
	await signIn(person(username), password);
});

test('a user deletes itself, and the name is free again', async () => {
	const { user, username, email } = await confirmed('delete');
	await signIn(user, password);
	assert.equal(await result(done => user.deleteUser(done)), 'SUCCESS');
	await refused(signIn(person(username), password), 'UserNotFoundException', 'User does not exist.');
	assert.equal((await signUp(username, password, { email })).userConfirmed, false);
});

test('a changed address is verified with a code of its own', async () => {
	const { user, username } = await confirmed('address');
	await signIn(user, password);
	const next = `${username}-next@example.com`;
	await result(done => user.updateAttributes([{ Name: 'email', Value: next }], done));
	const { code } = await lastMessage(next, 'UpdateUserAttribute');
	const read = async () => Object.fromEntries((await result(done => user.getUserAttributes(done))).map(a => [a.Name, a.Value]));
	assert.equal((await read()).email_verified, 'false');
	await refused(outcome(callbacks => user.verifyAttribute('email', otherThan(code), callbacks)), ...wrongCode);
	await outcome(callbacks => user.verifyAttribute('email', code, callbacks));
	const attributes = await read();
	assert.equal(attributes.email, next);
	assert.equal(attributes.email_verified, 'true');
});
