/** Draws the lanes of a timeline on a canvas. Colours come from the style sheet. */
import {clock} from "../format.js";
import {within} from "./model.js";

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
const TICK_PX = 76; // two labels of the axis are at least so far apart
const LABEL_PX = 36; // the last label is left out where it would be cut
const WORDS_PX = 28; // a stretch of speech narrower than this shows no words
const NAMES = [
  "ground",
  "line",
  "soft",
  "ink",
  "accent",
  "glow",
  "curve",
  "shot-a",
  "shot-b",
  "warm",
  "speech",
  "sound",
  "person",
];

/** The lanes from top to bottom: name, place and height in pixels. The axis and the clips lie above. */
export const LANES = stacked(
  [
    ["axis", 22],
    ["clips", 34],
    ["highlight", 76],
    ["shots", 16],
    ["sound", 40],
    ["words", 24],
    ["people", 14],
  ],
  8,
);
export const HEIGHT = LANES.people.top + LANES.people.height + 4;

function stacked(lanes, gap) {
  let top = 0;
  const placed = {};
  for (const [name, height] of lanes) {
    placed[name] = {top, height};
    top += height + gap;
  }
  return placed;
}

/** The colours of the style sheet as they are now, in light or dark. */
export function colours(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--t-${name}`).trim()]));
}

/** Draws everything but the clips, which are elements of the page. */
export function draw(pen, view, timeline, marks, paint) {
  pen.clearRect(0, 0, view.width, HEIGHT);
  for (const band of marks.bands) shade(pen, view, band, paint);
  axis(pen, view, paint);
  curve(pen, view, timeline, paint);
  blocks(pen, view, LANES.shots, within(timeline.shots, view.start, view.end), (shot) =>
    shot.index % 2 ? paint["shot-b"] : paint["shot-a"],
  );
  sound(pen, view, timeline, paint);
  words(pen, view, timeline, paint);
  const seen = (person) => person.end_s > view.start && person.start_s < view.end;
  const people = timeline.people.filter(seen); // they overlap, so their ends are in no order
  blocks(
    pen,
    view,
    LANES.people,
    people,
    () => paint.person,
    (person) => 0.35 + 0.65 * (person.speaking ?? 0),
  );
  if (marks.snap) rule(pen, view.x(marks.snap.time), paint.accent, [4, 3]);
  if (marks.playing != null) rule(pen, view.x(marks.playing), paint.ink, []);
}

function shade(pen, view, {start, end, chosen}, paint) {
  pen.fillStyle = paint.glow;
  pen.globalAlpha = chosen ? 1 : 0.4;
  pen.fillRect(view.x(start), LANES.highlight.top - 4, (end - start) * view.scale, HEIGHT);
  pen.globalAlpha = 1;
}

function axis(pen, view, paint) {
  const step = STEPS.find((size) => size * view.scale >= TICK_PX) || STEPS.at(-1);
  pen.font = `11.5px ${paint.font || "system-ui, sans-serif"}`;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  for (let time = Math.ceil(view.start / step) * step; time <= view.end; time += step) {
    const x = Math.round(view.x(time)) + 0.5;
    pen.fillStyle = paint.line;
    pen.fillRect(x, 0, 1, LANES.axis.height);
    pen.fillStyle = paint.soft;
    if (x + LABEL_PX < view.width) pen.fillText(clock(time, step < 1 ? 1 : 0), x + 5, LANES.axis.height / 2);
  }
}

/** The highlight curve: the highest sample of each column, so that no peak is lost when all of a film is shown. */
function curve(pen, view, timeline, paint) {
  const {top, height} = LANES.highlight;
  pen.fillStyle = paint.line;
  for (const share of [0, 0.5, 1]) pen.fillRect(0, Math.round(top + share * (height - 1)), view.width, 1);
  const points = columns(view, timeline.highlight, timeline.interval);
  if (points.length < 2) return;
  pen.beginPath();
  points.forEach(([x, value], index) => pen[index ? "lineTo" : "moveTo"](x, top + (1 - value) * (height - 2) + 1));
  pen.strokeStyle = paint.curve;
  pen.lineWidth = 1.6;
  pen.lineJoin = "round";
  pen.stroke();
  pen.lineTo(points.at(-1)[0], top + height);
  pen.lineTo(points[0][0], top + height);
  pen.globalAlpha = 0.22;
  pen.fillStyle = paint.curve;
  pen.fill();
  pen.globalAlpha = 1;
}

function sound(pen, view, timeline, paint) {
  const {top, height} = LANES.sound;
  const middle = top + height / 2;
  pen.fillStyle = paint.line;
  pen.fillRect(0, Math.round(middle), view.width, 1);
  const points = columns(view, timeline.sound, timeline.interval);
  if (points.length < 2) return;
  pen.beginPath();
  points.forEach(([x, value], index) => pen[index ? "lineTo" : "moveTo"](x, middle - (value * height) / 2));
  for (const [x, value] of points.toReversed()) pen.lineTo(x, middle + (value * height) / 2);
  pen.fillStyle = paint.sound;
  pen.fill();
}

/** The visible samples as points `[x, value]`; where several share a pixel, the highest. */
function columns(view, samples, interval) {
  const [first, last] = [
    Math.max(0, Math.floor(view.start / interval) - 1),
    Math.min(samples.length - 1, Math.ceil(view.end / interval) + 1),
  ];
  const points = [];
  for (let index = first; index <= last; index += 1) {
    if (samples[index] == null) continue;
    const [x, newest] = [view.x(index * interval), points.at(-1)];
    if (newest && x - newest[0] < 1) newest[1] = Math.max(newest[1], samples[index]);
    else points.push([x, samples[index]]);
  }
  return points;
}

function blocks(pen, view, lane, stretches, colour, alpha = () => 1) {
  let reached = -1;
  for (const item of stretches) {
    const [left, right] = [view.x(item.start_s), view.x(item.end_s)];
    if (right - reached < 1) continue; // it would lie within a pixel that is drawn
    pen.fillStyle = colour(item);
    pen.globalAlpha = alpha(item);
    pen.fillRect(left, lane.top, Math.max(1, right - left - 1), lane.height);
    reached = right;
  }
  pen.globalAlpha = 1;
}

/** Where somebody speaks and, as far as there is room, what is said. */
function words(pen, view, timeline, paint) {
  const {top, height} = LANES.words;
  blocks(pen, view, LANES.words, within(timeline.speech, view.start, view.end), () => paint.speech);
  pen.textBaseline = "middle";
  const cues = within(timeline.cues, view.start, view.end);
  if (cues.length > (view.width / WORDS_PX) * 2) return; // no room for words, and the boxes would be one
  for (const cue of cues) {
    const x = Math.max(0, view.x(cue.start_s));
    const width = Math.min(view.width, view.x(cue.end_s)) - x - 2;
    pen.fillStyle = paint.line;
    pen.globalAlpha = 0.55;
    pen.fillRect(x, top, Math.max(1, width), height);
    pen.globalAlpha = 1;
    pen.fillStyle = paint.ink;
    if (width > WORDS_PX)
      pen.fillText(cut(pen, cue.text.replace(/\s+/g, " "), width - 10), x + 5, top + height / 2 + 0.5);
  }
}

/** As much of a text as fits, nearly. */
function cut(pen, text, width) {
  const full = pen.measureText(text).width;
  return full <= width ? text : `${text.slice(0, Math.max(1, Math.floor((text.length * width) / full) - 3))}…`;
}

function rule(pen, x, colour, dashes) {
  pen.beginPath();
  pen.setLineDash(dashes);
  pen.moveTo(Math.round(x) + 0.5, LANES.clips.top);
  pen.lineTo(Math.round(x) + 0.5, HEIGHT);
  pen.strokeStyle = colour;
  pen.lineWidth = 1.25;
  pen.stroke();
  pen.setLineDash([]);
}

/** The whole film in a small strip: the curve, and where the clips are. */
export function overview(pen, width, height, timeline, clips, paint) {
  pen.clearRect(0, 0, width, height);
  const whole = {
    start: 0,
    end: timeline.duration,
    scale: width / timeline.duration,
    x: (time) => (time * width) / timeline.duration,
  };
  const points = columns(whole, timeline.highlight, timeline.interval);
  pen.fillStyle = paint.glow;
  for (const {start, end} of clips) pen.fillRect(whole.x(start), 0, Math.max(2, (end - start) * whole.scale), height);
  pen.beginPath();
  pen.moveTo(0, height);
  for (const [x, value] of points) pen.lineTo(x, height - value * (height - 4));
  pen.lineTo(points.at(-1)?.[0] ?? 0, height);
  pen.globalAlpha = 0.45;
  pen.fillStyle = paint.curve;
  pen.fill();
  pen.globalAlpha = 1;
}
