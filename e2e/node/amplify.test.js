// AWS Amplify v6: how its users sign up, sign in, and choose their factors and devices.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { inbox, lastMessage, otherThan, password, refused, unique, url } from './cognate.js';
import { Authenticator, deletePool, everyFactor, makePool, makeUser, send } from './pool.js';

// Node has it from version 21 on; Amplify names the device by it.
globalThis.navigator ??= { userAgent: `Node.js/${process.version}` };

const wrongCode = ['CodeMismatchException', 'Invalid code or auth state for the user.'];
const wrongToken = ['CodeMismatchException', 'Invalid code received for user'];
const wrongPassword = ['NotAuthorizedException', 'Incorrect username or password.'];

let choice; // second factors are optional, first factors can be chosen, devices are remembered on request
let strict; // a second factor is required

before(async () => {
	choice = await makePool('amplify', {
		Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'EMAIL_OTP'] } },
		DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true },
		mfa: { MfaConfiguration: 'OPTIONAL', ...everyFactor },
	});
	strict = await makePool('amplify-strict', { mfa: { MfaConfiguration: 'ON', ...everyFactor } });
	use(choice);
});

afterEach(() => auth.signOut());

after(async () => {
	await Promise.all([choice, strict].filter(Boolean).map(deletePool));
});

const use = ({ UserPoolId, ClientId }) =>
	Amplify.configure({ Auth: { Cognito: { userPoolId: UserPoolId, userPoolClientId: ClientId, userPoolEndpoint: url } } });

/** Awaits the answer to a step of signing in, which must lead to the named one. */
async function leads(promise, signInStep) {
	const { isSignedIn, nextStep } = await promise;
	assert.deepEqual({ signInStep: nextStep.signInStep, isSignedIn }, { signInStep, isSignedIn: signInStep === 'DONE' });
	return nextStep;
}

const signIn = (username, options) => auth.signIn({ username, password, options });
const answer = challengeResponse => auth.confirmSignIn({ challengeResponse });
const emailOf = username => `${username}@example.com`;
const mailed = async username => (await lastMessage(emailOf(username), 'Authentication')).code;
const accessToken = async () => (await auth.fetchAuthSession()).tokens.accessToken;

/** Registers an authenticator app for the user who is signed in. */
async function enrol() {
	const app = new Authenticator((await auth.setUpTOTP()).sharedSecret);
	await auth.verifyTOTPSetup({ code: await app.code() });
	return app;
}

/** A user who has chosen a mailed code as the second factor. */
async function mailUser(what) {
	const username = await makeUser(choice, what);
	await leads(signIn(username), 'DONE');
	await auth.updateMFAPreference({ email: 'PREFERRED' });
	await auth.forgetDevice();
	await auth.signOut();
	return username;
}

test('a user signs up, confirms and is signed in by the Session of that', async t => {
	const username = unique('amplify');
	const email = emailOf(username);
	t.mock.timers.enable({ apis: ['setTimeout'] }); // Amplify waits three minutes for the confirmation, and the process with it
	const begun = await auth.signUp({ username, password, options: { userAttributes: { email }, autoSignIn: { authFlowType: 'USER_AUTH' } } });
	t.mock.timers.reset();
	assert.equal(begun.isSignUpComplete, false);
	assert.deepEqual(begun.nextStep, {
		signUpStep: 'CONFIRM_SIGN_UP',
		codeDeliveryDetails: { destination: 'e***@e***', deliveryMedium: 'EMAIL', attributeName: 'email' },
	});
	const { code } = await lastMessage(email, 'SignUp');
	await refused(auth.confirmSignUp({ username, confirmationCode: otherThan(code) }), 'CodeMismatchException');
	const confirmed = await auth.confirmSignUp({ username, confirmationCode: code });
	assert.equal(confirmed.nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
	await leads(auth.autoSignIn(), 'DONE');
	assert.deepEqual(await auth.getCurrentUser().then(u => [u.username, u.userId]), [username, begun.userId]);
	const attributes = await auth.fetchUserAttributes();
	assert.deepEqual([attributes.email, attributes.email_verified], [email, 'true']);
	assert.equal((await inbox(email)).length, 1, 'the sign-in sent nothing');
});

test('SRP: sign-in, refresh and sign-out', async () => {
	const username = await makeUser(choice, 'srp');
	await refused(auth.signIn({ username, password: 'Wr0ng-Horse!' }), ...wrongPassword);
	await leads(signIn(username), 'DONE');
	const first = await accessToken();
	const { tokens } = await auth.fetchAuthSession({ forceRefresh: true });
	assert.notEqual(tokens.accessToken.payload.jti, first.payload.jti);
	assert.equal(tokens.accessToken.payload.origin_jti, first.payload.origin_jti);
	assert.equal(tokens.idToken.payload.email, emailOf(username));
	await auth.signOut();
	await refused(send('GetUser', { AccessToken: String(tokens.accessToken) }), 'NotAuthorizedException', 'Access Token has been revoked');
});

test('TOTP is set up, preferred and asked for', async () => {
	const username = await makeUser(choice, 'totp');
	await leads(signIn(username), 'DONE');
	const setup = await auth.setUpTOTP();
	assert.match(setup.sharedSecret, /^[A-Z2-7]{52}$/);
	assert.equal(setup.getSetupUri('Shop', username).searchParams.get('secret'), setup.sharedSecret);
	const app = new Authenticator(setup.sharedSecret);
	const first = await app.code();
	await refused(auth.verifyTOTPSetup({ code: otherThan(first) }), 'EnableSoftwareTokenMFAException', 'Code mismatch and fail enable Software Token MFA');
	await auth.verifyTOTPSetup({ code: first });
	assert.deepEqual(await auth.fetchMFAPreference(), { preferred: undefined, enabled: undefined }, 'a token is not yet a choice');
	await auth.updateMFAPreference({ totp: 'PREFERRED' });
	assert.deepEqual(await auth.fetchMFAPreference(), { preferred: 'TOTP', enabled: ['TOTP'] });
	await auth.signOut();

	await leads(signIn(username), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
	await refused(answer(first), 'ExpiredCodeException', 'Your software token has already been used once.');
	const second = await app.code();
	await refused(answer(otherThan(second)), ...wrongToken);
	await leads(answer(second), 'DONE');
	assert.equal((await accessToken()).payload.username, username);
});

test('TOTP is set up during the sign-in where it is required', async () => {
	use(strict);
	try {
		const username = await makeUser(strict, 'setup', {});
		const choose = await leads(signIn(username), 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION');
		assert.deepEqual(choose.allowedMFATypes, ['TOTP', 'EMAIL']);
		const { totpSetupDetails } = await leads(answer('TOTP'), 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
		const app = new Authenticator(totpSetupDetails.sharedSecret);
		await leads(answer(await app.code()), 'DONE');
		await auth.signOut();
		await leads(signIn(username), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
		await leads(answer(await app.code()), 'DONE');
	} finally {
		await auth.signOut();
		use(choice);
	}
});

test('an e-mail address is set up during the sign-in where a second factor is required', async () => {
	use(strict);
	try {
		const username = await makeUser(strict, 'setup', {});
		await leads(signIn(username), 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION');
		await leads(answer('EMAIL'), 'CONTINUE_SIGN_IN_WITH_EMAIL_SETUP');
		const { codeDeliveryDetails } = await leads(answer(emailOf(username)), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
		assert.deepEqual(codeDeliveryDetails, { deliveryMedium: 'EMAIL', destination: 'e***@e***' });
		await leads(answer(await mailed(username)), 'DONE');
		const attributes = await auth.fetchUserAttributes();
		assert.deepEqual([attributes.email, attributes.email_verified], [emailOf(username), 'true']);
	} finally {
		await auth.signOut();
		use(choice);
	}
});

test('a mailed code is the first factor', async () => {
	const username = await makeUser(choice, 'otp');
	const options = { authFlowType: 'USER_AUTH', preferredChallenge: 'EMAIL_OTP' };
	const { codeDeliveryDetails } = await leads(auth.signIn({ username, options }), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
	assert.deepEqual(codeDeliveryDetails, { deliveryMedium: 'EMAIL', destination: 'e***@e***' });
	const code = await mailed(username);
	assert.match(code, /^\d{8}$/);
	await refused(answer(otherThan(code)), ...wrongCode);
	await leads(answer(code), 'DONE');
	assert.equal((await accessToken()).payload.username, username);
});

test('a mailed code is the second factor', async () => {
	const username = await mailUser('mail');
	await leads(signIn(username), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
	const code = await mailed(username);
	await refused(answer(otherThan(code)), ...wrongCode);
	await leads(answer(code), 'DONE');
	assert.deepEqual(await auth.fetchMFAPreference(), { preferred: 'EMAIL', enabled: ['EMAIL'] });
});

test('a user with two second factors chooses one, and changes the preference', async () => {
	const username = await makeUser(choice, 'both');
	await leads(signIn(username), 'DONE');
	await refused(auth.updateMFAPreference({ totp: 'ENABLED' }), 'InvalidParameterException',
		'User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA');
	const app = await enrol();
	await auth.updateMFAPreference({ totp: 'ENABLED', email: 'ENABLED' });
	assert.deepEqual(await auth.fetchMFAPreference(), { preferred: undefined, enabled: ['TOTP', 'EMAIL'] });
	await auth.signOut();

	const { allowedMFATypes } = await leads(signIn(username), 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION');
	assert.deepEqual(allowedMFATypes, ['TOTP', 'EMAIL']);
	await leads(answer('EMAIL'), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
	await leads(answer(await mailed(username)), 'DONE');
	await auth.updateMFAPreference({ totp: 'PREFERRED' });
	assert.deepEqual(await auth.fetchMFAPreference(), { preferred: 'TOTP', enabled: ['TOTP', 'EMAIL'] });
	await auth.signOut();

	await leads(signIn(username), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
	await leads(answer(await app.code()), 'DONE');
	await auth.updateMFAPreference({ email: 'PREFERRED', totp: 'DISABLED' });
	assert.deepEqual(await auth.fetchMFAPreference(), { preferred: 'EMAIL', enabled: ['EMAIL'] });
	await auth.updateMFAPreference({ email: 'DISABLED' });
	assert.deepEqual(await auth.fetchMFAPreference(), { preferred: undefined, enabled: undefined });
	await auth.signOut();
	await leads(signIn(username), 'DONE');
});

test('the first factor is chosen', async () => {
	const username = await makeUser(choice, 'first');
	const choose = async factor => {
		const { availableChallenges } = await leads(auth.signIn({ username, options: { authFlowType: 'USER_AUTH' } }),
			'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
		assert.deepEqual(availableChallenges, ['PASSWORD_SRP', 'PASSWORD', 'EMAIL_OTP']);
		return answer(factor);
	};
	for (const factor of ['PASSWORD_SRP', 'PASSWORD']) {
		await leads(choose(factor), 'CONFIRM_SIGN_IN_WITH_PASSWORD');
		await refused(answer('Wr0ng-Horse!'), ...wrongPassword);
		await leads(answer(password), 'DONE');
		await auth.signOut();
		await leads(signIn(username, { authFlowType: 'USER_AUTH', preferredChallenge: factor }), 'DONE');
		await auth.signOut();
	}
	await leads(choose('EMAIL_OTP'), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
	await leads(answer(await mailed(username)), 'DONE');
});

test('a remembered device stands in for the second factor until it is forgotten', async () => {
	const username = await mailUser('device');
	const throughMail = async () => {
		await leads(signIn(username), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
		await leads(answer(await mailed(username)), 'DONE');
	};
	await throughMail();
	const device = (await accessToken()).payload.device_key;
	assert.deepEqual(await auth.fetchDevices(), [], 'nobody has asked to remember it');
	await auth.signOut();
	await throughMail();
	const { device_key: key } = (await accessToken()).payload;
	assert.notEqual(key, device, 'a device that is not remembered is as good as new');
	await auth.rememberDevice();
	const [remembered, ...others] = await auth.fetchDevices();
	assert.equal(others.length, 0);
	assert.equal(remembered.id, key);
	assert.equal(remembered.name, navigator.userAgent);
	assert.ok(Math.abs(Date.now() - remembered.createDate) < 600_000);
	await auth.signOut();

	const sent = (await inbox(emailOf(username))).length;
	await leads(signIn(username), 'DONE');
	assert.equal((await inbox(emailOf(username))).length, sent, 'no code was sent');
	const { tokens } = await auth.fetchAuthSession({ forceRefresh: true });
	assert.equal(tokens.accessToken.payload.device_key, key);
	assert.ok((await auth.fetchDevices())[0].lastAuthenticatedDate > remembered.lastAuthenticatedDate);

	await auth.forgetDevice();
	assert.deepEqual(await auth.fetchDevices(), []);
	await auth.signOut();
	await throughMail();
	assert.deepEqual(await auth.fetchDevices(), []);
});
