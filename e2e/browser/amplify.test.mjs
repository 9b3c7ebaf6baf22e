// An app that uses Amplify's signInWithRedirect, in a real browser: it is configured by what the server generates for its
// client, goes to the pages by HTTPS, comes back signed in, and signs out there, too.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { password, url } from '../node/cognate.js';
import { deletePool, makePool, makeUser } from '../node/pool.js';
import { go, inBrowser, launch, openClient } from './pages.js';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { build } = require('esbuild');

if (!process.env.COGNATE_TLS_URL) {
	throw new Error('COGNATE_TLS_URL is not set: the address of the running server for HTTPS');
}
const secure = new URL(process.env.COGNATE_TLS_URL);

const program = `
	import { Amplify } from 'aws-amplify';
	import * as auth from 'aws-amplify/auth';
	import { Hub } from 'aws-amplify/utils';
	import 'aws-amplify/auth/enable-oauth-listener';
	window.heard = [];
	Hub.listen('auth', ({ payload }) => window.heard.push(payload.event));
	const response = await fetch(${JSON.stringify(url)} + '/_cognate/clients/' + (sessionStorage.client ??= new URLSearchParams(location.search).get('client')) + '/amplify.json');
	Amplify.configure(await response.json());
	window.auth = auth;
`;

let browser;
let site;
let home;
let pool;

before(async () => {
	const { outputFiles: [script] } = await build({
		stdin: { contents: program, resolveDir: new URL('../node', import.meta.url).pathname }, bundle: true, format: 'esm', write: false, logLevel: 'error',
	});
	site = createServer((request, response) => {
		if (request.url === '/program.js') {
			return response.setHeader('Content-Type', 'text/javascript').end(script.contents);
		}
		return response.setHeader('Content-Type', 'text/html; charset=utf-8').end(
			'<!doctype html><meta charset="utf-8"><title>app</title><link rel="icon" href="data:,"><script type="module" src="/program.js"></script>');
	});
	await new Promise(resolve => site.listen(0, '127.0.0.1', resolve));
	home = `http://localhost:${site.address().port}/`;
	pool = await makePool('redirect');
	browser = await launch();
});

after(async () => {
	await browser?.close();
	site?.close();
	await (pool && deletePool(pool));
});

const ready = tab => tab.waitForFunction(() => window.auth, undefined, { timeout: 20_000 });

test('signInWithRedirect comes back signed in, and signOut goes by the pages', () => inBrowser(browser, async tab => {
	const username = await makeUser(pool, 'redirect');
	const client = await openClient(pool, home);
	await tab.goto(`${home}?client=${client}`);
	await ready(tab);
	await tab.evaluate(() => void window.auth.signInWithRedirect({ customState: 'kept' }));
	await tab.waitForURL(address => address.origin === secure.origin);
	assert.match(await tab.title(), /Sign in/);
	await tab.fill('#signInFormUsername', username);
	await tab.fill('#signInFormPassword', password);
	await go(tab);
	await tab.waitForURL(address => address.href.startsWith(home));
	await tab.waitForFunction(() => window.heard.includes('signInWithRedirect'), undefined, { timeout: 20_000 });
	assert.deepEqual(await tab.evaluate(() => window.heard.filter(e => ['signInWithRedirect', 'customOAuthState', 'signedIn'].includes(e)).sort()), ['customOAuthState', 'signInWithRedirect', 'signedIn']);
	const { username: who } = await tab.evaluate(() => window.auth.getCurrentUser().then(u => JSON.parse(JSON.stringify(u))));
	assert.equal(who, username);
	const attributes = await tab.evaluate(() => window.auth.fetchUserAttributes());
	assert.equal(attributes.email, `${username}@example.com`);
	const claims = await tab.evaluate(() => window.auth.fetchAuthSession({ forceRefresh: true }).then(s => s.tokens.accessToken.payload));
	assert.equal(claims.scope, 'openid email aws.cognito.signin.user.admin');
	assert.equal(claims.version, 2);

	await tab.evaluate(() => {
		window.leaving = true; // until the pages have sent the browser back, which is at the same address
		window.auth.signOut();
	});
	await tab.waitForFunction(() => window.auth && !window.leaving, undefined, { timeout: 20_000 });
	assert.equal(tab.url(), home);
	assert.equal(await tab.evaluate(() => window.auth.getCurrentUser().then(() => 'in', e => e.name)), 'UserUnAuthenticatedException');
	await tab.evaluate(() => void window.auth.signInWithRedirect());
	await tab.waitForURL(address => address.origin === secure.origin && address.pathname === '/login');
}, { ignoreHTTPSErrors: true }));
