/** All sessions, the newest first, and where a new one begins. */
import * as api from "../api.js";
import {ago, count, remaining} from "../format.js";
import {classes, html, useEffect, useRef, useState} from "../html.js";
import {useFile, useJobs} from "../live.js";
import {Drop} from "../parts/drop.js";
import {State} from "../parts/state.js";
import {ended} from "../words.js";

const NOTHING = "Nothing yet: the first video makes the first session.";
const STRIP = 4; // pictures that a card shows
const FILTERS = [
  ["All", []],
  ["Running", ["STATE_PENDING", "STATE_RUNNING"]],
  ["Done", ["STATE_SUCCEEDED", "STATE_PARTIAL"]],
  ["Failed", ["STATE_FAILED", "STATE_CANCELLED"]],
];

/** The first view. */
export function Sessions() {
  const [filter, setFilter] = useState(0);
  const {jobs, more, failure} = useJobs(FILTERS[filter][1]);
  useEffect(() => {
    document.title = "reelsmith";
  }, []);
  return html`<div class="page">
    <${Drop} />
    <section aria-labelledby="sessions-title">
      <header class="row between"><h2 id="sessions-title">Sessions</h2>
        <div class="segments" role="group" aria-label="Which sessions">
          ${FILTERS.map(([name], index) => html`<button type="button" key=${name} aria-pressed=${index === filter}
              onClick=${() => setFilter(index)}>${name}</button>`)}
        </div>
      </header>
      ${failure && !jobs && html`<p class="failure">${failure.message}</p>`}
      ${jobs && !jobs.length && html`<p class="empty">${filter ? "None." : NOTHING}</p>`}
      <ul class="sessions"
          aria-busy=${!jobs}>${(jobs || []).map((job) => html`<${Card} key=${job.id} job=${job} />`)}</ul>
      ${more && html`<p class="center"><button type="button" class="button" onClick=${more}>Show older ones</button></p>`}
    </section>
  </div>`;
}

function Card({job}) {
  const card = useRef();
  const clips = useClips(card, job);
  const name = job.spec?.title || job.spec?.sourceUri;
  const facts = [clips?.length && count(clips.length, "clip"), ago(job.createTime)].filter(Boolean);
  return html`<li class="card session" ref=${card}>
    <div class=${classes("strip", !clips?.length && "bare")} aria-hidden="true">
      ${(clips || []).slice(0, STRIP).map((clip) => html`<${Still} key=${clip.rank} id=${job.id} clip=${clip} />`)}
    </div>
    <div class="row between"><h3><a href=${`#/sessions/${job.id}`}>${name}</a></h3><${State} state=${job.state} /></div>
    <p class="soft">${facts.join(" · ")}</p>
    ${
      !ended(job) &&
      html`<progress max="1" value=${job.fraction || 0} aria-label=${`Progress of ${name}`}></progress>
      <p class="soft">${Math.round((job.fraction || 0) * 100)} %${job.eta ? ` · ${remaining(job)}` : ""}</p>`
    }
  </li>`;
}

function Still({id, clip}) {
  const url = useFile(id, clip.thumbnail);
  return html`<div class="still">${url && html`<img src=${url} alt="" decoding="async" />`}</div>`;
}

/** The clips of a job whose card is near the visible part of the page. */
function useClips(card, job) {
  const [clips, setClips] = useState(null);
  const state = ended(job) ? job.state : "";
  useEffect(() => {
    const stop = new AbortController();
    const watcher = new IntersectionObserver(
      ([entry]) => {
        if (!entry.isIntersecting) return;
        watcher.disconnect();
        api.clips(job.id, stop.signal).then(
          (answer) => setClips(answer.clips || []),
          () => setClips([]),
        );
      },
      {rootMargin: "300px"},
    );
    watcher.observe(card.current);
    return () => {
      watcher.disconnect();
      stop.abort();
    };
  }, [job.id, state]);
  return clips;
}
