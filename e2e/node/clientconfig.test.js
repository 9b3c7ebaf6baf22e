// The configurations that the server makes for AWS Amplify v6.
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { transform } from 'esbuild';
import { password, unique, url } from './cognate.js';
import { deletePool, makePool, makeUser, send } from './pool.js';

// Node has it from version 21 on; Amplify names the device by it.
globalThis.navigator ??= { userAgent: `Node.js/${process.version}` };

const callback = 'http://localhost:3000/';
const prefix = unique('config').toLowerCase();
// Modules find aws-amplify from here, as those of an app do.
const folder = new URL('node_modules/.cache/clientconfig/', import.meta.url);

let pool;

before(async () => {
	pool = await makePool('clientconfig', { Schema: [{ Name: 'email', Required: true }] });
	const { UserPoolId } = pool;
	await send('CreateUserPoolDomain', { UserPoolId, Domain: prefix });
	const { UserPoolClient } = await send('CreateUserPoolClient', {
		UserPoolId, ClientName: 'pages', AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ['code'], AllowedOAuthScopes: ['openid', 'email'],
		CallbackURLs: [callback], LogoutURLs: [callback], SupportedIdentityProviders: ['COGNITO'], ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH'],
	});
	pool.pages = UserPoolClient.ClientId;
	await mkdir(folder, { recursive: true });
});

after(async () => {
	await rm(folder, { recursive: true, force: true });
	if (pool) {
		await send('DeleteUserPoolDomain', { UserPoolId: pool.UserPoolId, Domain: prefix });
		await deletePool(pool);
	}
});

const get = (client, file) => fetch(`${url}/_cognate/clients/${client}/${file}`);

/** Signs a new user in and out by the present configuration of Amplify. */
async function signsIn() {
	const username = await makeUser(pool, 'configured');
	const { isSignedIn } = await auth.signIn({ username, password });
	assert.equal(isSignedIn, true);
	const { tokens } = await auth.fetchAuthSession();
	assert.equal(tokens.accessToken.payload.iss, `${url}/${pool.UserPoolId}`);
	await auth.signOut();
}

test('Amplify takes amplify.json and signs in by it', async () => {
	const response = await get(pool.pages, 'amplify.json');
	assert.equal(response.status, 200);
	assert.equal(response.headers.get('access-control-allow-origin'), '*');
	Amplify.configure(await response.json());
	const { Cognito } = Amplify.getConfig().Auth;
	assert.deepEqual([Cognito.userPoolId, Cognito.userPoolClientId, Cognito.userPoolEndpoint], [pool.UserPoolId, pool.pages, url]);
	assert.deepEqual(Cognito.userAttributes, { email: { required: true } });
	const { domain, ...oauth } = Cognito.loginWith.oauth;
	assert.match(domain, new RegExp(`^${prefix}\\.auth\\.us-east-1\\.localhost:\\d+$`));
	assert.deepEqual(oauth, { scopes: ['openid', 'email'], responseType: 'code', redirectSignIn: [callback], redirectSignOut: [callback] });
	await signsIn();
});

test('a client without pages has no oauth, and signs in, too', async () => {
	Amplify.configure(await (await get(pool.ClientId, 'amplify.json')).json());
	assert.equal(Amplify.getConfig().Auth.Cognito.loginWith.oauth, undefined);
	await signsIn();
});

test('amplify.ts is a module that configures Amplify', async () => {
	const response = await get(pool.pages, 'amplify.ts');
	assert.equal(response.status, 200);
	const { code, warnings } = await transform(await response.text(), { loader: 'ts', format: 'esm' });
	assert.deepEqual(warnings, []);
	const file = new URL('configuration.mjs', folder);
	await writeFile(file, code);
	Amplify.configure({});
	await import(pathToFileURL(file.pathname));
	assert.equal(Amplify.getConfig().Auth.Cognito.userPoolClientId, pool.pages);
	await signsIn();
});

test('there is none for a client with a secret, and for no client', async () => {
	const { UserPoolClient } = await send('CreateUserPoolClient', { UserPoolId: pool.UserPoolId, ClientName: 'secret', GenerateSecret: true });
	for (const file of ['amplify.json', 'amplify.ts']) {
		const secret = await get(UserPoolClient.ClientId, file);
		assert.equal(secret.status, 400);
		const text = await secret.text();
		assert.equal(JSON.parse(text).__type, 'InvalidParameterException');
		assert.ok(!text.includes(UserPoolClient.ClientSecret));
		const none = await get('nosuchclient', file);
		assert.deepEqual([none.status, (await none.json()).__type], [404, 'ResourceNotFoundException']);
	}
});
