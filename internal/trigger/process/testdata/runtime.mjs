// A runtime of the Runtime API and the function of the suite, with nothing but Node: aws-lambda-ric has to be compiled first.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

const text = new TextDecoder("utf-8", { ignoreBOM: true });

function order(event) {
  try {
    const o = JSON.parse(text.decode(event));
    return o?.do ? o : { do: "echo" };
  } catch {
    return { do: "echo" };
  }
}

async function answer(event) {
  const o = order(event);
  if (o.wait) await new Promise((resolve) => setTimeout(resolve, o.wait / 1e6));
  switch (o.do) {
    case "throw":
      return ["error", JSON.stringify({ errorMessage: o.text ?? "", errorType: o.type, trace: [] })];
    case "foul":
      return ["error", o.text ?? ""];
    case "answer":
      return ["response", o.text ?? ""];
    case "fill":
      return ["response", `"${"x".repeat(o.size - 2)}"`];
    case "crash":
      process.exit(3);
    case "hang":
      await new Promise(() => setInterval(() => {}, 1e6));
  }
  return ["response", event];
}

for (;;) {
  const next = await fetch(`${api}/next`);
  const [kind, body] = await answer(new Uint8Array(await next.arrayBuffer()));
  const told = await fetch(`${api}/${next.headers.get("lambda-runtime-aws-request-id")}/${kind}`, { method: "POST", body });
  await told.arrayBuffer();
}
