// An app that uses every entry of the package. It is only type-checked.

import {
  type Alert,
  createClient,
  type ErrorCode,
  type Session,
  SessiondError,
  type SessionEvent,
} from "@sessiond/client";
import type { SessiondAlert } from "@sessiond/client/element";
import { SessiondProvider, useAlert, useLoginQuestion, useSession } from "@sessiond/client/react";
import type { CheckedSession } from "@sessiond/client/server";
import { createChecker, expressSession, fastifySession, honoSession, type WithSession } from "@sessiond/client/server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import WebSocket from "ws";

export const client = createClient({ url: "https://sessions.example.com", webSocketImpl: WebSocket });

export async function logIn(): Promise<Session | null> {
  try {
    const result = await client.login({ mobile: "+491512345678", username: "Ada", onConflict: "ASK" });
    if (result.outcome !== "AWAITING_APPROVAL") return result.session;
    const approval = await client.waitForApproval();
    if (approval.approved) return approval.session;
    const reason: string = approval.reason;
    throw new Error(reason);
  } catch (problem) {
    if (problem instanceof SessiondError) {
      const code: ErrorCode = problem.code;
      if (code === "RATE_LIMITED") console.log(problem.retryAfterSeconds?.toFixed());
    }
    throw problem;
  }
}

// @ts-expect-error: the policy is misspelled.
client.login({ mobile: "+491512345678", username: "Ada", onConflict: "ASKS" });
// @ts-expect-error: the name is missing.
client.login({ mobile: "+491512345678" });

export const show = ({ kind, attempt }: Alert) =>
  `${kind} ${attempt?.device.label ?? ""} ${attempt?.matchChoices?.[0]}`;

function Question() {
  const { question, decide } = useLoginQuestion();
  const { session, connection } = useSession();
  useAlert(({ message }) => console.log(message));
  if (!question) return <p>{connection.state === "waiting" ? connection.retryInMs : session?.device.label}</p>;
  return (
    <button type="button" onClick={() => void decide("DENY")}>
      {question.message}
    </button>
  );
}

export const app = (
  <SessiondProvider client={client}>
    <Question />
  </SessiondProvider>
);

export function connect(element: SessiondAlert) {
  element.client = client;
  element.texts = { ...element.texts, title: "Bist du das?" };
  const found: SessiondAlert | null = document.querySelector("sessiond-alert");
  return found;
}

interface NumberedAlert {
  id: string;
  sequence: number;
}

export const listening = client.listen<NumberedAlert>({
  query: "subscription($after: ID) { sessionAlerts(after: $after) { id sequence } }",
  onAlert: ({ sequence }) => console.log(sequence.toFixed()),
});
export const following = client.follow({
  onEvent: ({ kind, sessionKey }: SessionEvent) => console.log(kind, sessionKey),
  onEnded: ({ code, response }) => console.log(code, response?.errors?.length),
});

const checker = createChecker({ url: "http://127.0.0.1:3000", key: "key", maxStaleness: 5_000 });
export const verdict = checker.authenticate({ method: "POST", header: (name) => new Headers().get(name) });
export const withExpress = express().use(expressSession(checker));
withExpress.get("/", (request, response) => {
  response.json((request as typeof request & WithSession).sessiond.sessionKey);
});
export const withFastify = fastify();
withFastify.addHook("onRequest", fastifySession(checker));
export const withHono = new Hono<{ Variables: { sessiond: CheckedSession } }>().use(honoSession(checker));
withHono.get("/", (context) => context.text(context.get("sessiond").username));
