// Debian's SimpleSAMLphp as a SAML 2.0 identity provider: PHP's own server, with a configuration in a temporary folder.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freeAddress, url } from '../node/cognate.js';

const program = fileURLToPath(new URL('../php/usr/share/simplesamlphp', import.meta.url));
const persistent = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';

/** A file of SimpleSAMLphp: PHP that sets one variable. */
const file = (path, variable, value) =>
	writeFileSync(path, `<?php $${variable} = json_decode('${JSON.stringify(value).replaceAll(/[\\']/g, String.raw`\$&`)}', true);\n`);

/** The service providers are read from their own metadata, with our wishes about each beside them. */
const remotes = `<?php
foreach (glob(__DIR__ . '/*.xml') as $file) {
	$read = SimpleSAML\\Metadata\\SAMLParser::parseFile($file)->getMetadata20SP();
	$metadata[$read['entityid']] = json_decode(file_get_contents("$file.json"), true) + $read;
}
`;

function configure(folder, origin) {
	for (const name of ['config', 'metadata', 'cert', 'log', 'data', 'temp', 'session']) {
		mkdirSync(`${folder}/${name}`);
	}
	execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=idp',
		'-keyout', `${folder}/cert/key.pem`, '-out', `${folder}/cert/cert.pem`], { stdio: 'ignore' });
	file(`${folder}/config/config.php`, 'config', {
		baseurlpath: `${origin}/`, 'enable.saml20-idp': true, 'module.enable': { core: true, saml: true, exampleauth: true },
		secretsalt: 'a salt for the tests', 'auth.adminpassword': 'a password for the tests', technicalcontact_email: 'na@example.org', timezone: 'UTC',
		certdir: `${folder}/cert/`, metadatadir: `${folder}/metadata/`, loggingdir: `${folder}/log/`, datadir: `${folder}/data/`, tempdir: `${folder}/temp`,
		'logging.handler': 'file', 'store.type': 'phpsession', 'session.phpsession.savepath': `${folder}/session`,
		'session.cookie.secure': false, 'language.cookie.secure': false, 'trusted.url.domains': [new URL(origin).host],
	});
	file(`${folder}/metadata/saml20-idp-hosted.php`, 'metadata', { '__DYNAMIC:1__': {
		host: '__DEFAULT__', privatekey: 'key.pem', certificate: 'cert.pem', auth: 'people', NameIDFormat: persistent,
		authproc: { 1: { class: 'saml:AttributeNameID', attribute: 'uid', Format: persistent } },
		'sign.logout': true, 'validate.logout': true,
	} });
	writeFileSync(`${folder}/metadata/saml20-sp-remote.php`, remotes);
}

/** Starts the provider. Its host is another site than the server's, as in life. */
export async function openSimpleSAMLphp() {
	const listen = await freeAddress();
	const origin = `http://${listen.replace('127.0.0.1', 'localhost')}`;
	const folder = mkdtempSync(`${tmpdir()}/simplesamlphp-`);
	configure(folder, origin);
	const options = ['-d', 'display_errors=0', '-d', 'opcache.enable=0']; // whom it knows changes within a second
	const env = { ...process.env, SIMPLESAMLPHP_CONFIG_DIR: `${folder}/config` };
	const server = spawn('php', [...options, '-S', listen, '-t', `${program}/www`], { env, stdio: 'ignore' });
	const gone = new Promise((resolve, reject) => server.on('error', reject).on('exit', resolve)); // rejects where there is no PHP
	const close = async () => {
		server.kill();
		await gone;
		rmSync(folder, { recursive: true });
	};
	const metadata = `${origin}/saml2/idp/metadata.php`;
	const provider = {
		origin, metadata, close,
		/** Lets nobody in but these, by name: each is attributes, and the password is "word". */
		know: people => file(`${folder}/config/authsources.php`, 'config', {
			people: { 0: 'exampleauth:UserPass', ...Object.fromEntries(Object.entries(people).map(([name, attributes]) => [`${name}:word`, attributes])) },
		}),
		/** Reads a pool's metadata, and takes wishes about it (the words of saml20-sp-remote.php). */
		async trust(site, wishes = {}) {
			const answer = await fetch(`${url}/${site.UserPoolId}/saml2/metadata/${site.provider}`);
			assert.equal(answer.status, 200);
			writeFileSync(`${folder}/metadata/${site.UserPoolId}.xml.json`, JSON.stringify(wishes));
			writeFileSync(`${folder}/metadata/${site.UserPoolId}.xml`, await answer.text());
		},
	};
	provider.know({});
	for (let i = 0; i < 100; i++) {
		if (await Promise.race([gone.then(() => assert.fail(`${program}/www is not served`)), fetch(metadata).then(r => r.ok, () => false)])) {
			return provider;
		}
		await sleep(50);
	}
	await close();
	throw new Error('SimpleSAMLphp is not ready');
}
