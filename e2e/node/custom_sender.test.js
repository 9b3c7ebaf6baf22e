// Functions that send messages: the one of docs/triggers.md, with a local key, and the same with a key in KMS, for which the test
// stands in. They decrypt with @aws-crypto/client-node. The server is the test's own; the binary is COGNATE_BINARY, else bin/cognate.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { freeAddress, password, refused } from './cognate.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const binary = process.env.COGNATE_BINARY ?? join(here, '../../bin/cognate');
const localKey = 'arn:aws:kms:us-east-1:000000000000:key/local';
const kmsKey = 'arn:aws:kms:us-east-1:000000000000:key/in-kms';
const functionARN = name => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;

let data, server, url, client, provider, kms;
let handlers = [];
const log = [];
const delivered = [];
const dataKeys = new Map();

/** An HTTP server of the test's, on a free port. */
const listen = handle =>
	new Promise(resolve => {
		const s = createServer(async (request, response) => {
			const [status, answer] = await handle(JSON.parse(Buffer.concat(await request.toArray())), request);
			response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
		});
		s.listen(0, '127.0.0.1', () => resolve(s));
	});

const at = s => `http://127.0.0.1:${s.address().port}`;

/** Takes what functions send, except to those whom nobody can reach. */
const take = ({ to, text }) => {
	if (to.startsWith('unreachable')) {
		return [503, {}];
	}
	const [source, code] = text.split(': ');
	delivered.push({ to, source, code });
	return [200, {}];
};

const canonical = context => JSON.stringify(Object.entries(context).sort());

/** KMS, as far as the Encryption SDK needs it: it opens a data key only with the encryption context that it was made for. */
const operate = (body, { headers }) => {
	if (headers['x-amz-target'] === 'TrentService.GenerateDataKey') {
		if (body.KeyId !== kmsKey || !/^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d+\/us-east-1\/kms\/aws4_request/.test(headers.authorization)) {
			return [400, { __type: 'NotFoundException', message: 'There is no such key' }];
		}
		const [plain, blob] = [randomBytes(body.NumberOfBytes).toString('base64'), randomBytes(60).toString('base64')];
		dataKeys.set(blob, { plain, context: canonical(body.EncryptionContext) });
		return [200, { KeyId: kmsKey, Plaintext: plain, CiphertextBlob: blob }];
	}
	const known = dataKeys.get(body.CiphertextBlob);
	if (headers['x-amz-target'] !== 'TrentService.Decrypt' || known?.context !== canonical(body.EncryptionContext)) {
		return [400, { __type: 'InvalidCiphertextException' }];
	}
	return [200, { KeyId: kmsKey, Plaintext: known.plain, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' }];
};

/** The functions: that of the documentation, as it stands there, and with the other keyring. */
async function writeHandlers() {
	const docs = await readFile(join(here, '../../docs/triggers.md'), 'utf8');
	const local = docs.match(/<!-- sender\.mjs -->\n```js\n(.*?)```/s)[1];
	const inKMS = local
		.replace(/RawAesKeyringNode, RawAesWrappingSuiteIdentifier/, 'KmsKeyringNode, getClient, KMS')
		.replace(/new RawAesKeyringNode\(\{.*?\n\}\)/s,
			'new KmsKeyringNode({ keyIds: [process.env.KEY_ARN], clientProvider: getClient(KMS, { endpoint: process.env.KMS, credentials: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "example" } }) })');
	assert.notEqual(local, inKMS);
	for (const [name, text] of Object.entries({ local, inKMS })) {
		const path = join(here, `.sender-${process.pid}-${name}.mjs`); // where Node finds its packages
		await writeFile(path, text);
		handlers.push(path);
	}
}

const yaml = () => `
functions:
  local:
    process:
      command: [node, sender.js]
      dir: ${here}
      env: {HANDLER: ${handlers[0]}, KEY_ARN: "${localKey}", KEY_FILE: ${join(data, 'sender.key')}, PROVIDER_URL: "${at(provider)}"}
  in-kms:
    process:
      command: [node, sender.js]
      dir: ${here}
      env: {HANDLER: ${handlers[1]}, KEY_ARN: "${kmsKey}", KMS: "${at(kms)}", PROVIDER_URL: "${at(provider)}"}
custom_senders:
  kms: {endpoint: "${at(kms)}"}
  keys:
    "${localKey}": {secret_file: ${join(data, 'sender.key')}}
`;

before(async () => {
	data = await mkdtemp(join(tmpdir(), 'cognate-sender-'));
	[provider, kms] = [await listen(take), await listen(operate)];
	await writeHandlers();
	await writeFile(join(data, 'sender.key'), `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
	await writeFile(join(data, 'functions.yaml'), yaml());
	const address = await freeAddress();
	url = `http://${address}`;
	const env = { ...process.env, AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example' };
	server = spawn(binary, ['dev', '--addr', address, '--data', ':memory:', '--functions', join(data, 'functions.yaml')], { stdio: ['ignore', 'ignore', 'pipe'], env });
	server.stderr.on('data', text => log.push(String(text)));
	client = new cognito.CognitoIdentityProviderClient({ endpoint: url, region: 'us-east-1', maxAttempts: 1, credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' } });
	for (let i = 0; i < 200 && server.exitCode === null; i++) {
		if (await fetch(`${url}/_cognate/ready`).then(r => r.ok, () => false)) {
			return;
		}
		await sleep(50);
	}
	throw new Error(`the server is not ready: ${log.join('')}`);
});

after(async () => {
	server?.kill();
	provider?.close();
	kms?.close();
	await Promise.all(handlers.map(path => rm(path, { force: true })));
	await rm(data, { recursive: true, force: true });
});

const send = (name, input) => client.send(new cognito[`${name}Command`](input));

async function makePool(name, KMSKeyID) {
	const sender = { LambdaVersion: 'V1_0', LambdaArn: functionARN(name) };
	const { Id: UserPoolId } = (await send('CreateUserPool', {
		PoolName: name, AutoVerifiedAttributes: ['email'], LambdaConfig: { CustomEmailSender: sender, CustomSMSSender: sender, KMSKeyID },
	})).UserPool;
	const { ClientId } = (await send('CreateUserPoolClient', {
		UserPoolId, ClientName: 'open', ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
	})).UserPoolClient;
	return { UserPoolId, ClientId };
}

/** What a function has sent to a destination, which it does after the answer. */
async function arrival(to, source) {
	for (let i = 0; i < 200; i++) {
		const found = delivered.find(d => d.to === to && d.source === source);
		if (found) {
			return found.code;
		}
		await sleep(50);
	}
	throw new Error(`nothing from ${source} came to ${to}: ${JSON.stringify(delivered)}\n${log.join('')}`);
}

/** The message of the inbox to a destination, once it is settled. */
async function settled(destination) {
	for (let i = 0; i < 300; i++) {
		const messages = await (await fetch(`${url}/_cognate/inbox.json?destination=${encodeURIComponent(destination)}`)).json();
		assert.equal(messages.length, 1);
		if (messages[0].status !== 'pending') {
			return messages[0];
		}
		await sleep(50);
	}
	throw new Error('the message stays pending');
}

for (const [name, key] of [['local', localKey], ['in-kms', kmsKey]]) {
	test(`a code that is sealed by the key ${name} confirms a sign-up`, async () => {
		const { UserPoolId, ClientId } = await makePool(name, key);
		const [email, phone] = [`${name}@example.com`, name === 'local' ? '+15555550123' : '+15555550124'];
		const UserAttributes = [{ Name: 'email', Value: email }, { Name: 'phone_number', Value: phone }];
		await send('SignUp', { ClientId, Username: 'ann', Password: password, UserAttributes });
		const code = await arrival(email, 'CustomEmailSender_SignUp');
		assert.match(code, /^\d{6}$/);
		await send('ConfirmSignUp', { ClientId, Username: 'ann', ConfirmationCode: code });
		const { AuthenticationResult } = await send('InitiateAuth', { ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD: password } });
		const message = await settled(email);
		assert.deepEqual([message.code, message.status, message.error], [code, 'sent', '']);

		const { AccessToken } = AuthenticationResult;
		await send('GetUserAttributeVerificationCode', { AccessToken, AttributeName: 'phone_number' });
		await send('VerifyUserAttribute', { AccessToken, AttributeName: 'phone_number', Code: await arrival(phone, 'CustomSMSSender_VerifyUserAttribute') });

		const invited = `invited-${name}@example.com`;
		await send('AdminCreateUser', { UserPoolId, Username: 'bob', TemporaryPassword: 'Temp<0>rary-Horse', DesiredDeliveryMediums: ['EMAIL'], UserAttributes: [{ Name: 'email', Value: invited }] });
		assert.equal(await arrival(invited, 'CustomEmailSender_AdminCreateUser'), 'Temp&lt;0&gt;rary-Horse');
	});
}

test('a function that fails fails no sign-up, and the inbox says why', async () => {
	const { ClientId } = await makePool('local', localKey);
	const email = 'unreachable@example.com';
	await send('SignUp', { ClientId, Username: 'eve', Password: password, UserAttributes: [{ Name: 'email', Value: email }] });
	const message = await settled(email);
	assert.equal(message.status, 'failed');
	assert.equal(message.error, 'function: Error: The provider answers with 503');
	await send('ConfirmSignUp', { ClientId, Username: 'eve', ConfirmationCode: message.code });
});

test('a key that nobody has, or none, is an error, and no secret is in the log', async () => {
	const { ClientId } = await makePool('local', 'arn:aws:kms:us-east-1:000000000000:key/other');
	await send('SignUp', { ClientId, Username: 'eve', Password: password, UserAttributes: [{ Name: 'email', Value: 'other@example.com' }] });
	const message = await settled('other@example.com');
	assert.equal(message.status, 'failed');
	assert.match(message.error, /^function: sealing the code: kms: .*There is no such key/);
	await refused(
		send('CreateUserPool', { PoolName: 'p', LambdaConfig: { CustomSMSSender: { LambdaVersion: 'V1_0', LambdaArn: functionARN('local') } } }),
		'InvalidParameterException', 'KMSKeyId parameter is required when Custom SMS/Email Lambda trigger is used.');
	const text = log.join('');
	assert.match(text, /msg="message sent" .*sender=function/);
	assert.match(text, /msg="message not sent" .*sender=function/);
	for (const { to, code } of delivered) {
		assert.ok(!text.includes(code) && !text.includes(to), `the log shows ${code} or ${to}`);
	}
});
