// The functions that a pool names, through amazon-cognito-identity-js. The server runs them as functions.yaml says.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AuthenticationDetails, CognitoUserAttribute, CognitoUserPool } from 'amazon-cognito-identity-js';
import { claims, lastMessage, Memory, outcome, password, person, refused, result, signIn, unique, url } from './cognate.js';
import { deletePool, makePool, send } from './pool.js';

const LambdaArn = 'arn:aws:lambda:us-east-1:000000000000:function:e2e';
let pool;

before(async () => {
	pool = await makePool('functions', {
		LambdaConfig: {
			PreSignUp: LambdaArn, PostConfirmation: LambdaArn, PreAuthentication: LambdaArn, PostAuthentication: LambdaArn, UserMigration: LambdaArn,
			PreTokenGenerationConfig: { LambdaVersion: 'V2_0', LambdaArn },
		},
	});
});

after(() => pool && deletePool(pool));

const signUp = (username, email, code) => result(done =>
	new CognitoUserPool({ ...pool, endpoint: url, Storage: new Memory() }).signUp(username, password,
		[new CognitoUserAttribute({ Name: 'email', Value: email })], code ? [new CognitoUserAttribute({ Name: 'code', Value: code })] : null, done));

test('PreSignUp confirms, or refuses in its own words', async () => {
	const username = unique('settled');
	assert.equal((await signUp(username, `${username}@example.com`, 'let me in')).userConfirmed, true);
	const user = person(username, pool);
	const id = claims((await signIn(user, password)).getIdToken().getJwtToken());
	assert.equal(id.email_verified, true);

	const other = unique('unsettled');
	assert.equal((await signUp(other, `${other}@example.com`)).userConfirmed, false);
	const { code } = await lastMessage(`${other}@example.com`, 'SignUp');
	assert.equal(await result(done => person(other, pool).confirmRegistration(code, false, done)), 'SUCCESS');

	const blocked = unique('blocked');
	await refused(signUp(blocked, `${blocked}@blocked.example`), 'UserLambdaValidationException', 'PreSignUp failed with error Nobody from there.');
	await refused(send('AdminGetUser', { UserPoolId: pool.UserPoolId, Username: blocked }), 'UserNotFoundException');
});

test('PreTokenGeneration says what tokens say, and what they were made for', async () => {
	const username = unique('tokens');
	await signUp(username, `${username}@example.com`, 'let me in');
	const user = person(username, pool);
	const session = await signIn(user, password);
	const [id, access] = [session.getIdToken(), session.getAccessToken()].map(t => claims(t.getJwtToken()));
	assert.equal(id.made_for, 'TokenGeneration_Authentication');
	assert.deepEqual(id.plan, { name: 'gold', seats: 3 });
	assert.deepEqual(access.scope.split(' ').sort(), ['aws.cognito.signin.user.admin', 'shop/read']);
	const again = await result(done => user.refreshSession(session.getRefreshToken(), done));
	assert.equal(claims(again.getIdToken().getJwtToken()).made_for, 'TokenGeneration_RefreshTokens');
});

test('PreAuthentication refuses in its own words', async () => {
	const username = unique('refused');
	await signUp(username, `${username}@example.com`, 'let me in');
	const details = new AuthenticationDetails({ Username: username, Password: password, ValidationData: { never: 'true' } });
	await refused(outcome(callbacks => person(username, pool).authenticateUser(details, callbacks)), 'UserLambdaValidationException', 'PreAuthentication failed with error Not now.');
});

test('UserMigration takes a user over with the password that it knows, and another at ForgotPassword', async () => {
	const username = unique('moved');
	const come = (name, secret) => {
		const user = person(name, pool);
		user.setAuthenticationFlowType('USER_PASSWORD_AUTH');
		return signIn(user, secret);
	};
	await refused(come(username, 'a guess'), 'UserLambdaValidationException', 'UserMigration failed with error Bad password.');
	await refused(send('AdminGetUser', { UserPoolId: pool.UserPoolId, Username: username }), 'UserNotFoundException');
	await refused(come(unique('nobody'), 'From-the-0ld-place'), 'UserNotFoundException', 'User does not exist.');
	assert.equal(claims((await come(username, 'From-the-0ld-place')).getIdToken().getJwtToken()).name, 'Moved');
	await signIn(person(username, pool), 'From-the-0ld-place'); // by SRP, which no function can answer

	const forgetful = unique('moved');
	await outcome(callbacks => person(forgetful, pool).forgotPassword(callbacks), { inputVerificationCode: data => data });
	const { code } = await lastMessage(`${forgetful}@example.com`, 'ForgotPassword');
	await outcome(callbacks => person(forgetful, pool).confirmPassword(code, password, callbacks));
	await signIn(person(forgetful, pool), password);
});
