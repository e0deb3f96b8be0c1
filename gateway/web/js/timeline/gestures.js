/** Moves the visible part of a timeline: wheel, drag, pinch. A plain wheel scrolls the page, as everywhere. */

const WHEEL_ZOOM = 0.0022; // of a factor per unit of the wheel
const LINE_PX = 16; // what a wheel that counts lines means by one

/** Listens on an element and changes the view; returns what ends it. */
export function listen(element, view, changed) {
  const stop = new AbortController();
  const on = (name, listener) => element.addEventListener(name, listener, {signal: stop.signal, passive: false});
  const fingers = new Map();
  on("wheel", (event) => wheeled(event, element, view) && (event.preventDefault(), changed()));
  on("pointerdown", (event) => {
    if (event.button || event.target.closest("[data-own]")) return;
    fingers.set(event.pointerId, event.clientX);
    element.setPointerCapture(event.pointerId);
  });
  on("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    moved(fingers, event, element, view);
    changed();
  });
  for (const name of ["pointerup", "pointercancel"]) on(name, (event) => fingers.delete(event.pointerId));
  return () => stop.abort();
}

function wheeled(event, element, view) {
  const unit = event.deltaMode ? LINE_PX : 1;
  if (event.ctrlKey || event.metaKey) {
    view.zoom(Math.exp(-event.deltaY * unit * WHEEL_ZOOM), event.clientX - element.getBoundingClientRect().left);
    return true;
  }
  const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
  if (!sideways || Math.abs(sideways) < Math.abs(event.shiftKey ? 0 : event.deltaY)) return false;
  view.pan(-sideways * unit);
  return true;
}

/** One finger pans; two of them pan and zoom. */
function moved(fingers, event, element, view) {
  const before = [...fingers.values()];
  fingers.set(event.pointerId, event.clientX);
  const after = [...fingers.values()];
  if (after.length === 1) view.pan(after[0] - before[0]);
  if (after.length !== 2) return;
  const distance = ([one, other]) => Math.max(20, Math.abs(one - other)); // fingers that touch are not a division by zero
  const middle = (both) => (both[0] + both[1]) / 2;
  view.pan(middle(after) - middle(before));
  view.zoom(distance(after) / distance(before), middle(after) - element.getBoundingClientRect().left);
}
