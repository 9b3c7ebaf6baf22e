// What the tests of sign-in at other providers share: how an app sends a browser away, and what it does when it is back.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { url } from '../node/cognate.js';
import { makePool, send } from '../node/pool.js';
import { openClient } from './pages.js';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const oidc = await import(require.resolve('openid-client'));

/** A pool with one provider, `settings` as CreateIdentityProvider takes them, and a client for the pages that offers it. */
export async function openSite(callback, settings, { schema, providers = ['COGNITO'], functions } = {}) {
	const pool = await makePool('federation', { ...(schema && { Schema: schema }), ...(functions && { LambdaConfig: functions }) });
	await send('CreateIdentityProvider', { UserPoolId: pool.UserPoolId, ...settings });
	const client = await openClient(pool, callback, {
		SupportedIdentityProviders: [...providers, settings.ProviderName], AllowedOAuthScopes: ['openid', 'email', 'profile'],
	});
	return { ...pool, client, callback, provider: settings.ProviderName };
}

/** The address of a page of a site, for an authorization request. */
export const address = (site, path, more = {}) =>
	`${url}${path}?${new URLSearchParams({ client_id: site.client, redirect_uri: site.callback, response_type: 'code', state: 's', ...more })}`;

/** Where an app sends those who sign out. */
export const signOut = site => `${url}/logout?${new URLSearchParams({ client_id: site.client, logout_uri: site.callback })}`;

/** Presses the button of the site's provider on the page that signs in. */
export async function press(tab, site) {
	await tab.goto(address(site, '/login'));
	await tab.click(`a[href*="identity_provider=${site.provider}"]`);
}

/** Exchanges the code that the browser has brought back; the claims are those of the ID token, which is checked. */
export async function claims(tab, site, checks = { expectedState: 's' }) {
	const insecure = { execute: [oidc.allowInsecureRequests] };
	const config = await oidc.discovery(new URL(`${url}/${site.UserPoolId}`), site.client, undefined, oidc.None(), insecure);
	return (await oidc.authorizationCodeGrant(config, new URL(tab.url()), { ...checks, idTokenExpected: true })).claims();
}

/** The one identity of a token, without its date. */
export function identity({ identities }) {
	assert.equal(identities.length, 1);
	const [{ dateCreated, ...rest }] = identities;
	assert.match(dateCreated, /^\d{13}$/);
	return rest;
}

/** Links an identity at the site's provider to a user. */
export const link = (site, username, name, value) => send('AdminLinkProviderForUser', {
	UserPoolId: site.UserPoolId, DestinationUser: { ProviderName: 'Cognito', ProviderAttributeValue: username },
	SourceUser: { ProviderName: site.provider, ProviderAttributeName: name, ProviderAttributeValue: value },
});

/** The sub of a user. */
export const subOf = async (site, Username) =>
	(await send('AdminGetUser', { UserPoolId: site.UserPoolId, Username })).UserAttributes.find(a => a.Name === 'sub').Value;
