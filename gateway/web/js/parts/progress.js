/** How far a job has come: the whole, and each of its steps. */
import {count, remaining} from "../format.js";
import {html} from "../html.js";
import {step, stepState} from "../words.js";

const EXPORTS_MAX = 6; // clips that are told one by one; more of them share a line
const OUTAGE = "The gateway does not answer; this page goes on asking.";
const WORDS = {succeeded: "done", pending: "waits", ready: "waits for a worker", skipped: "not needed"};

/** Shown while a job runs, and for what went wrong after it. */
export function Progress({job, outage}) {
  const share = job.fraction || 0;
  const steps = job.steps || [];
  const doing = steps
    .filter((item) => item.state === "STATE_RUNNING")
    .map((item) => step(item).toLowerCase())
    .join(", ");
  return html`<section class="card progress" aria-label="Progress">
    <div class="row between"><p class="big">${Math.round(share * 100)}<small> %</small></p>
      <p class="soft">${outage ? OUTAGE : remaining(job)}</p></div>
    <progress max="1" value=${share} aria-label="Whole job"></progress>
    <p class="hidden" role="status">${doing}</p>
    <ol class="steps">
      ${lines(steps).map((line) => html`<${Line} key=${line.name} ...${line} said=${job.error?.message} />`)}</ol>
  </section>`;
}

/** One line per step; many exports share one, beside those that failed. */
function lines(steps) {
  const exports = steps.filter((item) => item.kind === "KIND_EXPORT");
  if (exports.length <= EXPORTS_MAX) return steps.map(line);
  const at = steps.indexOf(exports[0]);
  const others = (part) => part.filter((item) => item.kind !== "KIND_EXPORT" || item.error?.message).map(line);
  return [...others(steps.slice(0, at)), together(exports), ...others(steps.slice(at))];
}

function line(item) {
  const state = stepState(item.state);
  const told = state === "running" && [item.progress?.stage, pace(item.progress)].filter(Boolean).join(", ");
  return {
    name: step(item),
    state,
    share: done(item),
    error: state === "succeeded" ? "" : item.error?.message,
    detail: `${told || WORDS[state] || state}${item.attempts > 1 ? `, try ${item.attempts}` : ""}`,
  };
}

function together(exports) {
  const of = (state) => exports.filter((item) => stepState(item.state) === state).length;
  const running = of("running");
  return {
    name: `Render ${count(exports.length, "clip")}`,
    state: running ? "running" : of("succeeded") === exports.length ? "succeeded" : "pending",
    share: exports.reduce((sum, item) => sum + done(item), 0) / exports.length,
    detail: `${of("succeeded")} done, ${running} run`,
  };
}

const done = (item) => (item.state === "STATE_SUCCEEDED" ? 1 : item.progress?.fraction || 0);
const pace = (progress) => (progress?.framesPerSecond >= 1 ? `${Math.round(progress.framesPerSecond)} frames/s` : "");

function Line({name, state, share, detail, error, said}) {
  return html`<li class=${`step ${state}`}>
    <span class="name">${name}</span>
    <span class="meter" aria-hidden="true"><i style=${{width: `${share * 100}%`}}></i></span>
    <span class="soft">${detail}</span>
    ${error && error !== said && html`<span class="failure">${error}</span>`}
  </li>`;
}
