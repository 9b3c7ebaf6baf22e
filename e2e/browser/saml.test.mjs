// Sign-in at a SAML 2.0 identity provider that nobody here wrote: Auth0's samlp.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { unique, url } from '../node/cognate.js';
import { deletePool } from '../node/pool.js';
import { claims, identity, openSite, press } from './federation.js';
import { back, inBrowser, launch, openApp } from './pages.js';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const samlp = require('samlp');

let app;
let browser;
let site;
let idp;
let person; // who is signed in at the provider

before(async () => {
	app = await openApp();
	browser = await launch();
	const folder = mkdtempSync(`${tmpdir()}/saml-`);
	execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${folder}/key.pem`, '-out', `${folder}/cert.pem`, '-days', '30', '-subj', '/CN=idp'], { stdio: 'ignore' });
	const [cert, key] = ['cert.pem', 'key.pem'].map(name => readFileSync(`${folder}/${name}`, 'utf8'));
	rmSync(folder, { recursive: true });
	const server = createServer();
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	const origin = `http://127.0.0.1:${server.address().port}`;
	const answer = samlp.auth({
		issuer: 'urn:e2e:idp', cert, key, signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256',
		destination: `${url}/saml2/idpresponse`, recipient: `${url}/saml2/idpresponse`,
		getPostURL: (audience, request, req, callback) => callback(null, `${url}/saml2/idpresponse`),
		getUserFromRequest: () => person,
		profileMapper: user => ({
			getClaims: () => ({ mail: user.mail, groups: user.groups }),
			getNameIdentifier: () => ({ nameIdentifier: user.id, nameIdentifierFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent' }),
			metadata: [],
		}),
	});
	const metadata = samlp.metadata({ issuer: 'urn:e2e:idp', cert, redirectEndpointPath: '/sso', postEndpointPath: '/sso', logoutEndpointPaths: { redirect: '/slo' } });
	server.on('request', (req, res) => {
		const at = new URL(req.url, origin);
		Object.assign(req, { query: Object.fromEntries(at.searchParams), body: {}, originalUrl: req.url, protocol: 'http', get: name => req.headers[name.toLowerCase()] });
		res.send = body => res.setHeader('Content-Type', 'text/html').end(body);
		res.set = (name, value) => res.setHeader(name, value);
		(at.pathname === '/metadata' ? metadata : answer)(req, res, error => { res.statusCode = 500; res.end(String(error)); });
	});
	idp = { origin, close: () => server.close() };
	site = await openSite(app.callback, {
		ProviderName: 'Works', ProviderType: 'SAML', ProviderDetails: { MetadataURL: `${origin}/metadata` }, AttributeMapping: { email: 'mail' },
	});
});

after(async () => {
	await browser?.close();
	app?.close();
	idp?.close();
	await (site && deletePool(site));
});

test('the provider’s administrator gets our metadata', async () => {
	const answer = await fetch(`${url}/${site.UserPoolId}/saml2/metadata/Works`);
	assert.equal(answer.headers.get('content-type'), 'application/samlmetadata+xml');
	const text = await answer.text();
	assert.match(text, new RegExp(`entityID="urn:amazon:cognito:sp:${site.UserPoolId}"`));
	assert.ok(text.includes(`${url}/saml2/idpresponse`), text);
	assert.equal((await fetch(`${url}/${site.UserPoolId}/saml2/metadata/Nobody`)).status, 404);
});

test('from the button to tokens, and again with changed attributes', () => inBrowser(browser, async tab => {
	const id = unique('Saml'); // the case of a NameID matters
	let sub;
	for (const mail of [`${id}@example.com`, `new-${id}@example.com`]) {
		person = { id, mail, groups: ['a', 'b'] };
		await tab.context().clearCookies();
		await press(tab, site);
		await back(tab, app.callback);
		const got = await claims(tab, site);
		assert.equal(got.email, mail);
		assert.deepEqual(identity(got), { userId: id, providerName: 'Works', providerType: 'SAML', issuer: 'urn:e2e:idp', primary: 'true' });
		assert.equal(sub ??= got.sub, got.sub);
	}
}, {}, () => [idp.origin]));
