// Stand-ins for Google, Facebook, Login with Amazon and Sign in with Apple, by what each documents of its protocol. A stand-in takes
// what its network takes, to the letter and nothing beside it: all else is a fault, and a refusal. Google and Apple sign ID tokens.
//
//	https://developers.google.com/identity/openid-connect/openid-connect
//	https://developers.google.com/people/api/rest/v1/people/get
//	https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
//	https://developers.facebook.com/docs/graph-api/guides/secure-requests
//	https://developer.amazon.com/docs/login-with-amazon/authorization-code-grant.html
//	https://developer.amazon.com/docs/login-with-amazon/obtain-customer-profile.html
//	https://developer.apple.com/documentation/signinwithapplerestapi
import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { url } from '../node/cognate.js';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const jose = await import(require.resolve('jose'));

const callback = `${url}/oauth2/idpresponse`;
const apple = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signer = await jose.generateKeyPair('RS256');

/** Wants exactly these parameters, each once. A value is a text or a pattern. */
function only(given, wanted) {
	assert.deepEqual([...given.keys()].sort(), Object.keys(wanted).sort());
	for (const [name, value] of Object.entries(wanted)) {
		value instanceof RegExp ? assert.match(given.get(name), value) : assert.equal(given.get(name), value, name);
	}
}

const googleScopes = 'profile email openid https://www.googleapis.com/auth/user.birthday.read';
const withPKCE = { code_challenge: /^[\w-]{43}$/, code_challenge_method: 'S256' };
const word = 'a word of the client';
const halfHash = value => createHash('sha256').update(value).digest().subarray(0, 16).toString('base64url');

/** The ID token of a grant, with what a network says beside the claims of the protocol. */
const idToken = ({ issuer, client_id, nonce, access }, claims) =>
	new jose.SignJWT({ azp: client_id, nonce, at_hash: halfHash(access), ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'k1' })
		.setIssuer(issuer).setAudience(client_id).setIssuedAt().setExpirationTime('1h').sign(signer.privateKey);

/** A client secret for Apple is a JWT that says who asks, for half a year at most. */
async function appleSecret(secret, { issuer, client_id }) {
	const wanted = { algorithms: ['ES256'], issuer: 'TEAM123456', subject: client_id, audience: issuer };
	const { payload, protectedHeader } = await jose.jwtVerify(secret, apple.publicKey, wanted);
	assert.deepEqual(protectedHeader, { alg: 'ES256', kid: 'KEY1234567' });
	assert.deepEqual(Object.keys(payload).sort(), ['aud', 'exp', 'iat', 'iss', 'sub']);
	assert.ok(payload.exp - payload.iat <= 15_777_000 && payload.iat <= Date.now() / 1000);
}

/** What a request for a profile shows as its right. */
const bearer = (request, access) => assert.equal(request.headers.authorization, `Bearer ${access}`);

/**
 * The networks. `usual` are the addresses that the server is to know; the path of each is also the stand-in's. `asks` is what a
 * request has beside what all have. `no` is how a refusal comes back. `profile` checks a request for one.
 */
const networks = {
	Google: {
		details: { client_id: '1234.apps.googleusercontent.com', client_secret: word, authorize_scopes: googleScopes },
		usual: {
			authorize_url: 'https://accounts.google.com/o/oauth2/v2/auth', token_url: 'https://www.googleapis.com/oauth2/v4/token',
			attributes_url: 'https://people.googleapis.com/v1/people/me?personFields=', oidc_issuer: 'https://accounts.google.com',
		},
		keys: '/oauth2/v3/certs',
		asks: { scope: googleScopes, nonce: /^\S{16,}$/, ...withPKCE },
		yes: ({ issuer, scope }) => ({ iss: issuer, scope, authuser: '0', prompt: 'consent' }),
		no: { error: 'access_denied' },
		profile(request, query, access) {
			bearer(request, access);
			only(query, { personFields: 'birthdays,names' });
		},
	},
	Facebook: {
		details: { client_id: '1234567890', client_secret: word, authorize_scopes: 'public_profile, email', api_version: 'v23.0' },
		usual: {
			authorize_url: 'https://www.facebook.com/v23.0/dialog/oauth', token_url: 'https://graph.facebook.com/v23.0/oauth/access_token',
			attributes_url: 'https://graph.facebook.com/v23.0/me?fields=',
		},
		asks: { scope: 'public_profile,email' },
		byGet: true,
		fragment: '#_=_', // Facebook adds it
		no: { error_reason: 'user_denied', error: 'access_denied', error_code: '200', error_description: 'Permissions error' },
		profile(request, query, access) {
			assert.equal(request.headers.authorization, undefined);
			const appsecret_proof = createHmac('sha256', word).update(access).digest('hex');
			only(query, { fields: 'id,email,last_name,name,picture', access_token: access, appsecret_proof }); // what is mapped
		},
	},
	LoginWithAmazon: {
		details: { client_id: 'amzn1.application-oa2-client.1234', client_secret: word, authorize_scopes: 'profile postal_code' },
		usual: {
			authorize_url: 'https://www.amazon.com/ap/oa', token_url: 'https://api.amazon.com/auth/o2/token',
			attributes_url: 'https://api.amazon.com/user/profile',
		},
		asks: { scope: 'profile postal_code' },
		yes: ({ scope }) => ({ scope }),
		no: { error: 'access_denied', error_description: 'Access not permitted.' },
		profile(request, query, access) {
			bearer(request, access);
			only(query, {});
		},
	},
	SignInWithApple: {
		details: {
			client_id: 'com.example.service', team_id: 'TEAM123456', key_id: 'KEY1234567', authorize_scopes: 'email name',
			private_key: apple.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
		},
		usual: {
			authorize_url: 'https://appleid.apple.com/auth/authorize', token_url: 'https://appleid.apple.com/auth/token',
			oidc_issuer: 'https://appleid.apple.com',
		},
		keys: '/auth/keys',
		asks: { scope: 'email name', response_mode: 'form_post', nonce: /^\S{16,}$/, ...withPKCE },
		posts: true,
		secret: appleSecret,
		yes: (_, { user }) => (user ? { user: JSON.stringify(user) } : {}),
		no: { error: 'user_cancelled_authorize' },
	},
};

export const kinds = Object.keys(networks);

const escape = value => String(value).replaceAll('&', '&amp;').replaceAll('"', '&quot;');

/** A button that takes parameters to the callback, as the network has it. */
function button({ posts, fragment = '' }, id, parameters) {
	if (!posts) {
		return `<a id="${id}" href="${escape(`${callback}?${new URLSearchParams(parameters)}${fragment}`)}">${id}</a>`;
	}
	const fields = Object.entries(parameters).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`);
	return `<form method="post" action="${callback}">${fields.join('')}<button id="${id}">${id}</button></form>`;
}

/** One stand-in, while it listens. Its person is who is signed in there: claims, and what is told elsewhere. */
class Network {
	person;
	faults = [];
	#grants = new Map(); // by code, and then by access token

	constructor(kind, server) {
		Object.assign(this, networks[kind], { kind, server, origin: `http://localhost:${server.address().port}` });
		const { authorize_url, token_url, attributes_url } = this.usual;
		const answers = [[authorize_url, this.#authorize], [token_url, this.#token], [attributes_url, this.#profile], [this.keys, this.#jwks]];
		this.routes = new Map(answers.filter(([address]) => address).map(([address, answer]) => [new URL(address, this.origin).pathname, answer]));
		server.on('request', (request, response) => this.#serve(request).then(
			([type, body]) => response.setHeader('Content-Type', type).end(body),
			fault => {
				this.faults.push(`${request.method} ${request.url}: ${fault.message}`);
				response.writeHead(400).end('{"error":"invalid_request"}');
			}));
	}

	/** The details of the provider, at the stand-in's addresses in the place of the usual ones. */
	moved() {
		const moved = Object.entries(this.usual).map(([name, address]) => [name, address.replace(new URL(address).origin, this.origin)]);
		return { ...this.details, ...Object.fromEntries(moved), ...(this.keys && { jwks_uri: this.origin + this.keys }) };
	}

	close() {
		this.server.close();
	}

	async #serve(request) {
		const { pathname, searchParams } = new URL(request.url, this.origin);
		const answer = this.routes.get(pathname);
		assert.ok(answer, 'no such path');
		const body = await answer.call(this, request, searchParams);
		return typeof body === 'string' ? ['text/html', body] : ['application/json', JSON.stringify(body)];
	}

	#authorize(request, query) {
		assert.equal(request.method, 'GET');
		const { client_id } = this.details;
		only(query, { client_id, redirect_uri: callback, response_type: 'code', state: /^[\w-]+$/, ...this.asks });
		const asked = { ...Object.fromEntries(query), issuer: this.origin };
		const code = randomUUID();
		this.#grants.set(code, asked);
		const { state } = asked;
		return `<!doctype html><title>${this.kind}</title><link rel="icon" href="data:,">` +
			button(this, 'yes', { state, code, ...this.yes?.(asked, this.person) }) + button(this, 'no', { state, ...this.no });
	}

	async #token(request, query) {
		assert.equal(request.headers.authorization, undefined);
		const form = await this.#form(request, query);
		const asked = this.#take(form.get('code'));
		only(form, {
			code: form.get('code'), client_id: asked.client_id, redirect_uri: asked.redirect_uri,
			client_secret: this.details.client_secret ?? /^[\w-]+\.[\w-]+\.[\w-]+$/,
			...(!this.byGet && { grant_type: 'authorization_code' }), ...(asked.code_challenge && { code_verifier: /^[\w.~-]{43,128}$/ }),
		});
		await this.secret?.(form.get('client_secret'), asked);
		if (asked.code_challenge) {
			assert.equal(createHash('sha256').update(form.get('code_verifier')).digest('base64url'), asked.code_challenge);
		}
		asked.access = `${this.kind}-${randomUUID()}`;
		this.#grants.set(asked.access, asked);
		const answer = { access_token: asked.access, token_type: 'bearer', expires_in: 3600 };
		return this.keys ? { ...answer, id_token: await idToken(asked, this.person.claims) } : answer;
	}

	async #form(request, query) {
		const body = await text(request);
		if (this.byGet) {
			assert.deepEqual([request.method, body], ['GET', '']);
			return query;
		}
		assert.deepEqual([request.method, request.headers['content-type'], query.size], ['POST', 'application/x-www-form-urlencoded', 0]);
		return new URLSearchParams(body);
	}

	/** A grant serves once. */
	#take(key) {
		const asked = this.#grants.get(key);
		assert.ok(asked, 'no such grant, or no more');
		this.#grants.delete(key);
		return asked;
	}

	#profile(request, query) {
		assert.equal(request.method, 'GET');
		const access = query.get('access_token') ?? request.headers.authorization?.replace('Bearer ', '');
		this.profile(request, query, this.#take(access).access);
		return this.person.profile;
	}

	async #jwks(request, query) {
		assert.deepEqual([request.method, query.size], ['GET', 0]);
		return { keys: [{ ...await jose.exportJWK(signer.publicKey), kid: 'k1', use: 'sig', alg: 'RS256' }] };
	}
}

/** Opens the stand-in of a kind. */
export async function openNetwork(kind) {
	const server = createServer();
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	return new Network(kind, server);
}
