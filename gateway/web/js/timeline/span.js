/** A clip on the timeline: a span to choose, with an edge at each end to move. */
import {clock} from "../format.js";
import {classes, html, useRef} from "../html.js";
import {nearest, next} from "./model.js";

export const LENGTH_MIN_S = 0.5; // as the job manager says
const REACH_PX = 9; // an edge jumps to what is nearer than this
const STEP_S = 0.1;
const STRIDE_S = 1;
const EDGES_PX = 26; // a narrower span shows no edges unless it is chosen

/** Where an edge may be, so that its clip keeps a length. */
export function clamp(range, edge, time, duration) {
  if (edge === "start") return {...range, start: Math.min(Math.max(0, time), range.end - LENGTH_MIN_S)};
  return {...range, end: Math.max(Math.min(duration, time), range.start + LENGTH_MIN_S)};
}

/**
 * @param onMove Gets the range while an edge is dragged, and what it snapped to.
 * @param onEdit Gets the range when it is let go.
 */
export function Span({clip, range, changed, chosen, view, timeline, onChoose, onMove, onEdit}) {
  const width = Math.max(3, (range.end - range.start) * view.scale);
  const style = {transform: `translateX(${view.x(range.start)}px)`, width: `${width}px`};
  const label = `Clip ${clip.rank}, ${clock(range.start, 1)} to ${clock(range.end, 1)}${changed ? ", changed" : ""}`;
  const edge = (name) =>
    html`<${Edge} key=${name} ...${{name, clip, range, view, timeline, chosen, onMove, onEdit}} />`;
  const failed = clip.state === "STATE_FAILED" || clip.state === "STATE_QUARANTINED";
  return html`<div class=${classes("span", chosen && "chosen", changed && "changed", failed && "failed")}
      style=${style}>
    <button type="button" class="body" aria-label=${label} aria-pressed=${chosen} title=${label} data-own
        onClick=${() => onChoose(clip.rank)}>
      <span>${clip.rank}</span></button>
    ${(chosen || width >= EDGES_PX) && [edge("start"), edge("end")]}
  </div>`;
}

function Edge({name, clip, range, view, timeline, chosen, onMove, onEdit}) {
  const drag = useRef(null);
  const time = range[name];
  const begin = (event) => {
    if (event.button) return;
    drag.current = {range, offset: event.clientX - view.x(time)};
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const move = (event) => {
    if (!drag.current) return;
    const wanted = view.time(event.clientX - drag.current.offset);
    const snap = event.altKey ? null : nearest(timeline.snaps, wanted, REACH_PX / view.scale);
    drag.current.range = clamp(range, name, snap?.time ?? wanted, timeline.duration);
    onMove(clip.rank, drag.current.range, snap);
  };
  const end = () => {
    if (drag.current) onEdit(clip.rank, drag.current.range);
    drag.current = null;
  };
  const pressed = (event) => {
    const target = stepped(event, time, timeline);
    if (target == null) return;
    event.preventDefault();
    onEdit(clip.rank, clamp(range, name, target, timeline.duration));
  };
  return html`<div class=${`edge ${name}`} role="slider" tabindex=${chosen ? 0 : -1} data-own
    aria-label=${`${name === "start" ? "Start" : "End"} of clip ${clip.rank}`} aria-orientation="horizontal"
    aria-valuemin="0" aria-valuemax=${timeline.duration} aria-valuenow=${time} aria-valuetext=${clock(time, 1)}
    onPointerDown=${begin} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${end} onKeyDown=${pressed}>
    <i></i></div>`;
}

/** Where a key moves an edge: arrows a little, with shift more, page keys to the next border. */
function stepped(event, time, timeline) {
  const step = event.shiftKey ? STRIDE_S : STEP_S;
  switch (event.key) {
    case "ArrowLeft":
    case "ArrowDown":
      return time - step;
    case "ArrowRight":
    case "ArrowUp":
      return time + step;
    case "PageUp":
      return next(timeline.snaps, time, 1)?.time;
    case "PageDown":
      return next(timeline.snaps, time, -1)?.time;
    default:
      return null;
  }
}
