/** A sketch of what a draft will look like: shape, layout, captions and titles, not the true picture. */
import {html} from "../html.js";
import {useFile} from "../live.js";
import {shape} from "../words.js";

const WORDS_MAX = 5; // a page of captions

/** The second word is the one that is spoken now. */
const word = (text, index) => html`<span key=${index} class=${index === 1 ? "now" : ""}>${text} </span>`;

export function Sketch({job, clip, draft, spoken}) {
  const still = useFile(job.id, clip.thumbnail);
  const ratio = (shape(draft.shape) || "9:16").replace(":", " / ");
  const layout = draft.layout.replace("LAYOUT_", "").toLowerCase();
  const words = (spoken || "so this is what was said").split(/\s+/).slice(0, WORDS_MAX);
  const picture = (name) => still && html`<img class=${name} src=${still} alt="" />`;
  return html`<figure class="sketch">
    <div class=${`screen ${layout}`} style=${{aspectRatio: ratio}} role="img"
        aria-label=${`Sketch: ${shape(draft.shape) || "shape of the preset"}, captions ${draft.captions || "none"}`}>
      ${(layout === "fit_blur" || layout === "letterbox") && picture("behind")}
      ${picture("front")}
      ${(layout === "split" || layout === "stack") && picture("second")}
      ${draft.title && html`<p class="title">${draft.title}</p>`}
      ${draft.hook && html`<p class="hook">${draft.hook}</p>`}
      ${draft.captions && html`<p class=${`said ${draft.captions}`}>${words.map(word)}</p>`}
    </div>
    <figcaption class="soft">a sketch</figcaption>
  </figure>`;
}
