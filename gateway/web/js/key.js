/** The key that the visitor gave, kept until the tab is closed, and who asks for one. */

const NAME = "reelsmith-key";
const listeners = new Set();

export const get = () => sessionStorage.getItem(NAME) || "";

/** Keeps a key, or forgets it where it is empty. */
export function set(key) {
  if (key) sessionStorage.setItem(NAME, key);
  else sessionStorage.removeItem(NAME);
}

/** The header that says who calls; none without a key. */
export const header = () => (get() ? {authorization: `Bearer ${get()}`} : {});

/** Says that the gateway wants to know who calls. */
export const wanted = () => listeners.forEach((listener) => listener());

/** Calls back whenever the gateway wants a key; returns what ends it. */
export function onWanted(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
