// Clients by HTTPS: a server of the test's own, with the CA that it makes. The binary is COGNATE_BINARY, else
// bin/cognate.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clientId, freeAddress } from './cognate.js';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const binary = process.env.COGNATE_BINARY ?? join(here, '../../bin/cognate');

let server, data, ca, clear, secure;

before(async () => {
	data = await mkdtemp(join(tmpdir(), 'cognate-tls-'));
	ca = join(data, 'tls', 'ca.pem');
	[clear, secure] = [await freeAddress(), await freeAddress()];
	server = spawn(binary, ['dev', '--addr', clear, '--tls', '--tls-addr', secure, '--data', data], { stdio: 'ignore' });
	let failure;
	server.on('error', error => (failure = error));
	for (let i = 0; i < 200; i++) {
		if (failure || server.exitCode !== null) {
			throw new Error(`${binary} does not run: ${failure ?? server.exitCode}`);
		}
		if (await fetch(`http://${clear}/_cognate/ready`).then(r => r.ok, () => false)) {
			return;
		}
		await sleep(50);
	}
	throw new Error('the server is not ready');
});

after(async () => {
	server?.kill();
	await rm(data, { recursive: true, force: true });
});

/** What a program prints that is run in a Node of its own, which trusts the CA or does not. */
const inNode = async (program, trusting) => {
	const { NODE_EXTRA_CA_CERTS, ...env } = process.env;
	const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], {
		cwd: here, env: trusting ? { ...env, NODE_EXTRA_CA_CERTS: ca } : env,
	});
	return stdout.trim();
};

test('fetch takes the certificate with NODE_EXTRA_CA_CERTS, and not without', async () => {
	const port = secure.split(':')[1];
	for (const host of ['127.0.0.1', 'localhost']) {
		const program = `console.log(await fetch('https://${host}:${port}/_cognate/ready').then(r => r.text(), e => e.cause.code))`;
		assert.equal(await inNode(program, true), 'ready');
		assert.match(await inNode(program, false), /SELF_SIGNED|UNABLE_TO/);
	}
});

test('the AWS SDK signs a user in by HTTPS', async () => {
	const program = `
		import { CognitoIdentityProviderClient, InitiateAuthCommand } from '@aws-sdk/client-cognito-identity-provider';
		const client = new CognitoIdentityProviderClient({ endpoint: 'https://${secure}', region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
		const { AuthenticationResult } = await client.send(new InitiateAuthCommand({
			ClientId: '${clientId}', AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'username', PASSWORD: 'password' } }));
		console.log(AuthenticationResult.TokenType);`;
	assert.equal(await inNode(program, true), 'Bearer');
});

test('the server hands out the CA that its folder has', async () => {
	assert.equal(await (await fetch(`http://${clear}/_cognate/ca.pem`)).text(), await readFile(ca, 'utf8'));
	assert.equal((await stat(join(data, 'tls', 'ca.key'))).mode & 0o777, 0o600);
});

test('cognate trust tells how to trust the CA', async () => {
	const { stdout } = await run(binary, ['trust', '--data', data]);
	assert.ok(stdout.startsWith(`${ca}\n`));
	assert.match(stdout, /\n  localhost, 127\.0\.0\.0\/8, ::1\/128, 10\.0\.2\.2\/32\n/);
	for (const [command] of stdout.matchAll(/^  \S.*(update-ca-certificates|NODE_EXTRA_CA_CERTS).*$/gm)) {
		assert.ok(command.includes(ca), command);
	}
	const none = await run(binary, ['trust', '--data', join(data, 'none')]).catch(e => e);
	assert.match(none.stderr, /there is no CA: `cognate dev --tls` makes one/);
});
