/** Plays a clip and tells the timeline which moment of the source it shows. */
import {html, useEffect, useRef} from "../html.js";
import {useFile} from "../live.js";
import {stepState} from "../words.js";

/**
 * @param step The step that renders it.
 * @param start Where the clip begins in the source, in seconds.
 * @param playing A signal that gets the moment; null while nothing is shown.
 */
export function Player({id, clip, step, label, start, playing}) {
  const video = useRef();
  const url = useFile(id, clip.video);
  const poster = useFile(id, clip.thumbnail);
  useEffect(() => {
    let frame;
    const follow = () => {
      const {current} = video;
      playing.set(current && (current.currentTime > 0 || !current.paused) ? start + current.currentTime : null);
      frame = current && !current.paused ? requestAnimationFrame(follow) : 0;
    };
    const stop = new AbortController();
    for (const name of ["play", "seeked", "pause"])
      video.current?.addEventListener(
        name,
        () => {
          cancelAnimationFrame(frame);
          follow();
        },
        {signal: stop.signal},
      );
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
      playing.set(null);
    };
  }, [url, start]);
  if (!clip.video)
    return html`<${Blank} share=${step?.state === "STATE_RUNNING" ? step.progress?.fraction || 0 : null}
        words=${stepState(clip.state)} />`;
  if (!url) return html`<${Blank} words="loading" />`;
  return html`<video key=${url} ref=${video} class="player" controls playsinline preload="metadata" src=${url}
      poster=${poster || undefined} aria-label=${label}></video>`;
}

/** Stands where a video will be; with how far it has come, where that is known. */
export function Blank({share, words}) {
  return html`<div class="player blank">
    ${share != null && html`<p class="big">${Math.round(share * 100)}<small> %</small></p>
      <progress max="1" value=${share} aria-label="Rendering"></progress>`}
    <p class="soft">${words}</p></div>`;
}
