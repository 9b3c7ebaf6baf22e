// Runs the handler of a module, by Lambda's Runtime API. HANDLER is the module.
const { handler } = await import(process.env.HANDLER);
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

for (;;) {
	const next = await fetch(`${api}/next`);
	const id = next.headers.get('lambda-runtime-aws-request-id');
	const [way, answer] = await handler(await next.json()).then(
		result => ['response', result ?? null],
		error => ['error', { errorType: error.name, errorMessage: error.message }]);
	await fetch(`${api}/${id}/${way}`, { method: 'POST', body: JSON.stringify(answer) });
}
