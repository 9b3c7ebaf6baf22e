// Second factors through amazon-cognito-identity-js.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { claims, inbox, lastMessage, otherThan, outcome, password, person, refused, result, signIn, url } from './cognate.js';
import { Authenticator, deletePool, everyFactor, makePool, makeUser, phoneNumber, send } from './pool.js';

const wrongCode = ['CodeMismatchException', 'Invalid code or auth state for the user.'];
const wrongToken = ['CodeMismatchException', 'Invalid code received for user'];

let optional;
let required;

before(async () => {
	optional = await makePool('mfa', { mfa: { MfaConfiguration: 'OPTIONAL', ...everyFactor } });
	required = await makePool('mfa-required', { mfa: { MfaConfiguration: 'ON', SoftwareTokenMfaConfiguration: { Enabled: true } } });
});

after(async () => {
	await Promise.all([optional, required].filter(Boolean).map(deletePool));
});

/** The challenge, of one of these kinds, that signing in leads to. */
const challenged = (user, kind) => signIn(user, password, { [kind]: (name, parameters) => ({ name, parameters }) });
const sendCode = (user, code, kind) => outcome(callbacks => user.sendMFACode(code, callbacks, kind));
const choose = (user, factor, kind) =>
	outcome(callbacks => user.sendMFASelectionAnswer(factor, callbacks), { [kind]: (name, parameters) => ({ name, parameters }) });
const prefer = (user, sms, token) => result(done => user.setUserMfaPreference(sms, token, done));
const userData = user => result(done => user.getUserData(done, { bypassCache: true }));
const verify = (user, code, name = 'phone') => outcome(callbacks => user.verifySoftwareToken(code, name, callbacks));

/** Begins to register an authenticator app. */
async function associate(user) {
	const secret = await outcome(callbacks => user.associateSoftwareToken(callbacks), { associateSecretCode: code => code });
	assert.match(secret, /^[A-Z2-7]{52}$/);
	return new Authenticator(secret);
}

/** A user of the optional pool with a phone and an address, signed in. */
async function member(what) {
	const phone = phoneNumber();
	const email = `${phone.slice(1)}@example.com`;
	const username = await makeUser(optional, what, { email, email_verified: 'true', phone_number: phone, phone_number_verified: 'true' });
	const user = person(username, optional);
	await signIn(user, password);
	return { username, user, phone, email };
}

test('a software token is registered with tokens, preferred, and asked for', async () => {
	const { username, user } = await member('token');
	const app = await associate(user);
	const first = await app.code();
	await refused(verify(user, otherThan(first)), 'EnableSoftwareTokenMFAException', 'Code mismatch and fail enable Software Token MFA');
	assert.equal((await verify(user, first, 'Zoë’s phone')).Status, 'SUCCESS');
	assert.equal((await userData(user)).UserMFASettingList, undefined, 'a token is not yet a choice');
	await prefer(user, null, { Enabled: true, PreferredMfa: true });
	const data = await userData(user);
	assert.deepEqual([data.PreferredMfaSetting, data.UserMFASettingList], ['SOFTWARE_TOKEN_MFA', ['SOFTWARE_TOKEN_MFA']]);

	const again = person(username, optional);
	const { name, parameters } = await challenged(again, 'totpRequired');
	assert.equal(name, 'SOFTWARE_TOKEN_MFA');
	assert.equal(parameters.FRIENDLY_DEVICE_NAME, 'Zoë’s phone');
	await refused(sendCode(again, first, name), 'ExpiredCodeException', 'Your software token has already been used once.');
	const second = await app.code();
	await refused(sendCode(again, otherThan(second), name), ...wrongToken);
	const session = await sendCode(again, second, name);
	assert.equal(claims(session.getAccessToken().getJwtToken()).username, username);
	await refused(sendCode(again, await app.code(), name), 'NotAuthorizedException', 'Invalid session for the user, session can only be used once.');
});

test('a software token is registered in MFA_SETUP, which signs in', async () => {
	const username = await makeUser(required, 'setup');
	const user = person(username, required);
	const { name, parameters } = await challenged(user, 'mfaSetup');
	assert.equal(name, 'MFA_SETUP');
	assert.deepEqual(JSON.parse(parameters.MFAS_CAN_SETUP), ['SOFTWARE_TOKEN_MFA']);
	const app = await associate(user);
	const first = await app.code();
	await refused(verify(user, otherThan(first)), 'EnableSoftwareTokenMFAException');
	const session = await verify(user, first);
	assert.equal(claims(session.getIdToken().getJwtToken())['cognito:username'], username);
	const again = person(username, required);
	assert.equal((await challenged(again, 'totpRequired')).name, 'SOFTWARE_TOKEN_MFA');
	await sendCode(again, await app.code(), 'SOFTWARE_TOKEN_MFA');
	await prefer(again, null, { Enabled: true, PreferredMfa: true });
	await refused(prefer(again, null, { Enabled: false }), 'InvalidParameterException');
	assert.equal((await userData(again)).PreferredMfaSetting, 'SOFTWARE_TOKEN_MFA');
});

test('a code by SMS is the second factor', async () => {
	const { username, user, phone } = await member('sms');
	await prefer(user, { Enabled: true, PreferredMfa: true }, null);
	assert.equal((await userData(user)).PreferredMfaSetting, 'SMS_MFA');
	const again = person(username, optional);
	const { name, parameters } = await challenged(again, 'mfaRequired');
	assert.equal(name, 'SMS_MFA');
	assert.equal(parameters.CODE_DELIVERY_DELIVERY_MEDIUM, 'SMS');
	assert.match(parameters.CODE_DELIVERY_DESTINATION, new RegExp(`^\\+\\*+${phone.slice(-4)}$`));
	const message = await lastMessage(phone, 'Authentication');
	assert.equal(message.medium, 'SMS');
	assert.match(message.code, /^\d{6}$/);
	await refused(sendCode(again, otherThan(message.code)), ...wrongCode);
	assert.ok((await sendCode(again, message.code)).isValid());

	const once = person(username, optional);
	await challenged(once, 'mfaRequired');
	await refused(sendCode(once, message.code), ...wrongCode);
});

test('a user with two second factors selects one', async () => {
	const { username, user, phone } = await member('select');
	const app = await associate(user);
	await verify(user, await app.code());
	await prefer(user, { Enabled: true }, { Enabled: true });
	assert.deepEqual((await userData(user)).UserMFASettingList, ['SMS_MFA', 'SOFTWARE_TOKEN_MFA']);
	for (const [factor, kind, code] of [
		['SOFTWARE_TOKEN_MFA', 'totpRequired', () => app.code()],
		['SMS_MFA', 'mfaRequired', async () => (await lastMessage(phone, 'Authentication')).code],
	]) {
		const again = person(username, optional);
		const { parameters } = await challenged(again, 'selectMFAType');
		assert.deepEqual(JSON.parse(parameters.MFAS_CAN_CHOOSE), ['SMS_MFA', 'SOFTWARE_TOKEN_MFA']);
		await refused(choose(again, 'EMAIL_OTP', 'mfaRequired'), 'InvalidParameterException');
		assert.equal((await choose(again, factor, kind)).name, factor);
		assert.ok((await sendCode(again, await code(), factor)).isValid());
	}
});

// The library has no callback for this factor, and names its code SMS_MFA_CODE: its users answer by its transport.
test('a mailed code is the second factor', async () => {
	const { username, user, email } = await member('mail');
	const app = await associate(user);
	await verify(user, await app.code());
	await send('AdminSetUserMFAPreference', {
		UserPoolId: optional.UserPoolId, Username: username, EmailMfaSettings: { Enabled: true }, SoftwareTokenMfaSettings: { Enabled: true },
	});
	const again = person(username, optional);
	const { parameters } = await challenged(again, 'selectMFAType');
	assert.deepEqual(JSON.parse(parameters.MFAS_CAN_CHOOSE), ['SOFTWARE_TOKEN_MFA', 'EMAIL_OTP']);
	const before = (await inbox(email)).length;
	const respond = (ChallengeName, ChallengeResponses) =>
		again.client.promisifyRequest('RespondToAuthChallenge', {
			ClientId: optional.ClientId, ChallengeName, Session: again.Session, ChallengeResponses: { USERNAME: username, ...ChallengeResponses },
		});
	const asked = await respond('SELECT_MFA_TYPE', { ANSWER: 'EMAIL_OTP' });
	assert.equal(asked.ChallengeName, 'EMAIL_OTP');
	again.Session = asked.Session;
	assert.equal((await inbox(email)).length, before + 1);
	const { code } = await lastMessage(email, 'Authentication');
	await refused(sendCode(again, code, 'EMAIL_OTP'), 'InvalidParameterException', 'Missing required parameter EMAIL_OTP_CODE');
	await refused(respond('EMAIL_OTP', { EMAIL_OTP_CODE: otherThan(code) }), ...wrongCode);
	const { AuthenticationResult } = await respond('EMAIL_OTP', { EMAIL_OTP_CODE: code });
	assert.equal(claims(AuthenticationResult.AccessToken).username, username);
});

test('a recovery code answers in place of a software token, once', async () => {
	const { username, user } = await member('recovery');
	await verify(user, await (await associate(user)).code());
	await prefer(user, null, { Enabled: true, PreferredMfa: true });
	const response = await fetch(url, {
		method: 'POST',
		headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'Cognate.CreateRecoveryCodes' },
		body: JSON.stringify({ AccessToken: user.getSignInUserSession().getAccessToken().getJwtToken() }),
	});
	assert.equal(response.status, 200);
	const [code, another] = (await response.json()).RecoveryCodes;
	const again = person(username, optional);
	const { name } = await challenged(again, 'totpRequired');
	assert.ok((await sendCode(again, code, name)).isValid());
	await challenged(again, 'totpRequired');
	await refused(sendCode(again, code, name), ...wrongToken);
	assert.ok((await sendCode(again, another.toLowerCase().replaceAll('-', ' '), name)).isValid());
});

test('the deprecated calls turn SMS on and off', async () => {
	const { username, user } = await member('settings');
	await result(done => user.enableMFA(done));
	assert.deepEqual(await result(done => user.getMFAOptions(done)), [{ AttributeName: 'phone_number', DeliveryMedium: 'SMS' }]);
	assert.equal((await challenged(person(username, optional), 'mfaRequired')).name, 'SMS_MFA');
	await result(done => user.disableMFA(done));
	assert.ok((await signIn(person(username, optional), password)).isValid());
});
