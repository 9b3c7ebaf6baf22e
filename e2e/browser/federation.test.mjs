// Sign-in at an OpenID Connect provider that nobody here wrote: panva's oidc-provider, from the button to the tokens.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { password, unique, url } from '../node/cognate.js';
import { deletePool, makeUser, send } from '../node/pool.js';
import { address, claims, identity, link, openSite, press, signOut, subOf } from './federation.js';
import { back, go, inBrowser, launch, look, openApp } from './pages.js';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { default: Provider } = await import(require.resolve('oidc-provider'));

let app;
let browser;
let site;
let settings; // of the provider
let guild; // the provider
const people = new Map(); // what the provider knows of its users, by name

before(async () => {
	app = await openApp();
	browser = await launch();
	const server = createServer();
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	const issuer = `http://127.0.0.1:${server.address().port}`;
	const provider = new Provider(issuer, {
		clients: [{ client_id: 'cognate', client_secret: 'a secret between the two', redirect_uris: [`${url}/oauth2/idpresponse`], token_endpoint_auth_method: 'client_secret_post' }],
		claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
		findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people.get(id) }) }),
		pkce: { required: () => true },
		cookies: { keys: ['a key for the tests'] },
	});
	server.on('request', provider.callback());
	guild = { issuer, close: () => server.close() };
	settings = {
		ProviderName: 'Guild', ProviderType: 'OIDC',
		ProviderDetails: { client_id: 'cognate', client_secret: 'a secret between the two', attributes_request_method: 'GET', oidc_issuer: issuer, authorize_scopes: 'openid email profile' },
		AttributeMapping: { email: 'email', email_verified: 'email_verified', name: 'name' }, IdpIdentifiers: ['guild.example'],
	};
	site = await openSite(app.callback, settings);
});

after(async () => {
	await browser?.close();
	app?.close();
	guild?.close();
	await (site && deletePool(site));
});

/** What a person does at the provider: its own pages for development take any name and password. */
async function atGuild(tab, name) {
	await tab.waitForURL(at => at.origin === guild.issuer);
	await tab.fill('[name=login]', name);
	await tab.fill('[name=password]', 'any');
	await tab.click('button[type=submit]');
	await tab.click('button[type=submit]'); // the consent
}

test('from the button to tokens, and again with changed attributes', () => inBrowser(browser, async tab => {
	const name = unique('guild');
	people.set(name, { email: `${name}@example.com`, email_verified: true, name: 'Mary' });
	await tab.goto(address(site, '/login'));
	await look(tab, 'sign-in-providers');
	await press(tab, site);
	await atGuild(tab, name);
	await back(tab, app.callback);
	const first = await claims(tab, site);
	assert.equal(first['cognito:username'], `Guild_${name}`);
	assert.equal(first.email, `${name}@example.com`);
	assert.equal(first.email_verified, true);
	assert.deepEqual(first['cognito:groups'], [`${site.UserPoolId}_Guild`]);
	assert.deepEqual(identity(first), { userId: name, providerName: 'Guild', providerType: 'OIDC', issuer: null, primary: 'true' });
	const { UserStatus } = await send('AdminGetUser', { UserPoolId: site.UserPoolId, Username: first['cognito:username'] });
	assert.equal(UserStatus, 'EXTERNAL_PROVIDER');

	// Signed in already, the browser goes through at once; after a sign-out by way of the provider, with what it says by then.
	await tab.goto(address(site, '/oauth2/authorize', { identity_provider: 'Guild' }));
	assert.ok((await back(tab, app.callback)).code);
	people.set(name, { email: `new-${name}@example.com`, name: 'Mary Poppins' });
	await tab.goto(signOut(site));
	await tab.goto(address(site, '/oauth2/authorize', { idp_identifier: 'guild.example' }));
	await back(tab, app.callback);
	const second = await claims(tab, site);
	assert.equal(second.sub, first.sub);
	assert.equal(second.name, 'Mary Poppins');
	assert.equal(second.email, `new-${name}@example.com`);
	assert.equal(second.email_verified, false);
}, {}, () => [guild.issuer]));

test('a linked user keeps the name and the sub', () => inBrowser(browser, async tab => {
	const username = await makeUser(site, 'linked');
	const name = unique('guild');
	people.set(name, { email: `${name}@example.com`, name: 'Jane' });
	await link(site, username, 'Cognito_Subject', name);
	await tab.goto(address(site, '/oauth2/authorize', { identity_provider: 'Guild' }));
	await atGuild(tab, name);
	await back(tab, app.callback);
	const linked = await claims(tab, site);
	assert.equal(linked['cognito:username'], username);
	assert.equal(linked.sub, await subOf(site, username));
	assert.equal(linked.name, 'Jane');
	assert.equal(identity(linked).primary, 'false');
	await send('AdminDisableProviderForUser', { UserPoolId: site.UserPoolId, User: { ProviderName: 'Guild', ProviderAttributeName: 'Cognito_Subject', ProviderAttributeValue: name } });
	await tab.context().clearCookies();
	await tab.goto(address(site, '/oauth2/authorize', { identity_provider: 'Guild' }));
	await atGuild(tab, name);
	await back(tab, app.callback);
	assert.notEqual((await claims(tab, site))['cognito:username'], username);
}, {}, () => [guild.issuer]));

test('a user links an account on the account page, signs in by it, and unlinks it', () => inBrowser(browser, async tab => {
	const username = await makeUser(site, 'linking');
	const name = unique('guild');
	people.set(name, { email: `${name}@example.com`, name: 'Bert' });
	const account = `${url}/account?client_id=${site.client}`;
	await tab.goto(account);
	await tab.fill('#signInFormUsername', username);
	await tab.fill('#signInFormPassword', password);
	await go(tab);
	await tab.click('form:has([value=link]) button');
	await atGuild(tab, name);
	await tab.waitForURL(at => at.pathname === '/account');
	await tab.waitForSelector(`section:has(#identities) >> text=${name}`);

	await tab.goto(signOut(site));
	await tab.goto(address(site, '/oauth2/authorize', { identity_provider: 'Guild' }));
	await back(tab, app.callback);
	const linked = await claims(tab, site);
	assert.equal(linked['cognito:username'], username);
	assert.equal(linked.sub, await subOf(site, username));
	assert.deepEqual(identity(linked), { userId: name, providerName: 'Guild', providerType: 'OIDC', issuer: null, primary: 'false' });

	await tab.goto(account);
	await tab.click('form:has([value=unlink]) button');
	await tab.waitForSelector('form:has([value=link])'); // it may be linked again
	await tab.goto(signOut(site));
	await tab.goto(address(site, '/oauth2/authorize', { identity_provider: 'Guild' }));
	await back(tab, app.callback);
	assert.equal((await claims(tab, site))['cognito:username'], `Guild_${name}`);
}, {}, () => [guild.issuer]));

test('who says no at the provider comes back with that, and its answer is nobody else’s', () => inBrowser(browser, async tab => {
	await tab.goto(address(site, '/oauth2/authorize', { identity_provider: 'Guild' }));
	await tab.waitForURL(at => at.origin === guild.issuer);
	await tab.click('text=Cancel');
	const { error, state } = await back(tab, app.callback);
	assert.deepEqual({ error, state }, { error: 'access_denied', state: 's' });
	await tab.goto(`${url}/oauth2/idpresponse?code=x&state=y`);
	assert.equal(new URL(tab.url()).pathname, '/error');
	assert.match(await tab.textContent('body'), /Invalid state/);
}, {}, () => [guild.issuer]));

test('the pool’s functions see what the provider tells, and may refuse', () => inBrowser(browser, async tab => {
	const LambdaArn = 'arn:aws:lambda:us-east-1:000000000000:function:e2e';
	const shaped = await openSite(app.callback, settings, {
		functions: { PreSignUp: LambdaArn, InboundFederation: { LambdaVersion: 'V1_0', LambdaArn }, PreTokenGenerationConfig: { LambdaVersion: 'V1_0', LambdaArn } },
	});
	try {
		const name = unique('shaped');
		people.set(name, { email: `${name}@example.com`, email_verified: true, name: 'Mallory' });
		await press(tab, shaped);
		await atGuild(tab, name);
		await back(tab, app.callback);
		assert.equal(new URL(tab.url()).searchParams.get('error_description'), 'PreSignUp failed with error Not you. ');
		people.get(name).name = 'Mary';
		await press(tab, shaped);
		await back(tab, app.callback);
		const id = await claims(tab, shaped);
		assert.equal(id.name, 'Mary of Guild');
		assert.equal(id.email_verified, true);
	} finally {
		await deletePool(shaped);
	}
}, {}, () => [guild.issuer]));
