// The back end of the bank.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { SessiondError } from "@sessiond/client";
import { createChecker, expressSession } from "@sessiond/client/server";
import express from "express";
import { Accounts, Refused } from "./accounts.js";
import { createSessions } from "./sessions.js";

const url = process.env.SESSIOND_URL ?? "http://127.0.0.1:3000";
const key = process.env.SESSIOND_SERVICE_KEY;
const port = Number(process.env.PORT ?? 8080);
if (!key) throw new Error("SESSIOND_SERVICE_KEY is not set: run examples/bank/start.sh");

const accounts = new Accounts();
const sessions = createSessions({ url, key });
const checker = createChecker({ url, key });
const library = dirname(fileURLToPath(import.meta.resolve("@sessiond/client")));

const app = express();
app.disable("x-powered-by");
app.use((_request, response, next) => {
  const sources = `'self' ${new URL(url).origin} ${new URL(url).origin.replace("http", "ws")}`;
  response.set(
    "content-security-policy",
    `default-src 'self'; img-src data:; connect-src ${sources}; frame-ancestors 'none'`,
  );
  next();
});
app.use(express.static(`${import.meta.dirname}/public`));
app.use("/sessiond", express.static(library));
app.get("/config.json", (_request, response) => response.json({ sessiond: url }));
app.use("/api", express.json({ limit: "10kb" }));

/** What sessiond records about the device, and shows if it asks "Is this you?". */
const deviceOf = (request) => ({
  deviceId: text(request.body, "deviceId"),
  userAgent: request.get("user-agent"),
  ipAddress: request.socket.remoteAddress,
});

app.post("/api/register", async (request, response) => {
  const { body } = request;
  const account = await accounts.open({
    mobile: mobileOf(body),
    name: text(body, "name"),
    password: text(body, "password"),
  });
  try {
    response.status(201).json(await sessions.register(account, deviceOf(request)));
  } catch (problem) {
    accounts.remove(account);
    throw problem;
  }
});

app.post("/api/login", async (request, response) => {
  const { body } = request;
  const account = await accounts.authenticate({ mobile: mobileOf(body), password: text(body, "password") });
  response.json(await sessions.logIn(account, deviceOf(request)));
});

// Requests below here need the token of a valid session. `request.sessiond` names the user.
app.use("/api", expressSession(checker));

app.get("/api/account", (request, response) => {
  const { name, balance } = accounts.get(request.sessiond.mobile);
  response.json({ name, balance });
});

app.post("/api/transfers", (request, response) => {
  const { to, cents } = request.body ?? {};
  const { balance } = accounts.transfer(request.sessiond.mobile, { to: mobileOf({ mobile: to }), cents });
  response.status(201).json({ balance });
});

app.use((problem, _request, response, _next) => {
  const { status, message } = answerTo(problem);
  if (status >= 500) console.error(problem);
  response.status(status).json({ error: message });
});

/** The status and the text for the user. */
function answerTo(problem) {
  if (problem instanceof Refused) return problem;
  if (problem instanceof SessiondError) {
    const statuses = { INVALID_INPUT: 400, MOBILE_TAKEN: 409, FROZEN: 403, RATE_LIMITED: 429 };
    const status = statuses[problem.code] ?? 503;
    return { status, message: status === 503 ? "The bank cannot log you in now." : problem.message };
  }
  // The parser of JSON, for example for a body that is too long.
  if (problem.expose) return { status: problem.status, message: problem.message };
  return { status: 500, message: "Something went wrong." };
}

function text(body, name) {
  const value = body?.[name];
  if (typeof value === "string" && value.length > 0 && value.length <= 256) return value;
  throw new Refused(400, `${name} is missing.`);
}

/** One form of each number, so that sessiond and the bank write it in the same way. */
function mobileOf(body) {
  const mobile = text(body, "mobile").replace(/[\s().-]/g, "");
  if (/^\+?[1-9]\d{6,14}$/.test(mobile)) return mobile;
  throw new Refused(400, "The number must have 7 to 15 digits.");
}

const listener = app.listen(port, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${listener.address().port}`);
});
