// Every page of managed login in a real browser: what a person does there, with the app's OpenID Connect client at the end,
// and how each page looks, weighs and reads.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { lastMessage, password, unique, url } from '../node/cognate.js';
import { Authenticator, deletePool, everyFactor, makePool, makeUser, send } from '../node/pool.js';
import { at, back, go, inBrowser, launch, look, openApp, openClient, pages } from './pages.js';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const jsQR = require('jsqr');
const oidc = await import(require.resolve('openid-client'));

let app;
let browser;
const made = [];
const newPassword = 'N3w-Passw0rd!';

before(async () => {
	app = await openApp();
	browser = await launch();
});

after(async () => {
	await browser?.close();
	app?.close();
	await Promise.all(made.map(deletePool));
});

/** A pool with a client for the pages. */
async function open(what, settings = {}, client = {}) {
	const pool = await makePool(what, settings);
	made.push(pool);
	return { ...pool, client: await openClient(pool, app.callback, client) };
}

const signIn = async (tab, { client }, username, word = password) => {
	await tab.goto(at('/login', client, app.callback));
	await tab.fill('#signInFormUsername', username);
	await tab.fill('#signInFormPassword', word);
	await go(tab);
};

test('openid-client signs in by the code flow with PKCE, reads the user, refreshes, and revokes', () => inBrowser(browser, async tab => {
	const pool = await open('oidc');
	const username = await makeUser(pool, 'oidc');
	const config = await oidc.discovery(new URL(`${url}/${pool.UserPoolId}`), pool.client, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] });
	const code_verifier = oidc.randomPKCECodeVerifier();
	const state = oidc.randomState();
	const nonce = oidc.randomNonce();
	const asked = oidc.buildAuthorizationUrl(config, {
		redirect_uri: app.callback, scope: 'openid email', state, nonce, code_challenge_method: 'S256',
		code_challenge: await oidc.calculatePKCECodeChallenge(code_verifier), login_hint: username,
	});
	await tab.goto(asked.href.replace('127.0.0.1', 'localhost'));
	assert.equal(await tab.inputValue('#signInFormUsername'), username);
	await tab.fill('#signInFormPassword', password);
	await go(tab);
	await back(tab, app.callback);
	const tokens = await oidc.authorizationCodeGrant(config, new URL(tab.url()), { pkceCodeVerifier: code_verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
	const claims = tokens.claims();
	assert.equal(claims['cognito:username'], username);
	const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
	assert.equal(info.email, `${username}@example.com`);
	const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
	assert.equal(renewed.claims().sub, claims.sub);
	await oidc.tokenRevocation(config, tokens.refresh_token);
	await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
	await tab.goto(`${pages}/logout?${new URLSearchParams({ client_id: pool.client, logout_uri: app.callback })}`);
	assert.equal(tab.url(), app.callback);
	await tab.goto(at('/login', pool.client, app.callback));
	assert.match(await tab.title(), /Sign in/);
}));

test('signing up, confirming, forgetting and resetting', () => inBrowser(browser, async tab => {
	const pool = await open('pages', { Schema: ['email', 'name', 'birthdate'].map(Name => ({ Name, AttributeDataType: 'String', Required: true, Mutable: true })) });
	const username = unique('pages');
	const email = `${username}@example.com`;
	await tab.goto(at('/login', pool.client, app.callback));
	await look(tab, 'sign-in');
	await tab.click('a[href^="/signup"]');
	await look(tab, 'sign-up');
	await tab.fill('[name=username]', username);
	await tab.fill('[name=password]', password);
	await tab.fill('[name=repeat]', 'other');
	await tab.fill('[name="userAttributes.email"]', email);
	await tab.fill('[name="userAttributes.name"]', 'Jane Doe');
	await tab.fill('[name="userAttributes.birthdate"]', '2000-01-31');
	await go(tab);
	await look(tab, 'sign-up-wrong');
	assert.equal(await tab.inputValue('[name="userAttributes.name"]'), 'Jane Doe');
	await tab.fill('[name=password]', password);
	await tab.fill('[name=repeat]', password);
	await go(tab);
	await look(tab, 'confirm');
	await tab.fill('[name=code]', (await lastMessage(email, 'SignUp')).code);
	await go(tab);
	assert.match((await back(tab, app.callback)).code, /^[0-9a-f-]{36}$/);

	await tab.context().clearCookies();
	await signIn(tab, pool, username, 'wrong');
	await look(tab, 'sign-in-wrong');
	await tab.click('a[href^="/forgotPassword"]');
	await look(tab, 'forgot');
	await tab.fill('[name=username]', username);
	await go(tab);
	await look(tab, 'reset');
	await tab.fill('[name=code]', (await lastMessage(email, 'ForgotPassword')).code);
	await tab.fill('[name=new_password]', newPassword);
	await tab.fill('[name=repeat]', newPassword);
	await go(tab);
	await tab.fill('#signInFormPassword', newPassword);
	await go(tab);
	assert.ok((await back(tab, app.callback)).code);
}));

/** What a camera reads from a QR code on the page. */
async function readCode(tab, picture) {
	const { data, width, height } = await tab.evaluate(picture => {
		const image = document.querySelector(picture);
		const canvas = Object.assign(document.createElement('canvas'), { width: image.naturalWidth, height: image.naturalHeight });
		const context = canvas.getContext('2d');
		context.drawImage(image, 0, 0);
		const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
		return { data: [...data], width, height };
	}, picture);
	return jsQR(Uint8ClampedArray.from(data), width, height).data;
}

test('a temporary password, every second factor, and the choice of one', () => inBrowser(browser, async tab => {
	const pool = await open('factors', { mfa: { MfaConfiguration: 'ON', ...everyFactor } });
	const Username = unique('factors');
	await send('AdminCreateUser', { UserPoolId: pool.UserPoolId, Username, TemporaryPassword: password, MessageAction: 'SUPPRESS' });
	await signIn(tab, pool, Username);
	await look(tab, 'new-password');
	await tab.fill('[name=new_password]', newPassword);
	await tab.fill('[name=repeat]', newPassword);
	await go(tab);
	await look(tab, 'set-up-choice');
	await tab.click('[name=answer][value=SOFTWARE_TOKEN_MFA]');
	await look(tab, 'set-up-app');
	const secret = (await tab.textContent('.key')).replaceAll(/\s/g, '');
	assert.equal(new URL(await readCode(tab, '.qr')).searchParams.get('secret'), secret);
	const device = new Authenticator(secret);
	await tab.fill('[name=code]', await device.code());
	await go(tab);
	assert.ok((await back(tab, app.callback)).code);

	await tab.context().clearCookies();
	await signIn(tab, pool, Username, newPassword);
	await look(tab, 'code-app');
	await tab.click('button[value=recovery]');
	await look(tab, 'code-recovery');

	const both = await makeUser(pool, 'both', { email: 'both@example.com', email_verified: 'true', phone_number: '+15555550123', phone_number_verified: 'true' });
	await send('AdminSetUserMFAPreference', { UserPoolId: pool.UserPoolId, Username: both, EmailMfaSettings: { Enabled: true }, SMSMfaSettings: { Enabled: true } });
	await signIn(tab, pool, both);
	await look(tab, 'factor-choice');
	await tab.click('[name=answer][value=SMS_MFA]');
	await look(tab, 'code-sms');
	await tab.fill('[name=code]', (await lastMessage('+15555550123', 'Authentication')).code);
	await go(tab);
	assert.ok((await back(tab, app.callback)).code);
}));

/** Gives the tab an authenticator that is part of the machine. */
async function withAuthenticator(tab) {
	const debug = await tab.context().newCDPSession(tab);
	await debug.send('WebAuthn.enable');
	await debug.send('WebAuthn.addVirtualAuthenticator', { options: {
		protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
	} });
}

test('the choice of a first factor, passkeys, and the account', () => inBrowser(browser, async tab => {
	const pool = await open('choice', {
		Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'EMAIL_OTP', 'WEB_AUTHN'] } },
		DeviceConfiguration: { ChallengeRequiredOnNewDevice: false, DeviceOnlyRememberedOnUserPrompt: false },
		mfa: { MfaConfiguration: 'OPTIONAL', SoftwareTokenMfaConfiguration: { Enabled: true }, WebAuthnConfiguration: { RelyingPartyId: 'localhost', UserVerification: 'required', FactorConfiguration: 'MULTI_FACTOR_WITH_USER_VERIFICATION' } },
	}, { ExplicitAuthFlows: ['ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] });
	await withAuthenticator(tab);
	const username = await makeUser(pool, 'choice');
	await tab.goto(at('/login', pool.client, app.callback));
	await look(tab, 'start');
	await tab.fill('[name=username]', username);
	await go(tab);
	await look(tab, 'first-factor-choice');
	await tab.click('[name=answer][value=PASSWORD]');
	await look(tab, 'password');
	await tab.click('button[value=other]');
	await tab.click('[name=answer][value=EMAIL_OTP]');
	await look(tab, 'code-email');
	await tab.fill('[name=code]', (await lastMessage(`${username}@example.com`, 'Authentication')).code);
	await go(tab);
	assert.ok((await back(tab, app.callback)).code);

	await tab.goto(at('/passkeys/add', pool.client, app.callback));
	await look(tab, 'passkey-offer');
	await tab.click('[data-passkey-button]');
	assert.ok((await back(tab, app.callback)).code);
	await tab.context().clearCookies();
	await tab.goto(at('/login', pool.client, app.callback));
	await tab.fill('[name=username]', username);
	await go(tab);
	await tab.click('[name=answer][value=WEB_AUTHN]');
	if (!tab.url().startsWith(app.callback)) {
		await tab.waitForTimeout(500);
	}
	if (!tab.url().startsWith(app.callback)) {
		await look(tab, 'passkey-sign-in');
		await tab.click('[data-passkey-button]');
	}
	assert.ok((await back(tab, app.callback)).code);

	await tab.goto(`${pages}/account?client_id=${pool.client}`);
	await tab.click('form:has([value=recovery-codes]) button');
	await look(tab, 'account');
	await tab.click('form:has([value=sign-out]) button');
	await look(tab, 'signed-out');
	await tab.goto(`${pages}/error?error=redirect_mismatch`);
	await look(tab, 'error');
}));

test('the pages work without JavaScript, by keyboard', () => inBrowser(browser, async tab => {
	const pool = await open('plain');
	const username = await makeUser(pool, 'plain');
	await tab.goto(at('/login', pool.client, app.callback));
	await tab.waitForSelector('[name=username]:focus'); // the browser focuses it when it first draws the page
	await tab.keyboard.type(username);
	await tab.keyboard.press('Tab');
	await tab.keyboard.type(password);
	await tab.keyboard.press('Enter');
	assert.ok((await back(tab, app.callback)).code);
}, { javaScriptEnabled: false }));

test('the languages of the address and of the browser', () => inBrowser(browser, async tab => {
	for (const [lang, title] of Object.entries({ en: 'Sign in', de: 'Anmelden', fr: 'Se connecter', es: 'Iniciar sesión' })) {
		await tab.goto(at('/login', '1example23456789', 'http://localhost:3000/', { lang }));
		assert.equal(await tab.getAttribute('html', 'lang'), lang);
		assert.match(await tab.title(), new RegExp(title, 'i'));
	}
	await tab.context().clearCookies();
	await tab.goto(at('/login', '1example23456789', 'http://localhost:3000/'));
	assert.equal(await tab.getAttribute('html', 'lang'), 'ja');
}, { locale: 'ja-JP' }));
