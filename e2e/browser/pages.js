// What the tests of the pages share: an app with a callback of its own, a Chromium, and a close look at every page.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { url } from '../node/cognate.js';
import { send } from '../node/pool.js';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const axe = require('axe-core');

/** The pages at a name that may have passkeys. */
export const pages = url.replace('127.0.0.1', 'localhost');

/** Where screenshots are left: one for each page, width and colour scheme. */
const shots = new URL('../screenshots/', import.meta.url).pathname;

export const launch = async () => {
	await mkdir(shots, { recursive: true });
	return chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
		args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
			'--disable-default-apps', '--disable-sync', '--no-first-run', '--disable-dev-shm-usage'],
	});
};

/** An app whose callback page says that it is there. */
export async function openApp() {
	const site = createServer((request, response) =>
		response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>app</title><link rel="icon" href="data:,">back'));
	await new Promise(resolve => site.listen(0, '127.0.0.1', resolve));
	return { callback: `http://localhost:${site.address().port}/cb`, close: () => site.close() };
}

/** A client of a pool that may use the pages. */
export async function openClient({ UserPoolId }, callback, settings = {}) {
	const { UserPoolClient } = await send('CreateUserPoolClient', {
		UserPoolId, ClientName: 'pages', AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ['code'],
		AllowedOAuthScopes: ['openid', 'email', 'aws.cognito.signin.user.admin'], CallbackURLs: [callback], LogoutURLs: [callback],
		SupportedIdentityProviders: ['COGNITO'], ...settings,
	});
	return UserPoolClient.ClientId;
}

/** The address of a page, for an authorization request. */
export const at = (path, client_id, redirect_uri, more = {}) =>
	`${pages}${path}?${new URLSearchParams({ client_id, redirect_uri, response_type: 'code', state: 's', ...more })}`;

const widths = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } };

/**
 * Runs a test in a browser of its own. Nothing may be loaded from elsewhere, complained of on the console, or blocked by
 * the pages' own policy; what pages of the origins of others do is theirs.
 */
export async function inBrowser(browser, run, options = {}, others = () => []) {
	const context = await browser.newContext(options);
	const tab = await context.newPage();
	const complaints = [];
	const elsewhere = () => others().some(origin => tab.url().startsWith(origin));
	tab.on('console', message => message.type() === 'error' && !/status of 40\d/.test(message.text()) && !elsewhere() && complaints.push(message.text()));
	tab.on('pageerror', error => elsewhere() || complaints.push(error.message));
	tab.on('request', request => {
		if (elsewhere()) {
			return;
		}
		const { hostname, protocol } = new URL(request.url());
		if (protocol !== 'data:' && !['localhost', '127.0.0.1'].includes(hostname)) {
			complaints.push(`loads ${request.url()}`);
		}
	});
	try {
		await run(tab);
		assert.deepEqual(complaints, []);
	} finally {
		await context.close();
	}
}

/** The page's weight in bytes, with all that it loads. */
const weight = tab => tab.evaluate(() =>
	[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((sum, e) => sum + e.decodedBodySize, 0));

/** Looks at a page closely: in both colour schemes, on a desktop and on a phone. */
export async function look(tab, name) {
	assert.ok(await weight(tab) < 60_000, `${name} weighs ${await weight(tab)} bytes`);
	await tab.evaluate(axe.source);
	for (const colorScheme of ['light', 'dark']) {
		await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		for (const [device, size] of Object.entries(widths)) {
			await tab.setViewportSize(size);
			const { violations } = await tab.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
			const serious = violations.filter(v => ['serious', 'critical'].includes(v.impact));
			assert.deepEqual(serious.map(v => `${v.id}: ${v.nodes.map(n => n.html).join(' ')}`), [], `${name}, ${device}, ${colorScheme}`);
			const [wide, room] = await tab.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
			assert.ok(wide <= room, `${name} is wider than a ${device}: ${wide} of ${room}`);
			await tab.screenshot({ path: `${shots}${name}-${device}-${colorScheme}.png`, fullPage: true });
		}
	}
	await tab.setViewportSize(widths.desktop);
}

/** Waits for the app's callback, and gives its parameters. */
export async function back(tab, callback) {
	try {
		await tab.waitForURL(address => address.href.startsWith(callback));
	} catch (error) {
		throw new Error(`the browser is at ${tab.url()}, which says: ${await tab.innerText('body')}`, { cause: error });
	}
	return Object.fromEntries(new URL(tab.url()).searchParams);
}

/** Presses the page's main button. */
export const go = tab => tab.click('button.primary');
