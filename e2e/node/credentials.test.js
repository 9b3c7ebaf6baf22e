// Temporary credentials of identity pools: the AWS SDK's provider and AWS Amplify v6, as a guest and signed in.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as identity from '@aws-sdk/client-cognito-identity';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { fromCognitoIdentityPool } from '@aws-sdk/credential-providers';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { password, refused, unique, url } from './cognate.js';
import { deletePool, makePool, makeUser, send } from './pool.js';

const region = 'us-east-1';
const client = new identity.CognitoIdentityClient({
	endpoint: url,
	region,
	credentials: { accessKeyId: 'AKIAEXAMPLEEXAMPLE12', secretAccessKey: 'example' },
	maxAttempts: 1,
});
const call = (name, input) => client.send(new identity[`${name}Command`](input));

/** Who temporary credentials are, as the server says. */
const whoIs = async credentials =>
	(await new STSClient({ endpoint: url, region, credentials, maxAttempts: 1 }).send(new GetCallerIdentityCommand({}))).Arn;

const session = role => `arn:aws:sts::123456789012:assumed-role/${role}/CognitoIdentityCredentials`;

let users; // a user pool
let IdentityPoolId; // that believes it, and has guests
let key; // of its logins: the issuer without its scheme

before(async () => {
	users = await makePool('credentials');
	key = `${url}/${users.UserPoolId}`.replace(/^https?:\/\//, '');
	({ IdentityPoolId } = await call('CreateIdentityPool', {
		IdentityPoolName: unique('credentials'),
		AllowUnauthenticatedIdentities: true,
		CognitoIdentityProviders: [{ ProviderName: key, ClientId: users.ClientId }],
	}));
	await call('SetIdentityPoolRoles', {
		IdentityPoolId,
		Roles: { authenticated: 'arn:aws:iam::123456789012:role/in', unauthenticated: 'arn:aws:iam::123456789012:role/out' },
	});
});

after(async () => {
	await call('DeleteIdentityPool', { IdentityPoolId });
	await deletePool(users);
});

const expires = (at, what) => {
	const minutes = (at - Date.now()) / 60_000;
	assert.ok(minutes > 58 && minutes < 61, `${what} has credentials for ${minutes} minutes`);
};

test("the SDK's provider gets credentials for a guest and for a user", async () => {
	const clientConfig = { endpoint: url, region };
	const guest = await fromCognitoIdentityPool({ identityPoolId: IdentityPoolId, clientConfig })();
	assert.match(guest.identityId, /^us-east-1:[0-9a-f-]{36}$/);
	assert.match(guest.accessKeyId, /^ASIA[A-Z0-9]{16}$/);
	expires(guest.expiration, 'a guest');
	assert.equal(await whoIs(guest), session('out'));

	const USERNAME = await makeUser(users, 'credentials');
	const { AuthenticationResult } = await send('InitiateAuth', {
		ClientId: users.ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD: password },
	});
	const logins = { [key]: AuthenticationResult.IdToken };
	const user = await fromCognitoIdentityPool({ identityPoolId: IdentityPoolId, clientConfig, logins })();
	assert.notEqual(user.identityId, guest.identityId);
	expires(user.expiration, 'a user');
	assert.equal(await whoIs(user), session('in'));
	const again = await fromCognitoIdentityPool({ identityPoolId: IdentityPoolId, clientConfig, logins })();
	assert.equal(again.identityId, user.identityId);

	const wrong = { [key]: AuthenticationResult.AccessToken };
	await refused(fromCognitoIdentityPool({ identityPoolId: IdentityPoolId, clientConfig, logins: wrong })(),
		'NotAuthorizedException', 'Invalid login token. Missing a required claim: aud');
	const own = new identity.CognitoIdentityClient({ endpoint: url, region, credentials: user, maxAttempts: 1 });
	await refused(own.send(new identity.ListIdentityPoolsCommand({ MaxResults: 1 })),
		'AccessDeniedException', `User: ${session('in')} is not authorized to perform: cognito-identity:ListIdentityPools`
			+ ' on resource: * because no identity-based policy allows the cognito-identity:ListIdentityPools action');
});

test('Amplify fetches credentials for a guest, who signs in and stays the same identity', async () => {
	Amplify.configure({
		Auth: {
			Cognito: {
				userPoolId: users.UserPoolId, userPoolClientId: users.ClientId, userPoolEndpoint: url,
				identityPoolId: IdentityPoolId, identityPoolEndpoint: url, allowGuestAccess: true,
			},
		},
	});
	const guest = await auth.fetchAuthSession();
	assert.equal(guest.tokens, undefined);
	assert.equal(guest.identityId.split(':')[0], region);
	expires(guest.credentials.expiration, 'a guest');
	assert.equal(await whoIs(guest.credentials), session('out'));
	assert.equal((await auth.fetchAuthSession()).credentials.accessKeyId, guest.credentials.accessKeyId);

	const username = await makeUser(users, 'amplify-credentials');
	await auth.signIn({ username, password });
	const user = await auth.fetchAuthSession();
	assert.equal(user.identityId, guest.identityId);
	expires(user.credentials.expiration, 'a user');
	assert.equal(await whoIs(user.credentials), session('in'));
	const renewed = await auth.fetchAuthSession({ forceRefresh: true });
	assert.equal(renewed.identityId, user.identityId);
	assert.notEqual(renewed.credentials.accessKeyId, user.credentials.accessKeyId);

	await auth.signOut();
	const other = await auth.fetchAuthSession();
	assert.notEqual(other.identityId, user.identityId);
	assert.equal(await whoIs(other.credentials), session('out'));
});
