// What the tests share: the server's address, names nobody has used, the inbox, and the callbacks of
// amazon-cognito-identity-js as promises.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { AuthenticationDetails, CognitoUser, CognitoUserAttribute, CognitoUserPool } from 'amazon-cognito-identity-js';
import { CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';

if (!process.env.COGNATE_URL) {
	throw new Error('COGNATE_URL is not set: the address of the running server');
}

export const url = process.env.COGNATE_URL.replace(/\/+$/, '');
export const poolId = 'us-east-1_ExaMPle';
export const clientId = '1example23456789';
export const issuer = `${url}/${poolId}`;

/** A password that the default policy takes. */
export const password = 'Corr3ct-Horse!';

/** A name that no other run has used. */
export const unique = what => `e2e-${what}-${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;

/** An address of this machine that nothing listens on. */
export const freeAddress = () =>
	new Promise((resolve, reject) => {
		const s = createServer().on('error', reject);
		s.listen(0, '127.0.0.1', () => {
			const { port } = s.address();
			s.close(() => resolve(`127.0.0.1:${port}`));
		});
	});

/** The AWS SDK's client; any credentials do in development. */
export const sdk = () =>
	new CognitoIdentityProviderClient({
		endpoint: url,
		region: 'us-east-1',
		credentials: { accessKeyId: 'AKIAEXAMPLEEXAMPLE12', secretAccessKey: 'example' },
		maxAttempts: 1,
	});

/** A store of its own for each user, so that none sees the tokens of another. */
export class Memory {
	#items = new Map();
	getItem(key) {
		return this.#items.get(key) ?? null;
	}
	setItem(key, value) {
		this.#items.set(key, value);
		return value;
	}
	removeItem(key) {
		return this.#items.delete(key);
	}
	clear() {
		this.#items.clear();
	}
}

/** A user of a pool as amazon-cognito-identity-js sees it, without a session. The store keeps the device. */
export function person(username, of = { UserPoolId: poolId, ClientId: clientId }, Storage = new Memory()) {
	const Pool = new CognitoUserPool({ ...of, endpoint: url, Storage });
	return new CognitoUser({ Username: username, Pool, Storage });
}

/** The promise of a method that takes (error, result). */
export const result = call =>
	new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));

/** The promise of a method that takes {onSuccess, onFailure} and maybe more ways to go on. */
export const outcome = (call, ways = {}) =>
	new Promise((resolve, reject) => {
		const onward = Object.fromEntries(
			Object.entries(ways).map(([name, shape]) => [name, (...args) => resolve(shape(...args))]));
		const unexpected = Object.fromEntries(
			['newPasswordRequired', 'mfaRequired', 'totpRequired', 'customChallenge', 'mfaSetup', 'selectMFAType'].map(
				name => [name, () => reject(new Error(`unexpected ${name}`))]));
		call({ ...unexpected, onSuccess: resolve, onFailure: reject, ...onward });
	});

/** Signs in and gives the session. */
export const signIn = (user, secret, ways) =>
	outcome(
		callbacks => user.authenticateUser(new AuthenticationDetails({ Username: user.getUsername(), Password: secret }), callbacks),
		ways);

/** Signs a new user up in the pool of the seed. */
export const signUp = (username, secret, attributes) =>
	result(done =>
		new CognitoUserPool({ UserPoolId: poolId, ClientId: clientId, endpoint: url, Storage: new Memory() }).signUp(
			username,
			secret,
			Object.entries(attributes).map(([Name, Value]) => new CognitoUserAttribute({ Name, Value })),
			null,
			done));

/** The messages to a destination, oldest first. */
export async function inbox(destination) {
	const response = await fetch(`${url}/_cognate/inbox.json?destination=${encodeURIComponent(destination)}`);
	assert.equal(response.status, 200, 'the inbox answers');
	return response.json();
}

/** The newest message to a destination; it must be there when the request that sent it has been answered. */
export async function lastMessage(destination, purpose) {
	const message = (await inbox(destination)).at(-1);
	assert.ok(message, `a message to ${destination} is in the inbox`);
	assert.equal(message.purpose, purpose);
	assert.ok(message.body.includes(message.code) && message.code !== '', 'the message shows its code');
	return message;
}

/** A code of the same form that is another. */
export const otherThan = code => String((Number(code[0]) + 1) % 10) + code.slice(1);

/** Expects a rejection with this name, and this message when one is given (text or pattern). */
export async function refused(promise, name, message) {
	const error = await promise.then(
		value => assert.fail(`${name} was expected, got ${JSON.stringify(value)}`),
		e => e);
	assert.equal(error.name, name, `${error.name}: ${error.message}`);
	if (message instanceof RegExp) {
		assert.match(error.message, message);
	} else if (message !== undefined) {
		assert.equal(error.message, message);
	}
	return error;
}

/** The claims of a token, unverified. */
export const claims = token => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
