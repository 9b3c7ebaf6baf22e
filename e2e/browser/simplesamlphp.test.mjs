// Sign-in and sign-out at a SAML 2.0 identity provider that nobody here wrote: Debian's SimpleSAMLphp, from the button to the tokens.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { unique, url } from '../node/cognate.js';
import { deletePool, makeUser, send } from '../node/pool.js';
import { address, claims, identity, link, openSite, press, signOut, subOf } from './federation.js';
import { back, inBrowser, launch, openApp } from './pages.js';
import { openSimpleSAMLphp } from './simplesamlphp.js';

let app;
let browser;
let campus; // the provider
const sites = [];

before(async () => {
	app = await openApp();
	browser = await launch();
	campus = await openSimpleSAMLphp();
});

after(async () => {
	await browser?.close();
	app?.close();
	await Promise.all(sites.map(deletePool));
	await campus?.close();
});

/** A pool that knows the provider by details, and that the provider knows by wishes. */
async function join(details = {}, wishes = {}, settings = {}) {
	const site = await openSite(app.callback, {
		ProviderName: 'Campus', ProviderType: 'SAML', ProviderDetails: { MetadataURL: campus.metadata, ...details },
		AttributeMapping: { email: 'mail', name: 'displayName', 'custom:groups': 'groups' }, IdpIdentifiers: settings.identifiers,
	}, { schema: [{ Name: 'groups', AttributeDataType: 'String', Mutable: true, StringAttributeConstraints: {} }], ...settings });
	sites.push(site);
	await campus.trust(site, wishes);
	return site;
}

const inTab = run => inBrowser(browser, run, {}, () => [campus.origin]);

/** What a person does at the provider. */
async function atCampus(tab, name) {
	await tab.waitForURL(at => at.origin === campus.origin && at.pathname.endsWith('/loginuserpass.php'));
	await tab.fill('[name=username]', name);
	await tab.fill('[name=password]', 'word');
	await tab.click('#submit_button');
}

/** Signs a person in from the button to the app. */
async function signIn(tab, site, name) {
	await press(tab, site);
	await atCampus(tab, name);
	return back(tab, app.callback);
}

/** A person whom the provider knows, by a name whose case matters. */
function enrol(more = {}) {
	const name = unique('Campus');
	campus.know({ [name]: { uid: name, mail: `${name}@example.com`, displayName: 'Mary', groups: ['staff', 'a/b c'], ...more } });
	return name;
}

/** The form fields that the browser posts to a path of ours, as it does. */
const posted = async (tab, path) => {
	const request = await tab.waitForRequest(r => r.url() === `${url}${path}` && r.method() === 'POST');
	return Object.fromEntries(new URLSearchParams(request.postData()));
};

/** The page of a browser that nobody has sent away. */
const unknown = tab => tab.waitForURL(at => at.origin === url && at.pathname === '/error' && at.searchParams.get('error') === 'Invalid state');

const xml = text => Buffer.from(text, 'base64').toString();

test('from the button to tokens, and again with changed attributes', () => inTab(async tab => {
	const site = await join();
	const name = enrol();
	await signIn(tab, site, name);
	const first = await claims(tab, site);
	assert.deepEqual(identity(first), { userId: name, providerName: 'Campus', providerType: 'SAML', issuer: campus.metadata, primary: 'true' });
	assert.equal(first['cognito:username'], `Campus_${name}`);
	assert.deepEqual(first['cognito:groups'], [`${site.UserPoolId}_Campus`]);
	assert.equal(first.email, `${name}@example.com`);
	assert.equal(first.email_verified, false);
	assert.equal(first.name, 'Mary');
	assert.equal(first['custom:groups'], '[staff,a%2Fb+c]');

	campus.know({ [name]: { uid: name, mail: `new-${name}@example.com`, displayName: 'Mary Poppins', groups: ['staff'] } });
	await tab.context().clearCookies();
	await signIn(tab, site, name);
	const second = await claims(tab, site);
	assert.equal(second.sub, first.sub);
	assert.equal(second.email, `new-${name}@example.com`);
	assert.equal(second.name, 'Mary Poppins');
	assert.equal(second['custom:groups'], 'staff');
}));

test('a linked user keeps the name and the sub, by subject and by attribute', () => inTab(async tab => {
	const site = await join();
	for (const by of ['Cognito_Subject', 'email']) {
		const username = await makeUser(site, 'linked');
		const name = enrol({ displayName: 'Jane' });
		await link(site, username, by, by === 'email' ? `${name}@example.com` : name);
		await tab.context().clearCookies();
		await signIn(tab, site, name);
		const linked = await claims(tab, site);
		assert.equal(linked['cognito:username'], username);
		assert.equal(linked.sub, await subOf(site, username));
		assert.equal(linked.name, 'Jane');
		assert.deepEqual(identity(linked), { userId: name, providerName: 'Campus', providerType: 'SAML', issuer: campus.metadata, primary: 'false' });
	}
}));

test('a sign-out goes by way of the provider, and ends the sign-in there', () => inTab(async tab => {
	const site = await join({ IDPSignout: 'true' });
	await signIn(tab, site, enrol());
	const answer = posted(tab, '/saml2/logout');
	await tab.goto(signOut(site));
	assert.deepEqual(await back(tab, app.callback), {});
	const response = xml((await answer).SAMLResponse);
	assert.match(response, /<samlp:LogoutResponse /);
	assert.match(response, /<ds:Signature /);
	assert.match(response, /status:Success"/);
	await press(tab, site);
	await tab.waitForSelector('[name=username]');
	assert.equal(new URL(tab.url()).origin, campus.origin); // it asks again
}));

test('a sign-out that is ours alone leaves the sign-in at the provider, until the app wants it anew', () => inTab(async tab => {
	const site = await join();
	const name = enrol();
	await signIn(tab, site, name);
	await tab.goto(signOut(site));
	assert.equal(tab.url(), app.callback);
	await press(tab, site); // the page that signs in is there again
	assert.ok((await back(tab, app.callback)).code);
	await tab.goto(address(site, '/oauth2/authorize', { identity_provider: 'Campus', prompt: 'login' }));
	await atCampus(tab, name);
	assert.ok((await back(tab, app.callback)).code);
}));

test('a sign-out that the provider begins is not taken, as in Cognito', () => inTab(async tab => {
	const site = await join({ IDPSignout: 'true' });
	await signIn(tab, site, enrol());
	const asked = posted(tab, '/saml2/logout');
	await tab.goto(`${campus.origin}/saml2/idp/SingleLogoutService.php?${new URLSearchParams({ ReturnTo: `${campus.origin}/` })}`);
	assert.match(xml((await asked).SAMLRequest), /<samlp:LogoutRequest /);
	await unknown(tab);
	await tab.goto(address(site, '/oauth2/authorize'));
	assert.ok((await back(tab, app.callback)).code); // signed in here still
}));

test('signed requests and encrypted answers', () => inTab(async tab => {
	const site = await join({ RequestSigningAlgorithm: 'rsa-sha256', EncryptedResponses: 'true' },
		{ 'validate.authnrequest': true, 'assertion.encryption': true });
	const name = enrol();
	const answer = posted(tab, '/saml2/idpresponse');
	await signIn(tab, site, name);
	assert.equal((await claims(tab, site)).email, `${name}@example.com`);
	const response = xml((await answer).SAMLResponse);
	assert.match(response, /<saml:EncryptedAssertion/);
	assert.ok(!response.includes(name));
}));

test('what is not signed or encrypted, and has to be, comes to nothing', () => inTab(async tab => {
	const name = enrol();
	const refused = async (wishes, why) => {
		await tab.context().clearCookies();
		const answer = await signIn(tab, await join({ EncryptedResponses: 'true' }, wishes), name);
		assert.deepEqual(answer, { error: 'server_error', error_description: `Invalid SAML response received: ${why}. `, state: 's' });
	};
	await refused({}, 'SAML Assertion encryption is not as configured');
	// Encrypted by AES-CBC, an answer could be changed underway but for the signature around it.
	await refused({ 'assertion.encryption': true, 'saml20.sign.response': false }, 'SAML Assertion could not be decrypted');
	await press(tab, await join({}, { 'validate.authnrequest': true }));
	await tab.waitForSelector('text=no signature found on message'); // the provider's word
}));

test('the domain of an e-mail address finds the provider', () => inTab(async tab => {
	const site = await join({}, {}, { identifiers: ['campus.example'] });
	const Settings = { categories: { auth: { federation: { interfaceStyle: 'DOMAIN_INPUT' } } } };
	await send('CreateManagedLoginBranding', { UserPoolId: site.UserPoolId, ClientId: site.client, Settings });
	const name = enrol();
	await tab.goto(address(site, '/login'));
	await tab.fill('[name=email]', `${name}@Campus.Example`);
	await tab.click('form:has([value=domain]) button');
	await atCampus(tab, name);
	await back(tab, app.callback);
	assert.equal(identity(await claims(tab, site)).userId, name);
}));

test('a sign-in that the provider begins', () => inTab(async tab => {
	const name = enrol();
	const begin = async details => {
		const site = await join(details, {}, { providers: [] });
		const RelayState = new URLSearchParams({
			identity_provider: 'Campus', client_id: site.client, redirect_uri: app.callback, response_type: 'code', scope: 'openid email',
		});
		const query = new URLSearchParams({ spentityid: `urn:amazon:cognito:sp:${site.UserPoolId}`, RelayState });
		await tab.context().clearCookies();
		await tab.goto(`${campus.origin}/saml2/idp/SSOService.php?${query}`);
		await atCampus(tab, name);
		return site;
	};
	const site = await begin({ IDPInit: 'true' });
	assert.deepEqual(Object.keys(await back(tab, app.callback)), ['code']);
	assert.equal((await claims(tab, site, {})).email, `${name}@example.com`);
	await begin({});
	await unknown(tab);
}));
