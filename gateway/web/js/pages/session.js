/** One session: its progress, the timeline of its source, its clips. */
import * as api from "../api.js";
import {ago, between, clock, count, length} from "../format.js";
import {classes, html, useCallback, useEffect, useMemo, useRef, useState} from "../html.js";
import * as key from "../key.js";
import {download, useDocument, useFile, useJob} from "../live.js";
import {attempt, say} from "../notes.js";
import {Bar, changed, changes, given} from "../parts/adjust.js";
import {Clip} from "../parts/clip.js";
import {Confirm} from "../parts/confirm.js";
import {Files, saved} from "../parts/files.js";
import {Icon} from "../parts/icon.js";
import {Progress} from "../parts/progress.js";
import {State} from "../parts/state.js";
import {signal} from "../signal.js";
import {model} from "../timeline/model.js";
import {Timeline} from "../timeline/timeline.js";
import {origin, useVersions} from "../versions.js";
import {ended, failure as told, stepState} from "../words.js";

const ASIDE_PX = 90; // of the list that is left to be seen before the chosen clip

const artifact = (job, role) => job?.artifacts?.find((item) => item.role === role);

/** @param rank The clip that the address names; the best one where it names none. */
export function Session({id, rank}) {
  const {job, failure, outage, reload} = useJob(id);
  useEffect(() => {
    document.title = job ? `${job.spec.title} · reelsmith` : "reelsmith";
  }, [job?.spec.title]);
  if (failure && !job)
    return html`<section class="page"><h1>This session is not here</h1><p class="failure">${failure.message}</p><p><a
        href="#/">All sessions</a></p></section>`;
  if (!job) return html`<section class="page" aria-busy="true"><p class="soft">Loading</p></section>`;
  const failed = job.state !== "STATE_CANCELLED";
  const whole = ended(job) && !job.error?.message;
  return html`<div class="page">
    <${Head} job=${job} onChange=${reload} />
    ${job.error?.message && html`<p class=${classes("card", failed && "failure")}>${told(job.error)}</p>`}
    ${!whole && html`<${Progress} job=${job} outage=${outage} />`}
    <${Clips} job=${job} rank=${rank} />
    ${
      job.artifacts?.length > 0 &&
      html`<details class="card more"><summary>All files of the session</summary>
      <${Files} id=${job.id} title=${job.spec.title} artifacts=${job.artifacts} /></details>`
    }
  </div>`;
}

function Head({job, onChange}) {
  const [asking, setAsking] = useState("");
  const done = async (action, words) => {
    setAsking("");
    if (await attempt(action)) say(words);
    onChange();
  };
  const remove = async () => {
    setAsking("");
    if (await attempt(() => api.remove(job.id))) {
      say("The session is gone.");
      location.hash = "#/";
    }
  };
  const retry = () => done(() => api.retry(job.id), "What failed runs again.");
  const cancel = () => done(() => api.cancel(job.id), "The job is cancelled.");
  const over = ended(job);
  const from = origin(job);
  const took = between(job.startTime, job.endTime);
  const facts = [
    ago(job.createTime),
    took && `took ${length(took)}`,
    job.clips?.length && count(job.clips.length, "clip"),
  ].filter(Boolean);
  const report = artifact(job, "ARTIFACT_ROLE_REPORT");
  const again = over && job.state !== "STATE_SUCCEEDED";
  return html`<header class="title">
    <a class="back" href="#/"><${Icon} name="back" />Sessions</a>
    <div class="row between">
      <div><h1>${job.spec.title}</h1>
        <p class="soft"><${State} state=${job.state} /> ${facts.join(" · ")}
          ${from && html` · <a href=${`#/sessions/${from.id}/clips/${from.rank}`}>
            clip ${from.rank} of another session, again</a>`}</p></div>
      <div class="actions">
        ${report && html`<${Report} id=${job.id} title=${job.spec.title} artifact=${report} />`}
        ${again && html`<button type="button" class="button" onClick=${retry}><${Icon} name="again" />Retry</button>`}
        ${
          over
            ? html`<button type="button" class="button danger" onClick=${() => setAsking("delete")}><${Icon}
                name="bin" />Delete</button>`
            : html`<button type="button" class="button danger" onClick=${() => setAsking("cancel")}><${Icon}
                name="stop" />Cancel</button>`
        }
      </div>
    </div>
    ${
      asking === "delete" &&
      html`<${Confirm} title="Delete this session?"
          text="Its clips, pictures and all that was measured are gone for good. The source stays where it is."
      action="Delete" onYes=${remove} onNo=${() => setAsking("")} />`
    }
    ${
      asking === "cancel" &&
      html`<${Confirm} title="Cancel this job?"
          text="What runs is stopped. Clips that are finished stay, and it can be taken up again."
      action="Cancel the job" onYes=${cancel} onNo=${() => setAsking("")} />`
    }
  </header>`;
}

/** With a key the report is saved: it cannot be opened in a tab, which sends none. */
function Report({id, title, artifact: file}) {
  const words = html`<${Icon} name="page" />Report`;
  if (!key.get())
    return html`<a class="button" href=${api.fileUrl(id, file.path)} target="_blank" rel="noopener">${words}</a>`;
  return html`<button type="button" class="button"
      onClick=${() => attempt(() => download(id, file, saved(title, file.path)))}>${words}</button>`;
}

function Clips({job, rank}) {
  const {value: analysis} = useDocument(job.id, artifact(job, "ARTIFACT_ROLE_ANALYSIS"));
  const {value: proposals} = useDocument(job.id, artifact(job, "ARTIFACT_ROLE_PROPOSALS"));
  const clips = job.clips || [];
  const [tab, setTab] = useState("why");
  const {draftOf, change, reset} = useDrafts(job);
  const playing = useMemo(() => signal(null), []);
  const axis = clips.map((clip) => clip.time?.endS).join();
  const timeline = useMemo(() => model(analysis, clips), [analysis, axis]);
  const chosen = clips.find((clip) => clip.rank === rank) || clips[0];
  const again = useAgain(job, chosen, chosen && draftOf(chosen));
  const ranges = new Map(clips.map((clip) => [clip.rank, range(job, clip, draftOf(clip))]));
  const choose = useCallback(
    (wanted) => {
      history.replaceState(null, "", `#/sessions/${job.id}/clips/${wanted}`);
      dispatchEvent(new Event("hashchange"));
    },
    [job.id],
  );
  const edit = (wanted, edges) => {
    change(
      clips.find((clip) => clip.rank === wanted),
      edges,
    );
    choose(wanted);
    setTab("adjust");
  };
  if (!analysis && !clips.length) return null;
  return html`
    <${Timeline} timeline=${timeline} clips=${clips} ranges=${ranges} chosen=${chosen?.rank} playing=${playing}
        onChoose=${choose} onEdit=${edit} />
    ${
      chosen &&
      html`<div class="work">
      <${List} job=${job} clips=${clips} chosen=${chosen.rank} onChoose=${choose} />
      <${Clip} key=${chosen.rank} job=${job} clip=${chosen} draft=${draftOf(chosen)}
          terms=${terms(proposals, chosen.rank)} ...${{timeline, playing, tab}}
        versions=${again.versions} shown=${again.shown} onShow=${again.show}
        onTab=${setTab} onDraft=${(values) => change(chosen, values)} />
    </div>`
    }
    ${
      chosen &&
      again.news &&
      html`<${Bar} clip=${chosen} words=${ranges.get(chosen.rank).changed} busy=${again.busy}
          onReset=${() => reset(chosen)} onRender=${again.render} />`
    }`;
}

/** What was changed of each clip and is not rendered yet. */
function useDrafts(job) {
  const [drafts, setDrafts] = useState(new Map());
  const draftOf = (clip) => drafts.get(clip.rank) || given(job, clip);
  const change = (clip, values) =>
    setDrafts((before) => new Map(before).set(clip.rank, {...(before.get(clip.rank) || given(job, clip)), ...values}));
  const reset = (clip) =>
    setDrafts((before) => {
      const after = new Map(before);
      after.delete(clip.rank);
      return after;
    });
  return {draftOf, change, reset};
}

/** Renders a clip again; knows its versions, which of them is shown, and whether there is news to render. */
function useAgain(job, clip, draft) {
  const [versions, add] = useVersions(job.id, clip?.rank);
  const [shown, show] = useState(null);
  const [busy, setBusy] = useState(false);
  const [sent, setSent] = useState("{}");
  const wanted = clip ? changes(job, clip, draft) : {};
  const requestId = useRef(api.freshId());
  useEffect(() => {
    show(null);
    setSent("{}");
  }, [clip?.rank]);
  useEffect(() => {
    requestId.current = api.freshId(); // other wishes are another job
  }, [clip?.rank, JSON.stringify(wanted)]);
  const render = async () => {
    setBusy(true);
    await attempt(async () => {
      const made = await api.rerender(job.id, clip.rank, wanted, requestId.current).catch((failure) => {
        if (api.refused(failure)) requestId.current = api.freshId();
        throw failure;
      });
      requestId.current = api.freshId();
      setSent(JSON.stringify(wanted));
      add(made);
      show(made.id);
      say(`Clip ${clip.rank} is rendered again.`);
    });
    setBusy(false);
  };
  const news = ![sent, "{}"].includes(JSON.stringify(wanted));
  return {versions, shown, show, busy, render, news};
}

const range = (job, clip, draft) => ({start: draft.start, end: draft.end, changed: changed(job, clip, draft)});
const terms = (proposals, rank) => proposals?.proposals?.find((item) => item.rank === rank)?.terms;

function List({job, clips, chosen, onChoose}) {
  const list = useRef();
  useEffect(() => {
    const entry = list.current.querySelector("[aria-current]");
    list.current.scrollTo({left: entry.offsetLeft - ASIDE_PX, top: entry.offsetTop - ASIDE_PX}); // never the page
  }, [chosen]);
  return html`<nav class="clips" aria-label="Clips"><ol ref=${list} tabindex="-1">
    ${clips.map((clip) => html`<li key=${clip.rank}>
      <${Entry} id=${job.id} clip=${clip} current=${clip.rank === chosen} onChoose=${onChoose} /></li>`)}
  </ol></nav>`;
}

function Entry({id, clip, current, onChoose}) {
  const still = useFile(id, clip.thumbnail);
  const {startS = 0, endS = 0} = clip.time || {};
  const state = stepState(clip.state);
  const picture = html`<img src=${still} alt="" loading="lazy" decoding="async" />`;
  return html`<button type="button" class="entry" aria-current=${current ? "true" : undefined}
      onClick=${() => onChoose(clip.rank)}>
    <span class="still">${still ? picture : html`<span class=${`dot ${state}`}></span>`}</span>
    <span class="words"><b>Clip ${clip.rank}</b><span class="soft">${clock(startS)} · ${length(endS - startS)}</span>
      ${state !== "succeeded" && html`<span class=${`soft ${state}`}>${state}</span>`}</span>
    ${clip.score != null && html`<span class="number"><span class="hidden">score </span>${clip.score.toFixed(2)}</span>`}
  </button>`;
}
