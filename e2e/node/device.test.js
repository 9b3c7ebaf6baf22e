// Remembered devices, as amazon-cognito-identity-js registers and proves them by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	AdminCreateUserCommand, AdminForgetDeviceCommand, AdminListDevicesCommand, AdminSetUserPasswordCommand, CreateUserPoolClientCommand,
	CreateUserPoolCommand, GetTokensFromRefreshTokenCommand, SetUserPoolMfaConfigCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { claims, outcome, password, person, refused, result, sdk, signIn, unique } from './cognate.js';

/** A pool that remembers devices, with a client and a user. */
async function pool(configuration) {
	const client = sdk();
	const { UserPool } = await client.send(new CreateUserPoolCommand({ PoolName: unique('devices'), DeviceConfiguration: configuration }));
	const { UserPoolClient } = await client.send(new CreateUserPoolClientCommand({
		UserPoolId: UserPool.Id, ClientName: 'app', ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
	}));
	const of = { UserPoolId: UserPool.Id, ClientId: UserPoolClient.ClientId };
	await client.send(new AdminCreateUserCommand({ UserPoolId: of.UserPoolId, Username: 'ann', MessageAction: 'SUPPRESS' }));
	await client.send(new AdminSetUserPasswordCommand({ UserPoolId: of.UserPoolId, Username: 'ann', Password: password, Permanent: true }));
	const devices = async () => (await client.send(new AdminListDevicesCommand({ UserPoolId: of.UserPoolId, Username: 'ann' }))).Devices;
	return { client, of, devices };
}

const deviceOf = session => claims(session.getAccessToken().getJwtToken()).device_key;

/** Gives the second argument of onSuccess: whether the user has to say that the device is to be remembered. */
const necessary = (user, secret) =>
	new Promise((resolve, reject) =>
		signIn({ getUsername: () => user.getUsername(), authenticateUser: (details, ways) =>
			user.authenticateUser(details, { ...ways, onSuccess: (_, yes) => resolve(yes) }) }, secret).catch(reject));

for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
	test(`${flow}: a device is registered once, proves itself, refreshes, and stands in for the second factor`, async () => {
		const { client, of, devices } = await pool({ ChallengeRequiredOnNewDevice: true });
		const user = person('ann', of);
		user.setAuthenticationFlowType(flow);
		const first = await signIn(user, password);
		const [device] = await devices();
		assert.equal(device.DeviceKey, deviceOf(first));
		await client.send(new SetUserPoolMfaConfigCommand({
			UserPoolId: of.UserPoolId, MfaConfiguration: 'ON', SoftwareTokenMfaConfiguration: { Enabled: true },
		}));
		const second = await signIn(user, password);
		assert.equal(deviceOf(second), device.DeviceKey);
		assert.equal((await devices()).length, 1);
		const third = await result(done => user.refreshSession(second.getRefreshToken(), done));
		assert.equal(deviceOf(third), device.DeviceKey);
		const elsewhere = person('ann', of);
		elsewhere.setAuthenticationFlowType(flow);
		assert.equal(await signIn(elsewhere, password, { mfaSetup: () => 'set up' }), 'set up');
	});

	test(`${flow}: a device that was forgotten meanwhile`, async () => {
		const { client, of, devices } = await pool({ ChallengeRequiredOnNewDevice: true });
		const user = person('ann', of);
		user.setAuthenticationFlowType(flow);
		const first = await signIn(user, password);
		await client.send(new AdminForgetDeviceCommand({ UserPoolId: of.UserPoolId, Username: 'ann', DeviceKey: deviceOf(first) }));
		await refused(result(done => user.refreshSession(first.getRefreshToken(), done)), 'NotAuthorizedException');
		if (flow === 'USER_PASSWORD_AUTH') {
			await refused(signIn(user, password), 'ResourceNotFoundException', 'Device does not exist.');
			return;
		}
		const second = await signIn(user, password); // the library answers again without the device, and registers a new one
		const [device] = await devices();
		assert.equal(device.DeviceKey, deviceOf(second));
		assert.notEqual(deviceOf(second), deviceOf(first));
	});
}

test('a user says which devices are remembered, sees them, and forgets one', async () => {
	const { client, of, devices } = await pool({ ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true });
	const user = person('ann', of);
	assert.equal(await necessary(user, password), true);
	const list = () => outcome(ways => user.listDevices(10, null, ways));
	assert.equal((await list()).Devices.length, 0);
	await outcome(ways => user.setDeviceStatusRemembered(ways));
	const { Devices: [device] } = await list();
	const got = await outcome(ways => user.getDevice(ways));
	assert.equal(got.Device.DeviceKey, device.DeviceKey);
	assert.ok(device.DeviceAttributes.some(a => a.Name === 'dev:device_remembered_status' && a.Value === 'remembered'));
	assert.equal(deviceOf(await signIn(user, password)), device.DeviceKey);
	await outcome(ways => user.setDeviceStatusNotRemembered(ways));
	assert.equal((await list()).Devices.length, 0);
	assert.equal((await devices()).length, 1);
	const session = user.getSignInUserSession();
	await outcome(ways => user.forgetDevice(ways));
	assert.deepEqual(await devices(), []);
	await refused(
		client.send(new GetTokensFromRefreshTokenCommand({
			ClientId: of.ClientId, RefreshToken: session.getRefreshToken().getToken(), DeviceKey: device.DeviceKey,
		})),
		'NotAuthorizedException', 'Refresh Token has been revoked');
});
