// The program of the README, and the verifiers that a backend uses on its tokens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthenticationDetails, CognitoUser, CognitoUserPool } from 'amazon-cognito-identity-js';
import { JwtVerifier } from 'aws-jwt-verify';
import { validateCognitoJwtFields } from 'aws-jwt-verify/cognito-verifier';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { Memory, claims, clientId, issuer, outcome, person, poolId, refused, result, signIn, unique, url } from './cognate.js';

const jwksUri = `${issuer}/.well-known/jwks.json`;

/** The verifier of aws-jwt-verify, whose own fetcher speaks HTTPS alone. */
const verifier = (tokenUse, audience) =>
	JwtVerifier.create(
		{ issuer, audience, jwksUri, customJwtCheck: ({ payload }) => validateCognitoJwtFields(payload, { tokenUse, clientId }) },
		{ jwksCache: new SimpleJwksCache({ fetcher: { fetch: async uri => (await fetch(uri)).arrayBuffer() } }) });

/** Matches the errors of a class of aws-jwt-verify, whose names are all "Error". */
const of = name => error => error.constructor.name === name;

function readme() {
	const authenticationDetails = new AuthenticationDetails({ Username: 'username', Password: 'password' });
	const userPool = new CognitoUserPool({ UserPoolId: poolId, ClientId: clientId, endpoint: url });
	const cognitoUser = new CognitoUser({ Username: 'username', Pool: userPool });
	return outcome(callbacks => cognitoUser.authenticateUser(authenticationDetails, callbacks));
}

test('the program of the README gets three tokens that aws-jwt-verify accepts', async () => {
	const session = await readme();
	const id = await verifier('id', clientId).verify(session.getIdToken().getJwtToken());
	const access = await verifier('access', null).verify(session.getAccessToken().getJwtToken());
	assert.equal(id['cognito:username'], 'username');
	assert.equal(access.username, 'username');
	assert.equal(access.client_id, clientId);
	assert.equal(access.scope, 'aws.cognito.signin.user.admin');
	assert.equal(id.sub, access.sub);
	assert.equal(id.origin_jti, access.origin_jti);
	assert.notEqual(id.jti, access.jti);
	assert.equal(access.exp - access.iat, 3600);
	assert.match(session.getRefreshToken().getToken(), /^[A-Za-z0-9\-_=.]+$/);
	assert.ok(session.isValid());
});

test('aws-jwt-verify refuses one token in place of the other, and a changed one', async () => {
	const session = await readme();
	const [id, access] = [session.getIdToken().getJwtToken(), session.getAccessToken().getJwtToken()];
	await assert.rejects(verifier('id', null).verify(access), of('CognitoJwtInvalidTokenUseError'));
	await assert.rejects(verifier('access', null).verify(id), of('CognitoJwtInvalidTokenUseError'));
	const [header, , signature] = access.split('.');
	const forged = Buffer.from(JSON.stringify({ ...claims(access), username: 'admin' })).toString('base64url');
	await assert.rejects(verifier('access', null).verify(`${header}.${forged}.${signature}`), of('JwtInvalidSignatureError'));
});

test('jose accepts the tokens by the key set of the issuer', async () => {
	const session = await readme();
	const keys = createRemoteJWKSet(new URL(jwksUri));
	const id = await jwtVerify(session.getIdToken().getJwtToken(), keys, { issuer, audience: clientId, algorithms: ['RS256'] });
	const access = await jwtVerify(session.getAccessToken().getJwtToken(), keys, { issuer, algorithms: ['RS256'] });
	assert.equal(id.payload.token_use, 'id');
	assert.equal(access.payload.token_use, 'access');
	assert.equal(access.payload.aud, undefined);
	assert.deepEqual(Object.keys(decodeProtectedHeader(session.getIdToken().getJwtToken())).sort(), ['alg', 'kid']);
});

test('the key set and the discovery document agree with the issuer', async () => {
	const keys = await (await fetch(jwksUri)).json();
	assert.equal(keys.keys.length, 2);
	for (const key of keys.keys) {
		assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
	}
	const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
	assert.equal(discovery.issuer, issuer);
	assert.equal(discovery.jwks_uri, jwksUri);
});

for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
	test(`${flow}: the right password signs in and a wrong one does not`, async () => {
		const user = person('username');
		user.setAuthenticationFlowType(flow);
		await refused(signIn(user, 'Password'), 'NotAuthorizedException', 'Incorrect username or password.');
		const session = await signIn(user, 'password');
		assert.equal(claims(session.getIdToken().getJwtToken()).email, 'username@example.com');
	});

	test(`${flow}: an unknown user is refused`, async () => {
		const user = person(unique('nobody'));
		user.setAuthenticationFlowType(flow);
		await refused(signIn(user, 'password'), 'UserNotFoundException', 'User does not exist.');
	});
}

test('a signed-in user reads its attributes', async () => {
	const user = person('username');
	await signIn(user, 'password');
	const attributes = Object.fromEntries((await result(done => user.getUserAttributes(done))).map(a => [a.Name, a.Value]));
	assert.equal(attributes.email, 'username@example.com');
	assert.equal(attributes.email_verified, 'true');
	assert.match(attributes.sub, /^[0-9a-f-]{36}$/);
});

test('a refresh gives new tokens of the same sign-in', async () => {
	const user = person('username');
	const before = await signIn(user, 'password');
	const after = await result(done => user.refreshSession(before.getRefreshToken(), done));
	const [a, b] = [before, after].map(s => claims(s.getAccessToken().getJwtToken()));
	assert.notEqual(b.jti, a.jti);
	for (const kept of ['sub', 'origin_jti', 'auth_time', 'event_id', 'client_id', 'iss']) {
		assert.ok(a[kept] !== undefined, `${kept} is there`);
		assert.equal(b[kept], a[kept], kept);
	}
	await verifier('access', null).verify(after.getAccessToken().getJwtToken());
	assert.equal(after.getRefreshToken().getToken(), before.getRefreshToken().getToken(), 'without rotation no new refresh token comes');
});

test('getSession renews a session that has expired, of an app that was started again', async t => {
	const storage = new Memory();
	const started = () => person('username', undefined, storage);
	const session = () => result(done => started().getSession(done));
	const jti = s => claims(s.getAccessToken().getJwtToken()).jti;
	const before = await signIn(started(), 'password');
	assert.equal(jti(await session()), jti(before));
	t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_601_000 });
	const after = await session();
	t.mock.timers.reset();
	assert.notEqual(jti(after), jti(before));
	assert.equal(claims(after.getIdToken().getJwtToken()).origin_jti, claims(before.getIdToken().getJwtToken()).origin_jti);
	await verifier('id', clientId).verify(after.getIdToken().getJwtToken());
	assert.equal(jti(await session()), jti(after), 'it is kept');
});

test('a refresh token that was changed is refused', async () => {
	const user = person('username');
	const session = await signIn(user, 'password');
	const token = session.getRefreshToken().getToken();
	const changed = (token[0] === 'x' ? 'y' : 'x') + token.slice(1);
	await refused(result(done => user.refreshSession({ getToken: () => changed }, done)), 'NotAuthorizedException', 'Invalid Refresh Token.');
});
