/** What components show of the gateway: hooks that load, follow and keep up to date. */
import * as api from "./api.js";
import * as events from "./events.js";
import {useCallback, useEffect, useState} from "./html.js";
import * as key from "./key.js";
import {ended} from "./words.js";

const LIST_PAUSE_MS = 3000; // while something runs; a list at rest is asked less often
const LIST_REST_MS = 15_000;
const PAGE_SIZE = 24; // sessions that are shown before more are asked for
const PAGES_MAX = 40; // pages that are kept up to date at once

/** One job, followed until it has ended: `{job, failure, outage, reload}`; nothing without an identifier. */
export function useJob(id) {
  const [state, setState] = useState({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!id) return undefined;
    const stop = new AbortController();
    const set = (changes) => !stop.signal.aborted && setState((before) => ({...before, ...changes}));
    follow(id, set, stop.signal).catch((failure) => set({failure}));
    return () => stop.abort();
  }, [id, round]);
  return {...state, reload: useCallback(() => setRound((number) => number + 1), [])};
}

/** Loads a job and follows it; a gateway that does not answer is asked again. */
async function follow(id, set, signal) {
  const load = () =>
    events.again(
      () => api.job(id, signal),
      (outage) => set({outage}),
      signal,
    );
  const job = await load();
  set({job, failure: null, outage: null});
  if (!job || ended(job)) return;
  await events.watch(id, job.sequence || 0, handlers(set, signal));
  set({job: await load(), outage: null});
}

/** Takes events as fast as they come and shows the newest once per frame. */
function handlers(set, signal) {
  let newest;
  const onEvent = ({job}) => {
    if (!newest)
      requestAnimationFrame(() => {
        set({job: newest, outage: null});
        newest = null;
      });
    newest = job;
  };
  return {onEvent, onOutage: (outage) => set({outage}), signal};
}

/** The newest jobs, asked for again and again while the page is looked at: `{jobs, more, failure}`. */
export function useJobs(states) {
  const [found, setFound] = useState({});
  const [pages, setPages] = useState(1);
  const wanted = states.join();
  useEffect(() => setFound((before) => ({...before, jobs: undefined})), [wanted]);
  useEffect(() => {
    const load = async (signal) => {
      const {jobs, next} = await pagesOf(states, pages, signal);
      setFound({jobs, next});
      return jobs.some((job) => !ended(job)) ? LIST_PAUSE_MS : LIST_REST_MS;
    };
    return polling(load, (failure) => setFound((before) => ({...before, failure})));
  }, [wanted, pages]);
  const more = found.next && pages < PAGES_MAX ? () => setPages((number) => number + 1) : null;
  return {...found, more};
}

async function pagesOf(states, pages, signal) {
  let [jobs, next] = [[], ""];
  for (let page = 0; page < pages; page += 1) {
    const answer = await api.jobs({pageSize: PAGE_SIZE, pageToken: next, states}, signal);
    jobs = [...jobs, ...(answer.jobs || [])];
    next = answer.nextPageToken;
    if (!next) break;
  }
  return {jobs, next};
}

/** How the suite is, asked for again and again: `{status, failure}`. */
export function useStatus(pause_ms) {
  const [found, setFound] = useState({});
  useEffect(() => {
    const load = async (signal) => {
      setFound({status: await api.status(signal)});
      return pause_ms;
    };
    return polling(load, (failure) => setFound((before) => ({...before, failure})));
  }, [pause_ms]);
  return found;
}

/** Calls `load` now and after each pause that it returns, while the page is visible; returns what ends it. */
function polling(load, failed) {
  const stop = new AbortController();
  let timer;
  const turn = async () => {
    clearTimeout(timer);
    if (document.hidden || stop.signal.aborted) return;
    let pause_ms = LIST_PAUSE_MS;
    try {
      pause_ms = await load(stop.signal);
    } catch (failure) {
      if (!stop.signal.aborted) failed(failure);
    }
    clearTimeout(timer);
    if (!stop.signal.aborted) timer = setTimeout(turn, pause_ms);
  };
  document.addEventListener("visibilitychange", turn, {signal: stop.signal});
  turn();
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}

/** A JSON document of a session: `{value, failure}`; nothing where no artifact is given. */
export function useDocument(id, artifact) {
  const [found, setFound] = useState({});
  const [path, sha256] = [artifact?.path, artifact?.sha256];
  useEffect(() => {
    setFound({});
    if (!path) return undefined;
    const stop = new AbortController();
    api.json(id, path, stop.signal).then(
      (value) => setFound({value}),
      (failure) => !stop.signal.aborted && setFound({failure}),
    );
    return () => stop.abort();
  }, [id, path, sha256]);
  return found;
}

/**
 * Where a picture or video can be shown from; null while it cannot.
 * Elements of media send no key, so with a key the file is fetched first.
 */
export function useFile(id, artifact) {
  const [url, setUrl] = useState(null);
  const [path, sha256] = [artifact?.path, artifact?.sha256];
  useEffect(() => {
    const direct = path ? api.fileUrl(id, path) : null;
    setUrl(key.get() ? null : direct);
    if (!direct || !key.get()) return undefined;
    const stop = new AbortController();
    let made;
    fetched(direct, stop.signal).then(
      (value) => setUrl((made = value)),
      () => setUrl(null),
    );
    return () => {
      stop.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [id, path, sha256]);
  return url;
}

const fetched = async (path, signal) => URL.createObjectURL(await (await api.request(path, {signal})).blob());

/** Saves a file of a session under its own name. */
export async function download(id, artifact, name) {
  const path = api.fileUrl(id, artifact.path);
  const url = key.get() ? await fetched(path) : path;
  const link = Object.assign(document.createElement("a"), {href: url, download: name});
  link.click();
  if (url !== path) setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser has taken it over by then
}
