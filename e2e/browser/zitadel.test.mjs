// Sign-in at another OpenID Connect provider that nobody here wrote: the example of zitadel/oidc, from the button to the tokens. It
// is of another site than the server, tells claims by UserInfo alone, and knows the client by HTTP Basic.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { unique, url } from '../node/cognate.js';
import { deletePool, makeUser } from '../node/pool.js';
import { address, claims, identity, link, openSite, press, signOut, subOf } from './federation.js';
import { back, inBrowser, launch, openApp } from './pages.js';

let app;
let browser;
let site;
let server;
let issuer;
const folder = mkdtempSync(`${tmpdir()}/zitadel-`);

/** What the provider knows of its users, each by an id; the password is "word". */
const know = people => {
	const users = people.map(person => [person.ID, { Password: 'word', PreferredLanguage: 'de', ...person }]);
	writeFileSync(`${folder}/users.json`, JSON.stringify(Object.fromEntries(users)));
};

before(async () => {
	app = await openApp();
	browser = await launch();
	execFileSync('go', ['build', '-o', `${folder}/provider`, './provider'], { cwd: fileURLToPath(new URL('..', import.meta.url)) });
	know([]);
	server = spawn(`${folder}/provider`, [`${url}/oauth2/idpresponse`, `${folder}/users.json`], { stdio: ['ignore', 'pipe', 'ignore'] });
	[issuer] = String((await once(server.stdout, 'data'))[0]).split('\n');
	site = await openSite(app.callback, {
		ProviderName: 'Zitadel', ProviderType: 'OIDC',
		ProviderDetails: {
			client_id: 'web', client_secret: 'secret', attributes_request_method: 'GET', oidc_issuer: issuer, authorize_scopes: 'openid email profile',
			token_endpoint_auth_method: 'client_secret_basic',
		},
		AttributeMapping: { email: 'email', email_verified: 'email_verified', name: 'name', family_name: 'family_name', locale: 'locale' },
	});
});

after(async () => {
	await browser?.close();
	app?.close();
	server?.kill();
	rmSync(folder, { recursive: true });
	await (site && deletePool(site));
});

const inTab = run => inBrowser(browser, run, {}, () => [issuer]);

/** What a person does at the provider. */
async function atProvider(tab, username) {
	await tab.waitForURL(at => at.origin === issuer && at.pathname === '/login/username');
	await tab.fill('[name=username]', username);
	await tab.fill('[name=password]', 'word');
	await tab.click('button[type=submit]');
	return back(tab, app.callback);
}

test('from the button to tokens, and again with changed attributes', () => inTab(async tab => {
	const mary = { ID: unique('Id'), Username: unique('mary'), FirstName: 'Mary', LastName: 'Poppins', Email: 'mary@example.com', EmailVerified: true };
	know([mary]);
	await press(tab, site);
	await atProvider(tab, mary.Username);
	const first = await claims(tab, site);
	assert.deepEqual(identity(first), { userId: mary.ID, providerName: 'Zitadel', providerType: 'OIDC', issuer: null, primary: 'true' });
	assert.equal(first['cognito:username'], `Zitadel_${mary.ID}`);
	assert.deepEqual(first['cognito:groups'], [`${site.UserPoolId}_Zitadel`]);
	const { email, email_verified, name, family_name, locale } = first;
	assert.deepEqual({ email, email_verified, name, family_name, locale },
		{ email: 'mary@example.com', email_verified: true, name: 'Mary Poppins', family_name: 'Poppins', locale: 'de' });

	know([{ ...mary, LastName: 'Banks', Email: 'banks@example.com', EmailVerified: false }]);
	await tab.goto(signOut(site));
	await press(tab, site);
	await atProvider(tab, mary.Username);
	const second = await claims(tab, site);
	assert.equal(second.sub, first.sub);
	assert.equal(second.name, 'Mary Banks');
	assert.equal(second.email, 'banks@example.com');
	assert.equal(second.email_verified, false);
}));

test('a linked user keeps the name and the sub, and is signed in until the sign-out', () => inTab(async tab => {
	const jane = { ID: unique('Id'), Username: unique('jane'), FirstName: 'Jane', LastName: 'Banks', Email: 'jane@example.com', EmailVerified: true };
	know([jane]);
	const username = await makeUser(site, 'linked');
	await link(site, username, 'email', 'jane@example.com');
	await press(tab, site);
	await atProvider(tab, jane.Username);
	const linked = await claims(tab, site);
	assert.equal(linked['cognito:username'], username);
	assert.equal(linked.sub, await subOf(site, username));
	assert.equal(linked.name, 'Jane Banks');
	assert.deepEqual(identity(linked), { userId: jane.ID, providerName: 'Zitadel', providerType: 'OIDC', issuer: null, primary: 'false' });

	await tab.goto(address(site, '/oauth2/authorize'));
	await back(tab, app.callback);
	assert.equal((await claims(tab, site)).sub, linked.sub);
	await tab.goto(signOut(site));
	assert.equal(tab.url(), app.callback);
	await tab.goto(address(site, '/oauth2/authorize'));
	await tab.waitForSelector('a[href*="identity_provider=Zitadel"]');
}));
