/** Changes a clip by hand and renders it again. */
import {clock, length, seconds} from "../format.js";
import {html, useEffect, useState} from "../html.js";
import {LENGTH_MIN_S} from "../timeline/span.js";
import {CAPTIONS, Choice, LAYOUTS, SHAPES} from "./choice.js";
import {Icon} from "./icon.js";
import {Sketch} from "./sketch.js";

const NAMES = {
  time: "its edges",
  aspectRatio: "the shape",
  layout: "the layout",
  captions: "the captions",
  overlays: "the titles",
};

/** What a clip is now: its edges and the wishes of its job. */
export function given(job, clip) {
  const {spec} = job;
  return {
    start: clip.time?.startS || 0,
    end: clip.time?.endS || 0,
    shape: said(spec.aspectRatio) || "",
    layout: said(spec.layout) || "LAYOUT_AUTO",
    captions: spec.captions?.style || "",
    title: spec.overlays?.title || "",
    hook: spec.overlays?.hook || "",
  };
}

const said = (value) => (value?.endsWith("_UNSPECIFIED") ? "" : value);

/** What the API is told of a draft: only what differs, so that all else stays as it was. */
export function changes(job, clip, draft) {
  const before = given(job, clip);
  const differs = (...names) => names.some((name) => draft[name] !== before[name]);
  const {spec} = job;
  return {
    ...(differs("start", "end") && {time: {startS: draft.start, endS: draft.end}}),
    ...(differs("shape") && {aspectRatio: draft.shape}),
    ...(differs("layout") && {layout: draft.layout}),
    ...(differs("captions") && {captions: {...spec.captions, style: draft.captions}}),
    ...(differs("title", "hook") && {overlays: {...spec.overlays, title: draft.title, hook: draft.hook}}),
  };
}

/** What a draft changes, in words; nothing where it changes nothing. */
export const changed = (job, clip, draft) =>
  Object.keys(changes(job, clip, draft))
    .map((name) => NAMES[name])
    .join(", ");

/** The form; `onChange` gets what was changed. */
export function Adjust({job, clip, draft, spoken, onChange}) {
  const text = (name) => (event) => onChange({[name]: event.target.value});
  return html`<div class="adjust">
    <div class="fields">
      <div class="edges">
        <${Time} label="From" value=${draft.start}
            onChange=${(start) => onChange({start: Math.min(start, draft.end - LENGTH_MIN_S)})} />
        <${Time} label="To" value=${draft.end}
            onChange=${(end) => onChange({end: Math.max(end, draft.start + LENGTH_MIN_S)})} />
        <p class="soft length">${length(draft.end - draft.start)}</p>
      </div>
      <${Choice} name="shape" legend="Shape" options=${SHAPES} value=${draft.shape}
          onChange=${(shape) => onChange({shape})} />
      <${Choice} name="layout" legend="Layout" options=${LAYOUTS} value=${draft.layout}
          onChange=${(layout) => onChange({layout})} />
      <${Choice} name="captions" legend="Captions" options=${CAPTIONS} value=${draft.captions}
          onChange=${(captions) => onChange({captions})} />
      <label class="field"><span>Title on the picture</span><input maxlength="300" value=${draft.title}
          onInput=${text("title")} /></label>
      <label class="field"><span>Card at the start</span><input maxlength="300" value=${draft.hook}
          onInput=${text("hook")} /></label>
    </div>
    <${Sketch} job=${job} clip=${clip} draft=${draft} spoken=${spoken} />
  </div>`;
}

/** Says what was changed, at the lower edge of the screen, and renders it or takes it back. */
export function Bar({clip, words, busy, onReset, onRender}) {
  return html`<div class="bar card row between" role="region" aria-label="Changes">
    <p>Clip ${clip.rank}: changed <b>${words}</b></p>
    <div class="actions">
      <button type="button" class="button" onClick=${onReset}>Undo</button>
      <button type="button" class="button primary" disabled=${busy} onClick=${onRender}><${Icon}
          name="again" />${busy ? "Sending" : "Render again"}</button>
    </div>
  </div>`;
}

/** A time that is typed; what says no time changes nothing. */
function Time({label, value, onChange}) {
  const [text, setText] = useState(clock(value, 2));
  useEffect(() => setText(clock(value, 2)), [value]);
  const done = () => {
    const time = seconds(text);
    if (time == null || Math.abs(time - value) < 0.005) setText(clock(value, 2));
    else onChange(time);
  };
  return html`<label class="field time"><span>${label}</span>
    <input inputmode="decimal" value=${text} onInput=${(event) => setText(event.target.value)} onBlur=${done}
      onKeyDown=${(event) => event.key === "Enter" && (event.preventDefault(), done())} /></label>`;
}
