/** Follows a job by server-sent events, through broken connections, until it has ended. */
import {Problem, request} from "./api.js";
import {ended} from "./words.js";

const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 15_000; // how late a page may notice that the gateway is back
const REFUSED = new Set([400, 401, 403, 404]); // asking again would change nothing

/** Does something until it is done or refused; pauses longer after each time that nobody answers. */
export async function again(action, onOutage, signal) {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      return await action();
    } catch (failure) {
      if (signal.aborted || (failure instanceof Problem && REFUSED.has(failure.status))) throw failure;
      onOutage(failure);
    }
    await pause(Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(failures, 10)), signal);
  }
  return null;
}

/**
 * Calls back with each event of a job.
 * `EventSource` can send no key, so the stream is read with `fetch`.
 */
export async function watch(id, after, {onEvent, onOutage, signal}) {
  let reached = after;
  const read = async () => {
    for await (const event of stream(id, reached, signal)) {
      if (!event) return true;
      reached = event.sequence || reached;
      onEvent(event);
      if (ended(event.job)) return true;
    }
    return false; // the connection ended, the job did not
  };
  while (!signal.aborted && !(await again(read, onOutage, signal))) await pause(PAUSE_MIN_MS, signal);
}

/** The events after a sequence number; null at the end of the job. */
async function* stream(id, after, signal) {
  const headers = {accept: "text/event-stream", "last-event-id": String(after)};
  const answer = await request(`/v1/jobs/${id}/events`, {headers, signal});
  for await (const message of messages(answer.body)) {
    const value = message.data && JSON.parse(message.data);
    if (message.event === "problem") throw new Problem(value.status, value);
    if (message.event === "end") yield null;
    else if (value) yield value;
  }
}

/** The messages of a stream of bytes in the format of server-sent events. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const parts = (text + piece.value).replaceAll("\r\n", "\n").split("\n\n");
      text = parts.pop();
      for (const part of parts) yield parsed(part);
    }
  } finally {
    await reader.cancel();
  }
}

function parsed(text) {
  const message = {event: "message", data: ""};
  for (const line of text.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "data") message.data += (message.data && "\n") + value;
    else if (name === "event") message.event = value;
  }
  return message;
}

const pause = (time_ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, time_ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      {once: true},
    );
  });
