use async_graphql::{Request, Value};

use crate::access::Caller;

/// Makes a request ready to execute for `caller`.
///
/// A nullable variable that was left out becomes null, which means the same everywhere in this API: async-graphql
/// 8.0.0-rc.5 refuses one in an argument that an operation's complexity depends on, such as `first: $first`.
#[must_use]
pub fn prepare(mut request: Request, caller: Caller) -> Request {
    // What cannot be parsed is refused when it is executed.
    let definitions = request.parsed_query().ok().into_iter().flat_map(|document| {
        document.operations.iter().flat_map(|(_, operation)| &operation.node.variable_definitions)
    });
    let nullable = definitions
        .map(|definition| &definition.node)
        .filter(|variable| variable.var_type.node.nullable && variable.default_value.is_none())
        .map(|variable| variable.name.node.clone())
        .collect::<Vec<_>>();
    for name in nullable {
        request.variables.entry(name).or_insert(Value::Null);
    }
    request.data(caller)
}
