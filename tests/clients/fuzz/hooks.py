"""Rules for Schemathesis about sessiond's responses. The README of tests/clients has the reasons."""

import json
import re

import graphql
import schemathesis

# The codes that schema.graphql documents for mistakes of the caller. UNAVAILABLE and INTERNAL are
# faults of the server.
CALLER_ERRORS = {
    "INVALID_INPUT",
    "INVALID_CREDENTIALS",
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "FROZEN",
    "MOBILE_TAKEN",
    "RATE_LIMITED",
}

# Parts of the messages for a valid operation that is rejected for its size. Schemathesis generates
# such nested lists once in thousands of operations.
LIMITS = ("too complex", "too deep")


@schemathesis.hook
def after_call(context, case, response):
    """Marks rejections as graphql-java does. Schemathesis accepts only its classes and Apollo's codes."""
    payload = json.loads(response.content)
    for error in payload.get("errors", []):
        if error.get("extensions", {}).get("code") in CALLER_ERRORS:
            error["extensions"]["classification"] = "ValidationError"
    response.content = json.dumps(payload).encode()


@schemathesis.check
def errors_are_documented(ctx, response, case):
    """Each error has a documented code, the fields of that code, and a message for a person."""
    is_valid = case.meta.generation.mode.is_positive
    for error in response.json().get("errors", []):
        extensions = error.get("extensions", {})
        code = extensions.get("code")
        if code == "BAD_REQUEST":
            is_too_large = any(limit in error["message"] for limit in LIMITS)
            assert not is_valid or is_too_large, f"a valid operation was rejected as invalid: {error}"
            assert response.status_code == 200 and "data" not in response.json(), error
        else:
            assert code in CALLER_ERRORS, f"the code is not documented for a rejection: {error}"
            assert error.get("path"), f"the error of a field has no path: {error}"
        assert (code == "INVALID_INPUT") == ("field" in extensions), error
        assert error["message"].endswith((".", '"')) or code == "BAD_REQUEST", error
        for rust in ("Error(", "Some(", "None", "::", "panicked", "unwrap"):
            assert rust not in error["message"], f"the message contains a Rust value: {error}"


@schemathesis.check
def data_has_the_shape_of_the_schema(ctx, response, case):
    """Each selected field is present with a value of its type, and only nullable fields are null.

    Another implementation of GraphQL executes the operation with the response as its data. The response does not
    conform if this execution fails or returns something else.
    """
    data = response.json().get("data")
    if data is None:
        return
    schema = case.operation.schema.client_schema
    schema.type_map["DateTime"].coerce_output_value = instant
    failures = []
    # The response names the type of a `Node` only if the operation selects `__typename`, so each
    # type is tried.
    for candidate in schema.get_possible_types(schema.type_map["Node"]):
        again = graphql.execute_sync(
            schema,
            graphql.parse(case.body),
            root_value=data,
            field_resolver=lambda source, info, **_: source[info.path.key],
            type_resolver=lambda value, *_: value.get("__typename", candidate.name),
        )
        if not again.errors and again.data == data:
            return
        failures.append(again.errors or f"returned {data} instead of {again.data}")
    raise AssertionError(f"the response does not conform to the schema: {failures}")


def instant(text):
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text):
        raise ValueError(f"not a DateTime: {text}")
    return text
