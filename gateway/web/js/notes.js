/** Short messages at the edge of the page, read out by screen readers. */
import {html, useEffect, useState} from "./html.js";

const SHOWN_MS = 6000;
const NOTES_MAX = 4; // more at once cannot be read
const listeners = new Set();
let number = 0;

/** Says something for a few seconds. */
export function say(text, kind = "good") {
  number += 1;
  listeners.forEach((listener) => listener({text, kind, number}));
}

/** Does something and says what went wrong; true where nothing did. */
export async function attempt(action) {
  try {
    await action();
    return true;
  } catch (failure) {
    say(failure.message, "bad");
    return false;
  }
}

/** Where messages appear. */
export function Notes() {
  const [notes, setNotes] = useState([]);
  useEffect(() => {
    const drop = (note) => setNotes((before) => before.filter((item) => item !== note));
    const listener = (note) => {
      setNotes((before) => [...before, note].slice(-NOTES_MAX));
      setTimeout(drop, SHOWN_MS, note);
    };
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return html`<div class="notes" role="status" aria-live="polite">
    ${notes.map((note) => html`<p key=${note.number} class=${`note ${note.kind}`}>${note.text}</p>`)}
  </div>`;
}
