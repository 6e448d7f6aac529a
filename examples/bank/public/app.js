// The page of the bank. It talks to the bank with the token of its session, and to sessiond for alerts.

import "/sessiond/element/index.js";
import { createClient, SessiondError } from "/sessiond/index.js";

const byId = (id) => document.getElementById(id);
const [enter, waiting, account, message] = ["enter", "waiting", "account", "message"].map(byId);

const { sessiond } = await (await fetch("/config.json")).json();
const client = createClient({
  url: sessiond,
  token: sessionStorage.getItem("token"),
  onToken: (token) => (token ? sessionStorage.setItem("token", token) : sessionStorage.removeItem("token")),
});
// It asks "Is this you?", and shows why the session ended.
document.querySelector("sessiond-alert").client = client;

/** A secret that this browser keeps, so that it is known at its next login. */
const deviceId = localStorage.getItem("device") ?? crypto.randomUUID();
localStorage.setItem("device", deviceId);

function show(section, text = "") {
  for (const other of [enter, waiting, account]) other.hidden = other !== section;
  message.textContent = text;
}

/** Sends a request to the bank. Without a valid session, the page returns to the login. */
async function bank(path, body) {
  const headers = { "content-type": "application/json" };
  if (client.token) headers.authorization = `Bearer ${client.token}`;
  const method = body ? "POST" : "GET";
  const response = await fetch(`/api/${path}`, { method, headers, body: body && JSON.stringify(body) });
  const result = await response.json();
  if (response.ok) return result;
  if (response.status === 401 && client.token) {
    client.setToken(null);
    show(enter);
    throw new Error("Your session has ended. Log in again.");
  }
  throw new Error(result.error);
}

async function showAccount() {
  const { name, balance } = await bank("account");
  account.querySelector("h2").textContent = name;
  showBalance(balance);
  show(account);
}

function showBalance(cents) {
  account.querySelector("output").textContent = `€${(cents / 100).toFixed(2)}`;
}

/** Waits for the decision of the other device, also after a reload. */
async function waitForApproval(number) {
  waiting.querySelector("output").textContent = number ?? "";
  show(waiting);
  const { approved, reason } = await client.waitForApproval();
  if (approved) return showAccount();
  client.setToken(null);
  show(enter, reason === "NOT_APPROVED" ? "The login was not approved." : "The login has ended.");
}

/** Runs an action of the user, and shows why it failed. */
const attempt = (action) => async (event) => {
  event.preventDefault();
  message.textContent = "";
  try {
    await action(event);
  } catch (problem) {
    message.textContent = problem.message;
  }
};

enter.addEventListener(
  "submit",
  attempt(async ({ submitter }) => {
    const { outcome, token, message, matchNumber } = await bank(submitter.value, {
      ...Object.fromEntries(new FormData(enter)),
      deviceId,
    });
    if (!token) throw new Error(message);
    client.setToken(token);
    enter.reset();
    await (outcome === "AWAITING_APPROVAL" ? waitForApproval(matchNumber) : showAccount());
  }),
);

account.querySelector("form").addEventListener(
  "submit",
  attempt(async ({ target }) => {
    const { to, cents } = Object.fromEntries(new FormData(target));
    const { balance } = await bank("transfers", { to, cents: Number(cents) });
    target.reset();
    showBalance(balance);
  }),
);

const leave = attempt(async () => {
  await client.logout();
  show(enter);
});
account.querySelector("button[type=button]").addEventListener("click", leave);
waiting.querySelector("button").addEventListener("click", leave);

/** The page was loaded again: the session may be active, waiting or over. */
async function resume() {
  const session = await client.currentSession();
  if (session?.status === "ACTIVE") return showAccount();
  if (session?.status === "PENDING") return waitForApproval(session.matchNumber);
  client.setToken(null);
  show(enter);
}

try {
  await (client.token ? resume() : show(enter));
} catch (problem) {
  const unreachable = problem instanceof SessiondError && problem.isTemporary;
  show(enter, unreachable ? "The bank cannot be reached now. Load the page again." : problem.message);
}
