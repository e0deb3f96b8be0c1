/** Jobs that rendered a clip again: they carry a label that names the clip. */
import * as api from "./api.js";
import {useCallback, useEffect, useState} from "./html.js";

const LABEL = "reelsmith-clip"; // as the gateway writes it: JOB/RANK
const VERSIONS_MAX = 50; // of one clip; older ones are in the list of sessions

/** The clip that a job rendered again: `{id, rank}`; null where it is no such job. */
export function origin(job) {
  const [id, rank] = (job.spec?.labels?.[LABEL] || "").split("/");
  return rank ? {id, rank: Number(rank)} : null;
}

/** The versions of a clip, the oldest first, and what adds one. */
export function useVersions(id, rank) {
  const [versions, setVersions] = useState([]);
  useEffect(() => {
    const stop = new AbortController();
    setVersions([]);
    if (!rank) return undefined;
    const wanted = {pageSize: VERSIONS_MAX, [`labels[${LABEL}]`]: `${id}/${rank}`};
    api.jobs(wanted, stop.signal).then(
      (answer) => setVersions((answer.jobs || []).toReversed()),
      () => {},
    );
    return () => stop.abort();
  }, [id, rank]);
  return [versions, useCallback((job) => setVersions((before) => [...before, job]), [])];
}
