/** How far a job has come: the whole, and each of its steps. */
import {duration, left} from "../format.js";
import {html} from "../html.js";
import {step, stepState} from "../words.js";

/** Shown while a job runs, and for what went wrong after it. */
export function Progress({job, outage}) {
  const share = job.fraction || 0;
  const running = (job.steps || []).filter((item) => item.state === "STATE_RUNNING");
  const doing = running.map((item) => step(item).toLowerCase()).join(", ");
  return html`<section class="card progress" aria-label="Progress">
    <div class="row between"><p class="big">${Math.round(share * 100)}<small> %</small></p>
      <p class="soft">${outage ? "The gateway does not answer; this page goes on asking." : left(duration(job.eta))}</p></div>
    <progress max="1" value=${share} aria-label="Whole job"></progress>
    <p class="hidden" role="status">${doing}</p>
    <ol class="steps">${(job.steps || []).map((item) => html`<${Step} key=${item.name} item=${item} />`)}</ol>
  </section>`;
}

function Step({item}) {
  const state = stepState(item.state);
  const share = state === "succeeded" ? 1 : item.progress?.fraction || 0;
  const detail = state === "running" && [item.progress?.stage, pace(item.progress)].filter(Boolean).join(", ");
  const again = item.attempts > 1 ? `, try ${item.attempts}` : "";
  return html`<li class=${`step ${state}`}>
    <span class="name">${step(item)}</span>
    <span class="meter" aria-hidden="true"><i style=${{width: `${share * 100}%`}}></i></span>
    <span class="soft">${detail || state}${again}</span>
    ${item.error?.message && state !== "succeeded" && html`<span class="failure">${item.error.message}</span>`}
  </li>`;
}

const pace = (progress) => (progress?.framesPerSecond >= 1 ? `${Math.round(progress.framesPerSecond)} frames/s` : "");
