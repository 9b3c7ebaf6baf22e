"""A function for awslambdaric."""

import os
import time


class NotYou(Exception):
    pass


def handler(event, context):
    match event["request"].get("do"):
        case "throw":
            raise NotYou("Not you")
        case "crash":
            os._exit(3)
        case "hang":
            time.sleep(3600)
        case "type":
            return {"a": object()}
    event["response"] = {"name": context.function_name, "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis()}
    return event
