// The function of the tests' pools, at all triggers, as a program that speaks Lambda's Runtime API. What it does depends on what it is told.
import challenge from './challenge.cjs';

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

/** A user of the place that users come from. */
const comer = ({ userName }) => ({ userAttributes: { email: `${userName}@example.com`, email_verified: 'true', name: 'Moved' } });

const doings = {
	PreSignUp_SignUp({ request, response }) {
		if (request.userAttributes.email?.endsWith('@blocked.example')) {
			throw new Error('Nobody from there');
		}
		response.autoConfirmUser = request.validationData?.code === 'let me in';
		response.autoVerifyEmail = response.autoConfirmUser;
	},
	PreAuthentication_Authentication({ request }) {
		if (request.validationData?.never) {
			throw new Error('Not now');
		}
	},
	UserMigration_Authentication(event) {
		const known = event.userName.includes('moved');
		if (known && event.request.password !== 'From-the-0ld-place') {
			throw new Error('Bad password');
		}
		Object.assign(event.response, known && { ...comer(event), finalUserStatus: 'CONFIRMED', messageAction: 'SUPPRESS' });
	},
	UserMigration_ForgotPassword(event) {
		Object.assign(event.response, event.userName.includes('moved') && comer(event));
	},
	InboundFederation_ExternalProvider({ request, response }) {
		const { idToken, userInfo } = request.attributes;
		response.userAttributesToMap = { ...userInfo, ...idToken, name: `${userInfo.name ?? idToken.name} of ${request.providerName}` };
	},
	PreSignUp_ExternalProvider({ request }) {
		if (request.userAttributes.name?.startsWith('Mallory')) {
			throw new Error('Not you');
		}
	},
};

/** Every token says what it was made for. */
function tokens({ triggerSource, request, response }) {
	const claimsToAddOrOverride = { made_for: triggerSource, plan: { name: 'gold', seats: 3 } };
	response.claimsAndScopeOverrideDetails = {
		idTokenGeneration: { claimsToAddOrOverride },
		accessTokenGeneration: { claimsToAddOrOverride, scopesToAdd: request.scopes ? ['shop/read'] : [] },
	};
}

for (;;) {
	const next = await fetch(`${api}/next`);
	const id = next.headers.get('lambda-runtime-aws-request-id');
	const event = await next.json();
	let way = 'response';
	let answer = event;
	try {
		if (event.triggerSource.includes('AuthChallenge')) {
			await challenge.handler(event);
		}
		(event.triggerSource.startsWith('TokenGeneration_') ? tokens : doings[event.triggerSource])?.(event);
	} catch (error) {
		[way, answer] = ['error', { errorType: error.name, errorMessage: error.message }];
	}
	await fetch(`${api}/${id}/${way}`, { method: 'POST', body: JSON.stringify(answer) });
}
