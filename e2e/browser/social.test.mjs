// Sign-in with Google, Facebook, Amazon and Apple, from the button to the tokens, at stand-ins that check every parameter.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { unique } from '../node/cognate.js';
import { deletePool, makeUser, send } from '../node/pool.js';
import { claims, identity, link, openSite, press, signOut, subOf } from './federation.js';
import { back, inBrowser, launch, openApp } from './pages.js';
import { kinds, openNetwork } from './social.js';

let app;
let browser;
const networks = [];
const sites = [];

before(async () => {
	app = await openApp();
	browser = await launch();
});

after(async () => {
	await browser?.close();
	app?.close();
	networks.forEach(network => network.close());
	await Promise.all(sites.map(deletePool));
});

/** Names of persons: at first, and when they have changed. */
const mary = { given_name: 'Mary', family_name: 'Poppins', mail: 'mary@example.com' };
const changed = { given_name: 'Mary', family_name: 'Banks', mail: 'banks@example.com' };

const photo = 'https://lh3.googleusercontent.com/a/x=s96-c';

/**
 * What is peculiar to each network: the mapping, a person as the network tells of one at a first and at later sign-ins, and what the
 * tokens say then.
 */
const peculiar = {
	Google: {
		mapping: { email: 'email', email_verified: 'email_verified', name: 'name', family_name: 'family_name', picture: 'picture', birthdate: 'birthdays' },
		person: (id, { given_name, family_name, mail }) => ({
			claims: { sub: id, email: mail, email_verified: true, name: `${given_name} ${family_name}`, given_name, family_name, picture: photo },
			profile: {
				resourceName: `people/${id}`, etag: '%EgUBAj0DNy4aBAECBQc=',
				names: [{ metadata: { primary: true, source: { type: 'PROFILE', id } }, displayName: `${given_name} ${family_name}` }],
				birthdays: [{ metadata: { primary: true, source: { type: 'ACCOUNT', id } }, date: { year: 1910, month: 8, day: 27 } }],
			},
		}),
		told: ({ given_name, family_name, mail }) => ({
			email: mail, email_verified: true, name: `${given_name} ${family_name}`, family_name, picture: photo, birthdate: '1910-08-27',
		}),
	},
	Facebook: {
		mapping: { email: 'email', name: 'name', family_name: 'last_name', picture: 'picture' },
		person: (id, { given_name, family_name, mail }) => ({
			profile: {
				id, name: `${given_name} ${family_name}`, first_name: given_name, last_name: family_name, email: mail,
				picture: { data: { height: 50, is_silhouette: false, url: 'https://platform-lookaside.fbsbx.com/x', width: 50 } },
			},
		}),
		told: ({ given_name, family_name, mail }) => ({
			email: mail, email_verified: false, name: `${given_name} ${family_name}`, family_name,
			picture: '{"data":{"height":50,"is_silhouette":false,"url":"https://platform-lookaside.fbsbx.com/x","width":50}}',
		}),
	},
	LoginWithAmazon: {
		mapping: { email: 'email', name: 'name', 'custom:postal_code': 'postal_code' },
		person: (id, { given_name, family_name, mail }) => ({
			profile: { user_id: id, name: `${given_name} ${family_name}`, email: mail, postal_code: '98052' },
		}),
		told: ({ given_name, family_name, mail }) => ({
			email: mail, email_verified: false, name: `${given_name} ${family_name}`, 'custom:postal_code': '98052',
		}),
	},
	SignInWithApple: {
		mapping: { email: 'email', email_verified: 'email_verified', given_name: 'firstName', family_name: 'lastName' },
		person: (id, { given_name, family_name, mail }, first) => ({
			claims: { sub: id, email: mail, email_verified: 'true', auth_time: Math.floor(Date.now() / 1000), nonce_supported: true },
			user: first && { name: { firstName: given_name, lastName: family_name }, email: mail },
		}),
		told: ({ mail }) => ({ email: mail, email_verified: true, given_name: 'Mary', family_name: 'Poppins' }), // the name comes once
	},
};

/** A pool with one of the networks as its provider: first with the usual addresses, then with those of the stand-in. */
async function open(kind) {
	const network = await openNetwork(kind);
	networks.push(network);
	const settings = { ProviderName: kind, ProviderType: kind, ProviderDetails: network.details, AttributeMapping: peculiar[kind].mapping };
	const site = await openSite(app.callback, settings,
		{ schema: [{ Name: 'postal_code', AttributeDataType: 'String', Mutable: true, StringAttributeConstraints: {} }] });
	sites.push(site);
	const provider = { UserPoolId: site.UserPoolId, ProviderName: kind };
	const { ProviderDetails } = (await send('DescribeIdentityProvider', provider)).IdentityProvider;
	const addresses = Object.entries(ProviderDetails).filter(([name]) => /_url$|_issuer$/.test(name));
	assert.deepEqual(Object.fromEntries(addresses), network.usual);
	await send('UpdateIdentityProvider', { ...provider, ProviderDetails: network.moved() });
	return { network, site };
}

/** Goes from the button to the network, and says yes or no there. */
async function answer(tab, { network, site }, yes) {
	await press(tab, site);
	await tab.waitForURL(at => at.origin === network.origin);
	assert.deepEqual(network.faults, []);
	await tab.click(yes ? '#yes' : '#no');
	const parameters = await back(tab, app.callback);
	assert.deepEqual(network.faults, []);
	return parameters;
}

for (const kind of kinds) {
	test(`${kind}: from the button to tokens, again with changed attributes, linked, and refused`, async () => {
		const there = await open(kind);
		const { network, site } = there;
		await inBrowser(browser, async tab => {
			const id = unique('Subject');
			let sub;
			for (const [names, first] of [[mary, true], [changed, false]]) {
				network.person = peculiar[kind].person(id, names, first);
				await answer(tab, there, true);
				const got = await claims(tab, site);
				assert.deepEqual(identity(got), { userId: id, providerName: kind, providerType: kind, issuer: null, primary: 'true' });
				assert.equal(got['cognito:username'], `${kind}_${id}`);
				assert.deepEqual(got['cognito:groups'], [`${site.UserPoolId}_${kind}`]);
				const told = peculiar[kind].told(names);
				assert.deepEqual(Object.fromEntries(Object.keys(told).map(name => [name, got[name]])), told);
				assert.equal(sub ??= got.sub, got.sub);
				await tab.goto(signOut(site));
			}

			const username = await makeUser(site, 'linked');
			const other = unique('Subject');
			await link(site, username, 'Cognito_Subject', other);
			network.person = peculiar[kind].person(other, changed, true);
			await answer(tab, there, true);
			const linked = await claims(tab, site);
			assert.equal(linked.sub, await subOf(site, username));
			assert.equal(linked.email, changed.mail);
			assert.equal(identity(linked).primary, 'false');
			await tab.goto(signOut(site));

			const { error, error_description, state } = await answer(tab, there, false);
			assert.deepEqual({ error, error_description, state }, { error: network.no.error, error_description: network.no.error_description, state: 's' });
		}, {}, () => [network.origin]);
	});
}
