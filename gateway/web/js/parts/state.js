/** Where something stands, as a word with a sign: never by colour alone. */
import {html} from "../html.js";
import {jobState} from "../words.js";

const TONES = {
  STATE_SUCCEEDED: "good",
  STATE_PARTIAL: "warm",
  STATE_FAILED: "bad",
  STATE_RUNNING: "live",
  STATE_PENDING: "wait",
  STATE_CANCELLED: "off",
};

export const State = ({state}) => html`<span class=${`state ${TONES[state] || ""}`}>${jobState(state)}</span>`;
