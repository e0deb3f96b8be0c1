/** How the suite is: its instances and its queue. */
import {bare, duration} from "../format.js";
import {html, useEffect} from "../html.js";
import {useStatus} from "../live.js";
import {jobState} from "../words.js";

const PAUSE_MS = 3000;
const INSTANCES = {serving: "good", not_serving: "warm", unreachable: "bad"};

export function Suite() {
  const {status, failure} = useStatus(PAUSE_MS);
  useEffect(() => {
    document.title = "Suite · reelsmith";
  }, []);
  return html`<div class="page">
    <header class="title"><h1>Suite</h1>
      ${
        status &&
        html`<p class="soft"><span
            class=${`state ${status.serving ? "good" : "warm"}`}>${status.serving ? "serving" : "not whole"}</span>
        version ${status.version} · instances found by ${status.discovery}</p>`
      }</header>
    ${failure && html`<p class="failure card">${failure.message}</p>`}
    ${
      status &&
      html`<${Queue} queue=${status.queue} />
      <div class="services">
        ${status.services.map((service) => html`<${Service} key=${service.name} service=${service} />`)}</div>`
    }
  </div>`;
}

function Queue({queue}) {
  if (!queue) return html`<p class="failure card">The job manager does not answer.</p>`;
  const waited = duration(queue.oldestReadyAge);
  const facts = [
    ["steps run", queue.runningSteps || 0],
    ["steps are ready", queue.readySteps || 0],
    ["oldest waits", waited ? `${waited.toFixed(0)} s` : "–"],
    ["jobs at most", Number(queue.jobLimit || 0).toLocaleString("en")],
  ];
  return html`<section class="card queue" aria-labelledby="queue-title"><h2 id="queue-title">Queue</h2>
    <dl class="facts">${[
      ...facts,
      ...(queue.jobs || []).map((item) => [`jobs ${jobState(item.state)}`, item.count]),
    ].map(
      ([name, value]) => html`<div key=${name}><dd class="big">${value}</dd><dt class="soft">${name}</dt></div>`,
    )}</dl></section>`;
}

function Service({service}) {
  const instances = service.instances || [];
  return html`<section class="card service" aria-label=${service.name}><h2>${service.name}</h2>
    ${!instances.length && html`<p class="failure">No instance.</p>`}
    <ul>${instances.map((item) => html`<${Instance} key=${item.id} item=${item} />`)}</ul></section>`;
}

function Instance({item}) {
  const state = bare(item.state, "STATE");
  const {workers = 0, busyWorkers = 0, queuedCalls = 0} = item.capacity || {};
  const latency = duration(item.latency);
  return html`<li class="instance">
    <p class="row between"><span class=${`state ${INSTANCES[state] || ""}`}>${state.replace("_", " ")}</span>
      <span class="soft">${item.version}${latency ? ` · ${Math.round(latency * 1000)} ms` : ""}</span></p>
    <p class="mono">${item.address}</p>
    ${
      workers > 0 &&
      html`<span class="meter" role="img" aria-label=${`${busyWorkers} of ${workers} workers busy`}><i
          style=${{width: `${(busyWorkers / workers) * 100}%`}}></i></span>
      <p class="soft">${busyWorkers} of ${workers} workers busy${queuedCalls ? `, ${queuedCalls} calls wait` : ""}</p>`
    }
    ${item.detail && html`<p class="failure">${item.detail}</p>`}
  </li>`;
}
