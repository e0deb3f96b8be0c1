/** Calls the gateway's HTTP/JSON side. */
import * as key from "./key.js";

/** What the gateway refused, as RFC 9457 says it. */
export class Problem extends Error {
  constructor(status, body) {
    const fields = (body.fieldViolations || []).map((item) => `${item.field}: ${item.description}`);
    super([body.detail || body.title || `The gateway answered ${status}.`, ...fields].join("; "));
    Object.assign(this, {status, code: body.code || "", reason: body.reason || ""});
  }
}

/** Whether a call was refused; else it may have been taken, and the same id asks for the same job once more. */
export const refused = (failure) => failure instanceof Problem && failure.status < 500;

/** Fetches with the visitor's key; a refusal becomes a `Problem`. */
export async function request(path, {headers = {}, ...options} = {}) {
  const answer = await fetch(path, {...options, headers: {...key.header(), ...headers}});
  if (answer.ok) return answer;
  const problem = new Problem(answer.status, await said(answer));
  if (answer.status === 401) key.wanted();
  throw problem;
}

async function said(answer) {
  const json = /json/.test(answer.headers.get("content-type") || "");
  return json ? answer.json() : {detail: (await answer.text()).slice(0, 500)};
}

async function call(path, {body, ...options} = {}) {
  const sent = body && {body: JSON.stringify(body), headers: {"content-type": "application/json"}};
  return (await request(path, {...options, ...sent})).json();
}

function query(values) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    for (const item of [value].flat()) if (item) search.append(name, item);
  return search.size ? `?${search}` : "";
}

/** A fresh request id: the same one gives the same job, so a call that broke may be made again. */
export const freshId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export const job = (id, signal) => call(`/v1/jobs/${id}`, {signal});
export const jobs = (wanted, signal) => call(`/v1/jobs${query(wanted)}`, {signal});
export const clips = (id, signal) => call(`/v1/jobs/${id}/clips`, {signal});
export const status = (signal) => call("/v1/status", {signal});
export const config = (service, signal) => call(`/v1/config${query({service})}`, {signal});
export const cancel = (id) =>
  call(`/v1/jobs/${id}:cancel`, {method: "POST", body: {reason: "cancelled on the web page"}});
export const retry = (id) => call(`/v1/jobs/${id}:retry`, {method: "POST", body: {}});
export const remove = (id) => request(`/v1/sessions/${id}`, {method: "DELETE"});

/** Starts a job. */
export const create = (spec, requestId) => call("/v1/jobs", {method: "POST", body: {spec, requestId}});

/** Renders one clip again with what was changed, as a job of its own. */
export const rerender = (id, rank, changes, requestId) =>
  call(`/v1/jobs/${id}/clips/${rank}:render`, {method: "POST", body: {...changes, requestId}});

/** Where a finished file of a session is. */
export const fileUrl = (id, path) => `/v1/sessions/${id}/files/${path.split("/").map(encodeURIComponent).join("/")}`;

/** A JSON document of a session. */
export const json = async (id, path, signal) => (await request(fileUrl(id, path), {signal})).json();
