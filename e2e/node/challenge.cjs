// An unchanged function for custom challenges, as it would be in Lambda: it asks for a sum, three times at most.
const handlers = {
	DefineAuthChallenge_Authentication({ session, userAttributes }, response) {
		const last = session.at(-1);
		const wrong = session.filter(c => c.challengeName === 'CUSTOM_CHALLENGE' && !c.challengeResult);
		response.issueTokens = last?.challengeName === 'CUSTOM_CHALLENGE' && last.challengeResult;
		response.failAuthentication = wrong.length === 3;
		response.challengeName = 'CUSTOM_CHALLENGE';
		if (last?.challengeName === 'SRP_A') {
			response.challengeName = 'PASSWORD_VERIFIER';
		} else if (last?.challengeName === 'PASSWORD_VERIFIER' && userAttributes['cognito:user_status'] === 'FORCE_CHANGE_PASSWORD') {
			response.challengeName = 'NEW_PASSWORD_REQUIRED';
		}
	},
	CreateAuthChallenge_Authentication({ session }, response) {
		response.publicChallengeParameters = { sum: `${session.length} + 2`, from: process.env.FROM ?? 'node' };
		response.privateChallengeParameters = { answer: String(session.length + 2) };
		response.challengeMetadata = `SUM_${session.length}`;
	},
	VerifyAuthChallengeResponse_Authentication({ challengeAnswer, privateChallengeParameters, clientMetadata }, response) {
		if (clientMetadata?.never) {
			throw new Error('Not now');
		}
		response.answerCorrect = challengeAnswer === privateChallengeParameters.answer;
	},
};

exports.handler = async event => {
	handlers[event.triggerSource](event.request, event.response);
	return event;
};
