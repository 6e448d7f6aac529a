"""What sessiond's answers mean, for Schemathesis. The README beside this folder says why."""

import json
import re

import graphql
import schemathesis

# The codes that schema.graphql documents for a caller's own mistake. UNAVAILABLE and INTERNAL are the server's.
REFUSALS = {
    "INVALID_INPUT",
    "INVALID_CREDENTIALS",
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "MOBILE_TAKEN",
    "RATE_LIMITED",
}

# A valid operation that is refused for its size: lists in lists, which Schemathesis makes up once in thousands.
LIMITS = ("too complex", "too deep")


@schemathesis.hook
def after_call(context, case, response):
    """Schemathesis knows a refusal by Apollo's codes or graphql-java's classes only: it is told in their words."""
    payload = json.loads(response.content)
    for error in payload.get("errors", []):
        if error.get("extensions", {}).get("code") in REFUSALS:
            error["extensions"]["classification"] = "ValidationError"
    response.content = json.dumps(payload).encode()


@schemathesis.check
def errors_are_documented(ctx, response, case):
    """Every error has a code that the schema documents, with what belongs to it, and a message for a person."""
    is_valid = case.meta.generation.mode.is_positive
    for error in response.json().get("errors", []):
        extensions = error.get("extensions", {})
        code = extensions.get("code")
        if code == "BAD_REQUEST":
            is_too_large = any(limit in error["message"] for limit in LIMITS)
            assert not is_valid or is_too_large, f"a valid operation is taken for an invalid one: {error}"
            assert response.status_code == 200 and "data" not in response.json(), error
        else:
            assert code in REFUSALS, f"no code for a refusal: {error}"
            assert error.get("path"), f"a field's error does not name the field: {error}"
        assert (code == "INVALID_INPUT") == ("field" in extensions), error
        assert error["message"].endswith((".", '"')) or code == "BAD_REQUEST", error
        for rust in ("Error(", "Some(", "None", "::", "panicked", "unwrap"):
            assert rust not in error["message"], f"the text of a Rust value: {error}"


@schemathesis.check
def data_has_the_shape_of_the_schema(ctx, response, case):
    """Each field that was asked for is there, with a value of its type, and only what may be null is null.

    The operation is executed over the answer itself, by another implementation of GraphQL: what that complains of,
    or answers otherwise, does not conform.
    """
    data = response.json().get("data")
    if data is None:
        return
    schema = case.operation.schema.client_schema
    schema.type_map["DateTime"].coerce_output_value = instant
    complaints = []
    # What an object behind an interface is, the answer says only where it was asked.
    for guess in schema.get_possible_types(schema.type_map["Node"]):
        again = graphql.execute_sync(
            schema,
            graphql.parse(case.body),
            root_value=data,
            field_resolver=lambda source, info, **_: source[info.path.key],
            type_resolver=lambda value, *_: value.get("__typename", guess.name),
        )
        if not again.errors and again.data == data:
            return
        complaints.append(again.errors or f"answered {data}, which should be {again.data}")
    raise AssertionError(f"not what the schema says: {complaints}")


def instant(text):
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text):
        raise ValueError(f"no DateTime: {text}")
    return text
