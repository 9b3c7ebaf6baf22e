// A function for aws-lambda-ric.
class NotYou extends Error {
  name = "NotYou";
}

exports.handler = async (event, context) => {
  switch (event.request.do) {
    case "throw":
      throw new NotYou("Not you");
    case "crash":
      process.exit(3);
    case "hang":
      await new Promise(() => setInterval(() => {}, 1e6));
    case "type":
      return { a: 1n };
  }
  event.response = { name: context.functionName, arn: context.invokedFunctionArn, left: context.getRemainingTimeInMillis() };
  return event;
};
