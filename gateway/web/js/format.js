/** Says times, sizes, states and terms in words. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const AGO = [
  ["year", 31536000],
  ["month", 2592000],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat("en", {numeric: "auto"});

/** A time such as `0:07` or `1:02:03`; with `places` decimals of a second. */
export function clock(seconds, places = 0) {
  const scale = 10 ** places;
  const units = Math.max(0, Math.round((seconds || 0) * scale));
  const whole = Math.floor(units / scale);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  const head = hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  return places ? `${head}.${String(units % scale).padStart(places, "0")}` : head;
}

/** The seconds that a text such as `1:02:03.5`, `62` or `1:02` says; null where it says none. */
export function seconds(text) {
  const parts = text.trim().split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d+(\.\d+)?$/.test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** A length such as `7.3 s` or `1 min 05 s`. */
export function length(duration) {
  if (duration < 60) return `${duration.toFixed(1)} s`;
  const whole = Math.round(duration);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** What is left, in words that do not pretend to be exact; between bounds where they are known. */
export function left(duration, low, high) {
  if (duration == null) return "";
  if ((high ?? duration) < 10) return "a few seconds left";
  const [step, per, unit] = duration < 90 ? [5, 1, "s"] : duration < 5400 ? [60, 60, "min"] : [360, 3600, "h"];
  const [least, most] = [low, high].map((value) => (Math.round((value ?? duration) / step) * step) / per);
  if (least === most) return `about ${most} ${unit} left`;
  return least ? `${least} to ${most} ${unit} left` : `at most ${most} ${unit} left`;
}

/** What is left of a job. */
export function remaining(job) {
  return left(duration(job.eta), duration(job.etaLow), duration(job.etaHigh));
}

/** A size such as `3.4 MB`; takes the text that 64-bit numbers are in JSON. */
export function size(bytes) {
  let [count, unit] = [Number(bytes || 0), 0];
  while (count >= 1000 && unit < UNITS.length - 1) [count, unit] = [count / 1000, unit + 1];
  return unit && count < 100 ? `${count.toFixed(1)} ${UNITS[unit]}` : `${Math.round(count)} ${UNITS[unit]}`;
}

/** How long ago a moment was, in words. */
export function ago(stamp, now = Date.now()) {
  if (!stamp) return "";
  const passed = (now - Date.parse(stamp)) / 1000;
  for (const [unit, span] of AGO) if (passed >= span) return relative.format(-Math.floor(passed / span), unit);
  return "just now";
}

/** The seconds of a duration in JSON, such as `3.5s`; null where there is none. */
export const duration = (text) => (text ? Number(text.replace("s", "")) : null);

/** The seconds between two moments; null where one is missing. */
export const between = (start, end) => (start && end ? (Date.parse(end) - Date.parse(start)) / 1000 : null);

/** A count with its noun, such as `1 clip` or `5 clips`. */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** A name as people say it: `speech_density` is `Speech density`. */
export function plain(name) {
  const text = (name || "").replaceAll("_", " ").replaceAll("-", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The value of an enumeration without its prefix, in lower case: `LAYOUT_FIT_BLUR` is `fit_blur`. */
export const bare = (value, prefix) => (value || "").replace(`${prefix}_`, "").toLowerCase();
