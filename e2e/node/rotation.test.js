// Verifiers across a rotation of a pool's signing keys, which is an operation of Cognate's own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { JwtVerifier } from 'aws-jwt-verify';
import { validateCognitoJwtFields } from 'aws-jwt-verify/cognito-verifier';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { password, url } from './cognate.js';
import { deletePool, makePool, makeUser, send } from './pool.js';

let pool, user, fetched;
before(async () => {
	pool = await makePool('rotation');
	user = await makeUser(pool, 'rotation');
});
after(() => deletePool(pool));

async function rotate(PublishAheadSeconds) {
	const answer = await fetch(url, {
		method: 'POST',
		headers: {
			'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'Cognate.RotateSigningKeys', 'X-Amz-Date': '20260101T000000Z',
			// A development server takes any signature.
			Authorization: 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE12/20260101/us-east-1/cognito-idp/aws4_request, '
				+ `SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
		},
		body: JSON.stringify({ UserPoolId: pool.UserPoolId, PublishAheadSeconds }),
	});
	assert.equal(answer.status, 200, await answer.text());
}

async function tokens() {
	const AuthParameters = { USERNAME: user, PASSWORD: password };
	return (await send('InitiateAuth', { ClientId: pool.ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters })).AuthenticationResult;
}

const kid = token => decodeProtectedHeader(token).kid;

/** The verifier of aws-jwt-verify, which keeps the keys until it meets one that it does not know. */
function verifier(tokenUse) {
	const issuer = `${url}/${pool.UserPoolId}`;
	fetched = 0;
	const fetcher = { fetch: async uri => (fetched++, (await fetch(uri)).arrayBuffer()) };
	return JwtVerifier.create(
		{ issuer, audience: null, jwksUri: `${issuer}/.well-known/jwks.json`,
			customJwtCheck: ({ payload }) => validateCognitoJwtFields(payload, { tokenUse, clientId: pool.ClientId }) },
		{ jwksCache: new SimpleJwksCache({ fetcher }) });
}

test('a verifier that has the keys takes tokens from before and after a rotation', async () => {
	const access = verifier('access');
	const old = await tokens();
	await access.verify(old.AccessToken);
	await rotate(0);
	const fresh = await tokens();
	assert.notEqual(kid(fresh.AccessToken), kid(old.AccessToken));
	assert.notEqual(kid(fresh.IdToken), kid(old.IdToken));
	await access.verify(old.AccessToken);
	assert.equal(fetched, 1);
	await access.verify(fresh.AccessToken);
	await access.verify(old.AccessToken);
	assert.equal(fetched, 2);
	const keys = createRemoteJWKSet(new URL(`${url}/${pool.UserPoolId}/.well-known/jwks.json`));
	for (const token of [old.IdToken, old.AccessToken, fresh.IdToken, fresh.AccessToken]) {
		await jwtVerify(token, keys, { issuer: `${url}/${pool.UserPoolId}` });
	}
	assert.equal((await send('GetUser', { AccessToken: old.AccessToken })).Username, user);
});

test('a verifier that read the keys ahead of a rotation fetches nothing when it comes', async () => {
	await rotate(2);
	const access = verifier('access');
	const old = await tokens();
	await access.verify(old.AccessToken);
	await sleep(2100);
	const fresh = await tokens();
	assert.notEqual(kid(fresh.AccessToken), kid(old.AccessToken));
	await access.verify(fresh.AccessToken);
	await access.verify(old.AccessToken);
	assert.equal(fetched, 1);
});
