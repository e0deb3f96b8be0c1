/** What the names of the API mean to people. */
import {bare, plain} from "./format.js";

const JOB = {
  STATE_PENDING: "waiting",
  STATE_RUNNING: "running",
  STATE_SUCCEEDED: "done",
  STATE_PARTIAL: "partly done",
  STATE_FAILED: "failed",
  STATE_CANCELLED: "cancelled",
};
const ENDED = new Set(["STATE_SUCCEEDED", "STATE_PARTIAL", "STATE_FAILED", "STATE_CANCELLED"]);
const KINDS = {
  KIND_PROBE: "Read the file",
  KIND_ANALYZE: "Watch and listen",
  KIND_PROPOSE: "Choose clips",
  KIND_IMAGES: "Draw pictures",
  KIND_TIMELINES: "Write timelines",
  KIND_REPORT: "Write the report",
};
const TERMS = {
  hook: "Strong start",
  energy: "Energy",
  speech_density: "Speech",
  faces: "Faces",
  pace: "Pace",
  completeness: "Clean ends",
  novelty: "Stands out",
  duration_fit: "Length fits",
  keyword: "Keywords",
  opening: "Opening words",
  closing: "Closing words",
  presence: "Lively",
  reaction: "Reactions",
};
const SHAPES = {ASPECT_RATIO_9_16: "9:16", ASPECT_RATIO_1_1: "1:1", ASPECT_RATIO_4_5: "4:5", ASPECT_RATIO_16_9: "16:9"};

export const ended = (job) => ENDED.has(job.state);
export const jobState = (state) => JOB[state] || "unknown";
export const stepState = (state) => bare(state, "STATE") || "unknown";
export const term = (name) => TERMS[name] || plain(name);
export const shape = (ratio) => SHAPES[ratio] || "";
export const shapes = Object.entries(SHAPES);

/** What a step does; `export-2` renders clip 2. */
export function step(item) {
  if (item.kind === "KIND_EXPORT") return `Render clip ${item.name.split("-").pop()}`;
  return KINDS[item.kind] || plain(item.name);
}

/** Why something failed, on one line. */
export function failure(error) {
  const tag = [...new Set([error.code, error.reason])].filter(Boolean).join("/");
  const text = error.message || "no reason was given";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${tag ? ` (${tag})` : ""}`;
}
