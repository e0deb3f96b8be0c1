/** Small drawings in the colour of the text. */
import {html} from "../html.js";

const PATHS = {
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 9.5h4M4 14.5h4M16 9.5h4M16 14.5h4",
  down: "M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M5 20h14",
  up: "M12 20V8m0 0 4.5 4.5M12 8l-4.5 4.5M5 4h14",
  again: "M19 12a7 7 0 1 1-2.1-5M19 4v4h-4",
  bin: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  stop: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM9 9l6 6M15 9l-6 6",
  plus: "M12 6v12M6 12h12",
  minus: "M6 12h12",
  fit: "M4 12h16M4 12l3-3M4 12l3 3M20 12l-3-3M20 12l-3 3",
  back: "M14 6l-6 6 6 6",
  key: "M14.5 9.5a4 4 0 1 1-3.2 3.9L20 4.5M16.5 8l2.5 2.5",
  page: "M7 3.5h7l4 4V20.5H7zM14 3.5v4h4M10 12h5M10 15.5h5",
  zoom: "M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5M8 10.5h5M10.5 8v5",
  close: "M6 6l12 12M18 6L6 18",
};

/** A drawing beside words: it says nothing by itself. */
export const Icon = ({name}) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
