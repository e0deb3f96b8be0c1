/** The whole film in a strip, with a frame around what is shown above. */
import {clock} from "../format.js";
import {html, useLayoutEffect, useRef} from "../html.js";
import {fitted} from "./canvas.js";
import * as drawing from "./draw.js";

const HEIGHT = 34;
const STEP = 0.1; // of what is shown, for each press of an arrow

/** As wide as the lanes without their margins. @param onChange Called when the visible part has changed. */
export function Overview({timeline, ranges, view, paint, onChange}) {
  const canvas = useRef();
  const drag = useRef(null);
  useLayoutEffect(() =>
    drawing.overview(fitted(canvas.current, view.room, HEIGHT), view.room, HEIGHT, timeline, ranges, paint),
  );
  const place = (event) =>
    ((event.clientX - canvas.current.getBoundingClientRect().left) / view.room) * timeline.duration;
  const begin = (event) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    const time = place(event);
    const inside = time >= view.start && time <= view.end;
    drag.current = inside ? time - view.start : view.span / 2;
    move(event);
  };
  const move = (event) => {
    if (drag.current == null) return;
    view.show(place(event) - drag.current, view.span);
    onChange();
  };
  const pressed = (event) => {
    const direction = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (direction) view.show(view.start + direction * STEP * view.span, view.span);
    else if (event.key === "+" || event.key === "-") view.zoom(event.key === "+" ? 1.5 : 1 / 1.5);
    else return;
    event.preventDefault();
    onChange();
  };
  const share = (time) => `${(time / timeline.duration) * 100}%`;
  const said = `${clock(view.start)} to ${clock(view.end)}`;
  return html`<div class="overview" onPointerDown=${begin} onPointerMove=${move} onPointerUp=${() => {
    drag.current = null;
  }} onPointerCancel=${() => {
    drag.current = null;
  }}>
    <canvas ref=${canvas} aria-hidden="true"></canvas>
    <div class="frame" role="slider" tabindex="0" aria-label="Visible part of the film" aria-valuemin="0"
        aria-valuemax=${timeline.duration}
      aria-valuenow=${view.start} aria-valuetext=${said} onKeyDown=${pressed}
      style=${{left: share(view.start), width: share(view.span)}}></div>
  </div>`;
}
