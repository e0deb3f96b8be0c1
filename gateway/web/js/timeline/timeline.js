/** All that was measured on one axis of time, with the clips as spans whose edges move. */
import {clock, count, length} from "../format.js";
import {html, useEffect, useLayoutEffect, useMemo, useRef, useState} from "../html.js";
import {Icon} from "../parts/icon.js";
import {signal} from "../signal.js";
import {fitted} from "./canvas.js";
import {colours, draw, HEIGHT, LANES} from "./draw.js";
import * as gestures from "./gestures.js";
import {told} from "./model.js";
import {Overview} from "./overview.js";
import {Span} from "./span.js";
import {Window} from "./window.js";

const TITLES = {
  clips: "Clips",
  highlight: "Highlight",
  shots: "Shots",
  sound: "Sound",
  words: "Speech",
  people: "People",
};
const ZOOM = 1.8; // of each press of a button
const HELP = matchMedia("(pointer: coarse)").matches
  ? "Drag the edges of a clip: they snap to shots, silence and sentences. Two fingers zoom, one moves."
  : "Drag the edges of a clip: they snap to shots, silence and sentences, not with Alt. Ctrl and wheel zoom, drag moves.";

/** Draws anew at most once per frame. */
function useFrames() {
  const [, setCount] = useState(0);
  const asked = useRef(false);
  return useMemo(
    () => () => {
      if (asked.current) return;
      asked.current = true;
      requestAnimationFrame(() => {
        asked.current = false;
        setCount((count) => count + 1);
      });
    },
    [],
  );
}

/** The colours, read again when the system turns light or dark. */
function usePaint(stage) {
  const [paint, setPaint] = useState({});
  useLayoutEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const read = () => setPaint({...colours(stage.current), font: getComputedStyle(stage.current).fontFamily});
    read();
    dark.addEventListener("change", read);
    return () => dark.removeEventListener("change", read);
  }, []);
  return paint;
}

/**
 * @param ranges By rank, where each clip begins and ends now, and whether that was changed.
 * @param playing A signal: the time of the source that the player shows; null where it shows none.
 */
export function Timeline({timeline, clips, ranges, chosen, playing, onChoose, onEdit}) {
  const [stage, canvas] = [useRef(), useRef()];
  const view = useMemo(() => new Window(timeline.duration), [timeline.duration]);
  const paint = usePaint(stage);
  const frames = useFrames();
  const [drag, setDrag] = useState(null);
  const hover = useMemo(() => signal(null), []);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(([entry]) => {
      view.width = Math.max(1, entry.contentRect.width);
      frames();
    });
    watcher.observe(stage.current);
    view.width = stage.current.clientWidth || 1;
    frames();
    return () => watcher.disconnect();
  }, [view]);
  useEffect(() => gestures.listen(stage.current, view, frames), [view]);
  useEffect(() => playing.listen(frames), [playing]);
  const now = (clip) => (drag?.rank === clip.rank ? drag.range : ranges.get(clip.rank));
  const bands = clips.map((clip) => ({...now(clip), chosen: clip.rank === chosen}));
  useLayoutEffect(() => {
    const marks = {bands, snap: drag?.snap, playing: playing.value};
    draw(fitted(canvas.current, view.width, HEIGHT), view, timeline, marks, paint);
  });
  const seen = clips.filter((clip) => now(clip).end > view.start && now(clip).start < view.end);
  const moved = (rank, range, snap) => {
    setDrag({rank, range, snap});
  };
  const edited = (rank, range) => {
    setDrag(null);
    onEdit(rank, range);
  };
  const span = (clip) => html`<${Span} key=${clip.rank} clip=${clip} range=${now(clip)}
      changed=${ranges.get(clip.rank).changed} chosen=${clip.rank === chosen} view=${view} timeline=${timeline}
      onChoose=${onChoose} onMove=${moved} onEdit=${edited} />`;
  const zoom = (change) => () => {
    change();
    frames();
  };
  const at = (event) => hover.set(event && view.time(event.clientX - stage.current.getBoundingClientRect().left));
  return html`<section class="timeline card" aria-label="Timeline">
    <div class="lanes">
      <div class="gutter" aria-hidden="true">${titles()}</div>
      <div class="stage" ref=${stage} style=${{height: `${HEIGHT}px`}} onPointerMove=${at}
          onPointerLeave=${() => at(null)}>
        <canvas ref=${canvas} role="img" aria-label=${summary(timeline, clips)}></canvas>
        <div class="spans" style=${place("clips")}>
          ${seen.map(span)}
        </div>
      </div>
    </div>
    <${Overview} timeline=${timeline} ranges=${bands} view=${view} paint=${paint} onChange=${frames} />
    <div class="row between under">
      <${Told} drag=${drag} hover=${hover} timeline=${timeline} />
      <div class="actions tight">
        <button type="button" class="button small" aria-label="Zoom out"
            onClick=${zoom(() => view.zoom(1 / ZOOM))}><${Icon} name="minus" /></button>
        <button type="button" class="button small" aria-label="Zoom in" onClick=${zoom(() => view.zoom(ZOOM))}><${Icon}
            name="plus" /></button>
        <button type="button" class="button small" disabled=${!chosen} onClick=${zoom(() => {
          const {start, end} = ranges.get(chosen);
          view.frame(start, end);
        })}><${Icon} name="zoom" />Clip</button>
        <button type="button" class="button small" onClick=${zoom(() => view.show(0, timeline.duration))}><${Icon}
            name="fit" />All</button>
      </div>
    </div>
  </section>`;
}

const titles = () =>
  Object.entries(TITLES).map(([name, title]) => html`<span key=${name} style=${place(name)}>${title}</span>`);
const place = (name) => ({top: `${LANES[name].top}px`, height: `${LANES[name].height}px`});

/** Follows the pointer by itself: nothing else is drawn anew for it. */
function Told({drag, hover, timeline}) {
  const frames = useFrames();
  useEffect(() => hover.listen(frames), [hover]);
  return html`<p class="told soft">${words(drag, hover.value, timeline)}</p>`;
}

/** What is said under the lanes: about the edge that moves, else about the place under the pointer. */
function words(drag, time, timeline) {
  if (drag) {
    const {start, end} = drag.range;
    const snapped = drag.snap ? ` · at: ${drag.snap.name}` : "";
    return `${clock(start, 1)} – ${clock(end, 1)}, ${length(end - start)} long${snapped}`;
  }
  if (time == null || time < 0 || time > timeline.duration) return HELP;
  return [clock(time, 1), told(timeline, time)].filter(Boolean).join(" · ");
}

/** The drawing in words. */
function summary(timeline, clips) {
  const {duration, shots, speech, people} = timeline;
  const parts = [count(shots.length, "shot"), count(speech.length, "spoken part"), count(people.length, "face")];
  return `${count(clips.length, "clip")} in ${clock(duration)}: ${parts.join(", ")}`;
}
