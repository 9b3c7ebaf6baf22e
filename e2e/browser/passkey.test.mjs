// A passkey in a real browser: registered and used by AWS Amplify on a page of localhost, with the virtual
// authenticator that Chromium offers its debugger.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { password, url } from '../node/cognate.js';
import { deletePool, makePool, makeUser } from '../node/pool.js';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const { build } = require('esbuild');

const program = `
	import { Amplify } from 'aws-amplify';
	import * as auth from 'aws-amplify/auth';
	Amplify.configure({ Auth: { Cognito: Object.fromEntries(new URLSearchParams(location.search)) } });
	window.auth = auth;
`;

let browser;
let site;
let single; // a passkey is one factor of those that a user can choose
let both; // a second factor can be asked for, and a passkey counts as both

before(async () => {
	const policies = { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'WEB_AUTHN'] } };
	const WebAuthnConfiguration = { RelyingPartyId: 'localhost', UserVerification: 'required' };
	single = await makePool('passkey', { Policies: policies, mfa: { WebAuthnConfiguration } });
	both = await makePool('passkey-both', { mfa: {
		MfaConfiguration: 'OPTIONAL', EmailMfaConfiguration: {},
		WebAuthnConfiguration: { ...WebAuthnConfiguration, FactorConfiguration: 'MULTI_FACTOR_WITH_USER_VERIFICATION' },
	}, Policies: policies });
	const { outputFiles: [script] } = await build({
		stdin: { contents: program, resolveDir: new URL('../node', import.meta.url).pathname }, bundle: true, format: 'esm', write: false, logLevel: 'error',
	});
	site = createServer((request, response) => {
		if (request.url === '/program.js') {
			return response.setHeader('Content-Type', 'text/javascript').end(script.contents);
		}
		return response.setHeader('Content-Type', 'text/html; charset=utf-8').end(
			'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/program.js"></script>');
	});
	await new Promise(resolve => site.listen(0, '127.0.0.1', resolve));
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
		args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
			'--disable-default-apps', '--disable-sync', '--no-first-run', '--disable-dev-shm-usage'],
	});
});

after(async () => {
	await browser?.close();
	site?.close();
	await Promise.all([single, both].filter(Boolean).map(deletePool));
});

/** Runs a test on a page that has Amplify set up for a pool, with a phone-like authenticator that is part of the machine. */
async function onPage({ UserPoolId, ClientId }, run) {
	const context = await browser.newContext();
	try {
		const tab = await context.newPage();
		const debug = await context.newCDPSession(tab);
		await debug.send('WebAuthn.enable');
		const { authenticatorId } = await debug.send('WebAuthn.addVirtualAuthenticator', { options: {
			protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
			automaticPresenceSimulation: true,
		} });
		const settings = new URLSearchParams({ userPoolId: UserPoolId, userPoolClientId: ClientId, userPoolEndpoint: url });
		await tab.goto(`http://localhost:${site.address().port}/?${settings}`);
		await tab.waitForFunction(() => window.auth, undefined, { timeout: 20_000 });
		/** Calls Amplify and gives what it returns, or {name, message} of what it throws. */
		const call = (method, input) =>
			tab.evaluate(([method, input]) => window.auth[method](input).then(
				value => JSON.parse(JSON.stringify(value ?? null)),
				({ name, message }) => ({ name, message })), [method, input]);
		await run({ call, credentials: async () => (await debug.send('WebAuthn.getCredentials', { authenticatorId })).credentials });
	} finally {
		await context.close();
	}
}

const done = { isSignedIn: true, nextStep: { signInStep: 'DONE' } };
const byPasskey = { authFlowType: 'USER_AUTH', preferredChallenge: 'WEB_AUTHN' };

test('a passkey is registered, listed, used and deleted', () => onPage(single, async ({ call, credentials }) => {
	const username = await makeUser(single, 'passkey');
	assert.deepEqual(await call('signIn', { username, password }), done);
	assert.equal(await call('associateWebAuthnCredential'), null);
	const [made, ...others] = await credentials();
	assert.equal(others.length, 0);
	assert.deepEqual([made.rpId, made.isResidentCredential, made.userName], ['localhost', true, username]);
	const { credentials: [listed, ...more] } = await call('listWebAuthnCredentials');
	assert.equal(more.length, 0);
	assert.equal(Buffer.from(listed.credentialId, 'base64url').toString('base64'), made.credentialId);
	assert.equal(listed.relyingPartyId, 'localhost');
	assert.deepEqual(listed.authenticatorTransports, ['internal']);
	assert.equal(listed.authenticatorAttachment, 'platform');
	assert.ok(Math.abs(Date.now() - Date.parse(listed.createdAt)) < 600_000);
	assert.equal((await call('associateWebAuthnCredential')).name, 'PasskeyAlreadyExists', 'the server names what is there');
	await call('signOut');

	assert.deepEqual(await call('signIn', { username, options: byPasskey }), done);
	assert.equal((await credentials())[0].signCount, made.signCount + 1);
	assert.equal((await call('getCurrentUser')).username, username);
	await call('signOut');
	const choose = await call('signIn', { username, options: { authFlowType: 'USER_AUTH' } });
	assert.deepEqual(choose.nextStep.availableChallenges, ['PASSWORD_SRP', 'PASSWORD', 'WEB_AUTHN']);
	assert.deepEqual(await call('confirmSignIn', { challengeResponse: 'WEB_AUTHN' }), done);

	assert.equal(await call('deleteWebAuthnCredential', { credentialId: listed.credentialId }), null);
	assert.deepEqual((await call('listWebAuthnCredentials')).credentials, []);
	await call('signOut');
	const without = await call('signIn', { username, options: byPasskey });
	assert.deepEqual(without.nextStep, {
		signInStep: 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION', availableChallenges: ['PASSWORD_SRP', 'PASSWORD'],
	});
}));

test('a passkey is the user’s whose it is', () => onPage(single, async ({ call }) => {
	const [mine, other] = [await makeUser(single, 'mine'), await makeUser(single, 'other')];
	for (const username of [mine, other]) {
		assert.deepEqual(await call('signIn', { username, password }), done);
		assert.equal(await call('associateWebAuthnCredential'), null);
		const { credentials } = await call('listWebAuthnCredentials');
		assert.equal(credentials.length, 1);
		await call('signOut');
	}
	for (const username of [mine, other]) {
		assert.deepEqual(await call('signIn', { username, options: byPasskey }), done);
		assert.equal((await call('getCurrentUser')).username, username);
		await call('signOut');
	}
}));

test('a passkey counts as both factors where the pool says so', () => onPage(both, async ({ call }) => {
	const username = await makeUser(both, 'both');
	assert.deepEqual(await call('signIn', { username, password }), done);
	assert.equal(await call('associateWebAuthnCredential'), null);
	assert.equal(await call('updateMFAPreference', { email: 'PREFERRED' }), null);
	await call('signOut');
	const withPassword = await call('signIn', { username, password });
	assert.equal(withPassword.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
	assert.deepEqual(await call('signIn', { username, options: byPasskey }), done);
}));
