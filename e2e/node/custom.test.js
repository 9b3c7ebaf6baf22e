// Custom challenges, through amazon-cognito-identity-js and AWS Amplify v6: of functions in Node, Python and Go, and of the server's own.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuthenticationDetails, CognitoUserPool } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { claims, inbox, Memory, outcome, otherThan, password, person, refused, unique, url } from './cognate.js';
import { deletePool, makePool, makeUser, send } from './pool.js';

globalThis.navigator ??= { userAgent: `Node.js/${process.version}` };

const pools = [];

/** A pool whose challenges are a function's, and a client for them. */
async function customPool(name, client = {}) {
	const arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
	const pool = await makePool(name, { LambdaConfig: { DefineAuthChallenge: arn, CreateAuthChallenge: arn, VerifyAuthChallengeResponse: arn } });
	pools.push(pool);
	const { UserPoolClient } = await send('CreateUserPoolClient', {
		UserPoolId: pool.UserPoolId, ClientName: 'custom', ExplicitAuthFlows: ['ALLOW_CUSTOM_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'], ...client,
	});
	return { ...pool, ClientId: UserPoolClient.ClientId };
}

const byRuntime = {};

before(async () => {
	for (const [runtime, name] of Object.entries({ node: 'e2e', ric: 'e2e-ric', python: 'e2e-python', go: 'e2e-go' })) {
		byRuntime[runtime] = await customPool(name);
	}
});

after(() => Promise.all(pools.map(deletePool)));

const use = ({ UserPoolId, ClientId }) =>
	Amplify.configure({ Auth: { Cognito: { userPoolId: UserPoolId, userPoolClientId: ClientId, userPoolEndpoint: url } } });

const custom = { customChallenge: parameters => parameters };
const begin = user => outcome(callbacks => user.initiateAuth(new AuthenticationDetails({ Username: user.getUsername() }), callbacks), custom);
const guess = (user, answer, metadata) => outcome(callbacks => user.sendCustomChallengeAnswer(answer, callbacks, metadata), custom);

const withPassword = (user, secret) => {
	user.setAuthenticationFlowType('CUSTOM_AUTH');
	return outcome(callbacks => user.authenticateUser(new AuthenticationDetails({ Username: user.getUsername(), Password: secret }), callbacks),
		{ ...custom, newPasswordRequired: attributes => attributes });
};

const wrong = ['NotAuthorizedException', 'Incorrect username or password.'];

for (const runtime of ['node', 'ric', 'python', 'go']) {
	test(`${runtime}: identity-js answers a challenge, after a wrong answer`, async () => {
		const username = await makeUser(byRuntime[runtime], 'custom');
		const user = person(username, byRuntime[runtime]);
		assert.deepEqual(await begin(user), { USERNAME: username, sum: '0 + 2', from: runtime });
		assert.equal((await guess(user, 'two')).sum, '1 + 2');
		const session = await guess(user, '3');
		assert.equal(claims(session.getIdToken().getJwtToken())['cognito:username'], username);
		await begin(user);
		for (const n of [1, 2]) {
			assert.equal((await guess(user, 'no')).sum, `${n} + 2`);
		}
		await refused(guess(user, 'no'), ...wrong);
		await begin(user);
		await refused(guess(user, '2', { never: 'true' }), 'UserLambdaValidationException', 'VerifyAuthChallengeResponse failed with error Not now.');
	});

	test(`${runtime}: identity-js proves the password first`, async () => {
		const username = await makeUser(byRuntime[runtime], 'custom');
		const user = person(username, byRuntime[runtime]);
		await refused(withPassword(user, 'Wr0ng-Horse!'), ...wrong);
		assert.equal((await withPassword(user, password)).sum, '2 + 2');
		assert.ok((await guess(user, '4')).isValid());
	});

	test(`${runtime}: Amplify signs in without and with the password`, async () => {
		use(byRuntime[runtime]);
		const username = await makeUser(byRuntime[runtime], 'custom');
		const asks = async (promise, sum) => {
			const { isSignedIn, nextStep } = await promise;
			assert.equal(isSignedIn, false);
			assert.deepEqual(nextStep, { signInStep: 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE', additionalInfo: { USERNAME: username, sum, from: runtime } });
		};
		const answer = challengeResponse => auth.confirmSignIn({ challengeResponse });
		await asks(auth.signIn({ username, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } }), '0 + 2');
		await asks(answer('no'), '1 + 2');
		assert.equal((await answer('3')).isSignedIn, true);
		assert.equal((await auth.fetchAuthSession()).tokens.accessToken.payload.username, username);
		await auth.signOut();
		await refused(auth.signIn({ username, password: 'Wr0ng-Horse!', options: { authFlowType: 'CUSTOM_WITH_SRP' } }), ...wrong);
		await asks(auth.signIn({ username, password, options: { authFlowType: 'CUSTOM_WITH_SRP' } }), '2 + 2');
		assert.equal((await answer('4')).isSignedIn, true);
		await auth.signOut();
	});
}

test('a function asks for a new password in place of a temporary one', async () => {
	const pool = byRuntime.node;
	const Username = unique('temporary');
	await send('AdminCreateUser', { UserPoolId: pool.UserPoolId, Username, TemporaryPassword: 'Temp0rary-Horse!', MessageAction: 'SUPPRESS' });
	const user = person(Username, pool);
	await withPassword(user, 'Temp0rary-Horse!');
	const next = await outcome(callbacks => user.completeNewPasswordChallenge(password, {}, callbacks), custom);
	assert.equal(next.sum, '3 + 2');
	assert.ok((await guess(user, '5')).isValid());
	assert.equal((await send('AdminGetUser', { UserPoolId: pool.UserPoolId, Username })).UserStatus, 'CONFIRMED');
});

/** The newest sign-in mail to a user, once there are as many as that. */
async function mail(username, count = 1) {
	for (let patience = 0; patience < 100; patience++) {
		const all = await inbox(`${username}@example.com`);
		if (all.length >= count) {
			assert.equal(all.at(-1).purpose, 'Authentication');
			return all.at(-1);
		}
		await sleep(50);
	}
	assert.fail(`${count} mails to ${username}`);
}

test('the server itself mails a code', async () => {
	const pool = await customPool('email-code');
	const username = await makeUser(pool, 'code');
	const user = person(username, pool);
	assert.deepEqual(await begin(user), { USERNAME: username, CODE_DELIVERY_DELIVERY_MEDIUM: 'EMAIL', CODE_DELIVERY_DESTINATION: 'e***@e***' });
	const { code, body } = await mail(username);
	assert.match(code, /^\d{8}$/);
	assert.ok(body.includes(code));
	await guess(user, otherThan(code));
	assert.ok((await guess(user, code)).isValid());
	assert.equal((await inbox(`${username}@example.com`)).length, 1);

	assert.equal((await withPassword(user, password)).CODE_DELIVERY_DESTINATION, 'e***@e***');
	assert.ok((await guess(user, (await mail(username, 2)).code)).isValid());

	use(pool);
	await auth.signIn({ username, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
	assert.equal((await auth.confirmSignIn({ challengeResponse: (await mail(username, 3)).code })).isSignedIn, true);
	await auth.signOut();
});

test('a code of the server is a second factor where the password must come first', async () => {
	const pool = await customPool('second-code');
	const username = await makeUser(pool, 'second');
	await refused(begin(person(username, pool)), ...wrong);
	const user = person(username, pool);
	await withPassword(user, password);
	assert.ok((await guess(user, (await mail(username)).code)).isValid());
});

test('nobody gets the same challenges as somebody where the client hides that', async () => {
	const pool = await customPool('email-code', { PreventUserExistenceErrors: 'ENABLED' });
	const username = await makeUser(pool, 'hidden');
	const user = person(username, pool);
	const stranger = person(unique('nobody'), pool);
	const asked = await begin(stranger);
	assert.deepEqual(Object.keys(asked).sort(), Object.keys(await begin(user)).sort());
	assert.match(asked.CODE_DELIVERY_DESTINATION, /^.\*{3}@.\*{3}$/);
	for (const _ of [1, 2]) {
		await guess(stranger, '00000000');
	}
	await refused(guess(stranger, '00000000'), ...wrong);
	assert.ok((await guess(user, (await mail(username)).code)).isValid());
});

test('the server itself mails a link, and the app of the documentation takes it', async () => {
	const pool = await customPool('magic-link', { AuthSessionValidity: 15 });
	const username = await makeUser(pool, 'link');
	const documentation = readFileSync(new URL('../../docs/triggers.md', import.meta.url), 'utf8');
	const [, snippet] = documentation.match(/<!-- passwordless\.mjs -->\n```js\n([^]*?)\n```/);
	const file = new URL(`./passwordless-${process.pid}.tmp.mjs`, import.meta.url);
	writeFileSync(file, snippet);
	const storage = Object.getOwnPropertyDescriptor(globalThis, 'localStorage');
	Object.defineProperty(globalThis, 'localStorage', { value: new Memory(), configurable: true });
	try {
		const { ask, answer } = await import(file);
		const app = new CognitoUserPool({ ...pool, endpoint: url, Storage: new Memory() });
		assert.equal(await ask(app, username), 'e***@e***');
		const { body } = await mail(username);
		const [, link] = body.match(/href="([^"]+)"/);
		assert.match(link, /^https:\/\/app\.example\.com\/sign-in#code=[A-Z2-7]{26,}$/);
		await assert.rejects(answer(app, 'guess'), /That is not the code/);
		const session = await answer(app, new URLSearchParams(new URL(link).hash.slice(1)).get('code'));
		assert.equal(claims(session.getIdToken().getJwtToken())['cognito:username'], username);
		await refused(answer(app, new URL(link).hash.slice(6)), 'NotAuthorizedException', 'Invalid session for the user, session can only be used once.');
	} finally {
		rmSync(file);
		delete globalThis.localStorage;
		storage && Object.defineProperty(globalThis, 'localStorage', storage);
	}
});
