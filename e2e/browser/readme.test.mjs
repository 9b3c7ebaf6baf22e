// The program of the README in a real browser, on a page of another origin, so that the browser asks
// the server's leave (CORS) before it reads an answer.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const library = require.resolve('amazon-cognito-identity-js').replace(/lib\/index\.js$/, 'dist/amazon-cognito-identity.min.js');

if (!process.env.COGNATE_URL) {
	throw new Error('COGNATE_URL is not set: the address of the running server');
}
const url = process.env.COGNATE_URL.replace(/\/+$/, '');

const page = password => `<!doctype html><meta charset="utf-8"><title>wait</title><link rel="icon" href="data:,">
<script src="/amazon-cognito-identity.min.js"></script>
<script>
	const { AuthenticationDetails, CognitoUser, CognitoUserPool } = AmazonCognitoIdentity;
	const authenticationDetails = new AuthenticationDetails({ Username: 'username', Password: ${JSON.stringify(password)} });
	const userPool = new CognitoUserPool({ UserPoolId: 'us-east-1_ExaMPle', ClientId: '1example23456789', endpoint: ${JSON.stringify(url)} });
	const cognitoUser = new CognitoUser({ Username: 'username', Pool: userPool });
	const end = result => { window.result = result; document.title = 'done'; };
	cognitoUser.authenticateUser(authenticationDetails, {
		onSuccess: session => cognitoUser.getUserAttributes((error, attributes) => end(error ? { error: error.message } : {
			access: session.getAccessToken().getJwtToken(),
			id: session.getIdToken().getJwtToken(),
			refresh: session.getRefreshToken().getToken(),
			email: attributes.find(a => a.Name === 'email')?.Value,
		})),
		onFailure: error => end({ name: error.name, code: error.code, error: error.message }),
	});
</script>`;

let browser;
let site;

before(async () => {
	const script = await readFile(library);
	site = createServer((request, response) => {
		if (request.url === '/amazon-cognito-identity.min.js') {
			return response.setHeader('Content-Type', 'text/javascript').end(script);
		}
		const password = new URL(request.url, 'http://x').searchParams.get('password');
		return response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page(password));
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
});

async function run(password) {
	const context = await browser.newContext();
	try {
		const tab = await context.newPage();
		const complaints = [];
		tab.on('console', m => m.type() === 'error' && complaints.push(m.text()));
		tab.on('pageerror', e => complaints.push(e.message));
		await tab.goto(`http://127.0.0.1:${site.address().port}/?password=${encodeURIComponent(password)}`);
		await tab.waitForFunction(() => document.title === 'done', undefined, { timeout: 20_000 }).catch(e => {
			throw new Error(`the page did not end: ${e.message}\n${complaints.join('\n')}`);
		});
		return { ...(await tab.evaluate(() => window.result)), complaints };
	} finally {
		await context.close();
	}
}

test('the program of the README gets its tokens across origins', async () => {
	assert.notEqual(new URL(url).port, String(site.address().port), 'the page is of another origin');
	const got = await run('password');
	assert.equal(got.error, undefined, `${got.error}\n${got.complaints.join('\n')}`);
	const claims = token => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
	assert.equal(claims(got.access).token_use, 'access');
	assert.equal(claims(got.access).username, 'username');
	assert.equal(claims(got.id).iss, `${url}/us-east-1_ExaMPle`);
	assert.ok(got.refresh.length > 20);
	assert.equal(got.email, 'username@example.com');
});

test('a page can read why it was refused', async () => {
	const got = await run('wrong');
	assert.equal(got.name, 'NotAuthorizedException');
	assert.equal(got.code, 'NotAuthorizedException');
	assert.equal(got.error, 'Incorrect username or password.');
});

test('a page of another origin neither reads nor empties the inbox', async () => {
	const inbox = async () => {
		const response = await fetch(`${url}/_cognate/inbox.json`);
		assert.equal(response.status, 200);
		return (await response.json()).length;
	};
	const before = await inbox();
	const context = await browser.newContext();
	try {
		const tab = await context.newPage();
		await tab.goto(`http://127.0.0.1:${site.address().port}/?password=x`);
		for (const method of ['GET', 'DELETE']) {
			const got = await tab.evaluate(
				([to, method]) => fetch(to, { method }).then(r => r.status, e => e.name),
				[`${url}/_cognate/inbox.json`, method]);
			assert.equal(got, 'TypeError', method);
		}
		assert.ok((await inbox()) >= before, 'nothing was deleted');
	} finally {
		await context.close();
	}
});
