// Devices, as amazon-cognito-identity-js registers and proves them by itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AuthenticationDetails } from 'amazon-cognito-identity-js';
import { claims, lastMessage, Memory, outcome, password, person, refused, result, signIn } from './cognate.js';
import { deletePool, everyFactor, makePool, makeUser, phoneNumber, send } from './pool.js';

let pool; // remembers devices when the user wants it
let always; // remembers every device

before(async () => {
	pool = await makePool('devices', {
		DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true },
		mfa: { MfaConfiguration: 'OPTIONAL', ...everyFactor },
	});
	always = await makePool('devices-always', { DeviceConfiguration: { ChallengeRequiredOnNewDevice: true } });
});

after(async () => {
	await Promise.all([pool, always].filter(Boolean).map(deletePool));
});

const status = device => device.DeviceAttributes.find(a => a.Name === 'dev:device_remembered_status').Value;
const deviceKey = session => claims(session.getAccessToken().getJwtToken()).device_key;
const call = (user, method, ...args) => outcome(callbacks => user[method](...args, callbacks));
/** The library asks again for ten seconds when it is refused: the SDK does not. */
const refresh = (session, DeviceKey) =>
	send('GetTokensFromRefreshToken', { ClientId: pool.ClientId, RefreshToken: session.getRefreshToken().getToken(), DeviceKey });

/** A user whose second factor is SMS, and a store that keeps the user's device between sign-ins. */
async function owner(what) {
	const phone = phoneNumber();
	const username = await makeUser(pool, what, { phone_number: phone, phone_number_verified: 'true' });
	const Storage = new Memory();
	const fresh = () => person(username, pool, Storage);
	const first = fresh();
	await signIn(first, password);
	await result(done => first.setUserMfaPreference({ Enabled: true, PreferredMfa: true }, null, done));
	return { username, fresh, phone };
}

/** Signs in with the second factor, which must be asked for; tells whether the user is to be asked to remember the device. */
async function throughSMS({ fresh, phone }) {
	const user = fresh();
	await signIn(user, password, { mfaRequired: name => assert.equal(name, 'SMS_MFA') });
	const { code } = await lastMessage(phone, 'Authentication');
	const done = await outcome(callbacks => user.sendMFACode(code, callbacks), { onSuccess: (session, confirm) => ({ session, confirm }) });
	return { user, ...done };
}

/** Signs in with the second factor and remembers the device. */
async function remembered(who) {
	const got = await throughSMS(who);
	assert.equal(await call(got.user, 'setDeviceStatusRemembered'), 'SUCCESS');
	return got;
}

test('a device is registered by the sign-in, remembered, seen and listed', async () => {
	const { user, session, confirm } = await throughSMS(await owner('seen'));
	assert.equal(confirm, true, 'the user is to be asked');
	await refused(call(user, 'getDevice'), 'ResourceNotFoundException', 'Device does not exist.');
	assert.deepEqual((await call(user, 'listDevices', 10, null)).Devices, []);
	assert.equal(await call(user, 'setDeviceStatusRemembered'), 'SUCCESS');
	const { Device } = await call(user, 'getDevice');
	assert.equal(Device.DeviceKey, deviceKey(session));
	assert.equal(status(Device), 'remembered');
	assert.ok(Device.DeviceAttributes.find(a => a.Name === 'device_name').Value);
	assert.ok(Math.abs(Date.now() / 1000 - Device.DeviceCreateDate) < 600);
	assert.deepEqual((await call(user, 'listDevices', 10, null)).Devices.map(d => d.DeviceKey), [Device.DeviceKey]);
});

test('a remembered device signs in without the second factor, and refreshes', async () => {
	const who = await owner('device');
	const { session } = await remembered(who);
	const user = who.fresh();
	const again = await signIn(user, password);
	assert.equal(deviceKey(again), deviceKey(session));
	const renewed = await result(done => user.refreshSession(again.getRefreshToken(), done));
	assert.equal(deviceKey(renewed), deviceKey(session));

	const plain = who.fresh();
	plain.setAuthenticationFlowType('USER_PASSWORD_AUTH');
	assert.equal(deviceKey(await signIn(plain, password)), deviceKey(session));
	await throughSMS({ ...who, fresh: () => person(who.username, pool) });
});

test('a refresh token is bound to its device', async () => {
	const who = await owner('bound');
	const { session } = await remembered(who);
	for (const other of [undefined, 'us-east-1_00000000-0000-4000-8000-000000000000']) {
		await refused(refresh(session, other), 'NotAuthorizedException', 'Invalid Refresh Token.');
	}
	assert.ok((await refresh(session, deviceKey(session))).AuthenticationResult.AccessToken);
});

test('a device that is no longer remembered brings the second factor back', async () => {
	const who = await owner('not');
	const { user, session } = await remembered(who);
	assert.equal(await call(user, 'setDeviceStatusNotRemembered'), 'SUCCESS');
	assert.deepEqual((await call(user, 'listDevices', 10, null)).Devices, []);
	const next = await throughSMS(who);
	assert.notEqual(deviceKey(next.session), deviceKey(session));
});

test('a forgotten device is gone, with its refresh tokens', async () => {
	const who = await owner('forgotten');
	const { user, session } = await remembered(who);
	assert.equal(await call(user, 'forgetDevice'), 'SUCCESS');
	await refused(refresh(session, deviceKey(session)), 'NotAuthorizedException', 'Refresh Token has expired');
	await send('GetUser', { AccessToken: session.getAccessToken().getJwtToken() });
	await throughSMS(who);
});

test('a client whose device an administrator has forgotten starts anew', async () => {
	const who = await owner('lost');
	const { session } = await remembered(who);
	const DeviceKey = deviceKey(session);
	await send('AdminForgetDevice', { UserPoolId: pool.UserPoolId, Username: who.username, DeviceKey });
	const next = await throughSMS(who);
	assert.notEqual(deviceKey(next.session), DeviceKey);
	const { Devices } = await send('AdminListDevices', { UserPoolId: pool.UserPoolId, Username: who.username });
	assert.ok(Devices.some(d => d.DeviceKey === deviceKey(next.session)) && !Devices.some(d => d.DeviceKey === DeviceKey));
});

test('devices are listed in pages, and one of several is forgotten', async () => {
	const who = await owner('pages');
	const keys = [];
	let user;
	for (let n = 0; n < 3; n++) {
		const other = new Memory();
		const got = await remembered({ ...who, fresh: () => person(who.username, pool, other) });
		keys.push(deviceKey(got.session));
		user = got.user;
	}
	const first = await call(user, 'listDevices', 2, null);
	const second = await call(user, 'listDevices', 2, first.PaginationToken);
	assert.equal(first.Devices.length, 2);
	assert.equal(second.PaginationToken, undefined);
	assert.deepEqual([...first.Devices, ...second.Devices].map(d => d.DeviceKey), keys.toSorted());
	assert.equal(await call(user, 'forgetSpecificDevice', keys[0]), 'SUCCESS');
	assert.deepEqual((await call(user, 'listDevices', 60, null)).Devices.map(d => d.DeviceKey), keys.slice(1).toSorted());
});

for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
	test(`${flow}: a pool that asks nobody remembers the device of the first sign-in`, async () => {
		const Username = await makeUser(always, 'always');
		const user = person(Username, always);
		user.setAuthenticationFlowType(flow);
		const first = await outcome(
			callbacks => user.authenticateUser(new AuthenticationDetails({ Username, Password: password }), callbacks),
			{ onSuccess: (session, confirm) => ({ session, confirm }) });
		assert.equal(first.confirm, undefined);
		const { Devices } = await call(user, 'listDevices', 10, null);
		assert.deepEqual(Devices.map(d => d.DeviceKey), [deviceKey(first.session)]);
		assert.equal(deviceKey(await signIn(user, password)), deviceKey(first.session));

		await send('AdminForgetDevice', { UserPoolId: always.UserPoolId, Username, DeviceKey: deviceKey(first.session) });
		if (flow === 'USER_PASSWORD_AUTH') { // the library does not try again on this way
			return refused(signIn(user, password), 'ResourceNotFoundException', 'Device does not exist.');
		}
		assert.notEqual(deviceKey(await signIn(user, password)), deviceKey(first.session));
	});
}
