/** One clip: its player and versions, why it was chosen, what can be changed, what can be saved. */
import {clock, length} from "../format.js";
import {html} from "../html.js";
import {download, useDocument, useJob} from "../live.js";
import {attempt} from "../notes.js";
import {within} from "../timeline/model.js";
import {ended, failure, jobState} from "../words.js";
import {Adjust} from "./adjust.js";
import {Checks} from "./checks.js";
import {Files, ofClip, saved} from "./files.js";
import {Icon} from "./icon.js";
import {Blank, Player} from "./player.js";
import {Score} from "./score.js";
import {Tabs} from "./tabs.js";

const TABS = [
  ["why", "Why this clip"],
  ["adjust", "Adjust"],
  ["files", "Files"],
];

/**
 * @param terms The measured terms of its proposal.
 * @param versions Jobs that rendered it again.
 * @param shown The identifier of the version that is shown; null for the clip as it was proposed.
 */
export function Clip({job, clip, draft, terms, timeline, playing, versions, shown, onShow, tab, onTab, onDraft}) {
  const {job: found, failure: lost} = useJob(shown);
  const version = found?.id === shown ? found : null;
  const [owner, current] = version?.clips?.[0] ? [version, version.clips[0]] : [job, clip];
  const spoken = within(timeline.cues, draft.start, draft.end)
    .map((cue) => cue.text.replace(/\s+/g, " "))
    .join(" ");
  const {startS = 0, endS = 0} = current.time || {};
  const save = () =>
    attempt(() => download(owner.id, current.video, saved(job.spec.title, current.video.path)));
  const name = `Clip ${clip.rank}${shown ? `, version ${number(versions, shown)}` : ""}`;
  return html`<article class="clip card" aria-labelledby="clip-title">
    <div class="screen-side">
      <${Versions} versions=${versions} shown=${shown} onShow=${onShow} />
      ${
        shown && !(version && ended(version))
          ? html`<${Blank} share=${version?.fraction || 0} words=${version ? jobState(version.state) : lost?.message} />`
          : html`<${Player} id=${owner.id} clip=${current}
              step=${owner.steps?.find((item) => item.name === current.step)} label=${name}
              start=${current.time?.startS || 0} playing=${playing} />`
      }
      ${current.error?.message && html`<p class="failure">${failure(current.error)}</p>`}
      <div class="actions"><button type="button" class="button primary wide" disabled=${!current.video}
        onClick=${save}><${Icon} name="down" />Download</button></div>
    </div>
    <div class="word-side">
      <header class="row between"><h2 id="clip-title">Clip ${clip.rank}</h2>
        <p class="soft">${clock(startS, 1)} – ${clock(endS, 1)}, ${length(endS - startS)}</p></header>
      <${Tabs} label="About this clip" tabs=${TABS} chosen=${tab} onChoose=${onTab}>
        ${tab === "why" && html`<${Score} score=${clip.score} terms=${terms} />`}
        ${tab === "why" && spoken && html`<blockquote class="spoken">${spoken}</blockquote>`}
        ${tab === "adjust" && html`<${Adjust} ...${{job, clip, draft, spoken}} onChange=${onDraft} />`}
        ${tab === "files" && html`<${About} id=${owner.id} title=${job.spec.title} clip=${current} />`}
      </${Tabs}>
    </div>
  </article>`;
}

const number = (versions, id) => versions.findIndex((job) => job.id === id) + 2;

function Versions({versions, shown, onShow}) {
  if (!versions.length) return null;
  const button = (id, title) =>
    html`<button type="button" key=${id || "first"} aria-pressed=${id === shown}
        onClick=${() => onShow(id)}>${title}</button>`;
  return html`<div class="segments" role="group" aria-label="Versions of this clip">
    ${button(null, "As proposed")}${versions.map((job) => button(job.id, `Version ${number(versions, job.id)}`))}</div>`;
}

function About({id, title, clip}) {
  const {value} = useDocument(id, clip.manifest);
  return html`<${Files} id=${id} title=${title} artifacts=${ofClip(clip)} /><${Checks} manifest=${value} />`;
}
