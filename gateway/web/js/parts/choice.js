/** A choice among a few drawings with names: radio buttons that look like tiles. */
import {html} from "../html.js";
import {shapes} from "../words.js";

const SOFT = "soft";
const box = (x, y, width, height, name = "") =>
  html`<rect x=${x} y=${y} width=${width} height=${height} rx="1.5" class=${name} />`;
const upright = (...inside) =>
  html`<svg viewBox="0 0 32 32" aria-hidden="true">${box(9, 3, 14, 26, "frame")}${inside}</svg>`;
const shaped = (width, height) =>
  html`<svg viewBox="0 0 32 32"
      aria-hidden="true">${box(16 - width / 2, 16 - height / 2, width, height, "frame")}</svg>`;
const head = (x, y, radius) => html`<circle cx=${x} cy=${y} r=${radius} />`;

const SHAPE_SIZES = {"9:16": [13, 23], "1:1": [19, 19], "4:5": [17, 21], "16:9": [25, 14]};
export const SHAPES = shapes.map(([value, label]) => ({value, label, drawing: shaped(...SHAPE_SIZES[label])}));

export const ANY_SHAPE = {value: "", label: "Preset", hint: "the shape that the preset has", drawing: shaped(19, 23)};

export const LAYOUTS = [
  {
    value: "LAYOUT_AUTO",
    label: "Auto",
    hint: "picked by shot",
    drawing: upright(html`<path d="M16 10l1.6 4.4L22 16l-4.4 1.6L16 22l-1.6-4.4L10 16l4.4-1.6z" />`),
  },
  {
    value: "LAYOUT_FILL",
    label: "Fill",
    hint: "a crop follows the subject",
    drawing: upright(head(16, 13, 4.5), html`<path d="M9.5 28c0-6 3-8.5 6.5-8.5s6.5 2.5 6.5 8.5z" />`),
  },
  {
    value: "LAYOUT_FIT_BLUR",
    label: "Fit",
    hint: "all of it, over a blurred copy",
    drawing: upright(box(9, 3, 14, 26, SOFT), box(9, 12, 14, 8)),
  },
  {value: "LAYOUT_LETTERBOX", label: "Bars", hint: "all of it, between bars", drawing: upright(box(9, 12, 14, 8))},
  {
    value: "LAYOUT_SPLIT",
    label: "Split",
    hint: "two people, one over the other",
    drawing: upright(head(16, 9.5, 3.5), head(16, 22, 3.5), html`<path d="M9 16h14" class="line" />`),
  },
  {
    value: "LAYOUT_STACK",
    label: "Stack",
    hint: "a screen over the speaker",
    drawing: upright(box(9, 3, 14, 12, SOFT), head(16, 22, 4)),
  },
];

const sample = (style) => html`<span class=${`sample ${style}`} aria-hidden="true"><b>so</b> true</span>`;
export const CAPTIONS = [
  {value: "", label: "None", drawing: html`<span class="sample none" aria-hidden="true">–</span>`},
  ...["plain", "boxed", "karaoke", "pop"].map((style) => ({
    value: style,
    label: style[0].toUpperCase() + style.slice(1),
    drawing: sample(style),
  })),
];

/** The tiles; `value` is the chosen one's. */
export function Choice({name, legend, options, value, onChange}) {
  return html`<fieldset class="choice">
    <legend>${legend}</legend>
    <div class="tiles">
      ${options.map(
        (option) => html`<label class="tile" key=${option.value} title=${option.hint}>
        <input type="radio" name=${name} value=${option.value} checked=${option.value === value}
            onChange=${() => onChange(option.value)} />
        ${option.drawing}<span>${option.label}</span>
      </label>`,
      )}
    </div>
  </fieldset>`;
}
