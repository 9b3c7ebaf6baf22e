// A pool of a test's own, with what its administrator does, and the authenticator app of its users.
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { password, sdk, unique } from './cognate.js';

const client = sdk();

/** Calls a signed operation. */
export const send = (name, input) => client.send(new cognito[`${name}Command`](input));

/** Second factors of every kind. */
export const everyFactor = {
	SoftwareTokenMfaConfiguration: { Enabled: true },
	EmailMfaConfiguration: { Subject: 'Your code' },
	SmsMfaConfiguration: { SmsConfiguration: { SnsCallerArn: 'arn:aws:iam::123456789012:role/sms' } },
};

/** A pool with one client, which has no secret. `mfa` is for SetUserPoolMfaConfig. */
export async function makePool(what, { mfa, ...settings } = {}) {
	const { Id } = (await send('CreateUserPool', { PoolName: unique(what), AutoVerifiedAttributes: ['email'], ...settings })).UserPool;
	if (mfa) {
		await send('SetUserPoolMfaConfig', { UserPoolId: Id, ...mfa });
	}
	const ExplicitAuthFlows = ['ALLOW_USER_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'];
	const { ClientId } = (await send('CreateUserPoolClient', { UserPoolId: Id, ClientName: 'open', ExplicitAuthFlows })).UserPoolClient;
	return { UserPoolId: Id, ClientId };
}

export const deletePool = ({ UserPoolId }) => send('DeleteUserPool', { UserPoolId });

/** A confirmed user with the usual password; attributes are values by name. */
export async function makeUser({ UserPoolId }, what, attributes) {
	const Username = unique(what);
	const given = attributes ?? { email: `${Username}@example.com`, email_verified: 'true' };
	const UserAttributes = Object.entries(given).map(([Name, Value]) => ({ Name, Value }));
	await send('AdminCreateUser', { UserPoolId, Username, MessageAction: 'SUPPRESS', UserAttributes });
	await send('AdminSetUserPassword', { UserPoolId, Username, Password: password, Permanent: true });
	return Username;
}

/** A phone number that no other run has used. */
export const phoneNumber = () => `+1555${String(Math.floor(Math.random() * 1e10)).padStart(10, '0')}`;

const bits = base32 =>
	[...base32].map(c => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');

/**
 * An authenticator app (RFC 6238). The server takes each code once, and those of the steps beside the present
 * one: so the first three codes come at once, and a further one waits for its time.
 */
export class Authenticator {
	#key;
	#used = 0;

	constructor(secret) {
		this.#key = Buffer.from(bits(secret).match(/.{8}/g).map(byte => parseInt(byte, 2)));
	}

	/** A code that has not been used; an old one must live for two more seconds. */
	async code() {
		const step = Math.max(this.#used + 1, Math.floor((Date.now() / 1000 + 2) / 30) - 1);
		await sleep(Math.max(0, (step - 1) * 30_000 - Date.now()));
		this.#used = step;
		const counter = Buffer.alloc(8);
		counter.writeBigUInt64BE(BigInt(step));
		const mac = createHmac('sha1', this.#key).update(counter).digest();
		return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
	}
}
