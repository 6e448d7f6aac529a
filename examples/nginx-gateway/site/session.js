// The requests to sessiond, which nginx has under /graphql of this site.

/** Sends an operation with the session's cookie, if there is one, and returns its data. */
export async function execute(query, variables) {
  const headers = { "content-type": "application/json" };
  const response = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors[0].message);
  return data;
}
